"""Work that is slow, that fails on its way, and messages that nobody would send.

Each test names its mend: without that line it fails.
"""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.lab import Notebook
from tests.browser.test_explorer import attribution, eventually, map_pixels, painted
from tests.browser.test_tough_cells import DEMO, EXPLORER, scrub

pytestmark = pytest.mark.browser

# `seconds` of each step of an explanation, `failing` at its third one; what began is written down.
STEPS = f"""
{DEMO}
import time
from xai_widgets.widgets import topics
_explain = getattr(topics.explain, "plain", topics.explain)
seconds, failing, begun, made = [0.0], [], [], []
def explain(scene, wish):
    begun.append(wish["method"])
    for index, step in enumerate(_explain(scene, wish)):
        time.sleep(seconds[0])
        if failing and index == 2:
            raise RuntimeError("the <b>cable</b> came off")
        made.append(wish["method"])
        yield step
explain.plain = _explain
topics.explain = explain
explorer = xw.explore(model, pictures, method="gradient")
explorer
"""


def test_five_seconds_a_step_and_the_page_stays_alive(desk: Notebook) -> None:
    """Mends: `Session.goes_on`, by which a slow kernel is told from a lost one; `Session.cancel`."""
    desk.show(STEPS)
    page = painted(desk)
    view, method = attribution(page), page.get_by_label("Method", exact=True)
    page.evaluate(
        """() => {
          const view = document.querySelector(".xw-attribution-view");
          window.xwPhases = [];
          new MutationObserver(() => window.xwPhases.push(view.dataset.phase))
            .observe(view, { attributes: true, attributeFilter: ["data-phase"] });
          window.xwBegun = performance.now();
        }"""
    )
    desk.run("seconds[0] = 5.0; made.clear()")
    before = map_pixels(page)
    method.select_option("occlusion")
    expect(view).to_have_attribute("data-phase", "waiting")
    eventually(lambda: "occlusion" in desk.value("begun"))
    # What needs no new numbers answers meanwhile, and nobody says that the kernel is lost.
    page.get_by_role("slider", name="Clip at percentile").press("Home")
    expect(page.locator(".xw-ticks").first).to_be_visible()
    assert (map_pixels(page) != before).any()
    page.wait_for_function("() => performance.now() > window.xwBegun + 4500")
    assert "stale" not in page.evaluate("window.xwPhases")
    # Esc is obeyed at once in the page; what was being made then is not shown.
    view.focus()
    view.press("Escape")
    expect(view).to_have_attribute("data-phase", "cancelled", timeout=4000)
    desk.run("seconds[0] = 0.0")
    # And in the kernel: the step that was being made is the last one.
    desk.run("from xai_widgets.live.scheduler import worker\nassert worker().wait_idle(120)")
    assert desk.value("made.count('occlusion')") <= 1
    method.select_option("integrated_gradients")
    expect(view).to_have_attribute("data-method", "integrated_gradients", timeout=20_000)
    expect(view).to_have_attribute("data-phase", "done", timeout=20_000)
    assert desk.value("made.count('occlusion')") <= 1, "only the step that was being made"
    assert desk.value("explorer.explanation.method") == "integrated_gradients"
    desk.run("topics.explain = _explain")
    assert desk.problems == []


def test_a_failure_on_the_way_keeps_the_last_picture(desk: Notebook) -> None:
    """Mend: `Scheduler._advance` tells the follower of whatever the work raised."""
    desk.show(STEPS)
    page = painted(desk)
    view = attribution(page)
    desk.run("seconds[0] = 0.1; failing.append(True)")
    page.get_by_label("Method", exact=True).select_option("integrated_gradients")
    expect(view).to_have_attribute("data-phase", "error", timeout=20_000)
    notice = view.locator(".xw-notice")
    expect(notice).to_contain_text("the <b>cable</b> came off")
    expect(notice).to_contain_text("last result stays")
    expect(view).to_have_attribute("data-method", "integrated_gradients")
    assert re.fullmatch(r"[1-9]\d*", view.get_attribute("data-index") or ""), "what was made till then"
    desk.run("failing.clear(); seconds[0] = 0.0")
    page.get_by_label("Method", exact=True).select_option("input_x_gradient")
    expect(view).to_have_attribute("data-method", "input_x_gradient", timeout=20_000)
    expect(view).to_have_attribute("data-phase", "done", timeout=20_000)
    expect(notice).to_be_hidden()
    desk.run("topics.explain = _explain")
    assert desk.problems == []


SPRAY = """
import random
_random = random.Random(7)
def junk(depth=3):
    plain = [None, True, -1, 0, 3, 10**30, 1e308, float("nan"), "", "maps", "ü" * 50]
    kind = _random.randrange(4 if depth else 1)
    if kind == 2:
        return [junk(depth - 1) for _ in range(_random.randrange(4))]
    if kind == 3:
        return {_random.choice(["image", "layer", "name", "meta", "x"]): junk(depth - 1) for _ in range(3)}
    return _random.choice(plain)
def message():
    fields = ["client", "topic", "seq", "params", "values", "selection", "methods", "images", "step",
              "arrays", "error", "done", "ms", "heard", "origin", "meta"]
    kinds = ["welcome", "state", "frame", "progress", "done", "error", "cancelled", "roll", "odd"]
    told = {key: junk() for key in _random.sample(fields, 6)}
    if _random.random() < 0.5:
        told |= {"client": "x", "topic": _random.choice(["maps", "attribution", "layers"]), "seq": 1}
        told |= {"params": {"image": 0}, "step": {"index": 0, "done": 1, "error": None, "final": True}}
        told |= {"arrays": [{"name": "map", "dtype": "int16", "shape": [2, junk(0)], "scale": 1, "zero": 0}]}
    return {**told, "type": _random.choice(kinds)}
for _ in range(300):
    explorer.scene.channel.send(message(), [bytes(_random.randrange(9))])
"""


def test_after_any_messages_both_ways_scrubbing_goes_on(desk: Notebook) -> None:
    """Mends: `isFromKernel` in the page; `messages.read` and `Scene._try` in the kernel."""
    desk.show(EXPLORER)
    page = painted(desk)
    desk.run(
        "ends, raised, _receive = [], [], explorer.scene.receive\n"
        "def receive(message, buffers):\n"
        "    try:\n"
        "        if str(message['client']).startswith('end'): ends.append(message['client'])\n"
        "        _receive(message, buffers)\n"
        "    except BaseException as error:\n"
        "        raised.append(repr(error))\n"
        "explorer.scene.receive = receive"
    )
    desk.run(SPRAY)
    # A kernel that other tests have used has their explorers too.
    ours = desk.value("explorer.scene.channel.model_id")
    panels = page.evaluate(
        """async (ours) => {
          const kind = "application/vnd.jupyter.widget-view+json";
          const manager = await xwPanel.content.rendermime.createRenderer(kind)._manager.promise;
          let seed = 7;
          const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
          const pick = (from) => from[Math.floor(random() * from.length)];
          const junk = (depth = 3) => {
            const kind = depth ? random() : 0;
            if (kind > 0.8) return [junk(depth - 1), junk(depth - 1)];
            if (kind > 0.5) return { image: junk(depth - 1), [pick(["layer", "x"])]: junk(depth - 1) };
            return pick([null, true, -1, 0, 7, 1e308, "", "maps", "ü".repeat(50), Number.MAX_SAFE_INTEGER]);
          };
          const types = ["hello", "select", "request", "again", "cancel", "ack", "add", "traits", "odd"];
          const models = (await Promise.all(Object.values(manager._models)))
            .filter((model) => String(model.get("_channel")).endsWith(ours));
          for (let i = 0; i < 300; i++) {
            const content = { type: pick(types), client: pick(["x", "y", junk()]), seq: pick([1, junk()]) };
            const topic = pick(["maps", "attribution", "layers", "nothing", junk()]);
            const values = { image: junk(), target: junk(), params: junk(), clip: junk(), panels: junk() };
            const params = { image: junk(), layer: junk(), method: junk(), target: junk() };
            models[i % models.length].send(
              { ...content, topic, values, params, name: junk() },
              undefined,
              random() > 0.5 ? [new Uint8Array([1, 2, 3])] : [],
            );
          }
          models.forEach((model, i) => model.send({ type: "hello", client: `end ${i}` }, undefined, []));
          return models.length;
        }""",
        ours,
    )
    assert panels > 0
    eventually(lambda: desk.value("len(ends)") == panels)
    assert desk.value("raised") == []
    # Whatever of it was a valid selection was followed: the explorer is where a person can put it again.
    desk.run("explorer.image, explorer.target, explorer.method, explorer.baseline = 0, None, 'grad_cam', {}")
    page.locator(".xw-thumb").first.click()
    scrub(desk)
    assert desk.value("[explorer.image, explorer.method]") == [5, "occlusion"]
    assert desk.problems == []
