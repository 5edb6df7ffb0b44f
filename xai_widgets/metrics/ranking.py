"""Which layer, which method? Explain by each, and hold the maps against the network."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from ..anytime import Step, far_apart, last
from ..errors import ParameterError, XaiWidgetsError
from ..explain.registry import METHODS, find
from ..explain.run import explain_steps, problem_of
from ..model.handle import Model
from ..model.layers import LayerTree
from ..model.target import Target
from ..results import Explanation
from .faithfulness import filler
from .insertion import Faithfulness, faithfulness_steps

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
    def judged(self) -> list[Entry]:
        """Those whose maps were held against the network, the best first."""
        there = [entry for entry in self.entries if entry.faithfulness]
        return sorted(there, key=lambda entry: -entry.score)

    @property
    def best(self) -> Entry | None:
        """The one whose order of pixels the target follows most; None where none has a map."""
        return next(iter(self.judged), None)

    @property
    def reason(self) -> str:
        """What speaks for the best one, without its name."""
        first, *others = self.judged
        than = f", the next best {others[0].score:+.2f}" if others else ""
        return (
            "putting its pixels in first and taking them away first moves the target by "
            f"{first.score:+.2f} of its whole way (at best 1, by chance 0){than}"
        )

    @property
    def why(self) -> str:
        """The reason in a sentence."""
        return f"{self.best.name}: {self.reason}." if self.best else f"No {self.kind} gave a map."

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
    check_layered(method)
    model = model if isinstance(model, Model) else Model(model)
    problem = problem_of(model, image, target)
    tree = model.layers(problem.inputs)
    wanted = spatial(tree) if layers is None else [tree[name].name for name in layers]

    def at(name: str) -> Iterator[Step[Explanation]]:
        return explain_steps(model, image, method, problem.target, layer=name, **params)

    return rank("layer", wanted, at, lambda found: faithfulness_steps(problem, found.map, fill), fill)


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

    def by(name: str) -> Iterator[Step[Explanation]]:
        reason = METHODS[name].valid(model, model.layers(problem.inputs))
        if reason:
            raise ParameterError(reason, "")
        params = QUICK.get(name, {}) if methods is None else {}
        return explain_steps(model, image, name, problem.target, **params)

    return rank("method", wanted, by, lambda found: faithfulness_steps(problem, found.map, fill), fill)


def check_layered(method: str) -> None:
    """Raise ParameterError where a method looks at no layer."""
    if "layer" not in find(method).needs:
        usable = ", ".join(name for name, one in METHODS.items() if "layer" in one.needs)
        raise ParameterError(f"The method {method!r} looks at no layer.", f"Take one of {usable}.")


def spatial(tree: LayerTree) -> list[str]:
    """Return the names of the layers with more than one position, in the order in which they run."""
    return [one.name for one in tree.viewable if one.grid and one.grid[0] * one.grid[1] > 1]


Explained = Callable[[str], Iterator[Step[Explanation]]]
Judged = Callable[[Explanation], Iterator[Step[Faithfulness]]]


def rank(
    kind: str, names: Sequence[str], explained: Explained, judged: Judged, fill: str
) -> Iterator[Step[Ranking]]:
    """Explain by each name and hold the map against the network; one that fails says why.

    Layers are taken far apart first, so that early on one sees where it is worth looking. A step on the way
    to a map brings the same ranking again.

    Args:
        kind: "layer" or "method".
        names: of them.
        explained: from a name to its explanation, better and better.
        judged: from an explanation to its faithfulness, better and better.
        fill: what stands where pixels are gone, for whoever reads the ranking.

    Raises:
        ParameterError: there are no names, or there is no such fill; at once.
    """
    filler(fill)  # checks it before any work
    if not names:
        raise ParameterError(f"There is no {kind} to try.", "Name one or more.")
    turns = far_apart(len(names) - 1) if kind == "layer" else list(range(len(names)))
    return _rank(Ranking(tuple(map(Entry, names)), kind, fill), turns, explained, judged)


def _rank(
    ranking: Ranking, turns: Sequence[int], explained: Explained, judged: Judged
) -> Iterator[Step[Ranking]]:
    entries = list(ranking.entries)
    yield Step(ranking, 0.0, None, False)
    for turn, number in enumerate(turns):
        for step in _tried(entries[number], explained, judged):
            if step.value is not entries[number]:
                entries[number] = step.value
                ranking = replace(ranking, entries=tuple(entries))
            final = step.final and turn == len(turns) - 1
            yield Step(ranking, (turn + step.done) / len(turns), None, final)


def _tried(entry: Entry, explained: Explained, judged: Judged) -> Iterator[Step[Entry]]:
    """Yield an entry with its map, and after that with its faithfulness, when each is as good as it gets."""
    try:
        for step in explained(entry.name):
            if step.final:
                entry = replace(entry, explanation=step.value)
            yield Step(entry, step.done / 2, None, False)
        assert entry.explanation is not None
        for judgement in judged(entry.explanation):
            if judgement.final:
                entry = replace(entry, faithfulness=judgement.value)
            yield Step(entry, 0.5 + judgement.done / 2, None, judgement.final)
    except XaiWidgetsError as error:
        yield Step(replace(entry, failure=str(error)), 1.0, None, True)
