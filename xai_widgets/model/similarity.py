"""How alike two pictures are to a network: what brings their embeddings together."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.errors import NotValidError, ParameterError
from xai_widgets.model.answers import class_scores
from xai_widgets.model.target import Activations, Read, Target

if TYPE_CHECKING:
    from xai_widgets.model.handle import Model


@dataclass(frozen=True, eq=False)
class Similarity(Target):
    """The cosine of the angle between the embedding of the picture and that of another one.

    Attributes:
        reference: the other picture (a path, or anything that can be loaded), or its embedding as a vector
            `(c,)`.
        layer: whose mean over the positions is the embedding; None is the network's output.
        number: where the picture stands in those of a session, None outside of one.
        embedding: of the reference, `(c,)`, once `prepared` has worked it out.

    Example:
        >>> explain(model, "cat.jpg", "gradient", target=Similarity("other_cat.jpg", layer="layer4"))
    """

    reference: Any
    layer: str | None = None
    number: int | None = None
    embedding: Tensor | None = field(default=None, repr=False)
    kind: ClassVar[str] = "similarity"

    def of(self, answer: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)`."""
        if self.embedding is None:
            raise ParameterError("The reference is not embedded yet.", "Use targets.resolve(...).")
        found = _Embedding(self.layer).of(answer, activations)
        if self.embedding.shape != found.shape[1:]:
            raise ParameterError(
                f"The reference has {len(self.embedding)} values, {_where(self.layer)} {found.shape[1]}.",
                "Give an embedding of the same layer, or a picture.",
            )
        return F.cosine_similarity(found, self.embedding.to(found)[None], dim=1)

    def prepared(self, model: "Model", inputs: Tensor, read: Read) -> "Similarity":
        """Return it with the reference embedded.

        Raises:
            ParameterError: the reference is a number outside a session, or has no direction.
        """
        vector = _vector(self.reference)
        if vector is None:
            if isinstance(self.reference, int):
                words = f"Picture {self.reference} is a picture of no session."
                raise ParameterError(words, "Give a path, a picture or an embedding.")
            pixels = self.reference if _is_pixels(self.reference) else read(self.reference)
            vector = model.outputs(model.normalise(pixels), _Embedding(self.layer))[0]
        if not bool(torch.isfinite(vector).all()) or not bool(vector.any()):
            raise ParameterError("The reference's embedding is zero or not finite.", "Take another picture.")
        return replace(self, embedding=vector)

    def label(self, model: "Model") -> str:
        """Return the reference and the layer."""
        return f"similarity to {self._name}" + (f" at {self.layer}" if self.layer else "")

    def to_json(self) -> dict[str, Any]:
        """Return number, path or vector; a picture in memory gives None."""
        vector = _vector(self.reference)
        told = self.number if self.number is not None else _path(self.reference)
        reference = told if vector is None else vector.tolist()
        return {"kind": self.kind, "layer": self.layer, "reference": reference}

    def to_code(self) -> str:
        """Return the expression, with the name `reference` for a picture that has no path."""
        path, vector = _path(self.reference), _vector(self.reference)
        given = repr(path) if path else "reference" if vector is None else repr(vector.tolist())
        return f"xw.Similarity({given}, layer={self.layer!r})"

    @property
    def _name(self) -> str:
        if _vector(self.reference) is not None:
            return "an embedding"
        path = _path(self.reference)
        number = "another picture" if self.number is None else f"picture {self.number + 1}"
        name: str = getattr(self.reference, "name", None) or (Path(path).name if path else number)
        return name


@dataclass(frozen=True)
class _Embedding(Target):
    """What two pictures are compared by, `(n, c)`."""

    layer: str | None
    kind: ClassVar[str] = "embedding"

    def of(self, answer: Tensor, activations: Activations) -> Tensor:
        if self.layer is not None:
            return activations[self.layer].mean(dim=(2, 3))
        if answer.ndim == 3:
            raise NotValidError("The boxes of a detection are no embedding.", "Name a layer.")
        return class_scores(answer)


def _where(layer: str | None) -> str:
    return "the output has" if layer is None else f"{layer!r} has"


def _is_pixels(given: Any) -> bool:
    return isinstance(given, Tensor) and given.ndim == 4 and given.is_floating_point()


def _vector(given: Any) -> Tensor | None:
    """Return an embedding that was given as one, None where a picture was given."""
    if isinstance(given, (list, tuple)):
        return torch.tensor([float(value) for value in given])
    if getattr(given, "ndim", None) == 1:
        return torch.as_tensor(given, dtype=torch.float32)
    return None


def _path(given: Any) -> str | None:
    found = getattr(given, "source", given)
    return str(found) if isinstance(found, (str, Path)) else None
