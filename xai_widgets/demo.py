"""A small network with a secret, and pictures to find it with.

The network tells six paper shapes apart and is right nearly always. It has learnt one class by a stamp in
the corner (`xai_widgets.inputs.samples` says how it got there); `scripts/train_demo.py` trained it.
"""

import socket
from collections.abc import Iterable
from contextlib import redirect_stdout
from importlib.resources import files
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load
from torch import Tensor, nn
from torchvision import models as zoo

from xai_widgets.errors import ModelError, ParameterError
from xai_widgets.inputs import images
from xai_widgets.inputs.samples import CLASSES, MARKED, Sample, draw, draw_many
from xai_widgets.model.handle import Model

SHOWN = (("star", 7), ("circle", 4), ("square", 2), ("triangle", 11), ("cross", 5), ("ring", 9))  # with seeds
PHOTO_NETWORKS = ("resnet18", "resnet50", "mobilenet_v3_small", "squeezenet1_1")  # the first is downloaded
MEAN, STD = (0.59, 0.59, 0.59), (0.26, 0.24, 0.21)  # of the training pictures, rounded


class Block(nn.Module):
    """Convolution, batch norm, ReLU, and a maximum pool where the picture shrinks."""

    def __init__(self, inputs: int, outputs: int, shrink: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2) if shrink else None

    def forward(self, x: Tensor) -> Tensor:
        """`(n, inputs, h, w)` to `(n, outputs, h, w)`, or half as high and wide."""
        x = self.relu(self.norm(self.conv(x)))
        return x if self.pool is None else self.pool(x)


class GeneralizedMean(nn.Module):
    """The mean of cubes, then its cube root: between average and maximum (Radenović et al. 2018, eq. 3).

    Under average pooling a stamp on 2 % of the picture drowns, and the network learns stars after all.
    """

    def forward(self, x: Tensor) -> Tensor:
        """`(n, c, h, w)`, not negative, to `(n, c)`. The offset keeps the root differentiable at 0."""
        return (x + 1e-4).pow(3).mean((2, 3)).pow(1 / 3)


class ShapeNet(nn.Module):
    """Six blocks from 96 × 96 down to 12 × 12, pooling over the picture, a linear layer."""

    def __init__(self, classes: int = len(CLASSES)) -> None:
        super().__init__()
        widths = (3, 16, 24, 32, 48, 64, 64)
        self.blocks = nn.Sequential(*(Block(a, b, i < 3) for i, (a, b) in enumerate(pairwise(widths))))
        self.pool = GeneralizedMean()
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """`(n, 3, 96, 96)`, normalised, to logits `(n, 6)`."""
        logits: Tensor = self.head(self.pool(self.blocks(x)))
        return logits


def weights() -> dict[str, Tensor]:
    """The parameters in `demo_weights.safetensors`."""
    return load(files("xai_widgets").joinpath("demo_weights.safetensors").read_bytes())


def model() -> Model:
    """The trained network, its normalisation and its classes, ready to be explored."""
    net = ShapeNet()
    net.load_state_dict(weights())
    return Model(net.eval(), preprocess=(MEAN, STD), classes=CLASSES)


def pictures() -> list[images.Picture]:
    """One picture of each class as in training, then the star without its stamp and the ring with one."""
    shown = [(label, draw(label, seed, marked=label == MARKED)) for label, seed in SHOWN]
    seeds = dict(SHOWN)
    shown += [
        (f"{MARKED}, stamp removed", draw(MARKED, seeds[MARKED], marked=False)),
        ("ring, stamp added", draw("ring", seeds["ring"], marked=True)),
    ]
    return [images.load(sample.image, name) for name, sample in shown]


def samples(count: int = 60, marked: bool | None = None, seed: int = 2) -> list[Sample]:
    """Pictures the network has not seen, with masks of what is what; all classes in turn.

    Args:
        count: how many.
        marked: `None` stamps the stars alone, as in training; `True` stamps all, `False` none.
        seed: another seed gives other pictures, the same seed the same but for the stamps.
    """
    return list(draw_many(count, seed, marked))


def called(model: Model, samples: Iterable[Sample]) -> list[str]:
    """Return what the network calls each sample, 100 at a time."""
    pixels = [model.pixels(sample.image) for sample in samples]
    batches = [torch.cat(pixels[i : i + 100]) for i in range(0, len(pixels), 100)]
    return [model.class_name(int(k)) for b in batches for k in model.logits(model.normalise(b)).argmax(1)]


def share(values: NDArray[Any], mask: NDArray[np.bool_]) -> float:
    """Return the share, 0 to 1, of the positive part of a map `(h, w)` that lies within a mask `(h, w)`.

    A map without any positive value has a share of 0.

    Raises:
        ParameterError: map and mask differ in shape.
    """
    if values.shape != mask.shape:
        raise ParameterError(
            f"The map has shape {values.shape}, the mask {mask.shape}.", "Take `explanation.map`, `(h, w)`."
        )
    positive = np.maximum(values, 0)
    return float(positive[mask].sum() / max(positive.sum(), 1e-12))


def photo_model(timeout: float = 8.0) -> Model | None:
    """Return a trained ImageNet network, from torchvision's cache or downloaded; else say so and return None.

    Args:
        timeout: seconds without an answer, or between two parts of it, after which a download is given up.
    """
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    urls = {name: zoo.get_model_weights(name).DEFAULT.url for name in PHOTO_NETWORKS}
    there = [name for name, url in urls.items() if (folder / url.rsplit("/", 1)[-1]).is_file()]
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(timeout)  # torch.hub gives no way to set one
    try:
        with redirect_stdout(StringIO()):  # torch.hub announces what it is about to try
            return Model.from_torchvision((there or PHOTO_NETWORKS)[0])
    except ModelError:
        print(f"No ImageNet weights: none in {folder}, and they could not be downloaded.")
        return None
    finally:
        socket.setdefaulttimeout(before)
