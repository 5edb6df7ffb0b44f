"""How alike are maps of a picture? Pixel by pixel, in their order, in their structure, at their peaks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skimage import metrics

Floats = NDArray[np.float64]
Maps = Sequence[NDArray[Any]]

SHARE = 0.1
"""The share of the pixels that counts as a map's strongest."""
CLIP = 99.0
"""The percentile of a map's sizes at which the structure is cut, as on the screen."""


def spread(maps: Maps) -> Floats:
    """Return the standard deviation over maps `(h, w)` at each pixel, `(h, w)`.

    Each map is divided by its own mean absolute value first, so that the spread is in units of a map's
    mean size; a map of zeros stays one. Of fewer than two maps it is zero.
    """
    scaled = np.stack([_scaled(values) for values in maps])
    return np.asarray(scaled.std(axis=0))


def _scaled(values: NDArray[Any]) -> Floats:
    size = float(np.abs(values).mean(dtype=np.float64))
    return np.asarray(values, np.float64) / (size or 1.0)


def ranks(values: NDArray[Any]) -> Floats:
    """Return the rank of each value from 0 on, flat; equal values share their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    means = np.cumsum(counts) - (counts + 1) / 2
    return np.asarray(means[place.ravel()])


def rank_correlation(maps: Maps) -> Floats:
    """Return Spearman's rank correlation of each pair of maps, `(k, k)`; NaN beside a constant map."""
    return correlation([ranks(values) for values in maps])


def correlation(values: Sequence[Floats]) -> Floats:
    """Return Pearson's correlation of each pair of flat arrays, `(k, k)`; NaN beside a constant one."""
    centred = np.stack([one - one.mean() for one in values])
    lengths = np.sqrt((centred**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = centred @ centred.T / np.outer(lengths, lengths)
    return np.asarray(np.clip(found, -1, 1))


def structural_similarity(maps: Maps) -> Floats:
    """Return the mean structural similarity of each pair of maps `(h, w)`, `(k, k)`.

    Wang, Bovik, Sheikh and Simoncelli 2004, with their Gaussian window (σ 1.5) and constants, as Adebayo et
    al. 2018 hold maps against each other. Every map is cut at a percentile of its sizes and divided by it
    before, since methods have no unit in common; NaN beside a constant map or one below 11 pixels a side.
    """
    found = np.full((len(maps), len(maps)), np.nan)
    scaled = [_cut(values) for values in maps]
    for i, one in enumerate(scaled):
        for j, other in enumerate(scaled[: i + 1]):
            if one is not None and other is not None and min(one.shape) >= 11:
                found[i, j] = found[j, i] = _mean_ssim(one, other)
    return found


def _mean_ssim(one: Floats, other: Floats) -> float:
    ssim: Callable[..., Any] = metrics.structural_similarity
    return float(ssim(one, other, data_range=2.0, gaussian_weights=True, use_sample_covariance=False))


def _cut(values: NDArray[Any]) -> Floats | None:
    values = np.asarray(values, np.float64)
    limit = float(np.percentile(np.abs(values), CLIP)) or float(np.abs(values).max())
    constant = float(np.ptp(values)) == 0
    return None if constant else np.clip(values / limit, -1, 1)


def overlap(maps: Maps, share: float = SHARE) -> Floats:
    """Return which part of the strongest pixels each pair of maps has in common, `(k, k)`.

    The k pixels of the largest size, Ghorbani, Abid and Zou 2019 ("top-k intersection"); two random orders
    have `share` in common. NaN beside a constant map.
    """
    count = max(1, round(share * maps[0].size))
    tops = [_top(values, count) for values in maps]
    found = np.full((len(maps), len(maps)), np.nan)
    for i, one in enumerate(tops):
        for j, other in enumerate(tops):
            if one is not None and other is not None:
                found[i, j] = (one & other).sum() / count
    return found


def _top(values: NDArray[Any], count: int) -> NDArray[np.bool_] | None:
    sizes = np.abs(values).ravel()
    if float(np.ptp(values)) == 0:
        return None
    found = np.zeros(sizes.size, bool)
    found[np.argsort(-sizes, kind="stable")[:count]] = True
    return found


MEASURES: Mapping[str, Callable[[Maps], Floats]] = {
    "rank": rank_correlation,
    "ssim": structural_similarity,
    "top": overlap,
}


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far some maps of the same picture agree.

    Attributes:
        spread: where they differ, `(h, w)`; see `spread`.
        matrices: by name of `MEASURES`, `(k, k)` each.
        size: height and width at which they were held against each other.
    """

    spread: Floats
    matrices: Mapping[str, Floats]
    size: tuple[int, int]

    def mean(self, measure: str) -> float | None:
        """Return the mean over all pairs; None where there is none."""
        matrix = self.matrices[measure]
        pairs = matrix[np.triu_indices(len(matrix), 1)]
        return float(np.nanmean(pairs)) if np.isfinite(pairs).any() else None


def agreement(maps: Maps) -> Agreement:
    """Hold maps `(h, w)` against each other; larger ones are averaged down to the smallest."""
    size = min((values.shape for values in maps), key=lambda shape: shape[0] * shape[1])
    same = [_resized(values, size) for values in maps]
    return Agreement(spread(same), {name: measure(same) for name, measure in MEASURES.items()}, size)


def _resized(values: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    if values.shape == size:
        return values
    found = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(values)[None].double(), size)
    return np.asarray(found[0].numpy())
