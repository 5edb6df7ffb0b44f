"""What every method must obey, walked over METHODS."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.explain.nets import SIDE, Conv, Tokens, picture, seeded
from xai_widgets.anytime import Step, last
from xai_widgets.errors import ModelError, ParameterError
from xai_widgets.explain import METHODS, explain, explain_steps
from xai_widgets.inputs.baselines import BASELINES, Distribution, from_json
from xai_widgets.model import Model
from xai_widgets.results import Explanation

CASES = [*METHODS, "with_references"]


def wish(case: str) -> dict[str, Any]:
    """Return the arguments of a case; expected gradients are one by their baseline too."""
    quick: dict[str, dict[str, Any]] = {
        **{name: {"samples": 9} for name in ("smooth_grad", "smooth_grad_squared", "var_grad")},
        **{name: {"samples": 64, "pieces": 8} for name in ("kernel_shap", "shapley_sampling", "lime")},
        **{name: {"steps": 16} for name in ("idgi", "blur_ig", "guided_ig")},
        "expected_gradients": {"steps": 24, "tolerance": 0},
        "xrai": {"steps": 9},
        "rise": {"masks": 48},
        "sobol": {"cells": 3, "designs": 6},
        "extremal_perturbation": {"steps": 20},
        "feature_ablation": {"pieces": 16},
    }
    if case == "with_references":
        references = Distribution((picture(5)[None], picture(6)[None], picture(7)[None]))
        return {"method": "integrated_gradients", "baseline": references, "steps": 20, "tolerance": 0}
    return {"method": case, **quick.get(case, {})}


def valid(name: str, module: nn.Module) -> bool:
    model = Model(module)
    return METHODS[name].valid(model, model.layers(picture()[None])) is None


# They ask what is there and not what for, ask a neuron, or have a picture where nothing counts.
ASK_NOT_THE_HEAD = {"attention", "attention_rollout", "eigen_cam", "neuron_gradient"}
ASK_NOT_THE_HEAD |= {"score_cam", "extremal_perturbation"}
FOR_TOKENS = [name for name in METHODS if not valid(name, seeded(Conv))]


@pytest.fixture
def model(request: pytest.FixtureRequest) -> Model:
    """A network that the method is valid for: convolutions, where it is for them."""
    given = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    tokens = given.get("case", given.get("name")) in FOR_TOKENS
    if tokens:
        return Model(seeded(Tokens).train())
    module = seeded(Conv)
    module.train()  # the model comes in a mode that explaining must not use and must not change
    module.head.requires_grad_(False)
    return Model(module)


def steps_of(model: Model, case: str, **more: Any) -> Iterator[Step[Explanation]]:
    return explain_steps(model, picture(), **(wish(case) | more))


def state(module: nn.Module) -> Any:
    """Return everything about a module that explaining must leave alone."""
    hooks = [
        len(getattr(child, name))
        for child in module.modules()
        for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    ]
    modes = [child.training for child in module.modules()]
    weights = [(p.requires_grad, p.grad is None, p.detach().clone()) for p in module.parameters()]
    buffers = {name: value.clone() for name, value in module.named_buffers()}
    return copy.deepcopy((hooks, modes, weights, buffers, torch.get_rng_state(), torch.is_grad_enabled()))


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def alike(one: Explanation, other: Explanation) -> None:
    """Two runs are equal but for the rounding of batches of other sizes."""
    size = float(np.abs(one.values).max())
    np.testing.assert_allclose(one.values, other.values, rtol=1e-4, atol=1e-5 * size)
    assert one.evidence.evaluations == other.evidence.evaluations
    assert [(c.name, c.verdict) for c in one.evidence.checks] == [
        (c.name, c.verdict) for c in other.evidence.checks
    ]


@pytest.mark.parametrize("case", CASES)
def test_steps(model: Model, case: str) -> None:
    """`done` never falls, only the last step is final, values are finite and have the declared shape."""
    method = METHODS[wish(case)["method"]]
    shape = (3, SIDE, SIDE) if method.per_channel else (SIDE, SIDE)
    done = -1.0
    steps = list(steps_of(model, case))
    for step in steps:
        assert done <= step.done <= 1
        done = step.done
        found = step.value
        assert found.values.shape == shape and found.values.dtype == np.float32
        assert found.map.shape == (SIDE, SIDE) and found.map.dtype == np.float32
        assert np.isfinite(found.values).all()
        assert step.error is None or (np.isfinite(step.error) and step.error >= 0)
        assert found.signed or found.values.min() >= 0
        assert found.evidence.line and found.evidence.worst
        assert found.input.shape == (SIDE, SIDE, 3) and found.input.dtype == np.uint8
    assert [step.final for step in steps] == [False] * (len(steps) - 1) + [True]
    assert steps[-1].done == 1


@pytest.mark.parametrize("case", CASES)
def test_work_is_never_thrown_away(model: Model, case: str) -> None:
    asked = [step.value.evidence.evaluations for step in steps_of(model, case)]
    assert asked == sorted(asked) and len(set(asked)) == len(asked)


@pytest.mark.parametrize("case", CASES)
def test_first_picture_comes_early(model: Model, case: str) -> None:
    """One gradient, or ten forward passes; a variance needs a second batch."""
    first = next(steps_of(model, case)).value.evidence
    assert first.evaluations <= {"gradients": 1, "forward passes": 10}[first.counted] or case == "var_grad"


@pytest.mark.parametrize("case", CASES)
def test_last_step_is_the_one_shot_result_and_the_seed_settles_it(model: Model, case: str) -> None:
    stepped = last(steps_of(model, case, seed=3)).value
    at_once = explain(model, picture(), **(wish(case) | {"seed": 3}))
    alike(stepped, at_once)
    other = explain(model, picture(), **(wish(case) | {"seed": 4}))
    random = stepped.evidence["seed"].verdict == "holds"
    assert random == (stepped.seed == 3)
    assert random != np.allclose(stepped.values, other.values, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("case", CASES)
def test_how_many_go_in_at_once_changes_nothing(
    model: Model, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock says how large a step is; what is found, and after how many evaluations, it does not say."""
    if case == "xrai":  # in a white picture all places of a max pooling tie, and rounding chooses one
        model = Model(seeded(Tokens))
    found = []
    for size in (1, 3, 16):
        monkeypatch.setattr(model, "at_once", lambda inputs, counted, most, size=size: min(size, most))
        found.append(explain(model, picture(), **wish(case)))
    alike(found[0], found[1])
    alike(found[0], found[2])


@pytest.mark.parametrize("case", CASES)
def test_the_model_is_as_it_came_between_steps_and_after_closing(model: Model, case: str) -> None:
    before = state(model.module)
    steps = steps_of(model, case)
    assert same(before, state(model.module))
    for number, _ in enumerate(steps):
        assert same(before, state(model.module))
        if number == 1:
            steps.close()  # type: ignore[attr-defined]
    assert same(before, state(model.module))


@pytest.mark.parametrize("case", CASES)
def test_a_model_that_raises_midway_is_left_as_it_came(case: str) -> None:
    class Broken(Tokens if case in FOR_TOKENS else Conv):  # type: ignore[misc]
        calls, limit = 0, 10**9

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            Broken.calls += 1
            if Broken.calls > Broken.limit:
                raise ValueError("broken on purpose")
            return super().forward(x)

    model = Model(seeded(Broken))
    steps = steps_of(model, case)
    before = state(model.module)
    Broken.limit = Broken.calls
    with pytest.raises(ModelError, match="broken on purpose"):
        list(steps)
    assert same(before, state(model.module))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("network", [Conv, Tokens])
def test_a_head_of_zeros_gives_a_picture_and_a_doubt(case: str, network: type[nn.Module]) -> None:
    """As torchvision's ViT begins: every answer is zero, and nothing in the picture speaks for it."""
    if case in METHODS and not valid(case, seeded(network)):
        pytest.skip("not for this network")
    module = seeded(network)
    nn.init.zeros_(module.head.weight)
    nn.init.zeros_(module.head.bias)
    found = explain(Model(module), picture(), **wish(case))
    assert np.isfinite(found.values).all()
    if case not in ASK_NOT_THE_HEAD:
        assert not found.values.any()
        assert found.evidence["zero map"].verdict != "holds"


@pytest.mark.parametrize("case", CASES)
def test_everything_is_said(model: Model, case: str) -> None:
    found = explain(model, picture(), **wish(case))
    method = METHODS[found.method]
    assert set(found.params) == {param.name for param in method.params}
    assert (found.baseline is not None) == ("baseline" in method.needs)
    assert (found.layer is not None) == ("layer" in method.needs)
    names = [check.name for check in found.evidence.checks]
    assert len(set(names)) == len(names)
    assert {"completeness", "convergence", "finite", "zero map", "saturation", "architecture"} <= set(names)
    for check in found.evidence.checks:
        assert check.sentence.endswith(".") and "\n" not in check.sentence
    assert method.complete == (found.evidence["completeness"].verdict != "not applicable")
    assert found.seconds > 0 and found.model == model.fingerprint


@pytest.mark.parametrize("name", METHODS)
def test_declaration(name: str, model: Model) -> None:
    method = METHODS[name]
    told = json.loads(json.dumps(method.to_dict()))
    assert told["name"] == name and method.paper and method.summary.endswith(".")
    assert method.function.__doc__ and method.needs <= {"baseline", "layer", "distribution"}
    assert method.valid(model, model.layers(picture()[None])) is None
    for param in method.params:
        if param.kind == "choice":
            assert param.default in param.choices
            with pytest.raises(ParameterError, match=param.choices[0]):
                explain_steps(model, picture(), name, **{param.name: param.choices[0] + "x"})
            continue
        assert param.kind in ("int", "float") and param.low is not None and param.high is not None
        assert param.low <= param.default <= param.high
        for outside in (param.low - 1, param.high + 1):
            with pytest.raises(ParameterError, match=f"{param.low:g} and {param.high:g}"):
                explain_steps(model, picture(), name, **{param.name: outside})
        with pytest.raises(ParameterError, match="number"):
            explain_steps(model, picture(), name, **{param.name: "many"})


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if "baseline" in method.needs])
@pytest.mark.parametrize("baseline", [*BASELINES])
def test_every_baseline(name: str, baseline: str, model: Model) -> None:
    pictures = {"image": [picture(1)[None]], "distribution": [picture(1)[None], picture(2)[None]]}
    stroke = {"color": "#aa3311", "size": 1, "points": [[0, 0.5], [1, 0.5]]}
    more = {"image": {"image": 0}, "painted": {"strokes": [stroke], "over": "black"}}
    given = {"name": baseline} | more.get(baseline, {})
    found = explain(model, picture(), name, baseline=from_json(given, pictures.get(baseline, [])))
    assert found.baseline is not None and found.baseline["name"] == baseline
    assert found.evidence["blind baseline"].verdict == "holds"


@pytest.mark.parametrize("case", CASES)
def test_one_channel(case: str) -> None:
    if case in FOR_TOKENS:
        pytest.skip("the small transformer takes colours")

    class Grey(Conv):
        def __init__(self) -> None:
            super().__init__(1)

    given = wish(case)
    if case == "with_references":
        given["baseline"] = Distribution((picture(1, channels=1)[None],))
    found = explain(Model(seeded(Grey)), picture(channels=1), **given)
    assert found.map.shape == (SIDE, SIDE) and found.input.shape == (SIDE, SIDE, 3)
