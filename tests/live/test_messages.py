"""Words of the browser are checked field by field; strangers are not answered."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xai_widgets.errors import UnknownLayerError
from xai_widgets.live import messages

GOLDEN = Path(__file__).parents[1] / "golden" / "frame.json"

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
KINDS = tuple(messages._SHAPES)


@given(anything)
def test_anything_at_all_is_read_or_refused(content: object) -> None:
    assert messages.read(content) is None


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(KINDS)},
        optional={key: anything for key in ("client", "topic", "seq", "params", "values", "name")},
    )
)
def test_what_is_read_has_every_field(content: dict[str, object]) -> None:
    message = messages.read(content)
    if message is not None:
        assert isinstance(message["client"], str)
        assert message["type"] != "request" or isinstance(message["params"], dict)


@given(st.sampled_from(KINDS), anything | st.binary(max_size=8) | st.tuples(st.integers()))
def test_a_field_of_another_type_is_refused(kind: str, value: object) -> None:
    """Whatever is no text is no client, whatever is no dict is no params; unhashable or not."""
    right = {"type": kind, "client": "a", "topic": "maps", "seq": 1, "params": {}, "values": {}, "name": "x"}
    assert messages.read(right) == right
    for field in messages._SHAPES[kind].__annotations__:
        if field != "type" and not isinstance(value, messages._KINDS[field]):
            assert messages.read({**right, field: value}) is None


def test_what_is_nested_deeply_is_read_and_not_followed() -> None:
    deep: object = 0
    for _ in range(100_000):
        deep = [deep]
    content = {"type": "request", "client": "a", "topic": "maps", "seq": 1, "params": {"image": deep}}
    assert messages.read(content) is content


def test_a_request_is_read() -> None:
    content = {"type": "request", "client": "a", "topic": "maps", "seq": 3, "params": {"image": 0}}
    assert messages.read(content) == content
    assert messages.read({**content, "seq": "3"}) is None


@pytest.mark.parametrize("case", json.loads(GOLDEN.read_text("utf-8"))["canonical"])
def test_the_same_params_have_the_same_text(case: list[object]) -> None:
    assert messages.canonical(case[0]) == case[1]


def test_a_failure_keeps_message_and_hint_apart() -> None:
    told = messages.failure(UnknownLayerError("No layer is called 'x'.", "Did you mean 'y'?"))
    assert told == {
        "type": "UnknownLayerError",
        "message": "No layer is called 'x'.",
        "hint": "Did you mean 'y'?",
    }
    assert messages.failure(KeyError())["message"] == "KeyError"
