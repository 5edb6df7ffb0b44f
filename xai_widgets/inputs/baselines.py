"""Baselines: what "nothing here" means for a picture.

Every baseline is defined in image space, on pixels `(1, c, h, w)` in [0, 1] before normalisation, so that
black is black: a tensor of zeros after `Normalize` is the mean colour of the training set. Which one
is right is a question about the picture (Sturmfels, Lundberg and Lee, "Visualizing the Impact of Feature
Attribution Baselines", Distill 2020): a black baseline is blind to black objects.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import ParameterError, did_you_mean
from ..parameters import Choice, Range, Special, checked, declared
from .strokes import coverage, read_strokes

Read = Callable[[Any], Tensor]
"""Turns whatever names a picture into its pixels `(1, c, h, w)`, as the network would see it."""
SAME = 1 / 255
"""Pixels that differ by no more than this from the baseline are taken as equal to it."""
MOST_PICTURES = 64
"""The most pictures of a distribution."""


@dataclass(frozen=True)
class Baseline:
    """Common to all baselines; use one of the classes below.

    Raises:
        ParameterError: a parameter is out of its range, when it is made.
    """

    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for param in declared(type(self)):
            value = param.check(getattr(self, param.name), f"the baseline {self.name!r}")
            object.__setattr__(self, param.name, value)

    def apply(self, pixels: Tensor) -> Tensor:
        """Return the baseline of a picture, `(1, c, h, w)` in [0, 1]."""
        raise NotImplementedError

    def references(self, pixels: Tensor) -> Tensor:
        """Return every picture of the baseline, `(n, c, h, w)`; one but for a distribution."""
        return self.apply(pixels)

    def prepared(self, read: Read) -> "Baseline":
        """Return it with its pictures, if it has any, read at the size of the network's input."""
        return self

    @property
    def label(self) -> str:
        """A few words for a person."""
        return self.name.replace("_", " ")

    def to_json(self) -> dict[str, Any]:
        """Return `{"name": …}` with its parameters."""
        return {"name": self.name} | {p.name: getattr(self, p.name) for p in declared(type(self))}

    def to_code(self) -> str:
        """Return the Python expression that makes it again."""
        given = ", ".join(f"{key}={value!r}" for key, value in self.to_json().items() if key != "name")
        return f"xw.baselines.{type(self).__name__}({given})"

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """Return name, label, summary and parameters, as an interface needs them."""
        params = [param.to_dict() for param in declared(cls)]
        words = cls.name.replace("_", " ").capitalize()
        return {"name": cls.name, "label": words, "summary": cls.summary, "params": params}


@dataclass(frozen=True)
class Black(Baseline):
    """Black."""

    name: ClassVar[str] = "black"
    summary: ClassVar[str] = "Black everywhere; blind to what is black."

    def apply(self, pixels: Tensor) -> Tensor:
        """Return zeros."""
        return torch.zeros_like(pixels)


@dataclass(frozen=True)
class White(Baseline):
    """White."""

    name: ClassVar[str] = "white"
    summary: ClassVar[str] = "White everywhere; blind to what is white."

    def apply(self, pixels: Tensor) -> Tensor:
        """Return ones."""
        return torch.ones_like(pixels)


@dataclass(frozen=True)
class Mean(Baseline):
    """The picture's own mean colour."""

    name: ClassVar[str] = "mean"
    summary: ClassVar[str] = "The mean colour of this picture."

    def apply(self, pixels: Tensor) -> Tensor:
        """Return the mean of each channel everywhere."""
        return pixels.mean(dim=(-2, -1), keepdim=True).expand_as(pixels).clone()


@dataclass(frozen=True)
class Color(Baseline):
    """One colour, written like "#808080"."""

    name: ClassVar[str] = "color"
    summary: ClassVar[str] = "One colour of your choice."
    color: Annotated[str, Special("color", "colour")] = "#808080"

    def apply(self, pixels: Tensor) -> Tensor:
        """Return the colour everywhere; its luma (Rec. 601) where the picture has one channel."""
        return _colour(self.color, pixels).expand_as(pixels).clone()

    @property
    def label(self) -> str:
        """The colour."""
        return f"colour {self.color}"


@dataclass(frozen=True)
class Blur(Baseline):
    """The picture blurred by a Gaussian (Fong and Vedaldi 2017), its edges repeated outwards."""

    name: ClassVar[str] = "blur"
    summary: ClassVar[str] = "The picture without its details."
    sigma: Annotated[float, Range(0.5, 100, log=True, label="blur σ", unit="px")] = 10.0

    def apply(self, pixels: Tensor) -> Tensor:
        """Return the blurred picture; the kernel reaches 3 σ."""
        down, across = (self._weights(size).to(pixels) for size in pixels.shape[-2:])
        return (down @ pixels @ across.T).clamp(0, 1)

    def _weights(self, size: int) -> Tensor:
        """Return what each of so many pixels in a row takes of each; beyond the ends stands the last one.

        A matrix, as a convolution so wide takes ten times as long.
        """
        radius = math.ceil(3 * self.sigma)
        kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, dtype=torch.float64) / self.sigma) ** 2)
        taken = (torch.arange(size)[:, None] + torch.arange(-radius, radius + 1)).clamp(0, size - 1)
        weights = torch.zeros(size, size, dtype=torch.float64)
        return weights.scatter_add_(1, taken, (kernel / kernel.sum()).expand(size, -1))

    @property
    def label(self) -> str:
        """Its width."""
        return f"blur σ {self.sigma:g} px"


@dataclass(frozen=True)
class GaussianNoise(Baseline):
    """The picture with Gaussian noise added, kept within [0, 1]."""

    name: ClassVar[str] = "gaussian_noise"
    summary: ClassVar[str] = "The picture drowned in noise."
    sigma: Annotated[float, Range(0.01, 2, log=True, label="noise σ")] = 0.5
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0

    def apply(self, pixels: Tensor) -> Tensor:
        """Return picture plus noise."""
        noise = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(self.seed))
        return (pixels + self.sigma * noise.to(pixels)).clamp(0, 1)

    @property
    def label(self) -> str:
        """Its width and seed."""
        return f"Gaussian noise σ {self.sigma:g}, seed {self.seed}"


@dataclass(frozen=True)
class UniformNoise(Baseline):
    """Noise that knows nothing of the picture, uniform over [0, 1]."""

    name: ClassVar[str] = "uniform_noise"
    summary: ClassVar[str] = "Pure noise."
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0

    def apply(self, pixels: Tensor) -> Tensor:
        """Return the noise."""
        return torch.rand(pixels.shape, generator=torch.Generator().manual_seed(self.seed)).to(pixels)

    @property
    def label(self) -> str:
        """Its seed."""
        return f"uniform noise, seed {self.seed}"


@dataclass(frozen=True)
class Painted(Baseline):
    """What a person painted: strokes of a round brush over the picture or over another baseline.

    Attributes:
        strokes: `{"color": "#rrggbb", "size": 0.08, "points": [[x, y], …]}` each, in the order in which they
            were painted; x and y as shares of the width and the height of what the network sees, size the
            diameter as a share of its shorter side.
        over: what lies under them: "picture", "black", "white", "mean" or "blur".
    """

    name: ClassVar[str] = "painted"
    summary: ClassVar[str] = "What you paint yourself."
    strokes: Annotated[Any, Special("strokes")] = ()
    over: Annotated[str, Choice(("picture", "black", "white", "mean", "blur"))] = "picture"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "strokes", read_strokes(self.strokes))

    def apply(self, pixels: Tensor) -> Tensor:
        """Return the strokes over what lies under them; soft edges are one pixel wide."""
        painted = pixels.clone() if self.over == "picture" else BASELINES[self.over]().apply(pixels)
        for stroke in self.strokes:
            share = torch.from_numpy(coverage(stroke, *pixels.shape[-2:])).to(pixels)
            painted += share * (_colour(stroke.color, pixels) - painted)
        return painted

    @property
    def label(self) -> str:
        """How many strokes over what."""
        count = len(self.strokes)
        return f"painted over {self.over}, {count} stroke{'' if count == 1 else 's'}"

    def to_json(self) -> dict[str, Any]:
        """Return the strokes as JSON."""
        return super().to_json() | {"strokes": [stroke.to_json() for stroke in self.strokes]}


@dataclass(frozen=True, eq=False)
class Image(Baseline):
    """Another picture: a path, or anything that can be loaded, or pixels `(1, c, h, w)` in [0, 1].

    Attributes:
        image: the picture.
        number: where it stands in the pictures of a session, None outside of one.
        pixels: what `prepared` has read.
    """

    name: ClassVar[str] = "image"
    summary: ClassVar[str] = "Another picture."
    image: Annotated[Any, Special("image", "picture")] = None
    number: int | None = None
    pixels: Tensor | None = field(default=None, repr=False)

    def apply(self, pixels: Tensor) -> Tensor:
        """Return the other picture."""
        return _fitting(self.image if self.pixels is None else self.pixels, pixels)

    def prepared(self, read: Read) -> "Image":
        """Return it with its pixels read."""
        return replace(self, pixels=_read(self.image, read))

    @property
    def label(self) -> str:
        """Its name or number."""
        if self.number is not None:
            return f"picture {self.number + 1}"
        return Path(self.image).name if isinstance(self.image, (str, Path)) else "another picture"

    def to_json(self) -> dict[str, Any]:
        """Return its number or path; pixels are not put into JSON and give None."""
        return {"name": self.name, "image": self.number if self.number is not None else _path(self.image)}

    def to_code(self) -> str:
        """Return the expression, with the name `reference` for a picture that has no path."""
        path = _path(self.image)
        return f"xw.baselines.Image({path!r})" if path else "xw.baselines.Image(reference)"


@dataclass(frozen=True, eq=False)
class Distribution(Baseline):
    """Several pictures; integrated gradients then become expected gradients (Erion et al. 2021).

    Attributes:
        images: the pictures, each as in `Image`.
        count: at most so many of them, the first ones.
        pixels: what `prepared` has read.
    """

    name: ClassVar[str] = "distribution"
    summary: ClassVar[str] = "Many pictures; the answer is the mean over them."
    images: Annotated[Any, Special("images", "pictures")] = ()
    count: Annotated[int, Range(1, MOST_PICTURES, log=True, label="at most")] = MOST_PICTURES
    pixels: tuple[Tensor, ...] = field(default=(), repr=False)

    def apply(self, pixels: Tensor) -> Tensor:
        """Return the mean picture, for the methods that need a single one."""
        return self.references(pixels).mean(dim=0, keepdim=True)

    def references(self, pixels: Tensor) -> Tensor:
        """Return all pictures, `(n, c, h, w)`."""
        known = self.pixels or tuple(self.images)
        if not known:
            raise ParameterError("A distribution needs pictures.", "Give it one or more: Distribution([…]).")
        return torch.cat([_fitting(image, pixels) for image in known[: self.count]])

    def prepared(self, read: Read) -> "Distribution":
        """Return it with the pixels read of as many as are used."""
        return replace(self, pixels=tuple(_read(image, read) for image in self.images[: self.count]))

    @property
    def label(self) -> str:
        """How many."""
        used = min(self.count, len(self.images))
        return f"{used} pictures" if used == len(self.images) else f"{used} of {len(self.images)} pictures"

    def to_json(self) -> dict[str, Any]:
        """Return its paths, where all pictures have one, and the count where it is not the usual one."""
        paths = [_path(image) for image in self.images]
        count = {} if self.count == MOST_PICTURES else {"count": self.count}
        return {"name": self.name} | ({"images": paths} if paths and all(paths) else {}) | count

    def to_code(self) -> str:
        """Return the expression, with the name `references` for pictures without paths."""
        told = self.to_json()
        images = repr(told["images"]) if "images" in told else "references"
        return f"xw.baselines.Distribution({images}{f', count={self.count}' if 'count' in told else ''})"


BASELINES: Mapping[str, type[Baseline]] = {
    cls.name: cls
    for cls in (Black, White, Mean, Color, Blur, GaussianNoise, UniformNoise, Painted, Image, Distribution)
}


def from_json(given: Mapping[str, Any], pictures: Sequence[Tensor] = ()) -> Baseline:
    """Return the baseline of `{"name": "blur", "sigma": 10}`.

    Args:
        given: the name and any parameters. `{"name": "image", "image": 1}` takes the second of `pictures`,
            `{"name": "distribution"}` all of them; paths are taken as they are.
        pictures: pixels `(1, c, h, w)` in [0, 1] each.

    Raises:
        ParameterError: an unknown name, an unknown parameter, a value out of range, no such picture.
    """
    rest = dict(given)
    name = rest.pop("name", None)
    cls = BASELINES.get(str(name))
    if cls is None:
        raise ParameterError(f"No baseline is called {name!r}.", did_you_mean(str(name), BASELINES))
    if cls is Image:
        return _numbered(rest.get("image"), pictures)
    if cls is Distribution:
        return Distribution(tuple(rest.get("images") or pictures), rest.get("count", MOST_PICTURES))
    return cls(**checked(declared(cls), rest, f"the baseline {name!r}"))


def schemas() -> list[dict[str, Any]]:
    """Return what an interface needs to offer every baseline, as JSON."""
    return [cls.describe() for cls in BASELINES.values()]


def resolve(
    given: "str | Mapping[str, Any] | Baseline | None", pictures: Sequence[Tensor] = ()
) -> Baseline | None:
    """Return the baseline that an object, a name or its JSON means; None stays None."""
    if given is None or isinstance(given, Baseline):
        return given
    if isinstance(given, str):
        return from_json({"name": given}, pictures)
    if isinstance(given, Mapping):
        return from_json(given, pictures)
    words = f"A baseline is one of xw.baselines, a name or a dict, not {type(given).__name__}."
    raise ParameterError(words, did_you_mean("", BASELINES, len(BASELINES)))


def blind(references: Tensor, pixels: Tensor) -> Tensor:
    """Return where a picture equals all pictures of its baseline, `(h, w)` bool.

    What a method makes of the way between the two is nothing there, whatever the picture shows.

    Args:
        references: `(n, c, h, w)` in [0, 1].
        pixels: `(1, c, h, w)` in [0, 1].
    """
    return ((references - pixels).abs() <= SAME).all(dim=0).all(dim=0)


def _numbered(image: Any, pictures: Sequence[Tensor]) -> Image:
    if image is None:
        raise ParameterError(
            "The baseline 'image' needs a picture.", "Say which: {'name': 'image', 'image': 0}."
        )
    if not isinstance(image, int):
        return Image(image)
    if not 0 <= image < len(pictures):
        raise ParameterError(f"There is no picture {image}.", f"There are {len(pictures)}, counted from 0.")
    return Image(pictures[image], image)


def _colour(code: str, pixels: Tensor) -> Tensor:
    """Return "#rrggbb" in the channels of a picture, `(1, c, 1, 1)`; its luma (Rec. 601) where c is 1."""
    rgb = torch.tensor([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    if pixels.shape[1] == 1:
        rgb = (rgb * torch.tensor([0.299, 0.587, 0.114])).sum().reshape(1)
    if pixels.shape[1] != len(rgb):
        words = f"A colour has no meaning for a picture of {pixels.shape[1]} channels."
        raise ParameterError(words, "Take 'mean' or 'blur'.")
    return rgb.to(pixels).reshape(1, -1, 1, 1)


def _read(image: Any, read: Read) -> Tensor:
    is_pixels = isinstance(image, Tensor) and image.ndim == 4 and image.is_floating_point()
    found: Tensor = image if is_pixels else read(image)
    return found


def _path(image: Any) -> str | None:
    return str(image) if isinstance(image, (str, Path)) else None


def _fitting(image: Any, pixels: Tensor) -> Tensor:
    """Return pixels in the picture's channels and size, covering it from the middle."""
    if not isinstance(image, Tensor) or image.ndim != 4:
        raise ParameterError("The picture of this baseline is not read yet.", "Use prepared(model.pixels).")
    image = image.to(pixels)
    if image.shape[1] != pixels.shape[1]:
        image = image.mean(dim=1, keepdim=True).expand(-1, pixels.shape[1], -1, -1)
    if image.shape[-2:] == pixels.shape[-2:]:
        same: Tensor = image
        return same
    height, width = pixels.shape[-2:]
    ratio = max(height / image.shape[-2], width / image.shape[-1])
    size = [max(height, round(image.shape[-2] * ratio)), max(width, round(image.shape[-1] * ratio))]
    image = F.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    covered: Tensor = image[..., top : top + height, left : left + width]
    return covered.clamp(0, 1)
