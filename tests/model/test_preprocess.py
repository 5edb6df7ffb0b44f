"""The normalisation is found by looking at what the preprocessing makes of plain pictures."""

import random
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision import models as zoo
from torchvision.transforms import transforms as v1
from torchvision.transforms import v2

from tests.model import nets
from xai_widgets.errors import InputError, ModelError
from xai_widgets.model.handle import Model
from xai_widgets.model.preprocess import Preprocess

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
NORM: dict[str, Any] = {"mean": MEAN, "std": STD}


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


class Processor:
    """What a Hugging Face image processor looks like from outside."""

    def __call__(self, picture: Image.Image) -> dict[str, Any]:
        array = np.asarray(picture.resize((32, 32)), dtype=np.float32) / 255
        return {"pixel_values": [((array - 0.5) / 0.5).transpose(2, 0, 1)]}


TRANSFORMS: dict[str, Any] = {
    "weights": zoo.ResNet18_Weights.DEFAULT.transforms(),
    "weights of swin": zoo.Swin_T_Weights.DEFAULT.transforms(),
    "v1": v1.Compose([v1.Resize(72), v1.CenterCrop(64), v1.ToTensor(), v1.Normalize(**NORM)]),
    "v2": v2.Compose(
        [
            v2.ToImage(),
            v2.Resize(72),
            v2.CenterCrop(64),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(**NORM),
        ]
    ),
    "tensors only": nn.Sequential(v2.Resize((48, 64)), v2.Normalize(**NORM)),
    "bytes": v2.Compose([v2.Resize((48, 64)), v2.ToDtype(torch.float32, scale=True), v2.Normalize(**NORM)]),
    "function": lambda picture: (v1.ToTensor()(picture.resize((40, 30))) - 0.5) / 0.25,
    "processor": Processor(),
    "no normalisation": v1.Compose([v1.Resize((32, 32)), v1.ToTensor()]),
}
EXPECTED = {
    "function": ([0.5] * 3, [0.25] * 3),
    "processor": ([0.5] * 3, [0.5] * 3),
    "no normalisation": ([0.0] * 3, [1.0] * 3),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_normalisation_is_found(name: str) -> None:
    found = Preprocess(TRANSFORMS[name])
    mean, std = EXPECTED.get(name, (MEAN, STD))
    assert found.mean is not None and found.std is not None
    assert torch.allclose(found.mean, torch.tensor(mean), atol=1e-5)
    assert torch.allclose(found.std, torch.tensor(std), atol=1e-5)


@pytest.mark.parametrize("name", ["v1", "v2", "weights", "function", "processor"])
def test_pixels_then_normalise_is_what_the_transforms_make(name: str) -> None:
    given, picture = TRANSFORMS[name], noise(100, 80)
    model = Model(nets.plain_cnn(), preprocess=given)
    pixels = model.pixels(picture)
    expected = given(picture)
    expected = torch.as_tensor(expected["pixel_values"][0]) if isinstance(expected, dict) else expected
    assert float(pixels.min()) >= 0.0 and float(pixels.max()) <= 1.0 and pixels.shape[0] == 1
    assert torch.allclose(model.normalise(pixels)[0], expected, atol=1e-4)
    assert torch.allclose(model.unnormalise(model.normalise(pixels)), pixels, atol=1e-6)


def test_a_grey_pipeline_gives_one_channel() -> None:
    grey = v1.Compose([v1.Grayscale(), v1.Resize((28, 28)), v1.ToTensor(), v1.Normalize([0.1307], [0.3081])])
    model = Model(nets.plain_cnn(channels=1), preprocess=grey)
    assert model.channels == 1 and model.mean is not None
    assert float(model.mean) == pytest.approx(0.1307, abs=1e-5)
    assert model.pixels(noise(40, 40)).shape == (1, 1, 28, 28)


def twice(picture: Image.Image) -> Tensor:
    return v1.ToTensor()(picture) ** 2


WRONG = {
    "mixes the colour channels": lambda p: v1.ToTensor()(p).flip(0),
    "is not linear": twice,
    "changes from call to call": v1.Compose([v1.RandomCrop(32), v1.ToTensor()]),
    "makes a pattern": lambda p: v1.ToTensor()(p) * torch.linspace(0, 1, p.size[0]),
    "the same for black and for white": lambda p: torch.zeros(3, 8, 8),
    "inverts": lambda p: 1 - v1.ToTensor()(p),
    "returned a str": lambda p: "a picture",
    "returned shape": lambda p: v1.ToTensor()(p).flatten(),
    "raised ZeroDivisionError": lambda p: 1 / 0,
}


@pytest.mark.parametrize("said", WRONG)
def test_what_cannot_be_undone_is_refused_with_a_remedy(said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        Model(nets.plain_cnn(), preprocess=WRONG[said])
    assert "evaluation transforms" in caught.value.hint


def test_a_pair_of_mean_and_std() -> None:
    model = Model(nets.plain_cnn(), preprocess=(MEAN, STD))
    pixels = torch.rand(2, 3, 4, 4)
    expected = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    assert torch.allclose(model.normalise(pixels), expected)
    for wrong in [(MEAN, [0.1, 0.0, 0.1]), (MEAN, [0.1]), ("a", "b"), 7, (MEAN,)]:
        with pytest.raises(InputError):
            Model(nets.plain_cnn(), preprocess=wrong)


def test_without_transforms_small_pictures_stay_and_large_ones_are_cropped() -> None:
    model = Model(nets.plain_cnn())
    small = noise(200, 100)
    assert torch.allclose(model.pixels(small), v1.ToTensor()(small)[None])
    assert model.pixels(noise(600, 300)).shape == (1, 3, 224, 224)
    assert model.pixels(noise(300, 1)).shape == (1, 3, 224, 224)
    middle = Image.new("RGB", (600, 300), "red")
    middle.paste("lime", (150, 0, 450, 300))  # exactly what the crop keeps
    pixels = model.pixels(middle)[0]
    assert float(pixels[1].mean()) > 0.98 and float(pixels[0].mean()) < 0.02


def test_a_size_that_the_network_rejects_is_replaced_by_one_it_takes() -> None:
    model = Model(nets.small_vit())  # declares image_size 64
    assert model.pixels(noise(100, 80)).shape == (1, 3, 64, 64)
    assert model.input_size == 64
    flat = Model(nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 10)))
    assert (flat.channels, flat.pixels(noise(300, 300)).shape) == (1, (1, 1, 28, 28))
    assert Model(nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))).pixels(noise(32, 32)).shape[1] == 3
    tiny = Model(zoo.alexnet(num_classes=3))
    assert tiny.pixels(noise(1, 1)).shape == (1, 3, 224, 224)
    assert tiny.pixels(noise(96, 96)).shape == (1, 3, 96, 96)


def test_a_network_that_takes_no_size_says_why() -> None:
    with pytest.raises(ModelError, match="broken"):
        Model(nets.Raises(ValueError("broken"))).pixels(noise(32, 32))


def test_tensors_are_taken_as_they_are_with_the_channels_of_the_network() -> None:
    grey, colour = Model(nets.plain_cnn(channels=1)), Model(nets.plain_cnn())
    picture = torch.rand(3, 9, 7)
    assert torch.equal(colour.pixels(picture), picture[None])
    assert torch.equal(colour.pixels(picture[None]), picture[None])
    assert torch.equal(colour.pixels(picture[:1]), picture[:1].expand(3, -1, -1)[None])
    expected = 0.299 * picture[0] + 0.587 * picture[1] + 0.114 * picture[2]
    assert torch.allclose(grey.pixels(picture)[0, 0], expected)
    assert grey.pixels(noise(8, 8)).shape == (1, 1, 8, 8)
    for wrong in (torch.rand(4, 9, 7), torch.rand(2, 3, 9, 7), torch.rand(9, 7)):
        with pytest.raises(InputError):
            colour.pixels(wrong)
    with pytest.raises(InputError, match="takes 4 channels"):
        Model(nets.plain_cnn(channels=4)).pixels(noise(8, 8))
    with pytest.raises(InputError, match="A str is no picture"):
        colour.pixels("cat.jpg")


def test_looking_for_the_normalisation_leaves_the_random_state() -> None:
    torch.manual_seed(0)
    before = (torch.get_rng_state().tolist(), random.getstate())
    Preprocess(v1.Compose([v1.ToTensor(), v1.Lambda(lambda x: x + 0 * torch.rand(1) + 0 * random.random())]))
    assert (torch.get_rng_state().tolist(), random.getstate()) == before
