"""From the hand to the pixels, in a real JupyterLab in a real Chromium, beside `interact` and ipympl.

A time goes from an input event to the frame with its pixels; `page/probe.js` says exactly what that is. All
that is compared runs in one notebook on one kernel, in turns of a few moves each. Needed are a browser and
`pip install -e '.[bench]'`. The network has trained weights where the kit is there, random ones elsewhere.
"""

import importlib.util
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from playwright.sync_api import Browser

from benchmarks.page.rows import PEERS, drag_rows, limit_row, memory_rows, plain_row, traffic_rows
from benchmarks.page.stage import Stage, Subject
from benchmarks.report import Row
from tests.browser.lab import Lab, chromium

TWO_FRAMES = 2 * 1000 / 60
BYTES = 2 * 227 * 227  # of an attribution map on the wire
WORKS = ("opacity", "layers", "baseline")
BEGIN = (
    "from benchmarks.page import subjects\n%matplotlib inline"  # in this order: ipympl's import takes over
)
OURS = "subjects.explorer()"
LINE = "subjects.Line(subjects.explorer().scene.channel)"
NEEDED = ("anywidget", "captum", "ipympl", "jupyterlab", "matplotlib", "psutil")  # by the kernel

Times = dict[str, list[float]]


@dataclass(frozen=True)
class Counts:
    """How much is measured."""

    turns: int = 6
    moves: int = 10
    slow: int = 2  # of what takes seconds
    seconds: float = 3.0
    interactions: int = 500


QUICK = Counts(turns=2, moves=3, slow=1, seconds=1.0, interactions=50)


def run(quick: bool) -> list[Row]:
    """Return the rows of all that happens in the page.

    Raises:
        ModuleNotFoundError: the kernel would miss a package.
        RuntimeError: there is no browser, or a picture does not change.
    """
    for name in NEEDED:
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    counts = QUICK if quick else Counts()
    with Lab() as lab, chromium() as browser:
        rows = _compared(lab, browser, counts)
        rows += _memory(lab, browser, counts)
        return rows + _growth(lab, browser, counts)


# -- who is measured ----------------------------------------------------------------------------------


def _slider(name: str) -> Callable[[Any], Any]:
    return lambda page: page.locator(".xw-attribution-view").get_by_role("slider", name=re.compile(name))


MAP = ".xw-attribution-view .xw-pane-map canvas"
OPACITY = Subject(MAP, _slider("Opacity"))
CLIP = Subject(MAP, _slider("Clip at percentile"))
CHANNEL = Subject(
    ".xw-fm-large", lambda page: page.locator(".xw-fm-scroll"), gesture="point", span=(0.1, 0.9), stride=0.2
)
LAYER = Subject(".xw-fm-scroll canvas", lambda page: page.locator(".xw-ls-track"), state="layer")
BASELINE = Subject(MAP, _slider("^Blur σ$"), state="first")

GROWS = {
    "channels": "a layer of so many channels",
    "side": "opacity of a map of so many pixels a side",
    "images": "another image of so many",
}
GROWTH: tuple[tuple[str, tuple[int, ...], Subject], ...] = (
    ("channels", (64, 256, 1024), replace(LAYER, span=(0.02, 0.34))),
    ("side", (96, 224, 448), OPACITY),
    (
        "images",
        (4, 16, 64),
        Subject(
            ".xw-fm-picture",
            lambda page: page.locator(".xw-strip-row"),
            gesture="click",
            span=(0.03, 0.17),
            stride=0.06,
        ),
    ),
)


def _peer(name: str, work: str) -> Subject:
    box = f".bench-{name}-{work}"
    picture = f"{box} img" if name == "interact" else f"{box} canvas"
    return Subject(picture, lambda page: page.locator(f"{box} .noUi-target"), handle=".noUi-handle")


def _unsee(stage: Stage) -> None:
    """Take from the page what it was sent."""
    stage.page.evaluate("xwChannel[Symbol.for('xai_widgets.hub')].cache.clear()")


def _forget(stage: Stage) -> None:
    """Take from the page and from the kernel all that is known of the picture."""
    _unsee(stage)
    stage.notebook.run("subjects.forget()")


def _rest(stage: Stage) -> None:
    """Drop the refinement that runs, so that the next wish finds nothing to wait for."""
    stage.page.keyboard.press("Escape")
    _forget(stage)


# -- the same work by all -----------------------------------------------------------------------------


def _compared(lab: Lab, browser: Browser, counts: Counts) -> list[Row]:
    peers = [f"subjects.{peer}({work!r})" for work in WORKS for peer in PEERS]
    with Stage.open(lab, browser, [BEGIN, OURS, LINE, *peers]) as stage:
        stage.painted()
        rows = _looks(stage, counts) + _layers(stage, counts)
        return rows + _baselines(stage, counts) + _streams(stage, counts)


def _turns(stage: Stage, counts: Counts, subjects: Mapping[str, Subject], slow: bool = False) -> Times:
    """Drag each of the subjects, again and again in turns."""
    found: Times = {name: [] for name in subjects}
    for _ in range(counts.turns):
        for name, subject in subjects.items():
            found[name] += stage.drag(subject, counts.slow if slow else counts.moves)
    return found


def _looks(stage: Stage, counts: Counts) -> list[Row]:
    ours = {"opacity": OPACITY, "clip": CLIP, "channel": CHANNEL}
    found = _turns(stage, counts, ours | {peer: _peer(peer, "opacity") for peer in PEERS})
    rows = drag_rows("opacity", found["opacity"], found, most_ms=TWO_FRAMES)
    rows += drag_rows("clip", found["clip"], most_ms=TWO_FRAMES)
    return rows + drag_rows("channel", found["channel"], most_ms=TWO_FRAMES)


def _layers(stage: Stage, counts: Counts) -> list[Row]:
    ours = {
        "seen": replace(LAYER, prepare=lambda stage: stage.drag(LAYER, len(LAYER.way))),
        "unseen": replace(LAYER, before=_unsee),
        "forgotten": replace(LAYER, before=_forget),
    }
    found = _turns(stage, counts, ours | {peer: _peer(peer, "layers") for peer in PEERS})
    rows = drag_rows("layer, seen", found["seen"], found, most_ms=TWO_FRAMES, times=20)
    rows += drag_rows("layer, unseen", found["unseen"], found, times=5)
    return rows + drag_rows("layer, unseen, its forward pass included", found["forgotten"], found, times=5)


def _baselines(stage: Stage, counts: Counts) -> list[Row]:
    first = {"first": replace(BASELINE, before=_rest), "busy": replace(BASELINE, before=_unsee)}
    final = {"final": replace(BASELINE, before=_forget, state="final")}
    slow = final | {peer: _peer(peer, "baseline") for peer in PEERS}
    found: Times = {name: [] for name in (*first, *slow)}
    passes: list[float] = []
    trips: list[float] = []
    for _ in range(counts.turns):
        once = replace(counts, turns=1)
        for part in (_turns(stage, once, first), _turns(stage, once, slow, slow=True)):
            for name, times in part.items():
                found[name] += times
        passes += stage.notebook.value("subjects.forward_backward(5)")
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
    stage.notebook.run("del subjects.explorer().scene.session.ahead")  # from here on as users have it
    ours = {"opacity": OPACITY, "layers": LAYER, "baseline": BASELINE}
    rows = []
    for work in WORKS:
        stage.drag(ours[work], 1)
        _rest(stage)
        found = stage.stream(ours[work], counts.seconds)
        peers = {peer: stage.stream(_peer(peer, work), counts.seconds) for peer in PEERS}
        rows += traffic_rows(work, found, peers)
    return rows


# -- memory and growth --------------------------------------------------------------------------------


def _memory(lab: Lab, browser: Browser, counts: Counts) -> list[Row]:
    """What page and kernel hold more after many moves; each in a notebook of its own."""
    subjects = (OPACITY, CLIP, CHANNEL, LAYER, BASELINE)
    ours = _grown(lab, browser, [BEGIN, OURS], subjects, counts)
    peers = {}
    for peer in PEERS:
        works = ("opacity", "layers")
        cells = [BEGIN, *(f"subjects.{peer}({work!r})" for work in works)]
        peers[peer] = _grown(lab, browser, cells, [_peer(peer, work) for work in works], counts)
    return memory_rows(counts.interactions, ours, peers)


def _grown(
    lab: Lab, browser: Browser, cells: Sequence[str], subjects: Sequence[Subject], counts: Counts
) -> dict[str, tuple[float, float]]:
    """Return the MB before and after."""
    with Stage.open(lab, browser, cells) as stage:
        for subject in subjects:
            stage.drag(subject, 5)
        before = stage.memory()
        for _ in range(5):
            for subject in subjects:
                stage.drag(subject, counts.interactions // (5 * len(subjects)))
        after = stage.memory()
    return {name: (before[name], after[name]) for name in before}


def _growth(lab: Lab, browser: Browser, counts: Counts) -> list[Row]:
    """How the time grows with channels, size and number of pictures; everything is seen already."""
    rows = []
    for name, values, subject in GROWTH:
        for value in values:
            with Stage.open(lab, browser, [BEGIN, f"subjects.grown({name}={value})"]) as stage:
                stage.painted()
                stage.drag(subject, len(subject.way))
                found = [ms for _ in range(counts.turns) for ms in stage.drag(subject, counts.moves)]
            rows += drag_rows(f"{GROWS[name]}: {value}", found, most_ms=TWO_FRAMES)
    return rows
