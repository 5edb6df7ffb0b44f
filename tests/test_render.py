"""Colours and overlays, against a slow derivation and against the golden files both languages share."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from xai_widgets import render
from xai_widgets.errors import ParameterError

GOLDEN = Path(__file__).parent / "golden"
STOPS = {
    name: [tuple(bytes.fromhex(stop)) for stop in entry["stops"].split()]
    for name, entry in json.loads(
        (Path(render.__file__).parent / "colormaps.json").read_text("utf-8")
    ).items()
}


# ---- the definitions once more, pixel by pixel and without numpy ----


def slow_colour(name: str, index: int) -> list[int]:
    stops = STOPS[name]
    place = index / 255 * (len(stops) - 1)
    left = min(math.floor(place), len(stops) - 2)
    return [
        math.floor(a + (b - a) * (place - left) + 0.5)
        for a, b in zip(stops[left], stops[left + 1], strict=True)
    ]


def slow_sign(value: float, sign: str) -> float:
    return {"both": value, "positive": max(value, 0.0), "negative": max(-value, 0.0), "absolute": abs(value)}[
        sign
    ]


def slow_limit(values: list[list[float]], percentile: float) -> float:
    size = sorted(abs(v) for row in values for v in row)
    place = percentile / 100 * (len(size) - 1)
    low = math.floor(place)
    high = min(low + 1, len(size) - 1)
    return size[low] + (size[high] - size[low]) * (place - low) or size[-1]


def slow_index(value: float, limit: float, sign: str) -> int:
    if limit == 0:
        return 128 if sign == "both" else 0
    low = -limit if sign == "both" else 0.0
    return max(0, min(255, math.floor((slow_sign(value, sign) - low) / (limit - low) * 255 + 0.5)))


def slow_kept(values: list[list[float]], top: float, sign: str) -> list[list[bool]]:
    size = sorted((abs(slow_sign(v, sign)) for row in values for v in row), reverse=True)
    if top == 100:
        return [[True for _ in row] for row in values]
    least = size[max(1, math.floor(len(size) * top / 100 + 0.5)) - 1]
    return [[abs(slow_sign(v, sign)) >= least and slow_sign(v, sign) != 0 for v in row] for row in values]


def slow_overlay(case: dict[str, Any]) -> list[list[list[int]]]:
    values, limit, sign = case["map"], slow_limit(case["map"], case["clip"]), case["sign"]
    kept = slow_kept(values, case["top"], sign)
    out = []
    for y, row in enumerate(values):
        line = []
        for x, value in enumerate(row):
            colour = slow_colour(case["colormap"], slow_index(value, limit, sign))
            share = min(1.0, abs(slow_sign(value, sign)) / limit) if limit else 0.0
            alpha = case["opacity"] * (share**0.7 if case["mode"] == "blended" else 1.0) * kept[y][x]
            line.append(
                [
                    math.floor(p * (1 - alpha) + c * alpha + 0.5)
                    for p, c in zip(case["picture"][y][x], colour, strict=True)
                ]
            )
        out.append(line)
    return out


# ---- the golden files ----


def golden(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text("utf-8"))


@pytest.mark.parametrize(
    "entry", golden("colormaps.json")["entries"], ids=lambda e: f"{e['name']}-{e['index']}"
)
def test_golden_colours(entry: dict[str, Any]) -> None:
    assert slow_colour(entry["name"], entry["index"]) == entry["rgb"]
    assert render.lut(entry["name"])[entry["index"]].tolist() == entry["rgb"]


def test_every_entry_of_every_map_follows_the_rule() -> None:
    for name in render.colormaps():
        assert render.lut(name).tolist() == [slow_colour(name, i) for i in range(256)]


@pytest.mark.parametrize("case", golden("overlay.json")["cases"], ids=lambda c: c["name"])
def test_golden_overlays(case: dict[str, Any]) -> None:
    values = np.array(case["map"])
    low, high = render.clip_range(values, case["clip"], case["sign"])
    assert high == pytest.approx(case["limit"], abs=1e-12) == slow_limit(case["map"], case["clip"])
    assert low == (-high if case["sign"] == "both" else 0)
    indexes = [[slow_index(v, high, case["sign"]) for v in row] for row in case["map"]]
    assert indexes == case["index"]
    painted = render.colorize(values, case["colormap"], case["clip"], case["sign"])
    assert painted.tolist() == [[slow_colour(case["colormap"], i) for i in row] for row in indexes]
    assert slow_overlay(case) == case["overlay"]
    laid = render.overlay(
        np.array(case["picture"], np.uint8),
        values,
        case["opacity"],
        case["mode"],
        case["colormap"],
        case["clip"],
        case["sign"],
        case["top"],
    )
    assert laid.tolist() == case["overlay"]


def test_an_overlay_by_hand() -> None:
    """Gray at the limit is 255, half opacity over 100: floor(100 * 0.5 + 255 * 0.5 + 0.5) = 178."""
    picture = np.full((1, 2, 3), 100, np.uint8)
    laid = render.overlay(picture, np.array([[2.0, 0.0]]), 0.5, "blended", "gray", 100, "positive")
    assert laid.tolist() == [[[178] * 3, [100] * 3]]
    flat = render.overlay(picture, np.array([[2.0, 0.0]]), 0.5, "overlay", "gray", 100, "positive")
    assert flat.tolist() == [[[178] * 3, [50] * 3]]


# ---- what makes a colour map sound ----


def oklab_lightness(rgb: np.ndarray) -> np.ndarray:
    """Björn Ottosson's OKLab, the lightness only."""
    c = rgb.astype(float) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    lms = linear @ np.array(
        [
            [0.4122214708, 0.2119034982, 0.0883024619],
            [0.5363325363, 0.6806995451, 0.2817188376],
            [0.0514459929, 0.1073969566, 0.6299787005],
        ]
    )
    return np.cbrt(lms) @ np.array([0.2104542553, 0.7936177850, -0.0040720468])


@pytest.mark.parametrize("name", render.colormaps())
def test_lightness_is_monotone_or_symmetric(name: str) -> None:
    found = render.colormaps()[name]
    assert 9 <= len(found.stops) <= 33 and len(found.stops) % 2 == 1
    light = oklab_lightness(render.lut(name))
    steps = np.diff(light)
    if found.kind == "sequential":
        assert steps.min() > -0.004
        assert light[-1] - light[0] > 0.5
        return
    rising = steps[:127] if light[128] > light[0] else -steps[:127]
    falling = -steps[128:] if light[128] > light[0] else steps[128:]
    assert rising.min() > -0.004 and falling.min() > -0.004
    assert np.abs(light - light[::-1]).max() < 0.02
    middle = render.lut(name)[128].astype(int)
    assert np.ptp(middle) <= 6, "the middle is neutral"


@pytest.mark.parametrize("name", [n for n, m in render.colormaps().items() if m.kind == "diverging"])
@pytest.mark.parametrize("kind", ["protan", "deutan"])
def test_the_two_ends_differ_for_the_colour_blind(name: str, kind: str) -> None:
    """Viénot, Brettel and Mollon 1999: the dichromat's picture of the two ends stays far apart."""
    mix = {
        "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    }[kind]
    linear = (render.lut(name).astype(float) / 255) ** 2.2
    seen = np.clip(linear @ np.array(mix).T, 0, 1) ** (1 / 2.2) * 255
    for k in (0, 32, 64):
        assert np.linalg.norm(seen[k] - seen[255 - k]) > 45


# ---- edges ----


@settings(deadline=None)
@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 6))),
    st.floats(0.5, 100),
    st.sampled_from(["both", "positive", "negative", "absolute"]),
)
def test_any_map_can_be_painted(values: np.ndarray, percentile: float, sign: render.Sign) -> None:
    low, high = render.clip_range(values, percentile, sign)
    assert math.isfinite(low) and math.isfinite(high) and low <= 0 <= high
    assert render.colorize(values, "auto", percentile, sign).shape == (*values.shape, 3)


def test_nothing_to_show() -> None:
    zero = np.zeros((2, 2))
    assert (render.colorize(zero) == render.lut("blue-red")[128]).all()
    assert (render.colorize(zero, sign="positive") == render.lut("inferno")[0]).all()
    picture = np.full((2, 2, 3), 7, np.uint8)
    assert (render.overlay(picture, zero) == picture).all()
    assert render.clip_range(np.array([[np.nan, 1.0]]), 100) == (-1.0, 1.0)


def test_a_sparse_map_is_not_clipped_to_nothing() -> None:
    values = np.zeros((10, 10))
    values[3, 3] = 4
    assert render.clip_range(values, 50) == (-4, 4)


def test_ties_are_kept_together_and_zeros_never() -> None:
    values = np.array([[3.0, -3.0, 1.0, 0.0]])
    assert render.top_mask(values, 25).tolist() == [[True, True, False, False]]
    assert render.top_mask(values, 99).tolist() == [[True, True, True, False]]
    assert render.top_mask(values, 25, "negative").tolist() == [[False, True, False, False]]


def test_png_comes_back() -> None:
    import io

    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert (np.asarray(Image.open(io.BytesIO(render.png_bytes(pixels)))) == pixels).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: render.lut("virdis"), "viridis"),
        (lambda: render.clip_range(np.zeros((1, 1)), 0), "percentile"),
        (lambda: render.clip_range(np.zeros((1, 1)), 50, "plus"), "sign"),  # type: ignore[arg-type]
        (lambda: render.top_mask(np.zeros((1, 1)), 101), "share"),
        (lambda: render.overlay(np.zeros((2, 2, 3), np.uint8), np.zeros((1, 1))), "can't carry"),
        (lambda: render.overlay(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1)), 2), "opacity"),
        (lambda: render.overlay(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1)), 1, "soft"), "overlay"),  # type: ignore[arg-type]
    ],
)
def test_errors_teach(call: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        call()
