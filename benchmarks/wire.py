"""Browser → kernel → browser, with the server extension and on a stock server, in turn.

Each round trip is a custom message that a handler in the kernel answers at once, as a panel's wish that is
already known would be. Panels send a second tiny message after each wish; the rows say where that is done.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from statistics import quantiles

from playwright.sync_api import Browser, Page

from benchmarks.report import Row, row
from tests.browser.lab import Lab, Notebook, chromium
from xai_widgets.wire import EXTENSION

ECHO = """
import anywidget

class Echo(anywidget.AnyWidget):
    _esm = "export default { render({ model, el }) { window.xwEcho = model; el.textContent = 'echo'; } }"

    def answer(self, _, content, buffers):
        if "seq" in content:
            self.send({"seq": content["seq"]}, [bytes(content["size"])])

echo = Echo()
echo.on_msg(echo.answer)
echo
"""
ROUND_TRIPS = """async ({ first, count, size, second, pause }) => {
  const times = [];
  for (let seq = first; seq < first + count; seq++) {
    await new Promise((next) => setTimeout(next, pause));
    const begin = performance.now();
    const answered = new Promise((resolve) => {
      const hear = (content) => {
        if (content.seq !== seq) return;
        xwEcho.off("msg:custom", hear);
        resolve(performance.now());
      };
      xwEcho.on("msg:custom", hear);
    });
    xwEcho.send({ seq, size });
    if (second) xwEcho.send({ type: "nudge" });
    times.push((await answered) - begin);
  }
  return times;
}"""
PAUSE_MS = 30  # between two round trips: quicker than a hand, slower than a queue
BLOCK = 25  # so many on one server, then as many on the other


def run(quick: bool) -> list[Row]:
    """Return median and 95th percentile of round trips; the peer is the stock server."""
    count = BLOCK if quick else 16 * BLOCK
    with ExitStack() as stack:
        browser = stack.enter_context(chromium())
        pages = [_page(stack, browser, extension) for extension in (True, False)]
        for page in pages:
            _trips(page, 0, 200, False)  # the first of them are slower
        return [
            found
            for size in (200, 50_000)
            for second in (False, True)
            for found in _rows(pages, count, size, second)
        ]


def _page(stack: ExitStack, browser: Browser, extension: bool) -> Page:
    config = {"ServerApp": {"jpserver_extensions": {EXTENSION: extension}}}
    lab = stack.enter_context(Lab(config=config))
    notebook = Notebook.open(lab, browser, [ECHO])
    stack.callback(notebook.close)
    notebook.page.wait_for_function("() => window.xwEcho")
    return notebook.page


def _rows(pages: Sequence[Page], count: int, size: int, second: bool) -> tuple[Row, Row]:
    times: list[list[float]] = [[], []]
    for first in range(0, count, BLOCK):
        for page, found in zip(pages, times, strict=True):
            found += _trips(page, first, size, second)
    name = f"round trip, {size / 1000:g} kB back" + (", second message" if second else "")
    note = "peer: a stock server"
    middle = row(name, "ms", *times, note=note)
    late, peer = (quantiles(found, n=20)[-1] for found in times)
    return middle, Row(
        f"{name}, 95th percentile", late, "ms", middle.spread, count, peer, late / peer, note=note
    )


def _trips(page: Page, first: int, size: int, second: bool) -> list[float]:
    wish = {"first": first, "count": BLOCK, "size": size, "second": second, "pause": PAUSE_MS}
    found: list[float] = page.evaluate(ROUND_TRIPS, wish)
    return found
