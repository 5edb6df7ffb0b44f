"""The sweep without a browser: what is asked, what is told, what is kept."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from PIL import Image

import xai_widgets as xw
from tests.explain.nets import Conv, seeded
from xai_widgets import render
from xai_widgets.anytime import last
from xai_widgets.errors import ParameterError
from xai_widgets.metrics.ranking import FIRST_LOOK, sweep
from xai_widgets.widgets.explorer import CELLS, LATER
from xai_widgets.widgets.image_strip import FIRST, PANELS
from xai_widgets.widgets.sweep_view import TOPIC

from .conftest import Page, picture


@pytest.fixture
def view(model: xw.Model) -> Iterator[xw.SweepView]:
    made = xw.SweepView(model, [picture(0), picture(1)], method="layer_cam")
    yield made
    made.close()


@pytest.fixture
def seat(view: xw.SweepView) -> Page:
    """Where a browser sits."""
    return Page(view)


def spatial(view: xw.SweepView) -> list[str]:
    return [one.name for one in view.scene.tree(0).viewable if one.grid and one.grid != (1, 1)]


def passes(view: xw.SweepView, act: Any) -> int:
    """Return how many pictures go through the network meanwhile."""
    counted = []
    handle = view.scene.model.module.register_forward_pre_hook(
        lambda _, inputs: counted.append(len(inputs[0]))
    )
    act()
    handle.remove()
    return sum(counted)


def test_every_layer_is_told_with_its_map_and_figure(view: xw.SweepView, seat: Page) -> None:
    """What travels is what `xw.sweep` finds, at the size of a thumbnail."""
    frame = seat.ask("which_layer", **view.wish("layer"))
    found = sweep(view.scene.model, picture(0), "layer_cam")
    entries = frame["meta"]["entries"]
    assert [entry["name"] for entry in entries] == spatial(view) == [one.name for one in found.entries]
    assert [entry["score"] for entry in entries] == pytest.approx(
        [one.score for one in found.entries], abs=1e-5
    )
    assert frame["meta"]["best"] == found.best.name
    assert f"{found.best.name}: {frame['meta']['reason']}." == found.why
    maps = seat.array(frame, "maps")
    for shown, entry in zip(maps, found.entries, strict=True):
        values = entry.explanation.map
        np.testing.assert_allclose(shown, values, atol=1.01 * np.ptp(values) / 255)
    np.testing.assert_array_equal(seat.array(frame, "picture"), found.entries[0].explanation.input)


def test_it_grows_from_layers_far_apart(view: xw.SweepView, seat: Page) -> None:
    view.scene.session._scheduler.wait_idle(30)
    seat.ask("which_layer", **view.wish("layer"))
    told = [frame["meta"]["entries"] for frame in seat.of("frame") if frame["topic"] == "which_layer"]
    assert [entry["name"] for entry in told[0]] == spatial(view), "all have their places from the start"
    counts = [sum(entry["score"] is not None for entry in entries) for entries in told]
    assert counts == sorted(counts) and counts[0] == 0 and counts[-1] == len(spatial(view))


def test_large_maps_travel_as_thumbnails() -> None:
    view = xw.SweepView(
        seeded(Conv), Image.fromarray(np.full((200, 260, 3), 90, np.uint8)), method="layer_cam"
    )
    frame = Page(view).ask("which_layer", **view.wish("layer"))
    assert (
        max(head["shape"][-1] * head["shape"][-2] for head in frame["arrays"] if head["name"] == "maps")
        <= 2**14
    )
    view.close()


def test_nothing_is_worked_out_twice(view: xw.SweepView) -> None:
    """A second sweep asks the network for nothing, another fill for no map, the attribution neither."""
    first = passes(view, lambda: view.compute("layer"))
    assert first >= 34 * len(spatial(view))
    assert passes(view, lambda: view.compute("layer")) == 0
    view.fill = "mean"
    again = passes(view, lambda: view.compute("layer"))
    assert again == 34 * len(spatial(view)) < first
    wish = view.wish("layer") | {"layer": spatial(view)[0]}
    del wish["fill"]
    assert passes(view, lambda: last(view.scene.explained(wish))) == 0


def test_methods_are_of_one_family_each_and_say_what_does_not_fit(view: xw.SweepView, seat: Page) -> None:
    frame = seat.ask("which_method", **view.wish("method"))
    entries = {entry["name"]: entry for entry in frame["meta"]["entries"]}
    assert list(entries) == list(FIRST_LOOK)
    assert "no attention" in entries["attention_gradient"]["failure"]
    there = [name for name, entry in entries.items() if entry["there"]]
    assert len(seat.array(frame, "maps")) == len(there) == len(FIRST_LOOK) - 1
    for name in there:
        wish = view.wish("method") | {"method": name, "params": {}}
        del wish["fill"]
        assert passes(view, lambda wish=wish: last(view.scene.explained(wish))) == 0, "a click costs nothing"


def test_a_distribution_is_for_the_methods_that_can_use_one(view: xw.SweepView, seat: Page) -> None:
    view.baseline = "distribution"
    frame = seat.ask("which_method", **view.wish("method"))
    failed = [entry["name"] for entry in frame["meta"]["entries"] if entry["failure"]]
    assert failed == ["attention_gradient"]


@pytest.mark.parametrize(
    ("topic", "more", "says"),
    [
        ("which_layer", {"method": "gradient"}, "looks at no layer"),
        ("which_layer", {"fill": "hole"}, "'hole'"),
        ("which_method", {"fill": "hole"}, "'hole'"),
        ("which_method", {"image": 7}, "no image 7"),
    ],
)
def test_wrong_wishes_are_answered_with_what_to_do(
    view: xw.SweepView, seat: Page, topic: str, more: Any, says: str
) -> None:
    question = next(key for key, value in TOPIC.items() if value == topic)
    error = seat.ask(topic, **(view.wish(question) | more))["error"]
    assert says in f"{error['message']} {error['hint']}"


def test_the_ranking_follows_the_screen(view: xw.SweepView, seat: Page) -> None:
    """In other words, too; what another question or another fill brings is not this view's."""
    seat.ask("which_method", **view.wish("method"))
    seat.ask("which_layer", **(view.wish("layer") | {"fill": "noise"}))
    assert view.ranking is None
    seat.ask("which_layer", **(view.wish("layer") | {"baseline": None}))
    assert view.ranking.kind == "layer" and len(view.ranking.judged) == len(spatial(view))
    view.question = "method"
    seat.ask("which_method", **view.wish("method"))
    assert view.ranking.kind == "method"


def test_a_click_is_everybodys_layer(view: xw.SweepView, seat: Page) -> None:
    name = spatial(view)[1]
    seat.say(type="select", values={"layer": name})
    assert view.layer == view.scene.selection.layer == name
    seat.say(type="select", values={"method": "occlusion"})
    assert view.method == "occlusion" and view.params == {}


@pytest.mark.parametrize("question", TOPIC)
@pytest.mark.parametrize("scale", ["own", "shared"])
def test_the_snapshot_has_every_map(view: xw.SweepView, question: str, scale: str) -> None:
    view.question, view.scale = question, scale
    shot = view.snapshot()
    assert shot.dtype == np.uint8 and shot.shape[2] == 3
    there = [entry.explanation for entry in view.ranking.entries if entry.explanation]
    most = max(render.clip_range(one.map)[1] for one in there)
    one = there[0]
    sign: Any = "both" if one.signed else "positive"
    limits = (-most if sign == "both" else 0.0, most) if scale == "shared" and question == "layer" else None
    whole = render.overlay(one.input, one.map, 0.75, sign=sign, limits=limits)
    small = np.asarray(Image.fromarray(whole).resize((112, 112), Image.Resampling.BILINEAR))
    assert any((shot[top : top + 112, :112] == small).all() for top in range(len(shot) - 111))


def test_the_code_makes_it_again(view: xw.SweepView) -> None:
    view.question, view.fill, view.scale, view.layer = "method", "noise", "shared", spatial(view)[0]
    names: dict[str, Any] = {"model": view.scene.model, "images": [picture(0), picture(1)]}
    exec(view.to_code(), names)
    for key in (*view.follows, "question", "fill", "scale"):
        assert getattr(names["panel"], key) == getattr(view, key)
    names["panel"].close()


def test_wrong_values_are_errors(view: xw.SweepView) -> None:
    with pytest.raises(traitlets.TraitError):
        view.question = "where"
    with pytest.raises(ParameterError, match="Did you mean 'layer'"):
        view.compute("layers")
    view.method = "gradient"
    with pytest.raises(ParameterError, match="looks at no layer"):
        view.snapshot()


def test_a_network_that_learned_on_is_asked_again(view: xw.SweepView) -> None:
    before = view.compute("layer")
    for weight in view.scene.model.module.parameters():
        weight.data.mul_(-1.5)
    view.refresh()
    with torch.no_grad():
        after = view.compute("layer")
    assert [one.score for one in after.entries] != pytest.approx([one.score for one in before.entries])


def test_a_page_does_not_hold_it(
    view: xw.SweepView, explorer: xw.Explorer, tmp_path: Any, capsys: Any
) -> None:
    with pytest.raises(ParameterError, match="can't hold a sweep"):
        view.to_html(tmp_path / "sweep.html")
    view.persist = "html"
    assert view._as_html() == {} and "can't hold a sweep" in capsys.readouterr().out
    explorer.panels = ["predictions", "sweep"]
    path = explorer.to_html(tmp_path / "whole.html", images=[0])
    assert path.exists() and "sweep_view" not in [
        getattr(one.panel, "bundle", "") for one in explorer._places()
    ]


# -- in the explorer ---------------------------------------------------------------------------------------


def test_panels_that_are_made_later_come_last_and_each_has_a_place() -> None:
    assert (*FIRST, *LATER) == PANELS == tuple(CELLS) and not set(FIRST) & set(LATER)


def test_the_sweep_is_a_panel_of_the_explorer_that_is_off_at_first(explorer: xw.Explorer, page: Page) -> None:
    assert explorer._made == {}
    explorer.strip.panels = [*explorer.panels, "sweep"]
    assert explorer.children[-1] is explorer.sweep and list(explorer._made) == ["sweep"]
    assert CELLS["sweep"] in explorer.sweep._dom_classes
    explorer.panels = [*explorer.panels, "baselines"]
    assert explorer.children[-2:] == (explorer.lab, explorer.sweep), "in their own order"
    explorer.panels = ["sweep"]
    explorer.layer = spatial(explorer.sweep)[0]
    assert explorer.sweep.layer == explorer.layer
    assert explorer.snapshot().ndim == 3
