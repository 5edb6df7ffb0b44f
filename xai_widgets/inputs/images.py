"""Load pictures: what a person hands over becomes an RGB picture or a tensor in [0, 1], or a clear error."""

import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from xai_widgets.errors import InputError, did_you_mean

MOST_PIXELS = 178_956_970
"""More than this is taken for a decompression bomb; Pillow's own bound, kept even where a user lifted it."""

Uint8 = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Picture:
    """A picture that can go into a network.

    Attributes:
        name: file name, or "image 1", "image 2", …
        pixels: an RGB picture, or a tensor `(c, h, w)` in [0, 1] that is used as it is, without geometry.
        source: the path it came from, None where it came from memory.
        notes: what was done to it on the way, in plain words.
        key: hash of the content.
    """

    name: str
    pixels: Image.Image | Tensor
    source: str | None
    notes: tuple[str, ...]
    key: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        if isinstance(self.pixels, Tensor):
            return self.pixels.shape[2], self.pixels.shape[1]
        return self.pixels.size

    def seen_as(self, pixels: Tensor) -> "Picture":
        """Return it with the pixels that the network sees, `(1, c, h, w)`, and a note where they differ."""
        height, width = pixels.shape[-2:]
        notes = self.notes
        if self.size != (width, height):
            was = " × ".join(map(str, self.size))
            notes = (*notes, f"{was} pixels resized and cropped to {width} × {height}")
        return replace(self, pixels=pixels[0], notes=notes)

    def thumbnail(self, size: int) -> Uint8:
        """Return a small copy `(h, w, 3)`, its longer side at most `size` pixels."""
        small = Image.fromarray(shown(self.pixels)) if isinstance(self.pixels, Tensor) else self.pixels.copy()
        small.thumbnail((size, size), Image.Resampling.BILINEAR)
        return np.asarray(small, dtype=np.uint8)


def load(source: Any, name: str | None = None) -> Picture:
    """Return the picture in a file, in its bytes, in a PIL image, an array or a tensor.

    Files are turned as their EXIF says, of several frames the first is taken, transparency is put on white,
    16 bits become 8; grey, palette and CMYK become RGB. Arrays have shape `(h, w)` or `(h, w, c)` and dtype
    uint8, or float in [0, 1]; tensors `(c, h, w)` likewise, and go into the network as they are.

    Raises:
        InputError: it is no picture, unreadable, truncated, a decompression bomb, empty, or holds values
            that are no pixels; says which.
    """
    if isinstance(source, Picture):
        return source if name is None else replace(source, name=name)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _picture(*_read(io.BytesIO(source), name or "the data"), name or "image", None)
    if isinstance(source, (str, Path)):
        path = _existing(Path(source).expanduser(), str(source))
        return _picture(*_read(path, path.name), name or path.name, str(source))
    if isinstance(source, Image.Image):
        return _picture(*_to_rgb(source), name or "image", getattr(source, "filename", None) or None)
    if isinstance(source, np.ndarray):
        return _picture(*_to_rgb(_from_array(source)), name or "image", None)
    if isinstance(source, Tensor):
        return _picture(_from_tensor(source), (), name or "image", None)
    raise InputError(
        f"A {type(source).__name__} is no picture.",
        "Give a path, a PIL image, an array (h, w, c) of uint8 or a tensor (c, h, w) in [0, 1].",
    )


def load_all(sources: Any) -> list[Picture]:
    """Return the pictures in one source or in many; a tensor `(n, c, h, w)` is n pictures.

    A mapping gives the names: `{"my cat": "cat.jpg"}`.

    Raises:
        InputError: there is none, or one cannot be loaded; says which.
    """
    if isinstance(sources, Mapping):
        many: list[tuple[str | None, Any]] = [(str(name), source) for name, source in sources.items()]
    elif isinstance(sources, (str, Path, bytes, bytearray, memoryview, Image.Image, Picture)):
        many = [(None, sources)]
    elif isinstance(sources, (np.ndarray, Tensor)):
        many = [(None, one) for one in (sources if sources.ndim == 4 else [sources])]
    elif isinstance(sources, Iterable):
        many = [(None, one) for one in sources]
    else:
        many = [(None, sources)]
    if not many:
        raise InputError("There are no pictures: the list is empty.", "Give at least one.")
    return [_one_of(place, len(many), name, source) for place, (name, source) in enumerate(many, 1)]


def _one_of(place: int, count: int, name: str | None, source: Any) -> Picture:
    try:
        found = load(source, name)
    except InputError as error:
        if count == 1:
            raise
        raise InputError(f"Picture {place} of {count}: {error.message}", error.hint) from error
    unnamed = name is None and found.source is None and found.name == "image"
    return replace(found, name=f"image {place}") if unnamed and count > 1 else found


def _existing(path: Path, given: str) -> Path:
    if given.startswith(("http://", "https://")):
        raise InputError(f"{given!r} is an address, not a file.", "Download the picture and give its path.")
    try:
        if path.is_file():
            return path
        if path.is_dir():
            hint = f'Give its pictures: sorted(Path({given!r}).glob("*.jpg")).'
            raise InputError(f"{given!r} is a folder, not a picture.", hint)
        near = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    except OSError as error:
        raise InputError(f"{given!r} cannot be read: {error.strerror}.", "Check the path.") from error
    where = did_you_mean(path.name, near) if near else f"There is no folder {str(path.parent)!r} either."
    raise InputError(f"There is no file {given!r}.", where)


def _read(file: Path | io.BytesIO, name: str) -> tuple[Image.Image, tuple[str, ...]]:
    remedy = "Open it in a picture viewer, and save it again as PNG or JPEG."
    try:
        with Image.open(file) as opened:
            _check_size(opened.size, name)
            opened.load()
            return _to_rgb(opened)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise _bomb(name, str(error)) from error
    except UnidentifiedImageError as error:
        raise InputError(f"{name} is no picture in a format that Pillow knows.", remedy) from error
    except (
        Exception
    ) as error:  # broken files make Pillow raise SyntaxError, struct.error, ValueError and more
        raise InputError(f"{name} is broken or truncated: {error}.", remedy) from error


def _check_size(size: tuple[int, int], name: str) -> None:
    if size[0] * size[1] > MOST_PIXELS:
        raise _bomb(name, f"{size[0]} × {size[1]} pixels")
    if 0 in size:
        raise InputError(f"{name} has {size[0]} × {size[1]} pixels.", "Give a picture with at least one.")


def _bomb(name: str, what: str) -> InputError:
    hint = "Make it smaller first; networks see a few hundred pixels anyway."
    return InputError(f"{name} is too large ({what}; at most {MOST_PIXELS} are read).", hint)


def _to_rgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the picture upright, opaque, in RGB, and what had to be done for it."""
    _check_size(image.size, "The picture")
    notes: list[str] = []
    if getattr(image, "n_frames", 1) > 1:
        notes.append(f"first of {getattr(image, 'n_frames', 1)} frames")
    upright = ImageOps.exif_transpose(image)
    if image.getexif().get(0x0112, 1) != 1:
        notes.append("turned as its EXIF says")
    if upright.mode in ("I", "F") or upright.mode.startswith("I;16"):
        upright = _to_eight_bits(upright, notes)
    if upright.has_transparency_data:
        notes.append("transparency put on white")
        layer = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    elif upright.mode not in ("RGB", "1", "L", "P"):
        notes.append(f"converted from {upright.mode}")
    return upright.convert("RGB"), tuple(notes)


def _to_eight_bits(image: Image.Image, notes: list[str]) -> Image.Image:
    values = np.asarray(image, dtype=np.float64)
    if not np.isfinite(values).all():
        raise InputError("The picture contains NaN or infinity.", "Replace them first.")
    low, high = float(values.min()), float(values.max())
    sixteen = image.mode.startswith("I;16") or (image.mode == "I" and high > 255)
    top = 65535.0 if sixteen else 1.0 if image.mode == "F" and high <= 1 else 255.0
    if low < 0 or high > top:
        hint = "Scale it to 0..255 (8 bits), 0..65535 (16 bits) or 0..1 (float)."
        raise InputError(f"The picture has mode {image.mode} and values from {low:g} to {high:g}.", hint)
    notes.append(f"{'16-bit' if sixteen else image.mode} values scaled to 8 bits")
    return Image.fromarray(np.round(values * (255.0 / top)).astype(np.uint8))


def _from_array(array: np.ndarray[Any, Any]) -> Image.Image:
    given = f"An array of shape {array.shape} and dtype {array.dtype}"
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        first = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        hint = "Channels come last in arrays: use array.transpose(1, 2, 0)." if first else "Give (h, w, 3)."
        raise InputError(f"{given} is no picture (h, w) or (h, w, c) with c 1, 3 or 4.", hint)
    if array.size == 0:
        raise InputError(f"{given} is empty.", "Give a picture with at least one pixel.")
    flat = array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if flat.dtype == np.bool_:
        return Image.fromarray(flat.astype(np.uint8) * 255)
    if flat.dtype == np.uint16:
        return Image.fromarray(np.round(flat / 257.0).astype(np.uint8))
    if np.issubdtype(flat.dtype, np.floating):
        _check_range(float(flat.min()), float(flat.max()), bool(np.isfinite(flat).all()), given)
        return Image.fromarray(np.round(flat * 255.0).astype(np.uint8))
    if flat.dtype != np.uint8:
        hint = "Use array.astype(np.uint8) for values 0..255, or floats in [0, 1]."
        whole = np.issubdtype(flat.dtype, np.integer)
        values = f", with values from {flat.min()} to {flat.max()}," if whole else ""
        raise InputError(f"{given}{values} is no picture.", hint)
    return Image.fromarray(np.ascontiguousarray(flat))


def _from_tensor(tensor: Tensor) -> Tensor:
    given = f"A tensor of shape {tuple(tensor.shape)} and dtype {str(tensor.dtype).removeprefix('torch.')}"
    found = tensor.detach().cpu()
    found = found[0] if found.ndim == 4 and len(found) == 1 else found
    if found.ndim != 3 or found.numel() == 0 or found.shape[0] > 16:
        last = found.ndim == 3 and found.shape[2] in (1, 3, 4)
        hint = "Channels come first in tensors: use tensor.permute(2, 0, 1)." if last else "Give (3, h, w)."
        raise InputError(f"{given} is no picture (c, h, w).", hint)
    if found.dtype == torch.uint8:
        return found.float() / 255.0
    if not found.is_floating_point():
        hint = "Use tensor.to(torch.uint8) for values 0..255, or floats in [0, 1]."
        values = "" if found.is_complex() else f", with values from {found.min()} to {found.max()},"
        raise InputError(f"{given}{values} is no picture.", hint)
    found = found.to(torch.float32, copy=True)
    _check_range(float(found.min()), float(found.max()), bool(torch.isfinite(found).all()), given)
    return found.clamp(0.0, 1.0)


def _check_range(low: float, high: float, finite: bool, given: str) -> None:
    if not finite:
        raise InputError(f"{given} contains NaN or infinity.", "Replace them before it goes into a network.")
    if low < -1e-4 or high > 1 + 1e-4:
        hint = "Divide by 255." if low >= 0 and high <= 255 else "Give the picture before normalisation."
        raise InputError(f"{given} has values from {low:.4g} to {high:.4g}, not in [0, 1].", hint)


def _picture(pixels: Image.Image | Tensor, notes: tuple[str, ...], name: str, source: str | None) -> Picture:
    array = pixels.numpy() if isinstance(pixels, Tensor) else np.asarray(pixels)
    digest = hashlib.blake2b(f"{array.shape}{array.dtype}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(array).data)
    return Picture(name, pixels, source, notes, digest.hexdigest())


def shown(pixels: Tensor) -> Uint8:
    """Return pixels `(c, h, w)` in [0, 1] as a picture `(h, w, 3)`; other than three channels become grey."""
    rgb = pixels if len(pixels) == 3 else pixels.mean(0, keepdim=True).expand(3, -1, -1)
    return np.asarray((rgb.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy())
