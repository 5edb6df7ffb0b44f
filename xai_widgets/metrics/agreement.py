"""Do explanations of the same question agree? Pixel by pixel, and in the order of pixels."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..anytime import Step
from ..errors import XaiWidgetsError
from ..results import Explanation
from .similarity import Floats, correlation, ranks, spread


@dataclass(frozen=True, eq=False)
class Candidate:
    """One way to explain, in comparison with others.

    Attributes:
        baseline: as JSON.
        label: for a person.
        explanation: the best so far; None before the first, or where it failed.
        done: from 0 to 1.
        final: whether nothing more comes.
        failure: why there is none.
    """

    baseline: Mapping[str, Any]
    label: str
    explanation: Explanation | None = None
    done: float = 0.0
    final: bool = False
    failure: XaiWidgetsError | None = None

    @property
    def map(self) -> NDArray[np.float32] | None:
        """The map `(h, w)`, None where there is none."""
        return self.explanation.map if self.explanation else None


@dataclass(frozen=True, eq=False)
class Comparison:
    """The same question under several baselines.

    Attributes:
        candidates: in the order in which they were given.
        orders: the ranks of the pixels of each map, None where there is no map yet.
    """

    candidates: tuple[Candidate, ...]
    orders: tuple[Floats | None, ...]

    @property
    def maps(self) -> list[NDArray[np.float32] | None]:
        """The map `(h, w)` of each candidate, None where there is none."""
        return [one.map for one in self.candidates]

    @cached_property
    def spread(self) -> Floats | None:
        """How far the maps that are there differ at each pixel, `(h, w)`; see `spread`."""
        there = [values for values in self.maps if values is not None]
        return spread(there) if there else None

    @cached_property
    def rank(self) -> Floats:
        """Spearman's rank correlation of each pair `(k, k)`; NaN where one has no map."""
        there = [i for i, order in enumerate(self.orders) if order is not None]
        found = np.full((len(self.orders), len(self.orders)), np.nan)
        if there:
            found[np.ix_(there, there)] = correlation([order for order in self.orders if order is not None])
        return found

    @property
    def agreement(self) -> float | None:
        """The mean rank correlation over all pairs; None where there is no pair."""
        pairs = self.rank[np.triu_indices(len(self.rank), 1)]
        return float(np.nanmean(pairs)) if np.isfinite(pairs).any() else None


Start = Callable[[], Iterator[Step[Explanation]]]


def compare(candidates: Sequence[tuple[Mapping[str, Any], str, Start]]) -> Iterator[Step[Comparison]]:
    """Explain under several baselines, all of them growing together.

    Every candidate gets its first picture before any is refined; then each gets one step in turn. What is
    known is shown with each first picture, and after that once a round; between these a step brings the same
    value again. One that fails says why, and the others go on. The error is the mean of theirs.

    Args:
        candidates: baseline as JSON, label, and what begins the explanation.
    """
    table = Table(candidates)
    try:
        found, first = table.comparison(), True
        while table.open:
            round_ = table.open
            for number in round_:
                table.advance(number)
                if first or number == round_[-1]:
                    found = table.comparison()
                yield table.step(found)
            first = False
    finally:
        table.close()


class Table:
    """The candidates of a comparison with the work behind them."""

    def __init__(self, candidates: Sequence[tuple[Mapping[str, Any], str, Start]]) -> None:
        self._starts = [start for _, _, start in candidates]
        self._work: dict[int, Iterator[Step[Explanation]]] = {}
        self._rows = [Candidate(baseline, label) for baseline, label, _ in candidates]
        self._ranked: list[tuple[Explanation | None, Floats | None]] = [(None, None)] * len(self._rows)
        self._errors: list[float | None] = [None] * len(self._rows)

    @property
    def open(self) -> list[int]:
        """The candidates that are not final."""
        return [number for number, row in enumerate(self._rows) if not row.final]

    def advance(self, number: int) -> None:
        """Make one step of a candidate."""
        row = self._rows[number]
        try:
            if number not in self._work:
                self._work[number] = self._starts[number]()
            step = next(self._work[number])
        except XaiWidgetsError as error:
            self._rows[number] = replace(row, done=1.0, final=True, failure=error, explanation=None)
            self._errors[number] = None
            return
        self._rows[number] = replace(row, explanation=step.value, done=step.done, final=step.final)
        self._errors[number] = step.error

    def comparison(self) -> Comparison:
        """Return what is known of all; only maps that have changed are ranked again."""
        for number, row in enumerate(self._rows):
            if row.explanation is not self._ranked[number][0]:
                self._ranked[number] = (row.explanation, None if row.map is None else ranks(row.map))
        return Comparison(tuple(self._rows), tuple(order for _, order in self._ranked))

    def step(self, found: Comparison) -> Step[Comparison]:
        """Return how far all are."""
        errors = [error for error in self._errors if error is not None]
        done = float(np.mean([row.done for row in self._rows])) if self.open else 1.0
        return Step(found, done, float(np.mean(errors)) if errors else None, not self.open)

    def close(self) -> None:
        """End the work behind them."""
        for steps in self._work.values():
            close = getattr(steps, "close", None)
            if close is not None:
                close()
