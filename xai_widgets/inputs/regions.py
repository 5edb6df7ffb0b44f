"""Pieces of a picture: which pixels belong together, and leaving some of them out."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Labels = NDArray[np.int64]
"""Which piece each pixel belongs to, `(h, w)`, counted from 0 without gaps."""


def superpixels(pixels: Tensor, count: int, compactness: float = 10.0) -> Labels:
    """Return about `count` pieces that follow the edges of a picture `(1, c, h, w)` in [0, 1].

    SLIC (Achanta et al., "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods", TPAMI 2012),
    as scikit-image has it; without random numbers. Where colours say nothing (noise falls apart and is
    merged into a few large pieces), a grid.
    """
    from skimage.segmentation import slic

    picture = _picture(pixels)
    found = _counted(slic(picture, n_segments=count, compactness=compactness, start_label=0, channel_axis=-1))
    return found if found.max() + 1 >= count / 2 else grid(picture.shape[:2], count)


def grid(size: tuple[int, ...], count: int) -> Labels:
    """Return about `count` rectangles, as square as they get."""
    height, width = size
    side = math.sqrt(height * width / count)
    rows, columns = max(1, round(height / side)), max(1, round(width / side))
    down, across = np.arange(height) * rows // height, np.arange(width) * columns // width
    return np.asarray(down[:, None] * columns + across, dtype=np.int64)


def segmentations(pixels: Tensor, smallest: int | None = None) -> list[Labels]:
    """Return divisions of a picture `(1, c, h, w)` from fine to coarse.

    Felzenszwalb and Huttenlocher, "Efficient Graph-Based Image Segmentation", IJCV 2004, at the scales that
    XRAI takes: 50, 100, 150, 250, 500, 1200. No piece has fewer pixels than `smallest`, by default the 150 of
    XRAI, less in small pictures.
    """
    from skimage.segmentation import felzenszwalb

    picture = _picture(pixels) - 0.5
    smallest = smallest or max(4, min(150, picture.shape[0] * picture.shape[1] // 100))
    return [
        _counted(felzenszwalb(picture, scale=scale, sigma=0.8, min_size=smallest, channel_axis=-1))
        for scale in (50, 100, 150, 250, 500, 1200)
    ]


def grown(piece: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """Return a piece `(h, w)` with all that lies within so many pixels, corners cut."""
    from scipy.ndimage import binary_dilation

    found: NDArray[np.bool_] = binary_dilation(piece, iterations=by) if by else piece
    return found


def _picture(pixels: Tensor) -> NDArray[np.float64]:
    picture = pixels[0].permute(1, 2, 0).double().numpy()
    return picture if picture.shape[-1] == 3 else np.repeat(picture.mean(axis=-1, keepdims=True), 3, axis=-1)


def _counted(labels: NDArray[Any]) -> Labels:
    _, found = np.unique(labels, return_inverse=True)
    return np.asarray(found.reshape(labels.shape), dtype=np.int64)


@dataclass(frozen=True)
class Pieces:
    """A picture in pieces, each of which is there or replaced by the baseline.

    Attributes:
        labels: which piece each pixel belongs to.
        inputs: the normalised picture, `(1, c, h, w)`.
        reference: the normalised baseline, `(1, c, h, w)`.
    """

    labels: Labels
    inputs: Tensor
    reference: Tensor

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.labels.max()) + 1

    def with_only(self, there: NDArray[np.bool_]) -> Tensor:
        """Return pictures `(m, c, h, w)` with the pieces of each row of `there`, `(m, count)`."""
        masks = torch.from_numpy(there[:, self.labels]).unsqueeze(1)
        return torch.where(masks, self.inputs, self.reference)

    def painted(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a map `(h, w)` in which every pixel has the value of its piece."""
        return np.asarray(values[self.labels])
