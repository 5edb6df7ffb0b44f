"""Class activation maps: by their formulas, slowly, and beside pytorch-grad-cam."""

from typing import Any

import numpy as np
import pytest
import torch
from captum import attr
from torch import Tensor, nn
from torch.nn import functional as F

from tests.explain.nets import SIDE, Conv, Tokens, picture, seeded
from xai_widgets.errors import NotValidError
from xai_widgets.explain import explain
from xai_widgets.model import Model

LAYER = "features.4"


def parts(module: nn.Module, target: int = 2, layer: str = LAYER) -> tuple[np.ndarray, np.ndarray, float]:
    """Return A and g `(c, h, w)` of a layer, and the target, by hooks of our own."""
    kept: list[Tensor] = []

    def hook(child: nn.Module, args: Any, output: Tensor) -> Tensor:
        kept.append(output.clone())
        kept[-1].retain_grad()
        return kept[-1].clone()  # the ReLU after it works in place

    handle = module.get_submodule(layer).register_forward_hook(hook)
    output = module(picture()[None].clone().requires_grad_())[0, target]
    handle.remove()
    output.backward()
    return kept[0][0].detach().double().numpy(), kept[0].grad[0].double().numpy(), float(output)


def large(cam: np.ndarray) -> np.ndarray:
    small = torch.from_numpy(cam)[None, None]
    return F.interpolate(small, (SIDE, SIDE), mode="bilinear", align_corners=False)[0, 0].numpy()


def slowly(name: str, a: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Return the weighted sum of maps, channel by channel, place by place."""
    cam = np.zeros(a.shape[1:])
    for k in range(len(a)):
        if name == "grad_cam":
            cam += g[k].mean() * a[k]
        elif name == "grad_cam_pp":
            below = 2 * g[k] ** 2 + a[k].sum() * g[k] ** 3
            alpha = np.where(below != 0, g[k] ** 2 / np.where(below != 0, below, 1), 0)
            cam += (alpha * np.maximum(g[k], 0)).sum() * a[k]
        elif name == "xgrad_cam":
            cam += (a[k] * g[k]).sum() / a[k].sum() * a[k]
        elif name == "hires_cam":
            cam += g[k] * a[k]
        elif name == "layer_cam":
            cam += np.maximum(g[k], 0) * a[k]
    return np.maximum(cam, 0)


GRADIENTS = ["grad_cam", "grad_cam_pp", "xgrad_cam", "hires_cam", "layer_cam"]


@pytest.mark.parametrize("name", GRADIENTS)
def test_by_the_formula(name: str) -> None:
    module = seeded(Conv)
    a, g, _ = parts(module)
    found = explain(Model(module), picture(), name, target=2, layer=LAYER).values
    np.testing.assert_allclose(found, large(slowly(name, a, g)), rtol=1e-3, atol=1e-6)


LIBRARY = {
    "grad_cam": "GradCAM",
    "grad_cam_pp": "GradCAMPlusPlus",
    "xgrad_cam": "XGradCAM",
    "hires_cam": "HiResCAM",
    "layer_cam": "LayerCAM",
    "ablation_cam": "AblationCAM",
    "score_cam": "ScoreCAM",
}


@pytest.mark.parametrize("name", LIBRARY)
def test_pytorch_grad_cam(name: str) -> None:
    """Up to its scaling to [0, 1]. Its Eigen-CAM takes the mean off first, which the paper does not."""
    library = pytest.importorskip("pytorch_grad_cam")
    targets = pytest.importorskip("pytorch_grad_cam.utils.model_targets")
    module = seeded(Conv)
    module.features[5] = nn.ReLU()  # their hooks don't survive in-place layers
    layer = "features.5"
    with getattr(library, LIBRARY[name])(model=module, target_layers=[module.features[5]]) as cam:
        theirs = cam(picture()[None], [targets.ClassifierOutputTarget(2)])[0]
    found = explain(Model(module), picture(), name, target=2, layer=layer).values
    assert np.ptp(theirs) > 0
    ours = (found - found.min()) / np.ptp(found)
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.999


def test_cam_is_the_classifier_on_the_maps() -> None:
    """Σ_k w_k A_k (Zhou et al.); its mean and the bias make the logit."""
    module = seeded(Conv)
    found = explain(Model(module), picture(), "cam", target=2, layer="features.5").values
    a = module.features(picture()[None])[0].detach().double().numpy()
    weights = module.head.weight[2].detach().double().numpy()
    cam = np.tensordot(weights, a, 1)
    np.testing.assert_allclose(found, large(cam), rtol=1e-3, atol=1e-6)
    logit = float(module(picture()[None])[0, 2])
    assert cam.mean() + float(module.head.bias[2]) == pytest.approx(logit, rel=1e-4)


def test_cam_where_the_classifier_reads_more() -> None:
    model = Model(seeded(Tokens))
    with pytest.raises(NotValidError, match="means of its channels"):
        explain(model, picture(), "cam", target=2)
    from xai_widgets.explain import METHODS

    assert "Grad-CAM" in str(METHODS["cam"].valid(model, model.layers(picture()[None])))


def test_eigen_cam_is_the_first_component() -> None:
    module = seeded(Conv)
    a, _, _ = parts(module)
    places = a.reshape(len(a), -1).T
    vector = np.linalg.eigh(places.T @ places)[1][:, -1]
    cam = (places @ vector).reshape(a.shape[1:])
    cam = cam if cam.sum() > 0 else -cam
    found = explain(Model(module), picture(), "eigen_cam", target=2, layer=LAYER)
    np.testing.assert_allclose(found.values, large(np.maximum(cam, 0)), rtol=1e-3, atol=1e-5)
    assert found.evidence["architecture"].verdict == "doubtful"


def test_score_cam_slowly() -> None:
    module = seeded(Conv)
    a, _, _ = parts(module)
    x, scores = picture(), []
    for k in range(len(a)):
        mask = large(a[k])
        mask = (mask - mask.min()) / np.ptp(mask) if np.ptp(mask) else np.zeros_like(mask)
        with torch.no_grad():
            scores.append(float(module((x * torch.from_numpy(mask).float())[None])[0, 2]))
    weights = np.exp(scores) / np.exp(scores).sum()
    found = explain(Model(module), x, "score_cam", target=2, layer=LAYER).values
    np.testing.assert_allclose(found, large(np.maximum(np.tensordot(weights, a, 1), 0)), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("net", "layer"), [(Conv, LAYER), (Tokens, "blocks.0")])
def test_ablation_cam_slowly(net: type[nn.Module], layer: str) -> None:
    """Every channel set to zero by a hook of our own, tokens included."""
    module = seeded(net)
    x, cam, whole = picture()[None], 0.0, float(module(picture()[None])[0, 2])
    tokens = net is Tokens
    kept: list[Tensor] = []
    handle = module.get_submodule(layer).register_forward_hook(
        lambda m, i, o: kept.append(o.detach().clone())
    )
    module(x)
    handle.remove()
    maps = kept[0][0, 1:].T.reshape(-1, 4, 4) if tokens else kept[0][0]
    for k in range(len(maps)):

        def without(m: nn.Module, i: Any, o: Tensor, k: int = k) -> Tensor:
            o = o.clone()
            o[(..., k) if tokens else (slice(None), k)] = 0
            return o

        handle = module.get_submodule(layer).register_forward_hook(without)
        with torch.no_grad():
            left = float(module(x)[0, 2])
        handle.remove()
        cam = cam + (whole - left) / abs(whole) * maps[k].double().numpy()
    found = explain(Model(module), picture(), "ablation_cam", target=2, layer=layer).values
    np.testing.assert_allclose(found, large(np.maximum(cam, 0)), rtol=2e-3, atol=1e-5)


def test_guided_backprop_deconvolution_and_guided_grad_cam_of_captum() -> None:
    module = seeded(Conv)
    for index in (2, 5):
        module.features[index] = nn.ReLU()
    x = picture()[None]
    for name, theirs in {"guided_backprop": attr.GuidedBackprop, "deconvolution": attr.Deconvolution}.items():
        expected = theirs(module).attribute(x.clone().requires_grad_(), target=2)[0].detach().numpy()
        found = explain(Model(module), picture(), name, target=2)
        np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-7)
    layer = module.features[4]
    expected = attr.GuidedGradCam(module, layer).attribute(x, target=2, interpolate_mode="bilinear")[0]
    found = explain(Model(module), picture(), "guided_grad_cam", target=2, layer=LAYER)
    np.testing.assert_allclose(found.values, expected.detach().numpy(), rtol=1e-3, atol=1e-7)


def test_guided_backprop_takes_functions_and_in_place_layers() -> None:
    """The same network written with one in-place ReLU used twice gives the same."""

    class Twice(nn.Module):
        def __init__(self, once: nn.Module) -> None:
            super().__init__()
            self.once, self.relu = once, nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            f = self.once.features
            x = f[3](self.relu(f[1](f[0](x))))
            return self.once.head(F.relu(f[4](x)).mean(dim=(2, 3)))

    module = seeded(Conv)
    one = explain(Model(module), picture(), "guided_backprop", target=2).values
    other = explain(Model(Twice(module).eval()), picture(), "guided_backprop", target=2).values
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-8)


def test_guided_backprop_is_refused_without_relus() -> None:
    class Smooth(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.act, self.head = nn.Conv2d(3, 4, 3), nn.GELU(), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.act(self.conv(x)).mean(dim=(2, 3)))

    with pytest.raises(NotValidError, match="GELU"):
        explain(Model(seeded(Smooth)), picture(), "guided_backprop")


def test_full_grad_adds_up() -> None:
    """f(x) = ∇ₓf · x + Σ biases · their gradients, in a network of linear pieces; by finite differences."""
    module = seeded(Conv)
    found = explain(Model(module), picture(), "full_grad", target=2)
    assert found.evidence["architecture"].verdict == "holds"
    assert found.evidence["architecture"].figure == pytest.approx(0, abs=1e-4)
    assert found.values.min() >= 0
    tokens = explain(Model(seeded(Tokens)), picture(), "full_grad", target=2)
    assert tokens.evidence["architecture"].verdict == "doubtful"
