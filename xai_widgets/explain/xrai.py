"""XRAI: from the attributions of pixels to regions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from ..anytime import Step
from ..inputs.baselines import Black, White
from ..inputs.regions import grown, segmentations
from ..parameters import Range
from .method import Method
from .path import integrated_gradients
from .problem import Floats, Problem, Steps, attribution

MaxSteps = Annotated[
    int, Range(8, 512, log=True, label="steps", help="At most so many gradients for each baseline.")
]
Grow = Annotated[int, Range(0, 15, step=1, label="grown", unit="px", help="Regions take in their edges.")]
LEAST = 0.001
"""A region that has fewer pixels left, as a share of the picture, is not taken."""


def xrai(problem: Problem, *, steps: MaxSteps = 64, grown_by: Grow = 5) -> Steps:
    """Regions, ranked by the mean attribution that they add, `(h, w)`.

    Kapishnikov et al., "XRAI: Better Attributions Through Regions", ICCV 2019, algorithm 1: integrated
    gradients from black and from white, and overlapping regions from six segmentations, grown by a few
    pixels; always the region is taken next whose pixels that are left have the largest mean.
    """
    regions = [
        grown(labels == piece, grown_by)
        for labels in segmentations(problem.pixels)
        for piece in range(int(labels.max()) + 1)
    ]
    maps: list[Floats] = []
    asked, shown, now = 0, 0, np.zeros(problem.inputs.shape[-2:])
    for number, baseline in enumerate((Black(), White())):
        part = replace(problem, baseline=baseline)
        before = asked
        for step in integrated_gradients(part, steps=steps, tolerance=0.02):
            asked = before + step.value.evaluations
            now = step.value.values.sum(axis=0, dtype=np.float64)
            final = step.final and number == 1
            if not final and asked < 2 * shown:  # ranking takes longer than a few gradients
                continue
            shown = asked
            mean = np.mean([*maps, now], axis=0)
            values = ranked(mean, regions)
            error = step.error or 0.0
            done = (number + step.done) / 2
            yield Step(attribution(values, asked), 1.0 if final else done, error, final)
        maps.append(now)


def ranked(values: Floats, regions: Sequence[NDArray[np.bool_]]) -> Floats:
    """Return for each pixel the mean of the region that took it, those of the largest mean first."""
    from scipy.sparse import csc_matrix

    flat = values.ravel()
    table = csc_matrix(np.stack([region.ravel() for region in regions]), dtype=np.float64)
    rows = table.tocsr()
    left = np.ones(flat.size, dtype=np.bool_)
    sums, areas = table @ flat, table @ left.astype(float)
    found = np.full(flat.size, np.nan)
    least = max(1.0, LEAST * flat.size)
    while True:
        means = np.where(areas >= least, sums / np.maximum(areas, 1), -np.inf)
        best = int(np.argmax(means))
        if means[best] == -np.inf:
            break
        pixels = rows.indices[rows.indptr[best] : rows.indptr[best + 1]]
        new = pixels[left[pixels]]
        found[new], left[new] = means[best], False
        taken = table[:, new]
        sums, areas = sums - taken @ flat[new], areas - taken @ np.ones(len(new))
    found[left] = float(flat[left].mean()) if left.any() else 0.0
    return found.reshape(values.shape)


METHODS = (
    Method(
        "xrai",
        "XRAI",
        xrai,
        "Kapishnikov et al. 2019",
        "Regions of the picture, ranked by what they add.",
        per_channel=False,
        family="Paths from a baseline",
    ),
)
