"""Trained networks with pictures that they know, from the kit that `XAI_WIDGETS_KIT` names."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Subject:
    """A network in evaluation mode that takes pixels in [0, 1], and pictures `(1, c, h, w)` for it."""

    name: str
    module: nn.Module
    pictures: list[Tensor]

    def predicted(self, picture: Tensor) -> int:
        """Return the class that it predicts."""
        with torch.no_grad():
            return int(self.module(picture).argmax())


def kit() -> Path:
    """Return the folder of trained weights and photographs.

    Raises:
        FileNotFoundError: there is none.
    """
    folder = Path(os.environ.get("XAI_WIDGETS_KIT") or ROOT.parent / "shared" / "kit")
    if not (folder / "models").is_dir():
        raise FileNotFoundError(f"No kit of trained networks at {folder}: set XAI_WIDGETS_KIT.")
    if str(folder / "models") not in sys.path:
        sys.path.insert(0, str(folder / "models"))
    return folder


def subject(name: str, count: int) -> Subject:
    """Return a network by its name with at most so many pictures."""
    return _SUBJECTS[name](count)


def _squeezenet(count: int) -> Subject:
    folder = kit() / "images" / "ccby"
    import squeezenet10

    return Subject("SqueezeNet, 227 px", squeezenet10.load(), _pictures(folder, "*.jpg", 227, count))


def _resnet20(count: int) -> Subject:
    folder = kit() / "images" / "cifar10_png"
    import cifar_resnet

    return Subject("ResNet-20, 32 px", cifar_resnet.load(20), _pictures(folder, "*.png", 32, count))


def _resnet18(count: int) -> Subject:
    """Random weights: for time and memory only."""
    import torchvision

    torch.manual_seed(0)
    pictures = list(torch.rand(count, 1, 3, 224, 224))
    return Subject("ResNet-18 (random weights), 224 px", torchvision.models.resnet18().eval(), pictures)


_SUBJECTS: dict[str, Callable[[int], Subject]] = {
    "squeezenet": _squeezenet,
    "resnet20": _resnet20,
    "resnet18": _resnet18,
}


def _pictures(folder: Path, pattern: str, side: int, count: int) -> list[Tensor]:
    return [_picture(file, side) for file in sorted(folder.glob(pattern))[:count]]


def _picture(file: Path, side: int) -> Tensor:
    image = Image.open(file).convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
