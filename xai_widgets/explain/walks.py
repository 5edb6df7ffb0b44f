"""Other ways from the baseline to the picture, and other rules on the way."""

from bisect import insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from ..anytime import Step
from ..inputs.baselines import Blur
from ..parameters import Range
from .method import Method
from .problem import Floats, Problem, Steps, attribution

Nodes = Annotated[int, Range(8, 1024, log=True, label="steps", help="So many gradients on the way.")]
Sigma = Annotated[float, Range(1, 100, log=True, label="largest blur σ", unit="px")]
Fraction = Annotated[
    float, Range(0.01, 1, log=True, label="fraction", help="Share of the values that move at once; 1 is IG.")
]
NEAREST = 0.5
"""Blurs of less than half a pixel are not told apart."""


@dataclass(frozen=True, order=True)
class Node:
    """A place on a walk, at a share of it.

    Attributes:
        share: 0 at the start, 1 at the picture.
        place: what went into the network there, or what a layer gave.
        output: the target there.
        gradient: its gradient by that, in the same shape.
    """

    share: float
    place: Floats
    output: float
    gradient: Floats


Ask = Callable[[list[float]], list[Node]]
Integral = Callable[[list[Node]], Floats]
Walk = Iterator[Step[tuple[Floats, int, float | None]]]


def walked(
    problem: Problem,
    ask: Ask,
    first: Callable[[Node], Floats],
    integral: Integral,
    steps: int,
    promised: bool = True,
) -> Walk:
    """Ask along a walk, its middle first, then its ends, then always halfway; nodes are never asked twice.

    Yields values, how many nodes were asked, and f(x) - f(x') once it is known, if it is promised.

    Args:
        problem: what is explained.
        ask: from shares of the walk to the nodes there.
        first: from the middle alone to a first picture.
        integral: from nodes in their order, both ends among them, to the values.
        steps: how many nodes, the ends included.
        promised: whether the values add up to f(x) - f(x').
    """
    nodes: list[Node] = []
    before: Floats | None = None
    values: Floats = np.zeros(())
    for level in _levels(steps):
        left = level
        for count in problem.portions(len(level)):
            now, left = left[:count], left[count:]
            for node in ask(now):
                insort(nodes, node)
            asked, done = len(nodes), len(nodes) / steps
            if asked < 3:
                values = first(nodes[asked // 2])
                yield Step((values, asked, None), done, _size(values), False)
                continue
            values = integral(nodes)
            error = _size(values) if before is None else _size(values - before)
            total = nodes[-1].output - nodes[0].output if promised else None
            yield Step((values, asked, total), done, error, asked == steps)
        before = values


def _in_pictures(problem: Problem, at: Callable[[float], Tensor], integral: Integral, steps: int) -> Steps:
    """Walk through pictures: `at` gives the input `(1, c, h, w)` at a share of the walk."""
    start, end = at(0.0)[0].double().numpy(), at(1.0)[0].double().numpy()

    def ask(shares: list[float]) -> list[Node]:
        places = torch.cat([at(share) for share in shares])
        outputs, gradients = problem.gradients(places)
        return list(map(Node, shares, places.double().numpy(), outputs.tolist(), gradients))

    for step in walked(problem, ask, lambda node: node.gradient * (end - start), integral, steps):
        yield Step(attribution(*step.value), step.done, step.error, step.final)


def _size(values: Floats) -> float:
    return float(np.abs(values).mean())


def _levels(steps: int) -> Iterator[list[float]]:
    """Yield shares, level by level, until there are so many; the last level is spread evenly."""
    yield [0.5]
    yield [0.0, 1.0]
    left, gaps = steps - 3, 2
    while left > 0:
        middles = [(place + 0.5) / gaps for place in range(gaps)]
        if left < gaps:
            middles = [middles[round(place)] for place in np.linspace(0, gaps - 1, left)]
        yield middles
        left -= len(middles)
        gaps *= 2


def trapezoid(nodes: list[Node]) -> Floats:
    """The line integral ∫ ∂f/∂x · dx by the trapezoid rule; its sum tends to f(x) - f(x')."""
    parts = ((a.gradient + b.gradient) / 2 * (b.place - a.place) for a, b in pairwise(nodes))
    return np.asarray(sum(parts))


def important_directions(nodes: list[Node]) -> Floats:
    """Each step's change of the target, shared out by squared gradients; the sum is f(x) - f(x') exactly."""
    shares = [node.gradient**2 / max(float((node.gradient**2).sum()), 1e-300) for node in nodes]
    parts = (
        (one + other) / 2 * (b.output - a.output)
        for (a, b), (one, other) in zip(pairwise(nodes), pairwise(shares), strict=True)
    )
    return np.asarray(sum(parts))


def idgi(problem: Problem, *, steps: Nodes = 65) -> Steps:
    """Integrated gradients without what the gradient's other directions add, `(c, h, w)`.

    Yang, Wang and Bilgic, "IDGI: A Framework to Eliminate Explanation Noise from Integrated Gradients",
    CVPR 2023, algorithm 1: on every piece of the straight way, f(x_j+1) - f(x_j) is shared out by
    g² / Σ g². Ours takes the mean of both ends' shares.
    """
    start = problem.reference()
    way = problem.inputs - start
    return _in_pictures(problem, lambda share: start + share * way, important_directions, steps)


def blur_ig(problem: Problem, *, sigma: Sigma = 50.0, steps: Nodes = 65) -> Steps:
    """The gradient integrated along the picture coming into focus, times what changes, `(c, h, w)`.

    Xu, Venugopalan and Sundararajan, "Attribution in Scale and Space", CVPR 2020, equation 6, with a
    Gaussian of σ falling linearly to 0. It needs no baseline but the blurred picture and creates no
    structure that is not in the picture.
    """

    def at(share: float) -> Tensor:
        width = (1 - share) * sigma
        if width < NEAREST:
            # Between sharp and half a pixel, a straight line.
            least = Blur(sigma=NEAREST).apply(problem.pixels)
            blurred = least + (1 - width / NEAREST) * (problem.pixels - least)
        else:
            blurred = Blur(sigma=width).apply(problem.pixels)
        return problem.model.normalise(blurred)

    return _in_pictures(problem, at, trapezoid, steps)


def guided_ig(problem: Problem, *, fraction: Fraction = 0.1, steps: Nodes = 64) -> Steps:
    """Integrated gradients on a way that moves first where the gradient is small, `(c, h, w)`.

    Kapishnikov et al., "Guided Integrated Gradients: An Adaptive Path Method for Removing Noise", CVPR 2021,
    algorithm 1, unbounded: every step brings the picture nearer by the same L1 distance, by moving the
    share `fraction` of the values whose gradients are smallest. Ours takes the mean gradient of both ends of
    a step. What is still to go is shown at the last gradient, and counts as the error.
    """
    goal = problem.inputs[0].double().numpy()
    place = problem.reference()[0].double().numpy()
    distance = float(np.abs(goal - place).sum())
    found, moved = np.zeros_like(goal), np.zeros_like(goal)
    outputs: list[float] = []
    before: Floats | None = None
    for number in range(1, steps + 1):
        output, gradients = problem.gradients(torch.from_numpy(place).float()[None])
        outputs.append(float(output[0]))
        slope = gradients[0]
        if before is not None:
            found += (before + slope) / 2 * moved
        final = number == steps
        rest = slope * (goal - place)
        total = outputs[-1] - outputs[0] if final else None
        yield Step(attribution(found + rest, number, total), number / steps, _size(rest), final)
        after = _nearer(place, goal, np.abs(slope), distance * (1 - number / (steps - 1)), fraction)
        before, moved, place = slope, after - place, after


def _nearer(place: Floats, goal: Floats, slope: Floats, distance: float, fraction: float) -> Floats:
    """Move those of the smallest slopes towards the goal until only the distance is left."""
    place = place.copy()
    count = max(1, round(fraction * place.size))
    while True:
        left = np.abs(goal - place)
        excess = float(left.sum()) - distance
        waiting = np.flatnonzero(left > 1e-12)
        if excess <= 1e-9 or len(waiting) == 0:
            return place
        some = waiting
        if len(waiting) > count:
            some = waiting[np.argpartition(slope.ravel()[waiting], count - 1)[:count]]
        share = min(1.0, excess / float(left.ravel()[some].sum()))
        place.ravel()[some] += share * (goal - place).ravel()[some]


_FAMILY = "Paths from a baseline"
METHODS = (
    Method(
        "idgi",
        "IDGI",
        idgi,
        "Yang et al. 2023",
        "Integrated gradients, each step's change shared out by squared gradients: less noise.",
        frozenset({"baseline"}),
        complete=True,
        baseline={"name": "black"},
        family=_FAMILY,
    ),
    Method(
        "guided_ig",
        "Guided IG",
        guided_ig,
        "Kapishnikov et al. 2021",
        "Integrated gradients on a way that moves first where little happens: less noise.",
        frozenset({"baseline"}),
        complete=True,
        baseline={"name": "black"},
        family=_FAMILY,
    ),
    Method(
        "blur_ig",
        "Blur IG",
        blur_ig,
        "Xu et al. 2020",
        "Each value's share while the picture comes into focus.",
        complete=True,
        family=_FAMILY,
    ),
)
