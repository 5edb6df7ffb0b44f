"""Receptive fields against the support of a gradient, measured."""

import pytest
import torch
from torch import Tensor, nn
from torchvision import models as zoo

from tests.model import nets
from xai_widgets.model.handle import Model
from xai_widgets.model.layers import as_maps
from xai_widgets.model.targets import Neuron


def measured(model: Model, inputs: Tensor, name: str) -> int:
    """The side of the square of pixels that the middle position of a layer depends on, over all channels."""
    layer = model.layers(inputs)[name]
    assert layer.grid is not None
    middle = (layer.grid[0] // 2, layer.grid[1] // 2)
    seen = torch.zeros(inputs.shape[2:], dtype=torch.bool)
    for channel in range(min(4, layer.channels)):
        _, gradient = model.gradients(inputs, Neuron(name, channel, middle))
        seen |= (gradient != 0).any(dim=1)[0]
    rows, columns = seen.any(1).nonzero(), seen.any(0).nonzero()
    return max(int(rows.max() - rows.min()), int(columns.max() - columns.min())) + 1


def linear(module: nn.Module) -> nn.Module:
    """Average instead of maximum pooling, so that no gradient is lost on the way."""
    for name, child in module.named_children():
        if isinstance(child, nn.MaxPool2d):
            pool = nn.AvgPool2d(child.kernel_size, child.stride, child.padding, ceil_mode=child.ceil_mode)
            setattr(module, name, pool)
        elif isinstance(child, nn.ReLU):
            setattr(module, name, nn.Softplus())
        else:
            linear(child)
    return module


NETS = {
    "dilated": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.Conv2d(4, 4, 3, stride=2, padding=2, dilation=2),
        nn.AvgPool2d(3, 1, 1),
        nn.Conv2d(4, 4, (1, 7), padding=(0, 3)),
        nn.Conv2d(4, 4, 5, stride=3, padding=2, groups=4),
        nn.AdaptiveAvgPool2d(3),
        nn.Flatten(),
        nn.Linear(36, 3),
    ),
    "alexnet": lambda: linear(zoo.alexnet(num_classes=3)),
    "resnet": lambda: linear(zoo.ResNet(zoo.resnet.BasicBlock, [1, 1, 0 + 1, 1], num_classes=3)),
    "squeezenet": lambda: linear(zoo.squeezenet1_1(num_classes=3)),
}


@pytest.mark.parametrize(
    ("net", "side"), [("dilated", 54), ("alexnet", 224), ("resnet", 288), ("squeezenet", 224)]
)
def test_it_is_the_support_of_the_gradient(net: str, side: int) -> None:
    torch.manual_seed(0)
    model, inputs = Model(NETS[net]().double()), torch.rand(1, 3, side, side)
    layers = [layer for layer in model.layers(inputs).viewable if layer.receptive_field]
    inside = [layer for layer in layers if (layer.receptive_field or 0) < side * 0.8]
    assert len(inside) >= 5
    for layer in inside[:: max(1, len(inside) // 8)]:
        assert measured(model, inputs, layer.name) == layer.receptive_field, layer.name


def test_the_figures_of_the_literature() -> None:
    """Araujo et al. 2019, table 1: AlexNet 195, VGG-16 212, ResNet-50 483 (their ResNet-v1 strides early)."""
    inputs = torch.zeros(1, 3, 224, 224)
    assert Model(zoo.alexnet()).layers(inputs)["features.12"].receptive_field == 195
    assert Model(zoo.vgg16_bn()).layers(torch.zeros(1, 3, 64, 64))["features.43"].receptive_field == 212
    assert Model(zoo.resnet18()).layers(inputs)["layer4"].receptive_field == 435
    assert Model(zoo.resnet50()).layers(torch.zeros(1, 3, 64, 64))["layer4"].receptive_field == 427


class Global(nn.Module):
    """One way in which each place comes to depend on all others."""

    def __init__(self, mix: str) -> None:
        super().__init__()
        self.conv, self.out, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Linear(4, 3)
        self.norm, self.mix = nn.GroupNorm(2, 4), mix

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        ways = {
            "scaled by a global mean": lambda: x * x.mean((2, 3), keepdim=True),
            "group norm": lambda: self.norm(x),
            "fourier": lambda: torch.fft.fft2(x).real,
            "attention": lambda: (x.flatten(2).softmax(2) @ x.flatten(2).mT @ x.flatten(2)).view_as(x),
            "upsampled": lambda: nn.functional.interpolate(x, scale_factor=2),
            "space to depth": lambda: x.unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5)),
        }
        x = self.out(ways[self.mix]())
        return self.head(x.mean((2, 3)))


@pytest.mark.parametrize(
    "mix",
    [
        "scaled by a global mean",
        "group norm",
        "fourier",
        "attention",
        "upsampled",
        "space to depth",
    ],
)
def test_it_is_none_where_it_is_not_defined(mix: str) -> None:
    tree = Model(Global(mix)).layers(torch.rand(1, 3, 16, 16))
    assert tree["conv"].receptive_field == 3
    assert tree["out"].receptive_field is None


def test_it_ends_at_the_first_attention_of_a_vit_and_the_first_gate_of_an_efficientnet() -> None:
    tree = Model(nets.small_vit()).layers(torch.rand(1, 3, 64, 64))
    assert tree["encoder.layers.encoder_layer_0.ln_1"].receptive_field == 8
    assert tree["encoder.layers.encoder_layer_0.self_attention"].receptive_field is None
    tree = Model(zoo.efficientnet_b0()).layers(torch.rand(1, 3, 64, 64))
    assert tree["features.1.0.block.0"].receptive_field == 7
    assert tree["features.1.0.block.1"].receptive_field is None


def test_it_agrees_with_the_maps_of_the_layer() -> None:
    """A change of one pixel moves exactly the positions that see it."""
    torch.manual_seed(0)
    model = Model(
        linear(nn.Sequential(*list(zoo.squeezenet1_1().features[:6]), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    )
    inputs = torch.rand(1, 3, 96, 96)
    changed = inputs.clone()
    changed[0, :, 48, 48] += 1.0
    before, after = model.record(inputs), model.record(changed)
    for layer in model.layers(inputs).viewable:
        if layer.receptive_field is None or layer.grid is None:
            continue
        moved = (as_maps(before[layer.name] - after[layer.name], layer) != 0).any(1)[0].any(0).sum()
        distance = 96 / layer.grid[1]
        assert abs(int(moved) - layer.receptive_field / distance) <= 1.0, layer.name
