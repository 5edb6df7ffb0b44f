"""The baseline lab without a browser: traits, results that arrive, charts that follow."""

from collections.abc import Iterator
from typing import Any

import ipywidgets
import numpy as np
import pytest
import traitlets

import xai_widgets as xw
from xai_widgets.errors import ParameterError
from xai_widgets.explain.trajectory import Trajectory
from xai_widgets.live.codec import unpack
from xai_widgets.widgets.baseline_lab import DISPLAY, RESULTS

from .conftest import Page, network, picture


@pytest.fixture
def lab(model: xw.Model) -> Iterator[xw.BaselineLab]:
    made = xw.BaselineLab(model, [picture(k) for k in range(3)])
    yield made
    made.close()


@pytest.fixture
def seat(lab: xw.BaselineLab) -> Page:
    """Where a browser sits: it speaks on the panel's comm."""
    return Page(lab.panel)


def test_every_trait_is_the_panels_and_back(lab: xw.BaselineLab) -> None:
    lab.tab, lab.alpha, lab.fill = "compare", 0.25, "noise"
    assert (lab.panel.tab, lab.panel.alpha, lab.panel.fill) == ("compare", 0.25, "noise")
    lab.panel.set_state({"tab": "references", "count": 8, "shown_count": 2})
    assert (lab.tab, lab.count, lab.shown_count) == ("references", 8, 2)
    assert {
        "tab",
        "alpha",
        "baselines",
        "source",
        "count",
        "shown_count",
        "fill",
        "share",
        "scale",
        "clip",
    } <= {*DISPLAY}
    assert not [key for key in DISPLAY if key.startswith("_")]


def test_the_selection_is_the_scenes(lab: xw.BaselineLab, seat: Page) -> None:
    lab.baseline = xw.baselines.Blur(sigma=3)
    assert lab.panel.baseline == {"name": "blur", "sigma": 3.0} == lab.scene.selection.baseline
    seat.say(type="select", values={"target": 2, "baseline": {"name": "white"}})
    assert lab.target == 2 and lab.baseline == {"name": "white"}


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("tab", "paths", traitlets.TraitError),
        ("alpha", 1.5, traitlets.TraitError),
        ("count", 65, traitlets.TraitError),
        ("baselines", [], ParameterError),
        ("baselines", [{"name": "blak"}], ParameterError),
        ("baseline", "blak", ParameterError),
    ],
)
def test_wrong_values_are_errors_and_nothing_moves(
    lab: xw.BaselineLab, key: str, value: Any, error: type[Exception]
) -> None:
    before = getattr(lab, key)
    with pytest.raises(error):
        setattr(lab, key, value)
    assert getattr(lab, key) == before == getattr(lab.panel, key)


def test_an_unknown_trait_and_tab_are_errors(lab: xw.BaselineLab, model: xw.Model) -> None:
    with pytest.raises(ParameterError, match="Did you mean 'alpha'"):
        xw.BaselineLab(model, picture(), alpa=0.3)
    with pytest.raises(ParameterError, match="Did you mean 'compare'"):
        lab.compute("comparison")


def test_compared_baselines_are_put_into_one_form_and_each_once(lab: xw.BaselineLab) -> None:
    lab.baselines = [{"name": "blur"}, xw.baselines.Blur(sigma=10), "black"]
    assert lab.baselines == [{"name": "blur", "sigma": 10.0}, {"name": "black"}] == lab.panel.baselines


@pytest.mark.parametrize("tab", RESULTS)
def test_results_arrive_as_the_browser_is_shown_them(lab: xw.BaselineLab, seat: Page, tab: str) -> None:
    heard: list[Any] = []
    lab.observe(lambda change: heard.append(change.new), RESULTS[tab])
    seat.ask(tab, **lab.panel.wish(tab))
    assert len(heard) > 1 and heard[-1] is getattr(lab, RESULTS[tab])


def test_the_path_is_what_the_browser_gets(lab: xw.BaselineLab, seat: Page) -> None:
    frame = seat.ask("path", **lab.panel.wish("path"))
    found: Trajectory = lab.path
    assert seat.array(frame, "nodes") == pytest.approx(found.nodes)
    assert seat.array(frame, "outputs") == pytest.approx(found.outputs, abs=1e-6)
    limit = float(np.abs(found.maps).max()) / 30000
    assert seat.array(frame, "maps") == pytest.approx(found.maps, abs=limit)
    np.testing.assert_array_equal(seat.array(frame, "picture"), np.asarray(picture(0)))
    assert seat.array(frame, "reference").max() == 0
    assert frame["meta"]["evidence"]["line"] == found.evidence.line
    np.testing.assert_allclose(lab.charts["path"]._sum.y, found.sums)


def test_the_maps_of_a_long_path_fit_into_a_frame(lab: xw.BaselineLab) -> None:
    from xai_widgets.anytime import Step
    from xai_widgets.widgets.topics import TOPICS

    found = lab.compute("path")
    large = np.random.default_rng(0).normal(size=(33, 401, 402)).astype(np.float32)
    huge = Trajectory(**{**{key: getattr(found, key) for key in found.__dataclass_fields__}, "maps": large})
    encoded = TOPICS["path"].encode(lab.scene, lab.panel.wish("path"), Step(huge, 1.0, None, True))
    packed = next(one for one in encoded.arrays if one.head["name"] == "maps")
    assert encoded.meta["reduced"] == 2 and packed.head["shape"] == [33, 201, 201]
    assert len(packed.data) < 8e6
    limit = 201 * 201 * 4 * np.abs(large).max() / 32767
    np.testing.assert_allclose(unpack(packed).sum(axis=(1, 2)), large.sum(axis=(1, 2)), atol=limit)


def test_ablation_is_drawn(lab: xw.BaselineLab, seat: Page) -> None:
    frame = seat.ask("ablation", **lab.panel.wish("ablation"))
    assert seat.array(frame, "curves") == pytest.approx(lab.ablation.curves, abs=1e-6)
    areas = [entry["area"] for entry in frame["meta"]["entries"]]
    assert areas == pytest.approx(lab.ablation.areas)
    np.testing.assert_allclose(lab.charts["ablation"]._curves.y, lab.ablation.curves)


def test_what_another_view_asks_for_is_not_this_labs(lab: xw.BaselineLab, seat: Page) -> None:
    seat.ask("path", **(lab.panel.wish("path") | {"baseline": {"name": "white"}}))
    assert lab.path is None
    seat.ask("compare", **(lab.panel.wish("compare") | {"baselines": [{"name": "white"}]}))
    assert lab.comparison is None


def test_the_same_wish_in_other_words_is(lab: xw.BaselineLab, seat: Page) -> None:
    """No baseline is the method's own: black."""
    assert lab.baseline == {}
    seat.ask("path", **(lab.panel.wish("path") | {"baseline": {"name": "black"}}))
    assert lab.path is not None and lab.path.label == "black"


def test_references_need_other_images(model: xw.Model) -> None:
    lab = xw.BaselineLab(model, picture())
    error = Page(lab.panel).ask("references", **lab.panel.wish("references"))["error"]
    assert "no other image" in error["message"] and "noise" in error["hint"]
    lab.source = "uniform_noise"
    assert len(lab.compute("references").maps) == 16
    lab.close()


def test_references_are_the_other_images_in_an_order_that_the_seed_draws(lab: xw.BaselineLab) -> None:
    found = lab.compute("references")
    assert sorted(found.labels) == ["image 2", "image 3"]
    orders = set()
    for seed in range(6):
        lab.seed = seed
        orders.add(lab.compute("references").labels)
    assert len(orders) == 2


def test_a_distribution_has_no_path_and_says_where_to_look(lab: xw.BaselineLab, seat: Page) -> None:
    lab.baseline = "distribution"
    error = seat.ask("path", **lab.panel.wish("path"))["error"]
    assert "References tab" in error["hint"]
    frame = seat.ask("baseline", image=0, baseline=lab.baseline)
    assert frame["meta"]["pictures"] == 3


def test_a_baseline_that_cannot_be_used_is_an_entry_with_an_error(lab: xw.BaselineLab, seat: Page) -> None:
    wish = lab.panel.wish("compare") | {"baselines": [{"name": "black"}, {"name": "image", "image": 9}]}
    frame = seat.ask("compare", **wish)
    assert "There is no picture 9" in frame["meta"]["entries"][1]["error"]["message"]
    names = [head["name"] for head in frame["arrays"]]
    assert "map_0" in names and "map_1" not in names
    assert frame["meta"]["complete"] == 1 and frame["meta"]["agreement"] is None
    ablation = seat.ask("ablation", **(lab.panel.wish("ablation") | {"baselines": wish["baselines"]}))
    assert ablation["meta"]["entries"][1]["area"] is None


@pytest.mark.parametrize(
    ("topic", "more", "says"),
    [
        ("path", {"nodes": 12}, "12 nodes"),
        ("compare", {"baselines": []}, "1 to 8"),
        ("compare", {"baselines": "black"}, "1 to 8"),
        ("references", {"source": "web"}, "'images'"),
        ("references", {"count": 0}, "within 1 and 64"),
        ("ablation", {"fill": "hole"}, "'mean'"),
        ("ablation", {"baselines": [{"name": "black"}] * 9}, "1 to 8"),
    ],
)
def test_wrong_wishes_are_answered_with_what_to_do(
    lab: xw.BaselineLab, seat: Page, topic: str, more: Any, says: str
) -> None:
    error = seat.ask(topic, **(lab.panel.wish(topic) | more))["error"]
    assert says in f"{error['message']} {error['hint']}"


@pytest.mark.parametrize("tab", RESULTS)
def test_every_tab_has_a_picture(lab: xw.BaselineLab, tab: str) -> None:
    lab.tab = tab
    shot = lab.snapshot()
    assert shot.dtype == np.uint8 and shot.shape[2] == 3 and len(np.unique(shot)) > 2


def test_a_network_that_learned_on_is_asked_again(lab: xw.BaselineLab) -> None:
    before = lab.compute("path")
    assert lab.compute("path") is before, "what is known is kept"
    for weight in lab.scene.model.module.parameters():
        weight.data.mul_(-1.5)
    lab.refresh()
    assert not np.allclose(lab.compute("path").outputs, before.outputs)


def test_charts_are_moved_by_the_browser_alone(lab: xw.BaselineLab) -> None:
    """The panel names the models that a view moves; Python publishes nothing for them."""
    state = lab.panel.get_state()
    for name, chart in lab.charts.items():
        assert state[f"_{name}_cursor"] == f"IPY_MODEL_{chart.cursor.model_id}"
        assert state[f"_{name}_layout"] == f"IPY_MODEL_{chart.layout.model_id}"
    assert [chart.layout.visibility for chart in lab.charts.values()] == [None, "hidden"]
    sent: list[object] = []
    lab.panel.send_state = lambda key=None: sent.append(key)
    lab.panel.set_state({"alpha": 0.75})
    lab.alpha = 0.125
    assert sent == ["alpha"], "Python's own hand is told, the browser's is not told back"


def test_the_lab_is_a_panel_of_the_explorer_that_is_off_at_first(explorer: xw.Explorer, page: Page) -> None:
    assert "baselines" not in explorer.panels and explorer._made == {}
    before = len(ipywidgets.widgets.widget._instances)
    explorer.strip.panels = [*explorer.panels, "baselines"]
    assert explorer.children[-1] is explorer.lab and explorer.lab.scene is explorer.scene
    assert len(ipywidgets.widgets.widget._instances) > before
    lab = explorer.lab
    explorer.panels = ["layers"]
    assert lab not in explorer.children and "xw-no-baselines" in explorer._dom_classes
    explorer.panels = ["baselines"]
    assert explorer.lab is lab, "what was set in it is still set"
    explorer.baseline = "white"
    assert lab.baseline == {"name": "white"}


def test_the_lab_of_an_explorer_can_be_there_from_the_start(model: xw.Model) -> None:
    before = set(ipywidgets.widgets.widget._instances)
    explorer = xw.explore(model, [picture(0), picture(1)], panels=["attribution", "baselines"])
    assert explorer.children[-1] is explorer.lab
    assert explorer.snapshot().ndim == 3
    explorer.close()
    assert set(ipywidgets.widgets.widget._instances) <= before


def test_two_labs_share_a_scene_and_not_what_they_compare(lab: xw.BaselineLab, seat: Page) -> None:
    other = xw.BaselineLab(scene=lab.scene, baselines=[{"name": "white"}, {"name": "mean"}])
    seat.ask("compare", **other.panel.wish("compare"))
    assert lab.comparison is None and len(other.comparison.candidates) == 2
    other.close()
    assert not lab.scene.session.closed


def test_the_code_makes_it_again(lab: xw.BaselineLab, model: xw.Model) -> None:
    lab.tab, lab.baseline, lab.share = "ablation", {"name": "blur", "sigma": 4.0}, 0.3
    lab.baselines = [{"name": "painted", "strokes": [STROKE], "over": "mean"}, {"name": "black"}]
    names: dict[str, Any] = {"model": model, "images": [picture(k) for k in range(3)]}
    exec(lab.to_code(), names)
    again = names["panel"]
    for key in (*lab.follows, *DISPLAY):
        assert getattr(again, key) == getattr(lab, key)
    again.close()


STROKE = {"color": "#ff8800", "size": 0.25, "points": [[0.25, 0.5], [0.75, 0.5]]}


def test_a_painted_baseline_is_data_like_any_other(lab: xw.BaselineLab, seat: Page) -> None:
    painted = xw.baselines.Painted([STROKE], over="black")
    lab.baseline = painted
    assert lab.baseline == painted.to_json()
    frame = seat.ask("baseline", image=0, baseline=lab.baseline)
    expected = (painted.apply(lab.scene.pixels(0))[0] * 255).round().byte().permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(seat.array(frame, "picture"), expected)
    names: dict[str, Any] = {"xw": xw}
    assert eval(painted.to_code(), names) == painted


def test_a_model_that_fails_midway_leaves_the_last_picture(seat: Page, lab: xw.BaselineLab) -> None:
    import torch

    def fail(_: Any, inputs: Any) -> None:
        if float(inputs[0].detach().max()) == 0:
            raise RuntimeError("no black, please")

    handle = lab.scene.model.module.register_forward_pre_hook(fail)
    error = seat.ask("path", **lab.panel.wish("path"))["error"]
    handle.remove()
    assert "no black, please" in error["message"]
    assert lab.path is not None and lab.path.nodes.tolist() == [0.5]
    assert torch.is_grad_enabled()


def test_a_lab_of_a_bare_network() -> None:
    lab = xw.BaselineLab(network(), picture(), tab="compare", baseline="mean")
    assert lab.panel.tab == "compare" and lab.baseline == {"name": "mean"}
    lab.close()
