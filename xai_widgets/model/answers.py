"""What a network answers, as one tensor, and the kind of network that makes it.

- `(n, k)`: the logits of a classification, or an embedding;
- `(n, k, h, w)`: the logits of a segmentation, place by place;
- `(n, d, 6)`: what a detection found: a box in shares of the picture, its label and its score. Rows without
  a box have label -1 and score 0.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from xai_widgets.errors import ModelError
from xai_widgets.model.outputs import FIRST, describe, entries

Kind = Literal["classification", "segmentation", "detection", "embedding"]

BOX, LABEL, SCORE = slice(0, 4), 4, 5
LEAST = 8
"""Fewer values than these are hardly an embedding, whatever their length."""
_FOUND = frozenset(["boxes", "labels", "scores"])
_REMEDY = (
    "Wrap the network in an nn.Module whose forward takes (n, c, h, w) and returns the logits as one "
    "floating-point tensor (n, k), or (n, k, h, w) of a segmentation."
)


def find_answer(output: Any, inputs: Tensor) -> Tensor:
    """Return the answer to inputs `(n, c, h, w)`: the output itself, or the first tensor like it inside.

    In a dict, dataclass or named tuple an entry called "logits", "out", "output" or "pred" goes first, and
    elsewhere `(n, k)` before `(n, k, h, w)`. A single logit an image `(n,)` becomes `(n, 1)`, and
    `(n, k, 1, 1)` becomes `(n, k)`. Detections are a list of dicts with boxes (in pixels), labels and scores.

    Raises:
        ModelError: there is none.
    """
    count = len(inputs)
    if _is_detections(output, count):
        return _detections(output, inputs)
    tensors = [(name, one) for name, one in entries(output) if isinstance(one, Tensor)]
    fitting = [(name, one) for name, one in tensors if _fits(one, count)]
    if not fitting:
        raise ModelError(f"The network gave {describe(output)}, not logits of shape ({count}, k).", _REMEDY)
    found = min(fitting, key=lambda pair: (pair[0] not in FIRST, _dense(pair[1])))[1]
    return found if _dense(found) else found.reshape(count, -1)


def kind_of(answer: Tensor) -> Kind:
    """Return the kind of network that gives such an answer.

    Logits and embeddings have one shape. An embedding is told by its length of 1 with values below zero;
    others have to be declared: `Model(kind="embedding")`.
    """
    if answer.ndim == 4:
        return "segmentation"
    if answer.ndim == 3:
        return "detection"
    lengths = torch.linalg.vector_norm(answer.double(), dim=1)
    unit = bool((lengths - 1).abs().max() < 1e-3) and bool((answer < 0).any())
    return "embedding" if unit and answer.shape[1] >= LEAST else "classification"


def class_scores(answer: Tensor, count: int | None = None) -> Tensor:
    """Return one score a class, `(n, k)`: the logits; their means over the picture; the best of each label.

    Args:
        answer: of any kind.
        count: k of a detection, whose answer does not tell it.
    """
    if answer.ndim == 2:
        return answer
    if answer.ndim == 4:
        return answer.mean(dim=(2, 3))
    labels = range(count if count is not None else 1 + int(answer[..., LABEL].max()))
    best = [torch.where(answer[..., LABEL] == label, answer[..., SCORE], 0.0).amax(1) for label in labels]
    return torch.stack(best, dim=1) if best else answer[..., 0, :0]


def label_count(module: nn.Module) -> int | None:
    """Return how many labels a detection network of torchvision knows, None where it does not tell."""
    for child in module.modules():
        scored = getattr(child, "cls_score", None)
        if isinstance(scored, nn.Linear):
            return scored.out_features
        declared = getattr(child, "num_classes", getattr(child, "num_columns", None))
        if isinstance(declared, int) and not isinstance(declared, bool):
            return declared
    return None


def _fits(tensor: Tensor, count: int) -> bool:
    if not tensor.is_floating_point() or tensor.shape[:1] != (count,) or 0 in tensor.shape:
        return False
    return tensor.ndim in (1, 2, 4) or all(size == 1 for size in tensor.shape[2:])


def _dense(tensor: Tensor) -> bool:
    return tensor.ndim == 4 and tensor.shape[2:] != (1, 1)


def _is_detections(output: Any, count: int) -> bool:
    if not isinstance(output, Sequence) or len(output) != count:
        return False
    return all(isinstance(one, Mapping) and one.keys() >= _FOUND for one in output)


def _detections(output: Sequence[Mapping[str, Tensor]], inputs: Tensor) -> Tensor:
    height, width = inputs.shape[-2:]
    size = inputs.new_tensor([width, height, width, height])
    nothing = inputs.new_tensor([[0.0, 0, 0, 0, -1, 0]])
    rows = [
        torch.cat([one["boxes"] / size, one["labels"][:, None], one["scores"][:, None]], dim=1)
        for one in output
    ]
    rows = [row[(row[:, 2] > row[:, 0]) & (row[:, 3] > row[:, 1])] for row in rows]
    longest = max(1, *map(len, rows))
    return torch.stack([torch.cat([row, nothing.expand(longest - len(row), -1)]) for row in rows])
