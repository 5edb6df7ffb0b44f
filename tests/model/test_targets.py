"""Targets: the scalar they mean, what they are called, and the way to JSON and back."""

import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.model import nets
from xai_widgets.errors import ParameterError, UnknownClassError, UnknownLayerError
from xai_widgets.model.handle import Model
from xai_widgets.model.targets import (
    Channel,
    ClassTarget,
    Margin,
    Neuron,
    Position,
    Region,
    Target,
    Top,
    from_json,
    resolve,
)

INPUTS = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
index = st.integers(0, 999)
boxes = st.tuples(*[st.floats(0, 0.45), st.floats(0, 0.45), st.floats(0.5, 1), st.floats(0.5, 1)])
TARGETS = st.one_of(
    st.builds(Top, index),
    st.builds(Position, st.text(), st.tuples(index, index)),
    st.builds(Region, st.text(), index, boxes),
    st.builds(ClassTarget, index),
    st.builds(Margin, index, index),
    st.builds(Neuron, st.text(), index, st.none() | st.tuples(index, index)),
    st.builds(Channel, st.text(), index),
)


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    return Model(nets.plain_cnn(), classes=["cat", "dog", "cow", "hen", "owl"])


@given(TARGETS)
def test_json_and_back(target: Target) -> None:
    assert from_json(json.loads(json.dumps(target.to_json()))) == target


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"kind": "area"},
        {"kind": "region", "layer": "1", "channel": 0},
        {"kind": "region", "layer": "1", "channel": 0, "box": [0.5, 0, 0.2, 1]},
        {"kind": "region", "layer": "1", "channel": 0, "box": [0, 0, 1]},
        {"kind": "position", "layer": "1"},
        {"kind": "position", "layer": "1", "position": None},
        {"kind": "top", "count": "many"},
        {"kind": "class"},
        {"kind": "class", "index": "cat"},
        {"kind": "class", "index": 1.5},
        {"kind": "class", "index": True},
        {"kind": "class", "index": None},
        {"kind": "class", "index": 1, "other": 2},
        {"kind": "neuron", "layer": "1", "channel": 0, "position": [1]},
        {"kind": "neuron", "layer": "1", "channel": 0, "position": 4},
        {"kind": "channel", "layer": 3, "channel": 0},
    ],
    ids=str,
)
def test_what_is_no_target_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        from_json(wrong)


def test_what_they_mean() -> None:
    logits = torch.tensor([[1.0, 4.0, 9.0], [2.0, 3.0, 5.0]])
    maps = {"a": torch.arange(24.0).reshape(2, 3, 2, 2)}
    assert ClassTarget(2).of(logits, {}).tolist() == [9.0, 5.0]
    assert Margin(2, 0).of(logits, {}).tolist() == [8.0, 3.0]
    assert Channel("a", 1).of(logits, maps).tolist() == [5.5, 17.5]
    assert Neuron("a", 1, (1, 0)).of(logits, maps).tolist() == [6.0, 18.0]
    assert Neuron("a", 11).of(logits, maps).tolist() == [11.0, 23.0]


def test_labels(model: Model) -> None:
    assert ClassTarget(1).label(model) == "dog"
    assert Margin(1, 0).label(model) == "dog rather than cat"
    assert Neuron("4", 3, (1, 2)).label(model) == "4 unit 3 at (1, 2)"
    assert Neuron("4", 3).label(model) == "4 unit 3"
    assert Channel("4", 3).label(model) == "4 channel 3"


def test_what_was_meant(model: Model) -> None:
    first = int(model.logits(INPUTS)[0].argmax())
    assert resolve(None, model, INPUTS) == ClassTarget(first)
    assert resolve(3, model, INPUTS) == resolve("hen", model, INPUTS) == ClassTarget(3)
    assert resolve({"kind": "margin", "index": 1, "other": 2}, model, INPUTS) == Margin(1, 2)
    assert resolve(Channel("4", 1), model, INPUTS) == Channel("4", 1)
    assert resolve(Neuron("9", 4), model, INPUTS) == Neuron("9", 4)


@pytest.mark.parametrize(
    ("target", "error"),
    [
        (5, UnknownClassError),
        (-1, UnknownClassError),
        ("horse", UnknownClassError),
        (ClassTarget(5), UnknownClassError),
        (Margin(0, 5), UnknownClassError),
        (Channel("layer4", 0), UnknownLayerError),
        (Neuron("44", 0), UnknownLayerError),
        (Channel("4", 6), ParameterError),
        (Channel("4", -1), ParameterError),
        (Neuron("4", 0, (2, 0)), ParameterError),
        (Neuron("4", 0, (0, -1)), ParameterError),
        (Neuron("4", 24), ParameterError),
        (1.5, ParameterError),
        (True, ParameterError),
        ([1], ParameterError),
    ],
    ids=str,
)
def test_what_does_not_exist_is_refused(model: Model, target: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        resolve(target, model, INPUTS)


def test_a_class_beyond_the_outputs_is_refused_without_names_too() -> None:
    model = Model(nets.plain_cnn())
    with pytest.raises(UnknownClassError, match="0 to 4"):
        model.gradients(INPUTS, ClassTarget(7))
    with pytest.raises(UnknownClassError, match="0 to 4"):
        resolve(7, Model(nets.plain_cnn()), INPUTS)


def test_together_at_a_place_and_within_a_box() -> None:
    logits = torch.tensor([[1.0, 4.0, 9.0], [2.0, 3.0, 5.0]])
    assert Top(2).of(logits, {}).tolist() == [13, 8]
    with pytest.raises(ParameterError, match="3 outputs"):
        Top(4).of(logits, {})
    maps = torch.arange(2 * 2 * 4 * 4, dtype=torch.float32).view(2, 2, 4, 4)
    found = Position("a", (1, 2)).of(logits, {"a": maps})
    torch.testing.assert_close(found, maps[:, :, 1, 2].norm(dim=1))
    with pytest.raises(ParameterError, match="4 × 4"):
        Position("a", (4, 0)).of(logits, {"a": maps})
    found = Region("a", 1, (0.5, 0.0, 1.0, 0.5)).of(logits, {"a": maps})
    torch.testing.assert_close(found, maps[:, 1, :2, 2:].mean(dim=(1, 2)))
    # A box that is smaller than a cell still has the cell it lies in.
    found = Region("a", 0, (0.3, 0.3, 0.31, 0.31)).of(logits, {"a": maps})
    torch.testing.assert_close(found, maps[:, 0, 1, 1])


def test_more_outputs_than_there_are(model: Model) -> None:
    with pytest.raises(ParameterError, match="5 outputs"):
        resolve(Top(6), model, INPUTS)
    assert resolve({"kind": "top", "count": 5}, model, INPUTS) == Top(5)
