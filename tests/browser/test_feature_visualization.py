"""What a unit likes, in a real JupyterLab in a real Chromium, held against Python in the same kernel."""

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.lab import Lab, Notebook
from tests.browser.test_explorer import eventually

pytestmark = pytest.mark.browser

CELL = """
import numpy as np
import xai_widgets as xw
from xai_widgets import demo
panel = xw.FeatureVisualization(demo.model(), demo.pictures(), layer="blocks.4.relu", channel=5, steps=32)
panel
"""


@pytest.fixture(scope="module")
def notebook(lab: Lab, browser: Browser) -> Iterator[Notebook]:
    opened = Notebook.open(lab, browser, [CELL], width=1400, height=1200)
    yield opened
    opened.close()


def root(page: Page) -> Locator:
    return page.locator(".xw-feature-visualization")


def settled(notebook: Notebook, iterations: int) -> Locator:
    view = root(notebook.page)
    expect(view).to_have_attribute("data-iterations", str(iterations), timeout=120_000)
    expect(view).to_have_attribute("data-phase", "done", timeout=30_000)
    expect(view).not_to_have_attribute("data-outdated", "", timeout=30_000)
    return view


def pixels(page: Page) -> np.ndarray:
    """The first picture as its canvas holds it, `(h, w, 3)`."""
    found = page.locator(".xw-pane-feature canvas").first.evaluate(
        "c => [c.height, c.width, [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]]"
    )
    return np.array(found[2], np.uint8).reshape(found[0], found[1], 4)[..., :3]


def test_the_picture_is_pythons_and_goes_on_where_it_was(notebook: Notebook) -> None:
    page = notebook.page
    settled(notebook, 32)
    kept = notebook.value("panel.visualization.picture.tolist()")
    assert (pixels(page) == np.array(kept, np.uint8)).all()
    same = "(xw.visualize(panel.scene.model, xw.Channel('blocks.4.relu', 5), steps={}, size=96).picture"
    same += " == panel.visualization.picture).all().item()"
    assert notebook.value(same.format(32)) is True
    assert page.locator(".xw-fv-examples > li").count() == 8
    notebook.screenshot("feature-visualization-light-1400")
    root(page).get_by_role("button", name="Step").click()
    settled(notebook, 48)
    assert notebook.value(same.format(48)) is True
    assert notebook.value("panel.playing") is False


def test_restart_gives_another_picture_and_escape_holds_it(notebook: Notebook) -> None:
    page, before = notebook.page, pixels(notebook.page)
    notebook.run("panel.steps = 1024")
    root(page).get_by_role("button", name="Restart").click()
    expect(root(page)).to_have_attribute("data-phase", "refining", timeout=30_000)
    root(page).focus()
    page.keyboard.press("Escape")
    expect(root(page)).to_have_attribute("data-phase", "cancelled", timeout=30_000)
    expect(root(page).get_by_role("button", name="Resume")).to_be_visible()
    assert not (pixels(page) == before).all()
    notebook.screenshot("feature-visualization-held")
    held = int(root(page).get_attribute("data-iterations") or 0)
    assert 0 < held < 1024
    root(page).get_by_role("button", name="Step").click()
    expect(root(page)).to_have_attribute("data-phase", "done", timeout=60_000)
    assert held < int(root(page).get_attribute("data-iterations") or 0) < 1024


def test_it_follows_python(notebook: Notebook) -> None:
    notebook.run("panel.steps, panel.playing, panel.unit, panel.target = 24, True, 'class', 'star'")
    settled(notebook, 24)
    expect(root(notebook.page).locator(".xw-title b")).to_have_text("star")
    eventually(
        lambda: notebook.value("panel.visualization is not None and panel.visualization.target") == "star"
    )


def test_narrow_and_dark(lab: Lab, browser: Browser) -> None:
    cell = CELL.replace("steps=32", "steps=32, settings={'count': 4, 'diversity': 0.5}")
    opened = Notebook.open(lab, browser, [cell], width=700, height=1400, theme="dark")
    try:
        settled(opened, 32)
        box = root(opened.page).bounding_box()
        assert box is not None
        inside = "e => e.scrollWidth <= e.clientWidth + 1"
        assert root(opened.page).evaluate(inside)
        opened.screenshot("feature-visualization-dark-700")
    finally:
        opened.close()
