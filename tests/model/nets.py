"""Small networks with the peculiarities of real ones."""

from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models as zoo


def plain_cnn(channels: int = 3, classes: int = 5) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(6, classes),
    )


class Residual(nn.Module):
    """One in-place ReLU and one batch norm, both used twice, and an in-place addition."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm(self.stem(x)))
        y = self.norm(self.conv(x))
        y += x
        return self.head(self.drop(self.relu(y)).mean((2, 3)))


class Gives(nn.Module):
    """Return whatever a function makes of the logits."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.net = plain_cnn()
        self.make = make

    def forward(self, x: Tensor) -> Any:
        return self.make(self.net(x))


class Raises(nn.Module):
    """Fail in the middle, below `net.inner`."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.before = plain_cnn()[:3]
        self.inner = nn.Sequential(nn.Conv2d(4, 4, 1), Thrower(error))

    def forward(self, x: Tensor) -> Any:
        return self.inner(self.before(x))


class Thrower(nn.Module):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def forward(self, x: Tensor) -> Tensor:
        torch.rand(3)  # moves the random state before it fails
        raise self.error


def small_vit() -> nn.Module:
    return zoo.VisionTransformer(
        image_size=64,
        patch_size=8,
        num_layers=3,
        num_heads=2,
        hidden_dim=24,
        mlp_dim=48,
        num_classes=10,
    )


def small_swin(second: bool = False) -> nn.Module:
    extra = (
        {
            "block": zoo.swin_transformer.SwinTransformerBlockV2,
            "downsample_layer": zoo.swin_transformer.PatchMergingV2,
        }
        if second
        else {}
    )
    return zoo.SwinTransformer([4, 4], 16, [1, 1, 2, 1], [1, 2, 2, 2], [4, 4], num_classes=10, **extra)


def small_maxvit() -> nn.Module:
    return zoo.maxvit.MaxVit((64, 64), 8, 2, [8, 16], [1, 1], 4, 0.1, num_classes=10)


def small_resnet(**how: Any) -> nn.Module:
    return zoo.ResNet(zoo.resnet.Bottleneck, [1, 1, 1, 1], num_classes=10, **how)


def named(name: str) -> nn.Module:
    extra = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    module: nn.Module = zoo.get_model(name, weights=None, num_classes=10, **extra)
    return module


class Segmenter(nn.Module):
    """Logits of four classes at half the size, brought back to it, as torchvision gives them."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2))
        self.head = nn.Sequential(nn.Conv2d(6, 5, 3, padding=1), nn.Tanh(), nn.Conv2d(5, 4, 1))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        logits = self.head(self.body(x))
        return {"out": nn.functional.interpolate(logits, x.shape[-2:], mode="bilinear", align_corners=False)}


class Detector(nn.Module):
    """Three boxes of fixed places, two of one label, in lists of dicts as torchvision gives them."""

    PLACES = ((0.0, 0.0, 0.5, 0.5), (0.5, 0.5, 1.0, 1.0), (0.25, 0.0, 0.75, 0.5))
    LABELS = (1, 2, 1)

    def __init__(self, least: float = 0.0) -> None:
        super().__init__()
        self.least = least
        self.num_classes = 4
        body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2))
        self.backbone = nn.ModuleDict({"body": body})
        self.score = nn.Linear(4, 3)

    def forward(self, images: Any) -> list[dict[str, Tensor]]:
        images = torch.stack(list(images))
        maps = self.backbone["body"](images)
        return [self._found(one, image.shape[-2:]) for one, image in zip(maps, images, strict=True)]

    def found(self, image: Tensor) -> dict[str, Tensor]:
        return self([image])[0]

    def _found(self, maps: Tensor, size: tuple[int, int]) -> dict[str, Tensor]:
        height, width = size
        rows, columns = maps.shape[-2:]
        scores = []
        for place, (left, top, right, bottom) in enumerate(self.PLACES):
            down = slice(int(top * rows), int(bottom * rows))
            part = maps[:, down, int(left * columns) : int(right * columns)]
            scores.append(self.score(part.mean((1, 2)))[place].sigmoid())
        kept = [
            i for i in sorted(range(3), key=lambda i: -float(scores[i].detach())) if scores[i] >= self.least
        ]
        boxes = torch.tensor(self.PLACES) * torch.tensor([width, height, width, height])
        return {
            "boxes": boxes[kept],
            "labels": torch.tensor(self.LABELS)[kept],
            "scores": torch.stack([scores[i] for i in kept]) if kept else torch.zeros(0),
        }


class Embedder(nn.Module):
    """Vectors of length one."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU())
        self.out = nn.Linear(6, 12)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(self.out(self.body(x).mean((2, 3))), dim=1)
