"""The explorer by keyboard only, for readers, in high contrast, with less motion, on a narrow page."""

import io
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.lab import ROOT, Lab, Notebook
from tests.browser.test_explorer import attribution, eventually, painted

pytestmark = pytest.mark.browser

AXE = ROOT / "js" / "node_modules" / "axe-core" / "axe.min.js"
PANELS = ("image-strip", "layer-scrubber", "attribution-view", "prediction-rows", "feature-maps")
WIDTHS = (1400, 700)
TALL = 2600  # the whole explorer without scrolling, so that pictures of it can be compared

EXPLORER = """
import threading, time
import ipywidgets
import numpy as np
import xai_widgets as xw
from xai_widgets import demo

model, pictures = demo.model(), demo.pictures()
way = {"sleep": 0.0, "broken": False, "gate": threading.Event()}
way["gate"].set()

def behave(*_):
    way["gate"].wait(100)
    time.sleep(way["sleep"])
    if way["broken"]:
        raise RuntimeError("the cable came off")

model.module.register_forward_pre_hook(behave)
explorer = xw.explore(model, pictures, method="integrated_gradients")
explorer
"""
ALONE = """
kinds = (xw.ImageStrip, xw.LayerScrubber, xw.AttributionView, xw.Predictions, xw.FeatureMaps)
lab = xw.BaselineLab(scene=explorer.scene, baselines=["black", "white", "blur"])
compare = xw.Compare(scene=explorer.scene, methods=["integrated_gradients", "grad_cam"])
ipywidgets.VBox([*(kind(scene=explorer.scene) for kind in kinds), lab, compare])
"""


@pytest.fixture(scope="module")
def themed(lab: Lab, browser: Browser) -> Iterator[Callable[[str], Notebook]]:
    """One notebook a theme for all tests here: the explorer between two cells, and each panel alone below."""
    opened: dict[str, Notebook] = {}
    expect.set_options(timeout=30_000)

    def notebook(theme: str) -> Notebook:
        if theme not in opened:
            cells = ["before = 1", EXPLORER, "after = 1", ALONE]
            opened[theme] = Notebook.open(lab, browser, cells, width=1400, height=TALL, theme=theme)  # type: ignore[arg-type]
        return opened[theme]

    yield notebook
    expect.set_options(timeout=5_000)
    for one in opened.values():
        one.close()


@pytest.fixture(params=["light", "dark"])
def notebook(request: pytest.FixtureRequest, themed: Callable[[str], Notebook]) -> Iterator[Notebook]:
    """The notebook of a theme, with the explorer as it was when it opened."""
    found = themed(request.param)
    yield fresh(found)
    found.run("way.update(sleep=0.0, broken=False); way['gate'].set()")
    assert found.problems == []


light = pytest.mark.parametrize("notebook", ["light"], indirect=True)
dark = pytest.mark.parametrize("notebook", ["dark"], indirect=True)


def fresh(notebook: Notebook) -> Notebook:
    """Bring the selection back to its beginning, with a seed of its own, for which no result is kept."""
    values = "image=0, target=None, channel=None, method='integrated_gradients', baseline='black'"
    notebook.run(
        f"explorer.seed += 1\nfor key, value in dict({values}).items():\n    setattr(explorer, key, value)"
    )
    resize(notebook.page, 1400)
    painted(notebook)
    return notebook


def resize(page: Page, width: int, height: int = TALL) -> None:
    """Change the page's width and wait until the explorer has taken it up."""
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_function(
        """async () => {
          const box = () => JSON.stringify(document.querySelector(".xw-explorer").getBoundingClientRect());
          const before = box();
          await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
          return before === box() && document.documentElement.clientWidth === window.innerWidth;
        }"""
    )


def explorer(page: Page) -> Locator:
    return page.locator(".xw-explorer")


# -- axe ---------------------------------------------------------------------------------------------------

# What axe leaves open, because something lies over or under the words, is judged here: by the first opaque
# ground behind them. The word on a swatch has a gradient for its ground; the choice beside it is named.
AUDIT = """async (selector) => {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => {
    const [r, g, b] = color.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = rgba(getComputedStyle(at).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255];
  };
  const ratio = (element) => {
    const [ink, under] = [light(rgba(getComputedStyle(element).color)), light(ground(element))];
    return Math.max(ink, under) / Math.min(ink, under);
  };
  // JupyterLab's body hides its overflow and is of no height: to axe, all words on it are hidden.
  document.body.style.height = "100vh";
  const found = await axe.run(selector, {
    rules: { "target-size": { enabled: true } },
    elementRef: true,
  });
  const flat = (rules) => rules.flatMap(({ id, nodes }) => nodes.map((node) => ({ id, ...node })));
  const passes = flat(found.passes);
  return {
    violations: flat(found.violations).map(({ id, html, failureSummary }) => [id, html, failureSummary]),
    open: flat(found.incomplete)
      .filter(({ id, element }) => !element.matches(".xw-swatch-bar") &&
        (id !== "color-contrast" || ratio(element) < 4.5))
      .map(({ id, html, element }) => [id, html, ratio(element)]),
    checked: passes.length,
    texts: passes.filter(({ id }) => id === "color-contrast").length,
  };
}"""


SETTLED = """() => document.getAnimations().every(({ effect, playState }) =>
  playState !== "running" || effect.getComputedTiming().iterations === Infinity)"""


def audit(page: Page, selector: str = ".xw-explorer", least: int = 900, texts: int = 60) -> None:
    """Let axe judge what is in a selector: no violation, and enough looked at for that to mean something."""
    page.mouse.move(2, 2)
    page.wait_for_function(SETTLED)  # words that fade in or out have any contrast
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text("utf-8") + ";0")
    found = page.evaluate(AUDIT, selector)
    assert found["violations"] == found["open"] == []
    assert found["checked"] >= least and found["texts"] >= texts, found


def test_axe_finds_nothing_in_any_state(notebook: Notebook) -> None:
    page = notebook.page
    view = attribution(page).first

    def both_widths() -> None:
        for width in WIDTHS:
            resize(page, width)
            audit(page)

    both_widths()
    view.locator(".xw-evidence > summary").click()
    both_widths()
    view.locator(".xw-evidence > summary").click()
    for width in WIDTHS:
        resize(page, width)
        view.get_by_label("Target", exact=True).click()
        expect(page.locator(".xw-list-row").first).to_be_visible()
        audit(page)
        page.keyboard.press("Escape")

    notebook.run("way['sleep'] = 0.3")
    method = view.get_by_label("Method", exact=True)
    method.select_option("smooth_grad")
    expect(view).to_have_attribute("data-phase", "refining")
    both_widths()
    assert view.get_attribute("data-phase") == "refining"

    notebook.run("noise = np.random.default_rng(explorer.seed).integers(0, 255, (50, 70, 3), np.uint8)")
    notebook.run("way.update(sleep=0.0, broken=True); explorer.add(noise)")
    for panel in (".xw-attribution-view", ".xw-prediction-rows", ".xw-feature-maps"):
        expect(page.locator(panel).first).to_have_attribute("data-phase", "error")
    both_widths()

    notebook.run("way['broken'] = False; explorer.image = 0; explorer.seed += 1; way['gate'].clear()")
    method.select_option("gradient")
    expect(view).to_have_attribute("data-phase", "waiting")
    both_widths()


@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_in_a_panel_alone(notebook: Notebook, width: int) -> None:
    page = notebook.page
    resize(page, width, 2 * TALL)
    for name in PANELS:
        alone = page.locator(f".xw-{name}").nth(1)
        expect(alone).to_have_attribute("data-phase", "done")
        alone.evaluate("(element) => { element.dataset.audited = ''; }")
        audit(page, f".xw-{name}[data-audited]", least=60, texts=4)


@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_in_the_lab(notebook: Notebook, width: int) -> None:
    page = notebook.page
    resize(page, width, 3 * TALL)
    lab = page.locator(".xw-baseline-lab").last
    lab.evaluate("(element) => { element.dataset.audited = ''; }")
    for tab in ("compare", "references", "ablation", "path"):
        notebook.run(f"lab.tab = {tab!r}")
        expect(lab).to_have_attribute("data-tab", tab)
        expect(lab).to_have_attribute("data-phase", "done")
        audit(page, ".xw-baseline-lab[data-audited]", least=60, texts=4)
    for baseline in ("'painted'", "dict(name='color', color='#336699')"):
        notebook.run(f"explorer.baseline = {baseline}")
        expect(lab).not_to_have_attribute("data-outdated", "")
        expect(lab).to_have_attribute("data-phase", "done")
        audit(page, ".xw-baseline-lab[data-audited]", least=60, texts=4)


@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_in_a_comparison(notebook: Notebook, width: int) -> None:
    page = notebook.page
    resize(page, width, 3 * TALL)
    compare = page.locator(".xw-compare").last
    compare.evaluate("(element) => { element.dataset.audited = ''; }")
    states = ("blind = 0", "by, compare.scale = 'layers', 'row'", "blind = 3", "revealed = True")
    for state in states:
        notebook.run(f"compare.{state}")
        expect(compare).not_to_have_attribute("data-outdated", "")
        expect(compare).to_have_attribute("data-phase", "done")
        audit(page, ".xw-compare[data-audited]", least=40, texts=4)


# -- Tab ---------------------------------------------------------------------------------------------------

WHO = """() => {
  const at = document.activeElement;
  const box = (at.closest(".xw-segment, .xw-swatch, .xw-pr-row") ?? at).getBoundingClientRect();
  const name = at.getAttribute("aria-label") || at.labels?.[0]?.textContent || at.title || at.textContent;
  const panel = at.closest(".xw-root")?.className.replace(/.*xw-root xw-(\\S+).*/, "$1") ?? null;
  const inside = at.closest(".xw-explorer") !== null;
  return { name, panel, inside, x: box.x, y: box.y, right: box.right, bottom: box.bottom };
}"""


def enter(page: Page) -> None:
    """Stand on the cell of the explorer, as a person does who came there by arrow keys."""
    page.evaluate("document.querySelector('.jp-Notebook-cell:has(.xw-explorer)').focus()")


def stops(page: Page, key: str = "Tab") -> Iterator[dict[str, Any]]:
    """Go from here through all that Tab leads to in the explorer; before it may stand stops of the host."""
    inside = False
    for _ in range(80):
        page.keyboard.press(key)
        at = page.evaluate(WHO)
        if inside and not at["inside"]:
            return
        inside = at["inside"]
        if inside:
            yield at
    raise AssertionError("Tab does not lead out")


def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    """Press Tab until what has the focus is called so; never past the explorer's end."""
    met = []
    for at in stops(page, key):
        met.append(at["name"])
        number = ", as a number"  # the field beside a slider, which has its name
        if at["name"].startswith(name) and at["name"].endswith(number) == name.endswith(number):
            return
    raise AssertionError(f"Tab leads to no {name!r}, but to {met}")


def shot(page: Page, clip: dict[str, float] | None = None) -> NDArray[np.float64]:
    """Return the page, or a part of it, as relative luminance `(h, w)`."""
    rgb = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")) / 255  # type: ignore[arg-type]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ [0.2126, 0.7152, 0.0722])


def contrast(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((np.maximum(a, b) + 0.05) / (np.minimum(a, b) + 0.05))


@pytest.mark.parametrize(("notebook", "width"), [("light", 1400), ("dark", 700)], indirect=["notebook"])
def test_the_focus_is_seen_and_follows_the_eye(notebook: Notebook, width: int) -> None:
    page = notebook.page
    page.mouse.move(2, 2)
    resize(page, width)
    enter(page)
    page.locator(":focus").evaluate("(element) => element.blur()")
    before = shot(page)
    enter(page)
    visited = []
    for at in stops(page):
        left, top = max(0, int(at["x"]) - 8), int(at["y"]) - 8
        right, bottom = min(width, int(at["right"]) + 90), int(at["bottom"]) + 90
        now = shot(page, {"x": left, "y": top, "width": right - left, "height": bottom - top})
        changed = contrast(now, before[top:bottom, left:right]) >= 3
        # About two pixels around the smallest of them.
        assert changed.sum() >= 80, f"the focus on {at['name']!r} is not seen"
        visited.append(at)
    assert len(visited) > 30
    panels = list(dict.fromkeys(at["panel"] for at in visited))
    assert panels == list(PANELS), "each panel once, in the order in which they stand"
    for one, two in pairwise(visited):
        assert not backwards(one, two), f"from {one} to {two}"


def backwards(one: dict[str, Any], two: dict[str, Any]) -> bool:
    """Whether the eye has to go up without going right, or left without going down."""
    up = two["bottom"] <= one["y"] + 1 and two["x"] < one["right"]
    left = two["right"] <= one["x"] + 1 and two["bottom"] <= one["bottom"] - 8
    return up or left


# -- by keyboard only --------------------------------------------------------------------------------------


@light
def test_the_explorer_is_used_by_keyboard_only(notebook: Notebook, tmp_path: Path) -> None:
    page, view = notebook.page, attribution(notebook.page).first
    press = page.keyboard.press
    cells = page.evaluate("xwPanel.content.model.cells.length")
    runs = "[...xwPanel.content.model.cells].map((cell) => cell.toJSON().execution_count)"
    ran = page.evaluate(runs)
    enter(page)

    tab_to(page, "Predictions")
    press("Space")
    expect(page.locator(".xw-cell-predictions")).to_be_hidden()
    press("Space")
    expect(page.locator(".xw-cell-predictions")).to_be_visible()

    tab_to(page, "star")
    for key, image in (("ArrowRight", 1), ("End", -1), ("Home", 0), ("ArrowRight", 1)):
        press(key)
        expected = image % page.locator(".xw-explorer .xw-thumb").count()
        expect(page.locator(".xw-feature-maps").first).to_have_attribute("data-image", str(expected))
        expect(page.locator(":focus")).to_have_attribute("aria-checked", "true")

    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)).save(
        tmp_path / "new.png"
    )
    tab_to(page, "Add images")
    picker = page.locator(".xw-explorer .xw-image-strip input[type=file]")
    picker.evaluate(
        """(input) => input.addEventListener("click", (event) => {
          window.xwPicked = true;
          event.preventDefault();
        })"""
    )
    press("Enter")
    page.wait_for_function("() => window.xwPicked")
    count = page.locator(".xw-explorer .xw-thumb").count()
    picker.set_input_files(tmp_path / "new.png")
    expect(page.locator(".xw-explorer .xw-thumb")).to_have_count(count + 1)
    expect(page.locator(".xw-feature-maps").first).to_have_attribute("data-image", str(count))
    expect(page.locator(":focus")).to_have_class(re.compile("xw-add"))

    names = notebook.value("[layer.name for layer in explorer.layers.layers.viewable]")
    scrubber = page.locator(".xw-layer-scrubber").first
    tab_to(page, "Find a layer")
    page.keyboard.type("linear")
    expect(scrubber).to_have_attribute("data-matches", "1")
    press("Enter")
    expect(scrubber).to_have_attribute("data-layer", names[-1])
    press("Escape")
    expect(page.locator(":focus")).to_have_attribute("aria-label", "Layer")
    keys = {"Home": 0, "ArrowRight": 1, "ArrowUp": 2, "ArrowLeft": 1, "PageUp": 4, "PageDown": 0, "End": -1}
    for key, place in keys.items():
        press(key)
        expect(scrubber).to_have_attribute("data-layer", names[place])
    press("Home")
    press("-")
    expect(scrubber).to_have_attribute("data-layer", names[3])
    press("+")

    tab_to(page, "Side by side")
    press("ArrowRight")
    expect(view.locator(".xw-figure-box")).to_have_attribute("data-view", "blended")
    painted(notebook)
    tab_to(page, "Pictures")
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft", "Shift+ArrowLeft"):
        press(key)
    x, y, value = reading(view)
    expected = notebook.value(f"float(explorer.explanation.map[{y}, {x}])")
    assert value == pytest.approx(expected, rel=0.01, abs=1e-4)
    press("Escape")
    expect(view.locator(".xw-reading")).to_have_attribute("data-hint", "")

    page.keyboard.press("Tab")
    press("Enter")
    expect(view.locator(".xw-checks")).to_be_visible()
    press("Enter")
    expect(view.locator(".xw-checks")).to_be_hidden()

    tab_to(page, "Target")
    press("ArrowDown")
    page.keyboard.type("ring")
    press("Enter")
    eventually(lambda: notebook.value("explorer.target == list(explorer.scene.model.classes).index('ring')"))
    tab_to(page, "Baseline")
    press("ArrowDown")
    eventually(lambda: notebook.value("explorer.baseline['name']") != "black")
    tab_to(page, "Steps, as a number")
    page.keyboard.type("32")
    eventually(lambda: notebook.value("explorer.params.get('steps')") == 32)
    tab_to(page, "Steps")
    press("PageUp")
    eventually(lambda: notebook.value("explorer.params.get('steps')") > 32)
    tab_to(page, "Opacity")
    press("Home")
    eventually(lambda: notebook.value("explorer.attribution.opacity") == 0)
    tab_to(page, "Method", "Shift+Tab")
    press("ArrowDown")
    eventually(lambda: notebook.value("explorer.method") != "integrated_gradients")

    press("Escape")  # whatever runs
    # Tab leads to the chosen row, or to the first where the target is none of them.
    top = notebook.value("[[entry.index, entry.name] for entry in explorer.predictions.top]")
    indices = [index for index, _ in top]
    target = notebook.value("explorer.target")
    place = indices.index(target) if target in indices else 0
    tab_to(page, f"{top[place][1]}")
    while page.evaluate(WHO)["panel"] != "prediction-rows":
        tab_to(page, f"{top[place][1]}")
    press("ArrowDown")
    eventually(lambda: notebook.value("explorer.target") == indices[(place + 1) % len(indices)])

    maps = page.locator(".xw-feature-maps").first
    tab_to(page, "Order of the maps")
    press("ArrowDown")
    expect(maps).to_have_attribute("data-sort", "mean")
    tab_to(page, "Channels")
    press("ArrowRight")
    press("ArrowDown")
    press("Enter")
    eventually(lambda: notebook.value("explorer.channel") is not None)
    channel = notebook.value("explorer.channel")
    assert notebook.value("int(explorer.features.order()[0])") != channel
    tab_to(page, "Large map")
    press("ArrowRight")
    press("ArrowRight")
    expect(maps).to_have_attribute("data-hover", re.compile(rf"^{channel},\d+,\d+$"))
    _, row, column = (int(part) for part in maps.get_attribute("data-hover").split(","))  # type: ignore[union-attr]
    shown = float(maps.locator(".xw-fm-spot").get_attribute("data-value") or "nan")
    expected = notebook.value(f"float(explorer.features.maps[{channel}, {row}, {column}])")
    assert shown == pytest.approx(
        expected, abs=notebook.value(f"float(explorer.features.maps[{channel}].max())") / 200
    )

    # The host's keys were not heard in here: none made, ran or deleted a cell.
    for key in ("b", "d", "d", "m", "Shift+Enter", "Control+Enter"):
        press(key)
    assert page.evaluate("xwPanel.content.model.cells.length") == cells
    assert page.evaluate(runs) == ran


def reading(view: Locator) -> tuple[int, int, float]:
    """Return column, row and value as they stand under the pictures."""
    text = (view.locator(".xw-reading").text_content() or "").replace("−", "-")
    found = re.match(r"x (\d+)  y (\d+)   ([-+.\de]+)", text)
    assert found, text
    return int(found[1]), int(found[2]), float(found[3])


@light
def test_there_is_a_way_out_by_keyboard(notebook: Notebook) -> None:
    page = notebook.page
    place = "xwPanel.content.activeCellIndex"
    enter(page)
    tab_to(page, "Find a layer")
    page.keyboard.press("Tab")
    assert page.evaluate(WHO)["name"] == "Layer"
    page.keyboard.press("ArrowDown")
    assert page.evaluate(place) == 1, "within, the arrows are the rail's"
    page.keyboard.press("Escape")
    expect(page.locator(":focus")).to_have_class(re.compile("jp-Notebook-cell"))
    page.keyboard.press("ArrowDown")
    page.wait_for_function(f"{place} === 2")
    page.keyboard.press("ArrowUp")
    page.wait_for_function(f"{place} === 1")

    enter(page)
    *_, last = stops(page)
    assert last["name"].startswith("Large map")
    for _ in range(4):  # the host's own stops may stand between
        page.keyboard.press("Shift+Tab")
        if page.evaluate(WHO)["inside"]:
            break
    assert page.evaluate(WHO)["name"].startswith("Large map"), "and in again at the end"
    enter(page)
    tab_to(page, "Layers")
    page.keyboard.press("Shift+Tab")
    assert not page.evaluate(WHO)["inside"], "and back out at the beginning"


@light
def test_work_is_stopped_and_asked_again_by_keyboard(notebook: Notebook) -> None:
    page, view = notebook.page, attribution(notebook.page).first
    notebook.run("way['sleep'] = 0.8")
    enter(page)
    tab_to(page, "Method")
    page.evaluate(
        """() => {
          window.xwSaid = [];
          const aloud = document.querySelector(".xw-attribution-view [aria-live=polite].xw-sr");
          new MutationObserver(() => window.xwSaid.push([performance.now(), aloud.textContent]))
            .observe(aloud, { childList: true, characterData: true, subtree: true });
        }"""
    )
    page.keyboard.type("smooth")
    expect(view).to_have_attribute("data-phase", "refining")
    page.wait_for_function("() => window.xwSaid.filter(([, words]) => words.startsWith('Ref')).length >= 3")
    page.keyboard.press("Escape")
    expect(view).to_have_attribute("data-phase", "cancelled")
    expect(page.locator(":focus")).to_have_class(re.compile("xw-select"))
    page.wait_for_function("() => window.xwSaid.at(-1)[1].startsWith('Stopped')")
    said = page.evaluate("window.xwSaid.filter(([, words]) => words.startsWith('Ref')).map(([at]) => at)")
    assert min(b - a for a, b in pairwise(said)) > 1900, "progress is read aloud every other second"

    notebook.run("way.update(sleep=0.0, broken=True)")
    page.keyboard.type("occ")
    expect(view).to_have_attribute("data-phase", "error")
    tab_to(page, "Try again", "Shift+Tab")
    notebook.run("way['broken'] = False")
    page.keyboard.press("Enter")
    expect(view).to_have_attribute("data-phase", "done")
    assert page.evaluate(WHO)["panel"] == "attribution-view", "the focus did not go with the button"

    notebook.run("way['sleep'] = 0.3")
    page.keyboard.press("Tab")
    tab_to(page, "Method")
    page.keyboard.type("smooth")
    expect(view).to_have_attribute("data-phase", "refining")
    tab_to(page, "Stop", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(view).to_have_attribute("data-phase", "cancelled")
    assert page.evaluate(WHO)["panel"] == "attribution-view", "the focus did not go with the button"


# -- motion ------------------------------------------------------------------------------------------------

MOVING = """() => document.getAnimations()
  .filter(({ playState }) => playState === "running")
  .filter(({ effect }) => effect.target?.closest(".xw-root, .xw-explorer"))
  .filter(({ effect }) => effect.getComputedTiming().duration > 1)
  .map(({ effect }) => `${effect.target.className} ${effect.pseudoElement ?? ""}`)"""

DURATIONS = """() => [...document.querySelectorAll(".xw-explorer *")].flatMap((element) =>
  [null, "::before", "::after"].flatMap((part) => {
    const { transitionDuration, animationName, animationDuration, scrollBehavior } =
      getComputedStyle(element, part);
    const longest = (text) => Math.max(...text.split(",").map(parseFloat));
    const moves = longest(transitionDuration) > 0.001 ||
      (animationName !== "none" && longest(animationDuration) > 0.001) || scrollBehavior === "smooth";
    return moves ? [`${element.className} ${part ?? ""}`] : [];
  }))"""


@dark
def test_nothing_moves_for_who_asks_for_less_motion(notebook: Notebook) -> None:
    page, view = notebook.page, attribution(notebook.page).first
    notebook.run("way['gate'].clear()")
    method = view.get_by_label("Method", exact=True)
    method.select_option("gradient")
    page.wait_for_function(f"() => ({MOVING})().length > 0")
    assert page.evaluate(DURATIONS), "as a control: with motion there are transitions"
    try:
        page.emulate_media(reduced_motion="reduce")
        method.select_option("occlusion")
        expect(view).to_have_attribute("data-phase", "waiting")
        assert page.evaluate(MOVING) == []
        assert page.evaluate(DURATIONS) == []
        notebook.run("way['gate'].set()")
        view.locator(".xw-evidence > summary").click()
        view.get_by_label("Target", exact=True).click()
        assert page.evaluate(MOVING) == []
        page.keyboard.press("Escape")
        view.locator(".xw-evidence > summary").click()

        names = notebook.value("[layer.name for layer in explorer.layers.layers.viewable]")
        notebook.run(f"explorer.layer = {names[0]!r}")
        scrubber = page.locator(".xw-layer-scrubber").first
        expect(scrubber).to_have_attribute("data-layer", names[0])
        page.get_by_role("button", name="Play through the layers").first.click()
        for name in names[1:3]:
            expect(scrubber).to_have_attribute("data-layer", name, timeout=5000)
            assert page.evaluate(MOVING) == []
        page.get_by_role("button", name="Pause").first.click()
    finally:
        page.emulate_media(reduced_motion="no-preference")


# -- high contrast, narrow pages ---------------------------------------------------------------------------


def seen(page: Page, selector: str) -> float:
    """Return the strongest contrast in and around an element of the explorer as it is painted."""
    box = page.locator(f".xw-explorer {selector}").first.bounding_box()
    assert box, selector
    part = shot(page, {key: box[key] + (-2 if key in "xy" else 4) for key in box})  # type: ignore[literal-required]
    return float(contrast(part.max(keepdims=True), part.min(keepdims=True))[0, 0])


@light
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_high_contrast_keeps_what_says_something(notebook: Notebook, scheme: str) -> None:
    page = notebook.page
    try:
        page.emulate_media(forced_colors="active", color_scheme=scheme)  # type: ignore[arg-type]
        for selector in (
            ".xw-ls-play::before",
            ".xw-ls-dot",
            ".xw-ls-playhead",
            ".xw-swatch-bar",
            ".xw-zero",
        ):
            element = selector.partition(":")[0]
            assert seen(page, element) >= 3, element
        for group in (".xw-head .xw-segments", ".xw-fm-head .xw-segments"):
            ground = page.locator(f".xw-explorer {group} .xw-segment > span").evaluate_all(
                """(spans) => spans.map((span) =>
                  [span.previousSibling.checked, getComputedStyle(span).backgroundColor])"""
            )
            (chosen,) = [color for on, color in ground if on]
            assert all(color != chosen for on, color in ground if not on), "the chosen one stands out"
        assert (
            page.locator(".xw-explorer .xw-range").first.evaluate(
                "(range) => getComputedStyle(range).forcedColorAdjust"
            )
            == "none"
        ), "the track of a range is a fill, which high contrast takes away"
        notebook.screenshot(f"access-high-contrast-{scheme}", ".xw-explorer")
    finally:
        page.emulate_media(forced_colors="none", color_scheme="light")


@light
def test_a_page_of_320_pixels_needs_no_sideways_scrolling(notebook: Notebook) -> None:
    page = notebook.page
    page.locator(".xw-explorer .xw-evidence > summary").click()
    resize(page, 424, 2 * TALL)
    width = explorer(page).evaluate("(element) => element.clientWidth")
    assert 310 <= width <= 322
    wide = explorer(page).evaluate(
        """(root) => [...root.querySelectorAll("*")]
          .filter((element) => element.checkVisibility())
          .filter((element) => !element.closest(".xw-thumbs, .xw-sr, svg, .xw-help, .bqplot"))
          .filter((element) => element.getBoundingClientRect().right > root.getBoundingClientRect().right + 1)
          .map((element) => element.className)"""
    )
    assert wide == []
    overlapping = explorer(page).evaluate(
        """(root) => {
          const all = "button, select, input:not(.xw-sr), .xw-segment, .xw-swatch, summary, " +
            ".xw-label, .xw-check-name, .xw-check-figure:not(:empty), .xw-ls-name, .xw-ls-place";
          const parts = [...root.querySelectorAll(all)].filter((element) => element.checkVisibility() &&
            !element.closest(".xw-thumbs"));
          const boxes = parts.map((element) => element.getBoundingClientRect());
          const name = (i) => `${parts[i].className} ${parts[i].textContent.slice(0, 20)}`;
          const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1 ||
            a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
          return parts.flatMap((one, i) => parts.flatMap((two, j) =>
            j <= i || one.contains(two) || two.contains(one) || apart(boxes[i], boxes[j])
              ? [] : [`${name(i)} / ${name(j)}`]));
        }"""
    )
    assert overlapping == []
    notebook.screenshot("access-320-pixels", ".xw-explorer")
    page.locator(".xw-explorer .xw-evidence > summary").click()
