"""A page without a kernel, opened as a file with the network off, held against Python."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, FrameLocator, Page, expect
from scipy.integrate import trapezoid

import xai_widgets as xw
from tests.browser.lab import ARTIFACTS, Notebook
from tests.browser.test_explorer import SPOT
from xai_widgets import demo, render
from xai_widgets.anytime import last
from xai_widgets.live import codec
from xai_widgets.widgets import topics

pytestmark = pytest.mark.browser

IMAGES = (0, 3)
LAYERS = ("blocks.0.conv", "blocks.2.pool", "blocks.5.relu", "head")
METHODS = ("integrated_gradients", "grad_cam", "gradient")
BASELINES = {"black": xw.baselines.Black(), "blur 1": xw.baselines.Blur(2), "blur 2": xw.baselines.Blur(6)}
PANELS = (".xw-image-strip", ".xw-layer-scrubber", ".xw-feature-maps", ".xw-attribution-view")

Place = Page | FrameLocator
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def explorer() -> Iterator[xw.Explorer]:
    made = xw.explore(demo.model(), demo.pictures(), method="integrated_gradients", layer=LAYERS[1])
    yield made
    made.close()


@pytest.fixture(scope="module")
def path(explorer: xw.Explorer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return explorer.to_html(
        tmp_path_factory.mktemp("offline") / "shapes.html",
        images=IMAGES,
        layers=LAYERS,
        methods=METHODS,
        baselines=list(BASELINES.values()),
        targets=["circle", xw.Margin(0, 1)],
    )


@pytest.fixture
def open_file(browser: Browser) -> Iterator[Open]:
    """Open a file with the network off; in the end, nothing but the file was asked for and nothing failed."""
    opened: list[tuple[Any, Path, list[str], list[str]]] = []

    def open_one(path: Path, width: int = 1400, height: int = 1300, **options: Any) -> Page:
        context = browser.new_context(offline=True, viewport={"width": width, "height": height}, **options)
        requests: list[str] = []
        problems: list[str] = []
        opened.append((context, path, requests, problems))
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
        page.goto(path.as_uri())
        return page

    yield open_one
    for context, path, requests, problems in opened:
        context.close()
        # A blob is what the page itself has made.
        assert [url for url in requests if not url.startswith("blob:")] == [path.as_uri()]
        assert problems == []


def settled(page: Place, panels: tuple[str, ...] = PANELS) -> None:
    """Wait until every panel shows what is selected."""
    for panel in panels:
        expect(page.locator(panel)).to_have_attribute("data-phase", "done", timeout=30_000)
    expect(page.locator(".xw-attribution-view")).not_to_have_attribute("data-outdated", "")


def pixels(page: Page, canvas: str) -> np.ndarray:
    """Return what stands on a canvas, `(h, w, 3)`."""
    found = page.evaluate(
        """(selector) => {
          const canvas = document.querySelector(selector);
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return { width: canvas.width, height: canvas.height, data: Array.from(data) };
        }""",
        canvas,
    )
    return np.array(found["data"], int).reshape(found["height"], found["width"], 4)[..., :3]


def assert_shows(page: Page, found: xw.Explanation) -> None:
    """The canvas shows an explanation, as its values are after the way over the wire."""
    sign: render.Sign = "both" if found.signed else "positive"
    values = codec.unpack(codec.pack_signed("map", found.map))
    shown = pixels(page, ".xw-attribution-view .xw-pane-map canvas")
    expected = render.colorize(values, "auto", 99.0, sign).astype(int)
    assert shown.shape == expected.shape
    assert len(np.unique(expected.reshape(-1, 3), axis=0)) > 20, "the map is not empty"
    assert np.mean(shown == expected) > 0.999
    assert page.locator(".xw-attribution-view").get_attribute("data-evidence") == found.evidence.line


def options(page: Page, label: str) -> list[str]:
    return page.get_by_label(label, exact=True).locator("option").all_text_contents()


def test_methods_baselines_targets_and_images_scrub(
    open_file: Open, path: Path, explorer: xw.Explorer
) -> None:
    page = open_file(path)
    view = page.locator(".xw-attribution-view")
    settled(page)

    def explain(image: int, **how: Any) -> xw.Explanation:
        return xw.explain(explorer.scene.model, demo.pictures()[image], **how)

    baseline = view.get_by_label("Baseline", exact=True)
    for name, value in BASELINES.items():
        baseline.select_option(name)
        expect(view.locator(".xw-title-rest")).to_contain_text(value.label, ignore_case=True)
        settled(page)
        assert_shows(page, explain(0, method="integrated_gradients", baseline=value))
    page.locator(".xw-thumb").nth(1).click()
    expect(page.locator(".xw-feature-maps")).to_have_attribute("data-image", "1")
    settled(page)
    assert_shows(page, explain(3, method="integrated_gradients", baseline=BASELINES["blur 2"]))
    page.get_by_label("Method", exact=True).select_option("gradient")
    expect(view).to_have_attribute("data-method", "gradient")
    for words, target in (("circle", "circle"), ("rather", xw.Margin(0, 1))):
        field = page.get_by_label("Target", exact=True)
        field.click()
        field.fill(words)
        field.press("Enter")
        found = explain(3, method="gradient", target=target)
        expect(view).to_have_attribute("data-target", found.target)
        settled(page)
        assert_shows(page, found)


def test_layers_and_channels_scrub(open_file: Open, path: Path, explorer: xw.Explorer) -> None:
    page = open_file(path)
    settled(page)
    maps, track = page.locator(".xw-feature-maps"), page.locator(".xw-ls-track")
    track.press("Home")
    for layer in LAYERS[1:]:
        track.press("ArrowRight")
        expect(page.locator(".xw-layer-scrubber")).to_have_attribute("data-layer", layer)
        expect(maps).to_have_attribute("data-layer", layer)
    track.press("ArrowLeft")
    expect(maps).to_have_attribute("data-layer", "blocks.5.relu")
    expected = explorer.scene.record(0)["blocks.5.relu"][0].numpy()
    tiles = page.locator(".xw-fm-sizer").bounding_box()
    assert tiles is not None
    seen = set()
    for across, down in ((40, 40), (130, 50), (60, 150)):
        page.mouse.move(tiles["x"] + across, tiles["y"] + down)
        spot = page.locator(".xw-fm-spot")
        expect(maps).to_have_attribute("data-hover", SPOT)
        channel, y, x = (int(part) for part in (maps.get_attribute("data-hover") or "").split(","))
        read = float(spot.get_attribute("data-value") or "nan")
        span = float(np.ptp(expected[channel]))
        assert read == pytest.approx(expected[channel, y, x], abs=span / 255 + abs(read) * 0.01)
        seen.add(channel)
    assert len(seen) == 3
    page.mouse.click(tiles["x"] + across, tiles["y"] + down)
    expect(page.locator(".xw-fm-selected")).to_be_visible()
    page.get_by_label("Method", exact=True).select_option("grad_cam")
    for layer in ("blocks.0.conv", "blocks.5.relu"):
        page.locator(".xw-attribution-view").get_by_label("Layer", exact=True).select_option(layer)
        expect(page.locator(".xw-attribution-view .xw-title-rest")).to_contain_text(f"at {layer}")
        settled(page)
        picture = demo.pictures()[0]
        assert_shows(page, xw.explain(explorer.scene.model, picture, method="grad_cam", layer=layer))


def test_the_way_from_the_baseline_scrubs(open_file: Open, path: Path, explorer: xw.Explorer) -> None:
    page = open_file(path, height=2600)
    settled(page)
    lab = page.locator(".xw-baseline-lab")
    expect(lab).to_be_hidden()
    page.get_by_role("button", name="Baselines").click()
    expect(lab).to_have_attribute("data-phase", "done")
    lab.get_by_label("Baseline", exact=True).select_option("blur 2")
    expect(lab).to_have_attribute("data-preview", "blur 2")
    expect(lab).not_to_have_attribute("data-outdated", "")
    asked = {"image": 0, "target": None, "seed": 0, "baseline": BASELINES["blur 2"].to_json(), "nodes": 33}
    found = last(topics.TOPICS["path"].work(explorer.scene, asked)).value
    maps = codec.unpack(codec.pack_signed("maps", found.maps)).astype(np.float64)
    limits = render.clip_range(trapezoid(maps, found.nodes, axis=0).astype(np.float32), 99.0, "both")
    chart = page.locator(".xw-chart").first
    right = "(element) => element.getBoundingClientRect().right"
    assert chart.evaluate(right) <= page.locator(".xw-lab").evaluate(right), "it stays within the lab"
    places = set()
    for alpha in (0.25, 0.6, 1.0):
        lab.get_by_label("α, the share of the way, as a number").fill(str(alpha))
        expect(lab).to_have_attribute("data-alpha", f"{alpha:g}")
        between = np.floor((1 - alpha) * found.reference + alpha * found.picture + 0.5)
        assert np.abs(pixels(page, ".xw-baseline-lab .xw-pane-between canvas") - between).max() <= 1
        expected = render.colorize(summed(maps, found.nodes, alpha), "auto", 99.0, "both", limits)
        assert len(np.unique(expected.reshape(-1, 3), axis=0)) > 20, "the map is not empty"
        assert np.mean(pixels(page, ".xw-baseline-lab .xw-pane-sum canvas") == expected) > 0.99
        places.add(chart.locator(".xw-chart-cursor").get_attribute("x1"))
    assert len(places) == 3, "the cursor of the chart follows"
    expect(chart).to_contain_text("attributions accumulated up to α")
    assert chart.locator("polyline").count() >= 2


def summed(maps: np.ndarray, nodes: np.ndarray, alpha: float) -> np.ndarray:
    """Return the integral from 0 to α of what is linear between the nodes."""
    grid = np.unique([*nodes[nodes < alpha], alpha])
    between = np.stack([np.interp(grid, nodes, column) for column in maps.reshape(len(nodes), -1).T], axis=1)
    return trapezoid(between, grid, axis=0).reshape(maps.shape[1:]).astype(np.float32)


def test_the_lab_holds_its_other_tabs(open_file: Open, path: Path) -> None:
    page = open_file(path, height=2600)
    settled(page)
    page.get_by_role("button", name="Baselines").click()
    lab = page.locator(".xw-baseline-lab")
    for tab in ("compare", "ablation"):
        lab.locator(f".xw-segment:has([value={tab}])").click()
        expect(lab).to_have_attribute("data-tab", tab)
        expect(lab).to_have_attribute("data-phase", "done")
        expect(lab.locator(f".xw-bl-{tab}")).to_be_visible()
        expect(lab.locator(".xw-bl-cell")).to_have_count(3 if tab == "compare" else 7)
    expect(page.locator(".xw-chart").nth(1)).to_contain_text("random order")
    # What would need a kernel is not offered.
    expect(lab.locator(".xw-segment:has([value=references])")).to_be_hidden()
    expect(lab.locator(".xw-chips").first).to_be_hidden()


def test_only_what_is_held_is_offered(open_file: Open, path: Path, explorer: xw.Explorer) -> None:
    page = open_file(path)
    settled(page)
    whole = len(explorer.layers.layers.viewable)
    expect(page.locator(".xw-page-note").first).to_contain_text(
        f"This page holds 2 of 8 images, 4 of {whole} layers, 3 of {len(xw.METHODS)} methods, "
        "3 baselines and 3 targets."
    )
    assert options(page, "Method") == [xw.METHODS[name].label for name in METHODS]
    assert options(page, "Baseline") == ["Black", "Blur σ 2 px", "Blur σ 6 px"]
    expect(page.locator(".xw-layer-scrubber")).to_have_attribute("data-layers", "4")
    expect(page.locator(".xw-thumb")).to_have_count(2)
    expect(page.locator(".xw-add")).to_be_hidden()
    expect(page.get_by_label("Versus", exact=True)).to_be_hidden()
    # Parameters are fixed, and their values stand in words.
    expect(page.locator(".xw-parameters input")).to_have_count(0)
    steps = xw.METHODS["integrated_gradients"].check({})["steps"]
    expect(page.locator(".xw-attribution-view .xw-note").first).to_contain_text(
        f"Recorded with steps {steps}"
    )
    page.get_by_label("Target", exact=True).click()
    rows = page.locator(".xw-list-row .xw-list-name").all_text_contents()
    margin = xw.Margin(0, 1).label(explorer.scene.model)
    assert rows == ["Predicted: star", "star", "circle", margin]


def test_bars_choose_the_target(open_file: Open, path: Path, explorer: xw.Explorer) -> None:
    page = open_file(path)
    settled(page)
    explorer.image = 0
    top = explorer.predictions.predict()
    names = page.locator(".xw-bar-name").all_text_contents()
    assert names == [entry.name for entry in top]
    page.get_by_role("button", name="circle").click()
    expect(page.locator(".xw-attribution-view")).to_have_attribute("data-target", "circle")
    expect(page.locator("span.xw-bar-row")).to_have_count(3)  # star and circle are held
    page.get_by_role("button", name="star", exact=False).first.click()
    expect(page.locator(".xw-attribution-view")).to_have_attribute("data-target", "star")
    # Of the next image another class is predicted, and no explanation for the star is held.
    page.locator(".xw-thumb").nth(1).click()
    expect(page.locator(".xw-attribution-view")).to_have_attribute("data-target", "triangle")
    settled(page)


def test_the_policy_of_the_page_holds(browser: Browser, path: Path) -> None:
    """Even with the network on, nothing can be loaded: the page forbids it to itself."""
    page = browser.new_page()
    page.goto(path.as_uri())
    settled(page)
    loaded = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [name for name in loaded if not name.startswith("blob:")] == []
    asked = "fetch('data:,x').then(() => 'loaded', () => 'refused')"
    assert page.evaluate(asked) == "refused"
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [700, 1400])
def test_the_page_follows_the_system_and_fits(open_file: Open, path: Path, scheme: str, width: int) -> None:
    page = open_file(path, width=width, height=2200, color_scheme=scheme)
    settled(page)
    colour = page.evaluate("getComputedStyle(document.querySelector('.xw-explorer')).backgroundColor")
    light = int(colour[4:-1].split(",")[0]) > 127
    assert light is (scheme == "light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == colour
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=ARTIFACTS / f"offline-{scheme}-{width}.png")  # to look at


def test_a_panel_alone(open_file: Open, tmp_path: Path) -> None:
    model, picture = demo.model(), demo.pictures()[0]
    view = xw.AttributionView(model, picture, method="gradient", view="map")
    page = open_file(
        view.to_html(tmp_path / "view.html", methods=["gradient", "input_x_gradient"]), width=800
    )
    settled(page, (".xw-attribution-view",))
    assert_shows(page, view.explain())
    page.get_by_label("Method", exact=True).select_option("input_x_gradient")
    expect(page.locator(".xw-attribution-view")).to_have_attribute("data-method", "input_x_gradient")
    assert_shows(page, xw.explain(model, picture, method="input_x_gradient"))
    view.close()


def test_a_damaged_page_says_so(open_file: Open, path: Path, tmp_path: Path) -> None:
    text = path.read_text("utf-8")
    start = text.index('id="xw-index">') + len('id="xw-index">') + 40
    broken = tmp_path / "broken.html"
    broken.write_text(text[:start] + "AAAAAAAA" + text[start + 8 :], "utf-8")
    page = open_file(broken)
    expect(page.locator(".xw-page-note").first).to_contain_text("damaged")


def test_a_notebook_as_html_still_scrubs(
    open_notebook: Callable[..., Notebook], browser: Browser, tmp_path: Path
) -> None:
    """In JupyterLab the widget is live; what nbconvert makes of the saved notebook needs no kernel."""
    cell = """
import xai_widgets as xw
from xai_widgets import demo
choice = {"methods": ["gradient", "grad_cam"], "layers": ["blocks.0.conv", "blocks.5.relu"]}
explorer = xw.explore(demo.model(), demo.pictures()[:2], persist=choice)
explorer
"""
    notebook = open_notebook([cell], width=1200, height=1500)
    settled(notebook.page)
    assert notebook.page.locator(".jp-OutputArea iframe").count() == 0, "the widget, not the page"
    notebook.page.get_by_label("Method", exact=True).select_option("occlusion")
    expect(notebook.page.locator(".xw-attribution-view")).to_have_attribute("data-method", "occlusion")
    notebook.save()
    body, _ = HTMLExporter().from_filename(str(notebook.path))
    file = tmp_path / "report.html"
    file.write_text(body, "utf-8")

    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 1500})
    page = context.new_page()
    page.goto(file.as_uri())
    inside = page.frame_locator("iframe")
    settled(inside)
    view = inside.locator(".xw-attribution-view")
    inside.get_by_label("Method", exact=True).select_option("gradient")
    expect(view).to_have_attribute("data-method", "gradient")
    inside.locator(".xw-ls-track").press("Home")
    expect(inside.locator(".xw-feature-maps")).to_have_attribute("data-layer", "blocks.0.conv")
    # The frame has the height of what is in it: nothing scrolls twice.
    page.wait_for_function(
        """() => {
          const frame = document.querySelector("iframe");
          return frame.style.height !== "1400px" && frame.clientHeight > 700;
        }"""
    )
    frame = page.frames[1]
    assert frame.evaluate("document.documentElement.scrollHeight <= innerHeight")
    context.close()
