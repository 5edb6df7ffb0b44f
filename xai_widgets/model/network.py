"""Take over a network as it is given: unwrap it, find its device, its channels and its identity."""

import copy
import hashlib
from typing import Any

import torch
from torch import Tensor, nn

from xai_widgets.errors import ModelError, ModelTypeError


def unwrapped(module: Any) -> nn.Module:
    """Return the network inside `DataParallel`, `DistributedDataParallel` or `torch.compile`.

    Raises:
        ModelTypeError: it is no network.
        ModelError: it has no weights yet.
    """
    if not isinstance(module, nn.Module):
        hint = "Build the network first, then load its weights into it: model files are never unpickled here."
        raise ModelTypeError(f"A {type(module).__name__} is no torch.nn.Module.", hint)
    parallel = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while isinstance(module, parallel) or hasattr(module, "_orig_mod"):
        module = module.module if isinstance(module, parallel) else module._orig_mod
    if isinstance(module, torch.jit.ScriptModule):
        hint = "Hand over the nn.Module that it was made from."
        raise ModelTypeError("TorchScript hides the layers of a network and takes no hooks.", hint)
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in module.parameters()):
        raise ModelError("The network has lazy layers without weights.", "Run it once on a batch first.")
    if any(p.is_meta for p in module.parameters()):
        raise ModelError("The network's weights lie on the meta device.", "Load its weights first.")
    if any(p.is_inference() for p in module.parameters()):
        raise ModelError("The network was made in torch.inference_mode().", "Make it outside of that block.")
    network: nn.Module = module
    return network


def on_device(module: nn.Module, device: str | torch.device | None) -> nn.Module:
    """Return the network itself if it lies on this device (or None is given), else a copy there."""
    if device is None or all(p.device == torch.device(device) for p in module.parameters()):
        return module
    return copy.deepcopy(module).to(device)


def channels_of(module: nn.Module) -> int:
    """Return the number of input channels: the first convolution's, or what fits the first linear layer."""
    for child in module.modules():
        if isinstance(child, nn.Conv2d):
            return child.in_channels
        if isinstance(child, nn.Linear):
            sides = {c: (child.in_features / c) ** 0.5 for c in (3, 1)}
            return next((c for c, side in sides.items() if side.is_integer()), 3)
    return 3


def fingerprint(module: nn.Module, *more: Tensor | None) -> str:
    """Return a short hash of the shapes and of a few values of every weight, and of some tensors more."""
    digest = hashlib.blake2b(digest_size=8)
    few = []
    with torch.no_grad():
        for name, weight in [*module.state_dict().items(), *((str(i), t) for i, t in enumerate(more))]:
            if isinstance(weight, Tensor):
                digest.update(f"{name}{tuple(weight.shape)}{weight.dtype}".encode())
                few.append(weight.view(-1) if weight.is_contiguous() else weight.flatten())
        few = [values[:: max(1, len(values) // 8)] for values in few]
        # One transfer for each device, not one for each weight.
        for device in sorted({str(values.device) for values in few}):
            digest.update(
                torch.cat([v for v in few if str(v.device) == device]).double().cpu().numpy().tobytes()
            )
    return digest.hexdigest()
