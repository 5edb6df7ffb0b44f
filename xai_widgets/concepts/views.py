"""Look at pictures a little shifted, scaled and turned, so that only what survives that is rewarded."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Views:
    """How far a picture may be moved before each look at it.

    Attributes:
        jitter: by so many pixels either way.
        scale: by this share larger or smaller.
        rotate: by so many degrees either way.
        crop: this share of a side may be left out; the rest is enlarged.
    """

    jitter: float = 8.0
    scale: float = 0.1
    rotate: float = 5.0
    crop: float = 0.0

    def of(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        """Return the pictures `(n, c, h, w)`, each moved in its own way; edges are mirrored."""
        if not (self.jitter or self.scale or self.rotate or self.crop):
            return pictures
        drawn = torch.rand(5, len(pictures), generator=generator)
        grid = F.affine_grid(
            self._moves(drawn, pictures.shape[-2:]), list(pictures.shape), align_corners=False
        )
        return F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)

    def _moves(self, drawn: Tensor, size: torch.Size) -> Tensor:
        """Return affine maps `(n, 2, 3)` from places in the view to those in the picture, from -1 to 1."""
        height, width = size
        angle, scale, down, across = 2 * drawn[:4] - 1
        turn = angle * math.radians(self.rotate)
        left = 1 - self.crop * drawn[4]
        zoom = left * torch.exp(scale * math.log1p(self.scale))
        room = 1 - left  # a crop may lie anywhere
        x = across * (2 * self.jitter / width + room)
        y = down * (2 * self.jitter / height + room)
        cos, sin = zoom * turn.cos(), zoom * turn.sin()
        rows = [cos, -sin * height / width, x, sin * width / height, cos, y]
        return torch.stack(rows, dim=1).view(-1, 2, 3)
