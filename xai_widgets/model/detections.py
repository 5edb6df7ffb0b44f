"""The score of a box, in networks that find objects."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from xai_widgets.errors import ParameterError
from xai_widgets.model.answers import BOX, LABEL, SCORE, Kind
from xai_widgets.model.boxes import Box, box_words, overlap
from xai_widgets.model.target import Activations, Read, Target

if TYPE_CHECKING:
    from xai_widgets.model.handle import Model

SAME_OBJECT = 0.5
"""Boxes that overlap by this much (intersection over union) are taken for the same object."""


@dataclass(frozen=True)
class Detection(Target):
    """The score of the box of one label that lies nearest to a given one.

    The score of the box with this label whose overlap with `box` is the largest, times that overlap
    (intersection over union); zero where no box touches it. As the similarity of Petsiuk et al., "Black-box
    Explanation of Object Detectors via Saliency Maps" (D-RISE), CVPR 2021, with labels compared and not
    their probabilities.

    Only the score is differentiated. Where the boxes lie, which of them are kept, and which of them is the
    nearest are taken as they are: the value jumps when another box becomes the nearest.

    Attributes:
        index: the label.
        box: where, as shares of what the network sees.
    """

    index: int
    box: Box
    kind: ClassVar[str] = "detection"
    network: ClassVar[Kind | None] = "detection"
    caveat: ClassVar[str | None] = (
        "The score is that of the box that lies nearest: it jumps where another box becomes the nearest, and "
        "gradients see neither that nor where the boxes lie."
    )
    layer = None

    def of(self, answer: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)` from detections `(n, d, 6)`."""
        near = self._overlaps(answer)
        shares, nearest = near.max(dim=1)
        scores = answer[..., SCORE].gather(1, nearest[:, None])[:, 0]
        return scores * shares

    def _overlaps(self, answer: Tensor) -> Tensor:
        with torch.no_grad():
            shares = overlap(answer[..., BOX].detach(), self.box)
            return torch.where(answer[..., LABEL] == self.index, shares, 0.0)

    def label(self, model: "Model") -> str:
        """Return label and place."""
        return f"{model.class_name(self.index)} in the box {box_words(self.box)}"

    def prepared(self, model: "Model", inputs: Tensor, read: Read) -> "Detection":
        """Return it as it is, if it was found in the picture.

        Raises:
            ParameterError: no box of this label overlaps by half.
        """
        nearest = float(self._overlaps(model.answer(inputs[:1])).max())
        if nearest < SAME_OBJECT:
            found = model.predict(inputs)[:5]
            listed = ", ".join(f"{one.name} {one.box and box_words(one.box)}" for one in found)
            raise ParameterError(
                f"No {model.class_name(self.index)!r} was found in the box {box_words(self.box)}; "
                f"the nearest overlaps it by {nearest:.0%}.",
                f"Take a box that was found: {listed}." if found else "The network found no box at all.",
            )
        return self

    def to_json(self) -> dict[str, Any]:
        """Return a dict that `from_json` reads."""
        return {"kind": self.kind, "index": self.index, "box": list(self.box)}
