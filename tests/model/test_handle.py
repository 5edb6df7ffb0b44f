"""Model: predictions, classes, errors that teach, threads."""

import threading
from collections import namedtuple
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError

import pytest
import torch
from torch import Tensor, nn
from torchvision import models as zoo

from tests.model import nets
from xai_widgets.errors import (
    InputError,
    ModelError,
    ModelTypeError,
    NotValidError,
    UnknownClassError,
    UnknownLayerError,
)
from xai_widgets.model.handle import Model
from xai_widgets.model.layers import as_maps
from xai_widgets.model.targets import ClassTarget

CLASSES = ["cat", "dog", "crane", "crane", "<b>tabby</b>"]


@pytest.fixture
def model() -> Model:
    torch.manual_seed(0)
    return Model(nets.plain_cnn(), classes=CLASSES)


def test_predictions_are_the_softmax_in_order(model: Model) -> None:
    inputs = torch.rand(1, 3, 8, 8)
    found = model.predict(inputs)
    with torch.no_grad():
        logits = model.module.eval()(inputs)[0]
    assert [p.index for p in found] == logits.argsort(descending=True).tolist()
    assert sum(p.probability for p in found) == pytest.approx(1.0)
    for prediction in found:
        assert prediction.name == CLASSES[prediction.index]
        assert prediction.logit == pytest.approx(float(logits[prediction.index]), abs=1e-6)
        assert prediction.probability == pytest.approx(float(logits.softmax(0)[prediction.index]), abs=1e-6)


def test_classes_by_name_and_index(model: Model) -> None:
    assert model.class_index("dog") == model.class_index("DOG") == model.class_index(1) == 1
    assert (model.class_name(0), model.class_name(9)) == ("cat", "class 9")
    with pytest.raises(UnknownClassError, match="Did you mean 'dog'"):
        model.class_index("dgo")
    with pytest.raises(UnknownClassError, match=r"classes \[2, 3\]"):
        model.class_index("crane")
    for index in (-1, 5):
        with pytest.raises(UnknownClassError, match="0 to 4"):
            model.class_index(index)
    with pytest.raises(UnknownClassError, match="no class names"):
        Model(nets.plain_cnn()).class_index("cat")
    assert Model(nets.plain_cnn(), classes={0: "a", 2: "c"}).classes == ("a", "class 1", "c")
    with pytest.raises(InputError):
        Model(nets.plain_cnn(), classes="cat")


def test_names_that_do_not_fit_the_outputs_are_refused() -> None:
    with pytest.raises(InputError, match="2 class names for 5 outputs"):
        Model(nets.plain_cnn(), classes=["cat", "dog"]).predict(torch.rand(1, 3, 8, 8))


Named = namedtuple("Named", ["features", "logits"])


@dataclass
class Output:
    loss: Any
    logits: Tensor


GIVEN: dict[str, Any] = {
    "tensor": lambda y: y,
    "tuple": lambda y: (y, [y.mean()]),
    "list": lambda y: [y],
    "named tuple": lambda y: Named(torch.zeros(len(y), 7), y),
    "dict": lambda y: {"aux": torch.zeros(len(y), 7), "logits": y},
    "dict of out": lambda y: {"aux": torch.zeros(len(y), 7), "out": y},
    "dataclass": lambda y: Output(None, y),
    "model output": lambda y: {"loss": y.mean(), "hidden": (torch.zeros(len(y), 4, 2, 2),), "logits": y},
    "convolutional head": lambda y: y[:, :, None, None],
}


@pytest.mark.parametrize("kind", GIVEN)
def test_logits_are_found_in_what_a_network_gives(kind: str) -> None:
    torch.manual_seed(0)
    module, inputs = nets.Gives(GIVEN[kind]), torch.rand(2, 3, 8, 8)
    expected = Model(module.net)
    model = Model(module)
    assert torch.allclose(model.logits(inputs), expected.logits(inputs), atol=1e-6)
    assert torch.allclose(
        model.gradients(inputs, ClassTarget(1))[1], expected.gradients(inputs, ClassTarget(1))[1], atol=1e-6
    )
    assert model.layers(inputs).default_cam() == "net." + expected.layers(inputs).default_cam()


def test_one_logit_an_image_is_one_class() -> None:
    model = Model(nets.Gives(lambda y: y[:, 0]))
    assert model.logits(torch.rand(3, 3, 8, 8)).shape == (3, 1)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda y: None, "gave a NoneType"),
        (lambda y: "cat", "gave a str"),
        (lambda y: y.argmax(1), r"int64 tensor of shape \(1,\)"),
        (
            lambda y: {"video": y[:, :, None, None, None].expand(-1, -1, 4, 4, 4)},
            r"dict with .*\(1, 5, 4, 4, 4\)",
        ),
        (lambda y: y * float("nan"), "NaN or infinity in 5 of 5 outputs"),
        (lambda y: y / 0, "NaN or infinity"),
    ],
)
def test_what_is_no_logits_is_refused_with_a_remedy(make: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        Model(nets.Gives(make)).logits(torch.rand(1, 3, 8, 8))
    assert caught.value.hint


def test_a_network_that_raises_is_an_error_with_the_layer_it_reached() -> None:
    model = Model(nets.Raises(ValueError("the wheel came off")))
    for call in (model.logits, model.layers, model.record):
        with pytest.raises(ModelError, match=r"ValueError in layer 'inner\.1'.*the wheel came off") as caught:
            call(torch.rand(1, 3, 8, 8))
        assert isinstance(caught.value.__cause__, ValueError)
    model = Model(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(9, 2)))
    with pytest.raises(ModelError, match=r"layer '2' on float32 input of shape \(1, 3, 8, 8\)"):
        model.logits(torch.rand(1, 3, 8, 8))


def test_what_cannot_be_differentiated_is_refused_with_a_remedy() -> None:
    inputs = torch.rand(1, 3, 8, 8)
    for make in (lambda y: y.detach(), lambda y: torch.sign(y).detach(), lambda y: y.data):
        model = Model(nets.Gives(make))
        with pytest.raises(ModelError, match="can be differentiated") as caught:
            model.gradients(inputs, ClassTarget(0))
        assert "occlusion" in caught.value.hint
        with pytest.raises(NotValidError, match="carry gradient"):
            model.layers(inputs).default_cam()
        assert model.layers(inputs).default_layer() == model.layers(inputs).viewable[-1].name

    class Overwrites(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 8)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x).sigmoid().add_(1.0).flatten(1)

    with pytest.raises(ModelError, match="overwrites values") as caught:
        Model(Overwrites()).gradients(inputs, ClassTarget(0))
    assert "inplace=False" in caught.value.hint


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (torch.rand(3, 8, 8), r"shape \(3, 8, 8\)"),
        (torch.rand(0, 3, 8, 8), r"shape \(0, 3, 8, 8\)"),
        (torch.rand(1, 1, 8, 8), "takes 3 channels, the input has 1"),
        (torch.full((1, 3, 8, 8), float("nan")), "NaN"),
        ("cat.jpg", "a str"),
        (None, "a NoneType"),
    ],
)
def test_inputs_of_another_shape_are_refused(model: Model, inputs: Any, said: str) -> None:
    for call in (model.logits, model.layers, model.record, lambda x: model.gradients(x, ClassTarget(0))):
        with pytest.raises(InputError, match=said):
            call(inputs)


@pytest.mark.parametrize("given", [None, "model.pt", {"weight": torch.zeros(1)}, nets.plain_cnn, nn.Linear])
def test_what_is_no_network_is_refused(given: Any) -> None:
    with pytest.raises(ModelTypeError, match="never unpickled"):
        Model(given)


def test_networks_that_cannot_run_are_refused_with_a_remedy() -> None:
    with pytest.raises(ModelError, match="lazy"):
        Model(nn.Sequential(nn.LazyConv2d(4, 3)))
    with torch.device("meta"):
        empty = nets.plain_cnn()
    with pytest.raises(ModelError, match="meta"):
        Model(empty)
    with torch.inference_mode():
        frozen = nets.plain_cnn()
    with pytest.raises(ModelError, match="inference_mode"):
        Model(frozen)
    with pytest.warns(Warning, match="deprecated"):
        scripted = torch.jit.trace(nets.plain_cnn().eval(), torch.rand(1, 3, 8, 8))
    with pytest.raises(ModelTypeError, match="TorchScript"):
        Model(scripted)


def test_data_parallel_is_unwrapped() -> None:
    module = nets.plain_cnn()
    model = Model(nn.DataParallel(module))
    assert model.module is module and model.name == "Sequential"
    assert "9" in model.layers(torch.rand(1, 3, 8, 8))


def test_unknown_layers_suggest_close_names(model: Model) -> None:
    model = Model(zoo.resnet18(num_classes=3))
    inputs = torch.rand(1, 3, 32, 32)
    tree = model.layers(inputs)
    with pytest.raises(UnknownLayerError, match=r"Did you mean 'layer4'"):
        tree["layer5"]
    with pytest.raises(UnknownLayerError):
        model.layer_gradients(inputs, ClassTarget(0), "laier4")
    assert tree["layer4"].same_as == "layer4.1.relu#2" and tree["layer4"].container
    assert tree["layer1.0.conv1"].block == "layer1.0" and tree["layer1.0.conv1"].depth == 2
    assert tree["conv1"].parameters == 64 * 3 * 49 and tree["conv1"].size == 4 * 64 * 16 * 16
    assert tree["avgpool"].view == "vector" and tree["avgpool"].channels == 512
    assert model.layers(torch.rand(5, 3, 32, 32)) is tree
    flat = model.record(inputs)["avgpool"]
    assert as_maps(flat, tree["avgpool"]).shape == (1, 512, 1, 1)


def test_the_fingerprint_follows_the_weights() -> None:
    torch.manual_seed(0)
    first = nets.plain_cnn()
    torch.manual_seed(0)
    second = nets.plain_cnn()
    model = Model(first)
    before = model.fingerprint
    assert before == Model(second).fingerprint and before.startswith("Sequential-")
    assert before != Model(second, preprocess=([0.5] * 3, [0.5] * 3)).fingerprint
    with torch.no_grad():
        first[0].weight += 0.01
    assert model.fingerprint != before


def test_two_threads_may_ask_at_once() -> None:
    module = nets.Residual()
    model, other = Model(module), Model(module)
    inputs = torch.rand(2, 3, 16, 16)
    expected = model.gradients(inputs, ClassTarget(1))[1]
    wrong: list[Any] = []

    def ask(mine: Model) -> None:
        for _ in range(15):
            if not torch.equal(mine.gradients(inputs, ClassTarget(1))[1], expected):
                wrong.append("gradients")
            if mine.record(inputs)["stem"].requires_grad:
                wrong.append("record")

    threads = [threading.Thread(target=ask, args=(mine,)) for mine in (model, other, model)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and module.training and all(p.requires_grad for p in module.parameters())
    assert not any(child._forward_hooks for child in module.modules())


def test_from_torchvision_takes_weights_classes_and_transforms(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = zoo.SqueezeNet1_1_Weights.DEFAULT
    asked = []

    def state_dict(self: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(self)
        return zoo.squeezenet1_1().state_dict()

    monkeypatch.setattr(zoo.SqueezeNet1_1_Weights, "get_state_dict", state_dict)
    model = Model.from_torchvision("squeezenet1_1")
    assert asked == [weights] and model.classes == tuple(weights.meta["categories"])
    assert model.mean is not None and float(model.mean[0]) == pytest.approx(0.485, abs=1e-5)

    def offline(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise URLError("no route")

    monkeypatch.setattr(zoo.SqueezeNet1_1_Weights, "get_state_dict", offline)
    with pytest.raises(ModelError, match="no route") as caught:
        Model.from_torchvision("squeezenet1_1")
    assert "checkpoints" in caught.value.hint and "weights=None" in caught.value.hint
    assert Model.from_torchvision("squeezenet1_1", weights=None).classes is None
    with pytest.raises(ModelError, match="resnet18"):
        Model.from_torchvision("resnet81")
    with pytest.raises(ModelError, match="IMAGENET1K_V1"):
        Model.from_torchvision("resnet18", weights="IMAGENET")
