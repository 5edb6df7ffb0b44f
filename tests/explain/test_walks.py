"""Ways from the baseline: by analytic cases, by slow sums, and beside Captum."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from captum import attr
from torch import Tensor, nn

from tests.explain.nets import SIDE, Conv, Linear, Quadratic, Tokens, picture, seeded
from xai_widgets.explain import explain
from xai_widgets.explain.walks import _nearer
from xai_widgets.explain.xrai import ranked
from xai_widgets.inputs.baselines import Blur, Distribution
from xai_widgets.model import Model


def gradient_at(module: nn.Module, x: Tensor, target: int) -> tuple[float, np.ndarray]:
    leaf = x.clone().requires_grad_()
    output = module(leaf[None])[0, target]
    (found,) = torch.autograd.grad(output, leaf)
    return float(output), found.double().numpy()


def test_idgi_by_its_definition() -> None:
    module, x = seeded(Conv), picture()
    nodes = [gradient_at(module, x * share, 2) for share in np.linspace(0, 1, 17)]
    expected = np.zeros(x.shape)
    for (f0, g0), (f1, g1) in pairwise(nodes):
        expected += (g0**2 / (g0**2).sum() + g1**2 / (g1**2).sum()) / 2 * (f1 - f0)
    found = explain(Model(module), x, "idgi", target=2, steps=17)
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-6)
    assert found.evidence["completeness"].figure < 1e-4


def test_blur_ig_by_its_definition() -> None:
    """∫ ∂f/∂x · dx along the blurs, in many small steps."""
    module, x = seeded(Tokens), picture()
    sigma, count = 4.0, 400

    def at(share: float) -> Tensor:
        width = (1 - share) * sigma
        if width < 0.5:
            least = Blur(sigma=0.5).apply(x[None])[0]
            return least + (1 - width / 0.5) * (x - least)
        return Blur(sigma=width).apply(x[None])[0]

    places = [at(share) for share in np.linspace(0, 1, count)]
    nodes = [gradient_at(module, place, 2) for place in places]
    expected = np.zeros(x.shape)
    for k in range(count - 1):
        expected += (nodes[k][1] + nodes[k + 1][1]) / 2 * (places[k + 1] - places[k]).double().numpy()
    found = explain(Model(module), x, "blur_ig", target=2, sigma=sigma, steps=65)
    assert np.abs(found.values - expected).mean() < 0.03 * np.abs(expected).mean()
    assert found.evidence["completeness"].verdict == "holds"


def test_guided_ig_moves_small_gradients_first() -> None:
    place, goal = np.zeros(4), np.array([1.0, 1.0, 1.0, 1.0])
    moved = _nearer(place, goal, np.array([3.0, 1.0, 2.0, 4.0]), distance=2.5, fraction=0.25)
    np.testing.assert_allclose(moved, [0, 1, 0.5, 0])
    assert np.abs(goal - moved).sum() == pytest.approx(2.5)


def test_guided_ig_of_a_quadratic_is_exact() -> None:
    """Σ w x²: whatever the way, each value's share is w (x² - x'²), as no two interact."""
    module, x = seeded(Quadratic), picture()
    found = explain(Model(module), x, "guided_ig", target=1, steps=64)
    expected = module.weight[1].detach().double().numpy() * x.double().numpy() ** 2
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-6)
    assert found.evidence["completeness"].verdict == "holds"


@pytest.mark.parametrize("method", ["idgi", "guided_ig", "blur_ig", "expected_gradients"])
def test_linear(method: str) -> None:
    module, x = seeded(Linear), picture()
    found = explain(Model(module), x, method, target=2).values
    weight = module.head.weight[2].detach().double().numpy().reshape(3, SIDE, SIDE)
    way = x.double().numpy()
    if method == "blur_ig":
        way = way - Blur(sigma=50).apply(x[None])[0].double().numpy()
    expected = weight * way
    if method == "idgi":
        expected = weight**2 / (weight**2).sum() * (weight * way).sum()
    atol = 0.2 if method == "expected_gradients" else 1e-5
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=atol * np.abs(expected).max())


def test_gradient_shap_of_captum() -> None:
    """The same expectation: both means lie within four standard errors of each other."""
    module, x = seeded(Conv), picture()
    references = torch.stack([picture(k) for k in (1, 2, 3)])
    given = {"target": 2, "steps": 1024, "tolerance": 0, "noise": 0.1}
    found = explain(
        Model(module), x, "expected_gradients", baseline=Distribution(tuple(references[:, None])), **given
    )
    torch.manual_seed(0)
    sigma = 0.1 * float(x.max() - x.min())
    theirs = attr.GradientShap(module).attribute(x[None], references, n_samples=1024, stdevs=sigma, target=2)
    difference = np.abs(found.values - theirs[0].detach().numpy()).mean()
    error = found.evidence["convergence"].figure * np.abs(found.values).mean()
    assert difference < 4 * error


def test_xrai_ranks_regions_by_what_they_add() -> None:
    """Two regions overlap: the better takes its pixels, the other is worth what is left of it."""
    values = np.zeros((2, 6))
    values[:, :2], values[:, 2:4] = 3.0, 1.0
    left, right, all_ = (np.zeros((2, 6), dtype=np.bool_) for _ in range(3))
    left[:, :2], right[:, 1:4], all_[:] = True, True, True
    found = ranked(values, [left, right, all_])
    np.testing.assert_allclose(found[:, :2], 3)
    np.testing.assert_allclose(found[:, 2:4], 1)
    np.testing.assert_allclose(found[:, 4:], 0)


def test_xrai_finds_the_square_that_matters() -> None:
    class Square(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            inside = x[:, :, 8:24, 8:24].mean(dim=(1, 2, 3))
            return torch.stack([inside, -inside], dim=1)

    x = torch.full((3, 48, 48), 0.2)
    x[:, 8:24, 8:24] = 0.9
    found = explain(Model(Square()), x, "xrai", target=0).values
    assert found[12:20, 12:20].min() > 5 * np.abs(found[36:, 36:]).max()


def test_smooth_grad_squared_is_variance_and_squared_mean() -> None:
    module = seeded(Conv)
    given = {"target": 2, "samples": 16}
    squared = explain(Model(module), picture(), "smooth_grad_squared", **given).values
    mean = explain(Model(module), picture(), "smooth_grad", **given).values
    variance = explain(Model(module), picture(), "var_grad", **given).values
    np.testing.assert_allclose(squared, variance * 15 / 16 + mean**2, rtol=1e-3, atol=1e-8)


# ---- inside the network ----


@pytest.mark.parametrize(
    ("method", "theirs"),
    [
        ("layer_conductance", attr.LayerConductance),
        ("internal_influence", attr.InternalInfluence),
        ("layer_integrated_gradients", attr.LayerIntegratedGradients),
    ],
)
def test_layers_of_captum(method: str, theirs: type) -> None:
    module = seeded(Conv)
    module.features[5] = nn.ReLU()
    baseline = torch.zeros(1, 3, SIDE, SIDE)
    expected = theirs(module, module.features[4]).attribute(picture()[None], baseline, target=2, n_steps=500)
    expected = expected[0].detach().double().numpy().sum(axis=0)
    found = explain(Model(module), picture(), method, target=2, layer="features.4", steps=257)
    from torch.nn import functional as F

    large = F.interpolate(torch.from_numpy(expected)[None, None], (SIDE, SIDE), mode="bilinear")[0, 0].numpy()
    assert np.corrcoef(found.values.ravel(), large.ravel())[0, 1] > 0.999
    assert float(found.values.sum()) == pytest.approx(float(expected.sum()), rel=0.02, abs=1e-4)
    assert found.evidence.evaluations == 257


def test_neuron_gradient_of_captum() -> None:
    module = seeded(Conv)
    found = explain(Model(module), picture(), "neuron_gradient", layer="features.4", channel=3)
    leaf = picture()[None].clone().requires_grad_()
    (expected,) = torch.autograd.grad(module.features[:5](leaf)[0, 3].mean(), leaf)
    np.testing.assert_allclose(found.values, expected[0].numpy(), rtol=1e-3, atol=1e-8)


def test_conductance_says_what_passes_by() -> None:
    """In a residual network only a part of what is told passes through a layer."""
    module = seeded(Tokens)
    found = explain(Model(module), picture(), "layer_conductance", target=2, layer="blocks.0.norm1")
    assert found.evidence["flow"].verdict == "doubtful"
    all_ = explain(
        Model(seeded(Conv)), picture(), "layer_conductance", target=2, layer="features.4", steps=513
    )
    assert all_.evidence["flow"].figure == pytest.approx(1, abs=0.01)
