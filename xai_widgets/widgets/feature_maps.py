"""All channels of a layer as a grid."""

from typing import Any

import numpy as np
import torch
import traitlets
from numpy.typing import NDArray

from .. import render
from ..model.layers import as_maps
from . import snapshots, topics
from .base import Panel
from .traits import followed, shown

SORTS = ("index", "mean", "max", "variance", "score")


class FeatureMaps(Panel):
    """What every channel of a layer makes of the image.

    Sorted by index, mean, max, variance, or by gradient × activation for the target ("score"). Token
    layers are shown as maps, layers without space as bars.
    """

    bundle = "feature_maps"
    follows = ("image", "target", "layer", "channel")
    topics = ("input", "layers", "maps", "scores")

    image: Any = followed("image")
    target: Any = followed("target")
    layer: Any = followed("layer")
    channel: Any = followed("channel")
    sort = shown(traitlets.Enum(SORTS, "index"), "what the maps are ordered by")
    scale = shown(traitlets.Enum(("map", "layer"), "map"), "one colour scale a map, or one for the layer")
    colormap = shown(
        traitlets.Enum(("auto", *render.colormaps()), "auto"),
        'the name of a colour map; "auto" chooses by the signs in the layer',
    )
    tile = shown(traitlets.Int(72), "the side of a tile in pixels")

    @property
    def maps(self) -> NDArray[np.float32]:
        """The activations of the selected layer: maps `(c, h, w)`, or `(c,)` where it has no space."""
        image = self.scene.selection.image
        found = self.scene.record(image)[self.layer]
        layer = self.scene.layer(image, self.layer)
        values = found.flatten() if layer.view == "vector" else as_maps(found, layer)[0]
        array: NDArray[np.float32] = values.numpy()
        return array

    def order(self) -> list[int]:
        """Return the channels in the order in which they are shown."""
        maps = torch.from_numpy(self.maps)
        flat = maps.reshape(len(maps), -1)
        if self.sort == "index":
            return list(range(len(maps)))
        if self.sort == "score":
            params = {"image": self.image, "layer": self.layer, "target": self.target}
            by = next(topics.TOPICS["scores"].work(self.scene, params)).value
        else:
            by = {"mean": flat.mean(1), "max": flat.amax(1), "variance": flat.var(1, unbiased=False)}[
                self.sort
            ]
        order: list[int] = torch.argsort(by, descending=True, stable=True).tolist()
        return order

    def snapshot(self) -> NDArray[np.uint8]:
        """Return the first 64 maps as a grid."""
        maps, order = self.maps, self.order()
        if maps.ndim == 1:
            return snapshots.bars([(f"{i}", float(maps[i])) for i in order[:16]])
        shown = order[:64]
        span = (float(maps.min()), float(maps.max()))
        spans = [
            span if self.scale == "layer" else (float(maps[i].min()), float(maps[i].max())) for i in shown
        ]
        return snapshots.grid(
            [self._tile(maps[i], *ends, span[0] < 0) for i, ends in zip(shown, spans, strict=True)], self.tile
        )

    def _tile(self, values: NDArray[np.float32], low: float, high: float, signed: bool) -> NDArray[np.uint8]:
        if self.colormap != "auto":
            return render.colorize(values - low, self.colormap, sign="positive", limits=(0.0, high - low))
        if not signed:
            return render.colorize(values, "viridis", sign="positive", limits=(0.0, high))
        limit = max(abs(low), abs(high))
        return render.colorize(values, "blue-red", limits=(-limit, limit))
