"""What trained units like, on a network that nobody here made."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import xai_widgets as xw

MACAW = 88


@pytest.fixture(scope="module")
def model(kit: Path) -> xw.Model:
    sys.path.insert(0, str(kit / "models"))
    classes = (kit / "labels" / "imagenet_classes.txt").read_text("utf-8").splitlines()
    return xw.Model(importlib.import_module("squeezenet10").load(), classes=classes)


def low_share(picture: np.ndarray) -> float:
    """The share of the energy of a picture's light that lies below an eighth of the sampling frequency."""
    light = picture.mean(axis=2)
    energy = np.abs(np.fft.fft2(light - light.mean())) ** 2
    down, across = (np.abs(np.fft.fftfreq(side)) for side in light.shape)
    return float(energy[np.hypot(down[:, None], across[None]) < 0.125].sum() / energy.sum())


@pytest.mark.slow
@pytest.mark.parametrize("parametrisation", ["fourier", "maco"])
def test_a_class_is_recognised_in_the_picture_that_was_made_for_it(
    model: xw.Model, parametrisation: str
) -> None:
    found = xw.visualize(model, MACAW, size=227, steps=32, parametrisation=parametrisation)
    pixels = torch.from_numpy(found.pictures).permute(0, 3, 1, 2) / 255
    best = model.predict(model.normalise(pixels))[0]
    assert best.index == MACAW
    assert best.logit > 40  # photographs of the kit reach 18
    assert low_share(found.picture) > 0.4  # structure and not noise, which has 0.05


@pytest.mark.slow
def test_the_photograph_of_a_macaw_excites_its_class_most(model: xw.Model, kit: Path) -> None:
    found = xw.most_exciting(model, MACAW, kit / "images" / "ccby")
    assert found[0].name == "parrot.jpg"
    assert found[0].score > 1.3 * found[1].score
