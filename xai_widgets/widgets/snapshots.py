"""Still pictures of the panels, for files and for notebooks that are only read."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..model.layers import Layer

Picture = NDArray[np.uint8]

GAP = 8
PAPER, INK, QUIET, ACCENT = (255, 255, 255), (33, 33, 33), (150, 156, 165), (25, 118, 210)


def beside(pictures: Sequence[Picture]) -> Picture:
    """Put pictures in a row, their tops aligned."""
    height = max(len(picture) for picture in pictures)
    width = sum(picture.shape[1] for picture in pictures) + GAP * (len(pictures) - 1)
    sheet = _paper(height, width)
    left = 0
    for picture in pictures:
        sheet[: len(picture), left : left + picture.shape[1]] = picture
        left += picture.shape[1] + GAP
    return sheet


def below(pictures: Sequence[Picture]) -> Picture:
    """Put pictures in a column, their left sides aligned."""
    turned = beside([picture.transpose(1, 0, 2) for picture in pictures])
    return np.ascontiguousarray(turned.transpose(1, 0, 2))


def grid(tiles: Sequence[Picture], side: int) -> Picture:
    """Lay tiles out in rows, each enlarged to `side` pixels without smoothing."""
    large = [
        np.asarray(Image.fromarray(tile).resize((side, side), Image.Resampling.NEAREST)) for tile in tiles
    ]
    columns = math.ceil(math.sqrt(len(large) * 1.6))
    rows = [beside(large[start : start + columns]) for start in range(0, len(large), columns)]
    return below(rows)


def rail(layers: Sequence[Layer], current: str | None, width: int = 900) -> Picture:
    """Draw the layers as bars, as high as their maps are wide, with the current one named."""
    sheet = Image.fromarray(_paper(120, width))
    draw = ImageDraw.Draw(sheet)
    step = width / max(1, len(layers))
    for i, layer in enumerate(layers):
        side = layer.grid[0] if layer.grid else 1
        top = 104 - 12 * math.log2(side + 1)
        colour = ACCENT if layer.name == current else QUIET
        draw.rectangle([i * step + 1, top, max(i * step + 2, (i + 1) * step - 1), 112], fill=colour)
        if layer.name == current:
            shape = " × ".join(str(size) for size in layer.shape)
            draw.text((4, 2), f"{layer.name}  {layer.kind}  {shape}", fill=INK, font=_font(13))
    return np.asarray(sheet)


def bars(entries: Sequence[tuple[str, float]], width: int = 420) -> Picture:
    """Draw named values as horizontal bars."""
    line = 24
    sheet = Image.fromarray(_paper(line * len(entries) + GAP, width))
    draw = ImageDraw.Draw(sheet)
    most = max((abs(value) for _, value in entries), default=1) or 1
    for i, (name, value) in enumerate(entries):
        top = i * line + 4
        length = abs(value) / most * (width - 260)
        draw.text((4, top), name[:26], fill=INK, font=_font(13))
        draw.rectangle([180, top + 2, 180 + max(1, length), top + 16], fill=ACCENT if value >= 0 else QUIET)
        draw.text((188 + length, top), f"{value:.3g}", fill=INK, font=_font(13))
    return np.asarray(sheet)


def captioned(picture: Picture, words: str) -> Picture:
    """Put a line of text under a picture, cut at its width."""
    line = Image.fromarray(_paper(20, picture.shape[1]))
    ImageDraw.Draw(line).text((1, 2), words[: max(4, picture.shape[1] // 7)], fill=INK, font=_font(12))
    return below([picture, np.asarray(line)])


def rows(pictures: Sequence[Picture], width: int = 960) -> Picture:
    """Lay pictures of one size out in rows up to a width, read like text."""
    columns = max(1, min(len(pictures), (width + GAP) // (pictures[0].shape[1] + GAP)))
    return below([beside(pictures[start : start + columns]) for start in range(0, len(pictures), columns)])


def curves(
    lines: Sequence[tuple[NDArray[Any], NDArray[Any], str]], width: int = 640, height: int = 200
) -> Picture:
    """Draw curves (x, y, colour) on one pair of axes; the ends of the vertical one are written beside it."""
    left, edge = 60, 10
    x = np.concatenate([line[0] for line in lines])
    y = np.concatenate([line[1] for line in lines])
    low, high = np.array([x.min(), y.min()]), np.array([x.max(), y.max()])
    span = np.where(high > low, high - low, 1.0)
    sheet = Image.fromarray(_paper(height, width))
    draw = ImageDraw.Draw(sheet)
    draw.rectangle([left, edge, width - edge, height - edge], outline=QUIET)
    for across, up, colour in lines:
        shares = (np.stack([across, up], axis=1) - low) / span
        places = shares * [width - left - edge, 2 * edge - height] + [left, height - edge]
        draw.line([tuple(place) for place in places.tolist()], fill=colour, width=2)
    draw.text((2, edge - 4), f"{high[1]:.3g}", fill=INK, font=_font(11))
    draw.text((2, height - edge - 10), f"{low[1]:.3g}", fill=INK, font=_font(11))
    return np.asarray(sheet)


def _paper(height: int, width: int) -> Picture:
    return np.full((height, width, 3), PAPER, np.uint8)


def _font(size: int) -> Any:
    return ImageFont.load_default(size)
