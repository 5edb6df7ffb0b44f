"""The only place that touches hooks, modes, gradients flags and random state; always undone.

Everything that runs the network goes through `untouched`, so that the module is after each call exactly
as it came: mode of every submodule, `requires_grad`, buffers, random state. No `.grad` is ever written,
because gradients are asked of `torch.autograd.grad` for named tensors only.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

# Called after each submodule with the name of the call, the module and what it gave; a value other than
# None replaces the output for the rest of the network.
OnOutput = Callable[[str, nn.Module, Any], Any]

_locks: WeakKeyDictionary[nn.Module, threading.RLock] = WeakKeyDictionary()
_locks_guard = threading.Lock()
_draws: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def lock_of(module: nn.Module) -> threading.RLock:
    """Return the re-entrant lock that guards this module, the same one for every caller."""
    with _locks_guard:
        return _locks.setdefault(module, threading.RLock())


@contextmanager
def untouched(module: nn.Module, gradients: bool = False) -> Iterator[None]:
    """Hold the module in evaluation mode, with frozen parameters, and give it back as it came.

    With `gradients` the block runs with gradients enabled (for its inputs: parameters stay frozen, which
    also saves about a third of the time of a backward pass), else without. The grad mode is set here
    because it is thread-local.
    """
    with ExitStack() as undo:
        undo.enter_context(lock_of(module))
        undo.enter_context(same_random_state(module, module))
        modes = [(child, child.training) for child in module.modules()]
        undo.callback(_restore_modes, modes)
        undo.callback(_restore_buffers, _buffers_of(module))
        trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
        undo.callback(_thaw, trained)
        undo.enter_context(torch.inference_mode(False))
        undo.enter_context(torch.set_grad_enabled(gradients))
        for child, training in modes:
            if training:
                child.training = False  # not .eval(): a model may override train() with side effects
        for parameter in trained:
            parameter.requires_grad_(False)
        yield


@contextmanager
def watched(module: nn.Module, on_output: OnOutput) -> Iterator[None]:
    """Call `on_output` after every call of every submodule (the module itself is left out).

    The k-th call of a module that runs more than once in one forward pass is named `path#k` for k ≥ 2.
    """
    calls: Counter[str] = Counter()

    def hook_for(name: str) -> Callable[[nn.Module, Any, Any], Any]:
        def hook(child: nn.Module, _args: Any, output: Any) -> Any:
            calls[name] += 1
            return on_output(name if calls[name] == 1 else f"{name}#{calls[name]}", child, output)

        return hook

    with ExitStack() as undo:
        for name, child in module.named_modules():
            if name and "parametrizations" not in name:  # those make weights, not activations
                undo.callback(child.register_forward_hook(hook_for(name)).remove)
        yield


def layer_reached(module: nn.Module, inputs: Tensor) -> str | None:
    """Run the network again and return the innermost submodule that was running when it raised."""
    running: list[str] = []

    def enter(name: str) -> Callable[[nn.Module, Any], None]:
        return lambda _child, _args: running.append(name)

    def leave(_name: str, _child: nn.Module, _output: Any) -> None:
        running.pop()

    with ExitStack() as undo:
        undo.enter_context(untouched(module))
        for name, child in module.named_modules():
            if name and "parametrizations" not in name:
                undo.callback(child.register_forward_pre_hook(enter(name)).remove)
        undo.enter_context(watched(module, leave))
        try:
            module(inputs)
        except Exception:
            return running[-1] if running else None
    return None


@contextmanager
def same_random_state(owner: object, module: nn.Module | None = None) -> Iterator[None]:
    """Restore the random state of Python, NumPy and PyTorch (on the module's devices too) at the end.

    In evaluation mode hardly a network draws. An owner that drew nothing at its first run is trusted from
    then on: to restore the state from the worker thread would undo what a cell draws at the same time.
    """
    if _draws.get(owner) is False:
        yield
        return
    parameters = () if module is None else module.parameters()
    devices = sorted({p.device.index for p in parameters if p.device.type == "cuda"})
    before = _random_state(devices)
    try:
        yield
    finally:
        drew = not all(map(torch.equal, _as_tensors(before), _as_tensors(_random_state(devices))))
        if drew:
            _restore_random_state(before, devices)
    _draws[owner] = drew or _draws.get(owner, False)


def draws(owner: object) -> bool:
    """Whether it was seen to draw random numbers."""
    return _draws.get(owner, False)


def trust(owner: object, like: object) -> None:
    """Take it that one draws if the other does."""
    if like in _draws:
        _draws[owner] = _draws[like]


_RandomState = tuple[Any, Any, Tensor, list[Tensor]]


def _random_state(devices: list[int]) -> _RandomState:
    cuda = [torch.cuda.get_rng_state(device) for device in devices]
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda


def _as_tensors(state: _RandomState) -> list[Tensor]:
    python, numpy, torch_state, cuda = state
    numbers = [torch.tensor([*python[1]]), torch.tensor([*numpy[1].tolist(), *numpy[2:4]])]
    return [*numbers, torch_state, *cuda]


def _restore_random_state(state: _RandomState, devices: list[int]) -> None:
    python, numpy, torch_state, cuda = state
    random.setstate(python)
    np.random.set_state(numpy)
    torch.set_rng_state(torch_state)
    for device, one in zip(devices, cuda, strict=True):
        torch.cuda.set_rng_state(one, device)


def _restore_modes(modes: list[tuple[nn.Module, bool]]) -> None:
    for child, training in modes:
        if child.training != training:
            child.training = training


def _thaw(parameters: list[nn.Parameter]) -> None:
    for parameter in parameters:
        parameter.requires_grad_(True)


_Buffer = tuple[nn.Module, str, Tensor, int, Tensor]


def _buffers_of(module: nn.Module) -> list[_Buffer]:
    # Some layers write running statistics even in evaluation mode, so the values are kept, not trusted.
    return [
        (child, name, buffer, buffer._version, buffer.detach().clone())
        for child in module.modules()
        for name, buffer in child._buffers.items()
        if isinstance(buffer, Tensor) and not buffer.is_inference()
    ]


def _restore_buffers(kept: list[_Buffer]) -> None:
    with torch.no_grad():
        for child, name, buffer, version, value in kept:
            if buffer._version != version:
                buffer.copy_(value)
            if child._buffers.get(name) is not buffer:
                child._buffers[name] = buffer
