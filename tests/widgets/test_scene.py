"""What a view can ask for, and what it gets: held against the network itself."""

import io
import time
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import xai_widgets as xw
from xai_widgets.live import messages
from xai_widgets.live.scheduler import worker
from xai_widgets.live.session import AHEAD_SEQ
from xai_widgets.widgets import ahead, topic, topics

from .conftest import Page, network, picture


def test_a_new_view_is_told_all_it_must_know(page: Page) -> None:
    page.say(type="hello")
    welcome = page.of("welcome")[0]
    assert welcome["client"] == "page" and welcome["model"] == "Sequential"
    assert welcome["classes"] == ["ant", "bee", "cat", "<b>dog</b>"]
    assert [method["name"] for method in welcome["methods"]] == list(xw.METHODS)
    assert {"black", "blur", "distribution"} <= {baseline["name"] for baseline in welcome["baselines"]}
    assert welcome["images"][1]["width"] == 20 and welcome["images"][1]["height"] == 16
    assert welcome["selection"]["method"] == "grad_cam"


def test_maps_are_the_activations(page: Page) -> None:
    frame = page.ask("maps", image=1, layer="2.0")
    module = page.scene.model.module
    pixels = torch.from_numpy(np.array(picture(1))).permute(2, 0, 1)[None] / 255
    expected = module[:2](pixels)
    expected = module[2][0](expected)[0].detach().numpy()
    maps = page.array(frame, "maps")
    span = expected.max((1, 2), keepdims=True) - expected.min((1, 2), keepdims=True)
    assert maps.shape == (8, 8, 10)
    assert (np.abs(maps - expected) <= span / 255).all()
    assert page.array(frame, "mean") == pytest.approx(expected.mean((1, 2)), abs=1e-5)
    assert page.array(frame, "max") == pytest.approx(expected.max((1, 2)), abs=1e-5)
    assert page.array(frame, "variance") == pytest.approx(expected.var((1, 2)), abs=1e-5)


def test_layers_without_space_are_vectors(page: Page) -> None:
    frame = page.ask("maps", image=0, layer="5")
    pixels = torch.from_numpy(np.array(picture(0))).permute(2, 0, 1)[None] / 255
    assert frame["meta"]["view"] == "vector"
    assert page.array(frame, "values") == pytest.approx(
        page.scene.model.module(pixels)[0].detach().numpy(), abs=1e-5
    )


def test_scores_are_gradient_times_activation(page: Page) -> None:
    module = page.scene.model.module
    pixels = torch.from_numpy(np.array(picture(0))).permute(2, 0, 1)[None] / 255
    inside = module[:3](pixels).detach().requires_grad_()
    module[3:](inside)[0, 2].backward()
    expected = (inside * inside.grad).sum((0, 2, 3)).detach().numpy()
    frame = page.ask("scores", image=0, layer="2.1", target=2)
    assert page.array(frame, "scores") == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_scores_of_tokens_belong_to_their_features() -> None:
    torch.manual_seed(0)
    vit = torchvision.models.VisionTransformer(32, 8, 2, 2, 12, 24, num_classes=3)
    torch.nn.init.normal_(vit.heads.head.weight)
    explorer = xw.explore(vit, torch.rand(3, 32, 32))
    page = Page(explorer.strip)
    frame = page.ask("scores", image=0, layer="encoder.layers.encoder_layer_0", target=1)
    assert page.array(frame, "scores").shape == (12,)
    maps = page.ask("maps", image=0, layer="encoder.layers.encoder_layer_0")
    assert page.array(maps, "maps").shape == (12, 4, 4)
    explorer.close()


def test_the_other_layers_follow_unasked(page: Page) -> None:
    page.ask("maps", image=0, layer="0.0")
    names = [layer.name for layer in page.scene.tree(0).viewable]
    page.wait(lambda m: m["type"] == "frame" and m["params"].get("layer") == names[-1])
    assert {m["params"]["layer"] for m in page.of("frame")} == set(names)


def test_large_maps_are_averaged_down_and_it_is_said() -> None:
    maps = torch.rand(70, 256, 256)
    small, factor = topic.reduce_maps(maps)
    assert factor == 2 and small.shape == (70, 128, 128)
    assert torch.allclose(small[3, 5, 7], maps[3, 10:12, 14:16].mean())
    assert topic.reduce_maps(maps[:64])[1] == 1


def test_an_attribution_is_what_explain_gives(page: Page, model: xw.Model) -> None:
    params: dict[str, Any] = dict(
        image=0, target=1, layer=None, method="integrated_gradients", params={}, seed=0
    )
    frame = page.ask("attribution", **params, baseline={"name": "black"})
    expected = xw.explain(model, picture(0), method="integrated_gradients", target=1, baseline="black")
    assert page.array(frame, "map") == pytest.approx(
        expected.map, abs=float(np.abs(expected.map).max()) / 30000
    )
    assert frame["meta"]["evidence"]["line"] == expected.evidence.line
    assert frame["meta"]["target"] == {"label": "bee", "index": 1}
    assert frame["step"]["final"]


def test_a_baseline_may_be_another_picture_of_the_session(page: Page, model: xw.Model) -> None:
    params: dict[str, Any] = dict(
        image=0, target=1, layer=None, method="integrated_gradients", params={}, seed=0
    )
    frame = page.ask("attribution", **params, baseline={"name": "image", "image": 1})
    other = xw.baselines.Image(picture(1))
    expected = xw.explain(model, picture(0), method="integrated_gradients", target=1, baseline=other)
    assert page.array(frame, "map") == pytest.approx(
        expected.map, abs=float(np.abs(expected.map).max()) / 30000
    )


def test_predictions_come_with_names(page: Page) -> None:
    top = page.ask("predictions", image=0)["meta"]["top"]
    assert sum(entry["probability"] for entry in top) == pytest.approx(1)
    assert [entry["probability"] for entry in top] == sorted((e["probability"] for e in top), reverse=True)


def test_pictures_travel_as_they_are(page: Page) -> None:
    frame = page.ask("input", image=1)
    assert np.array_equal(page.array(frame, "picture"), np.asarray(picture(1)))
    assert page.ask("thumbnails")["arrays"][1]["shape"][2] == 3


def test_one_forward_pass_serves_all_layers(model: xw.Model, page: Page) -> None:
    calls: list[int] = []
    page.ask("maps", image=0, layer="0.0")
    handle = page.scene.model.module.register_forward_hook(lambda *_: calls.append(1))
    page.ask("maps", image=0, layer="2.0")
    page.ask("maps", image=0, layer="5")
    handle.remove()
    assert calls == []


def test_a_finished_explanation_is_not_worked_out_again(page: Page) -> None:
    wish: dict[str, Any] = dict(image=0, target=1, layer=None, method="occlusion", params={}, seed=0)
    first = page.ask("attribution", **wish, baseline={"name": "black"})
    assert worker().wait_idle(30)  # the work ahead is done too
    calls: list[int] = []
    handle = page.scene.model.module.register_forward_hook(lambda *_: calls.append(1))
    again = page.ask("attribution", **wish, baseline={"name": "black"})
    handle.remove()
    assert calls == [] and again["meta"]["evidence"] == first["meta"]["evidence"]


def test_one_forward_pass_serves_maps_predictions_and_the_predicted_class(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "AFTER", {})
    page.ask("maps", image=0, layer="0.0")
    calls: list[int] = []
    handle = page.scene.model.module.register_forward_hook(lambda *_: calls.append(1))
    page.ask("predictions", image=0)
    assert calls == []
    wish: dict[str, Any] = dict(layer=None, method="gradient", params={}, baseline=None, seed=0)
    frame = page.ask("attribution", image=0, target=None, **wish)
    handle.remove()
    assert len(calls) == 1, "the gradient's own"
    assert frame["meta"]["target"]["index"] == page.scene.model.predict(page.scene.inputs(0))[0].index


def test_what_may_come_next_is_sent_ahead(page: Page) -> None:
    wish: dict[str, Any] = dict(image=0, layer="0.0", method="grad_cam", params={}, baseline=None, seed=0)
    page.ask("attribution", target=None, **wish)
    page.ask("input", image=0)
    assert worker().wait_idle(60)
    came = [(m["topic"], m["params"]) for m in page.of("frame") if m["seq"] == AHEAD_SEQ]
    explained = [params for topic, params in came if topic == "attribution"]
    ranked = [entry.index for entry in page.scene.predictions(0)]
    assert [params["target"] for params in explained if params["target"] is not None] == ranked[:3]
    assert {params["layer"] for params in explained} >= {"0.0", "0.1", "1", "2.0"}
    near_by = {"grad_cam_pp", "xgrad_cam", "layer_cam", "hires_cam"}
    assert {params["method"] for params in explained} == {"grad_cam"} | near_by
    assert {("input", 1), ("predictions", 1), ("maps", 1), ("attribution", 1)} <= {
        (topic, params["image"]) for topic, params in came
    }
    again = page.ask("attribution", target=ranked[1], **wish)
    sent = next(m for m in page.of("frame") if m["params"] == again["params"])
    assert sent["seq"] == AHEAD_SEQ and sent["meta"]["evidence"] == again["meta"]["evidence"]


@pytest.mark.parametrize(
    ("topic", "params", "says"),
    [
        ("maps", {"image": 0, "layer": "2.9"}, "Did you mean '2.1' or '2.0'"),
        ("maps", {"image": 7, "layer": "2.0"}, "there are 2"),
        ("mapz", {"image": 0}, "Did you mean 'maps'"),
        ("maps", {}, "'layer'"),
    ],
)
def test_wrong_wishes_are_answered_with_what_to_do(page: Page, topic: str, params: Any, says: str) -> None:
    error = page.ask(topic, **params)["error"]
    assert says in f"{error['message']} {error['hint']}"


def test_a_wrong_selection_is_refused_and_nothing_moves(page: Page) -> None:
    before = page.scene.selection.values()
    for values in (
        {"layer": "nowhere"},
        {"image": 9},
        {"target": 99},
        {"method": "magic"},
        {"baseline": {"name": 3}},
    ):
        page.say(type="select", values=values)
    assert page.scene.selection.values() == before
    assert len(page.of("error")) == 5


def test_a_file_from_the_browser_becomes_a_picture(page: Page, explorer: xw.Explorer) -> None:
    buffer = io.BytesIO()
    Image.new("L", (30, 10), 77).save(buffer, "PNG")
    page.say(buffers=[buffer.getvalue()], type="add", name="<i>new</i>.png")
    assert explorer.image == 2
    state = next(m for m in page.of("state") if "images" in m)
    assert state["images"][2] == {"name": "<i>new</i>.png", "width": 30, "height": 10}
    assert page.array(page.ask("input", image=2), "picture").max() == 77


def test_a_broken_file_is_an_error_and_nothing_is_lost(page: Page, explorer: xw.Explorer) -> None:
    page.say(buffers=[b"no picture"], type="add", name="broken.png")
    error = page.of("error")[0]["error"]
    assert "broken.png" in error["message"] and error["hint"]
    assert len(page.scene.pictures) == 2 and explorer.image == 0


HUGE = 10**5000
"""More digits than Python turns into text."""


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = {"image": [value]}
    return value


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 300)
    | st.booleans().map(lambda up: HUGE if up else -HUGE)  # not sampled: a report would write them out
    | st.just(2**63)
    | st.floats()
    | st.text(max_size=6)
    | st.builds(nested, st.sampled_from([50, 5000])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
WISHED = ["image", "layer", "target", "method", "params", "baseline", "seed", "count", "nodes", "fill"]
SELECTED = ["image", "target", "layer", "channel", "method", "params", "baseline", "seed", "clip", "panels"]


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from([*messages._SHAPES, "x"]),
    rest=st.fixed_dictionaries(
        {"client": st.just("fuzz") | anything},
        optional={
            "topic": st.sampled_from([*topics.TOPICS, "y"]) | anything,
            "seq": st.just(1) | anything,
            "name": st.just("a.png") | anything,
            "params": st.dictionaries(st.sampled_from(WISHED), anything) | anything,
            "values": st.dictionaries(st.sampled_from(SELECTED), anything) | anything,
        },
    ),
    buffers=st.lists(st.binary(max_size=20), max_size=2),
)
def test_no_message_breaks_the_scene(kind: str, rest: dict[str, Any], buffers: list[bytes]) -> None:
    """Mends: `messages.read` refuses what is no message, and `Scene._try` tells what a wish raised."""
    explorer = _shared()
    for panel in (explorer.strip, explorer.attribution):
        panel._handle_custom_msg({"type": kind, **rest}, buffers)
    json_safe = explorer.scene.selection.values()
    assert isinstance(json_safe["image"], int)


def test_after_all_that_the_scene_answers() -> None:
    explorer = _shared()
    page = Page(explorer.strip)
    assert page.ask("maps", image=0, layer="2.0")["meta"]["layer"] == "2.0"


_kept: list[xw.Explorer] = []


def _shared() -> xw.Explorer:
    if not _kept:
        _kept.append(xw.explore(network(), picture(0)))
    return _kept[0]


def test_a_distribution_of_all_images_is_another_one_when_an_image_is_added(page: Page) -> None:
    wish: dict[str, Any] = dict(
        image=0, target=1, layer=None, method="integrated_gradients", params={}, seed=0
    )
    before = page.array(page.ask("attribution", **wish, baseline={"name": "distribution"}), "map")
    page.scene.add(picture(9))
    after = page.array(page.ask("attribution", **wish, baseline={"name": "distribution"}), "map")
    assert page.of("reset") and not np.array_equal(before, after)


def test_a_refresh_while_work_runs_leaves_nothing_stale(page: Page) -> None:
    module, slow = page.scene.model.module, []
    handle = module.register_forward_hook(lambda *_: slow.append(1) or time.sleep(0.2))
    page.say(type="request", topic="maps", seq=50, params={"image": 1, "layer": "2.0"})
    while not slow:
        pass
    with torch.no_grad():
        module[2][0].weight.mul_(-3)
    page.scene.refresh()
    handle.remove()
    maps = page.array(page.ask("maps", image=1, layer="2.0"), "maps")
    pixels = torch.from_numpy(np.array(picture(1))).permute(2, 0, 1)[None] / 255
    expected = module[2][0](module[:2](pixels))[0].detach().numpy()
    assert np.abs(maps - expected).max() <= np.ptp(expected) / 200
