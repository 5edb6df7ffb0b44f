"""The comparison in a real JupyterLab: cells come, follow, are cancelled, and can be told from controls."""

from collections.abc import Callable

import numpy as np
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import Notebook
from tests.browser.test_explorer import eventually

DEMO = """
import torch
import xai_widgets as xw
from xai_widgets import demo
model = demo.model()
weights = {
    name: value + 0.05 * torch.randn_like(value) if value.ndim > 1 else value
    for name, value in model.module.state_dict().items()
}
panel = xw.Compare(model, demo.pictures(), methods=["gradient", "integrated_gradients", "grad_cam"],
                   checkpoints={"noisy": weights}, by="baselines")
panel
"""
# Each pass takes long enough for a cell to be cancelled.
SLOW = """
import torch, time
class Slow(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3, padding=1)
    def forward(self, x):
        time.sleep(0.4)
        return self.conv(x).mean((2, 3))
slow = xw.Compare(xw.Model(Slow()), demo.pictures()[:1], methods=["integrated_gradients"])
slow
"""


def settled(page: Page) -> Locator:
    root = page.locator(".xw-compare")
    root.scroll_into_view_if_needed()
    expect(root).to_have_attribute("data-phase", "done", timeout=60_000)
    expect(root).not_to_have_attribute("data-outdated", "")
    return root


def test_cells_show_what_python_works_out_and_a_click_selects(desk: Notebook) -> None:
    page = desk.show(DEMO)
    root = settled(page)
    expect(root).to_have_attribute("data-maps", "5")
    assert root.locator(".xw-cmp-says:not([hidden])").count() == 4
    found = desk.value("[[one is not None for one in row] for row in panel.compute()]")
    assert found == [[True, False, False], [True, True, True], [True, False, False]]
    figures = root.locator(".xw-matrix td:not([data-same])").all_text_contents()
    rank = np.array(desk.value("panel.agreement(1).matrices['rank'].tolist()"))
    shown = [float(text.replace("−", "-")) for text in figures if text]
    np.testing.assert_allclose(shown, rank[~np.eye(3, dtype=bool)], atol=0.0051)
    root.locator(".xw-cmp-cell").nth(4).click()
    eventually(
        lambda: desk.value("(panel.method, panel.baseline)") == ["integrated_gradients", {"name": "white"}]
    )
    expect(root.locator(".xw-cmp-cell").nth(4)).to_have_attribute("aria-selected", "true")
    assert desk.problems == []


def test_rows_and_columns_change_in_the_page_and_in_python(desk: Notebook) -> None:
    page = desk.show(DEMO)
    root = settled(page)
    root.get_by_role("button", name="Leave Gradient out").click()
    eventually(lambda: desk.value("panel.methods") == ["integrated_gradients", "grad_cam"])
    root.get_by_label("Columns", exact=True).select_option("layers")
    settled(page)
    eventually(lambda: desk.value("(panel.by, panel.columns)") == ["layers", []])
    assert root.locator(".xw-cmp-head").count() == desk.value("len(panel.grid.columns)")
    desk.run("panel.by = 'models'")
    settled(page)
    expect(root.locator(".xw-cmp-head > b")).to_have_text([desk.value("model.name"), "noisy"])
    expect(root.locator(".xw-cmp-part")).to_contain_text("part")
    desk.screenshot("compare-models")


def test_all_cells_zoom_and_point_at_the_same_place(desk: Notebook) -> None:
    page = desk.show(DEMO)
    root = settled(page)
    cell = root.locator(".xw-cmp-cell").nth(3)
    cell.focus()
    page.keyboard.press("+")
    page.keyboard.press("+")
    expect(root.locator(".xw-cmp-board")).to_have_attribute("data-zoom", "1.56")
    wide = "pane => new DOMMatrix(getComputedStyle(pane).transform).a"
    for pane in root.locator(".xw-cmp-view > .xw-pane").all():
        assert pane.evaluate(wide) == 1.5625
    cell.locator("canvas").first.hover()
    crossed = root.locator(".xw-cmp-view .xw-cross-x:not([hidden])")
    expect(crossed).to_have_count(5)
    places = {one.evaluate("line => line.style.top") for one in crossed.all()}
    assert len(places) == 1
    page.keyboard.press("0")
    expect(root.locator(".xw-cmp-board")).to_have_attribute("data-zoom", "1.00")


def test_a_blind_trial_hides_and_reveals(desk: Notebook) -> None:
    page = desk.show(DEMO)
    root = settled(page)
    root.get_by_role("button", name="Blind trial").click()
    expect(root).to_have_attribute("data-hidden", "true")
    settled(page)
    desk.screenshot("compare-blind")
    assert "shuffled" not in root.inner_text().lower()
    controls = desk.value("[column.control is not None for column in panel.grid.columns]")
    for place in np.flatnonzero(controls):
        root.locator(".xw-cmp-suspect").nth(int(place)).click()
    root.get_by_role("button", name="Reveal").click()
    expect(root.locator(".xw-cmp-blind-words")).to_have_text("You found 2 of 2 controls.")
    eventually(lambda: desk.value("panel.revealed"))
    root.get_by_role("button", name="End trial").click()
    settled(page)
    eventually(lambda: desk.value("panel.blind") == 0)


def test_escape_ends_the_cells(desk: Notebook) -> None:
    page = desk.show(DEMO + SLOW)
    root = page.locator(".xw-compare")
    expect(root).to_have_attribute("data-phase", "refining", timeout=60_000)
    root.locator(".xw-cmp-cell").first.focus()
    page.keyboard.press("Escape")
    expect(root).to_have_attribute("data-phase", "cancelled")
    idle = "from xai_widgets.live.scheduler import worker; print(worker().wait_idle(20))"
    assert desk.run(idle).strip() == "True"


def test_only_cells_in_sight_are_worked_out(open_notebook: Callable[..., Notebook]) -> None:
    many = DEMO.replace(
        '["gradient", "integrated_gradients", "grad_cam"]',
        '["gradient", "input_x_gradient", "smooth_grad", "layer_cam", "lrp_composite", "occlusion"]',
    )
    notebook = open_notebook([many], width=1400, height=700)
    page = notebook.page
    root = page.locator(".xw-compare")
    expect(root).to_have_attribute("data-phase", "done", timeout=60_000)
    last = root.locator(".xw-cmp-cell").last
    first = root.locator(".xw-cmp-cell").first
    expect(first).to_have_attribute("data-phase", "done")
    expect(last).to_have_attribute("data-phase", "idle")
    last.scroll_into_view_if_needed()
    expect(last).to_have_attribute("data-phase", "done", timeout=60_000)
    assert notebook.problems == []
