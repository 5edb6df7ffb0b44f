"""Evidence: each check holds where it should, and fails on a case made for it."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.explain.nets import SIDE, Conv, Linear, picture, seeded
from xai_widgets.anytime import Step
from xai_widgets.errors import NotValidError
from xai_widgets.explain import METHODS, explain, explain_steps
from xai_widgets.explain.evidence import judge, percent
from xai_widgets.explain.problem import Attribution, Problem
from xai_widgets.inputs.baselines import Black
from xai_widgets.model import Model
from xai_widgets.model.targets import ClassTarget
from xai_widgets.results import Evidence


def judged(
    values: Any, total: float | None = None, error: float | None = None, final: bool = True, **more: Any
) -> Evidence:
    pixels = more.pop("pixels", torch.full((1, 3, SIDE, SIDE), 0.5))
    problem = Problem(Model(seeded(Linear)), pixels, pixels, ClassTarget(0), Black())
    found = Attribution(np.asarray(values, dtype=np.float32), 8, total, **more)
    return judge(METHODS["integrated_gradients"], problem, Step(found, 1.0, error, final))


VALUES = np.random.default_rng(0).normal(size=(3, 40, 40))


@pytest.mark.parametrize(
    ("missing", "verdict"),
    [(0.0, "holds"), (0.009, "holds"), (0.05, "doubtful"), (0.2, "fails"), (-5, "fails")],
)
def test_completeness(missing: float, verdict: str) -> None:
    total = float(VALUES.astype(np.float32).sum(dtype=float))
    check = judged(VALUES, total / (1 - missing))["completeness"]
    assert check.verdict == verdict
    assert check.figure == pytest.approx(abs(missing), abs=1e-6)


def test_completeness_without_a_difference() -> None:
    check = judged(VALUES, 1e-9)["completeness"]
    assert check.verdict == "doubtful" and "same value" in check.sentence


@pytest.mark.parametrize(
    ("error", "final", "verdict"),
    [(0.01, True, "holds"), (0.3, True, "doubtful"), (3, True, "fails"), (3, False, "doubtful")],
)
def test_convergence(error: float, final: bool, verdict: str) -> None:
    mean = float(np.abs(VALUES.astype(np.float32)).mean())
    check = judged(VALUES, error=error * mean, final=final)["convergence"]
    assert check.verdict == verdict and check.figure == pytest.approx(error, rel=1e-5)


def test_zero_constant_nan_and_a_single_spot() -> None:
    zero = judged(np.zeros((3, 40, 40)))
    assert zero["zero map"].verdict == "fails" and zero.worst == "fails"
    assert zero.line.startswith("The map is zero")
    assert judged(np.full((40, 40), 2.0))["saturation"].verdict == "fails"
    spot = np.full((40, 40), 1e-6)
    spot[3, 4] = 5
    assert judged(spot)["saturation"].verdict == "doubtful"
    assert judged(VALUES)["saturation"].verdict == "holds"
    broken = VALUES.copy()
    broken[0, 0, 0] = np.nan
    evidence = judged(broken, total=1.0, error=0.1)
    assert evidence["finite"].verdict == "fails"
    assert "NaN" not in json.dumps([check.figure for check in evidence.checks]), "the wire speaks strict JSON"


@pytest.mark.parametrize(("rows", "verdict"), [(0, "holds"), (6, "doubtful"), (SIDE, "fails")])
def test_blind_baseline(rows: int, verdict: str) -> None:
    pixels = torch.full((1, 3, SIDE, SIDE), 0.5)
    pixels[:, :, :rows] = 0.002
    check = judged(VALUES, pixels=pixels)["blind baseline"]
    assert check.verdict == verdict and check.figure == pytest.approx(rows / SIDE)


def test_dead_network_is_called_out() -> None:
    class Dead(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return (self.head(x) * 0).mean(dim=(2, 3))

    with pytest.raises(NotValidError, match="carry gradient"):
        explain(Model(seeded(Dead)), picture(), "grad_cam")
    model = Model(seeded(Dead))
    valid = [name for name, reason in model.methods(picture()[None]).items() if reason is None]
    # A mask of a given area is chosen whether it matters or not.
    for name in set(valid) - {"extremal_perturbation"}:
        evidence = explain(model, picture(), name, target=1).evidence
        assert evidence["zero map"].verdict == "fails" and evidence.worst == "fails", name


def test_the_line_while_refining_and_at_the_end() -> None:
    steps = list(explain_steps(Model(seeded(Conv)), picture()))
    assert steps[0].value.evidence.line == "Error ±100 % · 1 gradient"
    assert steps[0].value.evidence["completeness"].verdict == "not applicable"
    assert steps[-1].value.evidence.line.startswith("Completeness gap ")
    assert steps[-1].value.evidence.line.endswith(" gradients")
    found = explain(Model(seeded(Conv)), picture(), "occlusion")
    assert found.evidence.line.endswith("forward passes")
    assert "nothing left to refine" in found.evidence["convergence"].sentence


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0.0 %"), (0.0004, "below 0.1 %"), (0.0042, "0.4 %"), (0.12, "12 %"), (99, "over 1000 %")],
)
def test_percent(share: float, words: str) -> None:
    assert percent(share) == words
