"""A class within a part of the picture, in networks that answer place by place."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from xai_widgets.errors import ParameterError, UnknownClassError
from xai_widgets.model.answers import Kind
from xai_widgets.model.boxes import Box, box_words, within
from xai_widgets.model.predictions import area
from xai_widgets.model.target import Activations, Read, Target

if TYPE_CHECKING:
    from xai_widgets.model.handle import Model


@dataclass(frozen=True)
class Segment(Target):
    """The mean logit of a class within a part of the picture.

    Vinogradova, Dibrov and Myers, "Towards Interpretable Semantic Segmentation via Gradient-weighted Class
    Activation Mapping", AAAI 2020: their sum over the set M of pixels, divided by |M|. The part stays where
    it is while the picture is changed: it is read off the picture as it came.

    Attributes:
        index: the class.
        box: the part, as shares of what the network sees; None is where the class is the likeliest.
        places: that part `(h, w)`, once `prepared` has found it.
    """

    index: int
    box: Box | None = None
    places: Tensor | None = field(default=None, repr=False, compare=False)
    kind: ClassVar[str] = "segment"
    network: ClassVar[Kind | None] = "segmentation"
    layer = None

    def of(self, answer: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)` from logits `(n, k, h, w)`."""
        if not 0 <= self.index < answer.shape[1]:
            known = f"It has classes 0 to {answer.shape[1] - 1}."
            raise UnknownClassError(f"The network has no class {self.index}.", known)
        logits = answer[:, self.index]
        if self.box is not None:
            return within(logits, self.box).mean(dim=(1, 2))
        if self.places is None:
            raise ParameterError("Where the class is seen is not known yet.", "Use targets.resolve(...).")
        return logits[:, self.places.to(logits.device)].mean(dim=1)

    def label(self, model: "Model") -> str:
        """Return class and part."""
        where = "where it is seen" if self.box is None else f"within {box_words(self.box)}"
        return f"{model.class_name(self.index)} {where}"

    def prepared(self, model: "Model", inputs: Tensor, read: Read) -> "Segment":
        """Return it with the pixels in which the class is the likeliest.

        Raises:
            ParameterError: there is none.
        """
        if self.box is not None:
            return self
        classes = area(model.answer(inputs[:1])[0])
        places = classes == self.index
        if not places.any():
            seen = ", ".join(model.class_name(i) for i in classes.unique().tolist()[:6])
            words = f"Nowhere in this picture is {model.class_name(self.index)!r} the likeliest class."
            raise ParameterError(words, f"Take a class that is seen ({seen}), or draw a box.")
        return replace(self, places=places)

    def to_json(self) -> dict[str, Any]:
        """Return a dict that `from_json` reads."""
        box = None if self.box is None else list(self.box)
        return {"kind": self.kind, "index": self.index, "box": box}
