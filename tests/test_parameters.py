"""Parameters: read from a signature, checked, and told to an interface."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xai_widgets.errors import ParameterError
from xai_widgets.parameters import Choice, Range, Special, checked, declared


def method(
    problem: object,
    *,
    steps: Annotated[int, Range(8, 64, log=True, unit="×", help="How many.")] = 16,
    share: Annotated[float, Range(0.1, 1, step=0.1, label="part")] = 0.5,
    rule: Annotated[str, Choice(("left", "right"))] = "left",
    smooth: Annotated[bool, Special("bool")] = False,
    plain: int = 3,
) -> None:
    """Nothing but a signature."""


@dataclass(frozen=True)
class Paint:
    color: Annotated[str, Special("color")] = "#102030"
    hidden: int = 0


PARAMS = declared(method)


def test_declared() -> None:
    told = {param.name: json.loads(json.dumps(param.to_dict())) for param in PARAMS}
    assert list(told) == ["steps", "share", "rule", "smooth"]
    steps = told["steps"]
    assert (steps["kind"], steps["low"], steps["high"], steps["log"], steps["default"]) == (
        "int",
        8,
        64,
        True,
        16,
    )
    assert (steps["unit"], steps["help"], steps["label"]) == ("×", "How many.", "steps")
    assert (told["share"]["label"], told["share"]["step"]) == ("part", 0.1)
    assert told["rule"]["choices"] == ["left", "right"] and told["smooth"]["kind"] == "bool"
    (color,) = declared(Paint)
    assert (color.name, color.kind, color.default) == ("color", "color", "#102030")


def test_checked() -> None:
    assert checked(PARAMS, {}, "it") == {"steps": 16, "share": 0.5, "rule": "left", "smooth": False}
    found = checked(PARAMS, {"steps": 32.0, "share": 1}, "it")
    assert type(found["steps"]) is int and type(found["share"]) is float


@settings(deadline=None)
@given(st.one_of(st.floats(), st.integers(), st.text(), st.booleans(), st.none(), st.lists(st.integers())))
def test_any_value_is_taken_or_refused(value: Any) -> None:
    for name in ("steps", "share", "rule", "smooth"):
        try:
            found = checked(PARAMS, {name: value}, "it")[name]
        except ParameterError as error:
            assert name in str(error)
        else:
            assert found == value


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"stepz": 3}, "Did you mean 'steps'"),
        ({"steps": 7}, "within 8 and 64, not at 7. 8 is the nearest"),
        ({"steps": 8.5}, "whole number"),
        ({"share": "much"}, "is a number"),
        ({"share": float("inf")}, "is a number"),
        ({"rule": "lef"}, "Did you mean 'left'"),
        ({"smooth": 1}, "True or False"),
    ],
)
def test_errors_teach(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        checked(PARAMS, given, "the method 'x'")
