"""The baseline lab in a real JupyterLab in a real Chromium, held against Python in the same kernel."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.lab import Lab, Notebook
from tests.browser.test_explorer import eventually
from tests.browser.test_tough_cells import sleeping

pytestmark = pytest.mark.browser

CELL = """
import numpy as np
import xai_widgets as xw
from xai_widgets import demo, render
from xai_widgets.explain import trajectory
from xai_widgets.inputs import images
from xai_widgets.live import codec
from xai_widgets.metrics import faithfulness
compared = [{"name": "black"}, {"name": "white"}, {"name": "blur", "sigma": 4.0}]
lab = xw.BaselineLab(demo.model(), demo.pictures(), baselines=compared, baseline="white")
lab
"""
TABS = {"path": "Path", "compare": "Side by side", "references": "References", "ablation": "Ablation"}


@pytest.fixture(scope="module")
def notebook(lab: Lab, browser: Browser) -> Iterator[Notebook]:
    """One lab for all tests here; each says what it looks at."""
    opened = Notebook.open(lab, browser, [CELL], width=1400, height=1500)
    yield opened
    opened.close()


def root(page: Page) -> Locator:
    return page.locator(".xw-baseline-lab")


def settled(notebook: Notebook) -> Locator:
    """Wait until the tab shows what is wished, and Python has it too."""
    view = root(notebook.page)
    expect(view).to_have_attribute("data-phase", "done", timeout=90_000)
    expect(view).not_to_have_attribute("data-outdated", "", timeout=90_000)
    return view


def look_at(notebook: Notebook, tab: str) -> Locator:
    root(notebook.page).locator(".xw-head label", has_text=TABS[tab]).click()
    expect(root(notebook.page)).to_have_attribute("data-tab", tab)
    return settled(notebook)


def pixels(page: Page, selector: str, index: int = 0) -> np.ndarray:
    """Return what a canvas shows, `(h, w, 3)`."""
    found = (
        page.locator(f".xw-baseline-lab {selector} canvas:not(.xw-colorbar)")
        .nth(index)
        .evaluate(
            """(canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return { shape: [canvas.height, canvas.width, 4], data: Array.from(data) };
        }"""
        )
    )
    return np.array(found["data"], np.uint8).reshape(found["shape"])[..., :3]


def limit(page: Page, selector: str) -> float:
    """Return what the end colours of a scale stand for."""
    return float(page.locator(f".xw-baseline-lab {selector}").first.get_attribute("data-limit") or "nan")


def assert_map(notebook: Notebook, shown: np.ndarray, values: str, end: float) -> None:
    """A canvas shows a map of Python's, with the two bytes a value that travel."""
    sent = f"codec.unpack(codec.pack_signed('map', {values}))"
    code = f"render.colorize({sent}, limits=({-end}, {end})).tolist()"
    expected = np.array(notebook.value(code), np.uint8).astype(int)
    assert len(np.unique(expected.reshape(-1, 3), axis=0)) > 20, "the map is not empty"
    assert np.abs(shown.astype(int) - expected).max() <= 12
    assert np.mean(shown == expected) > 0.95


def assert_picture(notebook: Notebook, shown: np.ndarray, picture: str, off: int = 0) -> None:
    expected = np.array(notebook.value(f"np.asarray({picture}).tolist()")).astype(int)
    assert np.abs(shown.astype(int) - expected).max() <= off


def test_every_tab_paints_what_python_computes(notebook: Notebook) -> None:
    page = notebook.page
    view = look_at(notebook, "path")
    notebook.run("lab.alpha = 0.37")
    expect(view).to_have_attribute("data-alpha", "0.37")
    assert view.get_attribute("data-evidence") == notebook.value("lab.path.evidence.line")
    assert view.get_attribute("data-nodes") == "33"
    assert_picture(notebook, pixels(page, ".xw-pane-reference"), "lab.path.reference")
    blend = "lab.path.reference * 0.63 + lab.path.picture * 0.37"
    assert_picture(notebook, pixels(page, ".xw-pane-between"), blend, 1)
    gradient, total = (f".xw-pane-{kind} + .xw-scale" for kind in ("gradient", "sum"))
    at = "trajectory.at(lab.path.nodes, lab.path.maps, 0.37)"
    assert_map(notebook, pixels(page, ".xw-pane-gradient"), at, limit(page, gradient))
    assert_map(notebook, pixels(page, ".xw-pane-sum"), "lab.path.accumulated(0.37)", limit(page, total))
    assert limit(page, total) == pytest.approx(
        notebook.value("float(render.clip_range(lab.path.accumulated(), 99.0)[1])"), rel=1e-3
    )

    view = look_at(notebook, "compare")
    assert notebook.value("[one.final for one in lab.comparison.candidates]") == [True] * 3
    shared = limit(page, ".xw-bl-scale-line .xw-scale")
    for number in range(3):
        shown = pixels(page, ".xw-bl-compare .xw-pane-map", number)
        assert_map(notebook, shown, f"lab.comparison.maps[{number}]", shared)
    figures = page.locator(".xw-matrix td:not([data-same])").all_text_contents()
    rank = np.array(notebook.value("lab.comparison.rank.tolist()"))
    others = [rank[i, j] for i in range(3) for j in range(3) if i != j]
    shown_ranks = [float(figure.replace("−", "-")) for figure in figures if figure]
    assert shown_ranks == pytest.approx(others, abs=0.006)

    view = look_at(notebook, "references")
    count = notebook.value("len(lab.references.maps)")
    assert count > 2, "the demo has other pictures"
    page.get_by_label("References shown").press("Home")
    page.get_by_label("References shown").press("ArrowRight")
    expect(view.locator(".xw-bl-references")).to_have_attribute("data-count", "2")
    expect(view.locator(".xw-bl-thumb[data-joined]")).to_have_count(2)
    end = limit(page, ".xw-pane-mean + .xw-scale")
    assert_map(notebook, pixels(page, ".xw-pane-mean"), "lab.references.maps[1]", end)

    view = look_at(notebook, "ablation")
    notebook.run("lab.share = 0.25")
    expect(view).to_have_attribute("data-share", "0.25")
    for number in range(3):
        sent = f"codec.unpack(codec.pack_signed('map', lab.comparison.maps[{number}]))"
        order = f"faithfulness.order({sent})"
        gone = f"np.isin(np.arange({order}.size), {order}[:round(0.25 * {order}.size)])"
        picture = "images.shown(lab.scene.pixels(0)[0]).reshape(-1, 3)"
        filled = f"np.where({gone}[:, None], lab.ablation.filled.reshape(-1, 3), {picture})"
        wanted = np.array(notebook.value(f"{filled}.tolist()"))
        shown = pixels(page, ".xw-pane-ablated", number).reshape(-1, 3)
        assert np.mean((shown == wanted).all(axis=1)) > 0.995
    areas = [text.split()[1] for text in view.locator(".xw-bl-ablation .xw-number").all_text_contents()]
    expected = notebook.value("[*lab.ablation.areas.tolist(), lab.ablation.random_area]")
    assert [float(area.replace("−", "-")) for area in areas] == pytest.approx(expected, rel=0.006, abs=1e-6)
    assert notebook.problems == []


def test_alpha_moves_while_a_cell_sleeps_without_a_word_to_the_kernel(
    notebook: Notebook, tmp_path: Path
) -> None:
    page = notebook.page
    view = look_at(notebook, "path")
    page.get_by_label("α, the share of the way", exact=True).press("Home")
    eventually(lambda: notebook.value("lab.alpha") == 0)
    end = tmp_path / "end"
    notebook.start(sleeping(end))
    page.evaluate(
        """() => {
          const send = WebSocket.prototype.send;
          window.xwSent = 0;
          WebSocket.prototype.send = function (data) { window.xwSent += 1; return send.call(this, data); };
          window.xwUnhook = () => { WebSocket.prototype.send = send; };
        }"""
    )
    slider = page.get_by_label("α, the share of the way", exact=True)
    box = slider.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    chart = page.locator(".xw-chart").first
    page.mouse.move(box["x"] + 6, middle)
    page.mouse.down()
    shown: list[tuple[str, bytes, str]] = []
    for share in (0.25, 0.5, 0.75, 1.0):
        page.mouse.move(box["x"] + 6 + share * (box["width"] - 12), middle, steps=5)
        page.wait_for_function(
            """(share) => {
              const { alpha } = document.querySelector(".xw-baseline-lab").dataset;
              return Math.abs(Number(alpha) - share) < 0.03;
            }""",
            arg=share,
        )
        alpha = view.get_attribute("data-alpha") or ""
        shown.append((alpha, pixels(page, ".xw-pane-sum").tobytes(), chart.inner_html()))
    assert page.evaluate("window.xwSent") == 0, "the kernel was told"
    page.mouse.up()
    page.evaluate("xwUnhook()")
    assert notebook.running()
    end.touch()
    notebook.finish()
    for seen in zip(*shown, strict=True):
        assert len(set(seen)) == 4, "α, the sum and the chart's mark all moved, each time"
    eventually(lambda: notebook.value("lab.alpha") == float(shown[-1][0]))
    assert notebook.problems == []


def test_a_baseline_is_painted_with_colours_of_the_image(notebook: Notebook) -> None:
    page = notebook.page
    look_at(notebook, "path")
    baseline = page.locator(".xw-bl-side").get_by_label("Baseline", exact=True)
    baseline.select_option("color")
    eventually(lambda: notebook.value("lab.baseline['name']") == "color")
    page.get_by_role("button", name="Pick from the image").click()
    image = page.locator(".xw-pane-image")
    box = image.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.3 * box["width"] + 0.3, box["y"] + 0.6 * box["height"] + 0.3)
    expect(image).not_to_have_attribute("data-picking", "")
    size = notebook.value("list(lab.path.picture.shape)")
    column = int((0.3 * box["width"] + 0.3) / box["width"] * size[1])
    row = int((0.6 * box["height"] + 0.3) / box["height"] * size[0])
    pixel = f"'#%02x%02x%02x' % tuple(int(v) for v in lab.path.picture[{row}, {column}])"
    eventually(lambda: notebook.value("lab.baseline['color']") == notebook.value(pixel))
    settled(notebook)

    baseline.select_option("painted")
    eventually(lambda: notebook.value("lab.baseline['name']") == "painted")
    settled(notebook)
    pane = page.locator(".xw-pane-reference")
    box = pane.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.5 * box["height"], steps=12)
    page.mouse.up()
    eventually(lambda: notebook.value("len(lab.baseline['strokes'])") == 1)
    stroke = notebook.value("lab.baseline['strokes'][0]")
    assert (stroke["color"], stroke["size"]) == ("#808080", 0.08)
    assert stroke["points"][0] == pytest.approx([0.2, 0.5], abs=0.02)
    assert stroke["points"][-1] == pytest.approx([0.8, 0.5], abs=0.03)
    settled(notebook)
    eventually(lambda: notebook.value("lab.path.baseline['name']") == "painted")
    reference = "lab.path.reference"
    assert_picture(notebook, pixels(page, ".xw-pane-reference"), reference)
    assert notebook.value(f"{reference}[{size[0] // 2}, {size[1] // 2}].tolist()") == [128] * 3
    assert notebook.value("bool(0 < (lab.path.reference != lab.path.picture).any(-1).mean() < 0.5)")
    page.get_by_role("button", name="Undo").click()
    eventually(lambda: notebook.value("lab.baseline['strokes']") == [])
    baseline.select_option("white")
    settled(notebook)
    assert notebook.problems == []


def test_the_lab_in_the_explorer_follows_one_selection(open_notebook: Callable[..., Notebook]) -> None:
    cell = """
import numpy as np
import xai_widgets as xw
from xai_widgets import demo
explorer = xw.explore(demo.model(), demo.pictures(), method="gradient")
explorer
"""
    notebook = open_notebook([cell], width=1400, height=1800)
    page = notebook.page
    expect(page.locator(".xw-attribution-view")).to_have_attribute("data-phase", "done", timeout=60_000)
    expect(root(page)).to_have_count(0)
    page.get_by_role("button", name="Baselines", exact=True).click()
    view = settled(notebook)
    explorer, lab = page.locator(".xw-explorer").bounding_box(), view.bounding_box()
    assert explorer and lab and lab["width"] > 0.97 * explorer["width"], "it spans the full width"
    page.locator(".xw-thumb").nth(1).click()
    eventually(lambda: notebook.value("explorer.image") == 1)
    settled(notebook)
    # Scrolled out of sight by the click above, the lab asks only once it is seen again.
    eventually(
        lambda: notebook.value("explorer.lab.path.evidence.line") == view.get_attribute("data-evidence")
    )
    blended = "explorer.lab.path.reference * 0.5 + explorer.lab.path.picture * 0.5"
    assert_picture(notebook, pixels(page, ".xw-pane-between"), blended, 1)
    page.locator(".xw-bl-side").get_by_label("Baseline", exact=True).select_option("white")
    eventually(lambda: notebook.value("explorer.baseline") == {"name": "white"})
    page.locator(".xw-attribution-view").get_by_label("Method", exact=True).select_option(
        "integrated_gradients"
    )
    expect(page.locator(".xw-attribution-view")).to_have_attribute("data-baseline", "white", timeout=60_000)
    page.get_by_role("button", name="Baselines", exact=True).click()
    expect(root(page)).to_have_count(0)
    assert notebook.problems == []
