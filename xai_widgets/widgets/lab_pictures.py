"""Still pictures of the lab's tabs, for files and for notebooks that are only read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import render
from ..explain.expected import Expectation
from ..explain.trajectory import Trajectory, at
from ..metrics.agreement import Comparison
from ..metrics.faithfulness import Ablation
from ..plots import OUTPUT, RANDOM, SUM, colour
from .snapshots import Picture, below, captioned, curves, rows


def path(lab: Any, found: Trajectory) -> Picture:
    """Return baseline, image at α, gradient at α, accumulated map, and the two curves."""
    share = lab.alpha
    mixed = np.rint((1 - share) * found.reference + share * found.picture.astype(float)).astype(np.uint8)
    maps: list[NDArray[Any]] = [at(found.nodes, found.maps, share), found.accumulated(share)]
    pictures = {
        found.label: found.reference,
        f"at {share:.2f} of the way": mixed,
        "gradient there": _painted(lab, maps[:1])[0],
        "accumulated so far": _painted(lab, maps[1:])[0],
    }
    rise = found.outputs - found.outputs[0]
    chart = curves([(found.nodes, rise, OUTPUT), (found.nodes, found.sums, SUM)])
    return below([rows([captioned(one, words) for words, one in pictures.items()]), chart])


def compare(lab: Any, found: Comparison) -> Picture:
    """Return the map of every baseline, and their spread."""
    known = [(one.label, one.map) for one in found.candidates if one.map is not None]
    painted = _painted(lab, [values for _, values in known])
    tiles = [captioned(tile, label) for tile, (label, _) in zip(painted, known, strict=True)]
    if found.spread is not None:
        tiles.append(captioned(render.colorize(found.spread, "viridis", lab.clip, "positive"), "spread"))
    return rows(tiles)


def references(lab: Any, found: Expectation) -> Picture:
    """Return the references and the mean map over as many as are looked at."""
    count = min(lab.shown_count or len(found.maps), len(found.maps))
    painted = _painted(lab, [found.maps[count - 1]])[0]
    return below([rows(list(found.references[:count])), captioned(painted, f"mean over {count}")])


def ablation(lab: Any, found: Ablation) -> Picture:
    """Return the curves of the baselines, the mean of the random ones in grey."""
    lines = [(found.shares, found.random.mean(axis=0), RANDOM)]
    lines += [
        (found.shares, values, colour(number))
        for number, values in enumerate(found.curves)
        if np.isfinite(values).all()
    ]
    return curves(lines)


def _painted(lab: Any, maps: Sequence[NDArray[Any]]) -> list[Picture]:
    limits = [render.clip_range(values, lab.clip) for values in maps]
    if lab.scale == "shared":
        most = max((high for _, high in limits), default=0.0)
        limits = [(-most, most)] * len(limits)
    return [
        render.colorize(values, lab.colormap, lab.clip, limits=ends)
        for values, ends in zip(maps, limits, strict=True)
    ]


SHOTS: Mapping[str, Callable[[Any, Any], Picture]] = {
    "path": path,
    "compare": compare,
    "references": references,
    "ablation": ablation,
}
