"""What is climbed beside the targets of one unit: directions, and pictures that differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import ParameterError
from ..model.handle import Model
from ..model.target import Activations, Target


@dataclass(frozen=True)
class Direction(Target):
    """How far a layer points in a direction of its channels: the mean over positions of v · a.

    Olah et al., "The Building Blocks of Interpretability", Distill 2018. With `power` p each position is
    weighted by cos(v, a)^p, which asks for the direction itself and not merely for something long.

    Attributes:
        layer: its name.
        vector: one number a channel.
        power: of the cosine, 0 or more.
    """

    layer: str
    vector: Sequence[float]
    power: float = 0.0
    kind: ClassVar[str] = "direction"

    def __post_init__(self) -> None:
        vector = tuple(float(one) for one in self.vector)
        if not any(vector) or not all(map(torch.isfinite, torch.tensor(vector))):
            raise ParameterError(
                "A direction needs finite numbers that are not all 0.", "Give one a channel."
            )
        if not self.power >= 0:
            raise ParameterError(f"The power of a direction is at least 0, not {self.power!r}.")
        object.__setattr__(self, "vector", vector)

    def of(self, logits: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)`."""
        maps = activations[self.layer]
        if maps.shape[1] != len(self.vector):
            raise ParameterError(
                f"The direction has {len(self.vector)} numbers.",
                f"{self.layer!r} has {maps.shape[1]} channels.",
            )
        vector = torch.tensor(self.vector).to(maps)
        along = torch.einsum("nchw,c->nhw", maps, vector)
        if self.power:
            cosine = F.cosine_similarity(maps, vector.view(1, -1, 1, 1), dim=1)
            along = along * cosine.clamp(min=0.1) ** self.power
        return along.mean(dim=(1, 2))

    def label(self, model: Model) -> str:
        """Return layer and the channels that count most."""
        order = sorted(range(len(self.vector)), key=lambda k: -abs(self.vector[k]))
        most = ", ".join(map(str, order[:3]))
        return f"{self.layer} direction of {len(self.vector)} channels (most: {most})"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"kind": self.kind, "layer": self.layer, "vector": list(self.vector), "power": self.power}


@dataclass(frozen=True)
class Different(Target):
    """A target less what pictures of a batch have in common (Distill 2017, "Diversity").

    Each picture gives up a share of its score for the mean cosine between the Gram matrices of its channels
    and those of the others: a texture may be had once.

    Attributes:
        target: what is wanted of each picture.
        among: the layer whose Gram matrices are compared.
        weight: the share of the score at stake.
    """

    target: Target
    among: str
    weight: float
    kind: ClassVar[str] = "different"

    @property
    def layer(self) -> str:  # type: ignore[override]  # a property where other targets have a field
        """The layer it needs, which is the target's own where that has one."""
        return self.among

    def of(self, logits: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)`."""
        scores = self.target.of(logits, activations)
        return scores - self.weight * scores.detach().abs() * likeness(activations[self.among])

    def label(self, model: Model) -> str:
        """Return what the target is called."""
        return self.target.label(model)


def likeness(maps: Tensor) -> Tensor:
    """Return the mean cosine `(n,)` of each Gram matrix of maps `(n, c, h, w)` to those of the others."""
    if len(maps) < 2:
        return maps.new_zeros(len(maps))
    flat = maps.flatten(2)
    grams = F.normalize((flat @ flat.transpose(1, 2)).flatten(1), dim=1)
    cosines = grams @ grams.T
    return (cosines.sum(dim=1) - cosines.diagonal()) / (len(maps) - 1)
