"""Does the target follow the order in which a map ranks the pixels? Put them in, take them away."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..anytime import Step, far_apart, last
from ..explain.problem import Floats, Problem
from .faithfulness import ablated, area, filler, order

SHARES = tuple(k / 16 for k in range(17))
ASKED = [(way, k) for k in far_apart(len(SHARES) - 1) for way in (0, 1)]
"""In which order insertion (0) and deletion (1) are asked for each share."""


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """How the target goes while pixels are put in and taken away, by the order of a map.

    Attributes:
        shares: of the pixels, from 0 to 1, `(p,)`.
        insertion: the target with the first share of the pixels on what is filled in, `(p,)`.
        deletion: the target without them, `(p,)`.
    """

    shares: Floats
    insertion: Floats
    deletion: Floats

    @property
    def between(self) -> float:
        """The area between both curves, in units of f(x) less the target where all is filled: at best 1.

        Petsiuk, Das and Saenko 2018 look at both areas; their difference does not depend on where the curves
        begin and end. A random order has 0 on average, an order turned round the negative.
        """
        whole = float(self.deletion[0] - self.deletion[-1])
        gap = float(area(self.shares, self.insertion) - area(self.shares, self.deletion))
        return gap / whole if abs(whole) > 1e-9 else 0.0


def faithfulness(problem: Problem, values: NDArray[Any], fill: str = "blur") -> Faithfulness:
    """Put in and take away pixels by the order of a map `(h, w)`, the largest first.

    Args:
        problem: what is explained; its seed draws the noise.
        values: the map.
        fill: "mean", "blur" or "noise".
    """
    return last(faithfulness_steps(problem, values, fill)).value


def faithfulness_steps(
    problem: Problem, values: NDArray[Any], fill: str = "blur"
) -> Iterator[Step[Faithfulness]]:
    """Yield the curves over more and more shares; arguments as of `faithfulness`."""
    filled = problem.model.normalise(filler(fill, problem.seed).apply(problem.pixels))
    ways = ((filled, problem.inputs), (problem.inputs, filled))
    places, curves, done = order(values), np.zeros((2, len(SHARES))), 0
    for size in problem.portions(len(ASKED), "forward passes", first=6):
        part = ASKED[done : done + size]
        done += size
        pictures = [ablated(*ways[way], places, SHARES[k]) for way, k in part]
        curves[tuple(np.transpose(part))] = problem.outputs(torch.cat(pictures))
        known = sorted(k for way, k in ASKED[:done] if way == 1)
        found = Faithfulness(np.array(SHARES)[known], *curves[:, known])
        yield Step(found, done / len(ASKED), None, done == len(ASKED))
