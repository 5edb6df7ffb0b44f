"""Every method against networks whose explanation is known, and against its definition, slowly."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.models import VisionTransformer

from tests.explain.nets import SIDE, Conv, Kink, Linear, Quadratic, Tokens, picture, seeded
from xai_widgets.anytime import Step
from xai_widgets.errors import NotValidError
from xai_widgets.explain import explain, explain_steps
from xai_widgets.explain.perturbation import Drops, Lattice
from xai_widgets.explain.sampling import Running
from xai_widgets.inputs.baselines import Color, Distribution, Image, UniformNoise
from xai_widgets.model import Model
from xai_widgets.model.targets import Channel, Margin, Neuron
from xai_widgets.results import Explanation


def double(module: nn.Module) -> nn.Module:
    return module.double()


# ---- a linear network: every method is exact ----


@pytest.fixture
def linear() -> tuple[Model, np.ndarray]:
    module = seeded(Linear)
    weights = module.head.weight[2].detach().double().numpy().reshape(3, SIDE, SIDE)
    return Model(module), weights


def test_linear_gradients(linear: tuple[Model, np.ndarray]) -> None:
    model, weights = linear
    x = picture().double().numpy()
    found = explain(model, picture(), "gradient", target=2)
    np.testing.assert_allclose(found.values, weights, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.map, weights.sum(axis=0), rtol=1e-4, atol=1e-6)
    found = explain(model, picture(), "input_x_gradient", target=2)
    np.testing.assert_allclose(found.values, weights * x, rtol=1e-5, atol=1e-7)
    found = explain(model, picture(), "smooth_grad", target=2, samples=5)
    np.testing.assert_allclose(found.values, weights, rtol=1e-5, atol=1e-6)
    assert found.evidence["convergence"].figure == pytest.approx(0, abs=1e-5)
    found = explain(model, picture(), "var_grad", target=2, samples=5)
    np.testing.assert_allclose(found.values, 0, atol=1e-12)


@pytest.mark.parametrize("baseline", [None, UniformNoise(seed=3), Color("#204060")])
def test_linear_integrated_gradients(linear: tuple[Model, np.ndarray], baseline: object) -> None:
    model, weights = linear
    reference = np.zeros((3, SIDE, SIDE))
    if baseline is not None:
        reference = baseline.apply(picture()[None])[0].double().numpy()  # type: ignore[attr-defined]
    found = explain(model, picture(), "integrated_gradients", target=2, baseline=baseline)
    np.testing.assert_allclose(
        found.values, weights * (picture().double().numpy() - reference), rtol=1e-4, atol=1e-6
    )
    assert found.evidence.evaluations == 9, "fewer nodes may agree by chance"
    assert found.evidence["completeness"].verdict == "holds"


def test_linear_expected_gradients(linear: tuple[Model, np.ndarray]) -> None:
    """With as many samples as a multiple of the baselines, each has had its turn equally often."""
    model, weights = linear
    references = [picture(k)[None] for k in (1, 2, 3, 4)]
    found = explain(
        model, picture(), target=2, baseline=Distribution(tuple(references)), steps=40, tolerance=0
    )
    mean = torch.cat(references).double().mean(dim=0).numpy()
    expected = weights * (picture().double().numpy() - mean)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-6)
    assert found.evidence["completeness"].figure == pytest.approx(0, abs=1e-4)


def test_linear_occlusion(linear: tuple[Model, np.ndarray]) -> None:
    """A window of one pixel gives the sum over its channels of w (x - x')."""
    model, weights = linear
    found = explain(model, picture(), "occlusion", target=2, window=1 / SIDE, stride=1, baseline="black")
    np.testing.assert_allclose(
        found.values, (weights * picture().double().numpy()).sum(axis=0), rtol=1e-3, atol=2e-6
    )


def test_margin_is_the_difference() -> None:
    model = Model(seeded(Conv))
    one = explain(model, picture(), "gradient", target=1).values
    other = explain(model, picture(), "gradient", target=3).values
    both = explain(model, picture(), "gradient", target=Margin(1, 3)).values
    np.testing.assert_allclose(both, one - other, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("target", [Neuron("features.4", 2, (1, 3)), Channel("features.4", 2)])
@pytest.mark.parametrize("method", ["gradient", "integrated_gradients", "occlusion"])
def test_targets_inside(target: object, method: str) -> None:
    found = explain(Model(seeded(Conv)), picture(), method, target=target)  # type: ignore[arg-type]
    assert found.target_index is None and "features.4" in found.target
    assert np.abs(found.values).max() > 0


# ---- curved networks ----


def test_gradient_by_finite_differences() -> None:
    module = double(seeded(Conv))
    found = explain(Model(module), picture(), "gradient", target=1).values
    x = picture().double()[None]
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for _ in range(30):
            place = tuple(rng.integers(0, size) for size in x.shape[1:])
            step = torch.zeros_like(x)
            step[(0, *place)] = 1e-6
            slope = (module(x + step) - module(x - step))[0, 1] / 2e-6
            assert float(slope) == pytest.approx(float(found[place]), rel=1e-3, abs=1e-7)


def test_quadratic() -> None:
    """∫ 2 w x' dα from black is w x²; the trapezoid rule is exact where the gradient is linear."""
    module = seeded(Quadratic)
    found = explain(Model(module), picture(), target=1, steps=16)
    weights = module.weight[1].detach().double().numpy()
    np.testing.assert_allclose(found.values, weights * picture().double().numpy() ** 2, rtol=1e-4, atol=1e-6)
    assert found.evidence["completeness"].figure == pytest.approx(0, abs=1e-4)


def test_kink() -> None:
    """f(x) = relu(mean x - 1/4) gives every pixel its share x / Σ x of f(x)."""
    x = picture().double().numpy()
    found = explain(Model(Kink()), picture(), target=0, steps=64, tolerance=0)
    expected = x / x.sum() * (x.mean() - 0.25)
    np.testing.assert_allclose(found.values, expected, rtol=0.03)
    # The one interval with the step in it is halved again and again, and then the rule is as good as exact.
    assert found.evidence["completeness"].verdict == "holds"


def steps_of(module: nn.Module, **params: object) -> list[Step[Explanation]]:
    return list(explain_steps(Model(module), picture(), **params))  # type: ignore[arg-type]


def test_the_error_of_integrated_gradients_is_honest() -> None:
    """Beside a reference of 2,048 nodes, the estimate is right within a factor of three at every step."""
    module = seeded(Conv, 3)
    x = picture()[None]
    shares = (torch.arange(2048) + 0.5) / 2048
    points = (shares[:, None, None, None] * x).requires_grad_()
    (slopes,) = torch.autograd.grad(module(points)[:, 0].sum(), [points])
    reference = (slopes.mean(dim=0) * x[0]).double().numpy()
    for step in steps_of(module, target=0, steps=48, tolerance=0)[1:]:
        true = float(np.abs(step.value.values - reference).mean())
        assert step.error is not None and true / 3 < step.error < true * 3


def test_noise_of_smooth_grad_is_the_papers() -> None:
    """Independently: the mean of gradients at x + N(0, (noise · (max - min))²)."""
    module = seeded(Conv, 1)
    x = picture()[None]
    generator = torch.Generator().manual_seed(99)
    total = torch.zeros_like(x)
    for _ in range(400):
        noisy = x + 0.2 * (x.max() - x.min()) * torch.randn(x.shape, generator=generator)
        noisy.requires_grad_()
        total += torch.autograd.grad(module(noisy)[0, 1], [noisy])[0]
    found = explain(Model(module), picture(), "smooth_grad", target=1, samples=400, noise=0.2)
    error = found.evidence["convergence"].figure
    distance = np.abs(found.values - (total / 400)[0].numpy()).mean() / np.abs(found.values).mean()
    assert error is not None and distance < 2 * error


@settings(deadline=None)
@given(st.integers(1, 40), st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(0, 99))
def test_running_equals_numpy(size: int, parts: list[int], seed: int) -> None:
    samples = np.random.default_rng(seed).normal(3, 2, (sum(parts), size))
    running = Running()
    for part in np.split(samples, np.cumsum(parts)[:-1]):
        running.add(part)
    np.testing.assert_allclose(running.mean, samples.mean(axis=0), rtol=1e-9)
    if len(samples) > 1:
        np.testing.assert_allclose(running.variance, samples.var(axis=0, ddof=1), rtol=1e-7, atol=1e-12)


# ---- Grad-CAM ----


def slow_cam(activation: np.ndarray, slopes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Equations 1 and 2 of the paper by loops, then bilinear interpolation between pixel centres."""
    channels, rows, columns = activation.shape
    cam = np.zeros((rows, columns))
    for k in range(channels):
        alpha = sum(slopes[k, i, j] for i in range(rows) for j in range(columns)) / (rows * columns)
        for i in range(rows):
            for j in range(columns):
                cam[i, j] += alpha * activation[k, i, j]
    cam = np.maximum(cam, 0)
    large = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            v = min(max((y + 0.5) * rows / height - 0.5, 0), rows - 1)
            u = min(max((x + 0.5) * columns / width - 0.5, 0), columns - 1)
            i, j = min(int(v), rows - 2), min(int(u), columns - 2)
            top = cam[i, j] * (1 - u + j) + cam[i, j + 1] * (u - j)
            low = cam[i + 1, j] * (1 - u + j) + cam[i + 1, j + 1] * (u - j)
            large[y, x] = top * (1 - v + i) + low * (v - i)
    return large


@pytest.mark.parametrize(("layer", "cut"), [("features.4", 5), ("features.1", 2), ("features.3", 4)])
@pytest.mark.parametrize("target", [0, 1, 2, 3])
def test_grad_cam(layer: str, cut: int, target: int) -> None:
    """The layers before an in-place ReLU, too: the activation is what the layer gave."""
    module = seeded(Conv, 2)
    rest = nn.Sequential(*(nn.ReLU() if isinstance(m, nn.ReLU) else m for m in module.features))
    activation = rest[:cut](picture()[None]).detach().requires_grad_()
    scores = module.head(rest[cut:](activation).mean(dim=(2, 3)))
    (slopes,) = torch.autograd.grad(scores[0, target], [activation])
    expected = slow_cam(activation[0].detach().double().numpy(), slopes[0].double().numpy(), SIDE, SIDE)
    found = explain(Model(module), picture(), "grad_cam", target=target, layer=layer)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-7)
    assert found.layer == layer and layer in found.title


def test_grad_cam_of_tokens() -> None:
    """The default is a layer whose tokens matter; the last block's output is refused a clean bill."""
    model = Model(seeded(Tokens))
    maps = [explain(model, picture(), "grad_cam", target=k) for k in range(4)]
    assert {found.evidence["architecture"].verdict for found in maps} == {"holds"}
    found = next(found for found in maps if found.evidence["zero map"].verdict == "holds")
    last = explain(model, picture(), "grad_cam", target=1, layer="blocks.1")
    check = last.evidence["architecture"]
    assert check.verdict == "fails" and "class token" in check.sentence and str(found.layer) in check.sentence
    assert last.evidence["zero map"].verdict == "fails"
    assert last.evidence.line.startswith(("The map is zero", "Not valid at this layer"))


def test_grad_cam_of_torchvisions_vit() -> None:
    """Libraries give all zeros for the last block's output, and no map at all, silently."""

    class Vit(VisionTransformer):
        def __init__(self) -> None:
            super().__init__(32, 8, 2, 2, 16, 32, num_classes=4)
            nn.init.normal_(self.heads.head.weight)

    model = Model(seeded(Vit))
    scores = [explain(model, picture(side=32), "grad_cam", target=k) for k in range(4)]
    assert all(found.map.shape == (32, 32) for found in scores)
    assert any(found.values.max() > 0 for found in scores)
    assert {found.evidence["architecture"].verdict for found in scores} == {"holds"}
    found = explain(model, picture(side=32), "grad_cam", layer="encoder.layers.encoder_layer_1")
    assert found.evidence["architecture"].verdict == "fails" == found.evidence.worst
    assert str(scores[0].layer) in found.evidence["architecture"].sentence


def test_grad_cam_refuses_vectors() -> None:
    with pytest.raises(NotValidError, match=r"needs positions.*features"):
        explain(Model(seeded(Conv)), picture(), "grad_cam", layer="head")


def test_grad_cam_without_positions() -> None:
    with pytest.raises(NotValidError, match="method that needs no layer"):
        explain(Model(seeded(Linear)), picture(), "grad_cam")


# ---- occlusion ----


def slow_occlusion(module: nn.Module, window: int, stride: int, target: int) -> np.ndarray:
    x = picture()[None]
    total, counts = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE))
    with torch.no_grad():
        whole = float(module(x)[0, target])
        top = 0
        while True:
            left = 0
            while True:
                covered = x.clone()
                covered[:, :, top : top + window, left : left + window] = 0.5019608
                drop = whole - float(module(covered)[0, target])
                total[top : top + window, left : left + window] += drop
                counts[top : top + window, left : left + window] += 1
                if left + window >= SIDE:
                    break
                left += stride
            if top + window >= SIDE:
                break
            top += stride
    return total / counts


@pytest.mark.parametrize(("window", "stride"), [(3, 1), (4, 2), (5, 3), (1, 1), (10, 10), (2, 2)])
def test_occlusion(window: int, stride: int) -> None:
    module = seeded(Conv, 4)
    found = explain(
        Model(module), picture(), "occlusion", target=1, window=window / SIDE, stride=stride / window
    )
    np.testing.assert_allclose(found.values, slow_occlusion(module, window, stride, 1), atol=2e-6)


@settings(deadline=None)
@given(st.integers(2, 40), st.integers(2, 40), st.floats(0.02, 0.9), st.floats(0.1, 1))
def test_every_pixel_is_covered_and_every_window_is_inside(
    h: int, w: int, window: float, stride: float
) -> None:
    lattice = Lattice.of((h, w), window, stride)
    assert (lattice.rows - 1) * lattice.stride < h and (lattice.columns - 1) * lattice.stride < w
    np.testing.assert_allclose(lattice.spread(np.ones((lattice.rows, lattice.columns))), 1)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 19), st.integers(1, 19), st.integers(1, 9), st.integers(0, 99))
def test_all_windows_are_asked_once_and_kept(rows: int, columns: int, batch: int, seed: int) -> None:
    truth = np.random.default_rng(seed).normal(size=(rows, columns))
    drops = Drops(Lattice(rows, columns, 1, 1))
    seen: set[tuple[int, int]] = set()
    for places in drops.orders(batch):
        assert not seen & set(places) and len(set(places)) == len(places)
        seen |= set(places)
        drops.learn(places, np.array([truth[place] for place in places]))
        assert all(drops.filled[place] == truth[place] for place in seen)
        assert np.isfinite(drops.error) and drops.error >= 0
    np.testing.assert_array_equal(drops.filled, truth)
    assert drops.error == 0 or len(seen) <= 9


def test_windows_of_the_coarsest_level_may_come_one_by_one() -> None:
    """Those that are still to come stand at the mean of those that are known, with an error as large."""
    truth = np.random.default_rng(0).normal(size=(9, 9))
    whole, single = Drops(Lattice(9, 9, 1, 1)), Drops(Lattice(9, 9, 1, 1))
    places = next(whole.orders(8))
    whole.learn(places, np.array([truth[place] for place in places]))
    for count, place in enumerate(places, 1):
        single.learn([place], np.array([truth[place]]))
        if count < len(places):
            known = [truth[one] for one in places[:count]]
            assert single.filled[places[count]] == pytest.approx(np.mean(known))
            assert single.error == pytest.approx(np.abs(known).mean())
    np.testing.assert_array_equal(single.filled, whole.filled)
    assert single.error == whole.error


def test_a_linear_slope_needs_only_the_coarse_lattice() -> None:
    """What is linear between the first windows is right before it is asked."""
    rows, columns = np.mgrid[0:17, 0:13]
    truth = 2.0 * rows - 3.0 * columns
    drops = Drops(Lattice(17, 13, 1, 1))
    places = next(drops.orders(4))
    drops.learn(places, np.array([truth[place] for place in places]))
    np.testing.assert_allclose(drops.filled, truth, atol=1e-12)


def uniform_error(truth: np.ndarray, gap: int) -> tuple[int, float]:
    """Return how many windows a plain lattice takes, and its mean error after linear interpolation."""
    rows, columns = (np.unique([*range(0, size, gap), size - 1]) for size in truth.shape)
    half = [np.interp(range(truth.shape[1]), columns, truth[row, columns]) for row in rows]
    full = [np.interp(range(truth.shape[0]), rows, column) for column in np.array(half).T]
    return len(rows) * len(columns), float(np.abs(np.array(full).T - truth).mean())


def test_occlusion_refines_where_it_matters() -> None:
    """On bumps and an edge, half the error of a plain lattice of as many windows, and soberly estimated."""
    rows, columns = np.mgrid[0:33, 0:33]
    for truth in (
        np.exp(-((rows - 13) ** 2 + (columns - 19) ** 2) / 12),
        np.exp(-((rows - 8) ** 2 + (columns - 8) ** 2) / 30),
        (rows + columns > 30).astype(float),
    ):
        drops = Drops(Lattice(33, 33, 1, 1))
        error = {}
        for places in drops.orders(4):
            drops.learn(places, np.array([truth[place] for place in places]))
            error[drops.asked] = (float(np.abs(drops.filled - truth).mean()), drops.error)
        for gap in (4, 2):
            count, plain = uniform_error(truth, gap)
            true, estimate = next(pair for asked, pair in error.items() if asked >= count)
            assert true < 0.6 * plain
            assert estimate >= true / 3


def test_image_baseline_is_read_like_a_picture() -> None:
    model = Model(seeded(Linear))
    found = explain(model, picture(), target=0, baseline=Image(picture(9)))
    other = explain(model, picture(), target=0, baseline=Image(picture(9)[None]))
    np.testing.assert_allclose(found.values, other.values, rtol=1e-4, atol=1e-7)
