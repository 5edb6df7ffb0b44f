"""Which number is explained: a class, a margin, several classes together, something inside the network.

Every target says what scalar of each image it means (`of`), which layer it needs (`layer`), how it is
called (`label`) and how it travels (`to_json`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from xai_widgets.errors import ParameterError, UnknownClassError, UnknownLayerError

if TYPE_CHECKING:
    from xai_widgets.model.handle import Model

Activations = Mapping[str, Tensor]


class Target:
    """A scalar of each image; one of the classes below."""

    kind: ClassVar[str]
    layer: str | None  # the layer it needs, None where it needs only the logits

    def of(self, logits: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)` from logits `(n, k)` and maps `(n, c, h, w)` of the layer it needs."""
        raise NotImplementedError

    def label(self, model: "Model") -> str:
        """Return what it is called."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Return a dict that `from_json` reads."""
        return {"kind": self.kind, **vars(self)}


@dataclass(frozen=True)
class ClassTarget(Target):
    """The logit of one class."""

    index: int
    kind: ClassVar[str] = "class"
    layer = None

    def of(self, logits: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)`."""
        return _column(logits, self.index)

    def label(self, model: "Model") -> str:
        """Return the class name."""
        return model.class_name(self.index)


@dataclass(frozen=True)
class Margin(Target):
    """The logit of one class minus that of another: why this and not that."""

    index: int
    other: int
    kind: ClassVar[str] = "margin"
    layer = None

    def of(self, logits: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)`."""
        return _column(logits, self.index) - _column(logits, self.other)

    def label(self, model: "Model") -> str:
        """Return both class names."""
        return f"{model.class_name(self.index)} rather than {model.class_name(self.other)}"


@dataclass(frozen=True)
class Neuron(Target):
    """One unit of a layer: a channel at a position `(y, x)` of its grid.

    Without a position, `channel` counts the units of the whole layer, `(c, h, w)` flattened; of a vector
    `(c,)` it is simply the unit.
    """

    layer: str
    channel: int
    position: tuple[int, int] | None = None
    kind: ClassVar[str] = "neuron"

    def of(self, logits: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)`."""
        maps = activations[self.layer]
        if self.position is None:
            return _unit(maps.flatten(1), self.channel, self.layer)
        return _unit(_at(maps, self.position, self.layer), self.channel, self.layer)

    def label(self, model: "Model") -> str:
        """Return layer, channel and position."""
        where = "" if self.position is None else f" at ({self.position[0]}, {self.position[1]})"
        return f"{self.layer} unit {self.channel}{where}"

    def to_json(self) -> dict[str, Any]:
        """Return a dict that `from_json` reads."""
        position = None if self.position is None else list(self.position)
        return {"kind": self.kind, "layer": self.layer, "channel": self.channel, "position": position}


@dataclass(frozen=True)
class Channel(Target):
    """The mean of one channel of a layer over its positions (class tokens apart)."""

    layer: str
    channel: int
    kind: ClassVar[str] = "channel"

    def of(self, logits: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)`."""
        return _unit(activations[self.layer].mean(dim=(2, 3)), self.channel, self.layer)

    def label(self, model: "Model") -> str:
        """Return layer and channel."""
        return f"{self.layer} channel {self.channel}"


@dataclass(frozen=True)
class Top(Target):
    """The sum of the largest logits, whichever they are: what makes the network say anything at all."""

    count: int = 5
    kind: ClassVar[str] = "top"
    layer = None

    def of(self, logits: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)`."""
        if not 1 <= self.count <= max(1, logits.shape[1]):
            raise ParameterError(
                f"The network has no {self.count} largest outputs.", f"It has {logits.shape[1]} outputs."
            )
        return logits.topk(self.count, dim=1).values.sum(dim=1)

    def label(self, model: "Model") -> str:
        """Return how many."""
        return f"the {self.count} largest outputs"


@dataclass(frozen=True)
class Position(Target):
    """How much a layer sees at a place `(y, x)` of its grid: the length of the vector there."""

    layer: str
    position: tuple[int, int]
    kind: ClassVar[str] = "position"

    def of(self, logits: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)`."""
        vectors = _at(activations[self.layer], self.position, self.layer)
        lengths: Tensor = torch.linalg.vector_norm(vectors, dim=1)
        return lengths

    def label(self, model: "Model") -> str:
        """Return layer and place."""
        return f"{self.layer} at ({self.position[0]}, {self.position[1]})"

    def to_json(self) -> dict[str, Any]:
        """Return a dict that `from_json` reads."""
        return {"kind": self.kind, "layer": self.layer, "position": list(self.position)}


@dataclass(frozen=True)
class Region(Target):
    """The mean of a channel of a layer within a box drawn on the image.

    Attributes:
        layer: its name.
        channel: which.
        box: left, top, right and bottom, as shares of what the network sees.
    """

    layer: str
    channel: int
    box: tuple[float, float, float, float]
    kind: ClassVar[str] = "region"

    def of(self, logits: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)`."""
        maps = activations[self.layer]
        return _unit(_boxed(maps, self.box).mean(dim=(2, 3)), self.channel, self.layer)

    def label(self, model: "Model") -> str:
        """Return layer, channel and box."""
        left, top, right, bottom = (round(100 * share) for share in self.box)
        return f"{self.layer} channel {self.channel} within {left}–{right} % × {top}–{bottom} %"

    def to_json(self) -> dict[str, Any]:
        """Return a dict that `from_json` reads."""
        return {"kind": self.kind, "layer": self.layer, "channel": self.channel, "box": list(self.box)}


_KINDS: dict[str, Any] = {
    kind.kind: kind for kind in (ClassTarget, Margin, Top, Neuron, Channel, Position, Region)
}


def from_json(given: Mapping[str, Any]) -> Target:
    """Return the target that `to_json` wrote.

    Raises:
        ParameterError: the kind is unknown or a field is missing, unknown or of the wrong type.
    """
    fields = dict(given)
    kind = _KINDS.get(str(fields.pop("kind", None)))
    if kind is None:
        raise ParameterError(
            f"{given.get('kind')!r} is no kind of target.", f"There are {', '.join(map(repr, _KINDS))}."
        )
    try:
        if fields.get("position") is not None:
            y, x = fields["position"]
            fields["position"] = (_whole(y), _whole(x))
        elif kind is Position:
            raise TypeError("it needs a position (y, x)")
        if "box" in fields:
            fields["box"] = _shares(fields["box"])
        for name in {"index", "other", "channel", "count"} & fields.keys():
            fields[name] = _whole(fields[name])
        if not isinstance(fields.get("layer", ""), str):
            raise TypeError(f"layer {fields['layer']!r} is not a name")
        target: Target = kind(**fields)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{dict(given)} is no {kind.kind} target: {error}.") from None
    return target


def resolve(
    target: "int | str | Target | Mapping[str, Any] | None", model: "Model", inputs: Tensor
) -> Target:
    """Return the target that was meant; None is the class predicted for the first image.

    Raises:
        UnknownClassError, UnknownLayerError, ParameterError: it does not exist in this network.
    """
    if target is None:
        return ClassTarget(int(model.logits(inputs[:1])[0].argmax()))
    if isinstance(target, Mapping):
        target = from_json(target)
    if not isinstance(target, Target):
        target = ClassTarget(model.class_index(_class(target)))
    if target.layer is None:
        if model.class_count is None:
            model.logits(inputs[:1])  # tells how many classes there are
        target.of(torch.empty(1, model.class_count or 0), {})
        for name in ("index", "other"):
            model.class_index(getattr(target, name, 0))
        return target
    found = model.layers(inputs)[target.layer]
    if found.view == "none":
        raise UnknownLayerError(
            f"{found.name!r} gives {found.shape}, which has no channels.", "Choose another layer."
        )
    target.of(torch.empty(1, 0), {found.name: torch.empty(1, found.channels, *(found.grid or (1, 1)))})
    return target


def _column(logits: Tensor, index: int) -> Tensor:
    if not 0 <= index < logits.shape[1]:
        raise UnknownClassError(
            f"The network has no class {index}.", f"It has classes 0 to {logits.shape[1] - 1}."
        )
    return logits[:, index]


def _at(maps: Tensor, position: tuple[int, int], layer: str) -> Tensor:
    height, width = maps.shape[2:]
    y, x = position
    if not (0 <= y < height and 0 <= x < width):
        raise ParameterError(
            f"Position ({y}, {x}) lies outside {layer!r}.", f"Its grid is {height} × {width}."
        )
    return maps[:, :, y, x]


def _boxed(maps: Tensor, box: tuple[float, float, float, float]) -> Tensor:
    """Return the cells that a box in shares touches, at least one each way."""
    left, top, right, bottom = box
    height, width = maps.shape[2:]
    columns = slice(int(left * width), max(int(left * width) + 1, math.ceil(right * width)))
    rows = slice(int(top * height), max(int(top * height) + 1, math.ceil(bottom * height)))
    return maps[:, :, rows, columns]


def _unit(units: Tensor, index: int, layer: str) -> Tensor:
    if not 0 <= index < units.shape[1]:
        raise ParameterError(
            f"{layer!r} has no unit {index}.", f"It has {units.shape[1]}, from 0 to {units.shape[1] - 1}."
        )
    return units[:, index]


def _class(given: Any) -> int | str:
    if isinstance(given, str):
        return given
    try:
        return _whole(given)
    except (TypeError, ValueError):
        raise ParameterError(
            f"{given!r} is no target.",
            "Give a class by index or name, a Target, or None for the predicted class.",
        ) from None


def _shares(given: Any) -> tuple[float, ...]:
    left, top, right, bottom = map(float, given)
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"box {list(given)} is not left < right and top < bottom within 0 and 1")
    return left, top, right, bottom


def _whole(value: Any) -> int:
    if isinstance(value, bool) or int(value) != value:
        raise ValueError(f"{value!r} is not a whole number")
    return int(value)
