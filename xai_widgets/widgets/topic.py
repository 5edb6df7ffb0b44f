"""What a topic is: some work, and how its steps become frames."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ..anytime import Step
from ..live import codec
from ..live.session import Encoded
from ..results import Explanation

if TYPE_CHECKING:
    from .scene import Scene

MAP_BYTES = 4 * 2**20
"""The most values of maps in one frame; larger ones are averaged down, and the view says so."""
THUMBNAIL = 96
"""The longest side of a thumbnail, in pixels."""

WISH = ("image", "target", "layer", "method", "params", "baseline", "seed")
"""What a wish for an explanation says."""

Params = dict[str, Any]


@dataclass(frozen=True)
class Topic:
    """How a topic is worked out and shown."""

    work: Callable[["Scene", Params], Iterator[Step[Any]]]
    encode: Callable[["Scene", Params, Step[Any]], Encoded]
    needs: tuple[str, ...] = ()


def at_once(value: Callable[["Scene", Params], Any]) -> Callable[["Scene", Params], Iterator[Step[Any]]]:
    """Make work of one step of a function."""

    def work(scene: "Scene", params: Params) -> Iterator[Step[Any]]:
        yield Step(value(scene, params), 1.0, None, True)

    return work


def reduce_maps(maps: torch.Tensor, most: int = MAP_BYTES, *, sums: bool = False) -> tuple[torch.Tensor, int]:
    """Make maps `(c, h, w)` smaller by 2, 4, … until they fit into a frame; return them and the factor.

    A cell holds the mean of its pixels, or what they add up to: the sum of a whole map stays.
    """
    factor = 1
    while maps.numel() / factor**2 > most and min(maps.shape[1:]) >= 4 * factor:
        factor *= 2
    if factor == 1:
        return maps, 1
    if sums:
        height, width = maps.shape[1:]
        maps = torch.nn.functional.pad(maps, (0, -width % factor, 0, -height % factor)) * factor**2
    return torch.nn.functional.avg_pool2d(maps, factor), factor


def show_explanation(scene: "Scene", params: Params, step: Step[Any]) -> Encoded:
    """Make a frame of a step of an Explanation."""
    found: Explanation = step.value
    meta: Params = {
        "evidence": found.evidence.to_dict(),
        "target": {"label": found.target, "index": found.target_index},
        "method": found.method,
        "baseline": found.baseline,
        "layer": found.layer,
        "signed": found.signed,
        "seconds": found.seconds,
    }
    return Encoded(meta, (codec.pack_signed("map", found.map),))
