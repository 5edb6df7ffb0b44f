"""Top-k ablation against a loop written by hand."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.explain.nets import SIDE, Conv, Linear, picture, seeded
from xai_widgets.anytime import Step, last
from xai_widgets.errors import ParameterError
from xai_widgets.explain.problem import Problem
from xai_widgets.inputs.baselines import Blur, Mean, UniformNoise
from xai_widgets.metrics.faithfulness import LEVELS, RANDOM, Ablation, ablate, area, order
from xai_widgets.model import Model
from xai_widgets.model.targets import ClassTarget

SHARES = sorted(share for level in LEVELS for share in level)
MAPS = [np.random.default_rng(k).normal(size=(SIDE, SIDE)).astype(np.float32) for k in range(3)]


def problem(module: nn.Module, seed: int = 0) -> Problem:
    pixels = picture()[None]
    return Problem(Model(module), pixels, pixels, ClassTarget(1), seed=seed)


def known(*maps: Any) -> Iterator[Step[Any]]:
    yield Step(list(maps), 1.0, None, True)


def run(module: nn.Module, fill: str = "mean", seed: int = 0, maps: Any = MAPS) -> list[Step[Ablation]]:
    labels = [str(k) for k in range(len(maps))]
    return list(ablate(problem(module, seed), fill, labels, known(*maps)))


@pytest.mark.parametrize(
    ("fill", "baseline"), [("mean", Mean()), ("blur", Blur()), ("noise", UniformNoise(seed=3))]
)
def test_by_hand(fill: str, baseline: Any) -> None:
    module = seeded(Conv, 1)
    found = run(module, fill, seed=3)[-1].value
    filled = baseline.apply(picture()[None])[0]
    assert found.shares.tolist() == SHARES
    for values, curve in zip(MAPS, found.curves, strict=True):
        places = sorted(range(SIDE * SIDE), key=lambda place: -values.ravel()[place])
        for share, value in zip(SHARES, curve, strict=True):
            changed = picture()
            for place in places[: round(share * SIDE * SIDE)]:
                changed[:, place // SIDE, place % SIDE] = filled[:, place // SIDE, place % SIDE]
            assert value == pytest.approx(float(module(changed[None])[0, 1].detach()), rel=1e-4, abs=1e-6)
    shown = (filled * 255).round().byte().permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(found.filled, shown)
    assert found.start == pytest.approx(float(module(picture()[None])[0, 1].detach()), rel=1e-5)


def test_a_linear_network_falls_as_its_own_map_says() -> None:
    """Replaced by the mean, f falls by what the map gave to the pixels that are gone."""
    module = seeded(Linear)
    weight = module.head.weight[1].detach().double().numpy().reshape(picture().shape)
    mean = picture().double().numpy().mean(axis=(1, 2), keepdims=True)
    values = (weight * (picture().double().numpy() - mean)).sum(axis=0)
    found = run(module, maps=[values])[-1].value
    falling = np.sort(values.ravel())[::-1]
    for share, value in zip(found.shares, found.curves[0], strict=True):
        gone = falling[: round(share * values.size)].sum()
        assert value == pytest.approx(found.start - gone, rel=1e-3, abs=1e-5)
    assert found.areas[0] < found.random_area, "an exact map beats a random order"


def test_nothing_is_asked_twice_and_a_step_is_a_batch() -> None:
    asked = problem(seeded(Conv))
    counts: list[int] = []
    outputs = asked.model.outputs
    asked.model.outputs = lambda x, target: counts.append(len(x)) or outputs(x, target)  # type: ignore
    list(ablate(asked, "mean", ["a", "b", "c"], known(*MAPS)))
    assert sum(counts) == 2 + (len(SHARES) - 2) * (RANDOM + len(MAPS))
    assert max(counts) <= asked.batch


def test_random_orders_come_first_then_each_map_as_it_is_known() -> None:
    def growing() -> Iterator[Step[Any]]:
        yield Step([None, None], 0.2, None, False)
        yield Step([MAPS[0], None], 0.5, None, False)
        yield Step([MAPS[0], None], 0.7, None, False)
        yield Step([MAPS[0], MAPS[1]], 1.0, None, True)

    steps = list(ablate(problem(seeded(Conv)), "mean", ["a", "b"], growing()))
    rows = list({id(s.value): np.isfinite(s.value.curves).all(axis=1).tolist() for s in steps}.values())
    assert rows[:3] == [[False, False], [True, False], [True, True]]
    assert np.isfinite(steps[0].value.random).all() and steps[0].value.shares.tolist() == [0, 0.5, 1]
    done = [step.done for step in steps]
    assert done == sorted(done) and done[-1] == 1
    assert [step.final for step in steps] == [False] * (len(steps) - 1) + [True]


def test_a_map_that_never_comes_leaves_a_gap_and_not_a_zero() -> None:
    found = run(seeded(Conv), maps=[MAPS[0], None])[-1].value
    assert np.isnan(found.curves[1]).all() and np.isnan(found.areas[1])
    assert np.isfinite(found.curves[0]).all() and np.isfinite(found.random_area)


def test_the_seed_draws_the_random_orders() -> None:
    one, again, other = (run(seeded(Conv), seed=seed)[-1].value for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.random, again.random)
    assert not np.array_equal(one.random, other.random)
    np.testing.assert_array_equal(one.curves, other.curves)
    assert len({tuple(row) for row in one.random}) == RANDOM, "they differ from each other"


def test_the_error_is_how_far_a_straight_line_was_off() -> None:
    steps = run(seeded(Conv, 1))
    final = steps[-1]
    coarse = [value for value in SHARES if value not in LEVELS[-1]]
    rows = np.concatenate([final.value.random, final.value.curves])
    off = [
        abs(row[SHARES.index(share)] - np.interp(share, coarse, row[[SHARES.index(s) for s in coarse]]))
        for row in rows
        for share in LEVELS[-1]
    ]
    assert final.error == pytest.approx(np.mean(off))


def test_area_is_the_trapezoid_rule() -> None:
    shares, values = np.array([0, 0.25, 1.0]), np.array([[4.0, 2, 0], [1, 1, 1]])
    np.testing.assert_allclose(area(shares, values), [0.25 * 3 + 0.75 * 1, 1])


def test_order_puts_the_largest_first_and_keeps_equals_in_place() -> None:
    assert order(np.array([[1, 5], [5, -9]], np.float32)).tolist() == [1, 2, 0, 3]


def test_errors_teach() -> None:
    with pytest.raises(ParameterError, match="Did you mean 'blur'"):
        ablate(problem(seeded(Conv)), "blurr", ["a"], known(MAPS[0]))


def test_the_picture_is_left_alone() -> None:
    asked = problem(seeded(Conv))
    before = asked.inputs.clone()
    last(ablate(asked, "noise", ["a"], known(MAPS[0])))
    assert torch.equal(asked.inputs, before)
