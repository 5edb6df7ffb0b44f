"""What a notebook does to its cells: they sleep, await, hide, run again and again, and show a panel twice.

Each test names its mend: without that line it fails.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab import Notebook
from tests.browser.test_explorer import attribution, eventually, map_pixels, painted

pytestmark = pytest.mark.browser

DEMO = (
    "import xai_widgets as xw\nfrom xai_widgets import demo\nmodel, pictures = demo.model(), demo.pictures()"
)
EXPLORER = f'{DEMO}\nexplorer = xw.explore(model, pictures, method="grad_cam")\nexplorer'


def sleeping(end: Path) -> str:
    """Return the code of a cell that sleeps until there is a file."""
    return f"import pathlib, time\nwhile not pathlib.Path({str(end)!r}).exists(): time.sleep(0.05)"


def scrub(notebook: Notebook) -> None:
    """Scrub the demo network with Grad-CAM: layers, an image that was not sent, another method."""
    page = notebook.page
    maps, view, track = page.locator(".xw-feature-maps"), attribution(page), page.locator(".xw-ls-track")
    for key, layer in (("Home", "blocks.0.conv"), ("ArrowRight", "blocks.0.norm"), ("End", "head")):
        track.press(key)
        expect(maps).to_have_attribute("data-layer", layer, timeout=20_000)
    page.locator(".xw-thumb").nth(5).click()
    expect(maps).to_have_attribute("data-image", "5", timeout=20_000)
    track.press("Home")
    for _ in range(2):  # layers with positions, for the methods that need them
        track.press("ArrowRight")
    expect(view.locator(".xw-title-rest")).to_contain_text("at blocks.0.relu", timeout=20_000)
    page.get_by_label("Method", exact=True).select_option("occlusion")
    expect(view).to_have_attribute("data-method", "occlusion", timeout=20_000)
    expect(view).to_have_attribute("data-phase", "done", timeout=20_000)


def test_scrubbing_goes_on_while_a_cell_sleeps(desk: Notebook, tmp_path: Path) -> None:
    """Mend: `Panel._hear_everywhere`; else ipykernel takes the page's words to the shell of the cell."""
    desk.show(EXPLORER)
    painted(desk)
    end = tmp_path / "end"
    desk.start(sleeping(end))
    scrub(desk)
    assert desk.running(), "all that came while the cell slept"
    end.touch()
    desk.finish()
    assert desk.value("[explorer.image, explorer.method]") == [5, "occlusion"]
    assert desk.problems == []


def test_scrubbing_goes_on_while_a_cell_awaits_and_publishes(desk: Notebook, tmp_path: Path) -> None:
    """As users have it; the next test holds the mend, `Client.steady`, where this one passes without it."""
    desk.show(EXPLORER)
    page = painted(desk)
    end = tmp_path / "end"
    desk.start(
        f"""
import asyncio, itertools, pathlib
for step in itertools.count():
    explorer.attribution.opacity = 0.2 + step % 50 / 100
    explorer.layers.playing = False
    explorer.features.tile = 60 + step % 50
    await asyncio.sleep(0.02)
    if pathlib.Path({str(end)!r}).exists(): break
"""
    )
    scrub(desk)
    page.get_by_role("slider", name="Clip at percentile").press("Home")
    assert desk.running()
    end.touch()
    desk.finish()
    eventually(lambda: desk.value("explorer.attribution.clip") == 50)
    page.get_by_role("slider", name="Clip at percentile").press("End")
    eventually(lambda: desk.value("explorer.attribution.clip") == 100)
    assert desk.problems == []


def test_what_a_page_sets_arrives_though_traits_have_jammed(desk: Notebook, tmp_path: Path) -> None:
    """Mend: `Client.steady`; a word that ipykernel hears beside an awaiting cell is never called done,
    and the host holds all later changes of the model's traits back for good.
    """
    page = desk.page
    page.evaluate("jupyterapp.serviceManager.kernels.commsOverSubshells = 'disabled'")
    try:
        desk.show(EXPLORER)
        painted(desk)
        end = tmp_path / "end"
        desk.start(
            f"""
import asyncio, pathlib
while not pathlib.Path({str(end)!r}).exists():
    explorer.attribution.opacity = 0.9 - explorer.attribution.opacity / 2
    await asyncio.sleep(0.02)
"""
        )
        clip = page.get_by_role("slider", name="Clip at percentile")
        clip.press("Home")
        expect(page.locator(".xw-thumb").first).to_be_visible()
        scrub(desk)
        end.touch()
        desk.finish()
        clip.press("End")
        eventually(lambda: desk.value("explorer.attribution.clip") == 100)
    finally:
        page.evaluate("jupyterapp.serviceManager.kernels.commsOverSubshells = 'perCommTarget'")


def test_a_view_that_comes_later_agrees_with_the_first(desk: Notebook) -> None:
    """Mend: `Feed.onFrame` gives a view what the feed shows already."""
    desk.show(EXPLORER)
    page = painted(desk)
    page.get_by_label("Method", exact=True).select_option("gradient")
    expect(attribution(page)).to_have_attribute("data-method", "gradient")
    painted(desk)
    desk.add("explorer.attribution")
    views = attribution(page)
    expect(views).to_have_count(2)
    views.nth(1).scroll_into_view_if_needed()
    expect(views.nth(1)).to_have_attribute("data-method", "gradient")
    expect(views.nth(1)).to_have_attribute("data-phase", "done")
    first, second = views.nth(0).locator(".xw-pane-map canvas"), views.nth(1).locator(".xw-pane-map canvas")
    assert len(np.unique(map_pixels(page).reshape(-1, 3), axis=0)) > 20
    assert first.evaluate("canvas => canvas.toDataURL()") == second.evaluate("canvas => canvas.toDataURL()")
    views.nth(1).get_by_role("slider", name="Clip at percentile").press("Home")
    views.nth(1).locator("label", has_text=re.compile("^Map$")).click()
    views.nth(1).get_by_label("Method", exact=True).select_option("integrated_gradients")
    for view in (views.nth(0), views.nth(1)):
        view.scroll_into_view_if_needed()
        expect(view).to_have_attribute("data-method", "integrated_gradients", timeout=20_000)
        expect(view).to_have_attribute("data-phase", "done", timeout=20_000)
        expect(view.locator(".xw-figure-box")).to_have_attribute("data-view", "map")
    assert first.evaluate("canvas => canvas.toDataURL()") == second.evaluate("canvas => canvas.toDataURL()")
    assert desk.problems == []


HIDDEN = f"""
import ipywidgets
{DEMO}
one = xw.AttributionView(model, pictures, method="gradient")
heard, receive = [], one.scene.receive
def receiving(message, buffers):
    heard.append((message["type"], message.get("topic")))
    receive(message, buffers)
one.scene.receive = receiving
box = ipywidgets.VBox([one, xw.FeatureMaps(scene=one.scene)])
"""


def show_tab(notebook: Notebook) -> None:
    notebook.page.locator(".jp-OutputArea .lm-TabBar-tab").nth(1).click()


def widen(notebook: Notebook) -> None:
    notebook.run("box.layout.width = '100%'")


def expand(notebook: Notebook) -> None:
    notebook.command("notebook:show-all-cell-outputs")


def collapse(notebook: Notebook) -> None:
    notebook.command("notebook:hide-all-cell-outputs")


def reveal(notebook: Notebook) -> None:
    notebook.page.evaluate("xwPanel.content.widgets[0].show()")


@pytest.mark.parametrize(
    ("last", "show"),
    [
        pytest.param("ipywidgets.Tab([ipywidgets.HTML('first'), box])", show_tab, id="tab"),
        pytest.param(
            "box.layout.width, box.layout.overflow = '0px', 'hidden'\nbox", widen, id="without width"
        ),
        pytest.param("box", reveal, id="hidden cell"),
    ],
)
def test_what_is_out_of_sight_asks_nothing_and_paints_when_shown(
    desk: Notebook, last: str, show: object
) -> None:
    """Mends: `watchVisible` of the attribution and the observers of `Painter` for the feature maps."""
    desk.put(HIDDEN + last)
    page = desk.page
    if show is reveal:
        page.evaluate("xwPanel.content.widgets[0].hide()")
    desk.run_all()
    eventually(lambda: ["hello", None] in desk.value("heard"))
    assert ["request", "attribution"] not in desk.value("heard"), "nobody sees it"
    assert callable(show)
    show(desk)
    expect(attribution(page)).to_have_attribute("data-phase", "done", timeout=20_000)
    expect(attribution(page)).not_to_have_attribute("data-outdated", "")
    assert len(np.unique(map_pixels(page).reshape(-1, 3), axis=0)) > 20
    maps = page.locator(".xw-feature-maps")
    maps.scroll_into_view_if_needed()
    expect(maps).to_have_attribute("data-phase", "done", timeout=20_000)
    page.wait_for_function(
        """() => [...document.querySelectorAll(".xw-feature-maps canvas")].some((canvas) => {
          if (!canvas.width || !canvas.clientWidth) return false;
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return new Set(new Uint32Array(data.buffer)).size > 20;
        })"""
    )
    assert desk.problems == []


def test_a_collapsed_output_follows_when_it_is_opened(desk: Notebook) -> None:
    """Mend: `watchVisible` of the attribution; running a cell opens its output, so it is closed later."""
    page = desk.show(HIDDEN + "box")
    view = attribution(page)
    expect(view).to_have_attribute("data-phase", "done", timeout=20_000)
    collapse(desk)
    expect(view).to_be_hidden()
    asked = desk.value("heard.count(('request', 'attribution'))")
    desk.run("one.method = 'input_x_gradient'; one.image = 3")
    # The kernel's word is here; a wish would be sent with the next frame.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert desk.value("heard.count(('request', 'attribution'))") == asked, "nobody sees it"
    expand(desk)
    expect(view).to_have_attribute("data-method", "input_x_gradient", timeout=20_000)
    expect(view).to_have_attribute("data-phase", "done", timeout=20_000)
    assert desk.problems == []


def counted(page: Page, kind: str) -> int:
    """Return how many objects of a kind the page keeps, in the document or not, after it has cleaned up.

    Without the canvas that bqplot itself keeps of every figure it has ever drawn.
    """
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    prototype = session.send("Runtime.evaluate", {"expression": f"{kind}.prototype"})["result"]["objectId"]
    found = session.send("Runtime.queryObjects", {"prototypeObjectId": prototype})["objects"]["objectId"]
    count = session.send(
        "Runtime.callFunctionOn",
        {
            "objectId": found,
            "functionDeclaration": """function () {
              return this.filter((one) => !one.parentElement?.classList.contains("bqplot")).length;
            }""",
        },
    )["result"]["value"]
    session.detach()
    return int(count)


def models(page: Page) -> int:
    """Return how many widgets the notebook has in the page."""
    found: int = page.evaluate(
        """async () => {
          const kind = "application/vnd.jupyter.widget-view+json";
          const manager = await xwPanel.content.rendermime.createRenderer(kind)._manager.promise;
          return Object.keys(manager._models).length;
        }"""
    )
    return found


KEPT = """
import gc, threading, ipywidgets
from xai_widgets.widgets import scene as _scenes, subject as _subjects
from xai_widgets.live.scheduler import worker
gc.collect()
kept = dict(
    widgets=len(ipywidgets.widgets.widget._instances),
    comms=len(get_ipython().kernel.comm_manager.comms),
    scenes=sum(isinstance(one, _scenes.Scene) for one in gc.get_objects()),
    networks=sum(isinstance(one, demo.ShapeNet) for one in gc.get_objects()),
    explanations=len(_subjects._explained),
    records=len(_subjects._records),
    threads=threading.active_count(),
)
"""


def test_frames_are_let_go_when_nobody_looks(desk: Notebook) -> None:
    """The page does not keep them as long as the kernel keeps the explorer; with `Hub.left` out it passes."""
    page = desk.show(f"{DEMO}\nheld = xw.explore(model, pictures, method='grad_cam')\nheld")
    painted(desk)
    kept = """async () => {
      const kind = "application/vnd.jupyter.widget-view+json";
      const manager = await xwPanel.content.rendermime.createRenderer(kind)._manager.promise;
      const models = await Promise.all(Object.values(manager._models));
      const hubs = models.map((model) => model[Symbol.for("xai_widgets.hub")]).filter(Boolean);
      return hubs.reduce((bytes, hub) => bytes + hub.cache.bytes, 0);
    }"""
    assert page.evaluate(kept) > 100_000
    desk.show("1")
    page.wait_for_function(f"async () => await ({kept})() === 0", timeout=20_000)
    desk.show("held")
    painted(desk)
    scrub(desk)
    assert desk.problems == []


@pytest.mark.slow
def test_thirty_runs_of_a_cell_leave_no_more_than_three(desk: Notebook) -> None:
    """Mend: `lifetime.make_room`; what it lets go in the kernel closes its models in the page."""

    def kept() -> dict[str, int]:
        desk.run(KEPT)
        page_side = {kind: counted(desk.page, kind) for kind in ("HTMLCanvasElement", "Int16Array")}
        return {**desk.value("kept"), **page_side, "models": models(desk.page)}

    cell = f'{DEMO}\nexplorer = xw.explore(model, pictures[:2], method="gradient")\nexplorer'
    desk.run(f"{DEMO}\nheld = xw.explore(model, pictures)")
    desk.show(cell)
    early: dict[str, int] = {}
    for run in range(30):
        desk.run_all()
        expect(attribution(desk.page)).to_have_attribute("data-phase", "done", timeout=20_000)
        if run == 4:
            early = kept()
    late = kept()
    print(early, late, sep="\n")
    for kind, count in early.items():
        assert late[kind] <= 1.2 * count + 2, (kind, early, late)
    assert desk.problems == []
    # What a person holds can be shown, however long nobody saw it.
    desk.show("held")
    scrub(desk)
    assert desk.value("held.image") == 5
    desk.run("held.close()")


def test_twenty_panels_share_one_line(desk: Notebook) -> None:
    """Mend: `Hub.of`, one hub a session in a page; else each panel greets, hears and keeps all by itself."""
    desk.show(
        f"""
import ipywidgets
{DEMO}
first = xw.AttributionView(model, pictures, method="gradient")
heard, receive = [], first.scene.receive
def receiving(message, buffers):
    heard.append(message["type"])
    receive(message, buffers)
first.scene.receive = receiving
kinds = [xw.AttributionView, xw.FeatureMaps, xw.LayerScrubber, xw.ImageStrip]
panels = [first, *(kinds[i % 4](scene=first.scene) for i in range(1, 20))]
ipywidgets.VBox(panels)
"""
    )
    page = desk.page
    rails = page.locator(".xw-layer-scrubber")
    expect(rails).to_have_count(5)
    expect(attribution(page).first).to_have_attribute("data-phase", "done", timeout=60_000)
    expect(rails.first).to_have_attribute("data-phase", "done", timeout=60_000)
    assert desk.value("len({panel._channel.model_id for panel in panels})") == 1
    assert desk.value("heard.count('hello')") == 1
    rails.first.locator(".xw-ls-track").press("Home")
    first = rails.first.get_attribute("data-layer")
    rails.first.locator(".xw-ls-track").press("ArrowRight")
    second = rails.first.get_attribute("data-layer")
    assert first != second
    for rail in rails.all():
        rail.scroll_into_view_if_needed()  # what is out of sight is painted when it is seen
        expect(rail).to_have_attribute("data-layer", second or "", timeout=10_000)
    last = attribution(page).last
    last.scroll_into_view_if_needed()
    expect(last).to_have_attribute("data-phase", "done", timeout=20_000)
    last.get_by_label("Method", exact=True).select_option("input_x_gradient")
    expect(last).to_have_attribute("data-method", "input_x_gradient", timeout=20_000)
    contexts = page.evaluate(
        """() => [...document.querySelectorAll(".xw-root canvas")].map((one) => !!one.getContext("2d"))"""
    )
    assert len(contexts) > 20 and all(contexts), "Canvas 2D: a page has only some sixteen WebGL contexts"
    assert desk.problems == []
