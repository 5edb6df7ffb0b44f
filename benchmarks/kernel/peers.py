"""Captum's methods, run once with about so many evaluations of the network."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from captum import attr
from torch import Tensor, nn

from benchmarks.kernel.quality import Map
from xai_widgets.explain.perturbation import Lattice
from xai_widgets.explain.registry import METHODS
from xai_widgets.inputs.regions import superpixels

GREY = 128 / 255
BATCH = 16


def usual(method: str, name: str) -> Any:
    """Return what a parameter of ours is where nobody sets it: the peer takes the same."""
    return next(param.default for param in METHODS[method].params if param.name == name)


@dataclass(frozen=True)
class Question:
    """A network that takes pixels in [0, 1], a picture `(1, c, h, w)`, the explained class, and a layer."""

    module: nn.Module
    picture: Tensor
    target: int
    layer: str


Found = tuple[int, Map]
Run = Callable[[Question, int, int], Found | None]


@dataclass(frozen=True)
class Peer:
    """What is run in the place of a method of ours.

    Attributes:
        label: its name.
        run: from a question, an amount of work and a seed to the evaluations that it took and its map; None
            where it can't be done with so little.
    """

    label: str
    run: Run


def _map(found: Tensor) -> Map:
    return found[0].detach().double().numpy()


def _integrated(asked: Question, amount: int, seed: int) -> Found:
    method = attr.IntegratedGradients(asked.module)
    found = method.attribute(asked.picture, target=asked.target, n_steps=amount, internal_batch_size=BATCH)
    return amount, _map(found)


def _expected(asked: Question, amount: int, seed: int) -> Found:
    torch.manual_seed(seed)
    np.random.seed(seed)  # Captum draws its baselines from there
    black = torch.zeros_like(asked.picture)
    found = attr.GradientShap(asked.module).attribute(
        asked.picture, baselines=black, n_samples=amount, stdevs=0.0, target=asked.target
    )
    return amount, _map(found)


def _noisy(kind: str) -> Run:
    def run(asked: Question, amount: int, seed: int) -> Found:
        torch.manual_seed(seed)
        sigma = usual("smooth_grad", "noise") * float(asked.picture.max() - asked.picture.min())
        found = attr.NoiseTunnel(attr.Saliency(asked.module)).attribute(
            asked.picture,
            nt_type=kind,
            nt_samples=amount,
            nt_samples_batch_size=BATCH,
            stdevs=sigma,
            target=asked.target,
            abs=False,
        )
        return amount, _map(found)

    return run


def _occlusion(asked: Question, amount: int, seed: int) -> Found | None:
    """With the smallest stride for which there are no more windows; None where these would leave gaps."""
    channels, *size = asked.picture.shape[1:]
    full = Lattice.of(tuple(size), usual("occlusion", "window"), usual("occlusion", "stride"))
    grids = (Lattice(*size, full.window, stride) for stride in range(full.stride, full.window + 1))
    grid = next((one for one in grids if one.count < amount), None)
    if grid is None:
        return None
    found = attr.Occlusion(asked.module).attribute(
        asked.picture,
        sliding_window_shapes=(channels, grid.window, grid.window),
        strides=(channels, grid.stride, grid.stride),
        baselines=GREY,
        target=asked.target,
        perturbations_per_eval=BATCH,
    )
    return grid.count + 1, _map(found).mean(axis=0)


def _pieces(asked: Question, count: int) -> Tensor:
    labels = torch.from_numpy(superpixels(asked.picture, count))
    return labels.expand_as(asked.picture).contiguous()


def _ablation(asked: Question, amount: int, seed: int) -> Found:
    """With as many pieces as there is work for, and never more than ours has."""
    mask = _pieces(asked, min(usual("feature_ablation", "pieces"), amount - 1))
    found = attr.FeatureAblation(asked.module).attribute(
        asked.picture,
        baselines=GREY,
        feature_mask=mask,
        target=asked.target,
        perturbations_per_eval=BATCH,
    )
    return int(mask.max()) + 2, _map(found).mean(axis=0)


def _shapley(asked: Question, amount: int, seed: int) -> Found | None:
    """In as many whole orders as there is work for; None where that is none."""
    torch.manual_seed(seed)
    mask = _pieces(asked, usual("shapley_sampling", "pieces"))
    players = int(mask.max()) + 1
    orders = (amount - 1) // players
    if orders == 0:
        return None
    found = attr.ShapleyValueSampling(asked.module).attribute(
        asked.picture,
        baselines=GREY,
        feature_mask=mask,
        n_samples=orders,
        target=asked.target,
        perturbations_per_eval=BATCH,
    )
    return orders * players + 1, _map(found).mean(axis=0)


def _regression(method: Any, ours: str) -> Run:
    def run(asked: Question, amount: int, seed: int) -> Found:
        torch.manual_seed(seed)
        found = method(asked.module).attribute(
            asked.picture,
            baselines=GREY,
            feature_mask=_pieces(asked, usual(ours, "pieces")),
            n_samples=amount,
            target=asked.target,
            perturbations_per_eval=BATCH,
        )
        return amount, _map(found).mean(axis=0)

    return run


def _inside(method: Any) -> Run:
    def run(asked: Question, amount: int, seed: int) -> Found:
        found = method(asked.module, asked.module.get_submodule(asked.layer)).attribute(
            asked.picture,
            baselines=torch.zeros_like(asked.picture),
            n_steps=amount,
            target=asked.target,
            internal_batch_size=BATCH,
        )
        return amount, _map(found).sum(axis=0)

    return run


PEERS = {
    "integrated_gradients": Peer("Captum IntegratedGradients, Gauss-Legendre", _integrated),
    "expected_gradients": Peer("Captum GradientShap", _expected),
    "smooth_grad": Peer("Captum NoiseTunnel smoothgrad", _noisy("smoothgrad")),
    "smooth_grad_squared": Peer("Captum NoiseTunnel smoothgrad_sq", _noisy("smoothgrad_sq")),
    "var_grad": Peer("Captum NoiseTunnel vargrad", _noisy("vargrad")),
    "occlusion": Peer("Captum Occlusion, wider strides", _occlusion),
    "feature_ablation": Peer("Captum FeatureAblation, fewer pieces", _ablation),
    "lime": Peer("Captum Lime", _regression(attr.Lime, "lime")),
    "kernel_shap": Peer("Captum KernelShap", _regression(attr.KernelShap, "kernel_shap")),
    "shapley_sampling": Peer("Captum ShapleyValueSampling", _shapley),
    "layer_conductance": Peer("Captum LayerConductance", _inside(attr.LayerConductance)),
    "layer_integrated_gradients": Peer(
        "Captum LayerIntegratedGradients", _inside(attr.LayerIntegratedGradients)
    ),
    "internal_influence": Peer("Captum InternalInfluence", _inside(attr.InternalInfluence)),
}
