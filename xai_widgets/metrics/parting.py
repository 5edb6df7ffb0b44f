"""Where two networks begin to see the same picture differently."""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..model.handle import Model
from ..model.layers import as_maps
from .similarity import Floats

PARTED = 0.5
"""Below this similarity two layers are said to have parted."""


def alike(one: Tensor, other: Tensor) -> float:
    """Return the linear CKA of two layers on one picture, from 0 to 1; NaN where one of them is constant.

    Kornblith et al. 2019, "Similarity of Neural Network Representations Revisited", equation 3, with the
    positions of the map as examples: it asks whether the same places look alike to both layers, whatever
    their channels are called, turned or scaled.

    Args:
        one: maps `(c, h, w)`.
        other: maps `(d, h, w)` of the same grid.
    """
    x, y = (_centred(maps) for maps in (one, other))
    if x.shape[1] + y.shape[1] > len(x):  # fewer places than channels: the same by their Gram matrices
        k, m = x @ x.T, y @ y.T
        shared, sizes = (k * m).sum(), k.norm() * m.norm()
    else:
        shared, sizes = (x.T @ y).square().sum(), (x.T @ x).norm() * (y.T @ y).norm()
    return float(shared / sizes) if sizes > 0 else float("nan")


def _centred(maps: Tensor) -> Tensor:
    places = maps.flatten(1).T.double()
    return places - places.mean(dim=0)


@dataclass(frozen=True, eq=False)
class Parting:
    """How alike two networks see a picture, layer by layer.

    Attributes:
        layers: names of those that both have, in the order in which they run.
        similarity: the linear CKA at each, `(k,)`.
    """

    layers: tuple[str, ...]
    similarity: Floats

    @property
    def at(self) -> str | None:
        """The first layer that has parted; None where none has."""
        gone = np.flatnonzero(self.similarity < PARTED)
        return self.layers[gone[0]] if len(gone) else None

    @property
    def why(self) -> str:
        """What was found, in a sentence."""
        if not self.layers:
            return "The networks have no layer in common, so that none can be held against its partner."
        if self.at is not None:
            value = self.similarity[self.layers.index(self.at)]
            return f"They part at {self.at}: its maps are alike to {value:.2f} (linear CKA)."
        if not np.isfinite(self.similarity).any():
            return "Every layer is constant in one of the networks."
        least = int(np.nanargmin(self.similarity))
        return f"They do not part: least alike is {self.layers[least]} with {self.similarity[least]:.2f}."


def parting(one: Model, other: Model, mine: Tensor, theirs: Tensor) -> Parting:
    """Hold the layers of two networks against each other that have one name and one grid.

    Args:
        one: a model.
        other: another, or a checkpoint of it.
        mine: what the first sees of the picture, normalised, `(1, c, h, w)`.
        theirs: what the other sees of it.

    Raises:
        InputError, ModelError: one of the networks does not run.
    """
    trees = one.layers(mine), other.layers(theirs)
    records = one.record(mine), other.record(theirs)
    grids = {layer.name: layer.grid for layer in trees[1].viewable}
    names = [
        layer.name
        for layer in trees[0].viewable
        if math.prod(layer.grid or ()) > 1 and grids.get(layer.name) == layer.grid
    ]

    def maps(of: int, name: str) -> Tensor:
        return as_maps(records[of][name], trees[of][name])[0]

    return Parting(tuple(names), np.array([alike(maps(0, name), maps(1, name)) for name in names]))
