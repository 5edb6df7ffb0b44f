"""Methods that read the attention of a transformer."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..anytime import Step
from ..errors import NotValidError, ParameterError
from ..model.layers import Layer, LayerTree
from ..model.rules import Rules
from ..parameters import Choice, Range
from ..results import Check
from .method import Method
from .problem import Attribution, Problem, Steps, untargeted

Heads = Annotated[str, Choice(("mean", "max", "min"), "heads", "How the heads of a layer become one.")]
Head = Annotated[int, Range(-1, 63, step=1, label="head", help="Counted from 0; -1 takes their mean.")]
Token = Annotated[
    int,
    Range(
        -1,
        4095,
        step=1,
        label="token",
        help="Whose attention: its place on the grid, row by row; -1 is the class token, or the mean.",
    ),
]


class Attentions(Rules):
    """Keeps what every attention pays, `(n, heads, t, t)`, and the module that it belongs to."""

    def __init__(self) -> None:
        super().__init__({"softmax": self._softmax})
        self.owners: list[str] = []

    def _softmax(self, func: Any, x: Tensor, *args: Any, **more: Any) -> Tensor:
        out: Tensor = func(x, *args, **more)
        if out.requires_grad and out.ndim == 4 and out.shape[-1] == out.shape[-2]:
            self.kept.append(out)
        return out

    def left(self, name: str) -> None:
        """The first module to end after a softmax is the one that holds it."""
        self.owners += [name] * (len(self.kept) - len(self.owners))


@dataclass(frozen=True)
class Paid:
    """The attention of one layer.

    Attributes:
        owner: name of the module.
        weights: `(n, heads, t, t)`, rows add up to 1; n counts windows where there are several.
        slopes: gradient of the target by them.
    """

    owner: str
    weights: Tensor
    slopes: Tensor


def paid(problem: Problem) -> list[Paid]:
    """Return the attention of every layer, in the order in which they run.

    Raises:
        NotValidError: the network has none.
    """
    made: list[Attentions] = []

    def rules() -> Attentions:
        made.append(Attentions())
        return made[-1]

    *_, kept, slopes = problem.model.ruled_gradients(problem.inputs, problem.target, rules)
    if not kept:
        raise NotValidError(f"{problem.model.name} pays no attention.", "Take Grad-CAM or LRP.")
    return list(map(Paid, made[-1].owners, kept, slopes))


def attention_rollout(problem: Problem, *, heads: Heads = "mean") -> Steps:
    """How attention passes from the patches to the class token through all layers, `(h, w)`.

    Abnar and Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020, section 3: the product of
    A/2 + I/2 over the layers, rows brought to 1. It does not depend on the target. Without a class token,
    the mean over all tokens.
    """
    layers = _composable(paid(problem), problem)
    whole = torch.eye(layers[0].weights.shape[-1], dtype=torch.float64)
    for layer in layers:
        mixed = _REDUCE[heads](layer.weights[0].double()) + torch.eye(len(whole), dtype=torch.float64)
        whole = (mixed / mixed.sum(dim=-1, keepdim=True)) @ whole
    yield Step(_placed(problem, whole, (untargeted("It follows attention alone"),)), 1.0, None, True)


def attention_gradient(problem: Problem) -> Steps:
    """Attention times its gradient, passed through all layers, `(h, w)`.

    Chefer, Gur and Wolf, "Generic Attention-Model Explainability for Interpreting Bi-Modal and
    Encoder-Decoder Transformers", ICCV 2021, equations 5 and 6: Ā = mean over the heads of (∇A ⊙ A)⁺,
    R ← R + Ā R, from R = I.
    """
    layers = _composable(paid(problem), problem)
    whole = torch.eye(layers[0].weights.shape[-1], dtype=torch.float64)
    for layer in layers:
        moved = (layer.weights[0] * layer.slopes[0]).double().clamp(min=0).mean(dim=0)
        whole = whole + moved @ whole
    yield Step(_placed(problem, whole - torch.eye(len(whole), dtype=torch.float64), ()), 1.0, None, True)


_REDUCE = {
    "mean": lambda weights: weights.mean(dim=0),
    "max": lambda weights: weights.amax(dim=0),
    "min": lambda weights: weights.amin(dim=0),
}


def attention(problem: Problem, *, head: Head = -1, token: Token = -1) -> Steps:
    """What one head of one layer looks at, `(h, w)`; rows of softmax(Q Kᵀ / √d).

    Vaswani et al., "Attention Is All You Need", NeurIPS 2017, equation 1. The layer is the last one with
    attention up to the chosen one. Where attention stays within windows (Swin), every window shows what
    its own tokens look at on average, or the one of `token` what that token looks at.

    Raises:
        ParameterError: there is no such head or token.
    """
    tree = problem.model.layers(problem.inputs)
    layers = paid(problem)
    chosen = tree[problem.layer or tree.default_cam()]
    orders = {layer.name: layer.order for layer in tree}
    upto = [one for one in layers if orders[one.owner] <= chosen.order or one.owner.startswith(chosen.name)]
    one = (upto or layers[:1])[-1]
    count = one.weights.shape[1]
    if head >= count:
        raise ParameterError(
            f"{one.owner} has no head {head}.", f"It has {count}, from 0 on; -1 is the mean."
        )
    weights = one.weights.mean(dim=1) if head < 0 else one.weights[:, head]
    owner: Layer = tree[one.owner]
    module = problem.model.module.get_submodule(one.owner.split("#")[0])
    if len(weights) == 1 and not hasattr(module, "window_size"):
        values = _row(problem, tree, weights[0], token)
    else:
        values = _windows(problem, owner, weights, token)
    check = untargeted(f"It shows where {one.owner} looks", f"attention of {one.owner}")
    yield Step(Attribution(values, 1, checks=(check,)), 1.0, None, True)


def _row(problem: Problem, tree: LayerTree, weights: Tensor, token: int) -> Any:
    grid, extra = _grid(tree, len(weights))
    if token >= grid[0] * grid[1]:
        raise ParameterError(f"There is no token {token}.", f"There are {grid[0]} × {grid[1]}, from 0 on.")
    row = weights[token + extra] if token >= 0 else weights[0] if extra else weights.mean(dim=0)
    return _large(problem, row[extra:].reshape(1, 1, *grid))


def _windows(problem: Problem, owner: Layer, weights: Tensor, token: int) -> Any:
    """Lay windows side by side where they were cut out, and undo the shift."""
    module = problem.model.module.get_submodule(owner.name.split("#")[0])
    window, shift = getattr(module, "window_size", None), getattr(module, "shift_size", (0, 0))
    if window is None or owner.grid is None:
        raise NotValidError(f"The windows of {owner.name} are not known.", "Take Grad-CAM or LRP-ε.")
    height, width = owner.grid
    rows, columns = -(-height // window[0]), -(-width // window[1])
    shift = [0 if size <= side else by for size, side, by in zip((height, width), window, shift, strict=True)]

    def whole(parts: Tensor) -> Tensor:
        laid = parts.reshape(rows, columns, *window).permute(0, 2, 1, 3)
        laid = laid.reshape(rows * window[0], columns * window[1]).roll(tuple(shift), (0, 1))
        return laid[:height, :width]

    if token < 0:
        return _large(problem, whole(weights.mean(dim=1))[None, None])
    if token >= height * width:
        raise ParameterError(f"There is no token {token}.", f"There are {height} × {width}, from 0 on.")
    numbers = torch.arange(weights.shape[0] * weights.shape[1]).reshape(weights.shape[:2])
    number = int(whole(numbers).flatten()[token])
    alone = torch.zeros_like(weights[:, 0])
    alone[number // weights.shape[1]] = weights[number // weights.shape[1], number % weights.shape[1]]
    return _large(problem, whole(alone)[None, None])


def _composable(layers: list[Paid], problem: Problem) -> list[Paid]:
    shapes = {tuple(layer.weights.shape[-2:]) for layer in layers}
    if len(shapes) > 1 or any(len(layer.weights) != 1 for layer in layers):
        raise NotValidError(_WINDOWED, "Take LRP-ε, Grad-CAM, or the attention of one layer.")
    return layers


def _placed(problem: Problem, whole: Tensor, checks: tuple[Check, ...]) -> Attribution:
    grid, extra = _grid(problem.model.layers(problem.inputs), len(whole))
    row = whole[0] if extra else whole.mean(dim=0)
    return Attribution(_large(problem, row[extra:].reshape(1, 1, *grid)), 1, checks=checks)


def _grid(tree: LayerTree, tokens: int) -> tuple[tuple[int, int], int]:
    for layer in tree:
        if layer.view == "tokens" and layer.grid and layer.shape[0] == tokens:
            return layer.grid, layer.class_tokens
    raise NotValidError(f"The {tokens} tokens lie on no grid that is known.", "Take LRP-ε or a gradient.")


def _large(problem: Problem, map_: Tensor) -> Any:
    size = problem.inputs.shape[-2:]
    large = F.interpolate(map_.double(), size, mode="bilinear", align_corners=False)
    return large[0, 0].clamp(min=0).numpy().astype(np.float32)


PAYING = frozenset(["softmax", "scaled_dot_product_attention", "multi_head_attention_forward"])
"""Functions that pay attention, by their plain names."""
_WINDOWED = "Attention that stays within windows can't be multiplied from layer to layer."


def no_attention(tree: LayerTree) -> str | None:
    """Return why there is no attention to read."""
    return None if PAYING & tree.functions else "The network pays no attention. Take Grad-CAM or LRP."


def _not_global(tree: LayerTree) -> str | None:
    windowed = any(layer.kind.startswith("ShiftedWindow") for layer in tree)
    return no_attention(tree) or (f"{_WINDOWED} Take LRP-ε or Grad-CAM." if windowed else None)


_FAMILY = "Attention"
METHODS = (
    Method(
        "attention",
        "Attention",
        attention,
        "Vaswani et al. 2017",
        "What a head of a layer looks at.",
        frozenset({"layer"}),
        signed=False,
        per_channel=False,
        why_not=no_attention,
        family=_FAMILY,
    ),
    Method(
        "attention_rollout",
        "Attention rollout",
        attention_rollout,
        "Abnar and Zuidema 2020",
        "How attention passes from the patches through all layers.",
        signed=False,
        per_channel=False,
        why_not=_not_global,
        family=_FAMILY,
    ),
    Method(
        "attention_gradient",
        "Attention × gradient",
        attention_gradient,
        "Chefer et al. 2021",
        "How attention that speaks for the target passes through all layers.",
        signed=False,
        per_channel=False,
        why_not=_not_global,
        family=_FAMILY,
    ),
)
