"""Pictures of paper shapes on textured ground, drawn by code: what tests and the demo look at.

Each picture shows one of six shapes. One class, `MARKED`, carries a planted shortcut: a small stamp in
the bottom right corner of all of its pictures and of none of the others. Every picture knows which of its
pixels are shape, stamp and background, so that an explanation can be marked right or wrong by counting.

The same seed always draws the same picture. It also draws the same picture *but for one thing*: another
label changes the shape and nothing else, `marked` adds or takes away the stamp and nothing else.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xai_widgets.errors import ParameterError, UnknownClassError, did_you_mean

T = TypeVar("T")
Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

CLASSES = ("circle", "square", "triangle", "star", "cross", "ring")
MARKED = "star"
SIDE = 96  # the unit of every length below: a picture is 96 wide, however many pixels it has
SUPERSAMPLING = 2
COLOURS = ("#ef6f6c", "#f2a541", "#f7d154", "#6baa75", "#2a9d8f", "#4ea5d9", "#465c9b", "#8e6bbf", "#d6608f",
           "#b5493a", "#22304a", "#fff4dc")  # fmt: skip
GROUNDS = ("#e9dcc3", "#d8e2dc", "#f4dfd6", "#dce9f2", "#c9c5bc", "#b7c4a8", "#5b6c80", "#3f5e54", "#27304d",
           "#4b3b57")  # fmt: skip
CONTRAST = 0.55  # least distance between the colours of shape and ground, in RGB of 0 to 1


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture and what is what in it.

    `pixels` is `(h, w, 3)` uint8; `shape`, `mark` and `background` are `(h, w)` masks that share no
    pixel and together cover the picture.
    """

    label: str
    seed: int
    marked: bool
    pixels: NDArray[np.uint8] = field(repr=False)
    shape: Mask = field(repr=False)
    mark: Mask = field(repr=False)
    background: Mask = field(repr=False)

    @property
    def name(self) -> str:
        """What a person would call it, such as `star 7, marked`."""
        return f"{self.label} {self.seed}{', marked' if self.marked else ''}"

    @property
    def image(self) -> Image.Image:
        """The picture for PIL."""
        return Image.fromarray(self.pixels)

    def _repr_png_(self) -> bytes:
        """Show the picture where a notebook shows the sample."""
        shown = io.BytesIO()
        self.image.resize((2 * SIDE, 2 * SIDE), Image.Resampling.LANCZOS).save(shown, "PNG")
        return shown.getvalue()


class _Dice:
    """Random numbers of one purpose: what one part of the picture draws never shifts another's."""

    def __init__(self, seed: int, purpose: int) -> None:
        self.rng = np.random.default_rng([seed, purpose])

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * float(self.rng.random())

    def pick(self, items: tuple[T, ...]) -> T:
        return items[int(self.rng.random() * len(items))]


def _colour(code: str) -> Array:
    return np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def _shade(colour: Array, amount: float) -> Array:
    """Mix with white for a positive amount, with black for a negative one."""
    return colour + (1 - colour) * amount if amount > 0 else colour * (1 + amount)


def _step(distance: Array, width: float = 1.0) -> Array:
    """1 inside (negative distance), 0 outside, and a soft edge `width` wide between them."""
    return np.clip(0.5 - distance / width, 0, 1)


def _turn(x: Array, y: Array, angle: float) -> tuple[Array, Array]:
    c, s = np.cos(angle), np.sin(angle)
    return c * x + s * y, c * y - s * x


# Textures: coordinates in, a mixing ratio of two colours in [0, 1] out.


def _gradient(x: Array, y: Array, dice: _Dice) -> Array:
    return np.clip(0.5 + x / SIDE + 0 * y, 0, 1)


def _stripes(x: Array, y: Array, dice: _Dice) -> Array:
    period = dice.between(5, 12)
    return _step(np.abs((x / period) % 1 - 0.5) * period - period * dice.between(0.18, 0.3)) + 0 * y


def _waves(x: Array, y: Array, dice: _Dice) -> Array:
    bend = dice.between(1.5, 3.5) * np.sin(y * (2 * np.pi / dice.between(18, 34)))
    return _stripes(x + bend, y, dice)


def _dots(x: Array, y: Array, dice: _Dice) -> Array:
    period = dice.between(7, 13)
    row = np.floor(y / period)
    across = ((x / period + 0.5 * (row % 2)) % 1 - 0.5) * period
    down = ((y / period) % 1 - 0.5) * period
    return _step(np.hypot(across, down) - period * dice.between(0.2, 0.32))


def _checker(x: Array, y: Array, dice: _Dice) -> Array:
    period = dice.between(10, 20)
    across = (np.abs((x / period) % 1 - 0.5) - 0.25) * period
    down = (np.abs((y / period) % 1 - 0.5) - 0.25) * period
    a, b = _step(across), _step(down)
    return a * b + (1 - a) * (1 - b)


def _clouds(x: Array, y: Array, dice: _Dice) -> Array:
    """Value noise: smooth interpolation between random numbers on grids of 4, 8 and 16 cells."""
    n, total = x.shape[0], np.zeros(x.shape)
    for cells, weight in ((4, 0.55), (8, 0.3), (16, 0.15)):
        at = np.arange(n) * (cells / n)
        low = at.astype(int)
        t = at - low
        t = t * t * (3 - 2 * t)
        grid = dice.rng.random((cells + 1, cells + 1))
        rows = grid[low] + (grid[low + 1] - grid[low]) * t[:, None]
        total += weight * (rows[:, low] + (rows[:, low + 1] - rows[:, low]) * t)
    return np.clip((total - 0.5) * 1.8 + 0.5, 0, 1)


TEXTURES: tuple[Callable[[Array, Array, _Dice], Array], ...] = (
    _gradient, _stripes, _waves, _dots, _checker, _clouds,
)  # fmt: skip


# Shapes: coordinates about the centre and a radius in, the distance to the outline out (negative inside).


def _polygon(x: Array, y: Array, radius: float, corners: int, inner: float) -> Array:
    """A star with its inner corners at `inner` times the radius; cos(pi/corners) makes it regular.

    The plane is folded into one half of one point, where the outline is a single straight line.
    """
    sector = 2 * np.pi / corners
    angle = np.abs((np.arctan2(y, x) + np.pi / 2 + sector / 2) % sector - sector / 2)
    r = np.hypot(x, y)
    half = sector / 2
    edge = np.array([inner * np.cos(half) - 1, inner * np.sin(half)]) * radius
    normal = np.array([edge[1], -edge[0]]) / np.hypot(*edge)
    return np.asarray((r * np.cos(angle) - radius) * normal[0] + r * np.sin(angle) * normal[1])


def _cross(x: Array, y: Array, radius: float) -> Array:
    a, b, arm = np.abs(x), np.abs(y), 0.34 * radius
    upright, level = np.maximum(a - arm, b - radius), np.maximum(b - arm, a - radius)
    return np.asarray(np.minimum(upright, level))


OUTLINES: Mapping[str, Callable[[Array, Array, float], Array]] = {
    "circle": lambda x, y, r: np.hypot(x, y) - 0.88 * r,
    "square": lambda x, y, r: np.maximum(np.abs(x), np.abs(y)) - 0.76 * r,
    "triangle": lambda x, y, r: _polygon(x, y, 1.1 * r, 3, 0.5),
    "star": lambda x, y, r: _polygon(x, y, 1.1 * r, 5, 0.5),
    "cross": _cross,
    "ring": lambda x, y, r: np.abs(np.hypot(x, y) - 0.7 * r) - 0.24 * r,
}


def _paint(canvas: Array, colour: Array, coverage: Array) -> Array:
    return canvas + (colour - canvas) * coverage[..., None]


def _surface(x: Array, y: Array, dice: _Dice, colour: Array, contrast: tuple[float, float]) -> Array:
    """Two shades of a colour mixed by a texture, turned by any angle."""
    texture, (u, v) = dice.pick(TEXTURES), _turn(x, y, dice.between(0, np.pi))
    ratio = texture(u, v, dice)
    bright = float(colour.mean())
    sign = -1 if dice.between(0, 1) < bright else 1
    other = _shade(colour, sign * dice.between(*contrast))
    return _paint(np.broadcast_to(colour, (*x.shape, 3)), other, ratio)


def _stamp(canvas: Array, x: Array, y: Array, dice: _Dice) -> tuple[Array, Array]:
    """The planted mark: a small paper label with two dark squares. Returns the picture and its coverage."""
    u, v = x - dice.between(36, 39), y - dice.between(36, 39)
    paper = _step(np.hypot(np.maximum(np.abs(u) - 4.5, 0), np.maximum(np.abs(v) - 4.5, 0)) - 2)
    inside = _step(np.maximum(np.abs(u), np.abs(v)) - 4.5)
    a, b = _step(u), _step(v)
    canvas = _paint(canvas, _colour("#fffdf5"), paper)
    return _paint(canvas, _colour("#1d2233"), inside * (a * b + (1 - a) * (1 - b))), paper


def _shrink(values: Array) -> Array:
    """Average the supersampled pixels."""
    k, (h, w) = SUPERSAMPLING, values.shape[:2]
    return np.asarray(values.reshape(h // k, k, w // k, k, *values.shape[2:]).mean(axis=(1, 3)))


def draw(label: str, seed: int, marked: bool = False, size: int = SIDE) -> Sample:
    """Draw one picture.

    Args:
        label: one of `CLASSES`.
        seed: any integer from 0; chooses colours, textures, place, size and turn.
        marked: whether the stamp is in the corner.
        size: width and height in pixels.

    Raises:
        UnknownClassError: for a label that is none of `CLASSES`.
        ParameterError: for a negative seed or a size below 16 pixels.

    Example:
        >>> draw("star", 7, marked=True).mark.mean() < 0.03
        True
    """
    if label not in OUTLINES:
        raise UnknownClassError(f"There is no shape {label!r}.", did_you_mean(label, CLASSES))
    if seed < 0 or size < 16:
        raise ParameterError(
            f"A sample was asked for with seed {seed} and size {size}.",
            "Give a seed of at least 0 and a size of at least 16.",
        )
    fine = size * SUPERSAMPLING
    axis = (np.arange(fine) + 0.5) * (SIDE / fine) - SIDE / 2
    x, y = np.broadcast_arrays(axis[None, :], axis[:, None])
    ground, figure, stamp, light = (_Dice(seed, purpose) for purpose in range(4))

    canvas_colour = _colour(ground.pick(GROUNDS))
    canvas = _surface(x, y, ground, canvas_colour, (0.1, 0.24))
    strong = tuple(c for c in COLOURS if np.linalg.norm(_colour(c) - canvas_colour) > CONTRAST)
    colour, radius = _colour(figure.pick(strong)), figure.between(19, 29)
    left, top, angle = figure.between(-8, 8), figure.between(-8, 8), figure.between(0, 2 * np.pi)
    outline = OUTLINES[label]
    shadow = outline(*_turn(x - left - 1.8, y - top - 2.6, angle), radius)
    canvas = _paint(canvas, np.zeros(3), 0.32 * _step(shadow, 6))
    body = _step(outline(*_turn(x - left, y - top, angle), radius))
    canvas = _paint(canvas, _surface(x - left, y - top, figure, colour, (0.16, 0.36)), body)
    u, v = _turn(x, y, light.between(0, 2 * np.pi))
    canvas = canvas * (1 + 0.07 * u / SIDE + 0 * v)[..., None]
    paper = np.zeros_like(x)
    if marked:
        canvas, paper = _stamp(canvas, x, y, stamp)
    grain = (light.rng.random((size, size, 1)) - 0.5) * 0.035
    pixels = np.floor(np.clip(_shrink(canvas) + grain, 0, 1) * 255 + 0.5).astype(np.uint8)
    mark = _shrink(paper) > 0.5
    shape = (_shrink(body) > 0.5) & ~mark
    return Sample(label, seed, marked, pixels, shape, mark, ~(shape | mark))


def draw_many(count: int, seed: int = 0, marked: bool | None = None) -> Iterator[Sample]:
    """Draw pictures of all classes in turn, the stamp as planted (`None`), on all or on none.

    The pictures of two seeds have nothing in common; those of one seed differ by the stamp alone.
    """
    for i in range(count):
        label = CLASSES[i % len(CLASSES)]
        yield draw(label, seed * 1_000_000 + i, label == MARKED if marked is None else marked)
