"""Gradients and activations against slow derivations by hand."""

from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from tests.model import nets
from xai_widgets.errors import ModelError
from xai_widgets.model.handle import Model
from xai_widgets.model.layers import as_maps
from xai_widgets.model.targets import Channel, ClassTarget, Margin, Neuron, Target

TARGETS: list[Target] = [
    ClassTarget(2),
    Margin(1, 4),
    Neuron("1", 3, (2, 5)),
    Neuron("9", 2),
    Neuron("4", 17),
    Channel("5", 2),
]


def scalar_by_hand(module: nn.Sequential, x: Tensor, target: Target) -> Tensor:
    """The target of one image, layer by layer, without any of the library."""
    seen = {}
    for index, layer in enumerate(module.eval()):
        x = layer(x.clone())  # the clone keeps in-place layers from what was seen
        seen[str(index)] = x
    if isinstance(target, ClassTarget):
        return x[0, target.index]
    if isinstance(target, Margin):
        return x[0, target.index] - x[0, target.other]
    activation = seen[target.layer or ""][0]
    if isinstance(target, Channel):
        return activation[target.channel].mean()
    assert isinstance(target, Neuron)
    if target.position is None:
        return activation.flatten()[target.channel]
    return activation[target.channel, target.position[0], target.position[1]]


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_gradients_equal_finite_differences(target: Target) -> None:
    torch.manual_seed(1)
    module = nets.plain_cnn().double()
    inputs = torch.rand(2, 3, 10, 10, dtype=torch.float64)
    values, gradients = Model(module).gradients(inputs, target)
    step = 1e-5
    for image in range(2):
        x = inputs[image : image + 1]
        assert torch.allclose(scalar_by_hand(module, x, target).float(), values[image], atol=1e-5)
        for place in [(0, 0, 0), (1, 4, 5), (2, 5, 2), (0, 2, 5)]:
            nudge = torch.zeros_like(x)
            nudge[0][place] = step
            up, down = (scalar_by_hand(module, x + sign * nudge, target).detach() for sign in (1, -1))
            slope = float((up - down) / (2 * step))
            assert float(gradients[image][place]) == pytest.approx(slope, abs=1e-5, rel=1e-4)


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_gradients_equal_those_of_autograd_by_hand(target: Target) -> None:
    torch.manual_seed(2)
    module = nets.plain_cnn()
    inputs = torch.rand(3, 3, 12, 9)
    values, gradients = Model(module).gradients(inputs, target)
    for image in range(3):
        x = inputs[image : image + 1].clone().requires_grad_()
        value = scalar_by_hand(module, x, target)
        (expected,) = torch.autograd.grad(value, x)
        assert torch.allclose(gradients[image : image + 1], expected, atol=1e-6)
        assert torch.allclose(values[image], value, atol=1e-6)


def test_the_record_equals_a_forward_pass_by_hand() -> None:
    module = nets.plain_cnn()
    model, inputs = Model(module), torch.rand(2, 3, 12, 12)
    record = model.record(inputs)
    x = inputs[:1]
    for index, layer in enumerate(module.eval()):
        x = layer(x.clone())
        assert torch.allclose(record[str(index)].flatten(), x.flatten(), atol=1e-6), index
    assert list(record) == [str(index) for index in range(len(module))]


def test_what_an_in_place_layer_overwrites_was_recorded_before() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    record = Model(module).record(torch.rand(1, 3, 6, 6) - 0.5)
    assert float(record["0"].min()) < 0.0
    assert torch.equal(record["1"], record["0"].relu())


def test_layer_gradients_equal_those_of_a_network_cut_by_hand() -> None:
    module = nets.plain_cnn()
    inputs = torch.rand(2, 3, 12, 12)
    for cut in range(len(module)):
        values, activation, gradient = Model(module).layer_gradients(inputs, ClassTarget(1), str(cut))
        below, above = module.eval()[: cut + 1], module[cut + 1 :]
        middle = below(inputs.clone()).detach().requires_grad_()
        expected = above(middle.clone())[:, 1]
        (slope,) = torch.autograd.grad(expected.sum(), middle)
        assert torch.allclose(activation, middle, atol=1e-6)
        assert torch.allclose(gradient, slope, atol=1e-6)
        assert torch.allclose(values, expected, atol=1e-6)


def test_a_reused_module_has_a_layer_a_call() -> None:
    module = nets.Residual()
    model, inputs = Model(module), torch.rand(1, 3, 8, 8)
    tree = model.layers(inputs)
    names = [layer.name for layer in tree]
    assert names == ["stem", "norm", "relu", "conv", "norm#2", "relu#2", "drop", "head"]
    assert tree["drop"].same_as == "relu#2"
    record = model.record(inputs)
    module.eval()
    with torch.no_grad():
        first = module.norm(module.stem(inputs)).relu()
        last = (module.norm(module.conv(first)) + first).relu()
    assert torch.allclose(record["relu"], first, atol=1e-6)
    assert torch.allclose(record["relu#2"], last, atol=1e-6)
    _, activation, gradient = model.layer_gradients(inputs, ClassTarget(3), "relu")
    leaf = first.clone().requires_grad_()
    output = module.head((module.norm(module.conv(leaf)) + leaf).relu().mean((2, 3)))
    (expected,) = torch.autograd.grad(output[0, 3], leaf)
    assert torch.allclose(activation, first, atol=1e-6)
    assert torch.allclose(gradient, expected, atol=1e-6)


def test_a_layer_that_the_target_does_not_use_has_gradient_zero() -> None:
    model, inputs = Model(nets.plain_cnn()), torch.rand(1, 3, 8, 8)
    _, _, gradient = model.layer_gradients(inputs, Channel("1", 0), "5")
    assert not gradient.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_come_back_in_float32(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    module = nets.plain_cnn()
    inputs = torch.rand(1, 3, 12, 12)
    exact = Model(module).gradients(inputs, ClassTarget(1))
    model = Model(module.to(dtype))
    values, gradients = model.gradients(inputs, ClassTarget(1))
    assert values.dtype == gradients.dtype == torch.float32 and model.dtype == dtype
    assert torch.allclose(values, exact[0], atol=0.02)
    assert torch.allclose(gradients, exact[1], atol=0.02 * float(exact[1].abs().max()) + 1e-4)
    assert all(tensor.dtype == torch.float32 for tensor in model.record(inputs).values())
    assert all(parameter.dtype == dtype for parameter in module.parameters())


def test_tokens_go_to_their_places_and_their_gradients_too() -> None:
    model, inputs = Model(nets.small_vit()), torch.rand(1, 3, 64, 64)
    layer = model.layers(inputs)["encoder.layers.encoder_layer_0"]
    _, activation, gradient = model.layer_gradients(inputs, Channel(layer.name, 5), layer.name)
    assert activation.shape == (1, 65, 24)
    maps = as_maps(gradient, layer)
    expected = torch.zeros(1, 24, 8, 8)
    expected[:, 5] = 1 / 64
    assert torch.allclose(maps, expected) and not gradient[:, 0].any()


class Greedy(nn.Module):
    """Says that memory ran out for more than three images at once."""

    sizes: ClassVar[list[int]] = []  # of the class, which the network and its twin share

    def __init__(self, error: Exception, most: int = 3) -> None:
        super().__init__()
        self.net, self.error, self.most = nets.plain_cnn(), error, most
        self.sizes.clear()

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append(len(x))
        if len(x) > self.most:
            raise self.error
        return self.net(x)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory"),
    ],
    ids=str,
)
def test_a_batch_that_does_not_fit_halves_itself(error: Exception) -> None:
    module = Greedy(error)
    model, inputs = Model(module), torch.rand(10, 3, 8, 8)
    values, gradients = model.gradients(inputs, ClassTarget(1))
    assert module.sizes == [2, 1, 10, 5, 2, 2, 2, 2, 2] and model.batch_limit == 2
    expected = Model(module.net).gradients(inputs, ClassTarget(1))
    assert torch.allclose(values, expected[0], atol=1e-6)
    assert torch.allclose(gradients, expected[1], atol=1e-6)
    module.sizes.clear()
    assert torch.allclose(model.logits(inputs), Model(module.net).logits(inputs), atol=1e-6)
    assert module.sizes == [2, 2, 2, 2, 2]


def test_one_image_that_does_not_fit_is_an_error_with_a_remedy() -> None:
    model = Model(Greedy(torch.OutOfMemoryError("CUDA out of memory"), most=0))
    with pytest.raises(ModelError, match=r"One image of shape \(3, 8, 8\) does not fit") as caught:
        model.logits(torch.rand(4, 3, 8, 8))
    assert "smaller picture" in caught.value.hint
    with pytest.raises(ModelError, match="Memory ran out"):
        model.layers(torch.rand(1, 3, 8, 8))


class One(nn.Module):
    """Takes one image at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nets.plain_cnn()

    def forward(self, x: Tensor) -> Tensor:
        assert len(x) == 1
        return self.net(x)


def mixing() -> nn.Module:
    """A network whose statistics are those of the batch, in evaluation mode too."""
    norm = nn.BatchNorm2d(4, track_running_stats=False)
    return nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))


@pytest.mark.parametrize("make", [One, mixing])
def test_images_of_a_batch_do_not_touch_each_other(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    model, inputs = Model(make()), torch.rand(5, 3, 8, 8)
    alone = [model.gradients(one[None], ClassTarget(1)) for one in inputs]
    values, gradients = model.gradients(inputs, ClassTarget(1))
    assert torch.allclose(values, torch.cat([value for value, _ in alone]), atol=1e-5)
    assert torch.allclose(gradients, torch.cat([gradient for _, gradient in alone]), atol=1e-5)
    assert model.batch_limit == 1
