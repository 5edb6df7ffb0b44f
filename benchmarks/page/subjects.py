"""Who is measured, and what is done with the mouse."""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import Locator, Page

if TYPE_CHECKING:
    from benchmarks.page.stage import Stage


@dataclass(frozen=True)
class Subject:
    """Who is measured.

    Attributes:
        picture: the canvas or image that has to change.
        track: what the mouse is dragged along.
        handle: what is seized, where pressing on the track is not enough.
        state: what of `probe.js` tells that the picture is the wished one.
        prepare: done before each drag.
        before: done before each move, outside of the measured time.
        gesture: "drag" with the button held, "point" without, or "click" at each place.
        span: between which places of the track, as shares of its width.
        stride: how far a move goes.
    """

    picture: str
    track: Callable[[Page], Locator]
    handle: str = ""
    state: str = "drawn"
    prepare: Callable[["Stage"], object] = lambda stage: None
    before: Callable[["Stage"], object] = lambda stage: None
    gesture: Literal["drag", "point", "click"] = "drag"
    span: tuple[float, float] = (0.12, 0.88)
    stride: float = 0.04

    @property
    def way(self) -> list[float]:
        """The places of a whole drag to and fro."""
        low, high = self.span
        there = [low + self.stride * i for i in range(int((high - low) / self.stride) + 1)]
        return [*there, *there[-2:0:-1]]

    @cached_property
    def places(self) -> Iterator[float]:
        """Where the moves go, without an end: a drag goes on where the last one ended."""
        return itertools.cycle(self.way)


def peer(name: str, work: str) -> Subject:
    """Return a peer that does one of the works of `kernel.py`."""
    box = f".bench-{name}-{work}"
    picture = f"{box} img" if name == "interact" else f"{box} canvas"
    return Subject(picture, lambda page: page.locator(f"{box} .noUi-target"), handle=".noUi-handle")


def _slider(name: str) -> Callable[[Page], Locator]:
    return lambda page: page.locator(".xw-attribution-view").get_by_role("slider", name=re.compile(name))


MAP = ".xw-attribution-view .xw-pane-map canvas"
OPACITY = Subject(MAP, _slider("Opacity"))
CLIP = Subject(MAP, _slider("Clip at percentile"))
CHANNEL = Subject(
    ".xw-fm-large", lambda page: page.locator(".xw-fm-scroll"), gesture="point", span=(0.1, 0.9), stride=0.2
)
LAYER = Subject(".xw-fm-scroll canvas", lambda page: page.locator(".xw-ls-track"), state="layer")
BASELINE = Subject(MAP, _slider("^Blur σ$"), state="first")
IMAGE = Subject(
    ".xw-fm-picture",
    lambda page: page.locator(".xw-strip-row"),
    gesture="click",
    span=(0.03, 0.17),
    stride=0.06,
)
