"""From the hand to the pixels, in a real JupyterLab in a real Chromium, beside `interact` and ipympl.

A time goes from an input event to the frame with its pixels; `page/probe.js` says exactly what that is. All
that is compared runs in one notebook on one kernel, in turns of a few moves each. Needed are a browser and
`pip install -e '.[bench]'`. The network has trained weights where the kit is there, random ones elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from benchmarks.page.rows import PEERS, drag_rows, limit_row, plain_row, traffic_rows
from benchmarks.page.stage import Stage, stages
from benchmarks.page.subjects import BASELINE, CHANNEL, CLIP, LAYER, OPACITY, Subject, peer
from benchmarks.report import Row

TWO_FRAMES = 2 * 1000 / 60
BYTES = 2 * 227 * 227  # of an attribution map on the wire
WORKS = ("opacity", "layers", "baseline")

Times = dict[str, list[float]]


@dataclass(frozen=True)
class Counts:
    """How much is measured: turns of so many moves, and the seconds of a drag that waits for nothing."""

    turns: int = 6
    moves: int = 10
    slow: int = 2  # moves that take seconds
    seconds: float = 3.0


QUICK = Counts(turns=2, moves=3, slow=1, seconds=1.0)


def run(quick: bool) -> list[Row]:
    """Return what a move of the mouse takes, and what a drag puts on the wire.

    Raises:
        ModuleNotFoundError: the kernel would miss a package.
        RuntimeError: there is no browser, or a picture does not change.
    """
    counts = QUICK if quick else Counts()
    ours = ["kernel.explorer()", "kernel.Line(kernel.explorer().scene.channel)"]
    peers = [f"kernel.{one}({work!r})" for work in WORKS for one in PEERS]
    with stages() as opened, opened([*ours, *peers]) as stage:
        stage.painted()
        parts = (_looks, _layers, _baselines, _streams)
        return [row for part in parts for row in part(stage, counts)]


def _unsee(stage: Stage) -> None:
    """Take from the page what it was sent."""
    stage.page.evaluate("xwChannel[Symbol.for('xai_widgets.hub')].cache.clear()")


def _forget(stage: Stage) -> None:
    """Take from the page and from the kernel all that is known of the picture."""
    _unsee(stage)
    stage.notebook.run("kernel.forget()")


def _unexplain(stage: Stage) -> None:
    """Take from the page and from the kernel what was explained; a refinement that runs goes on."""
    _unsee(stage)
    stage.notebook.run("kernel.unexplain()")


def _rest(stage: Stage) -> None:
    """Drop the refinement that runs, so that the next wish finds nothing to wait for."""
    stage.page.keyboard.press("Escape")
    stage.notebook.run("kernel.idle()")
    _unexplain(stage)


def _turns(stage: Stage, counts: Counts, subjects: Mapping[str, Subject], slow: bool = False) -> Times:
    """Drag each of the subjects, again and again in turns."""
    found: Times = {name: [] for name in subjects}
    for _ in range(counts.turns):
        for name, subject in subjects.items():
            found[name] += stage.drag(subject, counts.slow if slow else counts.moves)
    return found


def _looks(stage: Stage, counts: Counts) -> list[Row]:
    ours = {"opacity": OPACITY, "clip": CLIP, "channel": CHANNEL}
    found = _turns(stage, counts, ours | {one: peer(one, "opacity") for one in PEERS})
    rows = drag_rows("opacity", found["opacity"], found, most_ms=TWO_FRAMES)
    rows += drag_rows("clip", found["clip"], most_ms=TWO_FRAMES)
    return rows + drag_rows("channel", found["channel"], most_ms=TWO_FRAMES)


def _layers(stage: Stage, counts: Counts) -> list[Row]:
    ours = {
        "seen": replace(LAYER, prepare=lambda stage: stage.drag(LAYER, len(LAYER.way))),
        "unseen": replace(LAYER, before=_unsee),
        "forgotten": replace(LAYER, before=_forget),
    }
    found = _turns(stage, counts, ours | {one: peer(one, "layers") for one in PEERS})
    rows = drag_rows("layer, seen", found["seen"], found, most_ms=TWO_FRAMES, times=20)
    rows += drag_rows("layer, unseen", found["unseen"], found, times=5)
    return rows + drag_rows("layer, unseen, its forward pass included", found["forgotten"], found, times=5)


def _baselines(stage: Stage, counts: Counts) -> list[Row]:
    first = {"first": replace(BASELINE, before=_rest), "busy": replace(BASELINE, before=_unexplain)}
    final = {"final": replace(BASELINE, before=_forget, state="final")}
    slow = final | {one: peer(one, "baseline") for one in PEERS}
    found: Times = {name: [] for name in (*first, *slow)}
    passes: list[float] = []
    trips: list[float] = []
    for _ in range(counts.turns):
        once = replace(counts, turns=1)
        for part in (_turns(stage, once, first), _turns(stage, once, slow, slow=True)):
            for name, times in part.items():
                found[name] += times
        passes += stage.notebook.value("kernel.forward_backward(5)")
        trips += [stage.page.evaluate("xwPing", BYTES) for _ in range(5)]
    return [
        *drag_rows("baseline to first picture of integrated gradients", found["first"], found),
        limit_row(found["first"], passes, trips),
        plain_row("one forward and backward pass", passes, "the limit's first part"),
        plain_row(f"round trip of {BYTES // 1000} kB", trips, "the limit's second part; no widget, no frame"),
        *drag_rows("baseline to first picture while an older one is refined", found["busy"], found),
        *drag_rows("baseline to final picture of integrated gradients", found["final"], found),
    ]


def _streams(stage: Stage, counts: Counts) -> list[Row]:
    """What a drag that waits for nothing puts on the websocket."""
    stage.notebook.run("del kernel.explorer().scene.session.ahead")  # from here on as users have it
    ours = {"opacity": OPACITY, "layers": LAYER, "baseline": BASELINE}
    rows = []
    for work in WORKS:
        stage.drag(ours[work], 1)
        _rest(stage)
        found = stage.stream(ours[work], counts.seconds)
        peers = {one: stage.stream(peer(one, work), counts.seconds) for one in PEERS}
        rows += traffic_rows(work, found, peers)
    return rows
