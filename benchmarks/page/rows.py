"""From what was measured in the page to rows of the table."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.report import Row

PEERS = {"interact": "interact + matplotlib", "ipympl": "ipympl"}
BESIDE = "interact"  # whose figure stands in the column of the peer


@dataclass(frozen=True)
class Traffic:
    """What a drag put on the websocket: bytes of each message received and sent."""

    seconds: float
    pictures: int
    received: Sequence[int]
    sent: Sequence[int]

    @property
    def messages_a_second(self) -> float:
        """Both directions."""
        return (len(self.received) + len(self.sent)) / self.seconds

    @property
    def bytes_a_picture(self) -> float:
        """Both directions."""
        return (sum(self.received) + sum(self.sent)) / max(1, self.pictures)

    @property
    def pictures_a_second(self) -> float:
        """Frames that brought another picture."""
        return self.pictures / self.seconds


FIGURES: tuple[tuple[Callable[[Traffic], float], str, str], ...] = (
    (lambda traffic: traffic.pictures_a_second, "pictures a second", "1/s"),
    (lambda traffic: traffic.messages_a_second, "messages a second", "1/s"),
    (lambda traffic: traffic.bytes_a_picture / 1000, "kB a picture", "kB"),
)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that this share of them does not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def drag_rows(
    name: str,
    ours: Sequence[float],
    found: Mapping[str, Sequence[float]] | None = None,
    most_ms: float | None = None,
    times: float | None = None,
) -> list[Row]:
    """Return median and 95th percentile of a drag, beside those of the peers that are among `found`.

    `most_ms` is an aim for the 95th percentile, `times` one for the median: so many times faster than
    `interact`.
    """
    peers = {peer: found[peer] for peer in PEERS if found and peer in found}
    rows = []
    for share, label in ((0.5, "p50"), (0.95, "p95")):
        figure = quantile(ours, share)
        beside = {peer: quantile(values, share) for peer, values in peers.items()}
        ratio = figure / beside[BESIDE] if beside else None
        aim, met = "", None
        if label == "p95" and most_ms is not None:
            aim, met = f"≤ {most_ms:.0f} ms", figure <= most_ms
        if label == "p50" and times is not None and ratio is not None:
            aim, met = f"ratio ≤ 1/{times:g}", ratio <= 1 / times
        spread, note = (min(ours), max(ours)), _beside(beside, "ms")
        rows.append(
            Row(
                f"{name}, {label}",
                figure,
                "ms",
                spread,
                len(ours),
                beside.get(BESIDE),
                ratio,
                aim,
                met,
                note,
            )
        )
    return rows


def plain_row(name: str, values: Sequence[float], note: str) -> Row:
    """Return the median of milliseconds that are compared with nobody."""
    return Row(name, median(values), "ms", (min(values), max(values)), len(values), note=note)


def limit_row(first: Sequence[float], passes: Sequence[float], trips: Sequence[float]) -> Row:
    """Return the first picture beside what it can't do without."""
    limit = median(passes) + median(trips)
    ratio = median(first) / limit
    name = "baseline to first picture, beside one forward and backward pass and one round trip"
    spread = (min(first), max(first))
    note = f"median of both: {median(passes):.3g} + {median(trips):.3g} ms"
    return Row(name, median(first), "ms", spread, len(first), limit, ratio, "ratio ≤ 1.3", ratio <= 1.3, note)


def traffic_rows(work: str, ours: Traffic, peers: Mapping[str, Traffic]) -> list[Row]:
    """Return what a drag costs the wire."""
    rows = []
    for figure_of, what, unit in FIGURES:
        figure, beside = figure_of(ours), {peer: figure_of(traffic) for peer, traffic in peers.items()}
        peer = beside[BESIDE]
        ratio = figure / peer if peer else None
        name, note = f"drag of {work}: {what}", _beside(beside, unit)
        rows.append(Row(name, figure, unit, (figure, figure), ours.pictures, peer, ratio, note=note))
    return rows


def memory_rows(
    count: int,
    ours: Mapping[str, tuple[float, float]],
    peers: Mapping[str, Mapping[str, tuple[float, float]]],
) -> list[Row]:
    """Return by how many MB the memory grew in `count` moves, from (before, after); these are the spread."""
    rows = []
    for name, (before, after) in ours.items():
        grown = {peer: found[name][1] - found[name][0] for peer, found in peers.items()}
        note = f"from {before:.0f} to {after:.0f} MB; {_beside(grown, 'MB')}"
        title = f"{count} moves: growth of the {name}"
        rows.append(Row(title, after - before, "MB", (before, after), count, grown[BESIDE], note=note))
    return rows


def _beside(figures: Mapping[str, float], unit: str) -> str:
    return "; ".join(f"{PEERS[peer]} {figure:.3g} {unit}" for peer, figure in figures.items())
