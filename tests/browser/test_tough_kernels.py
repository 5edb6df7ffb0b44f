"""What happens to the kernel and to the way there: reload, restart, interrupt, a cut line, other kernels.

Each test names its mend: without that line it fails.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.cable import Cable
from tests.browser.lab import ROOT, Lab, Notebook
from tests.browser.test_explorer import attribution, eventually, map_pixels, painted
from tests.browser.test_tough_cells import DEMO, EXPLORER, scrub, sleeping

pytestmark = pytest.mark.browser

SETTING = "@jupyterlab/apputils-extension:kernels-settings"
WAYS = ("disabled", "perComm", "perCommTarget")

# Writes down what is explained, and not taken from what is known.
EXPLAINED = """
import json
from xai_widgets.widgets import topics
explained, _explain = [], topics.explain
def explain(scene, wish):
    explained.append(json.dumps(wish, sort_keys=True))
    return _explain(scene, wish)
topics.explain = explain
"""


def status(page: Page) -> str:
    return attribution(page).first.locator(".xw-status-text").text_content() or ""


def test_a_reloaded_page_has_the_last_result_without_running_anything(desk: Notebook) -> None:
    """Mend: `remembered` in `Scene.explained`."""
    desk.run(f"{DEMO}\n{EXPLAINED}")
    desk.show(EXPLORER)
    page = painted(desk)
    page.get_by_label("Method", exact=True).select_option("occlusion")
    expect(attribution(page)).to_have_attribute("data-method", "occlusion", timeout=20_000)
    painted(desk)
    page.locator(".xw-ls-track").press("Home")
    layer = page.locator(".xw-layer-scrubber").get_attribute("data-layer")
    before = map_pixels(page)
    desk.save()
    desk.reload()
    painted(desk)
    expect(attribution(page)).to_have_attribute("data-method", "occlusion")
    expect(page.locator(".xw-layer-scrubber")).to_have_attribute("data-layer", layer or "")
    assert (map_pixels(page) == before).all()
    wish = "json.dumps(topics.settled(explorer.scene, explorer.attribution.wish()), sort_keys=True)"
    assert desk.value(f"explained.count({wish})") == 1
    desk.run("topics.explain = _explain")


def test_a_restarted_kernel_is_told_and_the_picture_stays(desk: Notebook) -> None:
    """Mends: `Hub` listens to `comm_live_update`, else nothing is said until a wish stays unanswered;
    `Client.#post` sends nothing to a dead kernel, else the host raises and what is known is not shown.
    """
    desk.show(EXPLORER)
    page = painted(desk)
    track, rail, maps = (
        page.locator(f".xw-{name}") for name in ("ls-track", "layer-scrubber", "feature-maps")
    )
    for key in ("Home", "End"):
        track.press(key)
        expect(maps).to_have_attribute("data-layer", rail.get_attribute("data-layer") or "")
    before = map_pixels(page)
    desk.restart_kernel()
    expect(attribution(page)).to_have_attribute("data-phase", "stale", timeout=10_000)
    assert "run the cell again" in status(page)
    assert (map_pixels(page) == before).all()
    # What was sent can still be looked at, and what can't come is not waited for.
    track.press("Home")
    expect(maps).to_have_attribute("data-layer", "blocks.0.conv", timeout=10_000)
    page.get_by_label("Method", exact=True).select_option("occlusion")
    expect(attribution(page)).to_have_attribute("data-phase", "stale", timeout=10_000)
    assert "run the cell again" in status(page)
    desk.run_all()
    painted(desk)
    scrub(desk)


def test_a_kernel_that_is_shut_down_is_told(lab: Lab, browser: Browser) -> None:
    """Mend: `Client.#tried`; the host tells nothing of it, raises at every word, and work seems to go on."""
    notebook = Notebook.open(lab, browser, [EXPLORER])
    page = painted(notebook)
    before = map_pixels(page)
    page.evaluate("async () => { await xwPanel.sessionContext.shutdown(); }")
    page.get_by_label("Method", exact=True).select_option("occlusion")
    expect(attribution(page)).to_have_attribute("data-phase", "stale", timeout=10_000)
    assert "run the cell again" in status(page)
    assert (map_pixels(page) == before).all()
    notebook.close()
    assert notebook.problems == []


def test_a_page_loaded_after_a_restart_is_not_blank(desk: Notebook) -> None:
    """No line of ours: the host says that the widget is gone."""
    desk.show(EXPLORER)
    painted(desk)
    desk.save()
    desk.restart_kernel()
    desk.reload()
    expect(desk.page.locator(".jp-OutputArea-output").first).to_contain_text(
        "model not found", timeout=30_000
    )


def test_an_interrupt_stops_the_cell_and_nothing_else(desk: Notebook, tmp_path: Path) -> None:
    """Mend: `untouched` in `model/hooks.py` gives hooks and lock back on KeyboardInterrupt, too."""
    desk.show(EXPLORER)
    painted(desk)
    inside = tmp_path / "inside"
    desk.run(
        "import pathlib, threading, time\n"
        "slow = [True]\n"
        "def crawl(*_):\n"
        "    while slow and threading.current_thread() is threading.main_thread():\n"
        f"        pathlib.Path({str(inside)!r}).touch(); time.sleep(0.02)\n"
        "model.module.register_forward_hook(crawl)"
    )
    desk.start("explorer.attribution.explain()\nexplorer.scene.model.predict(explorer.scene.inputs(3) * 0.5)")
    # The host's word "busy" may be gone before it is read: the page's own messages end with "idle", too.
    eventually(inside.exists)
    desk.interrupt()
    desk.finish()
    scrub(desk)
    desk.run("slow.clear()")


@pytest.fixture
def cable(lab: Lab) -> Iterator[Cable]:
    with Cable(lab.port) as made:
        yield made


def test_a_line_that_was_cut_for_five_seconds(lab: Lab, browser: Browser, cable: Cable) -> None:
    """Mends: `Feed.again` and `Session.goes_on` for what was asked, `Hub.untold` for what was selected."""
    url = f"http://127.0.0.1:{cable.port}"
    notebook = Notebook.open(lab, browser, [EXPLORER], width=1200, height=1400, url=url)
    try:
        page = painted(notebook)
        view = attribution(page)
        cable.numb = True
        page.evaluate("window.xwCut = performance.now()")
        page.get_by_label("Method", exact=True).select_option("occlusion")
        expect(view).to_have_attribute("data-phase", "waiting")
        expect(view).to_have_attribute("data-phase", "stale", timeout=6000)
        assert "busy or disconnected" in status(page)
        cable.sever()
        page.wait_for_function("() => performance.now() > window.xwCut + 5000")
        cable.mend()
        # The host tries again after 0 to 1, 3, 7, 15, 31 s, drawn at random.
        expect(view).to_have_attribute("data-method", "occlusion", timeout=90_000)
        expect(view).to_have_attribute("data-phase", "done", timeout=30_000)
        eventually(lambda: notebook.value("explorer.method") == "occlusion")
        expect(page.get_by_label("Method", exact=True)).to_have_value("occlusion")
        while page.locator(".jp-Dialog-button").count():  # the host says that it was disconnected
            page.locator(".jp-Dialog-button").last.click()
        page.get_by_label("Method", exact=True).select_option("grad_cam")
        scrub(notebook)
    finally:
        notebook.close()


@pytest.mark.parametrize("version", ["6", "7.1", "newest"])
def test_other_kernels(lab: Lab, browser: Browser, version: str) -> None:
    """Mend: `Panel._hear_everywhere` takes comms that keep no note of shells; and `Welcome.waits`."""
    folder = ROOT / ".kernels" / version
    if version == "newest":
        kernel = "python3"
    elif not (folder / "ipykernel").is_dir():
        pytest.skip(f"ipykernel {version} is not at {folder}; `python dev.py test` fetches it")
    else:
        kernel = f"ipykernel-{version}"
        lab.add_kernel(kernel, folder)
    notebook = Notebook.open(lab, browser, [EXPLORER], width=1200, height=1400, kernel=kernel)
    try:
        painted(notebook)
        found = notebook.value("__import__('ipykernel').__version__")
        assert version == "newest" or found.startswith(f"{version}.")
        scrub(notebook)
        assert notebook.value("[explorer.image, explorer.method]") == [5, "occlusion"]
        if version == "6":  # it has no subshells
            assert_waits(notebook)
        assert notebook.problems == []
    finally:
        notebook.close()


@pytest.mark.parametrize("way", WAYS)
def test_lab_takes_comms_to_the_kernel_in_each_of_its_ways(
    desk: Notebook, lab: Lab, way: str, tmp_path: Path
) -> None:
    """Mend: `Welcome.waits`; else a view that waits for a cell says that the kernel may be gone."""
    schema = json.loads(lab.ask(f"/lab/api/settings/{SETTING}"))["schema"]
    choices = schema["properties"]["commsOverSubshells"]["oneOf"]
    assert {choice["const"] for choice in choices} == set(WAYS)
    page = desk.page
    page.evaluate("way => { jupyterapp.serviceManager.kernels.commsOverSubshells = way; }", way)
    try:
        desk.show(EXPLORER)
        painted(desk)
        scrub(desk)
        if way == "disabled":
            assert_waits(desk)
        else:
            end = tmp_path / "end"
            desk.start(sleeping(end))
            page.get_by_label("Method", exact=True).select_option("gradient")
            expect(attribution(page)).to_have_attribute("data-method", "gradient", timeout=20_000)
            assert desk.running()
            end.touch()
            desk.finish()
        assert desk.problems == []
    finally:
        page.evaluate("jupyterapp.serviceManager.kernels.commsOverSubshells = 'perCommTarget'")


def assert_waits(notebook: Notebook) -> None:
    """While a cell runs, the view says what it waits for; when the cell has ended, it goes on."""
    page = notebook.page
    end = notebook.path.with_suffix(".end")
    end.unlink(missing_ok=True)
    notebook.start(sleeping(end))
    page.locator(".xw-thumb").nth(1).click()  # far from what was worked out ahead
    expect(attribution(page)).to_have_attribute("data-phase", "stale", timeout=10_000)
    assert "Waiting for the running cell" in status(page)
    end.touch()
    notebook.finish()
    eventually(lambda: notebook.value("explorer.image") == 1)
    expect(attribution(page)).to_have_attribute("data-phase", "done", timeout=20_000)
