"""A notebook that is measured from outside: drags, what goes over its websocket, what it holds in memory."""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.page.rows import Traffic
from benchmarks.page.subjects import Subject
from tests.browser.lab import Lab, Notebook, chromium

BEGIN = "from benchmarks.page import kernel\n%matplotlib inline"  # in this order: ipympl's import takes over
NEEDED = ("captum", "ipympl", "jupyterlab", "matplotlib")
PROBE = Path(__file__).with_name("probe.js").read_text("utf-8")
WIDTH, HEIGHT = 1500, 1600  # the whole explorer is in sight, so that nothing scrolls
WAIT_SECONDS = 60.0
CELLS_SECONDS = 600.0
LOST = 3  # moves of a drag that may change nothing before that is a fault


@contextmanager
def stages() -> Iterator[Callable[[Sequence[str]], AbstractContextManager["Stage"]]]:
    """Start a JupyterLab and a browser; give what opens a notebook of cells, after `BEGIN`, and runs it.

    Raises:
        ModuleNotFoundError: the kernel would miss a package.
        RuntimeError: there is no browser.
    """
    for name in NEEDED:
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    with Lab() as lab, chromium() as browser:

        @contextmanager
        def opened(cells: Sequence[str]) -> Iterator[Stage]:
            cells = [BEGIN, *cells]
            notebook = Notebook.open(lab, browser, cells, width=WIDTH, height=HEIGHT, seconds=CELLS_SECONDS)
            yield Stage(notebook)
            notebook.close()

        yield opened


class Stage:
    """A notebook with the probe in its page, made by `stages`.

    Attributes:
        notebook: the notebook; its `run` and `value` speak to the kernel.
    """

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self.page = notebook.page
        self.page.evaluate(PROBE)
        self._cdp = self.page.context.new_cdp_session(self.page)
        self._cdp.send("Performance.enable")
        self._cdp.send("Network.enable")

    def painted(self) -> None:
        """Wait until the explorer shows all it was asked for."""
        for panel in (".xw-attribution-view", ".xw-feature-maps"):
            self.page.locator(panel).scroll_into_view_if_needed()
            self.page.wait_for_selector(f'{panel}[data-phase="done"]')

    def drag(self, subject: Subject, moves: int) -> list[float]:
        """Drag, and return the milliseconds from each move to its picture; the first move is not counted.

        Raises:
            RuntimeError: moves change nothing.
        """
        found: list[float] = []
        lost = 0
        subject.prepare(self)
        with self._held(subject) as move:
            while len(found) <= moves:
                subject.before(self)
                self.page.evaluate(
                    "([picture, state, seconds]) => xwProbe.arm(picture, state, seconds)",
                    [subject.picture, subject.state, WAIT_SECONDS],
                )
                move()
                ms = self.page.evaluate("xwProbe.found()")
                lost += ms is None
                if lost > LOST:
                    raise RuntimeError(f"{subject.picture} did not change in {WAIT_SECONDS:.0f} s")
                if ms is not None:
                    found.append(ms)
        return found[1:]

    def stream(self, subject: Subject, seconds: float) -> Traffic:
        """Drag without waiting for pictures, as fast as the page takes the moves, and count."""
        sizes: dict[str, list[int]] = {"in": [], "out": []}
        listeners = {
            "Network.webSocketFrameReceived": lambda event: sizes["in"].append(_size(event)),
            "Network.webSocketFrameSent": lambda event: sizes["out"].append(_size(event)),
        }
        with self._held(subject) as move:
            self.page.evaluate("(picture) => void xwProbe.count(picture)", subject.picture)
            for name, listener in listeners.items():
                self._cdp.on(name, listener)
            begin = self._now()
            while self._now() - begin < seconds:
                move()
            seconds, pictures = self._now() - begin, self.page.evaluate("xwProbe.counted()")
            for name, listener in listeners.items():
                self._cdp.remove_listener(name, listener)
        return Traffic(seconds, pictures, sizes["in"], sizes["out"])

    def memory(self) -> dict[str, float]:
        """Return the MB that page and kernel hold, after their rubbish was collected."""
        for _ in range(2):
            self._cdp.send("HeapProfiler.collectGarbage")
        heap = self._cdp.send("Runtime.getHeapUsage")
        processes = self._browser().send("SystemInfo.getProcessInfo")["processInfo"]
        pages = [process["id"] for process in processes if process["type"] == "renderer"]
        return {
            "page: JavaScript heap": heap["usedSize"] / 1e6,
            "page: array buffers": heap.get("backingStorageSize", 0.0) / 1e6,
            "page: process": max(psutil.Process(pid).memory_info().rss for pid in pages) / 1e6,
            "kernel: process": self.notebook.value("kernel.resident()"),
        }

    def _browser(self) -> Any:
        browser = self.page.context.browser
        assert browser is not None
        return browser.new_browser_cdp_session()

    def _now(self) -> float:
        return float(self.page.evaluate("performance.now()")) / 1000

    @contextmanager
    def _held(self, subject: Subject) -> Iterator[Callable[[], None]]:
        """Seize what is dragged; give what moves it on."""
        track = subject.track(self.page)
        track.scroll_into_view_if_needed()
        box = track.bounding_box()
        seized = track.locator(subject.handle).bounding_box() if subject.handle else box
        assert box is not None and seized is not None, "the track is not on the page"
        y = seized["y"] + seized["height"] / 2
        mouse = self.page.mouse
        act = mouse.click if subject.gesture == "click" else mouse.move
        left, width = box["x"], box["width"]
        mouse.move(
            seized["x"] + seized["width"] / 2 if subject.handle else left + width * next(subject.places), y
        )
        if subject.gesture == "drag":
            mouse.down()
        yield lambda: act(left + width * next(subject.places), y)
        if subject.gesture == "drag":
            mouse.up()


def _size(event: dict[str, Any]) -> int:
    """The bytes of a websocket frame; binary ones (opcode 2) are told in base64."""
    response = event["response"]
    payload: str = response["payloadData"]
    if response["opcode"] != 2:
        return len(payload.encode())
    return len(payload) * 3 // 4 - payload.count("=")
