"""Which layer, which method: held against maps whose worth is known."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.explain.nets import Conv, Tokens, picture, seeded
from xai_widgets.anytime import far_apart
from xai_widgets.errors import ParameterError, UnknownLayerError
from xai_widgets.explain import METHODS
from xai_widgets.explain.run import problem_of
from xai_widgets.metrics.insertion import faithfulness, faithfulness_steps
from xai_widgets.metrics.ranking import suggest, sweep, sweep_steps
from xai_widgets.model import Model


class Left(nn.Module):
    """Adds up the left half of the picture."""

    def forward(self, x: Tensor) -> Tensor:
        half = x[..., : x.shape[-1] // 2].mean(dim=(1, 2, 3))
        return torch.stack([half, -half], dim=1)


def test_the_area_between_the_curves() -> None:
    """All that counts goes in first: both curves reach their ends at one half, and 1/2 lies between them."""
    x = torch.ones(3, 16, 16)
    x[:, 0, 15] = 0  # a picture of one colour is its own mean
    problem = problem_of(Model(Left()), x, 0)
    best = np.zeros((16, 16))
    best[:, :8] = 1
    good = faithfulness(problem, best, "noise")
    assert good.between == pytest.approx(0.5, abs=0.02)
    assert faithfulness(problem, -best, "noise").between == pytest.approx(-0.5, abs=0.02)
    noise = np.random.default_rng(0).normal(size=(16, 16))
    assert faithfulness(problem, noise, "noise").between == pytest.approx(0, abs=0.15)
    np.testing.assert_allclose(good.insertion[[0, -1]], good.deletion[[-1, 0]], rtol=1e-5)


def test_the_curves_get_finer() -> None:
    """Each step has the shares of the one before, and on them the same values; the last one has all."""
    problem = problem_of(Model(seeded(Conv)), picture(), 2)
    values = np.random.default_rng(1).normal(size=problem.inputs.shape[2:])
    steps = list(faithfulness_steps(problem, values, "mean"))
    assert steps[0].value.shares.tolist() == [0, 0.5, 1]
    assert [step.final for step in steps] == [False] * (len(steps) - 1) + [True] and len(steps) > 2
    last = steps[-1].value
    np.testing.assert_allclose(last.shares, np.arange(17) / 16)
    for step in steps:
        there = np.isin(last.shares, step.value.shares)
        np.testing.assert_array_equal(last.insertion[there], step.value.insertion)
        np.testing.assert_array_equal(last.deletion[there], step.value.deletion)
    filled = problem.model.normalise(problem.pixels.mean((2, 3), keepdim=True).expand_as(problem.pixels))
    gone = torch.from_numpy(np.argsort(-values, axis=None)[: values.size // 4])
    quarter = problem.inputs.clone()
    quarter.flatten(2)[..., gone] = filled.flatten(2)[..., gone]
    assert last.deletion[4] == pytest.approx(float(problem.outputs(quarter)[0]), rel=1e-5)


@pytest.mark.parametrize("end", [0, 1, 2, 7, 16, 40])
def test_far_apart(end: int) -> None:
    """All of them once, and each time the largest gap left is halved."""
    found = far_apart(end)
    assert sorted(found) == list(range(end + 1))
    for count in range(2, len(found)):
        before = np.diff(sorted(found[:count]))
        assert max(np.diff(sorted(found[: 2 * count - 1]))) <= (max(before) + 1) // 2


def test_a_sweep_over_layers() -> None:
    model = Model(seeded(Conv))
    steps = list(sweep_steps(model, picture(), "layer_cam", target=2))
    found = steps[-1].value
    spatial = [one.name for one in model.layers(picture()[None]).viewable if one.grid and one.grid != (1, 1)]
    assert [entry.name for entry in found.entries] == spatial
    assert [step.final for step in steps] == [False] * (len(steps) - 1) + [True]
    tried = [[k for k, entry in enumerate(step.value.entries) if entry.faithfulness] for step in steps]
    assert list(dict.fromkeys(map(len, tried))) == [*range(len(spatial) + 1)], "one after the other"
    assert tried[0] == [] and steps[0].done == 0
    two = next(found for found in tried if len(found) == 2)
    assert two == [0, len(spatial) - 1], "those far apart come first"
    for entry in found.entries:
        again = faithfulness(problem_of(model, picture(), 2), entry.explanation.map, "blur")
        assert entry.score == pytest.approx(again.between)
        assert entry.explanation.layer == entry.name
    assert found.best.score == max(entry.score for entry in found.entries)
    assert found.best.name in found.why and f"{found.best.score:+.2f}" in found.why
    assert found.best.name in repr(found)
    only = sweep(model, picture(), "layer_cam", layers=["features.4"], target=2)
    assert only["features.4"].score == pytest.approx(found["features.4"].score)
    with pytest.raises(ParameterError, match="'features'"):
        only["features"]


def test_what_cannot_be_swept() -> None:
    model = Model(seeded(Conv))
    with pytest.raises(ParameterError, match="looks at no layer"):
        sweep(model, picture(), "gradient")
    with pytest.raises(UnknownLayerError):
        sweep(model, picture(), layers=["feature"])
    with pytest.raises(ParameterError, match="There is no layer to try"):
        sweep(model, picture(), layers=[])
    with pytest.raises(ParameterError, match="filled"):
        sweep(model, picture(), fill="blor")


def test_a_suggestion_says_why_and_what_does_not_fit() -> None:
    found = suggest(Model(seeded(Conv)), picture(), target=2)
    assert found.best.score == max(entry.score for entry in found.entries)
    assert "no attention" in found["attention_gradient"].failure
    assert found["attention_gradient"].explanation is None
    tokens = suggest(Model(seeded(Tokens)), picture(), ["attention_gradient", "gradient"], target=2)
    assert all(entry.explanation for entry in tokens.entries)


def test_methods_of_a_model() -> None:
    """All are told, with the reason where one does not fit; with no picture yet, too."""
    fresh = Model(seeded(Conv)).methods()
    assert set(fresh) == set(METHODS)
    assert fresh["grad_cam"] is None and "attention" in str(fresh["attention_rollout"])
    tokens = Model(seeded(Tokens))
    assert tokens.methods(picture()[None])["attention_rollout"] is None
    assert "means" in str(tokens.methods()["cam"])
