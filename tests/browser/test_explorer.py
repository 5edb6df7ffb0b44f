"""The explorer in a real JupyterLab in a real Chromium, held against Python in the same kernel."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import Notebook

pytestmark = pytest.mark.browser

DEMO = """
import xai_widgets as xw
from xai_widgets import demo
explorer = xw.explore(demo.model(), demo.pictures(), method="integrated_gradients")
explorer
"""

SPOT = re.compile(r"^\d+,\d+,\d+$")


def attribution(page: Page) -> Locator:
    return page.locator(".xw-attribution-view")


def painted(notebook: Notebook) -> Page:
    """Wait until every panel shows what is selected."""
    page = notebook.page
    for panel in (".xw-layer-scrubber", ".xw-feature-maps", ".xw-attribution-view", ".xw-image-strip"):
        expect(page.locator(panel).first).to_have_attribute("data-phase", "done", timeout=60_000)
    expect(attribution(page).first).not_to_have_attribute("data-outdated", "", timeout=60_000)
    return page


def eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Ask until it holds: what the page tells the kernel arrives a little later."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"it did not come within {seconds} s"


def map_pixels(page: Page) -> np.ndarray:
    """Return the pixels of the attribution map as they stand on the screen's canvas, `(h, w, 3)`."""
    found = page.evaluate(
        """() => {
          const canvas = document.querySelector(".xw-pane-map canvas");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return { width: canvas.width, height: canvas.height, data: Array.from(data) };
        }"""
    )
    return np.array(found["data"], np.uint8).reshape(found["height"], found["width"], 4)[..., :3]


def python_pixels(notebook: Notebook, sign: str = "both") -> np.ndarray:
    """Return what Python paints for the explanation on the screen."""
    code = f"xw_render.colorize(explorer.explanation.map, 'auto', 99.0, {sign!r}).tolist()"
    notebook.run("from xai_widgets import render as xw_render")
    return np.array(notebook.value(code), np.uint8)


def assert_same_map(notebook: Notebook, sign: str = "both") -> None:
    """The canvas and Python agree; int16 on the wire may move a colour to its neighbour in the table."""
    shown, expected = map_pixels(notebook.page).astype(int), python_pixels(notebook, sign).astype(int)
    assert shown.shape == expected.shape
    assert len(np.unique(expected.reshape(-1, 3), axis=0)) > 20, "the map is not empty"
    assert np.abs(shown - expected).max() <= 12
    assert np.mean(shown == expected) > 0.95


def test_a_photograph_on_a_real_network(desk: Notebook, kit: Path) -> None:
    photographs = [str(kit / "images" / "ccby" / name) for name in ("parrot.jpg", "hot_dog.jpg")]
    cell = f"""
import sys
sys.path.insert(0, {str(kit / "models")!r})
import squeezenet10
import xai_widgets as xw
classes = open({str(kit / "labels" / "imagenet_classes.txt")!r}).read().splitlines()
model = xw.Model(squeezenet10.load(), classes=classes)
explorer = xw.explore(model, {photographs!r})
explorer
"""
    desk.show(cell)
    page = painted(desk)
    view = attribution(page)
    top = desk.value(
        "[explorer.predictions.top[0].name, round(100 * explorer.predictions.top[0].probability, 1)]"
    )
    expect(view).to_have_attribute("data-target", top[0])
    expect(view.locator(".xw-title")).to_contain_text(f"{top[1]} %")
    expect(page.locator(".xw-predictions")).to_contain_text(top[0][:10])
    assert_same_map(desk, "positive")

    # Scrub: the feature maps follow, and end where Python is.
    track = page.locator(".xw-ls-track")
    box = track.bounding_box()
    assert box is not None
    layers: set[str | None] = set()
    page.mouse.move(box["x"] + box["width"] * 0.05, box["y"] + box["height"] / 2)
    page.mouse.down()
    for share in np.linspace(0.05, 0.6, 30):
        page.mouse.move(box["x"] + box["width"] * float(share), box["y"] + box["height"] / 2)
        layers.add(page.locator(".xw-layer-scrubber").get_attribute("data-layer"))
    page.mouse.up()
    assert len(layers) > 5
    chosen = page.locator(".xw-layer-scrubber").get_attribute("data-layer")
    maps = page.locator(".xw-feature-maps")
    expect(maps).to_have_attribute("data-layer", chosen or "")
    eventually(lambda: desk.value("explorer.layer") == chosen)
    assert int(maps.get_attribute("data-channels") or 0) == desk.value("len(explorer.features.maps)")

    # A spot of a map: the number on the page is the network's.
    tile = page.locator(".xw-feature-maps canvas").first
    spot = tile.bounding_box()
    assert spot is not None
    page.mouse.move(spot["x"] + 40, spot["y"] + 40)
    expect(maps).to_have_attribute("data-hover", SPOT)
    channel, y, x = (int(part) for part in (maps.get_attribute("data-hover") or "").split(","))
    value, low, high = desk.value(
        f"(lambda m: [float(m[{y}, {x}]), float(m.min()), float(m.max())])(explorer.features.maps[{channel}])"
    )
    read = float(maps.locator(".xw-fm-spot").get_attribute("data-value") or "nan")
    assert read == pytest.approx(value, abs=(high - low) / 255 + abs(value) * 0.01)

    # Method, baseline, target: each from the page, each held against Python.
    page.get_by_label("Method", exact=True).select_option("integrated_gradients")
    expect(view).to_have_attribute("data-method", "integrated_gradients", timeout=60_000)
    expect(view).to_have_attribute("data-phase", "done", timeout=120_000)
    assert_same_map(desk)
    assert view.get_attribute("data-evidence") == desk.value("explorer.evidence.line")
    gap = desk.value("explorer.evidence['completeness'].figure")
    assert gap < 0.01

    page.get_by_label("Baseline", exact=True).select_option("white")
    expect(view).to_have_attribute("data-baseline", "white", timeout=60_000)
    expect(view).to_have_attribute("data-phase", "done", timeout=120_000)
    assert desk.value("explorer.baseline") == {"name": "white"}
    assert_same_map(desk)

    target = page.get_by_label("Target", exact=True)
    target.click()
    target.fill("toucan")
    target.press("Enter")
    expect(view).to_have_attribute("data-target", "toucan", timeout=60_000)
    expect(view).to_have_attribute("data-phase", "done", timeout=120_000)
    assert desk.value("explorer.target") == desk.value("explorer.scene.model.class_index('toucan')")
    assert_same_map(desk)
    assert desk.problems == []


def test_python_steers_the_page_and_the_page_python(desk: Notebook) -> None:
    desk.show(DEMO)
    page = painted(desk)
    names = desk.value("[layer.name for layer in explorer.layers.layers.viewable]")
    desk.run(f"explorer.layer = {names[2]!r}; explorer.image = 3; explorer.method = 'gradient'")
    expect(page.locator(".xw-feature-maps")).to_have_attribute("data-layer", names[2])
    expect(page.locator(".xw-feature-maps")).to_have_attribute("data-image", "3")
    expect(attribution(page)).to_have_attribute("data-method", "gradient")
    track = page.locator(".xw-ls-track")
    track.focus()
    for key, place in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("End", -1)):
        track.press(key)
        expect(page.locator(".xw-layer-scrubber")).to_have_attribute("data-layer", names[place])
    expect(page.locator(".xw-feature-maps")).to_have_attribute("data-layer", names[-1])
    eventually(lambda: desk.value("explorer.layer") == names[-1])
    page.locator(".xw-thumb").nth(1).click()
    expect(page.locator(".xw-feature-maps")).to_have_attribute("data-image", "1")
    painted(desk)
    eventually(lambda: desk.value("explorer.image") == 1)
    page.get_by_role("button", name="Feature maps").click()
    expect(page.locator(".xw-feature-maps")).to_be_hidden()
    eventually(lambda: "features" not in desk.value("explorer.panels"))
    desk.run("explorer.panels = ['features', 'layers']")
    expect(page.locator(".xw-feature-maps")).to_be_visible()
    expect(attribution(page)).to_be_hidden()
    assert desk.problems == []


def test_what_needs_no_new_numbers_needs_no_kernel(desk: Notebook) -> None:
    """With the worker held shut, layers that were sent ahead and the look of a map still change."""
    desk.show(DEMO)
    page = painted(desk)
    names = desk.value("[layer.name for layer in explorer.layers.layers.viewable]")
    desk.run(
        "import threading\n"
        "from types import SimpleNamespace\n"
        "from xai_widgets.live.scheduler import Job, worker\n"
        "gate, quiet = threading.Event(), lambda *_: None\n"
        "def wait():\n"
        "    gate.wait(100)\n"
        "    return iter(())\n"
        "assert worker().wait_idle(60)\n"
        "worker().submit(Job('gate', wait, SimpleNamespace(step=quiet, done=quiet, failed=quiet)))"
    )
    track = page.locator(".xw-ls-track")
    track.press("Home")
    for name in names[1:]:
        track.press("ArrowRight")
        expect(page.locator(".xw-feature-maps")).to_have_attribute("data-layer", name, timeout=2000)
    before, ticks = map_pixels(page), page.locator(".xw-ticks").first.text_content() or ""
    page.get_by_role("slider", name="Clip at percentile").first.press("PageDown")
    expect(page.locator(".xw-ticks").first).not_to_have_text(ticks)
    assert (map_pixels(page) != before).any()
    desk.run("gate.set()")


def test_newest_wins_on_a_slow_network(desk: Notebook) -> None:
    cell = """
import time
import xai_widgets as xw
from xai_widgets import demo
from xai_widgets.widgets import topics
model = demo.model()
settings = dict(method="integrated_gradients", baseline="blur", params={"steps": 8})
explorer = xw.explore(model, demo.pictures(), **settings)
model.module.register_forward_pre_hook(lambda *_: time.sleep(0.4))
started, asked = [], topics.explain
def explain(scene, wish):
    started.append(wish["baseline"].get("sigma"))
    return asked(scene, wish)
topics.explain = explain
explorer
"""
    desk.show(cell)
    page = painted(desk)
    desk.run("started.clear()")
    seconds = page.evaluate(
        """async () => {
          const view = document.querySelector(".xw-attribution-view");
          const rest = view.querySelector(".xw-title-rest");
          window.xwShown = [];
          new MutationObserver(() => window.xwShown.push(rest.textContent))
            .observe(rest, { childList: true, characterData: true, subtree: true });
          const label = (range) => range.getAttribute("aria-label") ?? range.labels?.[0]?.textContent ?? "";
          const ranges = [...view.querySelectorAll("input[type=range]")];
          const slider = ranges.find((range) => /blur|sigma|σ/i.test(label(range)));
          const [low, high] = [Number(slider.min), Number(slider.max)];
          const begin = performance.now();
          for (let i = 1; i <= 200; i++) {
            slider.value = String(low + ((high - low) * (0.2 + 0.6 * (i / 200))));
            slider.dispatchEvent(new Event("input", { bubbles: true }));
            await new Promise((next) => setTimeout(next, 5));
          }
          slider.dispatchEvent(new Event("change", { bubbles: true }));
          return (performance.now() - begin) / 1000;
        }"""
    )
    expect(attribution(page)).to_have_attribute("data-phase", "done", timeout=60_000)
    expect(attribution(page)).not_to_have_attribute("data-outdated", "")
    started = desk.value("started")
    final = desk.value("explorer.baseline['sigma']")
    # A computation that began is only dropped between two forward passes, of 0.4 s each.
    assert 1 <= len(started) <= 2 + seconds / 0.4, started
    assert started[-1] == final == desk.value("explorer.explanation.baseline['sigma']")
    shown = [float(text.split("(")[1].split()[-2]) for text in page.evaluate("window.xwShown") if "(" in text]
    assert shown == sorted(shown), "an older picture after a newer one"
    assert shown[-1] == pytest.approx(final)
    assert_same_map(desk)
    desk.run("topics.explain = asked")
    print(f"200 moves in {seconds:.1f} s led to {len(started)} computations")


def test_pictures_are_added_and_broken_ones_refused(desk: Notebook, tmp_path: Path) -> None:
    desk.show(DEMO)
    page = painted(desk)
    count = page.locator(".xw-thumb").count()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80), np.uint8)).save(tmp_path / "grey.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG no picture")
    page.locator(".xw-image-strip input[type=file]").set_input_files(tmp_path / "grey.png")
    expect(page.locator(".xw-thumb")).to_have_count(count + 1)
    expect(page.locator(".xw-feature-maps")).to_have_attribute("data-image", str(count))
    painted(desk)
    page.locator(".xw-image-strip input[type=file]").set_input_files(tmp_path / "broken.png")
    expect(page.locator(".xw-strip-message")).to_contain_text("broken.png")
    expect(page.locator(".xw-thumb")).to_have_count(count + 1)
    eventually(lambda: desk.value("explorer.image") == count)


def test_a_failing_network_says_why_and_the_last_picture_stays(desk: Notebook) -> None:
    cell = """
import xai_widgets as xw
from xai_widgets import demo
model, broken = demo.model(), []
def fail(*_):
    if broken: raise RuntimeError("the <b>cable</b> came off")
model.module.register_forward_pre_hook(fail)
explorer = xw.explore(model, demo.pictures())
explorer
"""
    desk.show(cell)
    page = painted(desk)
    before = map_pixels(page)
    desk.run("broken.append(1)")
    page.get_by_label("Method", exact=True).select_option("occlusion")
    notice = page.locator(".xw-attribution-view .xw-notice")
    expect(notice).to_contain_text("the <b>cable</b> came off")
    assert (map_pixels(page) == before).all()
    expect(attribution(page)).to_have_attribute("data-phase", "error")
    desk.run("broken.clear()")
    notice.get_by_role("button").click()
    expect(attribution(page)).to_have_attribute("data-phase", "done", timeout=60_000)
    expect(notice).to_be_hidden()


def test_names_with_markup_are_text(desk: Notebook) -> None:
    cell = """
import torch, xai_widgets as xw
evil = "<img src=x onerror='xwHacked=1'>"
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.add_module(evil, torch.nn.ReLU())
    def forward(self, x):
        return getattr(self, evil)(self.conv(x)).mean((2, 3))
model = xw.Model(Net(), classes=[evil + str(i) for i in range(4)])
explorer = xw.explore(model, torch.rand(2, 3, 32, 32))
explorer
"""
    desk.show(cell)
    page = painted(desk)
    expect(attribution(page)).to_have_attribute("data-target", desk.value("explorer.predictions.top[0].name"))
    page.get_by_label("Target", exact=True).click()
    page.get_by_label("Target", exact=True).fill("img")
    expect(page.locator(".xw-list-row").first).to_contain_text("onerror")
    desk.run("explorer.layer = evil")
    expect(page.locator(".xw-feature-maps")).to_have_attribute("data-layer", desk.value("evil"))
    assert page.evaluate("window.xwHacked === undefined")
    assert page.locator(".xw-explorer img").count() == 0


def test_the_saved_notebook_holds_no_pixels(desk: Notebook) -> None:
    desk.show(DEMO)
    painted(desk)
    saved = json.dumps(desk.save()["cells"])
    assert "image/png" not in saved and "widget-view" in saved
    assert len(saved) < 5000


def test_panels_alone_linked_in_the_browser(desk: Notebook) -> None:
    cell = """
import ipywidgets
import xai_widgets as xw
from xai_widgets import demo
model, pictures = demo.model(), demo.pictures()
one = xw.AttributionView(model, pictures[0], method="gradient", view="map")
other = xw.AttributionView(model, pictures[0], method="gradient", view="map")
links = [ipywidgets.jslink((one, name), (other, name)) for name in ("clip", "method")]
ipywidgets.HBox([one, other])
"""
    page = desk.show(cell)
    views = attribution(page)
    for view in (views.nth(0), views.nth(1)):
        expect(view).to_have_attribute("data-phase", "done", timeout=60_000)
        box = view.bounding_box()
        assert box and box["width"] > 450, "they share the width of their box"
    views.nth(0).get_by_role("slider", name="Clip at percentile").press("Home")
    eventually(lambda: desk.value("other.clip") == 50)
    views.nth(0).get_by_label("Method", exact=True).select_option("integrated_gradients")
    expect(views.nth(1)).to_have_attribute("data-method", "integrated_gradients")
    expect(views.nth(1)).to_have_attribute("data-phase", "done", timeout=60_000)
    eventually(lambda: desk.value("[one.method, other.method]") == ["integrated_gradients"] * 2)
