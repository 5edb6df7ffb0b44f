"""Methods that ask which pieces of the picture, together with which others, make the target what it is.

The picture is cut into superpixels, the players of a game whose gain is the target when only some of them
are there and the others are replaced by the baseline.
"""

import math
from collections.abc import Callable, Iterator
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from ..anytime import Step
from ..inputs.regions import Pieces, superpixels
from ..parameters import Range
from ..results import Check
from .method import Method
from .problem import Attribution, Floats, Problem, Steps
from .sampling import Settling

Count = Annotated[int, Range(4, 256, log=True, label="pieces", help="About so many superpixels.")]
Samples = Annotated[int, Range(16, 8192, log=True, label="samples", help="At most so many forward passes.")]
Width = Annotated[
    float, Range(0.05, 2, log=True, label="width", help="Of the neighbourhood, as a cosine distance.")
]
Bools = NDArray[np.bool_]

FIRST = 8
"""Forward passes of the first picture."""
RIDGE = 1e-3
"""Added to normal equations, as a share of their mean diagonal, so that a few samples have a solution."""


class _Game:
    """The target as a function of the pieces that are there."""

    def __init__(self, problem: Problem, count: int) -> None:
        labels = superpixels(problem.pixels, count)
        self.problem = problem
        self.pieces = Pieces(labels, problem.inputs, problem.reference())
        self.players = self.pieces.count
        self.asked = 0

    def gain(self, there: Bools) -> Floats:
        """Return the target for each row of pieces that are there, `(m,)`."""
        self.asked += len(there)
        return self.problem.outputs(self.pieces.with_only(there))

    def portions(self, count: int) -> Iterator[int]:
        """Yield how many to ask at once."""
        return self.problem.portions(count, "forward passes", FIRST)

    def step(
        self,
        shares: Floats,
        done: float,
        error: float,
        final: bool,
        whole: float | None = None,
        random: bool = False,
    ) -> Step[Attribution]:
        """Return a step; `whole` is f(x) - f(x'), where the shares promise to add up to it."""
        checks = () if whole is None else (_efficient(float(shares.sum()), whole, self.players),)
        values = self.pieces.painted(shares).astype(np.float32)
        found = Attribution(values, self.asked, random=random, checks=checks)
        return Step(found, 1.0 if final else min(done, 1.0), error, final)


def _efficient(total: float, whole: float, players: int) -> Check:
    gap = abs(total - whole) / max(abs(whole), 1e-12)
    words = (
        f"The shares of {players} pieces add up to {total:.4g}; picture and baseline differ by {whole:.4g}."
    )
    return Check("efficiency", "holds" if gap <= 0.01 else "doubtful", gap, words)


def feature_ablation(problem: Problem, *, pieces: Count = 64) -> Steps:
    """How much the target falls when a superpixel is replaced by the baseline, `(h, w)`.

    f(x) - f(x without piece k), as Captum's FeatureAblation. What was not asked yet has the mean of what was.
    """
    game = _Game(problem, pieces)
    count = game.players
    everything = np.ones((1, count), dtype=np.bool_)
    whole = float(game.gain(everything)[0])
    falls = np.full(count, np.nan)
    # Spread over the picture, not row by row: every k-th, so that a first picture shows all of it.
    order = np.argsort(np.arange(count) * 0.6180339887 % 1, kind="stable")
    for now in _taken(order, game.portions(count)):
        falls[now] = whole - game.gain(~np.eye(count, dtype=np.bool_)[now])
        known = falls[~np.isnan(falls)]
        missing = 1 - len(known) / count
        shown = np.where(np.isnan(falls), known.mean(), falls)
        yield game.step(shown, 1 - missing, missing * float(np.abs(known).mean()), missing == 0)


def _taken(order: NDArray[np.int64], portions: Iterator[int]) -> Iterator[NDArray[np.int64]]:
    start = 0
    for count in portions:
        yield order[start : start + count]
        start += count


def shapley_sampling(problem: Problem, *, pieces: Count = 32, samples: Samples = 1024) -> Steps:
    """The Shapley value of each superpixel, by joining in random orders, `(h, w)`.

    Castro, Gómez and Tejada, "Polynomial Calculation of the Shapley Value Based on Sampling", 2009: the mean
    of f(with k) - f(before k) over orders. Every order is followed by its reverse (Mitchell et al., "Sampling
    Permutations for Shapley Value Estimation", 2022). The error is the standard error over such pairs.
    """
    game = _Game(problem, pieces)
    count = game.players
    empty, whole = map(float, game.gain(_none_and_all(count)))
    inner = max(1, count - 1)  # the ends of every order are known
    pairs = max(1, (samples - 2) // (2 * inner))
    generator = np.random.default_rng(problem.seed)
    drawn = [generator.permutation(count) for _ in range(pairs)]
    walks = np.array([walk for order in drawn for walk in (order, order[::-1])])
    gains = np.full((len(walks), count + 1), np.nan)
    gains[:, 0], gains[:, -1] = empty, whole
    places = np.argsort(walks, axis=1)  # when each player joins
    asked, total = 0, len(walks) * inner if count > 1 else 1
    for number in game.portions(total):
        walk, joined = np.divmod(np.arange(asked, asked + number), inner)
        if count > 1:
            gains[walk, joined + 1] = game.gain(places[walk] <= joined[:, None])
        asked += number
        shares = np.take_along_axis(np.diff(gains, axis=1), places, axis=1)
        known = shares[~np.isnan(shares).all(axis=1)]
        told = ~np.isnan(known).all(axis=0)
        shown = np.full(count, (whole - empty) / count)
        shown[told] = np.nanmean(known[:, told], axis=0)
        finished = shares[: asked // inner // 2 * 2].reshape(-1, 2, count).mean(axis=1)
        promised = whole - empty if asked % inner == 0 else None
        final = asked >= total
        yield game.step(shown, asked / total, _standard_error(finished, shown), final, promised, random=True)


def _none_and_all(count: int) -> Bools:
    return np.array([[False] * count, [True] * count])


def _standard_error(pairs: Floats, shown: Floats) -> float:
    if len(pairs) < 2:
        return float(np.abs(shown).mean())
    return float((np.std(pairs, axis=0, ddof=1) / math.sqrt(len(pairs))).mean())


def kernel_shap(problem: Problem, *, pieces: Count = 32, samples: Samples = 512) -> Steps:
    """The Shapley value of each superpixel, by weighted least squares, `(h, w)`.

    Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", NeurIPS 2017, equation 8,
    with coalitions drawn by the kernel's weights, each with its complement, and the sum held at
    f(x) - f(x') (Covert and Lee, "Improving KernelSHAP", AISTATS 2021, equations 7 and 9). The error is
    how far the shares moved since half as many samples.
    """
    game = _Game(problem, pieces)
    count = game.players
    empty, whole = map(float, game.gain(_none_and_all(count)))
    if count == 1:
        yield game.step(np.array([whole - empty]), 1.0, 0.0, True, whole - empty)
        return
    sizes = np.arange(1, count)
    weights = 1 / (sizes * (count - sizes))
    squares, products, settling, used = np.zeros((count, count)), np.zeros(count), Settling(), 0
    samples -= samples % 2
    for number in game.portions(samples - 2):
        shares_of = weights / weights.sum()
        there = np.array([_coalition(problem.seed, used + row, sizes, shares_of) for row in range(number)])
        gains = game.gain(there) - empty
        squares += there.T.astype(float) @ there
        products += there.T @ gains
        used += number
        shares = _held(squares / used, products / used, whole - empty)
        error = settling.error(used, shares)
        final = used == samples - 2
        yield game.step(shares, used / (samples - 2), error, final, whole - empty, random=True)


def _coalition(seed: int, index: int, sizes: NDArray[np.int64], weights: Floats) -> Bools:
    """Return a coalition; every second one is the complement of the one before."""
    generator = np.random.default_rng([seed, index // 2])
    there = np.zeros(len(sizes) + 1, dtype=np.bool_)
    there[generator.permutation(len(there))[: generator.choice(sizes, p=weights)]] = True
    return ~there if index % 2 else there


def _held(squares: Floats, products: Floats, whole: float) -> Floats:
    """Solve the normal equations with the sum of the shares held."""
    ready = squares + RIDGE * np.trace(squares) / len(squares) * np.eye(len(squares))
    free, ones = np.linalg.solve(ready, products), np.linalg.solve(ready, np.ones(len(squares)))
    return np.asarray(free + ones * (whole - free.sum()) / ones.sum())


def lime(problem: Problem, *, pieces: Count = 64, samples: Samples = 512, width: Width = 0.25) -> Steps:
    """A linear model of the target around the picture, one weight a superpixel, `(h, w)`.

    Ribeiro, Singh and Guestrin, "Why Should I Trust You?", KDD 2016: pieces are left out at random, one in
    two; samples count exp(-d²/width²) with d the cosine distance to the picture; ridge regression. The
    error is how far the weights moved since half as many samples.
    """
    game = _Game(problem, pieces)
    count = game.players
    squares, products, settling, used = np.zeros((count + 1, count + 1)), np.zeros(count + 1), Settling(), 0
    for number in game.portions(samples):
        rows = [
            np.random.default_rng([problem.seed, used + row]).random(count) < 0.5 for row in range(number)
        ]
        there = np.array(rows)
        there[0] |= used == 0  # the picture itself is the first sample
        distance = 1 - np.sqrt(there.mean(axis=1))
        nearness = np.exp(-((distance / width) ** 2))
        columns = np.column_stack([there, np.ones(number)]).astype(float)
        squares += columns.T @ (nearness[:, None] * columns)
        products += columns.T @ (nearness * game.gain(there))
        used += number
        ridge = RIDGE * np.trace(squares) / (count + 1) * np.eye(count + 1)
        ridge[-1, -1] = 1e-9
        weights = np.linalg.solve(squares + ridge, products)[:count]
        error = settling.error(used, weights)
        yield game.step(weights, used / samples, error, used == samples, random=True)


_FAMILY = "Covering parts"


def _method(name: str, label: str, function: Callable[..., Steps], paper: str, summary: str) -> Method:
    return Method(
        name,
        label,
        function,
        paper,
        summary,
        frozenset({"baseline"}),
        per_channel=False,
        counted="forward passes",
        baseline={"name": "color", "color": "#808080"},
        family=_FAMILY,
    )


METHODS = (
    _method(
        "feature_ablation",
        "Superpixel ablation",
        feature_ablation,
        "Zeiler and Fergus 2014",
        "How much the target falls when a superpixel is covered.",
    ),
    _method(
        "lime",
        "LIME",
        lime,
        "Ribeiro et al. 2016",
        "A linear model of the target around this picture, one weight a superpixel.",
    ),
    _method(
        "kernel_shap",
        "KernelSHAP",
        kernel_shap,
        "Lundberg and Lee 2017",
        "Each superpixel's fair share of the target, by regression.",
    ),
    _method(
        "shapley_sampling",
        "Shapley sampling",
        shapley_sampling,
        "Castro et al. 2009",
        "Each superpixel's fair share of the target, by joining in random orders.",
    ),
)
