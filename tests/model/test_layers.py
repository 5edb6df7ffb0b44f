"""Views of layers: which axis is what, tokens with and without a grid, outputs that are no tensors."""

from collections import OrderedDict, namedtuple
from dataclasses import asdict, dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from xai_widgets.errors import NotValidError
from xai_widgets.model.handle import Model
from xai_widgets.model.layers import as_maps, view_of
from xai_widgets.model.targets import ClassTarget

SQUARE, WIDE = (64, 64), (64, 128)


@pytest.mark.parametrize(
    ("kind", "shape", "picture", "expected"),
    [
        ("Conv2d", (16, 8, 8), SQUARE, ("maps", (8, 8), "first", 0)),
        ("Conv2d", (8, 8, 8), SQUARE, ("maps", (8, 8), "first", 0)),
        ("LayerNorm", (8, 8, 8), SQUARE, ("maps", (8, 8), "last", 0)),
        ("Block", (8, 8, 96), SQUARE, ("maps", (8, 8), "last", 0)),
        ("Block", (96, 8, 8), SQUARE, ("maps", (8, 8), "first", 0)),
        ("Block", (96, 8, 16), WIDE, ("maps", (8, 16), "first", 0)),
        ("Block", (8, 16, 96), WIDE, ("maps", (8, 16), "last", 0)),
        ("Block", (64, 4, 8), SQUARE, ("none", None, "first", 0)),
        ("Block", (65, 24), SQUARE, ("tokens", (8, 8), "last", 1)),
        ("Block", (64, 24), SQUARE, ("tokens", (8, 8), "last", 0)),
        ("Block", (69, 24), SQUARE, ("tokens", (8, 8), "last", 5)),
        ("Block", (129, 24), WIDE, ("tokens", (8, 16), "last", 1)),
        ("Block", (512, 1, 1), SQUARE, ("vector", None, "first", 0)),
        ("Linear", (10,), SQUARE, ("vector", None, "first", 0)),
        ("Block", (2, 3, 4, 5), SQUARE, ("none", None, "first", 0)),
        ("Block", (), SQUARE, ("none", None, "first", 0)),
    ],
)
def test_views(kind: str, shape: tuple[int, ...], picture: tuple[int, int], expected: Any) -> None:
    assert view_of(kind, shape, picture, None) == expected


Pair = namedtuple("Pair", ["maps", "more"])


@dataclass(frozen=True)
class Frozen:
    maps: Tensor
    more: int


class Sub(OrderedDict[str, Any]):
    """A dict with a constructor of its own, as model outputs have."""


PACK: dict[str, Any] = {
    "tuple": lambda x: (x, 1),
    "list": lambda x: [x, 1],
    "named tuple": lambda x: Pair(x, 1),
    "dict": lambda x: {"maps": x, "more": 1},
    "model output": lambda x: Sub(maps=x, more=1),
    "dataclass": lambda x: Frozen(x, 1),
    "nested": lambda x: ([{"maps": x}], None),
}


def unpack(packed: Any) -> Tensor:
    if isinstance(packed, Tensor):
        return packed
    if isinstance(packed, dict):
        return unpack(packed["maps"])
    return unpack(packed.maps if isinstance(packed, Frozen) else packed[0])


class Packs(nn.Module):
    def __init__(self, pack: Any) -> None:
        super().__init__()
        self.conv, self.pack = nn.Conv2d(3, 4, 3), pack

    def forward(self, x: Tensor) -> Any:
        return self.pack(self.conv(x))


class Packed(nn.Module):
    def __init__(self, pack: Any) -> None:
        super().__init__()
        self.inner, self.head = Packs(pack), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        packed = self.inner(x)
        maps = unpack(packed)
        return self.head(maps.relu_().mean((2, 3)))


@pytest.mark.parametrize("kind", PACK)
def test_layers_that_give_tuples_and_the_like_are_seen_and_differentiated(kind: str) -> None:
    torch.manual_seed(0)
    module, inputs = Packed(PACK[kind]), torch.rand(1, 3, 8, 8)
    model = Model(module)
    layer = model.layers(inputs)["inner"]
    assert (layer.view, layer.grid, layer.same_as) == ("maps", (6, 6), "inner.conv")
    _, activation, gradient = model.layer_gradients(inputs, ClassTarget(1), "inner")
    middle = module.inner.conv(inputs).detach().requires_grad_()
    (expected,) = torch.autograd.grad(module.head(middle.relu().mean((2, 3)))[0, 1], middle)
    assert torch.allclose(activation, middle) and torch.allclose(gradient, expected)


def test_a_layer_without_a_picture_says_so() -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, None, None]

    module = nn.Sequential(nn.Conv2d(3, 4, 3), Odd(), nn.Flatten(), nn.Linear(144, 2))
    model, inputs = Model(module), torch.rand(1, 3, 8, 8)
    tree = model.layers(inputs)
    assert tree["1"].view == "none" and "1" not in model.record(inputs)
    with pytest.raises(NotValidError, match="no picture"):
        as_maps(torch.zeros(1, *tree["1"].shape), tree["1"])
    assert [layer.name for layer in tree.viewable] == ["0", "3"]
    assert tree[0] is tree["0"] and "0" in tree and tree["0"] in tree and len(tree) == 4
    assert tree["0"].to_dict() == asdict(tree["0"])


def test_a_network_of_functions_only_has_no_layers() -> None:
    class Functions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.rand(3, 5))

        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3)) @ self.weight

    model, inputs = Model(Functions()), torch.rand(1, 3, 8, 8)
    tree = model.layers(inputs)
    assert len(tree) == 0 and tree.default_layer() is None and model.record(inputs) == {}
    with pytest.raises(NotValidError):
        tree.default_cam()
    assert model.gradients(inputs, ClassTarget(0))[1].any()
    flat = Model(nn.Sequential(nn.Flatten(), nn.Linear(48, 5)))
    assert flat.layers(torch.rand(1, 3, 4, 4)).default_layer() == "1"
