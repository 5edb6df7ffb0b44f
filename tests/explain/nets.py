"""Small networks whose explanations are known."""

import torch
from torch import Tensor, nn

SIDE = 12


def seeded(build: "type[nn.Module]", seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build().eval()


class Linear(nn.Module):
    """f(x) = W x + b."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3 * SIDE * SIDE, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x.flatten(1))


class Quadratic(nn.Module):
    """f_k(x) = Σ w_k x²: integrated gradients are w_k (x² - x'²) when x' = 0 and more."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, SIDE, SIDE))

    def forward(self, x: Tensor) -> Tensor:
        return (x.square()[:, None] * self.weight).sum(dim=(2, 3, 4))


class Kink(nn.Module):
    """f(x) = relu(mean of x - 1/4): one step of the gradient on every way up from black."""

    def forward(self, x: Tensor) -> Tensor:
        up = (x.mean(dim=(1, 2, 3)) - 0.25).relu()
        return torch.stack([up, -up], dim=1)


class Conv(nn.Module):
    """Two convolutions with batch norm, in-place ReLU, pooling and a linear head."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean(dim=(2, 3)))


class Tokens(nn.Module):
    """A transformer in miniature: patches, a class token that alone is read at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 3, stride=3)
        self.token = nn.Parameter(torch.randn(1, 1, 16))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True, norm_first=True)
            for _ in range(2)
        )
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patch(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(tokens[:, 0])


def picture(seed: int = 0, side: int = SIDE, channels: int = 3) -> Tensor:
    """Return pixels `(c, h, w)` in [0, 1]."""
    return torch.rand(channels, side, side, generator=torch.Generator().manual_seed(1000 + seed))
