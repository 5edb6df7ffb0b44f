"""Does the network need what a map calls important? Take the pixels away and watch the target."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..anytime import Step
from ..errors import ParameterError, did_you_mean
from ..explain.problem import Floats, Problem
from ..inputs import images
from ..inputs.baselines import Baseline, Blur, Mean, UniformNoise

Order = NDArray[np.intp]
Known = Sequence[NDArray[Any] | None]

LEVELS = (
    (0.0, 0.5, 1.0),
    (0.25, 0.75),
    (0.125, 0.375, 0.625, 0.875),
    tuple(k / 16 for k in range(1, 16, 2)),
    (1 / 64, 1 / 32),
)
"""The shares that are taken away, from coarse to fine: even steps of 1/16, and two more near nothing."""
RANDOM = 4
"""Random orders to hold the maps against."""


def filler(name: str, seed: int = 0) -> Baseline:
    """Return what stands where pixels were taken away: "mean", "blur" or "noise".

    Raises:
        ParameterError: another name.
    """
    fills: Mapping[str, Baseline] = {"mean": Mean(), "blur": Blur(), "noise": UniformNoise(seed % 2**31)}
    if name not in fills:
        raise ParameterError(f"Pixels can't be filled with {name!r}.", did_you_mean(str(name), fills))
    return fills[name]


def order(values: NDArray[Any]) -> Order:
    """Return the flat places of a map `(h, w)`, the largest value first; of equal ones the earlier first."""
    return np.argsort(-values.ravel().astype(np.float64), kind="stable")


def ablated(inputs: Tensor, filled: Tensor, places: Order, share: float) -> Tensor:
    """Return inputs `(1, c, h, w)` with the first share of the places replaced by those of `filled`."""
    gone = torch.zeros(inputs.shape[-2:], dtype=torch.bool)
    gone.view(-1)[torch.from_numpy(places[: round(share * len(places))])] = True
    return torch.where(gone, filled, inputs)


def area(shares: Floats, values: Floats) -> Floats:
    """Return the mean height of curves `(…, p)` over shares `(p,)` from 0 to 1, by the trapezoid rule."""
    return np.asarray((np.diff(shares) * (values[..., 1:] + values[..., :-1]) / 2).sum(axis=-1))


@dataclass(frozen=True, eq=False)
class Ablation:
    """The target after the top pixels of maps were taken away.

    Attributes:
        shares: how many pixels are gone, rising from 0 to 1, `(p,)`.
        curves: the target for each map, `(k, p)`; NaN where there is no map (yet).
        random: the target for random orders, `(r, p)`.
        filled: what stands where pixels are gone, uint8 `(h, w, 3)`.
        fill: its name.
        labels: of the maps, for a person.
        target: what was explained, for a person.
    """

    shares: Floats
    curves: Floats
    random: Floats
    filled: NDArray[np.uint8]
    fill: str
    labels: tuple[str, ...]
    target: str

    @property
    def start(self) -> float:
        """The target on the whole picture."""
        return float(self.random[0, 0])

    @property
    def areas(self) -> Floats:
        """The mean height of each curve, `(k,)`: the lower, the more the target needed the first pixels."""
        return area(self.shares, self.curves)

    @property
    def random_area(self) -> float:
        """The mean height of the random curves."""
        return float(area(self.shares, self.random).mean())


def ablate(
    problem: Problem, fill: str, labels: Sequence[str], maps: Iterator[Step[Known]]
) -> Iterator[Step[Ablation]]:
    """Take away the top share of the pixels by each map, and by random orders, and ask for the target.

    Pixels are ordered by their signed value: what speaks for the target should lower it when it goes (Samek
    et al., "Evaluating the visualization of what a deep neural network has learned", 2017; Sturmfels et al.
    2020). The random orders come first, then every map as soon as it is known, then finer shares; where a
    step has nothing new to show, it brings the same value again. The error is how far the finer shares lay
    from a straight line between the coarser ones, on average.

    Args:
        problem: its seed draws the random orders and the noise; its baseline is not used.
        fill: "mean", "blur" or "noise".
        labels: one a map.
        maps: what is known of the maps `(h, w)`, None where nothing is; each item after some work on them.

    Raises:
        ParameterError: another fill.
    """
    return _steps(Curves(problem, fill, tuple(labels)), maps)


def _steps(curves: "Curves", maps: Iterator[Step[Known]]) -> Iterator[Step[Ablation]]:
    shares = list(LEVELS[0])
    for _ in curves.ask(shares, curves.known):
        pass  # a handful of passes, and there is no picture before
    found, explained = curves.ablation(shares), 0.0
    yield Step(found, curves.done(explained), None, False)
    for step in maps:
        fresh, explained = curves.learn(step.value), step.done
        for _ in curves.ask(shares, fresh):
            yield Step(found, curves.done(explained), None, False)
        found = curves.ablation(shares) if fresh else found
        yield Step(found, curves.done(explained), None, False)
    for number, level in enumerate(LEVELS[1:], 2):
        for _ in curves.ask(level, curves.known):
            yield Step(found, curves.done(1.0), None, False)
        error, shares = curves.bend(found.shares, level), sorted([*shares, *level])
        found, final = curves.ablation(shares), number == len(LEVELS)
        yield Step(found, 1.0 if final else curves.done(1.0), error, final)


class Curves:
    """The target for each order of pixels and each share that was asked; the random orders are below 0."""

    def __init__(self, problem: Problem, fill: str, labels: tuple[str, ...]) -> None:
        self._problem, self._fill, self._labels = problem, fill, labels
        self._filled_pixels = filler(fill, problem.seed).apply(problem.pixels)
        self._filled = problem.model.normalise(self._filled_pixels)
        generator, size = problem.generator(), problem.inputs[0, 0].numel()
        self._orders: dict[int, Order] = {
            number: torch.randperm(size, generator=generator).numpy() for number in range(-RANDOM, 0)
        }
        self._found: dict[tuple[int, float], float] = {}

    @property
    def known(self) -> list[int]:
        """The orders so far."""
        return sorted(self._orders)

    def learn(self, maps: Known) -> list[int]:
        """Take in maps; return the numbers of those that are new."""
        fresh = {k: values for k, values in enumerate(maps) if values is not None and k not in self._orders}
        self._orders |= {k: order(values) for k, values in fresh.items()}
        return list(fresh)

    def ask(self, shares: Sequence[float], orders: Sequence[int]) -> Iterator[None]:
        """Evaluate the target for every order and share that is not known yet, a batch at a time."""
        every = dict.fromkeys(_key(number, share) for share in shares for number in orders)
        wanted = [key for key in every if key not in self._found]
        for start in range(0, len(wanted), self._problem.batch):
            part = wanted[start : start + self._problem.batch]
            inputs = [self._ablated(number, share) for number, share in part]
            self._found |= dict(zip(part, self._problem.outputs(torch.cat(inputs)).tolist(), strict=True))
            yield

    def _ablated(self, number: int, share: float) -> Tensor:
        return ablated(self._problem.inputs, self._filled, self._orders[number], share)

    def done(self, explained: float) -> float:
        """Return the share of the work that is done: the maps are one half, the curves the other."""
        inner = sum(map(len, LEVELS)) - 2
        whole = 2 + inner * (RANDOM + len(self._labels))
        return 0.5 * explained + 0.5 * min(1.0, len(self._found) / whole)

    def bend(self, coarse: Floats, level: Sequence[float]) -> float:
        """Return how far the target lies from straight lines between coarser shares, on average."""
        misses = [
            abs(self._found[_key(number, share)] - np.interp(share, coarse, self._curve(number, coarse)))
            for number in self._orders
            for share in level
        ]
        return float(np.mean(misses))

    def ablation(self, shares: Sequence[float]) -> Ablation:
        """Return the curves over these shares."""
        grid = np.array(shares)
        curves = [self._curve(number, grid) for number in range(len(self._labels))]
        return Ablation(
            grid,
            np.array(curves).reshape(len(self._labels), len(grid)),
            np.array([self._curve(number, grid) for number in range(-RANDOM, 0)]),
            images.shown(self._filled_pixels[0]),
            self._fill,
            self._labels,
            self._problem.target.label(self._problem.model),
        )

    def _curve(self, number: int, shares: Floats) -> Floats:
        if number not in self._orders:
            return np.full(len(shares), np.nan)
        return np.array([self._found[_key(number, share)] for share in shares.tolist()])


def _key(number: int, share: float) -> tuple[int, float]:
    # With nothing or everything gone the order makes no difference.
    return (-1 if share in (0.0, 1.0) else number, share)
