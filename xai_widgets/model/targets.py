"""Which number is explained: a class, a margin, several classes together, something inside the network.

Every target says what scalar of each image it means (`of`), which layer it needs (`layer`), how it is
called (`label`) and how it travels (`to_json`). What lies beyond one class has files of its own: `segments`,
`detections`, `similarity`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from xai_widgets.errors import NotValidError, ParameterError, UnknownClassError, UnknownLayerError
from xai_widgets.model.answers import SCORE, Kind, class_scores
from xai_widgets.model.boxes import Box, box_words, read_box, within
from xai_widgets.model.detections import Detection
from xai_widgets.model.predictions import Prediction, foremost
from xai_widgets.model.segments import Segment
from xai_widgets.model.similarity import Similarity
from xai_widgets.model.target import Activations, Read, Target

if TYPE_CHECKING:
    from xai_widgets.model.handle import Model


@dataclass(frozen=True)
class ClassTarget(Target):
    """The logit of one class: of a segmentation its mean over the picture, of a detection its best score."""

    index: int
    kind: ClassVar[str] = "class"
    layer = None

    def of(self, answer: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)`."""
        return _column(answer, self.index)

    def label(self, model: "Model") -> str:
        """Return the class name."""
        return model.class_name(self.index)

    def to_code(self) -> str:
        """Return the index."""
        return repr(self.index)


@dataclass(frozen=True)
class Margin(Target):
    """The logit of one class minus that of another: why this and not that."""

    index: int
    other: int
    kind: ClassVar[str] = "margin"
    layer = None

    def of(self, answer: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)`."""
        return _column(answer, self.index) - _column(answer, self.other)

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

    def of(self, answer: Tensor, activations: Activations) -> Tensor:
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

    def of(self, answer: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)`."""
        return _unit(activations[self.layer].mean(dim=(2, 3)), self.channel, self.layer)

    def label(self, model: "Model") -> str:
        """Return layer and channel."""
        return f"{self.layer} channel {self.channel}"


@dataclass(frozen=True)
class Top(Target):
    """The sum of the largest logits, whichever they are: what makes the network say anything at all.

    Of a detection, the sum of the highest scores of its boxes.
    """

    count: int = 5
    kind: ClassVar[str] = "top"
    layer = None

    def of(self, answer: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)`."""
        if answer.ndim == 3:  # as many boxes as were found
            return answer[..., SCORE].topk(min(self.count, answer.shape[1]), dim=1).values.sum(dim=1)
        scores = class_scores(answer)
        if not 1 <= self.count <= max(1, scores.shape[1]):
            raise ParameterError(
                f"The network has no {self.count} largest outputs.", f"It has {scores.shape[1]} outputs."
            )
        return scores.topk(self.count, dim=1).values.sum(dim=1)

    def label(self, model: "Model") -> str:
        """Return how many."""
        return f"the {self.count} largest outputs"


@dataclass(frozen=True)
class Position(Target):
    """How much a layer sees at a place `(y, x)` of its grid: the length of the vector there."""

    layer: str
    position: tuple[int, int]
    kind: ClassVar[str] = "position"

    def of(self, answer: Tensor, activations: Activations) -> Tensor:
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
    box: Box
    kind: ClassVar[str] = "region"

    def of(self, answer: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)`."""
        maps = activations[self.layer]
        return _unit(within(maps, self.box).mean(dim=(2, 3)), self.channel, self.layer)

    def label(self, model: "Model") -> str:
        """Return layer, channel and box."""
        return f"{self.layer} channel {self.channel} within {box_words(self.box)}"

    def to_json(self) -> dict[str, Any]:
        """Return a dict that `from_json` reads."""
        return {"kind": self.kind, "layer": self.layer, "channel": self.channel, "box": list(self.box)}


_KINDS: dict[str, Any] = {
    kind.kind: kind
    for kind in (
        ClassTarget,
        Margin,
        Top,
        Neuron,
        Channel,
        Position,
        Region,
        Similarity,
        Segment,
        Detection,
    )
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
        target: Target = kind(**_read(kind, fields))
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{dict(given)} is no {kind.kind} target: {error}.") from None
    return target


def _read(kind: type[Target], fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a target as they are in Python; TypeError or ValueError where one is wrong."""
    if fields.get("position") is not None:
        y, x = fields["position"]
        fields["position"] = (_whole(y), _whole(x))
    elif kind is Position:
        raise TypeError("it needs a position (y, x)")
    if fields.get("box") is not None:
        fields["box"] = read_box(fields["box"])
    elif kind in (Region, Detection):
        raise TypeError("it needs a box (left, top, right, bottom)")
    for name in {"index", "other", "channel", "count"} & fields.keys():
        fields[name] = _whole(fields[name])
    if not isinstance(fields.get("layer", ""), str if kind is not Similarity else (str, type(None))):
        raise TypeError(f"layer {fields['layer']!r} is not a name")
    if kind is Similarity and not isinstance(fields.get("reference"), (int, str, list)):
        raise TypeError("it needs a reference: the number of a picture, a path or a vector")
    unknown = fields.keys() & {"places", "embedding", "number"}
    if unknown:
        raise TypeError(f"{', '.join(sorted(unknown))} can't be given")
    return fields


def offered(kind: Kind) -> list[str]:
    """Return the kinds of targets that a network of a kind can be asked for, the usual one first."""
    inside = ["channel", "neuron", "position", "region"]
    if kind == "segmentation":
        return ["segment", "class", "margin", *inside, "similarity"]
    if kind == "detection":
        return ["detection", "class", "top", *inside, "similarity"]
    if kind == "embedding":
        return ["similarity", "class", *inside]
    return ["class", "margin", "top", *inside, "similarity"]


def of_prediction(found: Prediction, kind: Kind) -> Target:
    """Return the target that a prediction stands for: a class, a class where it is seen, a box."""
    if found.box is not None:
        return Detection(found.index, found.box)
    return Segment(found.index) if kind == "segmentation" else ClassTarget(found.index)


def told(found: Prediction, kind: Kind) -> int | dict[str, Any]:
    """Return that target as an interface has it: a class by its index, others as JSON."""
    target = of_prediction(found, kind)
    return target.index if isinstance(target, ClassTarget) else target.to_json()


def resolve(
    target: "int | str | Target | Mapping[str, Any] | None",
    model: "Model",
    inputs: Tensor,
    read: Read | None = None,
) -> Target:
    """Return the target that was meant, ready to be asked for; None is what is predicted for the first image.

    Args:
        target: as in `explain`.
        model: the network.
        inputs: the picture, normalised, `(1, c, h, w)`.
        read: turns what names another picture into its pixels; `model.pixels` where nothing is given.

    Raises:
        UnknownClassError, UnknownLayerError, ParameterError: it does not exist in this network.
        NotValidError: the network is of another kind.
    """
    if target is None:
        target = of_prediction(foremost(model.predict(inputs)), model.kind)
    return checked(target, model, inputs).prepared(model, inputs, read or model.pixels)


def checked(target: "int | str | Target | Mapping[str, Any]", model: "Model", inputs: Tensor) -> Target:
    """Return the target that was meant, without what has to be worked out for it; errors as of `resolve`."""
    if isinstance(target, Mapping):
        target = from_json(target)
    if not isinstance(target, Target):
        target = ClassTarget(model.class_index(_class(target)))
    if target.network is not None:
        _check_network(target, model, inputs)
    if target.layer is None:
        _check_classes(target, model, inputs)
        return target
    found = model.layers(inputs)[target.layer]
    if found.view == "none":
        raise UnknownLayerError(
            f"{found.name!r} gives {found.shape}, which has no channels.", "Choose another layer."
        )
    if not isinstance(target, Similarity):
        target.of(torch.empty(1, 0), {found.name: torch.empty(1, found.channels, *(found.grid or (1, 1)))})
    return target


def _check_network(target: Target, model: "Model", inputs: Tensor) -> None:
    kind = model.kind_for(inputs)
    if kind != target.network:
        raise NotValidError(
            f"A {target.kind!r} target needs a network for {target.network}; this one does {kind}.",
            f"Take one of {', '.join(map(repr, offered(kind)))}.",
        )


def _check_classes(target: Target, model: "Model", inputs: Tensor) -> None:
    if model.class_count is None:
        model.answer(inputs[:1])  # tells how many classes there are
    if isinstance(target, Top) and model.kind_for(inputs) != "detection":
        target.of(torch.empty(1, model.class_count or 0), {})
    for name in ("index", "other"):
        model.class_index(getattr(target, name, 0))


def _column(answer: Tensor, index: int) -> Tensor:
    scores = class_scores(answer, index + 1)
    if not 0 <= index < scores.shape[1]:
        raise UnknownClassError(
            f"The network has no class {index}.", f"It has classes 0 to {scores.shape[1] - 1}."
        )
    return scores[:, index]


def _at(maps: Tensor, position: tuple[int, int], layer: str) -> Tensor:
    height, width = maps.shape[2:]
    y, x = position
    if not (0 <= y < height and 0 <= x < width):
        raise ParameterError(
            f"Position ({y}, {x}) lies outside {layer!r}.", f"Its grid is {height} × {width}."
        )
    return maps[:, :, y, x]


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


def _whole(value: Any) -> int:
    if isinstance(value, bool) or int(value) != value:
        raise ValueError(f"{value!r} is not a whole number")
    return int(value)
