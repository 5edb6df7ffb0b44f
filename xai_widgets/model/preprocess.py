"""From a picture to what the network is fed: geometry first, a per-channel normalisation last.

The two are told apart without reading anyone's code: the preprocessing is run on pictures of one colour,
and what it makes of black, white, grey and the primary colours is its normalisation.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from xai_widgets.errors import InputError
from xai_widgets.model.hooks import same_random_state

_REMEDY = (
    "Give preprocess the evaluation transforms (resize, crop, to tensor, Normalize), a pair (mean, std), or "
    "None, and put anything else into the network as its first module."
)
_TOLERANCE = 1e-3

Transform = Callable[[Image.Image], Tensor]  # from an RGB picture to (c, h, w)


class Preprocess:
    """A preprocessing split into geometry (`pixels`) and normalisation `(x - mean) / std`.

    Attributes:
        mean, std: `(c,)`, or None where nothing is normalised.
        channels: how many it yields, or None where it yields what it is given.
    """

    def __init__(self, given: Any = None) -> None:
        self._call: Transform | None = None
        self.mean: Tensor | None = None
        self.std: Tensor | None = None
        if callable(given):
            with same_random_state(self):
                self._call = _caller(given)
                self.mean, self.std = _probe(self._call)
        elif given is not None:
            self.mean, self.std = _pair(given)
        self.channels = None if self._call is None or self.mean is None else len(self.mean)

    def normalise(self, pixels: Tensor) -> Tensor:
        """Return `(x - mean) / std` of pixels `(n, c, h, w)` in [0, 1]."""
        if self.mean is None or self.std is None:
            return pixels
        if len(self.mean) not in (1, pixels.shape[1]):
            raise InputError(
                f"preprocess normalises {len(self.mean)} channels, the picture has {pixels.shape[1]}.",
                _REMEDY,
            )
        mean, std = (v.to(pixels).view(1, -1, 1, 1) for v in (self.mean, self.std))
        return (pixels - mean) / std

    def unnormalise(self, inputs: Tensor) -> Tensor:
        """Return the pixels of normalised inputs `(n, c, h, w)`; the inverse of `normalise`."""
        if self.mean is None or self.std is None:
            return inputs
        mean, std = (v.to(inputs).view(1, -1, 1, 1) for v in (self.mean, self.std))
        return inputs * std + mean

    def pixels(self, picture: Image.Image, channels: int, size: int | None = None) -> Tensor:
        """Return the picture as the network sees it, before normalisation: `(1, c, h, w)` in [0, 1].

        Without transforms a picture up to 256 pixels stays as it is; a larger one is resized to a shorter
        side of 224 and cropped to the middle 224 × 224. `size` asks for another square.
        """
        if self._call is None:
            return _to_tensor(_resized(picture, size), channels)
        with same_random_state(self):
            out = self._call(picture.convert("RGB"))
        return self.unnormalise(out[None]).clamp(0.0, 1.0)

    @property
    def resizes(self) -> bool:
        """Whether the geometry is settled by given transforms."""
        return self._call is not None


def _pair(given: Any) -> tuple[Tensor, Tensor]:
    try:
        mean, std = (torch.as_tensor(part, dtype=torch.float32).flatten() for part in given)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(
            f"preprocess is a {type(given).__name__}, not a function or a pair.", _REMEDY
        ) from None
    if mean.shape != std.shape or not bool((std > 0).all()) or not bool(torch.isfinite(mean).all()):
        raise InputError(
            f"preprocess=(mean, std) got mean {mean.tolist()} and std {std.tolist()}.",
            "Both need one value a channel, for pixels in [0, 1], and std must be above 0.",
        )
    return mean, std


def _caller(given: Callable[[Any], Any]) -> Transform:
    """Return a function from an RGB picture to the tensor `(c, h, w)` that the transforms yield.

    Some transforms take PIL pictures, some only tensors: the first kind that works is used.
    """
    feeds: tuple[Callable[[Image.Image], Any], ...] = (
        lambda picture: picture,
        lambda picture: _to_tensor(picture, 3)[0],
        lambda picture: (_to_tensor(picture, 3)[0] * 255).round().to(torch.uint8),
    )
    first: Exception | None = None
    for feed in feeds:
        try:
            with torch.no_grad():
                _as_tensor(given(feed(_solid((90, 120, 60), (256, 256)))))
        except Exception as error:
            first = first or error
            continue

        def call(picture: Image.Image, feed: Callable[[Image.Image], Any] = feed) -> Tensor:
            with torch.no_grad():
                return _as_tensor(given(feed(picture)))

        return call
    raise InputError(
        f"preprocess raised {type(first).__name__} on an RGB picture: {first}.", _REMEDY
    ) from first


def _as_tensor(given: Any) -> Tensor:
    if isinstance(given, Mapping) and "pixel_values" in given:
        given = given["pixel_values"]
    if isinstance(given, (list, tuple)) and len(given) == 1:
        given = given[0]
    if not isinstance(given, Tensor):
        if not isinstance(given, np.ndarray):
            raise InputError(
                f"preprocess returned a {type(given).__name__}, not a tensor (c, h, w).", _REMEDY
            )
        given = torch.as_tensor(given)
    found: Tensor = given.detach().to("cpu", torch.float32).as_subclass(Tensor)
    found = found[0] if found.ndim == 4 and len(found) == 1 else found
    if found.ndim != 3 or found.shape[0] > 16:
        raise InputError(f"preprocess returned shape {tuple(given.shape)}, not (c, h, w).", _REMEDY)
    return found


def _probe(call: Transform) -> tuple[Tensor, Tensor]:
    """Return the mean and std with which the transforms normalise.

    Raises:
        InputError: they mix channels, are not affine, or change from call to call.
    """
    height, width = call(_solid((128, 128, 128), (256, 256))).shape[1:]
    size = (int(width), int(height))
    black, white, grey = (_constant(call, (level,) * 3, size) for level in (0, 255, 51))
    scale = white - black
    _require(bool((scale.abs() > 1e-6).all()), "gives the same for black and for white")
    _require(bool((scale > 0).all()), "inverts the brightness")
    _require(_near(grey, black + scale * 0.2, scale), "is not linear in the brightness of a picture")
    if len(black) == 3:
        for channel in range(3):
            colour = tuple(255 if c == channel else 0 for c in range(3))
            expected = black.clone()
            expected[channel] = white[channel]
            _require(_near(_constant(call, colour, size), expected, scale), "mixes the colour channels")
    else:
        _require(len(black) == 1, f"yields {len(black)} channels from an RGB picture")
    ramp = Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1] + 9, size[0] + 5, 3), np.uint8))
    _require(all(torch.equal(call(ramp), call(ramp)) for _ in range(3)), "changes from call to call")
    # x_out = black + scale * x_in = (x_in - mean) / std
    return -black / scale, 1.0 / scale


def _constant(call: Transform, colour: tuple[int, ...], size: tuple[int, int]) -> Tensor:
    out = call(_solid(colour, size))
    values = out.flatten(1).mean(dim=1)
    spread = float((out - values[:, None, None]).abs().max())
    _require(
        spread <= _TOLERANCE * max(1.0, float(values.abs().max())),
        "makes a pattern of a plain picture",
    )
    return values


def _near(given: Tensor, expected: Tensor, scale: Tensor) -> bool:
    # Eight-bit pictures round to steps of 1/255 on the way.
    return bool(((given - expected).abs() <= scale.abs() * (0.5 / 255 + _TOLERANCE)).all())


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise InputError(f"preprocess {otherwise}, so its normalisation cannot be told and undone.", _REMEDY)


def _solid(colour: tuple[int, ...], size: tuple[int, int]) -> Image.Image:
    return Image.new("RGB", size, colour)


def _resized(picture: Image.Image, size: int | None) -> Image.Image:
    width, height = picture.size
    if size is None and max(width, height) <= 256:
        return picture
    side = size or 224
    scale = side / min(width, height)
    wide, high = max(side, round(width * scale)), max(side, round(height * scale))
    left, top = (wide - side) / 2 / scale, (high - side) / 2 / scale
    box = (left, top, min(width, left + side / scale), min(height, top + side / scale))
    return picture.resize((side, side), Image.Resampling.BILINEAR, box=box)


def _to_tensor(picture: Image.Image, channels: int) -> Tensor:
    if channels not in (1, 3):
        raise InputError(
            f"The network takes {channels} channels, a picture has 3 (or 1 in grey).",
            f"Give tensors of shape ({channels}, h, w) with values in [0, 1].",
        )
    array = np.array(picture.convert("L" if channels == 1 else "RGB"), dtype=np.float32) / 255.0
    return torch.from_numpy(array).reshape(*array.shape[:2], channels).permute(2, 0, 1)[None].contiguous()
