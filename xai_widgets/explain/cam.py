"""Class activation maps: which positions of a layer speak for the target."""

import numpy as np
import torch
from torch.nn import functional as F

from ..anytime import Step
from ..errors import NotValidError
from ..model.layers import Layer, LayerTree, as_maps
from ..results import Check
from .gradient import Steps
from .problem import Attribution, Problem


def grad_cam(problem: Problem) -> Steps:
    """Channels of a layer, each weighted by its mean gradient, the positive part of the sum, `(h, w)`.

    Selvaraju et al., "Grad-CAM", ICCV 2017: ReLU(Σ_k α_k A_k) with α_k the mean over the positions of
    ∂f/∂A_k (equations 1 and 2), brought to the size of the input bilinearly. Layers of tokens are brought
    onto their grid, class tokens apart.

    Raises:
        NotValidError: the layer has no positions.
    """
    tree = problem.model.layers(problem.inputs)
    layer = checked_layer(tree, problem.layer or tree.default_cam())
    _, activation, gradient = problem.model.layer_gradients(problem.inputs, problem.target, layer.name)
    maps, slopes = as_maps(activation, layer), as_maps(gradient, layer)
    cam = (slopes.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1, keepdim=True).relu()
    large = F.interpolate(cam, problem.inputs.shape[-2:], mode="bilinear", align_corners=False)
    values = large[0, 0].numpy().astype(np.float32)
    yield Step(Attribution(values, 1, checks=(_carried(slopes, layer, tree),)), 1.0, None, True)


def checked_layer(tree: LayerTree, name: str) -> Layer:
    """Return a layer that Grad-CAM can use.

    Raises:
        UnknownLayerError: there is no such layer.
        NotValidError: it has no positions, only a vector or nothing to look at.
    """
    layer: Layer = tree[name]
    if layer.grid is None or layer.grid == (1, 1):
        words = (
            f"Grad-CAM needs positions, but {name!r} gives {'×'.join(map(str, layer.shape)) or 'no tensor'}."
        )
        better = "Take a method that needs no layer." if why_not(tree) else f"Take {tree.default_cam()!r}."
        raise NotValidError(words, better)
    return layer


def why_not(tree: LayerTree) -> str | None:
    """Return why no layer of a network can be used, None where one can."""
    try:
        tree.default_cam()
    except NotValidError as error:
        return str(error)
    return None


def _carried(slopes: torch.Tensor, layer: Layer, tree: LayerTree) -> Check:
    """Return whether the target depends on the positions of the layer at all."""
    share = float((slopes != 0).any(dim=1).double().mean())
    grid = " × ".join(map(str, layer.grid or ()))
    if share == 0:
        better = _remedy(tree, layer)
        why = "only the class token does" if layer.class_tokens else "the target does not depend on them"
        words = f"No position of {layer.name} carries a gradient to the target ({why}); {better}."
        return Check("architecture", "fails", share, words, "not valid at this layer")
    if share < 0.5:
        words = f"Only {share:.0%} of the {grid} positions of {layer.name} carry a gradient to the target."
        return Check("architecture", "doubtful", share, words, f"{share:.0%} of positions count")
    return Check(
        "architecture", "holds", share, f"{layer.name} has {grid} positions that matter to the target."
    )


def _remedy(tree: LayerTree, layer: Layer) -> str:
    better = tree.default_cam() if why_not(tree) is None else layer.name
    return f"take {better} instead" if better != layer.name else "take an earlier layer or another target"
