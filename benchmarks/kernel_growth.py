"""How the first picture grows with image size, channels and classes, beside a forward and backward pass."""

from functools import partial
from statistics import median

import torch
import torchvision
from torch import nn

import xai_widgets as xw
from benchmarks.kernel.quality import in_turn
from benchmarks.report import Row, row

SIDES, WIDTHS, CLASSES = (112, 224, 336, 448), (16, 32, 64, 128), (10, 1_000, 10_000, 100_000)


def run(quick: bool) -> list[Row]:
    """Return the first picture of integrated gradients; random weights, as only time is asked for."""
    torch.manual_seed(0)
    squeezenet = torchvision.models.squeezenet1_1().eval()
    times = 2 if quick else 8
    rows = [_first(f"{side} px, SqueezeNet 1.1", squeezenet, side, times) for side in SIDES]
    rows += [_first(f"{width} channels, 64 px", _plain(width, 10), 64, times) for width in WIDTHS]
    return rows + [_first(f"{count} classes, 64 px", _plain(32, count), 64, times) for count in CLASSES]


def _plain(width: int, classes: int) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.ReLU()]
    for _ in range(3):
        layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes)).eval()


def _first(name: str, module: nn.Module, side: int, times: int) -> Row:
    picture = torch.rand(3, side, side)
    start = partial(xw.explain_steps, xw.Model(module), picture, target=0)
    next(start())  # the first call of all pays for what is then known
    ours, passes = in_turn(times, lambda: next(start()), partial(_pass, module, picture))
    note = f"median of the passes {median(passes) * 1e3:.1f} ms"
    return row(f"first picture, {name}", "ms", [1e3 * t for t in ours], [1e3 * t for t in passes], 1.3, note)


def _pass(module: nn.Module, picture: torch.Tensor) -> None:
    leaf = picture[None].clone().requires_grad_()
    torch.autograd.grad(module(leaf)[0, 0], [leaf])
