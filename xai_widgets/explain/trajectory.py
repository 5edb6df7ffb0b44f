"""What happens on the way from the baseline to the picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..anytime import Step
from ..errors import ParameterError
from ..inputs import baselines, images
from ..inputs.baselines import Distribution
from ..model.targets import ClassTarget
from ..results import Evidence
from .evidence import judge
from .path import MISS
from .problem import Floats, Problem, attribution
from .registry import find

NODES = tuple(2**k + 1 for k in range(1, 8))
FLAT, LONG = 0.1, 0.25
"""A part of the way is flat where f changes by this share of the whole at most; told of if it is so long."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The target and its gradient on the straight path γ(α) = x' + α (x - x').

    Attributes:
        nodes: the α that were asked, rising, `(n,)`; 0.5 alone at first, then 0, …, 1.
        outputs: f(γ(α)) at the nodes, `(n,)`.
        maps: ∂f/∂x (γ(α)) · (x - x'), summed over the channels, float32 `(n, h, w)`.
        picture: x as a picture, uint8 `(h, w, 3)`.
        reference: x' as a picture, uint8 `(h, w, 3)`.
        target: what f is, for a person.
        target_index: the class, where the target is one.
        baseline: as JSON.
        label: the baseline for a person.
        blind: the share of pixels that equal the baseline.
        evidence: how far to trust the map that has accumulated at α = 1.
    """

    nodes: Floats
    outputs: Floats
    maps: NDArray[np.float32]
    picture: NDArray[np.uint8]
    reference: NDArray[np.uint8]
    target: str
    target_index: int | None
    baseline: dict[str, Any]
    label: str
    blind: float
    evidence: Evidence

    def accumulated(self, alpha: float = 1.0) -> NDArray[np.float32]:
        """Return the attributions up to α, `(h, w)`: the trapezoid rule, between nodes linear in the map."""
        return accumulated(self.nodes, self.maps, alpha).astype(np.float32)

    @cached_property
    def sums(self) -> Floats:
        """What the attributions up to each node add up to, `(n,)`."""
        heights = self.maps.sum(axis=(1, 2), dtype=np.float64)
        steps = np.diff(self.nodes) * (heights[1:] + heights[:-1]) / 2
        return np.asarray(self.nodes[0] * heights[0] + np.concatenate([[0.0], np.cumsum(steps)]))

    @property
    def total(self) -> float | None:
        """f(x) - f(x'), None before the ends are known."""
        return float(self.outputs[-1] - self.outputs[0]) if len(self.nodes) > 1 else None

    @property
    def gap(self) -> float | None:
        """By how much the attributions fail to add up, as a share of f(x) - f(x'); None where that is 0."""
        if self.total is None or abs(self.total) < 1e-4:
            return None
        return abs(float(self.sums[-1]) - self.total) / abs(self.total)

    @property
    def saturated(self) -> tuple[float, float] | None:
        """The longest part of the way on which f changes by no more than a tenth of f(x) - f(x').

        None where it is shorter than a quarter of the way: on a straight line it has a tenth. Between two
        nodes f is taken as linear; the ends are exact to 1/512.
        """
        if self.total is None or abs(self.total) < 1e-4:
            return None
        places = np.linspace(0, 1, 513)
        outputs = np.interp(places, self.nodes, self.outputs)
        most = FLAT * abs(self.total)
        parts = [(i, i + alike(outputs[i:], most) - 1) for i in range(len(places))]
        start, end = (float(places[i]) for i in max(parts, key=lambda part: part[1] - part[0]))
        return (start, end) if end - start >= LONG else None


def trajectory(problem: Problem, nodes: int = 33) -> Iterator[Step[Trajectory]]:
    """Follow the path from the baseline to the picture, from coarse to fine.

    The middle first, then nested levels of 3, 5, 9, … nodes, evenly spaced; every node is asked once. Inside
    a level a step brings the same value again, so that newer work need not wait for a whole level. The error
    is the mean error an entry of the accumulated map, as in `path.Trapezoid`.

    Args:
        problem: with a baseline of one picture.
        nodes: 2^k + 1, from 3 to 129.

    Raises:
        ParameterError: another number of nodes, or a distribution, which has no single path.
    """
    if nodes not in NODES:
        words = f"A path of {nodes!r} nodes can't be halved down to its ends."
        raise ParameterError(words, f"Take one of {', '.join(map(str, NODES))}.")
    if isinstance(problem.baseline, Distribution):
        words = "A distribution has no single path: each of its pictures has one."
        raise ParameterError(words, "Look at the References tab, or take one picture as the baseline.")
    return _steps(problem, nodes)


def _steps(problem: Problem, nodes: int) -> Iterator[Step[Trajectory]]:
    walk = Walk(problem)
    walk.ask([0.5])
    found = walk.trajectory(final=False)
    yield Step(found, 1 / nodes, walk.error, False)
    for level in levels(nodes):
        for start in range(0, len(level), problem.batch):
            part = level[start : start + problem.batch]
            walk.ask(part)
            final = walk.asked == nodes
            if part[-1] == level[-1]:
                found = walk.trajectory(final)
            yield Step(found, walk.asked / nodes, walk.error, final)


def levels(nodes: int) -> Iterator[list[float]]:
    """Yield the nodes that each level adds to 0.5: 0 and 1, then the middles of all intervals."""
    yield [0.0, 1.0]
    cells = 4
    while cells < nodes:
        yield [place / cells for place in range(1, cells, 2)]
        cells *= 2


def accumulated(nodes: Floats, maps: NDArray[Any], alpha: float) -> Floats:
    """Return ∫ of maps `(n, …)` from 0 to α; between nodes they are linear, before the first constant."""
    inside = nodes < alpha
    places = np.append(nodes[inside], alpha)
    weights = np.diff(np.append(0.0, places))
    ends = [at(nodes, maps, place) for place in places]
    starts = [ends[0], *ends[:-1]]
    area = sum(w * (a + b) / 2 for w, a, b in zip(weights, starts, ends, strict=True))
    return np.asarray(area, np.float64)


def at(nodes: Floats, maps: NDArray[Any], alpha: float) -> Floats:
    """Return the map at α, linear between the nodes, constant beyond them."""
    right = int(np.clip(np.searchsorted(nodes, alpha), 0, len(nodes) - 1))
    left = max(0, right - 1)
    width = nodes[right] - nodes[left]
    share = float(np.clip((alpha - nodes[left]) / width, 0, 1)) if width else 1.0
    return np.asarray((1 - share) * maps[left].astype(np.float64) + share * maps[right])


def alike(values: Floats, most: float) -> int:
    """Return how many of the first values lie within `most` of each other."""
    spread = np.maximum.accumulate(values) - np.minimum.accumulate(values)
    return int(np.searchsorted(spread, most, side="right"))


class Walk:
    """Target and gradient at the nodes that were asked so far."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._start = problem.reference()
        self._way = problem.inputs - self._start
        self._known: dict[float, tuple[float, NDArray[np.float32]]] = {}
        self._blind = baselines.blind(problem.reference_pixels, problem.pixels)

    @property
    def asked(self) -> int:
        """How many gradients were asked."""
        return len(self._known)

    def ask(self, nodes: list[float]) -> None:
        """Evaluate target and gradient at places from 0, the baseline, to 1, the picture."""
        places = torch.cat([self._start + node * self._way for node in nodes])
        outputs, gradients = self._problem.model.gradients(places, self._problem.target)
        maps: Tensor = (gradients.double() * self._way.double()).sum(dim=1).float()
        for node, output, found in zip(nodes, outputs.tolist(), maps.numpy(), strict=True):
            self._known[node] = (output, found)

    @property
    def error(self) -> float:
        """The estimated mean absolute error an entry of the map at α = 1."""
        nodes, outputs, maps = self._arrays()
        if len(nodes) == 1:
            return float(np.abs(maps).mean())  # one gradient says nothing of the others
        jumps = np.diff(nodes)[:, None, None] * np.diff(maps.astype(np.float64), axis=0)
        missing = abs(float(accumulated(nodes, maps, 1.0).sum()) - float(outputs[-1] - outputs[0]))
        estimate = MISS * float(np.sqrt((jumps**2).sum(axis=0)).mean())
        return max(estimate, missing / int(maps[0].size))

    def trajectory(self, final: bool) -> Trajectory:
        """Return what is known, with its evidence."""
        problem = self._problem
        nodes, outputs, maps = self._arrays()
        assert problem.baseline is not None
        total = float(outputs[-1] - outputs[0]) if len(nodes) > 1 else None
        found = attribution(accumulated(nodes, maps, 1.0), len(nodes), total)
        method = find("integrated_gradients")
        target = problem.target
        return Trajectory(
            nodes,
            outputs,
            maps,
            images.shown(problem.pixels[0]),
            images.shown(problem.reference_pixels[0]),
            target.label(problem.model),
            target.index if isinstance(target, ClassTarget) else None,
            problem.baseline.to_json(),
            problem.baseline.label,
            float(self._blind.double().mean()),
            judge(method, problem, Step(found, len(nodes), self.error, final)),
        )

    def _arrays(self) -> tuple[Floats, Floats, NDArray[np.float32]]:
        nodes = sorted(self._known)
        outputs = np.array([self._known[node][0] for node in nodes])
        return np.array(nodes), outputs, np.stack([self._known[node][1] for node in nodes])
