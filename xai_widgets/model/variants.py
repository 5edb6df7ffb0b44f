"""Another network behind the same preprocessing and classes, such as a checkpoint of its training."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from xai_widgets.errors import InputError, ModelError
from xai_widgets.model.handle import Model

_NESTED = ("state_dict", "model_state_dict", "model", "net", "module")


def variant(model: Model, module: nn.Module, name: str) -> Model:
    """Return another network behind the same preprocessing, classes and device."""
    found = Model(module, model.preprocess, model.classes, model.device)
    found.name = name
    return found


def checkpoint(model: Model, source: Any, name: str) -> Model:
    """Return the model with the weights of a checkpoint.

    Args:
        model: it is left as it is.
        source: a state dict, or the path of one that `torch.save` or safetensors wrote; one inside a
            training state ("state_dict", "model", …) is found, and "module." before its names is left out.
        name: what it is called.

    Raises:
        InputError: there is no such file, or it holds no state dict.
        ModelError: the weights are of another network; the message names what is missing.
    """
    weights = _weights(source, name)
    module = copy.deepcopy(model.module)
    try:
        lost = module.load_state_dict(weights, strict=False)
    except RuntimeError as error:  # shapes that differ
        raise ModelError(f"The checkpoint {name!r} is of another network: {error}", _REMEDY) from None
    wrong = [f"it lacks {', '.join(lost.missing_keys[:3])}"] if lost.missing_keys else []
    wrong += [f"it has {', '.join(lost.unexpected_keys[:3])}"] if lost.unexpected_keys else []
    if wrong:
        raise ModelError(f"The checkpoint {name!r} is of another network: {'; '.join(wrong)}.", _REMEDY)
    return variant(model, module, name)


_REMEDY = "Give the state dict of this very network; another network goes in as one of models={name: Model}."


def _weights(source: Any, name: str) -> dict[str, Tensor]:
    found = _read(Path(source), name) if isinstance(source, str | Path) else source
    for key in _NESTED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    tensors = isinstance(found, Mapping) and all(isinstance(value, Tensor) for value in found.values())
    if not tensors or not found:
        raise InputError(
            f"The checkpoint {name!r} holds no state dict but a {type(found).__name__}.",
            "Save it with torch.save(model.state_dict(), path).",
        )
    return {str(key).removeprefix("module."): value for key, value in found.items()}


def _read(path: Path, name: str) -> Any:
    if not path.exists():
        raise InputError(f"There is no file {path} for the checkpoint {name!r}.", "Check the path.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a broken file raises depends on where it breaks
        raise InputError(
            f"The checkpoint {name!r} cannot be read from {path}: {error}",
            "It must be a .safetensors file, or what torch.save wrote of a state dict (weights only).",
        ) from None
