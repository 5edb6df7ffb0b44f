"""What is explained, as the interface offers it: kinds, boxes, other pictures, and what is refused."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import xai_widgets as xw
from tests.model import nets
from tests.widgets.conftest import Page, picture
from xai_widgets.errors import NotValidError, ParameterError

WISH: dict[str, Any] = {
    "image": 0,
    "layer": None,
    "method": "gradient",
    "params": {},
    "baseline": None,
    "seed": 0,
}
NETS = {"segmentation": nets.Segmenter, "detection": nets.Detector, "embedding": nets.Embedder}


def shown(kind: str, **more: Any) -> xw.AttributionView:
    torch.manual_seed(1)
    return xw.AttributionView(xw.Model(NETS[kind]().eval(), **more), [picture(0), picture(1)])


@pytest.fixture(params=sorted(NETS))
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    panel = shown(request.param)
    yield Page(panel)
    panel.close()


def test_the_welcome_says_which_kinds_there_are(page: Page) -> None:
    page.say(type="hello")
    welcome = page.of("welcome")[0]
    kind = page.scene.model.kind
    first = {"segmentation": "segment", "detection": "detection", "embedding": "similarity"}[kind]
    assert welcome["targets"][0] == first
    assert {"channel", "neuron", "position", "region", "similarity"} <= set(welcome["targets"])
    assert welcome["measure"]


def test_predictions_carry_the_targets_they_stand_for(page: Page) -> None:
    top = page.ask("predictions", image=0)["meta"]["top"]
    for entry in [one for one in top if one["probability"] > 0][:2]:
        frame = page.ask("attribution", **WISH, target=entry["target"])
        assert entry["name"] in frame["meta"]["target"]["label"]
    frame = page.ask("attribution", **WISH, target=None)
    assert frame["meta"]["target"]["label"].startswith(top[0]["name"])


def test_similar_to_another_picture_of_the_session(page: Page) -> None:
    layer = "backbone.body" if page.scene.model.kind == "detection" else "body"
    told = {"kind": "similarity", "layer": layer, "reference": 1}
    page.panel.target = told
    assert page.panel.target == told
    frame = page.ask("attribution", **(WISH | {"layer": None}), target=told)
    expected = xw.explain(page.scene.model, picture(0), "gradient", xw.Similarity(picture(1), layer=layer))
    size = float(np.abs(expected.map).max())
    assert page.array(frame, "map") == pytest.approx(expected.map, abs=size / 30000)
    assert frame["meta"]["target"]["label"] == f"similarity to image 2 at {layer}"


@pytest.mark.parametrize(
    ("kind", "target", "error", "says"),
    [
        ("embedding", {"kind": "similarity", "layer": None, "reference": 7}, ParameterError, "no picture 7"),
        ("embedding", {"kind": "detection", "index": 1, "box": [0, 0, 1, 1]}, NotValidError, "for detection"),
        (
            "segmentation",
            {"kind": "segment", "index": 9, "box": None},
            xw.errors.UnknownClassError,
            "class 9",
        ),
        (
            "segmentation",
            {"kind": "segment", "index": 1, "box": [0, 0, 2, 1]},
            ParameterError,
            "within 0 and 1",
        ),
        ("embedding", xw.Similarity(torch.zeros(1, 3, 16, 20)), ParameterError, "in memory"),
    ],
)
def test_targets_that_do_not_exist(kind: str, target: Any, error: type[Exception], says: str) -> None:
    panel = shown(kind)
    before = panel.target
    with pytest.raises(error, match=says):
        panel.target = target
    assert panel.target == before
    panel.close()


def test_a_box_of_one_image_that_another_has_not_is_an_error_in_the_view() -> None:
    panel = shown("detection")
    page = Page(panel)
    target = {"kind": "detection", "index": 3, "box": [0.0, 0.0, 0.2, 0.2]}
    error = page.ask("attribution", **WISH, target=target)["error"]
    assert "No 'class 3' was found" in error["message"] and "Take a box that was found" in error["hint"]
    panel.close()


def test_a_box_drawn_is_the_target_in_python_and_back() -> None:
    panel = shown("segmentation")
    page = Page(panel)
    told = {"kind": "segment", "index": 2, "box": [0.25, 0.0, 0.5, 0.5]}
    page.say(type="select", values={"target": told})
    assert panel.target == told
    assert panel.explain().target == "class 2 within 25–50 % × 0–50 %"
    panel.close()


def test_predictions_of_boxes_are_bars_and_one_chosen_is_the_target() -> None:
    torch.manual_seed(1)
    panel = xw.Predictions(xw.Model(nets.Detector().eval()), [picture(0)], count=2)
    panel.predict()
    assert [entry.probability for entry in panel.top] == list(panel._bars.y)[::-1]
    panel._clicked(None, {"data": {"index": 0}})  # the lowest bar
    assert panel.target["kind"] == "detection" and tuple(panel.target["box"]) == panel.top[1].box
    assert panel._bars.colors[0] != panel._bars.colors[1]
    panel.close()
