"""Expected gradients, reference by reference: what averaging over many baselines does to the map."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..anytime import Step
from ..errors import ParameterError
from ..inputs import images
from ..inputs.baselines import Distribution
from ..model.targets import ClassTarget
from ..results import Evidence
from .evidence import judge
from .problem import Floats, Problem, attribution
from .registry import find
from .sampling import Running

PLACES = 4
"""Gradients a reference: one drawn in each quarter of its way, so that a few references already add up."""


@dataclass(frozen=True, eq=False)
class Expectation:
    """The mean map after 1, 2, …, m references.

    Attributes:
        maps: float32 `(m, h, w)`.
        errors: the mean standard error an entry of each of them, `(m,)`; of the first, the size of the map.
        gaps: by how much each fails to add up to f(x) less the mean of f(x'), as a share of it, `(m,)`.
        references: the references as pictures, uint8 `(m, h, w, 3)`.
        labels: what they are, for a person.
        target: what was explained, for a person.
        target_index: the class, where the target is one.
        evidence: how far to trust the last map.
    """

    maps: NDArray[np.float32]
    errors: Floats
    gaps: Floats
    references: NDArray[np.uint8]
    labels: tuple[str, ...]
    target: str
    target_index: int | None
    evidence: Evidence

    @property
    def map(self) -> NDArray[np.float32]:
        """The mean over all references so far, `(h, w)`."""
        last: NDArray[np.float32] = self.maps[-1]
        return last


def expected_gradients(problem: Problem, labels: Sequence[str]) -> Iterator[Step[Expectation]]:
    """Add one reference after the other to the mean, and show it after 1, 2, 4, 8, … of them.

    Erion et al., "Improving performance of deep learning models with axiomatic attribution priors and
    expected gradients", 2021, equation 3: the mean over references x' and places α of
    (x - x') ∂f/∂x (x' + α (x - x')). Ours draws `PLACES` places for each reference, one in each part of its
    way, summed over the channels. Between the steps that show more, a step brings the same value again.

    Args:
        problem: its baseline is the distribution, its seed draws the places.
        labels: one a reference.

    Raises:
        ParameterError: the baseline is no distribution.
    """
    if not isinstance(problem.baseline, Distribution):
        raise ParameterError("Expected gradients need many references.", "Take a distribution as baseline.")
    return _steps(problem, tuple(labels))


def _steps(problem: Problem, labels: tuple[str, ...]) -> Iterator[Step[Expectation]]:
    growing = Growing(problem, labels)
    found = None
    for number in range(1, growing.count + 1):
        growing.add()
        final = number == growing.count
        if found is None or final or number & (number - 1) == 0:
            found = growing.expectation(final)
        yield Step(found, number / growing.count, growing.error, final)


class Growing:
    """The mean over the references so far, and what it was after each."""

    def __init__(self, problem: Problem, labels: tuple[str, ...]) -> None:
        self._problem = problem
        self._labels = labels
        self._references = problem.references()
        self._generator = problem.generator()
        self._running = Running()
        self._maps: list[NDArray[np.float32]] = []
        self._errors: list[float] = []
        self._gaps: list[float] = []
        self._start: float | None = None
        self._ends: list[float] = []

    @property
    def count(self) -> int:
        """How many references there are."""
        return len(self._references)

    @property
    def error(self) -> float:
        """The mean standard error an entry of the mean so far."""
        return self._errors[-1]

    def add(self) -> None:
        """Take in the next reference."""
        reference = self._references[len(self._maps)][None]
        shares = (torch.arange(PLACES) + torch.rand(PLACES, generator=self._generator)) / PLACES
        way = self._problem.inputs - reference
        gradients = [
            self._problem.gradients(reference + part[:, None, None, None] * way)[1]
            for part in torch.split(shares, self._problem.batch)
        ]
        mean = np.concatenate(gradients).mean(axis=0)
        self._running.add((mean * way[0].double().numpy()).sum(axis=0)[None])
        self._maps.append(np.asarray(self._running.mean, np.float32))
        self._errors.append(self._running.error)
        self._ends.append(float(self._problem.outputs(reference)[0]))
        missing = abs(float(self._maps[-1].sum(dtype=np.float64)) - self.total)
        self._gaps.append(missing / max(abs(self.total), 1e-12))

    @property
    def total(self) -> float:
        """f(x) less the mean of f(x') over the references so far."""
        if self._start is None:
            self._start = float(self._problem.outputs(self._problem.inputs)[0])
        return self._start - float(np.mean(self._ends))

    def expectation(self, final: bool) -> Expectation:
        """Return what is known, with its evidence."""
        problem, count = self._problem, len(self._maps)
        target = problem.target
        found = attribution(self._maps[-1].astype(np.float64), count * PLACES, self.total, random=True)
        evidence = judge(
            find("integrated_gradients"), problem, Step(found, count / self.count, self.error, final)
        )
        return Expectation(
            np.stack(self._maps),
            np.array(self._errors),
            np.array(self._gaps),
            np.stack([images.shown(pixels) for pixels in problem.reference_pixels[:count]]),
            self._labels[:count],
            target.label(problem.model),
            target.index if isinstance(target, ClassTarget) else None,
            evidence,
        )
