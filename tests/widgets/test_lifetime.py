"""Scenes that nobody sees or holds are freed; those that somebody holds are whole."""

import gc
import weakref
from typing import Any

import ipywidgets
import pytest

import xai_widgets as xw
from xai_widgets.live.scheduler import worker
from xai_widgets.widgets import lifetime
from xai_widgets.widgets.scene import Scene

from .conftest import Page, network, picture

PATIENCE = 30.0


def run_cell(**values: Any) -> xw.Explorer:
    """Make an explorer as a cell does, with a network of its own."""
    made = xw.explore(network(), picture(), **values)
    assert worker().wait_idle(PATIENCE)
    return made


def registered() -> int:
    return len(ipywidgets.widgets.widget._instances)


def alive(scenes: list["weakref.ref[Scene]"]) -> list[bool]:
    gc.collect()
    return [scene() is not None for scene in scenes]


def test_a_cell_that_is_run_again_leaves_the_last_ones() -> None:
    scenes, counts = [], []
    for _ in range(8):
        explorer = run_cell()
        scenes.append(weakref.ref(explorer.scene))
        counts.append(registered())
    assert sum(alive(scenes)) <= lifetime.UNSEEN + 1
    assert counts[-1] == counts[4], "the registry grows no more"
    assert alive(scenes)[-1]
    explorer.close()


def test_what_is_shown_stays_until_its_last_view_is_gone() -> None:
    shown = run_cell()
    scene = weakref.ref(shown.scene)
    page = Page(shown.strip)
    page.say(type="shown")
    del shown, page
    for _ in range(lifetime.UNSEEN + 3):
        run_cell()
    assert scene() is not None, "a page shows it, though no variable holds it"
    page = Page(_strip_of(scene()))
    page.say(type="gone")
    del page.scene.channel.send, page  # it stood in for the channel's own, and would hold the scene
    for _ in range(lifetime.UNSEEN + 3):
        run_cell()
    assert alive([scene]) == [False]


def test_what_a_variable_holds_is_whole_and_answers() -> None:
    held = run_cell()
    for _ in range(lifetime.UNSEEN + 3):
        run_cell()
    assert held.comm is not None and held.strip.model_id in ipywidgets.widgets.widget._instances
    message = {"content": {"data": {"method": "custom", "content": {"type": "hello", "client": "page"}}}}
    page = Page(held.strip)
    held.strip.comm._msg_callback({**message, "buffers": []})  # as a kernel does
    assert page.of("welcome")
    assert page.ask("maps", image=0, layer="2.0")["meta"]["layer"] == "2.0"
    held.close()


def test_a_view_in_another_page_is_asked_for() -> None:
    explorer = run_cell()
    page = Page(explorer.strip)
    page.say(type="gone")
    assert page.of("roll") and explorer.scene in lifetime._unseen
    page.say(type="shown")
    assert explorer.scene not in lifetime._unseen
    explorer.close()


def test_results_of_cells_do_not_hold_what_nobody_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    first = run_cell()
    scene = weakref.ref(first.scene)
    shell.user_ns["_oh"][3] = shell.user_ns["_3"] = shell.user_ns_hidden["_3"] = first
    shell.user_ns["_"] = shell.displayhook._ = first
    shell.user_ns["_oh"][4] = kept = object()
    del first
    for _ in range(lifetime.UNSEEN + 3):
        run_cell()
    assert alive([scene]) == [False]
    assert list(shell.user_ns["_oh"].values()) == [kept]


def _strip_of(scene: Scene | None) -> Any:
    return next(
        one
        for one in ipywidgets.widgets.widget._instances.values()
        if isinstance(one, xw.ImageStrip) and one.scene is scene
    )
