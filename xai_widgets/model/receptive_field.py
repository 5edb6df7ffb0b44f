"""How large a piece of the picture one position of a layer sees.

The size is followed through the forward pass, function by function (Araujo, Norris and Sim 2019, "Computing
Receptive Fields of Convolutional Neural Networks", equation 2): a kernel k with dilation d and stride s
makes `r ← r + d (k − 1) j` and `j ← j s`, where j is the distance in input pixels between neighbouring
positions. Functions that are not known to keep places apart (attention, global pooling, squeeze and
excitation, anything unheard of) end it: from there on the receptive field is None.
"""

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from xai_widgets.model.rules import called

_POINTWISE = frozenset(
    [
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "selu",
        "celu",
        "gelu",
        "silu",
        "mish",
        "softplus",
        "hardtanh",
        "hardswish",
        "hardsigmoid",
        "sigmoid",
        "tanh",
        "logsigmoid",
        "prelu",
        "rrelu",
        "threshold",
        "clamp",
        "clip",
        "abs",
        "neg",
        "exp",
        "log",
        "sqrt",
        "rsqrt",
        "square",
        "pow",
        "sign",
        "softsign",
        "dropout",
        "feature_dropout",
        "alpha_dropout",
        "dropout2d",
        "dropout1d",
        "stochastic_depth",
        "add",
        "sub",
        "mul",
        "div",
        "true_divide",
        "minimum",
        "maximum",
        "radd",
        "rsub",
        "rmul",
        "rtruediv",
        "iadd",
        "isub",
        "imul",
        "itruediv",
        "where",
        "lerp",
        "batch_norm",
        "local_response_norm",
        "pad",
        "clone",
        "contiguous",
        "detach",
        "to",
        "float",
        "half",
        "bfloat16",
        "double",
        "type_as",
        "channel_shuffle",
        "cat",
        "concat",
        "concatenate",
        "stack",
        "chunk",
        "split",
        "tensor_split",
        "unbind",
        "getitem",
        "narrow",
        "permute",
        "transpose",
        "swapaxes",
        "swapdims",
        "movedim",
        "moveaxis",
        "reshape",
        "view",
        "flatten",
        "unflatten",
        "squeeze",
        "unsqueeze",
        "expand",
        "expand_as",
        "as_subclass",
        "linear",
        "layer_norm",
        "requires_grad_",
        "alias",
        "channels_last",
    ]
)
_POOLS = frozenset(["max_pool2d", "avg_pool2d", "max_pool2d_with_indices", "lp_pool2d"])

Pair = tuple[int, int]


@dataclass(frozen=True)
class _Seen:
    """Receptive field and distance of neighbours along height and width; None where undefined."""

    size: Pair | None
    jump: Pair = (1, 1)

    def through(self, kernel: Pair, stride: Pair, dilation: Pair = (1, 1)) -> "_Seen":
        if self.size is None:
            return self
        grown = [
            r + d * (k - 1) * j for r, d, k, j in zip(self.size, dilation, kernel, self.jump, strict=True)
        ]
        return _Seen((grown[0], grown[1]), (self.jump[0] * stride[0], self.jump[1] * stride[1]))


_EVERYWHERE = _Seen(None)


class ReceptiveFields(TorchFunctionMode):
    """Follow receptive fields while a network runs: `with ReceptiveFields(x) as fields: net(x)`.

    Attributes:
        functions: plain names of the functions that ran.
    """

    def __init__(self, inputs: Tensor) -> None:
        super().__init__()
        self._seen: dict[int, tuple[weakref.ref[Tensor], _Seen]] = {}
        self._picture = (inputs.shape[2], inputs.shape[3])
        self.functions: set[str] = set()
        self._note(inputs, _Seen((1, 1)))

    def side(self, tensor: Tensor, grid: Pair | None) -> int | None:
        """Return the side in input pixels of the square that one position of this grid depends on."""
        seen = self._of(tensor)
        if seen is None or seen.size is None or grid is None:
            return None
        # A grid that does not span the picture at this distance was folded or sliced on the way.
        spans = zip(grid, seen.jump, self._picture, strict=True)
        if any(not 0.6 * side <= count * jump <= 1.6 * side + 2 * jump for count, jump, side in spans):
            return None
        return max(seen.size)

    def __torch_function__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run the function, and note what its result has seen."""
        kwargs = kwargs or {}
        self.functions.add(called(func)[0])
        before = [seen for tensor in _tensors((args, kwargs)) if (seen := self._of(tensor)) is not None]
        shape = args[0].shape if args and isinstance(args[0], Tensor) else None
        result = func(*args, **kwargs)
        if before:
            name = getattr(func, "__name__", "").removesuffix("_").strip("_")
            after = _after(name, _union(before), args, kwargs, shape, result)
            written = args[:1] if name == "setitem" else result
            for tensor in _tensors(written):
                self._note(tensor, after)
        return result

    def _of(self, tensor: Tensor) -> _Seen | None:
        known = self._seen.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None

    def _note(self, tensor: Tensor, seen: _Seen) -> None:
        self._seen[id(tensor)] = (weakref.ref(tensor), seen)


def _after(
    name: str, seen: _Seen, args: tuple[Any, ...], kwargs: Mapping[str, Any], shape: Any, result: Any
) -> _Seen:
    if seen.size is None:
        return seen
    if name == "conv2d":
        names = ("input", "weight", "bias", "stride", "padding", "dilation")
        call = dict(zip(names, args, strict=False), **kwargs)
        kernel = call["weight"].shape[2:]
        return seen.through(
            (kernel[0], kernel[1]), _pair(call.get("stride", 1)), _pair(call.get("dilation", 1))
        )
    if name in _POOLS:
        call = dict(zip(("input", "kernel_size", "stride"), args, strict=False), **kwargs)
        kernel = _pair(call["kernel_size"])
        dilation = _pair(kwargs.get("dilation", 1) if name != "max_pool2d" or len(args) < 5 else args[4])
        return seen.through(kernel, _pair(call.get("stride") or kernel), dilation)
    if name.startswith("adaptive_") and shape is not None and isinstance(result, Tensor):
        return _adaptive(seen, shape[2:], result.shape[2:])
    if name == "mean":
        return (
            seen if kwargs.get("dim", args[1] if len(args) > 1 else None) in (1, (1,), [1]) else _EVERYWHERE
        )
    if name == "batch_norm" and (kwargs.get("training") or (len(args) > 5 and args[5] is True)):
        return _EVERYWHERE  # statistics of the batch and of all places
    if name == "layer_norm" and len(kwargs.get("normalized_shape", args[1] if len(args) > 1 else ())) > 1:
        return _EVERYWHERE  # statistics of all places
    return seen if name in _POINTWISE else _EVERYWHERE


def _adaptive(seen: _Seen, before: Any, after: Any) -> _Seen:
    if len(before) != 2 or max(after) == 1 or before[0] % after[0] or before[1] % after[1]:
        return _EVERYWHERE if tuple(before) != tuple(after) else seen
    step = (before[0] // after[0], before[1] // after[1])
    return seen.through(step, step)


def _union(seen: list[_Seen]) -> _Seen:
    sizes = [one.size for one in seen if one.size is not None]
    if len(sizes) < len(seen):
        return _EVERYWHERE
    jumps = [one.jump for one in seen]
    return _Seen(
        (max(s[0] for s in sizes), max(s[1] for s in sizes)),
        (max(j[0] for j in jumps), max(j[1] for j in jumps)),
    )


def _pair(value: Any) -> Pair:
    if isinstance(value, int):
        return value, value
    return (int(value[0]), int(value[-1]))


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        return []
    return [tensor for entry in value for tensor in _tensors(entry)]
