"""How good a map is, and when one that improves has become good enough."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor, nn

from xai_widgets.anytime import Step
from xai_widgets.results import Explanation

Map = NDArray[np.floating]


@dataclass(frozen=True)
class Moment:
    """A map while it improves: the seconds spent so far, how often the network was asked, the values."""

    seconds: float
    evaluations: int
    values: Map


def timed(act: Callable[[], Any]) -> float:
    """Return the seconds that something takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def in_turn(times: int, *acts: Callable[[], Any]) -> list[list[float]]:
    """Return the seconds of each act, one after the other, `times` times."""
    found = [[timed(act) for act in acts] for _ in range(times)]
    return [list(column) for column in zip(*found, strict=True)]


def moments(start: Callable[[], Iterator[Step[Explanation]]]) -> list[Moment]:
    """Run an explanation to its end; what looking at the maps takes is not counted."""
    begin = time.perf_counter()
    steps, seconds, found = start(), time.perf_counter() - begin, []
    while True:
        begin = time.perf_counter()
        step = next(steps, None)
        seconds += time.perf_counter() - begin
        if step is None:
            return found
        found.append(Moment(seconds, step.value.evidence.evaluations, step.value.values))


def settled(found: Sequence[Moment], good: Callable[[Map], bool]) -> Moment:
    """Return the moment from which on the map stays good.

    Raises:
        ValueError: it is not good in the end.
    """
    since = None
    for moment in reversed(found):
        if not good(moment.values):
            break
        since = moment
    if since is None:
        raise ValueError(f"still not good after {found[-1].evaluations} evaluations")
    return since


def distance(values: Map, reference: Map) -> float:
    """Return the mean absolute difference, as a share of the reference's mean size."""
    return float(np.abs(values - reference).mean() / np.abs(reference).mean())


def overlap(values: Map, reference: Map, share: float = 0.1) -> float:
    """Return which part of the pixels that matter most, by size, two maps `(c, h, w)` have in common."""
    count = round(share * reference[0].size)
    tops = [
        set(np.argsort(-np.abs(one.sum(axis=0)), axis=None)[:count].tolist()) for one in (values, reference)
    ]
    return len(tops[0] & tops[1]) / count


def rank_correlation(values: Map, reference: Map) -> float:
    """Return Spearman's rank correlation."""
    return float(spearmanr(values, reference, axis=None).statistic)


def riemann(module: nn.Module, picture: Tensor, target: int, nodes: int = 2048) -> Map:
    """Return integrated gradients from black by the midpoint rule, plainly, `(c, h, w)`."""
    total = torch.zeros_like(picture[0], dtype=torch.float64)
    for shares in ((torch.arange(nodes) + 0.5) / nodes).split(8):
        places = (shares[:, None, None, None] * picture).requires_grad_()
        (found,) = torch.autograd.grad(module(places)[:, target].sum(), [places])
        total += found.double().sum(dim=0)
    return (total / nodes * picture[0]).numpy()
