"""The baseline lab on trained networks: its path against Captum's, its ablation, its saturation."""

from typing import Any

import numpy as np
import pytest
import torch
from captum import attr

from tests.real.test_explain_kit import load, top  # noqa: F401  # a fixture
from xai_widgets.anytime import Step, last
from xai_widgets.explain.problem import Problem
from xai_widgets.explain.trajectory import trajectory
from xai_widgets.inputs.baselines import Baseline, Black, Mean, White
from xai_widgets.metrics.faithfulness import ablate
from xai_widgets.model.targets import ClassTarget


def problem(model: Any, picture: torch.Tensor, baseline: Baseline) -> Problem:
    target = ClassTarget(top(model, picture))
    return Problem(model, picture[None], picture[None], target, baseline)


@pytest.mark.parametrize("name", ["resnet20", "cifar_lenet", "mnist_lenet", "squeezenet"])
def test_the_path_adds_up_to_captums_integrated_gradients(load: Any, name: str) -> None:  # noqa: F811
    """Captum weighs the same 17 nodes by 1/17 and not 1/16: its sum is that much too small."""
    model, pictures = load(name)
    found = last(trajectory(problem(model, pictures[0], White()), 17)).value
    theirs = attr.IntegratedGradients(model.module).attribute(
        pictures[0][None],
        torch.ones_like(pictures[0][None]),
        top(model, pictures[0]),
        n_steps=17,
        method="riemann_trapezoid",
        internal_batch_size=8,
    )
    expected = theirs[0].detach().double().sum(dim=0).numpy() * 17 / 16
    assert np.abs(found.accumulated() - expected).mean() < 1e-4 * np.abs(expected).mean()


@pytest.mark.parametrize("name", ["resnet20", "cifar_lenet"])
def test_a_map_lowers_the_output_faster_than_its_opposite(load: Any, name: str) -> None:  # noqa: F811
    """Not always faster than a random order: grey dots all over a picture are an attack of their own."""
    model, pictures = load(name)
    for picture in pictures:
        asked = problem(model, picture, Mean())
        path = last(trajectory(asked, 33)).value.accumulated()
        known = iter([Step([path, -path], 1.0, None, True)])
        found = last(ablate(asked, "mean", ["map", "upside down"], known)).value
        assert found.areas[0] < found.areas[1]


@pytest.mark.parametrize("name", ["resnet20", "cifar_lenet"])
def test_saturation_is_the_longest_flat_part(load: Any, name: str) -> None:  # noqa: F811
    """Asked at 257 places: of all parts of the way that are flat there, none is longer."""
    model, pictures = load(name)
    asked = problem(model, pictures[0], Black())
    found = last(trajectory(asked, 129)).value
    places = torch.linspace(0, 1, 257)
    outputs = asked.outputs(places[:, None, None, None] * pictures[0][None])
    most = 0.1 * abs(outputs[-1] - outputs[0])
    flat = [j - i for i in range(257) for j in range(i, 257) if np.ptp(outputs[i : j + 1]) <= most]
    longest = max(flat) / 256
    if found.saturated is None:
        assert longest < 0.25 + 1 / 64
    else:
        start, end = found.saturated
        assert end - start == pytest.approx(longest, abs=1 / 64)
