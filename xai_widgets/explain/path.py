"""Methods that follow the picture from its baseline."""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..anytime import Step
from ..inputs.baselines import Distribution
from ..parameters import Range
from .method import Method
from .problem import Floats, Problem, Steps, attribution
from .sampling import Running

MaxSteps = Annotated[int, Range(8, 1024, log=True, label="steps", help="At most so many gradients.")]
Tolerance = Annotated[
    float,
    Range(0, 0.5, step=0.005, label="tolerance", help="Stops when the error is below it; 0 takes all steps."),
]
Added = Annotated[
    float, Range(0, 1, step=0.01, label="noise", help="Added to the picture, a share of the input's range.")
]
Interval = tuple[float, float]

ROUND = 8
"""How many nodes are chosen at once: as good as one by one, and quick where a network takes batches."""
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

    The quadrature is ours: the midpoint first, then the trapezoid rule on nested nodes, nine at equal
    distances, then always eight more in the middle of the intervals whose end gradients differ most. All
    gradients are kept. It ends when error and completeness gap are small enough, or after `steps` gradients.

    With a distribution of baselines it becomes expected gradients (Erion et al., "Improving performance of
    deep learning models with axiomatic attribution priors and expected gradients", 2021): the mean over
    samples of a baseline and of α, its error the standard error.
    """
    if isinstance(problem.baseline, Distribution):
        return _expected(problem, steps, tolerance)
    return _integrated(problem, steps, tolerance)


def _integrated(problem: Problem, steps: int, tolerance: float) -> Steps:
    line = Line(problem)
    for nodes in ([0.5], [1.0, 0.0]):
        for _ in line.ask(nodes):
            middle = line.contribution(0.5)
            # One gradient says nothing of the others: the error is as large as the map.
            yield Step(
                attribution(middle, line.asked), line.asked / steps, float(np.abs(middle).mean()), False
            )
    trapezoid = Trapezoid(line)
    final = False
    while not final:
        chosen = trapezoid.worst(min(ROUND, steps - line.asked), tolerance)
        known = 0
        for asked in line.ask([(a + b) / 2 for a, b in chosen]):
            for interval in chosen[known : known + asked]:
                trapezoid.halve(*interval)
            known += asked
            final = known == len(chosen) and (line.asked >= steps or trapezoid.settled(tolerance))
            found = attribution(trapezoid.integral, line.asked, line.total)
            yield Step(found, 1.0 if final else line.asked / steps, trapezoid.error, final)


class Line:
    """The gradients on the straight line from the baseline to the picture, each asked once."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._start = problem.reference()
        self._way = problem.inputs - self._start
        self._known: dict[float, tuple[float, NDArray[np.float32]]] = {}

    def ask(self, nodes: list[float]) -> Iterator[int]:
        """Evaluate target and gradient at places from 0, the baseline, to 1, the picture.

        In portions that a step has time for: yields how many nodes each of them brought.
        """
        left = nodes
        for count in self._problem.portions(len(nodes)):
            now, left = left[:count], left[count:]
            places = torch.cat([self._start + node * self._way for node in now])
            outputs, gradients = self._problem.model.gradients(places, self._problem.target)
            for node, output, found in zip(now, outputs.tolist(), gradients * self._way, strict=True):
                self._known[node] = (output, found.numpy())
            yield count

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

    def contribution(self, node: float) -> NDArray[np.float32]:
        """The gradient at a node times the whole way, `(c, h, w)`."""
        return self._known[node][1]


class Trapezoid:
    """The trapezoid rule over a Line, refined where the gradient changes most."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.integral: Floats = np.zeros(line.contribution(0.0).shape)
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

    def _precise(self, tolerance: float) -> bool:
        """Whether the error is below a share of the map's mean size."""
        return self.error <= tolerance * float(np.abs(self.integral).mean())

    def settled(self, tolerance: float) -> bool:
        """Whether error and completeness gap are small enough to stop.

        Fewer than nine nodes may agree by chance, where the gradient is at work between them only.
        """
        return tolerance > 0 and self._line.asked >= 9 and self.gap <= GAP and self._precise(tolerance)

    def worst(self, count: int, tolerance: float) -> list[Interval]:
        """Return the intervals to halve next: at first the widest, then those whose ends differ most.

        One in eight, and all once the error is small enough, are those that miss most of the known
        f(b) - f(a): it costs 1 % in error, and the completeness gap is half as large.
        """
        if self._line.asked == 3:
            return [(0.0, 0.5), (0.5, 1.0), (0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0)][:count]
        by_gap = count if self._precise(tolerance) else (count + 7) // 8
        chosen = _largest(self._misses, by_gap, ())
        return chosen + _largest(self._jumps, count - len(chosen), chosen)

    def halve(self, a: float, b: float) -> None:
        """Take in the node in the middle of an interval."""
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
    # Figures that differ by rounding alone are equal, so that batches of any size choose the same.
    ordered = sorted(figures, key=lambda interval: (-float(f"{figures[interval]:.3g}"), interval))
    return [interval for interval in ordered if interval not in but][:count]


def expected_gradients(
    problem: Problem, *, steps: MaxSteps = 128, tolerance: Tolerance = 0.02, noise: Added = 0.0
) -> Steps:
    """The mean of (x - x') ∂f/∂x (x' + α (x - x')) over baselines x' and places α, `(c, h, w)`.

    Erion et al., "Improving performance of deep learning models with axiomatic attribution priors and
    expected gradients", 2021, equation 3. With noise added to x, of standard deviation σ as a share of the
    input's range, it is GradientSHAP (Lundberg and Lee, "A Unified Approach to Interpreting Model
    Predictions", NeurIPS 2017, as in SHAP and Captum). Samples accumulate; the error is the standard error.
    """
    return _expected(problem, steps, tolerance, noise)


def _expected(problem: Problem, steps: int, tolerance: float, noise: float = 0.0) -> Steps:
    references = problem.references()
    samples = _samples(problem, references, noise)
    running, total, final = Running(), None, False
    while not final:
        # One sample first: a picture after one gradient.
        wanted = min(running.count + ROUND if running.count else 1, steps)
        for count in problem.portions(wanted - running.count):
            places, ways = map(torch.cat, zip(*islice(samples, count), strict=True))
            running.add(problem.gradients(places)[1] * ways.double().numpy())
            small = tolerance > 0 and running.error <= tolerance * float(np.abs(running.mean).mean())
            final = running.count == steps or (running.count == wanted > 8 and small)
            found = attribution(np.asarray(running.mean), running.count, total, random=True)
            yield Step(found, 1.0 if final else running.count / steps, running.error, final)
        if total is None and not final:
            # After the first picture, so that it need not wait.
            ends = problem.outputs(torch.cat([problem.inputs, references]))
            total = float(ends[0] - ends[1:].mean())


def _samples(problem: Problem, references: Tensor, noise: float) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield places `(1, c, h, w)` between random baselines and the picture, and the ways between them."""
    generator = problem.generator()
    sigma = noise * float(problem.inputs.max() - problem.inputs.min())
    while True:
        # Every baseline has its turn before any has a second one.
        for chosen in torch.randperm(len(references), generator=generator).tolist():
            start = references[chosen : chosen + 1]
            way = problem.inputs - start
            if sigma:
                way = way + sigma * problem.noise(generator, 1)
            yield start + torch.rand((), generator=generator) * way, way


METHODS = (
    Method(
        "integrated_gradients",
        "Integrated gradients",
        integrated_gradients,
        "Sundararajan et al. 2017",
        "Each value's share of the way from the baseline to the picture.",
        frozenset({"baseline", "distribution"}),
        complete=True,
        baseline={"name": "black"},
        family="Paths from a baseline",
    ),
    Method(
        "expected_gradients",
        "Expected gradients (GradientSHAP)",
        expected_gradients,
        "Erion et al. 2021; Lundberg and Lee 2017",
        "Integrated gradients over places drawn at random, from one baseline or many.",
        frozenset({"baseline", "distribution"}),
        complete=True,
        baseline={"name": "black"},
        family="Paths from a baseline",
    ),
)
