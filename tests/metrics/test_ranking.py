"""Which layer, which method: held against maps whose worth is known."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.explain.nets import Conv, Tokens, picture, seeded
from xai_widgets.errors import ParameterError, UnknownLayerError
from xai_widgets.explain import METHODS
from xai_widgets.explain.run import problem_of
from xai_widgets.metrics.ranking import faithfulness, suggest, sweep, sweep_steps
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


def test_a_sweep_over_layers() -> None:
    model = Model(seeded(Conv))
    steps = list(sweep_steps(model, picture(), "layer_cam", target=2))
    found = steps[-1].value
    spatial = [one.name for one in model.layers(picture()[None]).viewable if one.grid and one.grid != (1, 1)]
    assert [entry.name for entry in found.entries] == spatial
    assert [step.final for step in steps] == [False] * (len(spatial) - 1) + [True]
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
