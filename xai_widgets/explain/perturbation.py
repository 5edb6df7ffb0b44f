"""Methods that cover parts of the picture and watch the target."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..anytime import Step
from ..parameters import Range
from .method import Method
from .problem import Floats, Problem, Steps, attribution

Window = Annotated[
    float,
    Range(0.02, 0.9, log=True, label="window", help="Its side, as a share of the picture's shorter side."),
]
Stride = Annotated[
    float, Range(0.1, 1, label="stride", help="From window to window, as a share of the window.")
]
Place = tuple[int, int]

ROUND = 8
"""How many windows are chosen at once: as good as one by one, and quick where a network takes batches."""
FADE = 0.97
"""What is left of earlier comparisons after each window."""


def occlusion(problem: Problem, *, window: Window = 0.15, stride: Stride = 0.5) -> Steps:
    """How much the target falls when a square window is replaced by the baseline, `(h, w)`.

    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014. The windows and
    the result are those of Captum's Occlusion: window k begins at k · stride, the last one is cut at the
    edge, and a pixel gets the mean of f(x) - f(x without the window) over all windows that cover it.

    The windows are asked coarse to fine, where neighbours differ most first; those that are not asked yet
    are interpolated. The error comes from how wrong the interpolation was wherever it could be compared.
    """
    lattice = Lattice.of(problem.inputs.shape[-2:], window, stride)
    reference = problem.reference()
    whole = float(problem.outputs(problem.inputs)[0])
    drops = Drops(lattice)
    for order in drops.orders(ROUND):
        left = order
        for count in problem.portions(len(order), "forward passes"):
            places, left = left[:count], left[count:]
            covered = torch.cat([lattice.cover(problem.inputs, reference, place) for place in places])
            drops.learn(places, whole - problem.outputs(covered))
            final = drops.asked == lattice.count
            found = attribution(lattice.spread(drops.filled), drops.asked + 1)
            yield Step(found, drops.asked / lattice.count, 0.0 if final else drops.error, final)


@dataclass(frozen=True)
class Lattice:
    """Where the windows lie: `rows` × `columns` of them, one every `stride` pixels."""

    height: int
    width: int
    window: int
    stride: int

    @classmethod
    def of(cls, size: tuple[int, ...], window: float, stride: float) -> "Lattice":
        """Return the lattice of shares of the shorter side, at least a pixel each."""
        side = max(1, round(window * min(size)))
        return cls(size[0], size[1], side, max(1, round(stride * side)))

    @property
    def rows(self) -> int:
        """Windows from top to bottom."""
        return 1 + -(-max(0, self.height - self.window) // self.stride)

    @property
    def columns(self) -> int:
        """Windows from left to right."""
        return 1 + -(-max(0, self.width - self.window) // self.stride)

    @property
    def count(self) -> int:
        """All windows."""
        return self.rows * self.columns

    def cover(self, inputs: Tensor, reference: Tensor, place: Place) -> Tensor:
        """Return the inputs with the window at a place replaced, `(1, c, h, w)`."""
        top, left = place[0] * self.stride, place[1] * self.stride
        here = (..., slice(top, top + self.window), slice(left, left + self.window))
        covered = inputs.clone()
        covered[here] = reference[here]
        return covered

    def spread(self, drops: Floats) -> Floats:
        """Return the map `(h, w)`: at each pixel the mean over the windows that cover it."""
        down, across = self._covers(self.rows, self.height), self._covers(self.columns, self.width)
        counts = np.outer(down.sum(axis=0), across.sum(axis=0))
        return np.asarray((down.T @ drops @ across) / counts)

    def _covers(self, count: int, size: int) -> Floats:
        starts = np.arange(count)[:, None] * self.stride
        pixels = np.arange(size)
        return ((pixels >= starts) & (pixels < starts + self.window)).astype(np.float64)


@dataclass
class Fit:
    """How wrong the interpolation is at a contrast of the surroundings: wrong = a + b · contrast, both ≥ 0.

    Least squares over the windows that were interpolated first and asked later. Old ones fade, as what is
    left is finer.
    """

    count: float = 0.0
    contrast: float = 0.0
    wrong: float = 0.0
    squares: float = 0.0
    products: float = 0.0

    def add(self, contrast: Floats, wrong: Floats) -> None:
        """Take in what a batch of windows showed."""
        fade = FADE ** len(wrong)
        self.count = fade * self.count + len(wrong)
        self.contrast = fade * self.contrast + float(contrast.sum())
        self.wrong = fade * self.wrong + float(wrong.sum())
        self.squares = fade * self.squares + float((contrast**2).sum())
        self.products = fade * self.products + float((contrast * wrong).sum())

    def __call__(self, contrast: Floats) -> Floats:
        """Return how wrong the interpolation is to be expected."""
        spread = self.squares - self.contrast**2 / self.count
        slope = (self.products - self.contrast * self.wrong / self.count) / spread if spread > 0 else 0.0
        slope = min(max(slope, 0.0), self.wrong / self.contrast if self.contrast > 0 else 0.0)
        return np.asarray((self.wrong - slope * self.contrast) / self.count + slope * contrast)


class Drops:
    """The drop of the target at every window, asked or interpolated, from coarse to fine.

    Level 0 has all windows, level k every 2^k-th and the last of each row and column; the coarsest has
    three of each.
    """

    def __init__(self, lattice: Lattice) -> None:
        shape = (lattice.rows, lattice.columns)
        levels = max(0, math.ceil(math.log2((max(shape) - 1) / 2))) if max(shape) > 3 else 0
        self._axes = [(_every(shape[0], 2**k), _every(shape[1], 2**k)) for k in range(levels + 1)]
        self._level = np.zeros(shape, dtype=int)
        for level, axes in enumerate(self._axes):
            self._level[np.ix_(*axes)] = level
        self.filled: Floats = np.zeros(shape)
        self._asked: NDArray[np.bool_] = np.zeros(shape, dtype=np.bool_)
        self._contrast: Floats = np.zeros(shape)
        self._fit = Fit()

    @property
    def asked(self) -> int:
        """How many windows were asked."""
        return int(self._asked.sum())

    @property
    def error(self) -> float:
        """The mean error a window that is to be expected from the interpolation."""
        known = self.filled[self._asked]
        if not self._asked[np.ix_(*self._axes[-1])].all():
            return float(np.abs(known).mean())  # a few windows say nothing of the others
        if self._fit.count == 0:
            # Nothing was compared yet: the spread of what is known is the best guess.
            return float(known.std())
        return float(np.where(self._asked, 0.0, self._fit(self._contrast)).mean())

    def orders(self, count: int) -> Iterator[list[Place]]:
        """Yield the places to ask next, until all were asked: the coarsest level, then so many at a time."""
        rows, columns = self._axes[-1]
        yield [(int(row), int(column)) for row in rows for column in columns]
        while not self._asked.all():
            # A wide gap counts most, as it covers most pixels; then a strong contrast, by its root, so that
            # pale places are not left for last.
            worth = np.where(self._asked, -1.0, np.sqrt(self._contrast + 1e-12) * 4.0**self._level)
            best = np.argsort(-worth, axis=None, kind="stable")[: min(count, int((~self._asked).sum()))]
            yield [divmod(int(place), worth.shape[1]) for place in best]

    def learn(self, places: list[Place], drops: Floats) -> None:
        """Take in what the windows at these places gave."""
        index, coarsest = tuple(np.array(places).T), np.ix_(*self._axes[-1])
        if self._asked[coarsest].all():
            self._fit.add(self._contrast[index], np.abs(self.filled[index] - drops))
        self.filled[index] = drops
        self._asked[index] = True
        known = self._asked[coarsest]
        mean = self.filled[self._asked].mean()  # what stands for the first windows that are still to come
        self.filled[coarsest] = np.where(known, self.filled[coarsest], mean)
        self._fill()

    def _fill(self) -> None:
        """Interpolate what was not asked from the next coarser level, level by level."""
        for level in reversed(range(len(self._axes) - 1)):
            (rows, columns), coarse = self._axes[level], self._axes[level + 1]
            known = self.filled[np.ix_(*coarse)]
            guess = _between(_between(known, coarse[0], rows).T, coarse[1], columns).T
            here = np.ix_(rows, columns)
            self.filled[here] = np.where(self._asked[here], self.filled[here], guess)
            fresh = self._level[here] == level
            self._contrast[here] = np.where(fresh, _contrast(self.filled[here]), self._contrast[here])


def _every(size: int, gap: int) -> NDArray[np.int_]:
    return np.unique(np.append(np.arange(0, size, gap), size - 1))


def _between(values: Floats, known: NDArray[np.int_], wanted: NDArray[np.int_]) -> Floats:
    """Interpolate the rows of `values`, which lie at `known`, linearly at `wanted`."""
    if len(known) == 1:
        return np.repeat(values, len(wanted), axis=0)
    right = np.clip(np.searchsorted(known, wanted), 1, len(known) - 1)
    left = right - 1
    share = ((wanted - known[left]) / (known[right] - known[left]))[:, None]
    return np.asarray(values[left] * (1 - share) + values[right] * share)


def _contrast(values: Floats) -> Floats:
    """Return the largest minus the smallest of each entry's 3 × 3 surroundings."""
    padded = np.pad(values, 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return np.asarray(windows.max(axis=(2, 3)) - windows.min(axis=(2, 3)))


METHODS = (
    Method(
        "occlusion",
        "Occlusion",
        occlusion,
        "Zeiler and Fergus 2014",
        "How much the target falls when a part of the picture is covered.",
        frozenset({"baseline"}),
        per_channel=False,
        counted="forward passes",
        baseline={"name": "color", "color": "#808080"},
        family="Covering parts",
    ),
)
