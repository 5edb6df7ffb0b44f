"""Another way to differentiate a network, function by function, while the network stays as it is.

A rule stands for one function of PyTorch ("relu", "conv2d", "softmax") and is called in its place: it gives
the same values, but may give them another gradient, or remember them. Modules, functions of
`torch.nn.functional` and methods of tensors all arrive here by the same name, so that a module that is used
twice, an activation written as a function, or a sum in a residual block need no care of their own.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

Rule = Callable[..., Any]
"""Called with the function and what it was called with; gives what the network goes on with."""


class Rules(TorchFunctionMode):
    """Run a network with some functions replaced: `with Rules({"relu": guided}): net(x)`.

    Functions that write in place are run out of place, and what they gave is written back. Attention by
    one function (`multi_head_attention_forward`, `scaled_dot_product_attention`) is taken apart, so that
    its softmax and its products are seen.

    Attributes:
        rules: by the plain names of the functions.
        kept: tensors on the way whose gradients are wanted beside those of the input.
    """

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        super().__init__()
        self.rules = rules
        self.kept: list[Tensor] = []

    def left(self, name: str) -> None:
        """Take notice that a submodule has run."""

    def __torch_function__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call the rule of a function where there is one."""
        given = dict(kwargs or {})
        name, in_place = called(func)
        if name in _APART and {"softmax", "matmul"} & self.rules.keys():
            with self:
                return _APART[name](*args, **given)
        rule = self.rules.get(name)
        if rule is None:
            return func(*args, **given)
        in_place = bool(given.pop("inplace", False)) or in_place
        if not in_place:
            return rule(func, *args, **given)
        # The original may be a leaf's view or wanted by a gradient: the rule gets a copy.
        out = rule(func, args[0].clone(), *args[1:], **given)
        args[0].copy_(out)
        return out


def called(func: Any) -> tuple[str, bool]:
    """Return the plain name of a function, and whether it writes in place: `Tensor.add_` is "add"."""
    name: str = getattr(func, "__name__", "")
    plain = name.strip("_")
    in_place = (name.endswith("_") and not name.endswith("__")) or (
        name.startswith("__i") and plain[1:] in _DUNDERS
    )
    plain = plain[1:] if name.startswith("__") and plain[:1] in "ir" and plain[1:] in _DUNDERS else plain
    return _SAME.get(plain, plain), in_place


_DUNDERS = frozenset(["add", "sub", "mul", "truediv", "matmul"])
_SAME = {
    "truediv": "div",
    "true_divide": "div",
    "multiply": "mul",
    "bmm": "matmul",
    "max_pool2d_with_indices": "max_pool2d",
    "hardtanh": "relu6",
}


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    **_: Any,
) -> Tensor:
    """Scaled dot-product attention, written out (Vaswani et al. 2017, equation 1)."""
    scores = torch.matmul(query * (scale or query.shape[-1] ** -0.5), key.transpose(-2, -1))
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return torch.matmul(torch.softmax(scores, dim=-1), value)


def _multi_head(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    **more: Any,
) -> tuple[Tensor, None]:
    """Multi-head attention in the order `(t, n, c)` of PyTorch, in parts that rules can see."""
    unusual = [name for name in ("key_padding_mask", "static_k", "static_v") if more.get(name) is not None]
    if unusual or bias_k is not None or add_zero_attn:
        raise RuntimeError(f"attention with {', '.join(unusual) or 'added keys'} can't be taken apart")
    if in_proj_weight is not None:
        weights = in_proj_weight.chunk(3)
    else:
        weights = tuple(more[f"{one}_proj_weight"] for one in "qkv")
    biases = (None, None, None) if in_proj_bias is None else in_proj_bias.chunk(3)

    def heads(tokens: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        lined = F.linear(tokens, weight, bias)
        return lined.view(*lined.shape[:-1], num_heads, -1).permute(1, 2, 0, 3)  # (n, heads, t, c)

    q, k, v = map(heads, (query, key, value), weights, biases)
    mask = more.get("attn_mask")
    if mask is not None and mask.dtype == torch.bool:
        mask = ~mask  # here True keeps a pair apart, in scaled_dot_product_attention it lets it through
    mixed = attention(q, k, v, mask)
    joined = mixed.permute(2, 0, 1, 3).flatten(2)
    return F.linear(joined, out_proj_weight, out_proj_bias), None


_APART: Mapping[str, Callable[..., Any]] = {
    "scaled_dot_product_attention": attention,
    "multi_head_attention_forward": _multi_head,
}

Back = Callable[[Tensor], tuple[Tensor | None, ...]]


def with_gradient(output: Tensor, back: Back, *inputs: Tensor) -> Tensor:
    """Return the output, whose gradient by the inputs is what `back` makes of the gradient by the output."""
    made: Tensor = _WithGradient.apply(output.detach(), back, *inputs)
    return made


class _WithGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, output: Tensor, back: Back, *inputs: Tensor) -> Tensor:
        ctx.back = back
        return output.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return (None, None, *ctx.back(gradients[0]))


def as_linear(func: Callable[..., Tensor], shape: Tensor, upon: Tensor) -> Tensor:
    """Return the transpose of a linear function at a tensor: its gradient by an input of the given shape."""
    with torch.enable_grad():
        leaf = torch.zeros_like(shape, requires_grad=True)
        return torch.autograd.grad(func(leaf), leaf, upon)[0]


Normalise = Callable[[Tensor, tuple[int, ...], float], Tensor]


def norms(normalised: Normalise) -> dict[str, Rule]:
    """Return the rules of layer norm and group norm, from what normalises over some dimensions."""

    def affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
        x = x if weight is None else x * weight
        return x if bias is None else x + bias

    def layer_norm(
        func: Any, x: Tensor, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
    ) -> Tensor:
        return affine(normalised(x, tuple(range(-len(shape), 0)), eps), weight, bias)

    def group_norm(
        func: Any, x: Tensor, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
    ) -> Tensor:
        parts = x.reshape(len(x), groups, -1, *x.shape[2:])
        found = normalised(parts, tuple(range(2, parts.ndim)), eps).flatten(1, 2)
        channels = (1, -1, *[1] * (x.ndim - 2))
        return affine(found, *(one if one is None else one.view(channels) for one in (weight, bias)))

    return {"layer_norm": layer_norm, "group_norm": group_norm}
