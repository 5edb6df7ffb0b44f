"""The sweep in a real JupyterLab: by hand, by keyboard, held against Python in the same kernel."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.lab import Lab, Notebook
from tests.browser.test_access import audit
from tests.browser.test_explorer import eventually

pytestmark = pytest.mark.browser

CELL = """
import threading
import numpy as np
import xai_widgets as xw
from xai_widgets import demo, render
model, gate = demo.model(), threading.Event()
gate.set()
model.module.register_forward_pre_hook(lambda *_: gate.wait(100) and None)
shown = ["layers", "attribution", "predictions", "sweep"]
explorer = xw.explore(model, demo.pictures(), method="layer_cam", panels=shown)
explorer
"""
SCORES = "{one.name: one.score for one in explorer.sweep.ranking.entries}"


@pytest.fixture(scope="module")
def notebook(lab: Lab, browser: Browser) -> Iterator[Notebook]:
    """One explorer for all tests here; each says what it looks at."""
    expect.set_options(timeout=60_000)
    opened = Notebook.open(lab, browser, [CELL], width=1400, height=2600)
    yield opened
    expect.set_options(timeout=5_000)
    opened.close()


def view(page: Page) -> Locator:
    return page.locator(".xw-sweep-view")


def settled(notebook: Notebook) -> Locator:
    """Wait until the strip shows what is wished."""
    found = view(notebook.page)
    expect(found).not_to_have_attribute("data-outdated", "")
    expect(found).to_have_attribute("data-phase", "done")
    return found


def ask(notebook: Notebook, question: str) -> Locator:
    notebook.run(f"explorer.method, explorer.sweep.question = 'layer_cam', {question!r}")
    expect(view(notebook.page)).to_have_attribute("data-question", question)
    return settled(notebook)


def cell(page: Page, name: str) -> Locator:
    return page.locator(f'.xw-sw-cell[data-name="{name}"]')


def test_the_strip_is_what_python_finds(notebook: Notebook) -> None:
    page, shown = notebook.page, ask(notebook, "layer")
    eventually(lambda: notebook.value("explorer.sweep.ranking.kind") == "layer")
    scores = notebook.value(SCORES)
    names = shown.locator(".xw-sw-cell").evaluate_all("(cells) => cells.map(({ dataset }) => dataset.name)")
    assert names == list(scores) and len(names) > 10
    figures = [text.replace("−", "-") for text in shown.locator(".xw-sw-score").all_text_contents()]
    assert [float(text) for text in figures] == pytest.approx(list(scores.values()), abs=0.0051)
    assert shown.get_attribute("data-best") == max(scores, key=scores.__getitem__)
    expect(shown.locator(".xw-sw-cell[data-best]")).to_have_count(1)
    last = notebook.value("explorer.sweep.ranking.entries[-1].name")
    painted = (
        cell(page, last)
        .locator("canvas")
        .evaluate(
            """(canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return { shape: [canvas.height, canvas.width, 4], data: Array.from(data) };
        }"""
        )
    )
    seen = np.array(painted["data"], np.uint8).reshape(painted["shape"])[..., :3].astype(int)
    found = "explorer.sweep.ranking.entries[-1].explanation"
    code = f"render.overlay({found}.input, {found}.map, 0.75, sign='positive').tolist()"
    expected = np.array(notebook.value(code))
    assert seen.shape == expected.shape and len(np.unique(expected.reshape(-1, 3), axis=0)) > 100
    assert np.abs(seen - expected).mean() < 2, "but for the one byte a value that travels"
    assert notebook.problems == []


def test_a_click_on_the_best_layer_moves_all_panels(notebook: Notebook) -> None:
    page, shown = notebook.page, ask(notebook, "layer")
    best = shown.get_attribute("data-best") or ""
    notebook.run("explorer.layer = explorer.sweep.ranking.entries[0].name")
    expect(shown).to_have_attribute("data-selected", notebook.value("explorer.layer"))
    cell(page, best).click()
    eventually(lambda: notebook.value("explorer.layer") == best)
    expect(cell(page, best)).to_have_attribute("aria-checked", "true")
    expect(page.locator(".xw-attribution-view .xw-title-rest")).to_contain_text(f"at {best}")
    expect(page.locator(".xw-layer-scrubber")).to_have_attribute("data-layer", best)
    assert shown.get_attribute("data-phase") == "done", "nothing is worked out again"
    notebook.run("explorer.layer = explorer.sweep.ranking.entries[2].name")
    shown.get_by_role("button", name="Select it").click()
    eventually(lambda: notebook.value("explorer.layer") == best)
    expect(shown.get_by_role("button", name="Selected")).to_be_disabled()
    notebook.screenshot("sweep-explorer-1400-light", ".xw-explorer")
    assert notebook.problems == []


def test_by_keyboard(notebook: Notebook) -> None:
    page = notebook.page
    shown = ask(notebook, "layer")
    notebook.run("explorer.layer = explorer.sweep.ranking.entries[0].name")
    names = list(notebook.value(SCORES))
    expect(shown).to_have_attribute("data-selected", names[0])
    cell(page, names[0]).focus()
    for key, name in (
        ("ArrowRight", names[1]),
        ("End", names[-1]),
        ("ArrowLeft", names[-2]),
        ("Home", names[0]),
    ):
        page.keyboard.press(key)
        eventually(lambda name=name: notebook.value("explorer.layer") == name)
        expect(cell(page, name)).to_be_focused()
    page.keyboard.press("ArrowDown")
    columns = shown.locator(".xw-sw-cells").evaluate(
        "(cells) => getComputedStyle(cells).gridTemplateColumns.split(' ').length"
    )
    expect(cell(page, names[columns])).to_be_focused()
    assert notebook.problems == []


def test_escape_stops_it_and_it_goes_on_where_it_was(notebook: Notebook) -> None:
    page, shown = notebook.page, ask(notebook, "layer")
    notebook.run("gate.clear(); explorer.seed += 1; explorer.sweep.fill = 'noise'")
    expect(shown).to_have_attribute("data-outdated", "")
    shown.locator(".xw-sw-cell").first.focus()
    page.keyboard.press("Escape")
    expect(shown).to_have_attribute("data-phase", "cancelled")
    notebook.run("gate.set()")
    before = notebook.value("explorer.layer")
    other = next(name for name in notebook.value(SCORES) if name != before)
    cell(page, other).click()
    eventually(lambda: notebook.value("explorer.layer") == other)
    assert shown.get_attribute("data-phase") == "cancelled", "choosing does not begin it again"
    shown.get_by_role("button", name="Go on").click()
    settled(notebook)
    expect(shown.get_by_role("button", name="Go on")).to_have_count(0)
    notebook.run("explorer.sweep.fill = 'blur'")
    settled(notebook)
    assert notebook.problems == []


def test_which_method_selects_for_all_and_says_why_not(notebook: Notebook) -> None:
    page, shown = notebook.page, ask(notebook, "layer")
    shown.get_by_text("Methods", exact=True).click()
    eventually(lambda: notebook.value("explorer.sweep.question") == "method")
    settled(notebook)
    expect(shown.locator(".xw-refused summary")).to_have_text("One gives no map")
    shown.locator(".xw-refused summary").click()
    expect(shown.locator(".xw-refused li")).to_contain_text("The network pays no attention")
    cell(page, "occlusion").click()
    eventually(lambda: notebook.value("explorer.method") == "occlusion")
    expect(page.locator(".xw-attribution-view")).to_have_attribute("data-method", "occlusion")
    shown.get_by_text("Layers", exact=True).click()
    expect(shown.locator(".xw-notice")).to_contain_text("Occlusion looks at no layer.")
    assert notebook.problems == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(open_notebook: Callable[..., Notebook], theme: str) -> None:
    """In either question, at either width, at work and where nothing can be asked; and pictures."""
    made = "panel = xw.SweepView(model, demo.pictures(), method='layer_cam')\npanel"
    cell = CELL.split("shown =")[0] + made
    notebook = open_notebook([cell], width=1400, height=1600, theme=theme)
    page = notebook.page
    for width in (1400, 700):
        page.set_viewport_size({"width": width, "height": 1600})
        for question in ("layer", "method"):
            notebook.run(f"panel.method, panel.question = 'layer_cam', {question!r}")
            settled(notebook)
            audit(page, ".xw-sweep-view", least=40, texts=20)
            notebook.screenshot(f"sweep-{question}-{width}-{theme}", ".xw-sweep-view")
        notebook.run("panel.question, panel.method = 'layer', 'gradient'")
        expect(view(page).locator(".xw-notice")).to_be_visible()
        audit(page, ".xw-sweep-view", least=40, texts=20)
        notebook.run("panel.method, panel.seed = 'layer_cam', panel.seed + 1")
        settled(notebook)
        notebook.run("gate.clear(); panel.seed += 1")
        expect(view(page)).to_have_attribute("data-judged", "0")
        audit(page, ".xw-sweep-view", least=40, texts=20)
        notebook.screenshot(f"sweep-waiting-{width}-{theme}", ".xw-sweep-view")
        notebook.run("gate.set()")
        settled(notebook)
    assert notebook.problems == []
