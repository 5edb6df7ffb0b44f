"""Channels last and half precision: quicker, never another answer, and never at the price of an error."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.explain.nets import Conv, Linear, picture, seeded
from xai_widgets.explain import explain
from xai_widgets.model import Model
from xai_widgets.model.batches import Pace
from xai_widgets.model.layout import Layout
from xai_widgets.model.targets import ClassTarget

INPUTS = torch.rand(3, 3, 12, 12, generator=torch.Generator().manual_seed(5))


class Seen(nn.Module):
    """Notes how its inputs lie; flattens by a view, as many networks do, or by a reshape."""

    def __init__(self, views: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Linear(4 * 12 * 12, 5)
        self.views = views
        self.last: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        self.last.append(x.is_contiguous(memory_format=torch.channels_last))
        x = self.conv(x).relu()
        return self.head(x.view(len(x), -1) if self.views else x.flatten(1))


def by_hand(module: nn.Module, target: int) -> tuple[Tensor, Tensor]:
    leaf = INPUTS.clone().requires_grad_()
    values = module(leaf)[:, target]
    return values.detach(), torch.autograd.grad(values.sum(), [leaf])[0]


@pytest.mark.parametrize("views", [False, True])
def test_a_batch_lies_channels_last_where_the_network_allows_it(views: bool) -> None:
    module = Seen(views).eval()
    model = Model(module)
    for _ in range(2):
        values, gradients = model.gradients(INPUTS, ClassTarget(2))
        expected = by_hand(module, 2)
        torch.testing.assert_close(values, expected[0])
        torch.testing.assert_close(gradients, expected[1])
        assert gradients.is_contiguous()
    assert model._batches is True, "a view is no reason to take pictures one by one"
    seen: Any = model._twin.last
    assert seen.last[-1] is not views


def test_only_where_there_is_more_to_convolve_than_to_reorder() -> None:
    batch = torch.rand(1, 3, 12, 12)
    light, heavy = nn.Conv2d(3, 16, 3), nn.Conv2d(1024, 1024, 3)
    assert Layout(light, True).of(batch).is_contiguous(memory_format=torch.channels_last)
    assert Layout(heavy, True).of(batch).is_contiguous()
    assert Layout(nn.Linear(3, 3), True).of(batch).is_contiguous()


def test_another_error_is_no_reason_to_try_again() -> None:
    layout = Layout(nn.Conv2d(3, 3, 3), True)
    assert not layout.refused(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert layout.refused(RuntimeError("view size is not compatible with input tensor's size and stride"))
    assert not layout.refused(RuntimeError("view size is not compatible")), "once"


@pytest.fixture
def halved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half precision on this machine's processor, as if it were a GPU."""
    monkeypatch.setattr(Layout, "half", lambda self, device, dtype: self.autocast and dtype == torch.float32)


def test_half_precision_is_near_and_said(halved: None) -> None:
    module = seeded(Conv)
    exact = explain(Model(module, autocast=False), picture(), "gradient", target=1)
    half = explain(Model(module), picture(), "gradient", target=1)
    size = float(np.abs(exact.values).max())
    np.testing.assert_allclose(half.values, exact.values, atol=0.02 * size)
    assert not np.array_equal(half.values, exact.values)
    assert "half precision" in half.evidence["precision"].sentence
    assert "half precision" in half.evidence.line.lower()
    assert exact.evidence["precision"].sentence == "Computed in float32."


def test_predictions_are_never_in_half_precision(halved: None) -> None:
    module = seeded(Conv)
    assert torch.equal(Model(module).logits(INPUTS), Model(module, autocast=False).logits(INPUTS))


def test_small_gradients_survive_half_precision(halved: None) -> None:
    """Without raising them they would be zero: half precision ends at 6e-8."""
    module = seeded(Conv)
    with torch.no_grad():
        module.head.weight.mul_(1e-5)
    found = Model(module).gradients(INPUTS, ClassTarget(1))[1]
    exact = Model(module, autocast=False).gradients(INPUTS, ClassTarget(1))[1]
    assert float((found - exact).abs().mean()) < 0.05 * float(exact.abs().mean())


def test_what_overflows_is_computed_again(halved: None) -> None:
    module = seeded(Linear)
    with torch.no_grad():
        module.head.weight.mul_(1e6)
    model = Model(module)
    found, exact = model.gradients(INPUTS, ClassTarget(1)), by_hand(module, 1)
    torch.testing.assert_close(found[1], exact[1])
    assert not model.half


def test_on_a_processor_it_is_off() -> None:
    model = Model(seeded(Conv))
    assert not model.half
    assert Layout(model.module, True).half(torch.device("cuda"), torch.float32)
    assert not Layout(model.module, True).half(torch.device("cuda"), torch.float64)
    assert not Layout(model.module, False).half(torch.device("cuda"), torch.float32)


def test_the_pace_is_learned() -> None:
    pace = Pace()
    assert pace.at_once("gradients", 16) == 1, "nothing is known yet"
    pace.learn("gradients", 1, 0.010)
    assert pace.at_once("gradients", 16) == 8 and pace.at_once("gradients", 5) == 5
    assert pace.at_once("forward passes", 16) == 1
    pace.learn("gradients", 8, 0.040)
    assert pace.at_once("gradients", 99) == 16, "twenty would fit; a power of two is taken"
    pace.learn("gradients", 16, 60.0)
    assert pace.at_once("gradients", 99) == 16, "one stall counts little"
    for _ in range(20):
        pace.learn("gradients", 1, 5.0)
    assert pace.at_once("gradients", 99) == 1, "a slow network is asked one by one"
