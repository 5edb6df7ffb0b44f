"""Methods that follow the picture from its baseline."""

from collections.abc import Collection, Iterator
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from ..anytime import Step
from ..inputs.baselines import Distribution
from ..parameters import Range
from .gradient import Steps
from .problem import Floats, Problem, attribution
from .sampling import Running

MaxSteps = Annotated[int, Range(8, 1024, log=True, label="steps", help="At most so many gradients.")]
Tolerance = Annotated[
    float,
    Range(0, 0.5, step=0.005, label="tolerance", help="Stops when the error is below it; 0 takes all steps."),
]
Interval = tuple[float, float]

GAP = 0.005
"""The completeness gap above which the quadrature goes on, whatever its error."""
MISS = 0.24
"""Mean error of the trapezoid rule on an interval, as a share of the step that the gradient makes over it.

A step at a place drawn evenly from the interval is missed by 0.25 on average, up to normal sums. Measured
over trained networks, 8 to 128 nodes, the true error is 0.21 to 0.28 of the root of summed squares.
"""


def integrated_gradients(problem: Problem, *, steps: MaxSteps = 128, tolerance: Tolerance = 0.02) -> Steps:
    """The gradient integrated from the baseline to the picture, times their difference, `(c, h, w)`.

    Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017:
    (x - x') ∫ ∂f/∂x (x' + α (x - x')) dα. The values add up to f(x) - f(x').

    The quadrature is ours: the midpoint first, then the trapezoid rule on nested nodes, where the interval
    whose end gradients differ most is halved next. All gradients are kept. It ends when error and
    completeness gap are small enough, or after `steps` gradients.

    With a distribution of baselines it becomes expected gradients (Erion et al., "Improving performance of
    deep learning models with axiomatic attribution priors and expected gradients", 2021): the mean over
    samples of a baseline and of α, its error the standard error.
    """
    if isinstance(problem.baseline, Distribution):
        return _expected(problem, steps, tolerance)
    return _integrated(problem, steps, tolerance)


def _integrated(problem: Problem, steps: int, tolerance: float) -> Steps:
    line = Line(problem)
    line.ask([0.5])
    middle = line.contribution(0.5)
    # One gradient says nothing of the others: the error is as large as the map.
    yield Step(attribution(middle, 1), 1 / steps, float(np.abs(middle).mean()), False)
    line.ask([0.0, 1.0])
    trapezoid = Trapezoid(line)
    while True:
        final = line.asked >= steps or trapezoid.settled(tolerance)
        found = attribution(trapezoid.integral, line.asked, line.total)
        yield Step(found, 1.0 if final else line.asked / steps, trapezoid.error, final)
        if final:
            return
        trapezoid.halve(min(problem.batch, steps - line.asked), tolerance)


class Line:
    """The gradients on the straight line from the baseline to the picture, each asked once."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._start = problem.reference()
        self._way = problem.inputs - self._start
        self._known: dict[float, tuple[float, torch.Tensor]] = {}

    def ask(self, nodes: list[float]) -> None:
        """Evaluate target and gradient at places from 0, the baseline, to 1, the picture."""
        places = torch.cat([self._start + node * self._way for node in nodes])
        outputs, gradients = self._problem.model.gradients(places, self._problem.target)
        for node, output, found in zip(nodes, outputs.tolist(), gradients * self._way, strict=True):
            self._known[node] = (output, found)

    @property
    def asked(self) -> int:
        """How many gradients were asked."""
        return len(self._known)

    @property
    def total(self) -> float:
        """f(x) - f(x')."""
        return self.output(1.0) - self.output(0.0)

    def output(self, node: float) -> float:
        """The target at a node."""
        return self._known[node][0]

    def contribution(self, node: float) -> Floats:
        """The gradient at a node times the whole way, `(c, h, w)`."""
        found: Floats = self._known[node][1].double().numpy()
        return found


class Trapezoid:
    """The trapezoid rule over a Line, refined where the gradient changes most."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.integral: Floats = np.zeros_like(line.contribution(0.0))
        self._squares: Floats = np.zeros_like(self.integral)
        self._jumps: dict[Interval, float] = {}
        self._misses: dict[Interval, float] = {}
        for interval in ((0.0, 0.5), (0.5, 1.0)):
            self._put(*interval, sign=1)

    @property
    def error(self) -> float:
        """The estimated mean absolute error an entry; what is missing in the sum is certainly missing."""
        estimate = MISS * float(np.sqrt(np.maximum(self._squares, 0)).mean())
        return max(estimate, self._missing / self.integral.size)

    @property
    def gap(self) -> float:
        """By how much the values fail to add up, relative to f(x) - f(x')."""
        return self._missing / max(abs(self._line.total), 1e-12)

    @property
    def _missing(self) -> float:
        return abs(float(self.integral.sum()) - self._line.total)

    def precise(self, tolerance: float) -> bool:
        """Whether the error is below a share of the map's mean size."""
        return self.error <= tolerance * float(np.abs(self.integral).mean())

    def settled(self, tolerance: float) -> bool:
        """Whether error and completeness gap are small enough to stop.

        Fewer than nine nodes may agree by chance, where the gradient is at work between them only.
        """
        return tolerance > 0 and self._line.asked >= 9 and self.gap <= GAP and self.precise(tolerance)

    def halve(self, count: int, tolerance: float) -> None:
        """Halve the intervals whose end gradients differ most.

        A quarter of them, and all once the error is small enough, are those that miss most of the known
        f(b) - f(a): it costs 5 % in error, and the completeness gap is half as large.
        """
        by_gap = count if self.precise(tolerance) else (count + 1) // 4
        chosen = _largest(self._misses, by_gap, ())
        chosen += _largest(self._jumps, count - len(chosen), chosen)
        self._line.ask([(a + b) / 2 for a, b in chosen])
        for a, b in chosen:
            self._put(a, b, sign=-1)
            self._put(a, (a + b) / 2, sign=1)
            self._put((a + b) / 2, b, sign=1)

    def _put(self, a: float, b: float, sign: int) -> None:
        """Add an interval, or take it away."""
        start, end = self._line.contribution(a), self._line.contribution(b)
        area, jump = (b - a) * (start + end) / 2, (b - a) * (end - start)
        self.integral += sign * area
        self._squares += sign * jump**2
        if sign < 0:
            del self._jumps[a, b], self._misses[a, b]
            return
        self._jumps[a, b] = float(np.abs(jump).sum())
        self._misses[a, b] = abs(self._line.output(b) - self._line.output(a) - float(area.sum()))


def _largest(figures: dict[Interval, float], count: int, but: Collection[Interval]) -> list[Interval]:
    ordered = sorted(figures, key=lambda interval: -figures[interval])
    return [interval for interval in ordered if interval not in but][:count]


def _expected(problem: Problem, steps: int, tolerance: float) -> Steps:
    references = problem.references()
    running, total = Running(), None
    for places, way in _samples(problem, references, steps):
        running.add(problem.gradients(places)[1] * way.double().numpy())
        small = running.count > 8 and running.error <= tolerance * float(np.abs(running.mean).mean())
        final = running.count >= steps or (tolerance > 0 and small)
        found = attribution(np.asarray(running.mean), running.count, total, random=True)
        yield Step(found, 1.0 if final else running.count / steps, running.error, final)
        if final:
            return
        if total is None:
            # After the first picture, so that it need not wait.
            ends = problem.outputs(torch.cat([problem.inputs, references]))
            total = float(ends[0] - ends[1:].mean())


def _samples(problem: Problem, references: Tensor, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield places between random baselines and the picture, and the ways between them."""
    generator = problem.generator()
    order: list[int] = []
    left = steps
    while left:
        count = 1 if left == steps else min(problem.batch, left)
        while len(order) < count:
            # Every baseline has its turn before any has a second one.
            order += torch.randperm(len(references), generator=generator).tolist()
        start, order = references[order[:count]], order[count:]
        way = problem.inputs - start
        share = torch.rand((count, 1, 1, 1), generator=generator)
        left -= count
        yield start + share * way, way
