"""The images to choose from, and where more of them are added."""

from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from . import snapshots
from .base import Panel
from .topic import THUMBNAIL
from .traits import followed, shown

PANELS = (
    *("layers", "features", "attribution", "predictions"),
    *("baselines", "sweep", "compare", "visualization"),
)
FIRST = PANELS[:4]
"""The panels that are shown until somebody chooses others."""


class ImageStrip(Panel):
    """Thumbnails of the images; files are added by a button, by dropping or by pasting them."""

    bundle = "image_strip"
    follows = ("image",)
    topics = ("thumbnails",)

    image: Any = followed("image")
    panels = shown(
        traitlets.List(traitlets.Enum(PANELS), None, allow_none=True),
        "which panels of the explorer are shown; None where there is none around it",
    )

    def add(self, source: Any, name: str | None = None) -> int:
        """Add an image and select it; return its index."""
        self.image = self.scene.add(source, name)
        index: int = self.image
        return index

    def snapshot(self) -> NDArray[np.uint8]:
        """Return the thumbnails in a row."""
        return snapshots.beside([picture.thumbnail(THUMBNAIL) for picture in self.scene.pictures])
