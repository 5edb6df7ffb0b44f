"""The pictures of a data set that excite a unit most, and the part of each that does it."""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from torch import Tensor, nn

from ..anytime import Step, last
from ..errors import InputError, ParameterError, XaiWidgetsError
from ..inputs import images
from ..model.handle import FORWARD, Model
from ..model.layers import Layer
from ..model.target import Activations, Target
from ..model.targets import Channel, resolve

ENDINGS = frozenset([".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"])
BATCH = 32
"""The most pictures that are held at once, beside those that are kept."""
HALF = 0.5
"""Where no receptive field is known, what exceeds this share of the peak is the region."""


class Source(Protocol):
    """Numbered pictures that are read when they are looked at."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...


@dataclass(frozen=True, eq=False)
class Example:
    """One picture of the data set.

    Attributes:
        index: its number in the source.
        name: its file name, or "image 1", …
        score: how much it excites the unit; of a channel, at the strongest position.
        picture: what the network saw, uint8 `(h, w, 3)`.
        map: of a channel, what it gives at each position, float32 `(h, w)` of the layer's grid; else None.
        box: left, top, right and bottom of the region that does it, as shares of what the network sees.
    """

    index: int
    name: str
    score: float
    picture: NDArray[np.uint8]
    map: NDArray[np.float32] | None
    box: tuple[float, float, float, float]

    @property
    def region(self) -> NDArray[np.uint8]:
        """The pixels within the box, `(h, w, 3)`."""
        height, width = self.picture.shape[:2]
        left, top, right, bottom = self.box
        rows = slice(int(top * height), max(int(top * height) + 1, round(bottom * height)))
        columns = slice(int(left * width), max(int(left * width) + 1, round(right * width)))
        return self.picture[rows, columns]


@dataclass(frozen=True, eq=False)
class Examples:
    """The pictures that excite a unit most, the strongest first.

    Attributes:
        examples: at most as many as were asked for.
        target: what they excite, for a person.
        seen: how many pictures were looked at.
        total: how many there are.
        skipped: those that could not be read, by number, with the reason.
        meaning: what the boxes are: "receptive field", "half of the peak" or "whole picture".
    """

    examples: tuple[Example, ...]
    target: str
    seen: int
    total: int
    skipped: Mapping[int, str]
    meaning: str

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, place: int) -> Example:
        return self.examples[place]

    def __repr__(self) -> str:
        rows = [f"  {one.score:9.3g}  {one.name}" for one in self.examples]
        read = f"{self.seen} of {self.total} pictures, {len(self.skipped)} skipped"
        return "\n".join([f"<Examples {self.target}, {read}>", *rows])


def most_exciting(
    model: Model | nn.Module, target: int | str | Target | Mapping[str, Any], pictures: Any, count: int = 9
) -> Examples:
    """Return the pictures that excite a target most; arguments and errors as of `most_exciting_steps`.

    Example:
        >>> found = most_exciting(model, xw.Channel("layer4", 7), "photographs/")
        >>> found[0].name, found[0].score, found[0].region
    """
    return last(most_exciting_steps(model, target, pictures, count)).value


def most_exciting_steps(
    model: Model | nn.Module, target: int | str | Target | Mapping[str, Any], pictures: Any, count: int = 9
) -> Iterator[Step[Examples]]:
    """Look through pictures for those that excite a target most, and yield the best so far.

    A channel is as excited as its strongest position (Zhou et al., "Object Detectors Emerge in Deep Scene
    CNNs", ICLR 2015); the box is the receptive field of that position, or, where that is not known or the
    whole picture, what exceeds half of the peak. Pictures are read a few at a time; those that cannot be
    read are skipped, and told.

    Args:
        model: a Model, or the bare network where it takes pixels in [0, 1].
        target: a class by index or name, or a Target.
        pictures: a folder, which is searched with its subfolders; what `inputs.images.load_all` takes; or a
            torch `Dataset` of pictures or of `(picture, label)`, before normalisation.
        count: how many to keep.

    Raises:
        InputError: there is no picture, or none that could be read.
        ParameterError, UnknownClassError, UnknownLayerError: the target does not exist in this network.
    """
    if not 1 <= count <= 256:
        raise ParameterError(f"Between 1 and 256 pictures are kept, not {count!r}.")
    model = model if isinstance(model, Model) else Model(model)
    source = source_of(pictures)
    if target is None:
        raise ParameterError("There is no picture whose class could be taken.", "Give a target.")
    search = _Search(model, resolve(target, model, model.blank()), source, count)
    return search.steps()


def source_of(pictures: Any) -> Source:
    """Return numbered pictures of what was given.

    Raises:
        InputError: there is none.
    """
    if isinstance(pictures, (str, Path)) and Path(pictures).expanduser().is_dir():
        folder = Path(pictures).expanduser()
        found: Any = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
        if not found:
            raise InputError(f"The folder {str(pictures)!r} holds no pictures.", "Give .jpg or .png files.")
        return found  # type: ignore[no-any-return]
    listed = isinstance(pictures, (str, Path, bytes, Image.Image, np.ndarray, Tensor, Mapping))
    numbered = hasattr(pictures, "__len__") and hasattr(pictures, "__getitem__")
    if listed or not numbered:
        return images.load_all(pictures)
    if len(pictures) == 0:
        raise InputError("There are no pictures: the data set is empty.", "Give at least one.")
    return pictures  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Map(Target):
    """Not one number but the whole map of a channel, `(n, h, w)`: what `Model.outputs` passes on as it is."""

    layer: str
    channel: int
    kind: ClassVar[str] = "map"

    def of(self, logits: Tensor, activations: Activations) -> Tensor:
        return activations[self.layer][:, self.channel]


class _Search:
    """The best pictures so far."""

    def __init__(self, model: Model, target: Target, source: Source, count: int) -> None:
        self.model, self.target, self.source, self.count = model, target, source, count
        self.best: list[tuple[float, int, Example]] = []  # a heap, the weakest first
        self.skipped: dict[int, str] = {}
        self.meaning = "whole picture"

    def steps(self) -> Iterator[Step[Examples]]:
        seen, total = 0, len(self.source)
        while seen < total:
            size = self._pace()
            self._look(range(seen, min(total, seen + size)))
            seen = min(total, seen + size)
            yield Step(self._found(seen), seen / total, None, seen == total)

    def _pace(self) -> int:
        return self.model.at_once(self.model.blank(), FORWARD, BATCH)

    def _look(self, numbers: range) -> None:
        read = [(number, picture) for number in numbers if (picture := self._read(number)) is not None]
        # Pictures of one size go in together; without a fixed preprocessing there may be several.
        sizes = {pixels.shape for _, (_, pixels) in read}
        for size in sorted(sizes):
            self._judge([(number, *one) for number, one in read if one[1].shape == size])

    def _read(self, number: int) -> tuple[str, Tensor] | None:
        try:
            item = self.source[number]
            if isinstance(item, (tuple, list)) and item:
                item = item[0]  # (picture, label)
            picture = images.load(item)
            return self._name(picture, number), self.model.pixels(picture)
        except XaiWidgetsError as error:
            self.skipped[number] = str(error)
            if len(self.skipped) == len(self.source):
                words = f"None of the {len(self.source)} pictures can be read. The last one: {error.message}"
                raise InputError(words, error.hint) from error
            return None

    def _name(self, picture: images.Picture, number: int) -> str:
        return f"image {number + 1}" if picture.name == "image" else picture.name

    def _judge(self, read: list[tuple[int, str, Tensor]]) -> None:
        inputs = self.model.normalise(torch.cat([pixels for _, _, pixels in read]))
        maps: Tensor | None = None
        if isinstance(self.target, Channel):
            maps = self.model.outputs(inputs, _Map(self.target.layer, self.target.channel))
            scores = maps.amax(dim=(1, 2))
        else:
            scores = self.model.outputs(inputs, self.target)
        for place, (number, name, pixels) in enumerate(read):
            score = float(scores[place])
            # Of equals the earlier stays.
            if len(self.best) == self.count and (score, -number) <= self.best[0][:2]:
                continue
            map_ = None if maps is None else maps[place].numpy().copy()
            shown = images.shown(pixels[0])
            example = Example(number, name, score, shown, map_, self._box(map_, inputs))
            keep = heapq.heappush if len(self.best) < self.count else heapq.heapreplace
            keep(self.best, (score, -number, example))

    def _box(self, map_: NDArray[np.float32] | None, inputs: Tensor) -> tuple[float, float, float, float]:
        if map_ is None or map_.size == 1:
            return 0.0, 0.0, 1.0, 1.0
        layer: Layer = self.model.layers(inputs)[self.target.layer]
        side = layer.receptive_field
        if side is not None and side < min(inputs.shape[2:]):
            self.meaning = "receptive field"
            return field_box(map_, side, (inputs.shape[2], inputs.shape[3]))
        self.meaning = "half of the peak"
        return peak_box(map_)

    def _found(self, seen: int) -> Examples:
        ordered = sorted(self.best, key=lambda one: one[:2], reverse=True)
        return Examples(
            tuple(example for _, _, example in ordered),
            self.target.label(self.model),
            seen,
            len(self.source),
            dict(self.skipped),
            self.meaning,
        )


def field_box(
    map_: NDArray[np.float32], side: int, size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Return the square of `side` pixels around the strongest position, within a picture of this size.

    Positions are taken to be spread evenly over the picture, which paddings move by a few pixels.
    """
    height, width = size
    row, column = np.unravel_index(int(map_.argmax()), map_.shape)
    x, y = (float(column) + 0.5) / map_.shape[1], (float(row) + 0.5) / map_.shape[0]
    wide, high = side / width / 2, side / height / 2
    return max(0.0, x - wide), max(0.0, y - high), min(1.0, x + wide), min(1.0, y + high)


def peak_box(map_: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Return the box of the positions around the strongest one that exceed half of it, and touch it."""
    height, width = map_.shape
    low = float(map_.min())
    strong = map_ >= low + HALF * (float(map_.max()) - low)
    rows, columns = (np.asarray(places) for places in np.nonzero(_touching(strong, int(map_.argmax()))))
    return (
        float(columns.min()) / width,
        float(rows.min()) / height,
        float(columns.max() + 1) / width,
        float(rows.max() + 1) / height,
    )


def _touching(strong: NDArray[np.bool_], peak: int) -> NDArray[np.bool_]:
    labels, _ = ndimage.label(strong)
    found: NDArray[np.bool_] = labels == labels.flat[peak]
    return found
