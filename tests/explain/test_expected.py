"""Expected gradients, reference by reference, against the sum that defines them."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from tests.explain.nets import Conv, Linear, picture, seeded
from xai_widgets.anytime import last
from xai_widgets.errors import ParameterError
from xai_widgets.explain.expected import PLACES, expected_gradients
from xai_widgets.explain.problem import Problem
from xai_widgets.inputs.baselines import Black, Distribution
from xai_widgets.model import Model
from xai_widgets.model.targets import ClassTarget

LABELS = [f"picture {k}" for k in range(1, 12)]


def problem(module: nn.Module, count: int = 7, seed: int = 0) -> Problem:
    pixels = picture()[None]
    references = Distribution(tuple(picture(k)[None] for k in range(1, count + 1)))
    return Problem(Model(module), pixels, pixels, ClassTarget(1), references, seed=seed)


def test_it_is_the_sum_over_references_and_places() -> None:
    module, x = seeded(Conv, 2), picture()
    found = last(expected_gradients(problem(module, seed=5), LABELS)).value
    generator = torch.Generator().manual_seed(5)
    running, ends = [], []
    for number in range(1, 8):
        start = picture(number)
        total = np.zeros(x.shape)
        for place in range(PLACES):
            if place == 0:
                drawn = torch.rand(PLACES, generator=generator)
            share = float((place + drawn[place]) / PLACES)
            point = (start + share * (x - start))[None].requires_grad_()
            (slope,) = torch.autograd.grad(module(point)[0, 1], point)
            total += (slope[0] * (x - start)).double().numpy() / PLACES
        running.append(total.sum(axis=0))
        ends.append(float(module(start[None])[0, 1].detach()))
        mean = np.mean(running, axis=0)
        np.testing.assert_allclose(found.maps[number - 1], mean, rtol=1e-3, atol=1e-6)
        difference = float(module(x[None])[0, 1].detach()) - np.mean(ends)
        assert found.gaps[number - 1] == pytest.approx(
            abs(mean.sum() - difference) / abs(difference), rel=0.01
        )
        if number > 1:
            deviation = np.std(running, axis=0, ddof=1) / number**0.5
            assert found.errors[number - 1] == pytest.approx(deviation.mean(), rel=1e-3)
    assert found.errors[0] == pytest.approx(np.abs(running[0]).mean(), rel=1e-3)
    assert found.evidence["completeness"].figure == pytest.approx(found.gaps[-1], rel=1e-3)
    assert found.evidence.evaluations == 7 * PLACES


def test_a_linear_network_gives_the_difference_to_the_mean_reference() -> None:
    module = seeded(Linear)
    found = last(expected_gradients(problem(module), LABELS)).value
    weight = module.head.weight[1].detach().double().numpy().reshape(picture().shape)
    for count in range(1, 8):
        mean = np.mean([picture(k).double().numpy() for k in range(1, count + 1)], axis=0)
        expected = (weight * (picture().double().numpy() - mean)).sum(axis=0)
        np.testing.assert_allclose(found.maps[count - 1], expected, rtol=1e-3, atol=1e-6)
    assert (found.gaps < 1e-3).all()


def test_it_shows_one_two_four_and_all() -> None:
    steps = list(expected_gradients(problem(seeded(Conv)), LABELS))
    shown = list({id(step.value): len(step.value.maps) for step in steps}.values())
    assert shown == [1, 2, 4, 7] and len(steps) == 7
    for step in steps:
        found = step.value
        assert len(found.labels) == len(found.references) == len(found.errors) == len(found.gaps)
    for early, late in pairwise(steps):
        count = len(early.value.maps)
        np.testing.assert_array_equal(early.value.maps, late.value.maps[:count])


def test_the_seed_settles_it() -> None:
    one, again, other = (
        last(expected_gradients(problem(seeded(Conv), seed=seed), LABELS)).value for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.maps, again.maps)
    assert not np.array_equal(one.maps, other.maps)


def test_one_baseline_is_no_distribution() -> None:
    pixels = picture()[None]
    with pytest.raises(ParameterError, match="many references"):
        expected_gradients(Problem(Model(seeded(Conv)), pixels, pixels, ClassTarget(1), Black()), LABELS)
