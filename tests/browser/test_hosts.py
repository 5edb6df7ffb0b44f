"""The panels where they are not in JupyterLab: Notebook 7, Voilà, marimo.

One server for each host; Notebook 7 is served by the JupyterLab of the other tests, as it is for users.
"""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.lab import ARTIFACTS, Notebook, _free_port, _notebook, fresh_environment
from tests.browser.test_explorer import DEMO, attribution, eventually, painted

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MARIMO = """
import marimo

app = marimo.App(width="medium")


@app.cell
def _():
    import marimo as mo
    import xai_widgets as xw
    from xai_widgets import demo

    scrubber = xw.LayerScrubber(demo.model(), demo.pictures())
    chosen, choose = mo.state(scrubber.layer)
    scrubber.observe(lambda change: choose(change.new), "layer")
    mo.ui.anywidget(scrubber)
    return chosen, mo, scrubber, xw


@app.cell
def _(chosen, mo):
    mo.md(f"Python sees the layer {chosen()}.")
    return


@app.cell
def _(mo, scrubber, xw):
    mo.ui.anywidget(xw.FeatureMaps(scene=scrubber.scene))
    return


@app.cell
def _(mo, scrubber, xw):
    mo.ui.anywidget(xw.AttributionView(scene=scrubber.scene, method="integrated_gradients"))
    return
"""
PANELS = [".xw-layer-scrubber", ".xw-feature-maps", ".xw-attribution-view"]


def needs(package: str) -> None:
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed; it comes with the extra `hosts`")


@contextmanager
def served(home: Path, *command: str) -> Iterator[str]:
    """Run a server that is no Jupyter server and return its address once it answers."""
    port, log = _free_port(), home / "server.log"
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, f"--port={port}"],
            cwd=home,
            env=fresh_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    try:
        answers(url, process, log)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def answers(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 120) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            return direct.open(url, timeout=10).close()
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise RuntimeError(f"no answer from {url} within {seconds} s:\n{log.read_text()}")


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open pages; what went wrong in one stands in `problems`."""
    pages: list[Page] = []

    def open_one(url: str, width: int, theme: str = "light") -> tuple[Page, list[str]]:
        page = browser.new_page(viewport={"width": width, "height": 1800}, color_scheme=theme)
        pages.append(page)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(url, wait_until="commit")  # Voilà's page loads for as long as its cells run
        return page, problems

    yield open_one
    for page in pages:
        page.close()


@pytest.fixture(scope="module")
def voila(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    needs("voila")
    home = tmp_path_factory.mktemp("voila")
    (home / "explorer.ipynb").write_text(_notebook([DEMO], "python3"))
    with served(home, "voila", "--no-browser", "--Voila.ip=127.0.0.1", str(home)) as url:
        yield f"{url}/voila/render/explorer.ipynb"


@pytest.fixture(scope="module")
def marimo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    needs("marimo")
    home = tmp_path_factory.mktemp("marimo")
    (home / "panels.py").write_text(MARIMO)
    (home / "pyproject.toml").write_text('[tool.marimo.display]\ntheme = "system"\n')
    command = ["marimo", "run", "panels.py", "--headless", "--no-token", "--host=127.0.0.1"]
    with served(home, *command) as url:
        yield url


def scrubbed(page: Page) -> None:
    """Scrub to the first layer and on; the maps follow, whatever the host."""
    track, maps = page.locator(".xw-ls-track"), page.locator(".xw-feature-maps")
    for key in ("Home", "ArrowRight"):
        before = maps.get_attribute("data-layer") or ""
        track.press(key)
        expect(maps).not_to_have_attribute("data-layer", before)
        layer = page.locator(".xw-layer-scrubber").get_attribute("data-layer") or ""
        expect(maps).to_have_attribute("data-layer", layer)
        expect(maps).to_have_attribute("data-phase", "done")


def fits(page: Page) -> None:
    """No panel is wider than the page, none is a sliver, and each has a ground of its own."""
    for panel in PANELS:
        one = page.locator(panel).first
        box = one.bounding_box()
        viewport = page.viewport_size
        assert box and viewport
        assert 400 < box["width"] <= viewport["width"], panel
        ground = one.evaluate("element => getComputedStyle(element).backgroundColor")
        assert ground != "rgba(0, 0, 0, 0)", panel


def dark(page: Page) -> bool:
    """Whether the panels stand on a dark ground."""
    shown: bool = page.locator(".xw-attribution-view").first.evaluate(
        """(element) => {
          const canvas = new OffscreenCanvas(1, 1).getContext("2d");
          canvas.fillStyle = getComputedStyle(element).backgroundColor;
          canvas.fillRect(0, 0, 1, 1);
          return canvas.getImageData(0, 0, 1, 1).data[1] < 128;
        }"""
    )
    return shown


def all_done(page: Page) -> None:
    for panel in PANELS:
        expect(page.locator(panel).first).to_have_attribute("data-phase", "done", timeout=90_000)


@pytest.mark.parametrize(("theme", "width"), [("light", 1400), ("dark", 700)])
def test_notebook_7(open_notebook: Callable[..., Notebook], theme: str, width: int) -> None:
    needs("notebook")
    notebook = open_notebook([DEMO], theme=theme, width=width, height=1800, host="notebook", run=False)
    its_own = len(notebook.problems)  # Notebook 7.6 has one before any cell has run
    notebook.run_all()
    page = painted(notebook)
    assert "/notebooks/" in page.url
    scrubbed(page)
    eventually(lambda: notebook.value("explorer.layer") == "blocks.0.norm")
    page.get_by_label("Method", exact=True).select_option("gradient")
    expect(attribution(page)).to_have_attribute("data-method", "gradient")
    painted(notebook)
    fits(page)
    assert dark(page) is (theme == "dark")
    notebook.screenshot(f"notebook-{theme}-{width}")
    assert notebook.problems[its_own:] == []


@pytest.mark.parametrize(("theme", "width"), [("light", 1400), ("dark", 700)])
def test_voila(voila: str, open_page: Callable[..., Page], theme: str, width: int) -> None:
    page, problems = open_page(f"{voila}?theme={theme}", width)
    all_done(page)
    scrubbed(page)
    page.get_by_label("Method", exact=True).select_option("gradient")
    expect(attribution(page)).to_have_attribute("data-method", "gradient")
    all_done(page)
    fits(page)
    assert dark(page) is (theme == "dark")
    assert page.locator(".jp-InputArea").count() == 0, "Voilà shows no code"
    page.screenshot(path=ARTIFACTS / f"voila-{theme}-{width}.png")
    assert problems == []


@pytest.mark.parametrize(("theme", "width"), [("light", 1400), ("dark", 700)])
def test_marimo(marimo: str, open_page: Callable[..., Page], theme: str, width: int) -> None:
    page, problems = open_page(marimo, width, theme)
    all_done(page)
    scrubbed(page)
    expect(page.get_by_text("Python sees the layer blocks.0.norm.")).to_be_visible()
    page.get_by_label("Method", exact=True).select_option("gradient")
    expect(attribution(page)).to_have_attribute("data-method", "gradient")
    all_done(page)
    fits(page)
    assert dark(page) is (theme == "dark")
    page.screenshot(path=ARTIFACTS / f"marimo-{theme}-{width}.png")
    assert problems == []
