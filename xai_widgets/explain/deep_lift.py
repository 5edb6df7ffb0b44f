"""DeepLIFT: how the difference to a baseline is handed on, function by function, so that it adds up."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..anytime import Step
from ..errors import NotValidError
from ..inputs.baselines import Distribution
from ..model.rules import Rules, norms, with_gradient
from .method import Method
from .problem import Floats, Problem, Steps, attribution
from .relevance import NOT_FOR
from .sampling import Running

NEAR = 1e-6
"""Below it a difference is none, and the slope is taken instead of a ratio."""


def deep_lift(problem: Problem) -> Steps:
    """The difference to the baseline, shared out by multipliers Δout/Δin, `(c, h, w)`.

    Shrikumar, Greenside and Kundaje, "Learning Important Features Through Propagating Activation
    Differences", ICML 2017, the rescale rule (section 3.5.1). The values add up to f(x) - f(x'). Products,
    softmax and norms, of which the paper says nothing, hand on their difference exactly too: a product by
    Δ(ab) = b̄ Δa + ā Δb, the others as exponentials, quotients and products. Max pooling as in SHAP.

    With a distribution of baselines it becomes DeepLIFT-SHAP (Lundberg and Lee, "A Unified Approach to
    Interpreting Model Predictions", NeurIPS 2017): the mean over the baselines, its error the standard error.

    Raises:
        NotValidError: the network takes one picture at a time.
    """
    references = problem.references()
    if not isinstance(problem.baseline, Distribution):
        references = references[:1]
    running, ends, whole = Running(), [], 0.0
    for place in range(len(references)):
        values, whole, end = _lifted(problem, references[place : place + 1])
        running.add(values[None])
        ends.append(end)
        final = running.count == len(references)
        many = len(references) > 1
        found = attribution(np.asarray(running.mean), running.count, whole - float(np.mean(ends)))
        yield Step(found, running.count / len(references), running.error if many else None, final)


def _lifted(problem: Problem, reference: Tensor) -> tuple[Floats, float, float]:
    """Return the contributions `(c, h, w)`, f(x) and f(x')."""
    both = torch.cat([problem.inputs, reference])
    outputs, multipliers, *_ = problem.model.ruled_gradients(both, problem.target, Rescale)
    values = multipliers[0].double() * (problem.inputs - reference)[0].double()
    return values.numpy(), float(outputs[0]), float(outputs[1])


class Rescale(Rules):
    """The rules for a batch whose first half are pictures and whose second half are their baselines."""

    def __init__(self) -> None:
        rules = dict.fromkeys(_ELEMENTWISE, _rescaled) | dict.fromkeys(("mul", "matmul"), _product)
        rules |= norms(_normalised) | {
            "max_pool2d": _max_pool,
            "adaptive_max_pool2d": _max_pool,
            "softmax": _softmax,
        }
        super().__init__(rules)


_ELEMENTWISE = (
    *("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "hardswish"),
    *("sigmoid", "hardsigmoid", "tanh", "softplus", "softsign", "square", "exp", "log", "sqrt", "rsqrt"),
    *("reciprocal", "abs", "clamp", "pow"),
)


def _halves(tensor: Tensor) -> tuple[Tensor, Tensor]:
    if len(tensor) % 2:
        raise NotValidError(
            "DeepLIFT runs picture and baseline side by side, but this network takes one at a time.",
            "Take integrated gradients.",
        )
    first, second = tensor.chunk(2)
    return first, second


def _twice(half: Tensor) -> Tensor:
    return torch.cat([half, half])


def _rescaled(func: Any, x: Tensor, *args: Any, **more: Any) -> Tensor:
    """The multiplier of an elementwise function is Δout/Δin."""
    if not x.requires_grad:
        out: Tensor = func(x, *args, **more)
        return out
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        out = func(leaf, *args, **more)
        (slope,) = torch.autograd.grad(out.sum(), leaf)
    (x1, x0), (y1, y0) = _halves(leaf.detach()), _halves(out.detach())
    apart = (x1 - x0).abs() > NEAR * (1 + torch.maximum(x1.abs(), x0.abs()))
    ratio = torch.where(apart, (y1 - y0) / torch.where(apart, x1 - x0, 1.0), _halves(slope)[0])
    return with_gradient(out, lambda g: (g * _twice(ratio),), x)


def _product(func: Any, a: Any, b: Any, **more: Any) -> Tensor:
    """Δ(ab) = b̄ Δa + ā Δb, with the means over picture and baseline."""
    out: Tensor = func(a, b, **more)
    if not (isinstance(a, Tensor) and isinstance(b, Tensor) and a.requires_grad and b.requires_grad):
        return out
    mean_a, mean_b = (_twice(torch.stack(_halves(part.detach())).mean(dim=0)) for part in (a, b))
    by_mean: Tensor = func(a, mean_b, **more) + func(mean_a, b, **more)
    return out.detach() + by_mean - by_mean.detach()


def _max_pool(func: Any, x: Tensor, *args: Any, **more: Any) -> Tensor:
    """Each half's largest value takes its part of the difference to the larger of both."""
    out: Tensor = func(x, *args, **more)
    if not x.requires_grad or not isinstance(out, Tensor):
        return out
    fixed = x.detach()
    (x1, x0), (y1, y0) = _halves(fixed), _halves(out.detach())
    larger = torch.maximum(y1, y0)

    def back(g: Tensor) -> tuple[Tensor]:
        with torch.enable_grad():
            leaf = fixed.clone().requires_grad_()
            pooled = func(leaf, *args, **more)
            upon = _halves(g)[0]
            (placed,) = torch.autograd.grad(
                pooled, leaf, torch.cat([upon * (larger - y0), upon * (y1 - larger)])
            )
        moved = sum(_halves(placed))
        apart = (x1 - x0).abs() > NEAR
        return (_twice(torch.where(apart, moved / torch.where(apart, x1 - x0, 1.0), 0.0)),)

    return with_gradient(out, back, x)


def _softmax(func: Any, x: Tensor, dim: int = -1, *_: Any, **more: Any) -> Tensor:
    if not x.requires_grad:
        found: Tensor = func(x, dim, **more)
        return found
    largest = torch.maximum(*_halves(x.detach())).amax(dim=dim, keepdim=True)
    powers = _rescaled(torch.exp, x - _twice(largest))
    return _product(torch.mul, powers, _rescaled(torch.reciprocal, powers.sum(dim=dim, keepdim=True)))


def _normalised(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    """Centre and scale, as products of what each half has."""
    centred = x - x.mean(dim=dims, keepdim=True)
    squares = _product(torch.mul, centred, centred)
    return _product(torch.mul, centred, _rescaled(torch.rsqrt, squares.mean(dim=dims, keepdim=True) + eps))


METHODS = (
    Method(
        "deep_lift",
        "DeepLIFT",
        deep_lift,
        "Shrikumar et al. 2017; Lundberg and Lee 2017",
        "The difference to the baseline, handed on from function to function so that it adds up.",
        frozenset({"baseline", "distribution"}),
        complete=True,
        baseline={"name": "black"},
        not_for=NOT_FOR,
        family="Relevance propagation",
    ),
)
