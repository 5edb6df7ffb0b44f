"""Boxes on a picture: left, top, right and bottom, as shares of what the network sees."""

import math
from typing import Any

import torch
from torch import Tensor

Box = tuple[float, float, float, float]


def read_box(given: Any) -> Box:
    """Return a box from what JSON makes of one.

    Raises:
        TypeError, ValueError: it is no box within the picture.
    """
    left, top, right, bottom = map(float, given)
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"box {list(given)} is not left < right and top < bottom within 0 and 1")
    return left, top, right, bottom


def box_words(box: Box) -> str:
    """Return where a box lies, in words: "10–40 % × 20–60 %"."""
    left, top, right, bottom = (round(100 * share) for share in box)
    return f"{left}–{right} % × {top}–{bottom} %"


def within(maps: Tensor, box: Box) -> Tensor:
    """Return the cells of maps `(…, h, w)` that a box touches, at least one each way."""
    left, top, right, bottom = box
    height, width = maps.shape[-2:]
    columns = slice(int(left * width), max(int(left * width) + 1, math.ceil(right * width)))
    rows = slice(int(top * height), max(int(top * height) + 1, math.ceil(bottom * height)))
    return maps[..., rows, columns]


def overlap(boxes: Tensor, box: Box) -> Tensor:
    """Return the intersection over union `(…)` of boxes `(…, 4)` with one box; 0 for boxes without area."""
    one = torch.tensor(box).to(boxes)
    sides = torch.minimum(boxes[..., 2:], one[2:]) - torch.maximum(boxes[..., :2], one[:2])
    both = sides.clamp(min=0).prod(dim=-1)
    union = _area(boxes) + _area(one) - both
    return torch.where(union > 0, both / union.clamp(min=1e-12), 0.0)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(dim=-1)
