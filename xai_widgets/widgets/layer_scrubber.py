"""The network as a rail to scrub along."""

from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from ..model.layers import LayerTree
from . import snapshots
from .base import Panel
from .traits import followed, shown


class LayerScrubber(Panel):
    """A rail with a mark for every layer that can be looked at, in the order in which they run.

    Drag, wheel, arrow keys, Home and End move along it; PageUp and PageDown jump from block to block.
    """

    bundle = "layer_scrubber"
    follows = ("image", "layer")
    topics = ("layers",)

    image: Any = followed("image")
    layer: Any = followed("layer")
    query = shown(traitlets.Unicode(""), "the text that layers are searched by")
    playing = shown(traitlets.Bool(False), "whether it walks through the layers by itself")

    @property
    def layers(self) -> LayerTree:
        """The layers, as the selected image runs through them."""
        return self.scene.tree(self.scene.selection.image)

    def snapshot(self) -> NDArray[np.uint8]:
        """Return the rail with the current layer marked."""
        return snapshots.rail(list(self.layers.viewable), self.layer)
