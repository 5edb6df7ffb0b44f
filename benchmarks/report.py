"""Figures of a benchmark, as a table to read and as JSON to keep."""

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import torch


@dataclass(frozen=True)
class Row:
    """One figure, beside its peer where there is one.

    Attributes:
        name: what was measured: "integrated gradients, SqueezeNet 227 px: time to first picture".
        figure: the median.
        unit: "ms", "MB", "evaluations" and the like.
        spread: the lowest and the highest.
        n: how many values the median is of.
        peer: the same figure of whom we are measured against, None where nobody is.
        ratio: figure / peer, the median of the pairs that ran one after the other; None without a peer.
        aim: what is to be reached, in words: "ratio ≤ 0.5"; "" where there is none.
        met: whether it is, None without an aim.
        note: what a reader must know: who the peer is, what the limit is.
    """

    name: str
    figure: float
    unit: str
    spread: tuple[float, float]
    n: int
    peer: float | None = None
    ratio: float | None = None
    aim: str = ""
    met: bool | None = None
    note: str = ""


def row(
    name: str,
    unit: str,
    ours: Sequence[float],
    peers: Sequence[float] = (),
    most: float | None = None,
    note: str = "",
) -> Row:
    """Return the row of values, beside those of a peer that ran in turn with them.

    `most` is the aim: the largest ratio to the peer or, without a peer, the largest figure.
    """
    figure = median(ours)
    ratio = median(one / other for one, other in zip(ours, peers, strict=True)) if peers else None
    aim = "" if most is None else f"ratio ≤ {most:g}" if peers else f"≤ {most:g} {unit}"
    met = None if most is None else (figure if ratio is None else ratio) <= most
    peer = median(peers) if peers else None
    return Row(name, figure, unit, (min(ours), max(ours)), len(ours), peer, ratio, aim, met, note)


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a table in Markdown."""
    lines = [
        "| | ours | lowest to highest | n | peer | ratio | aim | met | |",
        "|---|--:|--:|--:|--:|--:|---|---|---|",
    ]
    for one in rows:
        cells = (
            one.name,
            f"{_short(one.figure)} {one.unit}",
            f"{_short(one.spread[0])} to {_short(one.spread[1])}",
            str(one.n),
            "" if one.peer is None else _short(one.peer),
            "" if one.ratio is None else f"{one.ratio:.2f}",
            one.aim,
            "" if one.met is None else "yes" if one.met else "**no**",
            one.note,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write(path: Path, found: Mapping[str, Sequence[Row]]) -> None:
    """Put the rows of each benchmark into a JSON file; those of benchmarks that did not run stay in it."""
    before = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else {}
    rows = before | {name: [asdict(one) for one in rows] for name, rows in found.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n", encoding="utf-8")


def machine() -> dict[str, str | int]:
    """Return on what it ran."""
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
    }


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"
