"""What is explained is chosen in the view: a region drawn with the mouse, boxes, another image."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab import Notebook
from tests.browser.test_explorer import attribution, eventually, map_pixels

Open = Callable[..., Notebook]

DEMO = """
import xai_widgets as xw
from xai_widgets import demo
panel = xw.AttributionView(demo.model(), demo.pictures(), method="gradient")
panel
"""
FOUND = """
import torch, numpy as np
import xai_widgets as xw
from torch import nn

class Finder(nn.Module):
    num_classes = 3
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 5, padding=2)
    def forward(self, images):
        maps = self.conv(torch.stack(list(images))).tanh()
        size = torch.tensor([64.0, 48.0, 64.0, 48.0])
        boxes = torch.tensor([[0.1, 0.1, 0.5, 0.6], [0.45, 0.4, 0.9, 0.95]]) * size
        parts = [maps[:, :, 5:29, 6:32], maps[:, :, 19:46, 29:58]]
        scores = torch.stack([part.mean((1, 2, 3)).sigmoid() for part in parts], 1)
        return [{"boxes": boxes, "labels": torch.tensor([1, 2]), "scores": one} for one in scores]

torch.manual_seed(0)
noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
model = xw.Model(Finder(), classes=["background", "cat", "dog"])
panel = xw.AttributionView(model, [noise, noise[:, ::-1].copy()], method="gradient")
rows = xw.Predictions(scene=panel.scene)
panel
"""


def done(page: Page, label: str) -> None:
    view = attribution(page)
    expect(view).to_have_attribute("data-target", label, timeout=60_000)
    expect(view).not_to_have_attribute("data-outdated", "", timeout=60_000)


def test_a_region_is_drawn_with_the_mouse_and_moved_by_keys(open_notebook: Open) -> None:
    notebook = open_notebook([DEMO], width=1400)
    page = notebook.page
    expect(attribution(page)).to_have_attribute("data-phase", "done", timeout=60_000)
    page.get_by_label("Explain", exact=True).select_option(label="A region of the picture")
    box = page.locator(".xw-pane-picture .xw-box")
    expect(box).to_be_visible()
    eventually(lambda: notebook.value("(panel.target or {}).get('box')") == [0.25, 0.25, 0.75, 0.75])
    before = map_pixels(page)

    area = page.locator(".xw-pane-picture .xw-boxes").bounding_box()
    assert area

    def at(x: float, y: float) -> tuple[float, float]:
        return area["x"] + x * area["width"], area["y"] + y * area["height"]

    page.mouse.move(*at(0.1, 0.2))
    page.mouse.down()
    page.mouse.move(*at(0.3, 0.4), steps=4)
    page.mouse.move(*at(0.5, 0.6))
    page.mouse.up()
    eventually(lambda: abs(notebook.value("((panel.target or {}).get('box') or [9] * 4)[2]") - 0.5) < 0.02)
    drawn = notebook.value("(panel.target or {}).get('box')")
    assert drawn == pytest.approx([0.1, 0.2, 0.5, 0.6], abs=0.02)
    eventually(lambda: "within 10–50 %" in (attribution(page).get_attribute("data-target") or ""))
    eventually(lambda: (map_pixels(page) != before).any())
    assert notebook.value("panel.explain().target") == attribution(page).get_attribute("data-target")
    notebook.screenshot("targets-region-1400")

    expect(box).to_be_focused()
    page.keyboard.press("ArrowRight")
    eventually(lambda: notebook.value("(panel.target or {}).get('box')")[0] == pytest.approx(drawn[0] + 0.02))
    page.keyboard.press("Shift+ArrowDown")
    eventually(lambda: notebook.value("(panel.target or {}).get('box')")[3] == pytest.approx(drawn[3] + 0.02))


def test_another_image_and_the_kinds_that_have_numbers(open_notebook: Open) -> None:
    notebook = open_notebook([DEMO], width=700, theme="dark")
    page = notebook.page
    expect(attribution(page)).to_have_attribute("data-phase", "done", timeout=60_000)
    page.get_by_label("Explain", exact=True).select_option(label="Similarity to an image")
    eventually(lambda: notebook.value("(panel.target or {}).get('reference')") == 1)
    page.get_by_label("Other image", exact=True).select_option(index=2)
    eventually(lambda: notebook.value("(panel.target or {}).get('reference')") == 2)
    notebook.screenshot("targets-similarity-700-dark")
    page.get_by_label("Explain", exact=True).select_option(label="A unit of a layer")
    page.get_by_label("Row", exact=True).fill("1")
    page.get_by_label("Row", exact=True).press("Enter")
    eventually(lambda: notebook.value("((panel.target or {}).get('position') or [9] * 4)[0]") == 1)
    notebook.run("panel.target = None")
    expect(page.get_by_label("Explain", exact=True)).to_have_value("class")


def test_boxes_that_were_found_are_drawn_and_chosen(open_notebook: Open) -> None:
    notebook = open_notebook([FOUND, "rows"], width=1400, theme="dark")
    page = notebook.page
    expect(attribution(page)).to_have_attribute("data-phase", "done", timeout=60_000)
    expect(page.locator(".xw-pane-picture .xw-boxes-found > i")).to_have_count(2)
    page.get_by_label("Box", exact=True).select_option(index=1)
    second = "list(rows.top[1].box)"
    eventually(lambda: notebook.value(f"panel.target and panel.target['box'] == {second}") is True)
    notebook.screenshot("targets-detection-1400-dark")
    page.locator(".xw-prediction-rows").scroll_into_view_if_needed()
    rows = page.locator(".xw-prediction-rows input[type=radio]")
    expect(rows.nth(1)).to_be_checked()
    notebook.screenshot("targets-predictions-1400-dark")
    rows.nth(0).check()
    eventually(lambda: notebook.value("panel.target['box'] == list(rows.top[0].box)") is True)
    expect(page.get_by_label("Box", exact=True)).to_have_value("0")
