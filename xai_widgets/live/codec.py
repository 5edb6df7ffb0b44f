"""Arrays to bytes and back: the mirror of `js/src/live/codec.ts`.

Feature maps travel as one byte a value with a scale and a zero for each map. Attributions travel as two:
their tails are long, and clipping at a percentile would leave a handful of one-byte levels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .messages import ArrayHead


@dataclass(frozen=True)
class Packed:
    """One array on the wire: its head and its bytes."""

    head: ArrayHead
    data: bytes


def pack_maps(name: str, maps: NDArray[Any]) -> Packed:
    """Pack maps `(c, h, w)` to uint8, each map with its own scale and zero.

    The error is at most half a level, 1/510 of the map's range (one level where a map has both signs, so
    that its 0 stays exactly 0).
    """
    maps = np.asarray(maps, np.float32)
    flat = maps.reshape(len(maps), -1)
    low, high = flat.min(1).astype(np.float64), flat.max(1).astype(np.float64)
    flatline = high == low
    scale = np.where(flatline, np.where(low == 0, 1.0, low), (high - low) / 255)
    zero = np.where(flatline, 0.0, -low / scale)
    zero = np.where((low <= 0) & (high >= 0), np.rint(zero), zero)
    levels = np.rint(flat / scale[:, None] + zero[:, None]).clip(0, 255).astype(np.uint8)
    return _packed(name, levels.reshape(maps.shape), scale.tolist(), zero.tolist())


def pack_signed(name: str, values: NDArray[Any]) -> Packed:
    """Pack any array to int16 with one scale and zero 0: the error is 1/65534 of the largest value."""
    values = np.asarray(values, np.float64)
    limit = float(np.abs(values).max(initial=0.0))
    scale = limit / 32767 if limit > 0 else 1.0
    return _packed(name, np.rint(values / scale).clip(-32767, 32767).astype("<i2"), scale, 0)


def pack_floats(name: str, values: NDArray[Any]) -> Packed:
    """Pack any array to float32, as it is."""
    return _packed(name, np.ascontiguousarray(values, "<f4"), 1, 0)


def pack_picture(name: str, picture: NDArray[np.uint8]) -> Packed:
    """Pack a picture `(h, w, 3)` uint8, as it is."""
    return _packed(name, np.ascontiguousarray(picture, np.uint8), 1, 0)


def unpack(packed: Packed) -> NDArray[np.float32]:
    """Return the real values; what the browser computes, in Python."""
    head = packed.head
    kind = np.dtype(head["dtype"]).newbyteorder("<")
    levels = np.frombuffer(packed.data, kind).reshape(head["shape"]).astype(np.float64)
    across = (-1, *([1] * (levels.ndim - 1)))
    scale, zero = (np.asarray(head[key], np.float64) for key in ("scale", "zero"))
    scale, zero = (part.reshape(across) if part.ndim else part for part in (scale, zero))
    return (scale * (levels - zero)).astype(np.float32)


def _packed(name: str, levels: NDArray[Any], scale: float | list[float], zero: float | list[float]) -> Packed:
    head: ArrayHead = {
        "name": name,
        "dtype": levels.dtype.name,  # type: ignore[typeddict-item]  # one of the three by construction
        "shape": list(levels.shape),
        "scale": scale,
        "zero": zero,
    }
    return Packed(head, levels.tobytes())
