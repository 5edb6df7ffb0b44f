"""A twin of the network to look into: the same weights in memory, modes, hooks and buffers of its own.

The worker thread runs the network while a cell may train it. Were the mode switched or a hook installed
on the user's own module, the cell would learn in evaluation mode and our hooks would catch its
activations. The twin shares the storage of the weights, so it sees every update, and nothing else.
"""

import copy
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from xai_widgets.model.hooks import trust

_PLAIN = (bool, int, float, str, type(None))
_OWN = frozenset(vars(nn.Module()))  # what every module has: modes, hooks, weights, children


class Twin:
    """Keeps a twin of a module, built when it is first asked for and again when the module changed.

    Where a module cannot be copied (a `forward` that is a closure over the module itself, an attribute
    that refuses), the module itself is looked into.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._made_from: list[Any] | None = None
        self._twin: nn.Module = module
        self._buffers: list[tuple[Tensor, Tensor]] = []
        self._synced: list[tuple[int, int]] = []

    def current(self) -> nn.Module:
        """Return the twin as the module is now: structure, weights and buffers."""
        signature = _signature(self.module)
        if signature != self._made_from:
            before = self._twin
            with torch.inference_mode(False):  # buffers made in it could not be followed
                self._twin, self._buffers = _twin_of(self.module)
            trust(self._twin, before)
            self._synced = []
            self._made_from = signature
        self._sync()
        return self._twin

    @property
    def last(self) -> nn.Module:
        """The twin that ran last."""
        return self._twin

    def _sync(self) -> None:
        """Bring the buffers up to date: they are copies, since some layers write them in evaluation too."""
        versions = [(_version(theirs), ours._version) for theirs, ours in self._buffers]
        if versions == self._synced:
            return
        with torch.no_grad():
            for theirs, ours in self._buffers:
                ours.copy_(theirs)
        self._synced = [(_version(theirs), ours._version) for theirs, ours in self._buffers]


def _version(tensor: Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version


def _signature(module: nn.Module) -> list[Any]:
    """Return what a twin is made from, but for the values of weights and buffers."""
    parts: list[Any] = []
    for child in module.modules():
        plain = [
            (name, value)
            for name, value in vars(child).items()
            if name not in _OWN and (isinstance(value, _PLAIN) or _plain_tuple(value))
        ]
        hooks = (*child._forward_hooks, *child._forward_pre_hooks, *child._backward_hooks)
        parts.append((id(child), type(child), plain, hooks))
        tensors = (*child._parameters.values(), *child._buffers.values())
        parts += [None if one is None else (id(one), one.data_ptr(), one.dtype) for one in tensors]
    return parts


def _plain_tuple(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(part, _PLAIN) for part in value)


def _twin_of(module: nn.Module) -> tuple[nn.Module, list[tuple[Tensor, Tensor]]]:
    if any(_keeps_itself(child) for child in module.modules()):
        return module, []
    memo: dict[int, Any] = {}
    buffers: list[tuple[Tensor, Tensor]] = []
    for child in module.modules():
        for value in vars(child).values():
            if isinstance(value, Tensor):  # what weight_norm and its like work out and keep
                memo[id(value)] = value.detach()
        for weight in child._parameters.values():
            if weight is not None:
                # Not detach(): a step of the cell's optimiser between our forward and backward pass would
                # show in the version that both count, and fail our backward pass.
                memo[id(weight)] = nn.Parameter(weight.data, requires_grad=False)
        for buffer in child._buffers.values():
            if buffer is not None and id(buffer) not in memo:
                memo[id(buffer)] = buffer.detach().clone()
                buffers.append((buffer, memo[id(buffer)]))
    try:
        twin = copy.deepcopy(module, memo)
    except Exception:  # anything that a user's attribute may raise
        return module, []
    for child in twin.modules():
        child.training = False  # not .eval(): a model may override train() with side effects
    return twin, buffers


def _keeps_itself(child: nn.Module) -> bool:
    """Whether a copy of the module would still run the original: its `forward` is a closure."""
    return isinstance(vars(child).get("forward"), FunctionType)
