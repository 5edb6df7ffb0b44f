"""Numbers to RGB: colour maps and overlays, for files and reports.

The same rules stand in `js/src/draw`, and `tests/golden` pins both. Colour maps live in
`colormaps.json`, which the bundles import as it is.
"""

import io
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .errors import ParameterError, did_you_mean

Sign = Literal["both", "positive", "negative", "absolute"]
Mode = Literal["blended", "overlay"]
Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]

GAMMA = 0.7
"""Exponent of the blended overlay: weak evidence stays visible, none stays clear."""


@dataclass(frozen=True)
class Colormap:
    """A colour map: evenly spaced stops, sequential or diverging around its middle."""

    name: str
    kind: Literal["sequential", "diverging"]
    label: str
    stops: tuple[tuple[int, int, int], ...]


@cache
def colormaps() -> dict[str, Colormap]:
    """Return every colour map by name, in the order in which an interface should offer them."""
    known = json.loads((Path(__file__).parent / "colormaps.json").read_text("utf-8"))
    return {
        name: Colormap(name, entry["kind"], entry["label"], tuple(map(_rgb, entry["stops"].split())))
        for name, entry in known.items()
    }


@cache
def lut(name: str) -> Pixels:
    """Return the 256 colours of a colour map, `(256, 3)` uint8, read-only.

    Entry `i` lies at `i / 255` between the stops, each channel rounded half up.

    Raises:
        ParameterError: no colour map has this name.
    """
    if name not in colormaps():
        raise ParameterError(f"No colour map is called {name!r}.", did_you_mean(name, colormaps()))
    stops = np.asarray(colormaps()[name].stops, dtype=np.float64)
    position = np.arange(256) / 255 * (len(stops) - 1)
    left = np.minimum(np.floor(position).astype(int), len(stops) - 2)
    fraction = (position - left)[:, None]
    colours = _round(stops[left] + (stops[left + 1] - stops[left]) * fraction)
    colours.setflags(write=False)
    return colours


def default_colormap(sign: Sign) -> str:
    """Return the colour map that suits a sign: diverging for both signs, sequential for one."""
    return "blue-red" if sign == "both" else "inferno"


def apply_sign(values: NDArray[np.floating], sign: Sign) -> Floats:
    """Keep the part of a map that `sign` names; what is not finite becomes zero.

    "negative" gives the size of the negative part, so that all but "both" are at least zero.
    """
    if sign not in get_args(Sign):
        raise ParameterError(f"No sign is called {sign!r}.", did_you_mean(str(sign), get_args(Sign)))
    clean = np.nan_to_num(np.asarray(values, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    if sign == "absolute":
        return np.abs(clean)
    if sign == "both":
        return clean
    return np.maximum(clean if sign == "positive" else -clean, 0.0)


def clip_range(
    values: NDArray[np.floating], percentile: float = 99.0, sign: Sign = "both"
) -> tuple[float, float]:
    """Return the values that the two ends of the colour map stand for.

    The limit is the percentile (linear interpolation) of `|values|` over the whole map, whatever the
    sign, so that switching the sign keeps the scale. A map that is zero up to the percentile takes its
    maximum.

    Raises:
        ParameterError: `percentile` is not within (0, 100].
    """
    if not 0 < percentile <= 100:
        raise ParameterError(f"A clip percentile lies within (0, 100], not at {percentile}.", "99 is usual.")
    size = apply_sign(values, "absolute")
    limit = float(np.percentile(size, percentile)) or float(size.max())
    apply_sign(values, sign)
    return (-limit if sign == "both" else 0.0), limit


def colorize(
    values: NDArray[np.floating],
    colormap: str = "auto",
    clip_percentile: float = 99.0,
    sign: Sign = "both",
    limits: tuple[float, float] | None = None,
) -> Pixels:
    """Paint a map.

    Args:
        values: `(h, w)`.
        colormap: a name of `colormaps()`, or "auto" for one that suits the sign.
        clip_percentile: see `clip_range`.
        sign: the part that is shown.
        limits: what the ends of the colour map stand for, where several maps share one scale.

    Returns:
        `(h, w, 3)` uint8. A map of zeros has the middle colour of a signed map, else the first one.
    """
    low, high = limits or clip_range(values, clip_percentile, sign)
    part = apply_sign(values, sign)
    place = (part - low) / (high - low) if high > low else np.full(part.shape, 0.5 if sign == "both" else 0.0)
    index = np.clip(np.floor(place * 255 + 0.5), 0, 255).astype(int)
    table = lut(default_colormap(sign) if colormap == "auto" else colormap)
    return np.asarray(table[index])


def top_mask(values: NDArray[np.floating], percent: float, sign: Sign = "both") -> NDArray[np.bool_]:
    """Return which pixels are among the strongest `percent` of a map; ties are all in, zeros never.

    Raises:
        ParameterError: `percent` is not within (0, 100].
    """
    if not 0 < percent <= 100:
        raise ParameterError(f"A share of pixels lies within (0, 100], not at {percent}.", "100 keeps all.")
    size = np.abs(apply_sign(values, sign))
    if percent == 100:
        return np.ones(size.shape, dtype=np.bool_)
    count = max(1, int(np.floor(size.size * percent / 100 + 0.5)))
    threshold = np.partition(size.ravel(), size.size - count)[size.size - count]
    return cast("NDArray[np.bool_]", (size >= threshold) & (size > 0))


def overlay(
    picture: Pixels,
    values: NDArray[np.floating],
    opacity: float = 0.6,
    mode: Mode = "blended",
    colormap: str = "auto",
    clip_percentile: float = 99.0,
    sign: Sign = "both",
    top: float = 100.0,
    limits: tuple[float, float] | None = None,
) -> Pixels:
    """Lay a map over a picture.

    "blended" lets strong values cover and weak ones shine through: each pixel's alpha is
    `opacity * min(1, |v| / limit) ** 0.7`. "overlay" has the same alpha everywhere. Pixels outside the
    strongest `top` percent are left clear.

    Args:
        picture: `(h, w, 3)` uint8.
        values: `(h, w)`, as high and wide as the picture.
        opacity: 0 to 1.
        limits: what the ends of the colour map stand for, where several maps share one scale.

    Returns:
        `(h, w, 3)` uint8.

    Raises:
        ParameterError: the sizes differ, or a value is out of its range.
    """
    if picture.shape != (*values.shape, 3):
        raise ParameterError(
            f"A picture {picture.shape} can't carry a map {values.shape}.", "Resize one of them."
        )
    if not 0 <= opacity <= 1:
        raise ParameterError(f"An opacity lies within [0, 1], not at {opacity}.")
    if mode not in get_args(Mode):
        raise ParameterError(f"No overlay is called {mode!r}.", did_you_mean(str(mode), get_args(Mode)))
    limits = limits or clip_range(values, clip_percentile, sign)
    colours = colorize(values, colormap, clip_percentile, sign, limits).astype(np.float64)
    alpha = np.full(values.shape, float(opacity))
    if mode == "blended":
        share = np.abs(apply_sign(values, sign)) / limits[1] if limits[1] > 0 else np.zeros(values.shape)
        alpha = opacity * np.minimum(1.0, share) ** GAMMA
    alpha = np.where(top_mask(values, top, sign), alpha, 0.0)[..., None]
    return _round(picture * (1 - alpha) + colours * alpha)


def png_bytes(pixels: Pixels) -> bytes:
    """Return the PNG of an `(h, w, 3)`, `(h, w, 4)` or `(h, w)` uint8 array."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _rgb(stop: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(stop)
    return red, green, blue


def _round(values: Floats) -> Pixels:
    return np.floor(np.clip(values, 0, 255) + 0.5).astype(np.uint8)
