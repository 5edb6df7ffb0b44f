"""What a network says of a picture, the first thing first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from xai_widgets.errors import ParameterError, did_you_mean
from xai_widgets.model.answers import BOX, LABEL, SCORE, Kind
from xai_widgets.model.boxes import Box

MEASURES: dict[Kind, str] = {
    "classification": "probability",
    "segmentation": "share of the picture",
    "detection": "score of the box",
    "embedding": "share of the squared length",
}
"""What `Prediction.probability` is, by the kind of network."""

Name = Callable[[int], str]


@dataclass(frozen=True)
class Prediction:
    """One class, or one box of a detection.

    Attributes:
        index: of the class.
        name: of the class.
        logit: of a segmentation the mean over the picture, of a detection the score.
        probability: the softmax of a classification; the share of the pixels where the class is the
            likeliest; the score of a box; the share of an embedding's squared length.
        box: of a detection, as shares of what the network sees.
    """

    index: int
    name: str
    logit: float
    probability: float
    box: Box | None = None


def ranked(answer: Tensor, kind: Kind, name: Name) -> list[Prediction]:
    """Return everything one image is answered, `answer[0]` of `answers.find_answer`, the first thing first.

    What is called background stands last: hardly anybody asks for it first.
    """
    if kind == "detection":
        boxes = sorted(answer.tolist(), key=lambda row: -row[SCORE])
        return [_box(row, name) for row in boxes if row[LABEL] >= 0]
    outputs = answer.double()
    logits = outputs if outputs.ndim == 1 else outputs.mean(dim=(1, 2))
    shares = _shares(outputs, kind)
    order = torch.argsort(logits, descending=True, stable=True)
    if kind != "classification":
        order = order[torch.argsort(shares[order], descending=True, stable=True)]
    found = [Prediction(i, name(i), float(logits[i]), float(shares[i])) for i in order.tolist()]
    return sorted(found, key=lambda one: kind == "segmentation" and _background(one.name))


def foremost(found: Sequence[Prediction]) -> Prediction:
    """Return the first of them.

    Raises:
        ParameterError: a detection found no box.
    """
    if not found:
        hint = "Build it with a lower score threshold (box_score_thresh=0.01), or take another picture."
        raise ParameterError("The network found no box in this picture.", hint)
    return found[0]


def _box(row: list[float], name: Name) -> Prediction:
    label, (left, top, right, bottom) = int(row[LABEL]), row[BOX]
    return Prediction(label, name(label), row[SCORE], row[SCORE], (left, top, right, bottom))


def _shares(outputs: Tensor, kind: Kind) -> Tensor:
    if kind == "embedding":
        return outputs**2 / (outputs**2).sum().clamp(min=1e-30)
    if outputs.ndim == 3:
        places = area(outputs).flatten()
        return torch.bincount(places, minlength=max(2, len(outputs)))[: len(outputs)].double() / len(places)
    if len(outputs) == 1:
        return outputs.sigmoid()
    already = bool((outputs >= 0).all()) and abs(float(outputs.sum()) - 1) < 1e-4
    return outputs if already else outputs.softmax(0)


def area(outputs: Tensor) -> Any:
    """Return the class of every place `(h, w)` from logits `(k, h, w)`."""
    return outputs.argmax(dim=0)


def _background(name: str) -> bool:
    return name.strip("_").casefold() == "background"


def checked_kind(kind: Any) -> Kind | None:
    """Return the kind of a network, None where nothing was said; a ParameterError names the kinds."""
    if kind is not None and kind not in MEASURES:
        raise ParameterError(f"{kind!r} is no kind of network.", did_you_mean(str(kind), MEASURES, 4))
    found: Kind | None = kind
    return found
