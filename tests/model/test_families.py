"""Every torchvision classification family, with random weights and without any glue."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from tests.model import nets
from xai_widgets.model.handle import Model
from xai_widgets.model.layers import as_maps
from xai_widgets.model.targets import resolve

# family: (network, side of the input, kind and grid of the layer chosen for Grad-CAM)
FAMILIES: dict[str, tuple[Callable[[], nn.Module], int, str, tuple[int, int]]] = {
    "alexnet": (partial(nets.named, "alexnet"), 96, "AdaptiveAvgPool2d", (6, 6)),
    "vgg": (partial(nets.named, "vgg11"), 64, "AdaptiveAvgPool2d", (7, 7)),
    "resnet": (partial(nets.named, "resnet18"), 64, "ReLU", (2, 2)),
    "resnext": (partial(nets.small_resnet, groups=4, width_per_group=4), 64, "ReLU", (2, 2)),
    "wide_resnet": (partial(nets.small_resnet, width_per_group=96), 64, "ReLU", (2, 2)),
    "densenet": (partial(nets.named, "densenet121"), 64, "BatchNorm2d", (2, 2)),
    "convnext": (partial(nets.named, "convnext_tiny"), 64, "CNBlock", (2, 2)),
    "efficientnet": (partial(nets.named, "efficientnet_b0"), 64, "SiLU", (2, 2)),
    "efficientnet_v2": (partial(nets.named, "efficientnet_v2_s"), 64, "SiLU", (2, 2)),
    "mobilenet_v2": (partial(nets.named, "mobilenet_v2"), 64, "ReLU6", (2, 2)),
    "mobilenet_v3": (partial(nets.named, "mobilenet_v3_small"), 64, "Hardswish", (2, 2)),
    "squeezenet": (partial(nets.named, "squeezenet1_1"), 64, "ReLU", (3, 3)),
    "shufflenet": (partial(nets.named, "shufflenet_v2_x0_5"), 64, "ReLU", (2, 2)),
    "mnasnet": (partial(nets.named, "mnasnet0_5"), 64, "ReLU", (2, 2)),
    "regnet": (partial(nets.named, "regnet_y_400mf"), 64, "ReLU", (2, 2)),
    "googlenet": (partial(nets.named, "googlenet"), 64, "Inception", (2, 2)),
    "inception": (partial(nets.named, "inception_v3"), 160, "InceptionE", (3, 3)),
    "vit": (nets.small_vit, 64, "LayerNorm", (8, 8)),
    "swin": (nets.small_swin, 64, "LayerNorm", (2, 2)),
    "swin_v2": (partial(nets.small_swin, second=True), 64, "LayerNorm", (2, 2)),
    "maxvit": (nets.small_maxvit, 64, "WindowDepartition", (8, 8)),
}
HEAVY = {"vgg", "densenet", "efficientnet_v2", "inception"}
CASES = [pytest.param(name, marks=pytest.mark.slow if name in HEAVY else ()) for name in FAMILIES]


@pytest.mark.parametrize("family", CASES)
def test_a_family_goes_through_without_glue(family: str) -> None:
    make, side, kind, grid = FAMILIES[family]
    torch.manual_seed(0)
    module = make()
    model, inputs = Model(module), torch.rand(1, 3, side, side)
    tree = model.layers(inputs)

    record = model.record(inputs)
    assert list(record) == [layer.name for layer in tree if layer.view != "none"]
    for layer in tree:
        if layer.view == "none":
            continue
        maps = as_maps(record[layer.name], layer)
        assert tuple(record[layer.name].shape[1:]) == layer.shape
        assert tuple(maps.shape) == (1, layer.channels, *(layer.grid or (1, 1))), layer
        assert maps.dtype == torch.float32 and bool(torch.isfinite(maps).all())

    chosen = tree[tree.default_cam()]
    assert (chosen.kind, chosen.grid) == (kind, grid)
    assert chosen in tree.viewable and chosen.carries == 1.0

    target = resolve(None, model, inputs)
    value, gradient = model.gradients(inputs, target)
    assert gradient.shape == inputs.shape and bool(torch.isfinite(gradient).all())
    assert torch.allclose(value, model.outputs(inputs, target), rtol=1e-4, atol=1e-5)
    _, activation, by_layer = model.layer_gradients(inputs, target, chosen.name)
    assert as_maps(activation, chosen).shape == as_maps(by_layer, chosen).shape
    assert torch.allclose(as_maps(activation, chosen), as_maps(record[chosen.name], chosen), atol=1e-4)
    assert module.training


def test_the_tokens_of_a_vit_lie_where_their_patches_lie() -> None:
    model = Model(nets.small_vit())
    inputs = torch.zeros(1, 3, 64, 64)
    changed = inputs.clone()
    changed[0, :, 8:16, 40:48] = 1.0  # row 1, column 5 of the 8 × 8 patches
    layer = model.layers(inputs)["encoder.layers.encoder_layer_0.ln_1"]
    assert (layer.view, layer.grid, layer.class_tokens, layer.channels) == ("tokens", (8, 8), 1, 24)
    before, after = (as_maps(model.record(x)[layer.name], layer) for x in (inputs, changed))
    assert (before != after).any(dim=1)[0].nonzero().tolist() == [[1, 5]]


def test_the_maps_of_a_swin_lie_where_the_picture_lies() -> None:
    model = Model(nets.small_swin())
    inputs = torch.zeros(1, 3, 64, 128)
    changed = inputs.clone()
    changed[0, :, 8:12, 40:44] = 1.0
    layer = model.layers(inputs)["features.1.0.norm1"]
    assert (layer.view, layer.grid, layer.layout, layer.channels) == ("maps", (16, 32), "last", 16)
    before, after = (as_maps(model.record(x)[layer.name], layer) for x in (inputs, changed))
    assert (before != after).any(dim=1)[0].nonzero().tolist() == [[2, 10]]


def test_the_last_block_of_a_vit_gives_its_patches_no_gradient() -> None:
    model, inputs = Model(nets.small_vit()), torch.rand(1, 3, 64, 64)
    tree = model.layers(inputs)
    assert tree["encoder.layers.encoder_layer_2"].carries == 0.0
    assert tree.default_cam() == "encoder.layers.encoder_layer_2.ln_1"


def test_position_tables_and_folded_windows_are_no_maps() -> None:
    tree = Model(nets.small_swin(second=True)).layers(torch.rand(1, 3, 64, 64))
    assert tree["features.1.0.attn.cpb_mlp.0"].view == "none"
    tree = Model(nets.small_maxvit()).layers(torch.rand(1, 3, 64, 64))
    assert tree["blocks.0.layers.0.layers.window_attention.partition_op"].view == "none"
