"""Strokes of a round brush, as data: what a person paints becomes a baseline that travels as JSON."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError

MOST_STROKES, MOST_POINTS = 64, 4096

Point = tuple[float, float]


@dataclass(frozen=True)
class Stroke:
    """One stroke.

    Attributes:
        color: "#rrggbb".
        size: diameter of the brush, as a share of the picture's shorter side.
        points: (x, y) each, shares of the picture's width and height.
    """

    color: str
    size: float
    points: tuple[Point, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what `read_strokes` reads."""
        return {"color": self.color, "size": self.size, "points": [list(point) for point in self.points]}


def read_strokes(given: Any) -> tuple[Stroke, ...]:
    """Return the strokes in a list of dicts.

    Raises:
        ParameterError: something else, a colour, size or point that is none, or more than `MOST_STROKES`
            strokes or `MOST_POINTS` points.
    """
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ParameterError(f"Strokes are a list, not {given!r}.", "Each is like this: " + _EXAMPLE)
    if len(given) > MOST_STROKES:
        raise ParameterError(f"{len(given)} strokes are too many.", f"At most {MOST_STROKES} are painted.")
    strokes = tuple(one if isinstance(one, Stroke) else _stroke(one) for one in given)
    points = sum(len(stroke.points) for stroke in strokes)
    if points > MOST_POINTS:
        raise ParameterError(f"{points} points of strokes are too many.", f"At most {MOST_POINTS} in all.")
    return strokes


def coverage(stroke: Stroke, height: int, width: int) -> NDArray[np.float32]:
    """Return how much of each pixel a stroke covers, `(h, w)` in [0, 1].

    1 within the brush of a polyline through the points, 0 outside, and linear over the pixel between.
    """
    radius = stroke.size * min(height, width) / 2
    covered = np.zeros((height, width), np.float32)
    points = [(x * width - 0.5, y * height - 0.5) for x, y in stroke.points]
    for start, end in zip(points, points[1:] or points, strict=False):
        left, right = _span(start[0], end[0], radius, width)
        top, bottom = _span(start[1], end[1], radius, height)
        x, y = np.arange(left, right)[None, :], np.arange(top, bottom)[:, None]
        here = np.clip(radius + 0.5 - _distance(x, y, start, end), 0, 1)
        part = covered[top:bottom, left:right]
        np.maximum(part, here, out=part, casting="same_kind")
    return covered


def _span(one: float, other: float, radius: float, size: int) -> tuple[int, int]:
    """Return the pixels that a brush can touch between two places of an axis."""
    low, high = min(one, other) - radius - 1, max(one, other) + radius + 1
    return max(0, math.floor(low)), max(0, min(size, math.ceil(high) + 1))


def _distance(x: NDArray[Any], y: NDArray[Any], start: Point, end: Point) -> NDArray[np.float64]:
    """Return the distance of pixels to a segment."""
    across, down = end[0] - start[0], end[1] - start[1]
    length = across**2 + down**2
    along = ((x - start[0]) * across + (y - start[1]) * down) / length if length else np.zeros(())
    share = np.clip(along, 0, 1)
    return np.asarray(np.hypot(x - start[0] - share * across, y - start[1] - share * down))


_EXAMPLE = '{"color": "#808080", "size": 0.08, "points": [[0.2, 0.3], [0.4, 0.3]]}.'


def _stroke(given: Any) -> Stroke:
    try:
        rest = dict(given) if isinstance(given, Mapping) else {}
        color, size, points = rest.pop("color"), rest.pop("size"), rest.pop("points")
        stroke = Stroke(str(color), float(size), tuple((float(x), float(y)) for x, y in points))
    except (KeyError, TypeError, ValueError):
        raise ParameterError(f"{_short(given)} is no stroke.", "One is like this: " + _EXAMPLE) from None
    if rest or not re.fullmatch("#[0-9a-fA-F]{6}", stroke.color) or not 0 < stroke.size <= 1:
        words = f"{_short(given)} is no stroke: it needs a colour, a size above 0 and up to 1, and points."
        raise ParameterError(words, "One is like this: " + _EXAMPLE)
    if not stroke.points or not all(0 <= x <= 1 and 0 <= y <= 1 for x, y in stroke.points):
        words = f"The points of {_short(given)} do not all lie within the picture."
        raise ParameterError(words, "Give one or more, x and y from 0 to 1.")
    return stroke


def _short(given: Any) -> str:
    words = repr(given)
    return words if len(words) <= 80 else words[:79] + "…"
