"""What an explanation must differ from: the method on a network that knows nothing, and edges.

Adebayo et al. 2018, "Sanity Checks for Saliency Maps".
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from skimage import filters

from ..anytime import Step
from ..explain.method import Method
from ..explain.problem import Problem, Steps, attribution
from ..model.handle import Model
from ..model.variants import variant


def randomised(model: Model, seed: int = 0) -> Model:
    """Return the model with what it has learned destroyed: the values of every weight matrix are shuffled.

    Adebayo et al. draw new weights; shuffled ones have the sizes of the learned ones, so that activations
    neither vanish nor explode. Biases and the statistics of normalisation stay.

    Args:
        model: it is left as it is.
        seed: of the shuffling.
    """
    module = copy.deepcopy(model.module)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in module.parameters():
            if weight.ndim > 1:
                places = torch.randperm(weight.numel(), generator=generator).to(weight.device)
                weight.copy_(weight.flatten()[places].view_as(weight))
    return variant(model, module, f"{model.name}, weights shuffled")


def _edges(problem: Problem) -> Steps:
    """Return the strength of the picture's edges, whatever the network says of it."""
    grey = problem.pixels[0].double().mean(dim=0).numpy()
    steepness: Callable[..., Any] = filters.sobel
    yield Step(attribution(np.asarray(steepness(grey)), 0), 1.0, None, True)


EDGES = Method(
    name="edges",
    label="Edges of the picture",
    function=_edges,
    paper="Sobel and Feldman 1968",
    summary="How steep the picture is at each pixel; no network is asked.",
    signed=False,
    per_channel=False,
    family="Controls",
)
"""Not a member of `METHODS`: it explains nothing, which is its use."""
