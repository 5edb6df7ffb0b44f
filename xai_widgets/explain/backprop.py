"""Methods that change what a ReLU passes back, and the one that looks at every bias on the way."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..anytime import Step
from ..model.layers import LayerTree
from ..model.rules import Rules, with_gradient
from ..results import Check
from .method import Method
from .problem import Attribution, Problem, Steps

RELUS = ("relu", "relu6")


def guided_backprop(problem: Problem) -> Steps:
    """The gradient, where each ReLU passes back only what is positive, `(c, h, w)`.

    Springenberg et al., "Striving for Simplicity: The All Convolutional Net", ICLR workshop 2015: at a
    ReLU, R = [x > 0] [g > 0] g. It shows edges sharply, and hardly depends on the target or on the
    weights of upper layers (Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018).
    """
    return _through(problem, lambda x, open_, g: g.clamp(min=0) * open_)


def deconvolution(problem: Problem) -> Steps:
    """The gradient, where each ReLU passes back what is positive, whatever came in, `(c, h, w)`.

    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014: at a ReLU,
    R = [g > 0] g.
    """
    return _through(problem, lambda x, open_, g: g.clamp(min=0))


def _through(problem: Problem, back: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Steps:
    def relu(func: Any, x: Tensor, *args: Any, **more: Any) -> Tensor:
        out: Tensor = func(x, *args, **more)
        if not x.requires_grad:
            return out
        low, high = 0.0, float(args[1]) if len(args) > 1 else more.get("max_val", 6.0)
        open_ = (x > low) & (x < high) if func.__name__ in ("relu6", "hardtanh", "hardtanh_") else x > low
        return with_gradient(out, lambda g: (back(x, open_, g),), x)

    _, gradients = problem.ruled(lambda: Rules(dict.fromkeys(RELUS, relu)))
    yield Step(Attribution(gradients.astype(np.float32), 1, checks=(_independent(),)), 1.0, None, True)


def _independent() -> Check:
    words = (
        "It redraws edges of the picture and hardly depends on the target: read it for where, not for why "
        "(Adebayo et al. 2018)."
    )
    return Check("architecture", "doubtful", None, words, "hardly depends on the target")


def without_relu(tree: LayerTree) -> str | None:
    """Return why a network can't be explained by what a ReLU passes back: it has none."""
    if tree.functions & set(RELUS):
        return None
    others = sorted({layer.kind for layer in tree if layer.kind in ("GELU", "SiLU", "Hardswish", "Mish")})
    have = f"it has {', '.join(others)}" if others else "it has none"
    return f"It is defined for ReLU networks; this is none: {have}. Take SmoothGrad or LRP."


def full_grad(problem: Problem) -> Steps:
    """Input times gradient, and bias times gradient at every place of every layer, `(h, w)`.

    Srinivas and Fleuret, "Full-Gradient Representation for Neural Network Visualization", NeurIPS 2019,
    equations 3 and 5: ψ(∇ₓf ⊙ x) + Σ over layers and channels of ψ(f^b), where f^b = ∇_b f ⊙ b, a batch
    norm's running mean counts as bias, and ψ takes the size, rescales it to [0, 1] and enlarges it. In a
    network of linear pieces, ∇ₓf · x + Σ f^b = f(x); the evidence tells how nearly.
    """
    made: list[_Biases] = []

    def rules() -> _Biases:
        made.append(_Biases())
        return made[-1]

    outputs, gradients, _, slopes = problem.model.ruled_gradients(problem.inputs, problem.target, rules)
    own = gradients * problem.inputs
    parts = [slope * bias.to(slope) for slope, bias in zip(slopes, made[-1].biases, strict=True)]
    size = problem.inputs.shape[-2:]
    maps = [_rescaled(part, size) for part in (own, *parts) if part.ndim == 4 and part.shape[-1] > 1]
    total = sum(float(part.double().sum()) for part in (own, *parts))
    values = torch.stack(maps).sum(dim=0).numpy().astype(np.float32)
    yield Step(Attribution(values, 1, checks=(_full(total, float(outputs[0])),)), 1.0, None, True)


class _Biases(Rules):
    """Keeps what every layer with a bias gives, and the bias, shaped to go with it."""

    def __init__(self) -> None:
        rules = {"conv2d": self._weighted, "linear": self._weighted, "batch_norm": self._norm}
        super().__init__(rules)
        self.biases: list[Tensor] = []

    def _keep(self, out: Tensor, bias: Tensor) -> Tensor:
        if not out.requires_grad:
            return out
        self.kept.append(out)
        self.biases.append(bias.detach())
        return out.clone()  # what comes next may work in place

    def _weighted(
        self, func: Any, x: Tensor, weight: Tensor, bias: Tensor | None = None, *args: Any, **more: Any
    ) -> Tensor:
        out: Tensor = func(x, weight, bias, *args, **more)
        if bias is None:
            return out
        return self._keep(out, bias.view(1, -1, 1, 1) if func.__name__ == "conv2d" else bias)

    def _norm(self, func: Any, x: Tensor, *args: Any, **more: Any) -> Tensor:
        return self._keep(func(x, *args, **more), func(torch.zeros_like(x[:1]), *args, **more))


def _rescaled(part: Tensor, size: Any) -> Tensor:
    """Return ψ of a part `(1, c, h, w)`, summed over its channels, `(h, w)`."""
    size_of = part.abs().flatten(2)
    low, high = size_of.amin(dim=2, keepdim=True), size_of.amax(dim=2, keepdim=True)
    scaled = ((size_of - low) / (high - low).clamp(min=1e-12)).view_as(part)
    large = F.interpolate(scaled, size, mode="bilinear", align_corners=False)
    return large[0].sum(dim=0)


def _full(total: float, output: float) -> Check:
    gap = abs(total - output) / max(abs(output), 1e-12)
    words = f"Inputs and biases together account for {total:.4g} of the target's {output:.4g}."
    if gap <= 0.01:
        return Check("architecture", "holds", gap, words)
    words = words.removesuffix(".") + ": the network is not made of linear pieces."
    return Check("architecture", "doubtful", gap, words, f"misses {min(gap, 9.99):.0%} of the target")


_FAMILY = "Gradients"
METHODS = (
    Method(
        "guided_backprop",
        "Guided backpropagation",
        guided_backprop,
        "Springenberg et al. 2015",
        "The gradient, with only what is positive passed back through each ReLU.",
        why_not=without_relu,
        family=_FAMILY,
    ),
    Method(
        "deconvolution",
        "Deconvolution",
        deconvolution,
        "Zeiler and Fergus 2014",
        "What is positive in the gradient, passed back whatever each ReLU let in.",
        why_not=without_relu,
        family=_FAMILY,
    ),
    Method(
        "full_grad",
        "FullGrad",
        full_grad,
        "Srinivas and Fleuret 2019",
        "The gradient's share of the picture and of every bias on the way.",
        signed=False,
        per_channel=False,
        family=_FAMILY,
    ),
)
