"""Networks with weights, classes and transforms through torchvision's own weights API."""

from typing import Any
from urllib.error import URLError

from torch import nn

from xai_widgets.errors import ModelError, did_you_mean


def load(name: str, weights: Any = "DEFAULT") -> tuple[nn.Module, Any, list[str] | None]:
    """Return the network, its evaluation transforms and its class names (None, None without weights).

    Raises:
        ModelError: unknown name or weights, or the download failed.
    """
    import torchvision.models as zoo

    known = zoo.list_models(module=zoo)
    if name not in known:
        raise ModelError(f"torchvision has no classification network {name!r}.", did_you_mean(name, known))
    if weights is None:
        return zoo.get_model(name, weights=None), None, None
    offered = zoo.get_model_weights(name)
    try:
        chosen = offered[weights] if isinstance(weights, str) else offered(weights)
    except (KeyError, ValueError):
        names = ", ".join(entry.name for entry in offered)
        raise ModelError(f"{name} has no weights {weights!r}.", f"There are {names}.") from None
    try:
        module = zoo.get_model(name, weights=chosen)
    except (URLError, OSError, RuntimeError) as error:
        raise ModelError(
            f"The weights of {name} could not be loaded from {chosen.url}: {error}.",
            "Offline: put that file into torch.hub.get_dir() + '/checkpoints', or take random weights with "
            "weights=None.",
        ) from error
    return module, chosen.transforms(), list(chosen.meta["categories"])
