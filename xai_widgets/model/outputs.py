"""The tensors in whatever a network gives back."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from xai_widgets.errors import ModelError

FIRST = ("logits", "out", "output", "pred")
"""Names of the entry that matters most."""


def check_finite(values: Tensor, what: str) -> None:
    """Check that there is no NaN or infinity among the outputs or the gradients of a network.

    Raises:
        ModelError: says how many values are affected.
    """
    bad = int((~torch.isfinite(values)).sum())
    if bad:
        raise ModelError(
            f"The network gave NaN or infinity in {bad} of {values.numel()} {what}.",
            "Check the weights and the preprocessing; half precision may overflow: use module.float().",
        )


def first_tensor(output: Any) -> Tensor | None:
    """Return the tensor a layer gave: its output, or the first tensor in a tuple, dict or dataclass."""
    return next((found for _, found in entries(output) if isinstance(found, Tensor)), None)


def with_tensor(output: Any, old: Tensor, new: Tensor) -> Any:
    """Return the output with one tensor replaced, in the same kind of tuple, list or dict."""
    if output is old:
        return new
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return type(output)(*(with_tensor(entry, old, new) for entry in output))
    if isinstance(output, (tuple, list)):
        return type(output)(with_tensor(entry, old, new) for entry in output)
    if isinstance(output, dict):
        replaced = copy.copy(output)  # keeps what a subclass such as ModelOutput needs
        for name, entry in output.items():
            replaced[name] = with_tensor(entry, old, new)
        return replaced
    if is_dataclass(output) and not isinstance(output, type):
        twin: Any = copy.copy(output)
        for field in fields(output):
            object.__setattr__(twin, field.name, with_tensor(getattr(output, field.name), old, new))
        return twin
    return output


def describe(output: Any) -> str:
    """Return in words what was given: shapes of tensors, types of everything else."""
    if isinstance(output, Tensor):
        return f"a {str(output.dtype).removeprefix('torch.')} tensor of shape {tuple(output.shape)}"
    inside = [describe(found) for _, found in entries(output) if found is not output]
    return f"a {type(output).__name__}" + (f" with {', '.join(inside)}" if inside else "")


def entries(output: Any) -> Iterator[tuple[str, Any]]:
    """Yield what lies in tuples, lists, dicts and dataclasses with its name, what matters most first."""
    if isinstance(output, Mapping):
        named = [(str(name), entry) for name, entry in output.items()]
    elif is_dataclass(output) and not isinstance(output, type):
        named = [(field.name, getattr(output, field.name)) for field in fields(output)]
    elif isinstance(output, tuple) and hasattr(output, "_fields"):
        named = list(zip(output._fields, output, strict=True))
    elif isinstance(output, (tuple, list)):
        named = [("", entry) for entry in output]
    else:
        yield "", output
        return
    for name, entry in sorted(named, key=lambda pair: FIRST.index(pair[0]) if pair[0] in FIRST else 99):
        for _, inner in entries(entry):
            yield name, inner
