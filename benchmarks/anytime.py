"""Error against work: each method that can be stopped at any time, beside its one-shot peer at equal work.

Which methods these are, the registry tells: those that show more than two pictures, each after more work. A
map after so many gradients or forward passes is held against a long run of the same side with another seed:
the mean distance as a share of the mean size, and Spearman's rank correlation. The peer is Captum's method
where it has one, run once with so many evaluations; else our own, run once with so many.

No time is measured, so that nothing depends on what else the machine does.
`python -m benchmarks.anytime` tells what `python -m benchmarks anytime` has found, one line a method.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

import xai_widgets as xw
from benchmarks.__main__ import FILE
from benchmarks.kernel.peers import PEERS, Found, Question
from benchmarks.kernel.quality import Map, distance, rank_correlation
from benchmarks.kernel.subjects import Subject, subject
from benchmarks.report import Row
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.explain.method import Method
from xai_widgets.metrics.ranking import spatial

WORK = (8, 16, 32, 64, 128)
BUDGETS = ("steps", "samples", "masks", "designs", "channels")
"""Names of the parameter by which a method is told how much to do."""
LONG = 8
"""So many times the most work of a table goes into what it is held against."""
ALMOST = 1.15
"""Equal work: at most so many times as much, as not every rule can do any number."""


def run(quick: bool) -> list[Row]:
    """Return the errors of all anytime methods on a small network and one picture."""
    try:
        one = subject("resnet20", 1)
    except FileNotFoundError:
        one = _untrained()
    work = (8, 32) if quick else WORK
    return [found for name in xw.METHODS for found in rows_of(one, name, work)]


def _untrained() -> Subject:
    torch.manual_seed(0)
    network = torchvision.models.resnet18(num_classes=10).eval()
    return Subject("ResNet-18 (random weights), 64 px", network, [torch.rand(1, 3, 64, 64)])


@dataclass(frozen=True)
class Judged:
    """How good a map is.

    Attributes:
        error: the mean distance to the reference, as a share of the reference's mean size.
        rank: the rank correlation with it.
    """

    error: float
    rank: float


def rows_of(one: Subject, name: str, work: tuple[int, ...]) -> Iterator[Row]:
    """Yield a row for each amount of work; none where the method can't be stopped at any time."""
    method = xw.METHODS[name]
    peer = PEERS[name].label if name in PEERS else "ours, once"
    for amount, mine, theirs in _beside(one, one.pictures[0], method, work):
        other = f", peer's {theirs.rank:.3f}" if theirs else ""
        note = f"rank correlation {mine.rank:.3f}{other}; peer: {peer}"
        yield Row(
            f"{name}, {one.name}: error after {amount} {method.counted}",
            mine.error,
            "of the mean size",
            (mine.error, mine.error),
            1,
            theirs.error if theirs else None,
            mine.error / theirs.error if theirs and theirs.error else None,
            note=note,
        )


def _beside(
    one: Subject, picture: Tensor, method: Method, work: tuple[int, ...]
) -> Iterator[tuple[int, Judged, Judged | None]]:
    """Yield how good both sides are after each amount of work; None of a peer that needs more."""
    asked = Question(one.module, picture, one.predicted(picture), middle(one.module, picture))
    try:
        found = pictures(asked, method, max(work))
    except XaiWidgetsError:  # not for this network
        return
    if not anytime(found):
        return
    once = partial(_once, method=method)
    peer = PEERS[method.name].run if method.name in PEERS else once
    (_, reference), (_, theirs) = (side(asked, LONG * max(work), 1) for side in (once, peer))
    for amount in work:
        mine, other = last_within(found, amount), peer(asked, amount, 0)
        if mine is None:
            continue
        equal = other is not None and other[0] <= ALMOST * amount
        yield amount, _judged(mine[1], reference), _judged(other[1], theirs) if equal else None


def _judged(values: Map, reference: Map) -> Judged:
    return Judged(distance(values, reference), rank_correlation(values, reference))


def middle(module: nn.Module, picture: Tensor) -> str:
    """Return a layer in the middle of the network, so that what comes after it is not linear."""
    layers = [name for name in spatial(xw.Model(module).layers(picture)) if "#" not in name]
    return layers[len(layers) // 2]


def pictures(asked: Question, method: Method, most: int) -> list[Found]:
    """Return all maps of one run of so many evaluations, with what each took; a step an evaluation."""
    model = xw.Model(asked.module)
    model.at_once = lambda *_: 1  # what a step does would else follow the clock
    steps = xw.explain_steps(model, asked.picture[0], **_settings(asked, method, most))
    found: list[Found] = []
    for step in steps:
        found.append((step.value.evidence.evaluations, step.value.values))
        if found[-1][0] >= most:
            break
    return found


def anytime(found: list[Found]) -> bool:
    """Whether there are more than two pictures, each after more work."""
    return len({evaluations for evaluations, _ in found}) > 2


def last_within(found: list[Found], amount: int) -> Found | None:
    """Return the last map that took no more than an amount; None where none is, or all are long done."""
    within = [one for one in found if one[0] <= amount]
    return within[-1] if within and within[-1][0] > amount / 2 else None


def _once(asked: Question, amount: int, seed: int, method: Method) -> Found:
    """Run a method of ours to its end, with about so many evaluations."""
    settings = _settings(asked, method, amount)
    found = xw.explain(xw.Model(asked.module), asked.picture[0], seed=seed, **settings)
    return found.evidence.evaluations, found.values


def _settings(asked: Question, method: Method, amount: int) -> dict[str, Any]:
    """Return method, target, layer, and the parameters for about so many evaluations, within their limits."""
    names = {param.name: param for param in method.params}
    chosen: dict[str, Any] = {"method": method.name, "target": asked.target}
    chosen |= {"layer": asked.layer} if "layer" in method.needs else {}
    chosen |= {"tolerance": 0.0} if "tolerance" in names else {}
    for name in names.keys() & BUDGETS:
        low, high = int(names[name].low), int(names[name].high)
        each = int(names["cells"].default) ** 2 + 2 if name == "designs" else 1
        chosen[name] = min(high, max(low, amount // each))
    return chosen


def summary(rows: list[Row]) -> str:
    """Return one line a method: our error / the peer's after each amount of work, and the median ratio."""
    lines: dict[tuple[str, str], dict[int, Row]] = {}
    for one in rows:
        name, after = one.name.rsplit(": error after ", 1)
        peer = one.note.rsplit("peer: ", 1)[1]
        lines.setdefault((name, peer), {})[int(after.split()[0])] = one
    work = sorted({amount for cells in lines.values() for amount in cells})
    table = [f"| method, network | peer | {' | '.join(map(str, work))} | ratio |"]
    table.append(f"|---|---|{'---|' * (len(work) + 1)}")
    for (name, peer), cells in lines.items():
        told = " | ".join(_pair(cells.get(amount)) for amount in work)
        ratios = [one.ratio for one in cells.values() if one.ratio is not None]
        table.append(f"| {name} | {peer} | {told} | {f'{median(ratios):.2f}' if ratios else ''} |")
    return "\n".join(table)


def _pair(one: Row | None) -> str:
    if one is None:
        return ""
    return f"{one.figure:.3f} / {'–' if one.peer is None else f'{one.peer:.3f}'}"


def kept() -> list[Row]:
    """Return the rows of the last run of `python -m benchmarks anytime`; none where it was not run."""
    rows = json.loads(FILE.read_text(encoding="utf-8"))["rows"] if FILE.exists() else {}
    return [Row(**one) for one in rows.get("anytime", [])]


if __name__ == "__main__":
    measured = kept()
    if not measured:
        sys.exit("Nothing is measured yet: python -m benchmarks anytime")
    print(summary(measured))
