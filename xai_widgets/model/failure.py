"""What went wrong inside a network, in words: what was given, where it failed, what to do."""

from typing import Any

import torch
from torch import Tensor, nn

from xai_widgets.errors import InputError, ModelError
from xai_widgets.model.batches import is_out_of_memory
from xai_widgets.model.hooks import layer_reached


def explained(error: Exception, module: nn.Module, inputs: Tensor) -> ModelError:
    """Return the ModelError to raise from what a network raised on these inputs."""
    if is_out_of_memory(error):
        return ModelError(f"Memory ran out: {error}", "Use a smaller picture, or a device with more memory.")
    if "does not require grad" in str(error):
        return ModelError(
            "The output of this network does not depend on its input in a way that can be differentiated.",
            "Look for argmax, rounding, .detach(), .data or torch.no_grad() in its forward, or use a method "
            "without gradients, such as occlusion.",
        )
    if "modified by an inplace operation" in str(error):
        return ModelError(
            f"This network overwrites values that its gradient needs: {error}",
            "Set inplace=False on its activations, or replace `x += y` by `x = x + y` in its forward.",
        )
    reached = layer_reached(module, inputs[:1])
    said = str(error).rstrip(". \n")
    where = f" in layer {reached!r}" if reached else ""
    given = f"{str(inputs.dtype).removeprefix('torch.')} input of shape {tuple(inputs.shape)}"
    return ModelError(
        f"The network raised {type(error).__name__}{where} on {given}: {said}.",
        "It runs in evaluation mode on (n, c, h, w): check the size, the channels and the preprocessing.",
    )


def check_inputs(inputs: Any, channels: int) -> None:
    """Check what is to go into a network with this many channels.

    Raises:
        InputError: no tensor `(n, c, h, w)`, wrong channels, empty, or NaN or infinity in it.
    """
    given = f"shape {tuple(inputs.shape)}" if isinstance(inputs, Tensor) else f"a {type(inputs).__name__}"
    if not isinstance(inputs, Tensor) or inputs.ndim != 4 or 0 in inputs.shape:
        raise InputError(f"A network takes inputs (n, c, h, w), not {given}.", "Use model.pixels(...).")
    if inputs.shape[1] != channels:
        raise InputError(
            f"The network takes {channels} channels, the input has {inputs.shape[1]}.",
            f"Give inputs of shape (n, {channels}, h, w).",
        )
    if not bool(torch.isfinite(inputs).all()):
        raise InputError("The input contains NaN or infinity.", "Check the picture and the preprocessing.")


def fit_channels(picture: Tensor, channels: int) -> Tensor:
    """Return a picture `(c, h, w)` or `(1, c, h, w)` as `(1, channels, h, w)`, grey and colour exchanged.

    Raises:
        InputError: it has another number of channels, or another shape.
    """
    found = picture.detach().to("cpu", torch.float32)
    found = found[None] if found.ndim == 3 else found
    if found.ndim != 4 or len(found) != 1:
        raise InputError(f"A picture has shape (c, h, w), not {tuple(picture.shape)}.", "Give one at a time.")
    if found.shape[1] == 1 and channels == 3:
        return found.expand(1, 3, *found.shape[2:]).clone()
    if found.shape[1] == 3 and channels == 1:
        weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)  # ITU-R 601, as Pillow's "L"
        return (found * weights).sum(1, keepdim=True)
    if found.shape[1] != channels:
        raise InputError(
            f"The network takes {channels} channels, the picture has {found.shape[1]}.",
            f"Give a tensor of shape ({channels}, h, w).",
        )
    return found
