"""Layer-wise relevance propagation, for any network, by modified gradients.

Relevance is written as R = x · g, with g a gradient that the rules modify. Then sums of residual blocks,
concatenations, pooling and reshaping need no rule, since the plain gradient shares R out as LRP wants it
(Montavon et al., "Layer-Wise Relevance Propagation: An Overview", 2019, section 10.4). A convolution and the
batch norm after it are taken as one, whatever holds them together.
"""

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from ..anytime import Step
from ..model.answers import Kind
from ..model.layers import LayerTree
from ..model.rules import Rules, as_linear, norms, with_gradient
from ..parameters import Choice, Range
from ..results import Check
from .attention import no_attention
from .method import Method
from .problem import Attribution, Floats, Problem, Steps

Epsilon = Annotated[
    float,
    Range(
        1e-6,
        1,
        log=True,
        label="epsilon (ε)",
        help="Share of a layer's mean size; more leaves weak evidence out.",
    ),
]
Gamma = Annotated[
    float, Range(0, 2, step=0.05, label="gamma (γ)", help="More favours what speaks for the target.")
]
First = Annotated[
    str,
    Choice(
        ("flat", "as the others"),
        "first layer",
        "Flat spreads what arrives at the first layer evenly over what it looks at: less grain.",
    ),
]

TINY = 1e-9
"""What keeps a division off zero."""
Sharing = Callable[["Layer", Tensor], Tensor]
"""A rule: from a layer and the relevance of what it gives, `(n, …)`, to the gradient g by its input."""


@dataclass(frozen=True)
class Layer:
    """A linear layer while relevance passes it.

    Attributes:
        run: the function, from input, weight and bias.
        x: its input.
        weight: its weight.
        bias: its bias, or None.
        z: what it gives.
    """

    run: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    x: Tensor
    weight: Tensor
    bias: Tensor | None
    z: Tensor

    def back(self, weight: Tensor, upon: Tensor) -> Tensor:
        """Return what goes back to the input through a weight."""
        return as_linear(lambda x: self.run(x, weight, None), self.x, upon)


def epsilon_rule(epsilon: float) -> Sharing:
    """LRP-ε: R_i = Σ_j x_i w_ij / (z_j + ε sign z_j) R_j (Bach et al. 2015), ε a share of the mean |z|."""

    def share(layer: Layer, relevance: Tensor) -> Tensor:
        size = layer.z.abs().flatten(1).mean(dim=1).view(-1, *[1] * (layer.z.ndim - 1))
        # A layer of zeros, as the head of an untrained ViT, shares out nothing, and not 0 / 0.
        return layer.back(layer.weight, relevance / _off_zero(layer.z, (epsilon * size).clamp(min=TINY)))

    return share


def alpha_beta_rule(alpha: float, beta: float) -> Sharing:
    """LRP-αβ: α shares what speaks for, β what speaks against (Bach et al. 2015); α1β0 is z⁺.

    R_i = Σ_j (α (x_i w_ij)⁺ / Σ (x w)⁺ - β (x_i w_ij)⁻ / Σ (x w)⁻) R_j.
    """

    def share(layer: Layer, relevance: Tensor) -> Tensor:
        up, down = layer.weight.clamp(min=0), layer.weight.clamp(max=0)
        x_up, x_down = layer.x.clamp(min=0), layer.x.clamp(max=0)
        b_up, b_down = _parts(layer.bias)
        for_ = relevance / _off_zero(layer.run(x_up, up, b_up) + layer.run(x_down, down, None))
        found = alpha * _by_sign(layer, layer.back(up, for_), layer.back(down, for_))
        if beta:
            against = relevance / _off_zero(layer.run(x_up, down, b_down) + layer.run(x_down, up, None))
            found = found - beta * _by_sign(layer, layer.back(down, against), layer.back(up, against))
        return found

    return share


def gamma_rule(gamma: float) -> Sharing:
    """LRP-γ: weights that speak for are raised by γ (Montavon et al. 2019).

    For inputs and outputs of both signs as Andéol et al. 2021 have it: where z_j > 0, positive parts are
    raised, where z_j < 0, negative ones.
    """

    def share(layer: Layer, relevance: Tensor) -> Tensor:
        up = layer.weight + gamma * layer.weight.clamp(min=0)
        down = layer.weight + gamma * layer.weight.clamp(max=0)
        x_up, x_down = layer.x.clamp(min=0), layer.x.clamp(max=0)
        b_up, b_down = _parts(layer.bias, gamma)
        for_ = layer.run(x_up, up, b_up) + layer.run(x_down, down, None)
        against = layer.run(x_up, down, b_down) + layer.run(x_down, up, None)
        for_ = (layer.z > 0) * relevance / _off_zero(for_)
        against = (layer.z < 0) * relevance / _off_zero(against)
        return _by_sign(
            layer,
            layer.back(up, for_) + layer.back(down, against),
            layer.back(down, for_) + layer.back(up, against),
        )

    return share


def flat_rule(layer: Layer, relevance: Tensor) -> Tensor:
    """Share evenly over all that a place looks at (Lapuschkin et al. 2019); what comes back is R itself."""
    ones = torch.ones_like(layer.weight)
    count = layer.run(torch.ones_like(layer.x), ones, None)
    return layer.back(ones, relevance / count)


def _parts(bias: Tensor | None, gamma: float | None = None) -> tuple[Tensor | None, Tensor | None]:
    if bias is None:
        return None, None
    up, down = bias.clamp(min=0), bias.clamp(max=0)
    return (up, down) if gamma is None else (bias + gamma * up, bias + gamma * down)


def _by_sign(layer: Layer, positive: Tensor, negative: Tensor) -> Tensor:
    return torch.where(layer.x >= 0, positive, negative)


def _off_zero(z: Tensor, by: Tensor | float = TINY) -> Tensor:
    return z + torch.where(z >= 0, 1.0, -1.0) * by


class Relevance(Rules):
    """The rules of one run: `conv` at convolutions, `linear` at linear layers, elsewhere what always holds.

    Activations pass on all they get, gates (sigmoid) and the scale of a norm count as constants, and a
    product of two signals gives each one half, softmax its gradient: so attention is what AttnLRP makes
    of it (Achtibat et al., "AttnLRP: Attention-Aware Layer-Wise Relevance Propagation for Transformers",
    ICML 2024, equations 7, 13, 15 and 16).

    With `first`, another rule at the first convolution or linear layer, whose input is kept.
    """

    def __init__(self, conv: Sharing, linear: Sharing, first: Sharing | None = None) -> None:
        rules = dict.fromkeys(_ACTIVATIONS, _activation) | dict.fromkeys(_GATES, _gate)
        rules |= norms(_normalised) | {"mul": _product, "matmul": _product}
        rules |= {"conv2d": self._conv, "linear": self._linear, "batch_norm": self._batch_norm}
        super().__init__(rules)
        self._sharing = {"conv2d": conv, "linear": linear}
        self._first = first
        self._convolved: dict[int, tuple[weakref.ref[Tensor], Any]] = {}

    def _conv(
        self, func: Any, input: Tensor, weight: Tensor, bias: Tensor | None = None, *args: Any, **more: Any
    ) -> Tensor:
        def run(x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
            found: Tensor = func(x, w, b, *args, **more)
            return found

        return self._layer("conv2d", run, input, weight, bias)

    def _linear(self, func: Any, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return self._layer("linear", func, input, weight, bias)

    def _batch_norm(self, func: Any, x: Tensor, mean: Any, var: Any, *args: Any, **more: Any) -> Tensor:
        known = self._convolved.get(id(x))
        if known is None or known[0]() is not x:
            out: Tensor = func(x, mean, var, *args, **more)
            return out
        # One layer with the convolution before it: the signs of its weights are those of both.
        run, before, weight, bias, sharing = known[1]
        zeros, ones = torch.zeros_like(x[:1, :, :1, :1]), torch.ones_like(x[:1, :, :1, :1])
        shift = func(zeros, mean, var, *args, **more).flatten()
        scale = func(ones, mean, var, *args, **more).flatten() - shift
        merged = weight * scale.view(-1, 1, 1, 1)
        return self._shared(run, before, merged, shift if bias is None else shift + scale * bias, sharing)

    def _layer(self, name: str, run: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if not x.requires_grad:
            found: Tensor = run(x, weight, bias)
            return found
        sharing = self._sharing[name]
        if self._first is not None and not self.kept:
            x = x.clone()
            self.kept.append(x)
            sharing = self._first
        out = self._shared(run, x, weight, bias, sharing)
        if name == "conv2d":
            self._convolved[id(out)] = (weakref.ref(out), (run, x, weight, bias, sharing))
        return out

    def _shared(self, run: Any, x: Tensor, weight: Tensor, bias: Tensor | None, sharing: Sharing) -> Tensor:
        fixed, weight = x.detach(), weight.detach()
        bias = None if bias is None else bias.detach()
        z = run(fixed, weight, bias)
        layer = Layer(run, fixed, weight, bias, z)
        return with_gradient(z, lambda g: (sharing(layer, z * g),), x)


def _activation(func: Any, x: Tensor, *args: Any, **more: Any) -> Tensor:
    """R passes unchanged: x f(x)/x, the factor fixed."""
    out: Tensor = func(x, *args, **more)
    if not x.requires_grad:
        return out
    near = x.detach().abs() < 1e-6
    beside: Tensor = func(torch.full_like(x, 1e-3), *args, **more) / 1e-3
    factor = torch.where(near, beside, out.detach() / torch.where(near, 1.0, x.detach()))
    return with_gradient(out, lambda g: (g * factor,), x)


def _gate(func: Any, *args: Any, **more: Any) -> Tensor:
    out: Tensor = func(*args, **more)
    return out.detach()


def _product(func: Any, a: Any, b: Any, **more: Any) -> Tensor:
    out: Tensor = func(a, b, **more)
    if not (isinstance(a, Tensor) and isinstance(b, Tensor) and a.requires_grad and b.requires_grad):
        return out
    return out / 2 + out.detach() / 2


def _normalised(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    """The mean is subtracted, the scale is fixed: linear, as far as relevance goes."""
    centred = x - x.mean(dim=dims, keepdim=True)
    return centred * (centred.detach().square().mean(dim=dims, keepdim=True) + eps).rsqrt()


_ACTIVATIONS = ("relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "hardswish", "mish", "tanh", "softplus")
_GATES = ("sigmoid", "hardsigmoid")


def lrp_epsilon(problem: Problem, *, epsilon: Epsilon = 0.01) -> Steps:
    """LRP-ε at every layer, `(c, h, w)`: nearly input × gradient, without what cancels out.

    Bach et al., "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance
    Propagation", PLOS ONE 2015, equation 58. In attention: AttnLRP.
    """
    return _steps(problem, lambda: Relevance(epsilon_rule(epsilon), epsilon_rule(epsilon)))


def lrp_gamma(problem: Problem, *, gamma: Gamma = 0.25) -> Steps:
    """LRP-γ at every layer, `(c, h, w)`: what speaks for the target counts more.

    Montavon et al., "Layer-Wise Relevance Propagation: An Overview", 2019, section 10.2.1.
    """
    return _steps(problem, lambda: Relevance(gamma_rule(gamma), gamma_rule(gamma)))


def lrp_alpha2_beta1(problem: Problem) -> Steps:
    """LRP-α2β1 at every layer, `(c, h, w)`.

    Bach et al. 2015, equation 60, with α = 2 and β = 1.
    """
    return _steps(problem, lambda: Relevance(alpha_beta_rule(2, 1), alpha_beta_rule(2, 1)))


def lrp_composite(problem: Problem, *, epsilon: Epsilon = 0.01, first: First = "flat") -> Steps:
    """LRP-ε at linear layers, z⁺ at convolutions, flat at the first layer, `(c, h, w)`.

    Kohlbrenner et al., "Towards Best Practice in Explaining Neural Network Decisions with LRP", IJCNN
    2020; what Zennit calls EpsilonPlusFlat.
    """
    flat = flat_rule if first == "flat" else None
    return _steps(problem, lambda: Relevance(alpha_beta_rule(1, 0), epsilon_rule(epsilon), flat))


def excitation_backprop(problem: Problem) -> Steps:
    """The probability that a walk down from the target ends at a place, `(c, h, w)`, at least zero.

    Zhang et al., "Top-Down Neural Attention by Excitation Backprop", ECCV 2016: z⁺ at every layer.
    """
    winners = alpha_beta_rule(1, 0)
    output, values = _propagated(problem, lambda: Relevance(winners, winners))
    found = np.maximum(values / output, 0) if output else np.zeros_like(values)
    yield _step(found, 1.0)


def _steps(problem: Problem, rules: Callable[[], Relevance]) -> Steps:
    output, values = _propagated(problem, rules)
    yield _step(values, output)


def _propagated(problem: Problem, rules: Callable[[], Relevance]) -> tuple[float, Floats]:
    outputs, gradients, kept, slopes = problem.model.ruled_gradients(problem.inputs, problem.target, rules)
    values = (gradients * problem.inputs)[0]
    if kept and kept[0].shape == problem.inputs.shape:
        values = slopes[0][0]  # flat gives relevance itself, at what the first layer sees
    return float(outputs[0]), values.double().numpy()


def _step(values: Floats, output: float) -> Step[Attribution]:
    checks = (_conserved(float(values.sum()), output),)
    return Step(Attribution(values.astype(np.float32), 1, checks=checks), 1.0, None, True)


def _conserved(total: float, output: float) -> Check:
    name = "conservation"
    if abs(output) < 1e-6:
        return Check(name, "doubtful", None, "The target is zero: there is no relevance to share out.")
    share = total / output
    words = f"Relevance of {total:.4g} arrives in the picture, of {output:.4g} that started at the target"
    if 0.9 <= share <= 1.1:
        return Check(name, "holds", share, f"{words}.")
    words += (
        ": biases and ε keep the rest." if 0 <= share < 1 else ": biases add to it." if share > 1 else "."
    )
    brief = f"{share:.0%} of the relevance arrives" if abs(share) < 10 else "relevance is not conserved"
    return Check(name, "doubtful" if 0.1 <= share <= 10 else "fails", share, words, brief)


def only_positive(tree: LayerTree) -> str | None:
    """Return why rules for positive parts say nothing: attention multiplies signals of either sign."""
    if no_attention(tree):
        return None
    return "It has no rule for attention, whose products take either sign. Take LRP-ε, which is AttnLRP here."


NOT_FOR: Mapping[Kind, str] = {
    "detection": "Relevance is handed on from a logit, function by function; a detection gives scores behind "
    "their softmax, and sorts, crops and drops boxes, for which there is no rule. Take Grad-CAM or occlusion."
}

_FAMILY = "Relevance propagation"
METHODS = (
    Method(
        "lrp_epsilon",
        "LRP-ε",
        lrp_epsilon,
        "Bach et al. 2015; Achtibat et al. 2024",
        "The target shared out backwards, layer by layer, as each contributed.",
        not_for=NOT_FOR,
        family=_FAMILY,
    ),
    Method(
        "lrp_gamma",
        "LRP-γ",
        lrp_gamma,
        "Montavon et al. 2019",
        "The target shared out backwards, favouring what speaks for it.",
        not_for=NOT_FOR,
        family=_FAMILY,
    ),
    Method(
        "lrp_alpha2_beta1",
        "LRP-α2β1",
        lrp_alpha2_beta1,
        "Bach et al. 2015",
        "The target shared out backwards, twice to what speaks for it, once against what does not.",
        why_not=only_positive,
        not_for=NOT_FOR,
        family=_FAMILY,
    ),
    Method(
        "lrp_composite",
        "LRP composite",
        lrp_composite,
        "Kohlbrenner et al. 2020",
        "The target shared out backwards by ε above, z⁺ at convolutions, evenly at the first layer.",
        not_for=NOT_FOR,
        family=_FAMILY,
    ),
    Method(
        "excitation_backprop",
        "Excitation backprop",
        excitation_backprop,
        "Zhang et al. 2016",
        "How likely a walk down from the target, along what excites, ends at a place.",
        signed=False,
        why_not=only_positive,
        not_for=NOT_FOR,
        family=_FAMILY,
    ),
)
