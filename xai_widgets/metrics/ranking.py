"""Which layer, which method? Explain by each, and hold the maps against the network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..anytime import Step, last
from ..errors import ParameterError, XaiWidgetsError
from ..explain.problem import Floats, Problem
from ..explain.registry import METHODS, find
from ..explain.run import explain_steps, problem_of
from ..model.handle import Model
from ..model.target import Target
from ..results import Explanation
from .faithfulness import ablated, area, filler, order

SHARES = tuple(k / 16 for k in range(17))
FIRST_LOOK = (
    *("grad_cam", "lrp_composite", "attention_gradient", "integrated_gradients", "smooth_grad"),
    *("occlusion", "input_x_gradient"),
)
"""What is tried where nobody names methods: one of each family, none that takes minutes."""
QUICK: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"steps": 32},
    "smooth_grad": {"samples": 16},
    "occlusion": {"window": 0.2},
}


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


def faithfulness(problem: Problem, values: Floats, fill: str = "blur") -> Faithfulness:
    """Put in and take away pixels by the order of a map `(h, w)`, the largest first.

    Args:
        problem: what is explained; its seed draws the noise.
        values: the map.
        fill: "mean", "blur" or "noise".
    """
    filled = problem.model.normalise(filler(fill, problem.seed).apply(problem.pixels))
    places = order(values)

    def curve(start: Tensor, towards: Tensor) -> Floats:
        return problem.outputs(torch.cat([ablated(start, towards, places, share) for share in SHARES]))

    insertion, deletion = curve(filled, problem.inputs), curve(problem.inputs, filled)
    return Faithfulness(np.array(SHARES), insertion, deletion)


@dataclass(frozen=True, eq=False)
class Entry:
    """One of those that are held against each other.

    Attributes:
        name: of the layer or the method.
        explanation: what it found, None where it failed or is still to come.
        faithfulness: of that map.
        failure: why there is none.
    """

    name: str
    explanation: Explanation | None = None
    faithfulness: Faithfulness | None = None
    failure: str = ""

    @property
    def score(self) -> float:
        """The area between insertion and deletion; minus infinity where there is none."""
        return self.faithfulness.between if self.faithfulness else -float("inf")


@dataclass(frozen=True, eq=False)
class Ranking:
    """All of them, in the order in which they were given.

    Attributes:
        entries: one each.
        kind: "layer" or "method".
        fill: what stood where pixels were gone.
    """

    entries: tuple[Entry, ...]
    kind: str
    fill: str

    @property
    def best(self) -> Entry | None:
        """The one whose order of pixels the target follows most; None where none has a map."""
        there = [entry for entry in self.entries if entry.explanation]
        return max(there, key=lambda entry: entry.score, default=None)

    @property
    def why(self) -> str:
        """The reason in a sentence."""
        best = self.best
        if best is None:
            return f"No {self.kind} gave a map."
        others = sorted((e.score for e in self.entries if e.explanation and e is not best), reverse=True)
        than = f", the next best {others[0]:+.2f}" if others else ""
        return (
            f"{best.name}: putting its pixels in first and taking them away first moves the target by "
            f"{best.score:+.2f} of its whole way (at best 1, by chance 0){than}."
        )

    def __getitem__(self, name: str) -> Entry:
        """Return the entry of a name; ParameterError where there is none."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        known = ", ".join(entry.name for entry in self.entries)
        raise ParameterError(f"There is no {self.kind} {name!r} here.", f"There are {known}.")

    def __repr__(self) -> str:
        rows = [
            f"  {entry.score:+.3f}  {entry.name}"
            if entry.explanation
            else f"  {'':6}  {entry.name}: {entry.failure}"
            for entry in sorted(self.entries, key=lambda entry: -entry.score)
        ]
        return "\n".join([self.why, *rows])


def sweep(
    model: Model | nn.Module,
    image: Any,
    method: str = "grad_cam",
    layers: Sequence[str] | None = None,
    target: int | str | Target | None = None,
    fill: str = "blur",
    **params: Any,
) -> Ranking:
    """Explain at every layer that a method can look at, and tell which map the target follows most.

    Args:
        model: as for `explain`.
        image: as for `explain`.
        method: one that looks at a layer.
        layers: their names; all with positions where none are given.
        target: as for `explain`.
        fill: what stands where pixels are gone, "mean", "blur" or "noise".
        params: the method's own.

    Raises:
        ParameterError: the method looks at no layer, or there is no such fill.

    Example:
        >>> found = xw.sweep(model, "cat.jpg", "layer_cam")
        >>> found.best.name, found.why
    """
    return last(sweep_steps(model, image, method, layers, target, fill, **params)).value


def sweep_steps(
    model: Model | nn.Module,
    image: Any,
    method: str = "grad_cam",
    layers: Sequence[str] | None = None,
    target: int | str | Target | None = None,
    fill: str = "blur",
    **params: Any,
) -> Iterator[Step[Ranking]]:
    """Sweep, and yield the ranking after every layer; arguments as of `sweep`."""
    if "layer" not in find(method).needs:
        usable = ", ".join(name for name, one in METHODS.items() if "layer" in one.needs)
        raise ParameterError(f"The method {method!r} looks at no layer.", f"Take one of {usable}.")
    model = model if isinstance(model, Model) else Model(model)
    problem = problem_of(model, image, target)
    tree = model.layers(problem.inputs)
    spatial = [one.name for one in tree.viewable if one.grid and one.grid[0] * one.grid[1] > 1]
    wanted = [tree[name].name for name in layers] if layers is not None else spatial

    def at(name: str) -> Explanation:
        steps = explain_steps(model, image, method, problem.target, layer=name, **params)
        return last(steps).value

    return _ranked("layer", wanted, at, problem, fill)


def suggest(
    model: Model | nn.Module,
    image: Any,
    methods: Sequence[str] | None = None,
    target: int | str | Target | None = None,
    fill: str = "blur",
) -> Ranking:
    """Which method should I look at first? Those that fit the network, by how far the target follows them.

    Args:
        model: as for `explain`.
        image: as for `explain`.
        methods: their names; one of each family, run briefly, where none are given.
        target: as for `explain`.
        fill: what stands where pixels are gone, "mean", "blur" or "noise".

    Example:
        >>> print(xw.suggest(model, "cat.jpg"))
    """
    return last(suggest_steps(model, image, methods, target, fill)).value


def suggest_steps(
    model: Model | nn.Module,
    image: Any,
    methods: Sequence[str] | None = None,
    target: int | str | Target | None = None,
    fill: str = "blur",
) -> Iterator[Step[Ranking]]:
    """Suggest, and yield the ranking after every method; arguments as of `suggest`."""
    model = model if isinstance(model, Model) else Model(model)
    problem = problem_of(model, image, target)
    wanted = [find(name).name for name in (FIRST_LOOK if methods is None else methods)]

    def by(name: str) -> Explanation:
        reason = METHODS[name].valid(model, model.layers(problem.inputs))
        if reason:
            raise ParameterError(reason, "")
        params = QUICK.get(name, {}) if methods is None else {}
        return last(explain_steps(model, image, name, problem.target, **params)).value

    return _ranked("method", wanted, by, problem, fill)


def _ranked(
    kind: str, names: Sequence[str], explained: Any, problem: Problem, fill: str
) -> Iterator[Step[Ranking]]:
    filler(fill)  # checks it before any work
    if not names:
        raise ParameterError(f"There is no {kind} to try.", "Name one or more.")
    entries = [Entry(name) for name in names]
    return _rank(kind, entries, explained, problem, fill)


def _rank(
    kind: str, entries: list[Entry], explained: Any, problem: Problem, fill: str
) -> Iterator[Step[Ranking]]:
    for number, entry in enumerate(entries, 1):
        try:
            found = explained(entry.name)
        except XaiWidgetsError as error:
            entries[number - 1] = replace(entry, failure=str(error))
        else:
            score = faithfulness(problem, found.map, fill)
            entries[number - 1] = replace(entry, explanation=found, faithfulness=score)
        final = number == len(entries)
        yield Step(Ranking(tuple(entries), kind, fill), number / len(entries), None, final)
