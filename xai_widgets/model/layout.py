"""What is quicker for the same numbers: the order of a batch in memory, and half precision on a GPU."""

import torch
from torch import Tensor, nn

from xai_widgets.model.batches import Work

LIGHT = 64
"""Up to so many kernel weights a pixel of the batch, channels last is quicker on a CPU.

Without touching the weights, which are the user's, their order is changed in every call: one that pays only
where there is much to convolve. Forward and backward pass, one core, beside the usual layout: SqueezeNet
0.72, MobileNet 0.82, ResNet-20 0.97; ResNet-18 1.12 with one picture (220 weights a pixel), 0.97 with four.
"""
SCALE = 1024.0
"""By how much gradients are raised while they are in half precision, so that small ones do not vanish."""


class Layout:
    """Keeps what was learned about a network: the layout and the precision that it can be run in."""

    def __init__(self, module: nn.Module, autocast: bool) -> None:
        self._kernels = sum(m.weight.numel() for m in module.modules() if isinstance(m, nn.Conv2d))
        self._views = False  # whether its forward views a tensor in a way that only the usual layout allows
        self.autocast = autocast

    def of(self, batch: Tensor) -> Tensor:
        """Return the batch `(n, c, h, w)` as it lies best."""
        pixels = batch.numel() // batch.shape[1]
        on_cpu = batch.device.type == "cpu" and 0 < self._kernels <= LIGHT * pixels
        if self._views or not (on_cpu or self.half(batch.device, batch.dtype)):
            return batch.contiguous()
        return batch.contiguous(memory_format=torch.channels_last)

    def refused(self, error: Exception) -> bool:
        """Whether a network raised because of the layout; from then on it gets the usual one."""
        if self._views or "view size is not compatible" not in str(error):
            return False
        self._views = True
        return True

    def half(self, device: torch.device, dtype: torch.dtype) -> bool:
        """Whether it is multiplied in half precision: on a GPU, unless the network overflowed in it."""
        return self.autocast and device.type == "cuda" and dtype == torch.float32

    def run(self, work: Work, batch: Tensor, allowed: bool) -> tuple[Tensor, ...]:
        """Return what work gives for a batch, detached, in float32, on the CPU; in half precision if allowed.

        Where that overflows, the batch is computed again, and half precision is over.
        """
        if not (allowed and self.half(batch.device, batch.dtype)):
            return tuple(map(_plain, work(batch)))
        with torch.autocast(batch.device.type, torch.float16):
            found = tuple(map(_plain, work(batch)))
        if all(bool(torch.isfinite(part).all()) for part in found):
            return found
        self.autocast = False
        return self.run(work, batch, allowed)


def gradient(values: Tensor, leaf: Tensor, reaches: bool = True) -> Tensor:
    """Return the gradient of the sum of values `(n,)` by a leaf.

    Raises:
        RuntimeError: the values cannot be differentiated, or the leaf does not reach them although it should.
    """
    scale = SCALE if torch.is_autocast_enabled(values.device.type) else 1.0
    (found,) = torch.autograd.grad(
        values, [leaf], torch.full_like(values, scale), materialize_grads=not reaches
    )
    return found if scale == 1 else found / scale


def _plain(part: Tensor) -> Tensor:
    return part.detach().to("cpu", torch.float32, memory_format=torch.contiguous_format)
