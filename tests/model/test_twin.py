"""The network is looked into through a twin: a cell may train it, run it and change it all the while."""

import threading
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from xai_widgets.model.handle import Model
from xai_widgets.model.targets import ClassTarget
from xai_widgets.model.twin import Twin


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(), nn.Flatten(), nn.Linear(216, 3)
    )


INPUTS = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def test_a_cell_trains_while_the_network_is_looked_into() -> None:
    module = network()
    model, stop = Model(module), threading.Event()

    looks: list[int] = []

    def look() -> None:
        while not stop.is_set():
            model.gradients(INPUTS, ClassTarget(1))
            model.record(INPUTS)
            looks.append(1)

    worker = threading.Thread(target=look)
    worker.start()
    try:
        optimiser = torch.optim.SGD(module.parameters(), 0.01)
        statistics = module[1].running_mean.clone()
        for _ in range(60):
            assert all(child.training for child in module.modules())
            optimiser.zero_grad()
            module(INPUTS).square().sum().backward()
            assert all(weight.grad is not None for weight in module.parameters())
            optimiser.step()
            assert not torch.equal(module[1].running_mean, statistics), "the statistics are not rolled back"
            statistics = module[1].running_mean.clone()
    finally:
        stop.set()
        worker.join()
    assert len(looks) > 3


def test_activations_of_the_cell_are_not_caught() -> None:
    module = network().eval()
    model, stop = Model(module), threading.Event()
    expected = model.record(INPUTS)["0"]

    def run() -> None:
        while not stop.is_set():
            module(torch.full((1, 3, 8, 8), 9.0))

    cell = threading.Thread(target=run)
    cell.start()
    try:
        assert all(torch.equal(model.record(INPUTS)["0"], expected) for _ in range(60))
    finally:
        stop.set()
        cell.join()


def in_place(module: nn.Sequential) -> None:
    with torch.no_grad():
        module[5].weight.mul_(2)


def loaded(module: nn.Sequential) -> None:
    torch.manual_seed(7)
    module.load_state_dict(
        {name: torch.rand_like(value, dtype=torch.float) for name, value in module.state_dict().items()}
    )


def statistics(module: nn.Sequential) -> None:
    module[1].running_var.add_(3)


def another_layer(module: nn.Sequential) -> None:
    module[2] = nn.Tanh()


def another_setting(module: nn.Sequential) -> None:
    module[1].eps = 0.5


def a_hook(module: nn.Sequential) -> None:
    module[2].register_forward_hook(lambda _module, _args, output: output * 3)


def another_storage(module: nn.Sequential) -> None:
    module[5].weight.data = torch.ones(3, 216)


@pytest.mark.parametrize(
    "change", [in_place, loaded, statistics, another_layer, another_setting, a_hook, another_storage]
)
def test_every_change_of_the_network_is_seen(change: Callable[[nn.Sequential], None]) -> None:
    module = network().eval()
    model = Model(module)
    before = model.logits(INPUTS)
    change(module)
    with torch.no_grad():
        expected = module(INPUTS)
    assert not torch.allclose(before, expected)
    assert torch.allclose(model.logits(INPUTS), expected, atol=1e-5)


def test_the_weights_are_shared_and_the_buffers_are_not() -> None:
    module = network()
    twin = Twin(module).current()
    assert twin is not module and not any(child.training for child in twin.modules())
    pairs = zip(module.parameters(), twin.parameters(), strict=True)
    assert all(one.data_ptr() == other.data_ptr() and not other.requires_grad for one, other in pairs)
    pairs = zip(module.buffers(), twin.buffers(), strict=True)
    assert all(one.data_ptr() != other.data_ptr() for one, other in pairs)


class Stubborn(nn.Module):
    """A module that refuses to be copied."""

    def __deepcopy__(self, memo: dict[int, object]) -> "Stubborn":
        raise TypeError("no copies")

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def closed_over() -> nn.Module:
    module = network()
    inner = module.forward
    module.forward = lambda x: inner(x)  # type: ignore[method-assign]
    return module


@pytest.mark.parametrize("make", [Stubborn, closed_over])
def test_what_cannot_be_copied_is_looked_into_itself(make: Callable[[], nn.Module]) -> None:
    module = make().eval()
    assert Twin(module).current() is module
    with torch.no_grad():
        assert torch.allclose(Model(module).logits(INPUTS), module(INPUTS), atol=1e-6)


def test_kept_tensors_that_are_no_leaves_are_copied_along() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2)).eval()
    kept = module[0].weight * 2  # as weight_norm and its like do
    del module[0].weight
    module[0].weight = kept
    assert Twin(module).current() is not module
    assert torch.allclose(Model(module).logits(INPUTS), module(INPUTS).detach(), atol=1e-6)
