"""Methods that ask about the channels of a layer one by one."""

from collections.abc import Callable
from typing import Annotated

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..anytime import Step
from ..parameters import Range
from .cam import Maps, cam_method
from .problem import Attribution, Problem, Steps
from .sampling import Settling

Channels = Annotated[
    int,
    Range(8, 4096, log=True, label="channels", help="At most so many, those with the largest activations."),
]
FIRST = 8
"""Channels of the first picture."""


def score_cam(problem: Problem, *, channels: Channels = 4096) -> Steps:
    """Channels weighted by what the target is when only what they show is left, `(h, w)`.

    Wang et al., "Score-CAM", CVPR workshops 2020, algorithm 1: each map, enlarged and scaled to [0, 1],
    is multiplied with the normalised input; the weights are the softmax of the targets. The channels with
    the largest activations go first; a picture on the way has the softmax over those asked so far.
    """
    seen = Maps(problem)
    size = problem.inputs.shape[-2:]

    def ask(chosen: Tensor) -> Tensor:
        large = F.interpolate(seen.maps[:, chosen], size, mode="bilinear", align_corners=False)[0]
        low, high = large.amin(dim=(1, 2), keepdim=True), large.amax(dim=(1, 2), keepdim=True)
        masks = torch.where(high > low, (large - low) / (high - low).clamp(min=1e-12), 0.0)
        return torch.from_numpy(problem.outputs(problem.inputs * masks[:, None]))

    return _one_by_one(seen, channels, ask, lambda scores: scores.softmax(dim=0))


def ablation_cam(problem: Problem, *, channels: Channels = 4096) -> Steps:
    """Channels weighted by how much the target falls without them, `(h, w)`.

    Desai and Ramaswamy, "Ablation-CAM", WACV 2020, equations 4 and 5: weights (y - y_k) / y with channel k
    set to zero; we divide by |y|, so that a negative target does not turn the map over.
    """
    seen = Maps(problem)

    def ask(chosen: Tensor) -> Tensor:
        keep = torch.ones(len(chosen), seen.maps.shape[1])
        keep[torch.arange(len(chosen)), chosen] = 0
        first = seen.layer.layout == "first"
        axes = (1,) * (seen.activation.ndim - 2)
        shape = (len(chosen), -1, *axes) if first else (len(chosen), *axes, keep.shape[1])
        activation = seen.activation * keep.view(shape)
        left, _ = problem.model.at_layer(problem.inputs, problem.target, seen.layer.name, activation)
        return left.double()

    def weigh(left: Tensor) -> Tensor:
        return (seen.output - left) / max(abs(seen.output), 1e-12)

    return _one_by_one(seen, channels, ask, weigh)


def _one_by_one(
    seen: Maps, most: int, ask: Callable[[Tensor], Tensor], weigh: Callable[[Tensor], Tensor]
) -> Steps:
    """Ask about channels, the largest first, and weigh those that were asked.

    The error is how far the map moved since half as many were asked; of all of them it is 0.
    """
    order = seen.maps[0].abs().sum(dim=(1, 2)).argsort(descending=True, stable=True)[:most]
    scores, settling = torch.zeros(0, dtype=torch.float64), Settling()
    for count in seen.problem.portions(len(order), "forward passes", FIRST):
        chosen = order[len(scores) : len(scores) + count]
        scores = torch.cat([scores, ask(chosen)])
        asked = order[: len(scores)]
        weights = weigh(scores).to(seen.maps).view(1, -1, 1, 1)
        values = seen.large((weights * seen.maps[:, asked]).sum(dim=1, keepdim=True).relu())
        moved = settling.error(len(scores), values.astype(np.float64))
        final = len(scores) == len(order)
        found = Attribution(values, len(scores) + 1, checks=(seen.carried,))
        error = 0.0 if final and len(order) == seen.maps.shape[1] else moved
        yield Step(found, len(scores) / len(order), error, final)


METHODS = (
    cam_method(
        "score_cam",
        "Score-CAM",
        score_cam,
        "Wang et al. 2020",
        "The places of a layer, by what the target is when only they are left.",
        counted="forward passes",
    ),
    cam_method(
        "ablation_cam",
        "Ablation-CAM",
        ablation_cam,
        "Desai and Ramaswamy 2020",
        "The places of a layer, by how much the target falls without them.",
        counted="forward passes",
    ),
)
