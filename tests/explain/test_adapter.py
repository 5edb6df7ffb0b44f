"""A method of the user's own, and those of Captum."""

import re
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import pytest
import torch
from captum import attr
from torch import nn
from torchvision import models

from tests.explain.nets import SIDE, Conv, picture, seeded
from xai_widgets.errors import NotValidError, ParameterError
from xai_widgets.explain import METHODS, adapter, explain, explain_steps, registry
from xai_widgets.explain.problem import Problem
from xai_widgets.model import Model
from xai_widgets.parameters import Range


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    before = dict(registry._methods)
    yield
    registry._methods.clear()
    registry._methods.update(before)


def test_a_function_becomes_a_method() -> None:
    @adapter.explainer("Powered gradient", needs=["baseline"])
    def powered(problem: Problem, *, power: Annotated[float, Range(0.5, 3)] = 2.0) -> Any:
        """The gradient, to a power."""
        _, gradients = problem.gradients(problem.inputs - problem.reference())
        return np.abs(gradients[0]) ** power

    method = METHODS["powered"]
    assert method.label == "Powered gradient" and method.summary == "The gradient, to a power."
    assert [param.name for param in method.params] == ["power"]
    plain = explain(Model(seeded(Conv)), picture(), "gradient", target=1).values
    found = explain(Model(seeded(Conv)), picture(), "powered", target=1, power=3.0)
    np.testing.assert_allclose(found.values, np.abs(plain) ** 3, rtol=1e-4, atol=1e-9)
    assert found.baseline == {"name": "black"} and found.params == {"power": 3.0}
    with pytest.raises(ParameterError, match=r"within 0\.5 and 3"):
        explain(Model(seeded(Conv)), picture(), "powered", power=4)


def test_a_generator_improves_while_one_watches() -> None:
    @adapter.explainer("Growing", per_channel=False)
    def growing(problem: Problem) -> Iterator[torch.Tensor]:
        for number in range(1, 5):
            yield torch.full((SIDE, SIDE), 1 - 0.5**number)

    steps = list(explain_steps(Model(seeded(Conv)), picture(), "growing", target=0))
    assert [step.final for step in steps] == [False, False, False, True]
    assert [step.error for step in steps][1:] == pytest.approx([0.25, 0.125, 0.0625])
    assert steps[-1].done == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((4, 4)), r"gave shape \(4, 4\), not \(3, 12, 12\)"),
        (np.zeros((SIDE, SIDE)), "per_channel=False"),
        (None, "gave nothing"),
    ],
)
def test_what_a_function_gives_is_checked(given: Any, said: str) -> None:
    @adapter.explainer("Wrong", name="wrong")
    def wrong(problem: Problem) -> Any:
        return given

    with pytest.raises(ParameterError) as caught:
        explain(Model(seeded(Conv)), picture(), "wrong", target=0)
    assert re.search(said, f"{caught.value}"), caught.value


def test_names_are_guarded() -> None:
    with pytest.raises(ParameterError, match="a method of the library"):
        adapter.explainer("Mine", name="grad_cam")(lambda problem: None)
    with pytest.raises(ParameterError, match="'layers'"):
        adapter.explainer("Mine", needs=["layers"])
    for _ in range(2):  # a cell is run again
        adapter.explainer("Mine", name="mine")(lambda problem: None)


@pytest.mark.parametrize(
    "make", [attr.Saliency, attr.InputXGradient, attr.DeepLift, attr.IntegratedGradients]
)
def test_captum(make: Any) -> None:
    needs = ["baseline"] if make in (attr.DeepLift, attr.IntegratedGradients) else []
    fixed = {"abs": False} if make is attr.Saliency else {}
    adapter.captum(make, "Theirs", needs=needs, **fixed)
    module = seeded(Conv)
    for index in (2, 5):
        module.features[index] = nn.ReLU()
    found = explain(Model(module), picture(), "captum_theirs", target=2).values
    expected = make(module).attribute(picture()[None].requires_grad_(), target=2, **fixed)[0].detach()
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-7)


def test_captum_leaves_the_network_alone() -> None:
    module = seeded(Conv).train()
    adapter.captum(attr.DeepLift, "Theirs", needs=["baseline"])
    explain(Model(module), picture(), "captum_theirs", target=2)
    assert module.training and module.features[2].inplace
    assert not any(child._forward_hooks or child._backward_hooks for child in module.modules())


def test_what_captum_cannot_do_is_said_with_a_remedy() -> None:
    """Design, section 8: DeepLift on torchvision's ResNet; a layer's Grad-CAM that is no map."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        resnet = models.resnet18(weights=None).eval()
    adapter.captum(attr.DeepLift, "DeepLIFT", needs=["baseline"])
    with pytest.raises(NotValidError, match="DeepLIFT") as caught:
        explain(Model(resnet), torch.rand(3, 64, 64), "captum_deeplift", target=1)
    assert "deep_lift" in str(caught.value.hint)
    adapter.captum(lambda net: attr.LayerGradCam(net, net.net.layer4), "Layers", name="layers_of_captum")
    with pytest.raises(NotValidError, match="no map"):
        explain(Model(resnet), torch.rand(3, 64, 64), "layers_of_captum", target=1)
