"""Painted baselines: every pixel against the distance to the stroke, and what is refused."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xai_widgets.errors import ParameterError
from xai_widgets.inputs.baselines import Black, Blur, Mean, Painted, White
from xai_widgets.inputs.strokes import MOST_POINTS, MOST_STROKES, Stroke, coverage

DOT = {"color": "#ff0000", "size": 0.5, "points": [[0.5, 0.5]]}


def picture(height: int = 11, width: int = 17, channels: int = 3) -> torch.Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(7))


def slowly(stroke: Stroke, height: int, width: int) -> np.ndarray:
    """Every pixel by itself: how far is its middle from the polyline, tried at many places of it?"""
    found = np.zeros((height, width))
    points = [(x * width, y * height) for x, y in stroke.points]
    places = [points[0]]
    for (ax, ay), (bx, by) in pairwise(points):
        places += [(ax + (bx - ax) * k / 400, ay + (by - ay) * k / 400) for k in range(401)]
    for y in range(height):
        for x in range(width):
            near = min(math.hypot(x + 0.5 - px, y + 0.5 - py) for px, py in places)
            found[y, x] = min(1, max(0, stroke.size * min(height, width) / 2 + 0.5 - near))
    return found


share = st.floats(0, 1)


@settings(max_examples=25, deadline=None)
@given(
    points=st.lists(st.tuples(share, share), min_size=1, max_size=4),
    size=st.floats(0.01, 1),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
)
def test_coverage_is_the_distance_to_the_line(points: Any, size: float, height: int, width: int) -> None:
    stroke = Stroke("#000000", size, tuple(points))
    found = coverage(stroke, height, width)
    assert found.shape == (height, width) and found.dtype == np.float32
    np.testing.assert_allclose(found, slowly(stroke, height, width), atol=0.03)


def test_strokes_lie_over_each_other_in_their_order() -> None:
    over = {"color": "#0000ff", "size": 0.2, "points": [[0.5, 0.5]]}
    found = Painted([DOT, over]).apply(picture(101, 101))[0]
    np.testing.assert_allclose(found[:, 50, 50], [0, 0, 1])
    np.testing.assert_allclose(found[:, 50, 30], [1, 0, 0])
    np.testing.assert_array_equal(found[:, 0, 0], picture(101, 101)[0, :, 0, 0])


@pytest.mark.parametrize(
    ("over", "under"), [("black", Black()), ("white", White()), ("mean", Mean()), ("blur", Blur())]
)
def test_what_lies_under_it(over: str, under: Any) -> None:
    painted, pixels = Painted([DOT], over).apply(picture()), picture()
    gone = torch.from_numpy(coverage(Painted([DOT]).strokes[0], 11, 17))
    np.testing.assert_array_equal(painted[..., gone == 0], under.apply(pixels)[..., gone == 0])
    assert (painted[0, 0, gone == 1] == 1).all() and (painted[0, 1:, gone == 1] == 0).all()


def test_nothing_painted_is_what_lies_under_it() -> None:
    assert torch.equal(Painted().apply(picture()), picture())
    assert Painted().label == "painted over picture, 0 strokes"


def test_one_channel_gets_the_luma() -> None:
    found = Painted([DOT]).apply(picture(channels=1))
    assert float(found[0, 0, 5, 8]) == pytest.approx(0.299, abs=1e-6)
    with pytest.raises(ParameterError, match="4 channels"):
        Painted([DOT]).apply(picture(channels=4))


@pytest.mark.parametrize(
    ("strokes", "words"),
    [
        ("scribble", "Strokes are a list"),
        ([3], "is no stroke"),
        ([{"color": "#ff0000", "size": 0.5}], "is no stroke"),
        ([DOT | {"color": "red"}], "needs a colour"),
        ([DOT | {"size": 0}], "above 0"),
        ([DOT | {"size": float("nan")}], "above 0"),
        ([DOT | {"wide": 1}], "is no stroke"),
        ([DOT | {"points": []}], "do not all lie"),
        ([DOT | {"points": [[0.5, 1.2]]}], "do not all lie"),
        ([DOT | {"points": [[0.5, float("nan")]]}], "do not all lie"),
        ([DOT | {"points": [[0.5]]}], "is no stroke"),
        ([DOT] * (MOST_STROKES + 1), "65 strokes are too many"),
        ([DOT | {"points": [[0.5, 0.5]] * (MOST_POINTS + 1)}], "4097 points"),
    ],
)
def test_errors_teach(strokes: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        Painted(strokes)


def test_over_something_unknown() -> None:
    with pytest.raises(ParameterError, match="Did you mean 'black'"):
        Painted([DOT], "blak")


def test_the_bounds_themselves_are_fine() -> None:
    most = [DOT | {"points": [[k / 64, 0.5] for k in range(64)]}] * MOST_STROKES
    assert sum(len(stroke.points) for stroke in Painted(most).strokes) == MOST_POINTS
