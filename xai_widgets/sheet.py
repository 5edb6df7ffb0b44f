"""Pictures side by side with a caption, as PNG, SVG and HTML that need nothing else.

Whatever is text goes in as text: class names and file names are escaped.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from . import render

SIDE = 240
"""Pictures lower than this are magnified by a whole number."""
GAP = 12
INK, QUIET, PAPER = "#1f2328", "#59636e", "#ffffff"
MARKS = {"holds": "✓", "doubtful": "?", "fails": "✗", "not applicable": "–"}


@dataclass(frozen=True, eq=False)
class Sheet:
    """What is laid out.

    Attributes:
        title: one line above.
        line: one line below.
        pictures: uint8 `(h, w, 3)` by caption, all of one size.
        scale: what the ends of the colour map stand for.
        colormap: its name.
        checks: (verdict, name, sentence) each.
        code: Python that makes it again.
    """

    title: str
    line: str
    pictures: Mapping[str, NDArray[np.uint8]]
    scale: tuple[float, float]
    colormap: str
    checks: tuple[tuple[str, str, str], ...] = ()
    code: str = ""


def png(sheet: Sheet) -> bytes:
    """Return the sheet as PNG, without the list of checks."""
    pictures = [magnify(pixels) for pixels in sheet.pictures.values()]
    height, width = pictures[0].shape[:2]
    font = ImageFont.load_default(14)
    texts = [_drawable(sheet.title, width * len(pictures)), _drawable(sheet.line, width * len(pictures))]
    whole = (width + GAP) * len(pictures) + GAP
    paper = Image.new("RGB", (whole, height + 2 * GAP + 48), PAPER)
    pen = ImageDraw.Draw(paper)
    pen.text((GAP, 8), texts[0], fill=INK, font=font)
    for number, pixels in enumerate(pictures):
        paper.paste(Image.fromarray(pixels), (GAP + number * (width + GAP), 32))
    pen.text((GAP, 32 + height + 10), texts[1], fill=QUIET, font=font)
    return render.png_bytes(np.asarray(paper))


def svg(sheet: Sheet) -> bytes:
    """Return the sheet as SVG with the pictures inside it, the scale and the checks."""
    pictures = {caption: magnify(pixels) for caption, pixels in sheet.pictures.items()}
    height, width = next(iter(pictures.values())).shape[:2]
    whole = (width + GAP) * len(pictures) + GAP
    parts = [_text(GAP, 22, sheet.title, INK, 15)]
    for number, (caption, pixels) in enumerate(pictures.items()):
        left = GAP + number * (width + GAP)
        parts.append(
            f'<image x="{left}" y="34" width="{width}" height="{height}" href="{data_url(pixels)}">'
            f"<title>{escape(caption)}</title></image>"
        )
        parts.append(_text(left, height + 50, caption, QUIET, 12))
    top = height + 64
    bar = data_url(np.ascontiguousarray(render.lut(sheet.colormap)[None]))
    parts.append(
        f'<image x="{GAP}" y="{top}" width="{width}" height="10" preserveAspectRatio="none" href="{bar}"/>'
    )
    parts.append(_text(GAP, top + 24, f"{sheet.scale[0]:.3g} … {sheet.scale[1]:.3g}", QUIET, 11))
    rows = [sheet.line, *(f"{MARKS[verdict]} {sentence}" for verdict, _, sentence in sheet.checks)]
    parts += [_text(GAP, top + 48 + 18 * k, row, QUIET if k else INK, 12) for k, row in enumerate(rows)]
    tall = top + 48 + 18 * len(rows)
    size = f'viewBox="0 0 {whole} {tall}" width="{whole}" height="{tall}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    paper = f'<rect width="{whole}" height="{tall}" fill="{PAPER}"/>'
    return "\n".join([head, paper, *parts, "</svg>\n"]).encode()


def html(sheet: Sheet) -> bytes:
    """Return the sheet as one HTML page: no script, no request, light and dark."""
    figures = "".join(
        f'<figure><img src="{data_url(magnify(pixels))}" alt="{escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for caption, pixels in sheet.pictures.items()
    )
    checks = "".join(
        f'<li class="{verdict.replace(" ", "-")}">'
        f"<b>{MARKS[verdict]} {escape(name)}</b> {escape(sentence)}</li>"
        for verdict, name, sentence in sheet.checks
    )
    bar = data_url(np.ascontiguousarray(render.lut(sheet.colormap)[None]))
    scale = (
        f'<p class="scale"><span>{sheet.scale[0]:.3g}</span>'
        f'<img src="{bar}" alt="colour scale"><span>{sheet.scale[1]:.3g}</span></p>'
    )
    body = (
        f"<h1>{escape(sheet.title)}</h1><main>{figures}</main>{scale}<p>{escape(sheet.line)}</p>"
        f"<ul>{checks}</ul><pre>{escape(sheet.code)}</pre>"
    )
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(sheet.title)}</title><style>{_STYLE}</style><body>{body}</body></html>\n"
    ).encode()


def magnify(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a small picture with every pixel repeated, at least `SIDE` high."""
    times = max(1, -(-SIDE // pixels.shape[0]))
    return pixels.repeat(times, axis=0).repeat(times, axis=1)


def data_url(pixels: NDArray[np.uint8]) -> str:
    """Return the PNG of a picture as a `data:` address."""
    return "data:image/png;base64," + b64encode(render.png_bytes(pixels)).decode()


def _text(x: int, y: int, words: str, colour: str, size: int) -> str:
    style = f'font-family="system-ui, sans-serif" font-size="{size}" fill="{colour}"'
    return f'<text x="{x}" y="{y}" {style}>{escape(_printable(words))}</text>'


def _printable(words: str) -> str:
    # XML has no way to write control characters, not even escaped.
    return "".join(letter if letter.isprintable() else " " for letter in words)


def _drawable(words: str, width: int) -> str:
    """Return what the built-in font can draw within `width` pixels."""
    plain = _printable(words).translate({ord("×"): "x", ord("–"): "-", ord("σ"): "sigma"})
    plain = "".join(letter if ord(letter) < 256 else "?" for letter in plain)
    room = max(8, width // 7)
    return plain if len(plain) <= room else plain[: room - 3] + "..."


_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.15rem; font-weight: 600 }
main { display: flex; flex-wrap: wrap; gap: 1rem }
figure { margin: 0; flex: 1 1 14rem }
figure img { width: 100%; image-rendering: pixelated; border-radius: 4px }
figcaption, .scale { color: gray; font-size: .85rem }
.scale { display: flex; gap: .6rem; align-items: center }
.scale img { width: 14rem; height: .7rem; border-radius: 2px }
ul { list-style: none; padding: 0 } .fails b { color: #c4432b } .doubtful b { color: #a86b00 }
.not-applicable { color: gray }
pre { overflow: auto; padding: .8rem; border: 1px solid #8884; border-radius: 4px }
"""
