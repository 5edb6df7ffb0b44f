"""Where the evidence for an answer lies in the image, and how far to trust that."""

from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from .. import render
from ..anytime import Step, last
from ..results import Evidence, Explanation
from . import snapshots, topics
from .base import Panel
from .bundles import bundled
from .traits import followed, shown

VIEWS = ("blended", "overlay", "side", "map", "image")
COLORMAPS = ("auto", *render.colormaps())
SIGNS = ("both", "positive", "negative", "absolute")


class AttributionView(Panel):
    """The image and its attribution map, with method, baseline and target to change while one looks.

    `explanation` and `evidence` follow what is on the screen; observe them.
    """

    bundle = "attribution_view"
    follows = ("image", "target", "layer", "method", "params", "baseline", "seed")
    topics = ("input", "layers", "predictions", "attribution")

    image: Any = followed("image")
    target: Any = followed("target")
    layer: Any = followed("layer")
    method: Any = followed("method")
    params: Any = followed("params")
    baseline: Any = followed("baseline")
    seed: Any = followed("seed")
    view = shown(
        traitlets.Enum(VIEWS, "side"), "image and map side by side, one over the other, or one alone"
    )
    opacity = shown(traitlets.Float(0.75, min=0, max=1), "how opaque the map lies on the image")
    clip = shown(traitlets.Float(99.0, min=50, max=100), "the percentile of |values| at which colours end")
    sign = shown(traitlets.Enum(SIGNS, "both"), "which part of a signed map is shown")
    colormap = shown(traitlets.Enum(COLORMAPS, "auto"), 'a colour map; "auto" chooses by the sign')
    top = shown(
        traitlets.Float(100.0, min=0.1, max=100), "only this share of the strongest pixels, in percent"
    )

    # Beside the bundle, which is in the state too: the browser loads it when the view is made.
    _aims = shown(traitlets.Unicode(), "the module of what is more than one class")

    @traitlets.default("_aims")
    def _aims_module(self) -> str:
        return bundled("attribution_aims", "js")

    explanation = traitlets.Instance(Explanation, allow_none=True, help="what is on the screen")
    evidence = traitlets.Instance(Evidence, allow_none=True, help="how far to trust it")

    def __init__(self, model: Any = None, images: Any = None, **values: Any) -> None:
        super().__init__(model, images, **values)
        self.scene.follow("attribution", self._seen)

    def wish(self) -> dict[str, Any]:
        """Return what the panel asks for now: the params of topic "attribution"."""
        return {key: getattr(self, key) for key in self.follows}

    def explain(self) -> Explanation:
        """Work out what the panel shows, here and now, to its last step."""
        found: Explanation = last(self.scene.explained(self.wish())).value
        self.explanation, self.evidence = found, found.evidence
        return found

    def to_code(self) -> str:
        """Return the Python that makes the explanation on the screen again."""
        return self.explain().to_code()

    def snapshot(self) -> NDArray[np.uint8]:
        """Return the image and the map as the view shows them."""
        found = self.explain()
        sign: render.Sign = self.sign if found.signed or self.sign != "both" else "positive"
        if self.view == "image":
            return found.input
        if self.view in ("blended", "overlay"):
            return render.overlay(
                found.input, found.map, self.opacity, self.view, self.colormap, self.clip, sign, self.top
            )
        kept = np.where(render.top_mask(found.map, self.top, sign), found.map, 0)
        limits = render.clip_range(found.map, self.clip, sign)  # of the whole map, as on the screen
        heat = render.colorize(kept, self.colormap, self.clip, sign, limits)
        return heat if self.view == "map" else snapshots.beside([found.input, heat])

    def _seen(self, params: dict[str, Any], step: Step[Explanation]) -> None:
        if topics.settled(self.scene, params) == topics.settled(self.scene, self.wish()):
            self.explanation, self.evidence = step.value, step.value.evidence

    def _released(self) -> None:
        self.scene.unfollow("attribution", self._seen)
