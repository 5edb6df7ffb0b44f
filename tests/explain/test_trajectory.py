"""The path from baseline to picture, on networks where every number on it is known."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.explain.nets import SIDE, Conv, Linear, Quadratic, picture, seeded
from xai_widgets.anytime import Step, last
from xai_widgets.errors import ParameterError
from xai_widgets.explain.problem import Problem
from xai_widgets.explain.trajectory import NODES, Trajectory, accumulated, alike, levels, trajectory
from xai_widgets.inputs.baselines import Baseline, Black, Color, Distribution, UniformNoise
from xai_widgets.model import Model
from xai_widgets.model.targets import ClassTarget


def problem(module: nn.Module, baseline: Baseline = Black(), target: int = 1) -> Problem:  # noqa: B008
    pixels = picture()[None]
    return Problem(Model(module), pixels, pixels, ClassTarget(target), baseline)


def steps(module: nn.Module, nodes: int = 33, **more: Any) -> list[Step[Trajectory]]:
    return list(trajectory(problem(module, **more), nodes))


def ends(baseline: Baseline) -> tuple[np.ndarray, np.ndarray]:
    x = picture().double().numpy()
    return x, baseline.apply(picture()[None])[0].double().numpy()


@pytest.mark.parametrize("baseline", [Black(), Color("#204060"), UniformNoise(seed=3)])
def test_a_linear_network_is_exact_everywhere(baseline: Baseline) -> None:
    """Every gradient is w: what has accumulated at α is α w (x - x'), and f rises evenly."""
    module = seeded(Linear)
    x, start = ends(baseline)
    shares = (module.head.weight[1].detach().double().numpy().reshape(x.shape) * (x - start)).sum(axis=0)
    for step in steps(module, baseline=baseline):
        found = step.value
        np.testing.assert_allclose(
            found.maps, np.broadcast_to(shares, found.maps.shape), rtol=1e-4, atol=1e-6
        )
        for alpha in (0.0, 0.1, 0.5, 0.77, 1.0):
            np.testing.assert_allclose(found.accumulated(alpha), alpha * shares, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.sums, found.nodes * shares.sum(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.sums, found.outputs - found.outputs[0], rtol=1e-3, atol=1e-5)
    assert found.total == pytest.approx(shares.sum(), rel=1e-4)
    assert found.gap == pytest.approx(0, abs=1e-4)
    assert found.saturated is None, "a straight line moves all the way"


def test_a_quadratic_network_is_exact_at_every_node_and_between() -> None:
    """∂f/∂x (γ(α)) (x - x') = 2 w (x' + α d) d, which the trapezoid rule integrates exactly."""
    module, baseline = seeded(Quadratic), Color("#204060")
    x, start = ends(baseline)
    weight, way = module.weight[1].detach().double().numpy(), x - start
    found = last(trajectory(problem(module, baseline), 9)).value
    for node, values in zip(found.nodes, found.maps, strict=True):
        expected = (2 * weight * (start + node * way) * way).sum(axis=0)
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)
    for alpha in (0.25, 0.3, 0.9, 1.0):
        expected = (weight * ((start + alpha * way) ** 2 - start**2)).sum(axis=0)
        np.testing.assert_allclose(found.accumulated(alpha), expected, rtol=1e-3, atol=1e-4)


def test_it_is_integrated_gradients_with_the_same_nodes() -> None:
    """Slowly: autograd at every node alone, the trapezoid rule written out."""
    module = seeded(Conv, 3)
    x = picture()
    expected = np.zeros(x.shape)
    slopes, outputs = [], []
    for node in np.linspace(0, 1, 17):
        point = (float(node) * x)[None].requires_grad_()
        value = module(point)[0, 1]
        slopes.append(torch.autograd.grad(value, point)[0][0].double().numpy())
        outputs.append(float(value.detach()))
    for left, right in pairwise(slopes):
        expected += (left + right) / 2 / 16
    expected *= x.double().numpy()
    found = last(trajectory(problem(module), 17)).value
    np.testing.assert_allclose(found.accumulated(), expected.sum(axis=0), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(found.outputs, outputs, rtol=1e-5, atol=1e-6)
    assert found.sums[-1] == pytest.approx(expected.sum(), rel=1e-4)
    assert found.gap == pytest.approx(
        abs(expected.sum() - (outputs[-1] - outputs[0])) / abs(outputs[-1] - outputs[0]), rel=1e-2
    )
    assert found.evidence["completeness"].figure == pytest.approx(found.gap, rel=1e-2)
    assert found.evidence.evaluations == 17


class Saturating(nn.Module):
    """f(x) = min(Σ x, Σ of the picture / 2): flat from half of the way from black on."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = float(picture().sum()) / 2

    def forward(self, x: Tensor) -> Tensor:
        total = x.sum(dim=(1, 2, 3))
        return torch.stack([total, total.clamp(max=self.limit)], dim=1)


def test_saturation_is_found() -> None:
    found = last(trajectory(problem(Saturating()), 33)).value
    assert found.saturated == pytest.approx((0.45, 1), abs=1 / 512), (
        "the last tenth of the rise, and the flat"
    )
    assert np.abs(found.maps[found.nodes > 0.5]).max() == 0, "nothing is attributed on the flat"


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.floats(0, 1))
def test_alike_by_looking_at_each(values: list[float], most: float) -> None:
    spreads = [max(values[:n]) - min(values[:n]) for n in range(1, len(values) + 1)]
    assert alike(np.array(values), most) == sum(spread <= most for spread in spreads)


@settings(deadline=None)
@given(st.lists(st.floats(0.01, 0.99), max_size=5, unique=True), st.floats(0, 1))
def test_accumulated_by_summing_finely(inner: list[float], alpha: float) -> None:
    nodes = np.array([0.0, *sorted(inner), 1.0])
    maps = np.random.default_rng(len(inner)).normal(size=(len(nodes), 2, 3))
    fine = (np.arange(2000) + 0.5) / 2000 * alpha
    flat = maps.reshape(len(nodes), -1)
    expected = [np.interp(fine, nodes, column).mean() * alpha for column in flat.T]
    np.testing.assert_allclose(accumulated(nodes, maps, alpha).ravel(), expected, atol=5e-3)


def test_levels_are_nested_and_nothing_is_asked_twice() -> None:
    asked: list[float] = []
    module = seeded(Linear)
    whole = float(picture().sum())
    module.register_forward_pre_hook(lambda _, inputs: asked.extend(inputs[0].sum((1, 2, 3)).tolist()))
    found = steps(module)
    nodes = np.rint(np.array(asked) / whole * 32).astype(int)
    # The first batch is tried twice, for whether its images stay apart: not the path's question.
    assert set(nodes) == set(range(33))
    seen = list({id(step.value): len(step.value.nodes) for step in found}.values())
    assert seen == [1, 3, 5, 9, 17, 33]
    assert found[0].value.nodes.tolist() == [0.5]
    for step in found[1:]:
        np.testing.assert_array_equal(step.value.nodes, np.linspace(0, 1, len(step.value.nodes)))


def test_gradients_are_counted_by_the_model() -> None:
    """As many gradients as nodes, one for the first step, and never more than a batch for a later one."""
    asked = problem(seeded(Conv))
    counts: list[int] = []
    gradients = asked.model.gradients
    asked.model.gradients = lambda x, target: counts.append(len(x)) or gradients(x, target)  # type: ignore
    walk = trajectory(asked, 33)
    next(walk)
    assert counts == [1]
    list(walk)
    assert sum(counts) == 33 and max(counts) <= asked.batch


@pytest.mark.parametrize("nodes", NODES)
def test_levels(nodes: int) -> None:
    found = [0.5, *(node for level in levels(nodes) for node in level)]
    assert sorted(found) == [place / (nodes - 1) for place in range(nodes)]


def test_the_error_is_honest() -> None:
    """Beside 2,048 nodes, the estimate is right within a factor of three from nine nodes on."""
    module = seeded(Conv, 3)
    shares = (torch.arange(2048) + 0.5) / 2048
    points = (shares[:, None, None, None] * picture()[None]).requires_grad_()
    (slopes,) = torch.autograd.grad(module(points)[:, 1].sum(), [points])
    reference = (slopes.mean(dim=0) * picture()).sum(dim=0).double().numpy()
    for step in steps(module)[-3:]:
        true = float(np.abs(step.value.accumulated() - reference).mean())
        assert step.error is not None and true / 3 < step.error < true * 3


def test_a_picture_that_is_its_baseline_has_no_gap_and_no_saturation() -> None:
    pixels = torch.zeros(1, 3, SIDE, SIDE)
    same = Problem(Model(seeded(Conv)), pixels, pixels, ClassTarget(1), Black())
    found = last(trajectory(same, 3)).value
    assert found.gap is None and found.saturated is None and found.blind == 1
    assert np.abs(found.maps).max() == 0


def test_errors_teach() -> None:
    with pytest.raises(ParameterError, match=r"10 nodes.*3, 5, 9"):
        trajectory(problem(seeded(Conv)), 10)
    many = Distribution((picture(1)[None], picture(2)[None]))
    with pytest.raises(ParameterError, match="References tab"):
        trajectory(problem(seeded(Conv), many), 9)
