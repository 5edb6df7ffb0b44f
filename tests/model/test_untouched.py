"""The module is left exactly as it came, whatever was asked of it and whatever went wrong."""

import copy
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.model import nets
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.model.handle import Model
from xai_widgets.model.hooks import untouched
from xai_widgets.model.targets import Channel, ClassTarget, Margin, Neuron


def state(module: nn.Module) -> dict[str, Any]:
    """Everything of a module that a caller could notice."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "modes": [(name, child.training) for name, child in module.named_modules()],
        "hooks": [(name, [list(getattr(child, h)) for h in hooks]) for name, child in module.named_modules()],
        "parameters": [
            (n, id(p), p.requires_grad, p.dtype, p.device, p._version) for n, p in module.named_parameters()
        ],
        "grads": [
            (n, id(p.grad), None if p.grad is None else p.grad.tolist()) for n, p in module.named_parameters()
        ],
        "values": [(name, value.tolist()) for name, value in module.state_dict().items()],
        "buffers": [(name, id(buffer)) for name, buffer in module.named_buffers()],
        "attributes": [(name, sorted(vars(child))) for name, child in module.named_modules()],
        "random": (torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()),
        "grad mode": torch.is_grad_enabled(),
    }


class Counter(nn.Module):
    """Buffers that change even in evaluation mode: one in place, one by assignment."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nets.plain_cnn()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.mean = x.mean((0, 2, 3))
        nn.functional.batch_norm(x, self.mean.clone(), torch.ones(3), training=True)
        random.random(), np.random.rand(), torch.rand(1)
        return self.net(nn.functional.dropout(x, 0.1, training=True))


MAKERS: dict[str, Callable[[], nn.Module]] = {
    "plain": nets.plain_cnn,
    "residual": nets.Residual,
    "counter": Counter,
    "vit": nets.small_vit,
    "raises": lambda: nets.Raises(ValueError("broken")),
    "out of memory": lambda: nets.Raises(torch.OutOfMemoryError("CUDA out of memory")),
    "nan": lambda: nets.Gives(lambda logits: logits * float("nan")),
    "no logits": lambda: nets.Gives(lambda logits: "nothing"),
    "detached": lambda: nets.Gives(lambda logits: logits.detach()),
}
CALLS: dict[str, Callable[[Model, Tensor], Any]] = {
    "logits": lambda model, x: model.logits(x),
    "predict": lambda model, x: model.predict(x),
    "layers": lambda model, x: model.layers(x),
    "record": lambda model, x: model.record(x),
    "outputs": lambda model, x: model.outputs(x, Margin(0, 1)),
    "gradients": lambda model, x: model.gradients(x, ClassTarget(1)),
    "layer gradients": lambda model, x: model.layer_gradients(
        x, ClassTarget(1), model.layers(x).viewable[0].name
    ),
    "neuron": lambda model, x: model.gradients(x, Neuron(model.layers(x).viewable[0].name, 0, (0, 0))),
    "channel": lambda model, x: model.gradients(x, Channel(model.layers(x).viewable[0].name, 10_000)),
    "unknown layer": lambda model, x: model.layer_gradients(x, ClassTarget(1), "layer9"),
    "unknown class": lambda model, x: model.gradients(x, ClassTarget(10_000)),
    "wrong size": lambda model, x: model.logits(x[:, :, :1, :1]),
    "wrong channels": lambda model, x: model.logits(x[:, :1]),
    "fingerprint": lambda model, x: model.fingerprint,
}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(sorted(MAKERS)),
    st.lists(st.sampled_from(sorted(CALLS)), min_size=1, max_size=3),
    st.data(),
)
def test_the_module_is_left_as_it_came(maker: str, calls: list[str], data: st.DataObject) -> None:
    torch.manual_seed(data.draw(st.integers(0, 3)))
    module = MAKERS[maker]()
    for child in module.modules():
        child.training = data.draw(st.booleans())
    for parameter in module.parameters():
        parameter.requires_grad = data.draw(st.booleans())
        if data.draw(st.booleans()):
            parameter.grad = torch.ones_like(parameter)
    module.register_forward_hook(lambda *_: None)
    model, inputs = Model(module), torch.rand(2, 3, 64, 64)
    before, given_inputs = state(module), inputs.clone()
    for call in calls:
        with suppress(XaiWidgetsError):
            CALLS[call](model, inputs)
        assert state(module) == before, call
    assert torch.equal(inputs, given_inputs) and not inputs.requires_grad and inputs.grad is None


def test_an_error_of_any_kind_leaves_the_module_as_it_came() -> None:
    inputs = torch.rand(1, 3, 8, 8)
    for error in (KeyboardInterrupt(), SystemExit(), MemoryError(), RecursionError()):
        module = nets.Raises(error)
        before = state(module)
        with pytest.raises(BaseException):  # noqa: B017
            Model(module).gradients(inputs, ClassTarget(0))
        assert state(module) == before


def test_training_goes_on_as_if_nothing_had_been_looked_at() -> None:
    def train(look: bool) -> Tensor:
        torch.manual_seed(0)
        module = nets.Residual()
        optimiser = torch.optim.SGD(module.parameters(), 0.1)
        for _ in range(3):
            loss = module(torch.rand(4, 3, 8, 8)).square().mean()
            if look:  # between forward and backward, the worst moment
                CALLS["layer gradients"](Model(module), torch.rand(1, 3, 8, 8, generator=torch.Generator()))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return torch.cat([p.detach().flatten() for p in module.parameters()])

    assert torch.equal(train(False), train(True))


def test_the_caller_may_have_gradients_off_or_be_in_inference_mode() -> None:
    model, inputs = Model(nets.plain_cnn()), torch.rand(1, 3, 8, 8)
    expected = model.gradients(inputs, ClassTarget(1))[1]
    with torch.no_grad():
        assert torch.equal(model.gradients(inputs, ClassTarget(1))[1], expected)
    with torch.inference_mode():
        assert torch.equal(model.gradients(inputs.clone(), ClassTarget(1))[1], expected)
        assert torch.is_inference_mode_enabled()


def test_a_train_method_with_side_effects_is_not_called() -> None:
    class Stubborn(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nets.plain_cnn()

        def train(self, mode: bool = True) -> "Stubborn":
            raise AssertionError("train() was called")

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x)

    Model(Stubborn()).logits(torch.rand(1, 3, 8, 8))


def test_another_device_gets_a_copy() -> None:
    module = nets.plain_cnn()
    assert Model(module, device="cpu").module is module
    half = copy.deepcopy(module).half()
    assert Model(half).logits(torch.rand(1, 3, 8, 8)).dtype == torch.float32
    assert next(half.parameters()).dtype == torch.float16


def test_nesting_gives_the_outer_state_back() -> None:
    module = nets.plain_cnn()
    before = state(module)
    with untouched(module):
        inside = state(module)
        with untouched(module, gradients=True):
            assert torch.is_grad_enabled()
        assert state(module) == inside
    assert state(module) == before
