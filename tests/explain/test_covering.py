"""Masks and coalitions: by enumeration, on games whose answers are known, and beside Captum."""

import sys
from itertools import combinations
from math import factorial

import numpy as np
import pytest
import torch
from captum import attr
from torch import Tensor, nn

from tests.explain.nets import SIDE, Conv, picture, seeded
from xai_widgets.explain import explain
from xai_widgets.explain.coalitions import _Game
from xai_widgets.inputs.regions import Pieces, grown, segmentations, superpixels
from xai_widgets.model import Model


class Quarters(nn.Module):
    """A game of four players, the quarters of the picture: each alone, and the upper two together."""

    def forward(self, x: Tensor) -> Tensor:
        half = x.shape[-1] // 2
        a, b = x[..., :half, :half], x[..., :half, half:]
        c, d = x[..., half:, :half], x[..., half:, half:]
        a, b, c, d = (part.mean(dim=(1, 2, 3)) for part in (a, b, c, d))
        gain = 2 * a + b - 3 * c + 4 * a * b + 0 * d
        return torch.stack([gain, -gain], dim=1)


SHAPLEY = [4.0, 3.0, -3.0, 0.0]
"""Of a white picture on black: 2 + 2, 1 + 2, -3 and nothing."""


@pytest.fixture
def game(monkeypatch: pytest.MonkeyPatch) -> Model:
    labels = np.zeros((16, 16), dtype=np.int64)
    labels[:8, 8:], labels[8:, :8], labels[8:, 8:] = 1, 2, 3
    # By its full name the module can't be had: `xai_widgets.explain` is the function, too.
    monkeypatch.setattr(sys.modules[_Game.__module__], "superpixels", lambda pixels, count: labels)
    return Model(Quarters())


def of_quarters(values: np.ndarray) -> list[float]:
    return [float(values[y, x]) for y, x in ((0, 0), (0, 15), (15, 0), (15, 15))]


WHITE = torch.ones(3, 16, 16)


@pytest.mark.parametrize("method", ["shapley_sampling", "kernel_shap"])
def test_shapley_values_of_a_game(game: Model, method: str) -> None:
    found = explain(game, WHITE, method, target=0, baseline="black", samples=2048)
    assert of_quarters(found.values) == pytest.approx(SHAPLEY, abs=0.15)
    assert sum(of_quarters(found.values)) == pytest.approx(4, abs=1e-4)
    assert found.evidence["efficiency"].verdict == "holds"


def test_shapley_sampling_by_enumeration() -> None:
    """Five superpixels of a picture, and all subsets of them."""
    module, x = seeded(Conv), picture()
    labels = superpixels(x[None], 5)
    pieces = Pieces(labels, x[None], torch.full((1, 3, SIDE, SIDE), 128 / 255))
    count = pieces.count
    gains = {}
    for size in range(count + 1):
        for some in combinations(range(count), size):
            there = np.isin(np.arange(count), some)[None]
            with torch.no_grad():
                gains[some] = float(module(pieces.with_only(there))[0, 2])
    expected = np.zeros(count)
    for k in range(count):
        rest = [j for j in range(count) if j != k]
        for size in range(count):
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            for some in combinations(rest, size):
                expected[k] += weight * (gains[tuple(sorted((*some, k)))] - gains[some])
    for method in ("shapley_sampling", "kernel_shap"):
        found = explain(Model(module), x, method, target=2, pieces=5, samples=4096)
        np.testing.assert_allclose(
            found.values, pieces.painted(expected), atol=0.05 * np.abs(expected).max(), err_msg=method
        )


class Together(nn.Module):
    """A gain of three players together: an order and its reverse do not settle it."""

    def forward(self, x: Tensor) -> Tensor:
        half = x.shape[-1] // 2
        parts = (x[..., :half, :half], x[..., :half, half:], x[..., half:, :half])
        a, b, c = (part.mean(dim=(1, 2, 3)) for part in parts)
        return torch.stack([3 * a * b * c, -a], dim=1)


def test_standard_error_of_shapley_sampling_is_true(game: Model) -> None:
    """Over many seeds, the mean error is what a run says of itself, within a factor of two."""
    misses, told = [], []
    for seed in range(30):
        given = {"baseline": "black", "samples": 80, "seed": seed}
        found = explain(Model(Together()), WHITE, "shapley_sampling", target=0, **given)
        misses.append(np.abs(np.array(of_quarters(found.values)) - [1, 1, 1, 0]).mean())
        told.append(found.evidence["convergence"].figure * np.abs(found.values).mean())
    assert np.mean(misses) > 0.01
    assert 0.5 < np.mean(told) / np.mean(misses) < 2


def test_kernel_shap_of_captum(game: Model) -> None:
    mask = torch.zeros(1, 1, 16, 16, dtype=torch.long)
    mask[..., :8, 8:], mask[..., 8:, :8], mask[..., 8:, 8:] = 1, 2, 3
    torch.manual_seed(0)
    theirs = attr.KernelShap(game.module).attribute(
        WHITE[None], torch.zeros(1, 3, 16, 16), target=0, feature_mask=mask, n_samples=2000
    )
    ours = explain(game, WHITE, "kernel_shap", target=0, baseline="black", samples=2048)
    assert of_quarters(theirs[0, 0].numpy()) == pytest.approx(of_quarters(ours.values), abs=0.2)


def test_feature_ablation_of_captum(game: Model) -> None:
    mask = torch.zeros(1, 1, 16, 16, dtype=torch.long)
    mask[..., :8, 8:], mask[..., 8:, :8], mask[..., 8:, 8:] = 1, 2, 3
    theirs = attr.FeatureAblation(game.module).attribute(
        WHITE[None], torch.zeros(1, 3, 16, 16), target=0, feature_mask=mask
    )
    found = explain(game, WHITE, "feature_ablation", target=0, baseline="black")
    assert of_quarters(found.values) == pytest.approx(of_quarters(theirs[0, 0].numpy()), abs=1e-5)
    assert found.evidence.evaluations == 5


def test_lime_of_a_linear_game(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the game is linear, the weights are its weights, whatever the neighbourhood."""

    class Linear(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            half = x.shape[-1] // 2
            gain = 2 * x[..., :half].mean(dim=(1, 2, 3)) - x[..., half:].mean(dim=(1, 2, 3))
            return torch.stack([gain, -gain], dim=1)

    labels = np.zeros((16, 16), dtype=np.int64)
    labels[:, 8:] = 1
    # By its full name the module can't be had: `xai_widgets.explain` is the function, too.
    monkeypatch.setattr(sys.modules[_Game.__module__], "superpixels", lambda pixels, count: labels)
    found = explain(Model(Linear()), WHITE, "lime", target=0, baseline="black", samples=256)
    assert found.values[0, 0] == pytest.approx(2, rel=0.03)
    assert found.values[0, 15] == pytest.approx(-1, rel=0.03)


class Inside(nn.Module):
    """Reads one square of the picture and nothing else."""

    def forward(self, x: Tensor) -> Tensor:
        inside = x[:, :, 8:20, 8:20].mean(dim=(1, 2, 3))
        return torch.stack([inside, -inside], dim=1)


@pytest.mark.parametrize("method", ["rise", "sobol", "extremal_perturbation"])
def test_masks_find_the_square(method: str) -> None:
    given = {"rise": {"masks": 2048}, "sobol": {"designs": 64}, "extremal_perturbation": {"area": 0.1}}
    x = torch.rand(3, 36, 36, generator=torch.Generator().manual_seed(0))
    x[:, 8:20, 8:20] = 1
    found = explain(Model(Inside()), x, method, target=0, **given[method]).values
    inside, outside = found[11:17, 11:17].mean(), np.delete(found, slice(4, 24), axis=0).mean()
    assert inside > 3 * abs(outside)


def test_rise_by_its_sum() -> None:
    """1/(N p) Σ (f - f̄) M, with the masks drawn once more."""
    from xai_widgets.explain.masks import _mask
    from xai_widgets.explain.problem import Problem
    from xai_widgets.model.targets import ClassTarget

    module, x = seeded(Conv), picture()
    model = Model(module)
    problem = Problem(model, x[None], x[None], ClassTarget(2))
    masks = torch.cat([_mask(problem, k, 3, 0.5) for k in range(32)])
    grey = torch.full((1, 3, 1, 1), 128 / 255)
    with torch.no_grad():
        outputs = module(masks * x + (1 - masks) * grey)[:, 2].double()
    expected = ((outputs - outputs.mean())[:, None, None] * masks[:, 0].double()).mean(dim=0) / 0.5
    found = explain(model, x, "rise", target=2, masks=32, cells=3)
    assert found.evidence.evaluations == 32
    np.testing.assert_allclose(found.values, expected.numpy(), rtol=1e-3, atol=1e-6)


def test_sobol_indices_of_a_linear_function() -> None:
    """For f = Σ w_i m_i with independent m, the total index is w_i² / Σ w²."""

    class Weighted(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            cells = nn.functional.avg_pool2d(x.mean(dim=1, keepdim=True), 4).flatten(1)
            gain = cells @ torch.arange(1.0, 10.0)
            return torch.stack([gain, -gain], dim=1)

    found = explain(
        Model(Weighted()), torch.ones(3, 12, 12), "sobol", target=0, baseline="black", cells=3, designs=256
    )
    weights = np.arange(1.0, 10) ** 2 / (np.arange(1.0, 10) ** 2).sum()
    cells = found.values.reshape(3, 4, 3, 4).mean(axis=(1, 3)).ravel()
    assert np.corrcoef(cells, weights)[0, 1] > 0.97


def test_extremal_mask_has_its_area() -> None:
    x = torch.rand(3, 48, 48, generator=torch.Generator().manual_seed(0))
    for area in (0.1, 0.3):
        found = explain(Model(seeded(Conv)), x, "extremal_perturbation", target=1, area=area).values
        assert found.mean() == pytest.approx(area, abs=0.08)
        assert 0 <= found.min() <= found.max() <= 1


# ---- regions ----


def test_superpixels_follow_edges() -> None:
    x = torch.zeros(1, 3, 32, 32)
    x[..., 16:] = 1
    labels = superpixels(x, 8)
    assert sorted(np.unique(labels)) == list(range(labels.max() + 1))
    for piece in range(labels.max() + 1):
        assert np.ptp(x[0, 0].numpy()[labels == piece]) == 0, "no piece lies on both sides of the edge"


def test_segmentations_get_coarser_and_regions_grow() -> None:
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    counts = [int(labels.max()) + 1 for labels in segmentations(x, smallest=10)]
    assert counts[0] >= counts[-1] >= 1
    dot = np.zeros((9, 9), dtype=np.bool_)
    dot[4, 4] = True
    assert grown(dot, 0).sum() == 1 and grown(dot, 2).sum() == 13


def test_pieces() -> None:
    labels = np.array([[0, 1], [1, 2]])
    pieces = Pieces(labels, torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2))
    assert pieces.count == 3
    some = pieces.with_only(np.array([[True, False, True]]))
    assert some[0, 0].tolist() == [[1, 0], [0, 1]]
    assert pieces.painted(np.array([5.0, 6.0, 7.0])).tolist() == [[5, 6], [6, 7]]
