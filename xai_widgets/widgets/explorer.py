"""The whole explorer in the cell: all panels on one selection."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from ..errors import ParameterError, did_you_mean
from ..results import Evidence, Explanation
from . import base, snapshots
from .attribution_view import AttributionView
from .baseline_lab import BaselineLab
from .compare import Compare
from .feature_maps import FeatureMaps
from .feature_visualization import FeatureVisualization
from .image_strip import FIRST, PANELS, ImageStrip
from .layer_scrubber import LayerScrubber
from .offline import Place, Portable, checked_persist
from .predictions import Predictions
from .scene import Scene
from .selection import KEYS, Follow
from .sweep_view import SweepView
from .traits import mirrored

CELLS = {
    "layers": "xw-rail",
    "features": "xw-cell-features",
    "attribution": "xw-cell-attribution",
    "predictions": "xw-cell-predictions",
    "baselines": "xw-cell-baselines",
    "sweep": "xw-cell-sweep",
    "compare": "xw-cell-compare",
    "visualization": "xw-cell-visualization",
}
"""The class of the place of each panel."""
LATER: Mapping[str, Callable[..., Any]] = {
    "baselines": BaselineLab,
    "sweep": SweepView,
    "compare": Compare,
    "visualization": FeatureVisualization,
}
"""Made when they are first wanted, as most explorers never show them; in the order in which they stand."""


class Explorer(Portable, ipywidgets.VBox):
    """Images, layers, feature maps, attribution and predictions on one selection, and more where wanted.

    The baseline lab, the sweep over layers and methods, the comparison and what a unit likes are made when
    they are first switched on.

    Args:
        model: a `Model`, or any `nn.Module` that takes `(n, c, h, w)` and gives logits `(n, k)`.
        images: one or many paths, PIL images, arrays `(h, w, c)` uint8, tensors `(n, c, h, w)`.
        persist: what is saved in the notebook with its output: True for a PNG, "html" for a page that still
            scrubs (the selected method and baseline), or a dict of what `to_html` takes.
        values: first values of the traits: `layer="features.3"`, `method="occlusion"`, `panels=[…]`, …

    Every trait works both ways: a change on the screen is a change here, and the other way round.
    """

    image: Any = mirrored("image")
    target: Any = mirrored("target")
    layer: Any = mirrored("layer")
    channel: Any = mirrored("channel")
    method: Any = mirrored("method")
    params: Any = mirrored("params")
    baseline: Any = mirrored("baseline")
    seed: Any = mirrored("seed")
    panels = traitlets.List(list(FIRST), help="which panels are shown")

    # `close` also runs on what could not be built to its end.
    _links: tuple[Follow, ...] = ()

    def __init__(self, model: Any, images: Any, *, persist: Any = False, **values: Any) -> None:
        known = (*KEYS, "panels")
        for key in values:
            if key not in known:
                raise ParameterError(f"An explorer has no {key!r}.", did_you_mean(key, known))
        shown = values.pop("panels", list(FIRST))
        self.scene = Scene(model, images, **values)
        self.persist = checked_persist(persist)
        self.strip = ImageStrip(scene=self.scene, panels=shown)
        self.layers = LayerScrubber(scene=self.scene)
        self.features = FeatureMaps(scene=self.scene)
        self.attribution = AttributionView(scene=self.scene)
        self.predictions = Predictions(scene=self.scene)
        self._first = self._arranged()
        self._made: dict[str, Any] = {}
        super().__init__(self._first)
        self.add_class("xw-explorer")
        self._links = (Follow(self, self.scene.selection, KEYS), Follow(self, self.strip, ("panels",)))
        self.observe(self._arrange, names=["panels"])
        self._arrange()

    @property
    def lab(self) -> BaselineLab:
        """The baseline lab."""
        found: BaselineLab = self.later("baselines")
        return found

    @property
    def sweep(self) -> SweepView:
        """The sweep over layers or methods."""
        found: SweepView = self.later("sweep")
        return found

    @property
    def compare(self) -> Compare:
        """The comparison."""
        found: Compare = self.later("compare")
        return found

    @property
    def visualization(self) -> FeatureVisualization:
        """What a unit likes."""
        found: FeatureVisualization = self.later("visualization")
        return found

    def later(self, name: str) -> Any:
        """Return a panel of `LATER`, made now where nobody wanted it before."""
        if name not in self._made:
            self._made[name] = LATER[name](scene=self.scene)
            self._made[name].add_class(CELLS[name])
        return self._made[name]

    @property
    def explanation(self) -> Explanation | None:
        """The explanation on the screen."""
        found: Explanation | None = self.attribution.explanation
        return found

    @property
    def evidence(self) -> Evidence | None:
        """How far to trust the explanation on the screen."""
        found: Evidence | None = self.attribution.evidence
        return found

    def add(self, source: Any, name: str | None = None) -> int:
        """Add an image and select it; return its index."""
        return self.strip.add(source, name)

    def refresh(self) -> None:
        """Work out everything on the screen again: for a network whose weights have changed."""
        self.scene.refresh()

    def snapshot(self) -> NDArray[np.uint8]:
        """Return all shown panels as one picture."""
        chosen = [panel.snapshot() for name, panel in self._named().items() if name in self.panels]
        below = [panel.snapshot() for panel in self._wanted()]
        return snapshots.below([self.strip.snapshot(), *chosen, *below])

    def save(self, path: Any) -> None:
        """Write the snapshot as a picture file."""
        base.save(self.snapshot(), path)

    def to_code(self) -> str:
        """Return the Python that makes this explorer again."""
        return base.code("explore", self.scene, {key: getattr(self, key) for key in (*KEYS, "panels")})

    def close(self) -> None:
        """Close all panels, drop the work, free the memory."""
        if self._links:
            for link in self._links:
                link.unlink()
            self._links = ()
            for panel in (self.strip, *self._named().values(), *self._made.values()):
                panel.close()
            base.close_all(self._cells)
            self.scene.close()
        base.close_all(self)

    def _named(self) -> dict[str, Any]:
        panels = (self.layers, self.features, self.attribution, self.predictions)
        return dict(zip(FIRST, panels, strict=True))

    def _wanted(self) -> list[Any]:
        return [self.later(name) for name in LATER if name in self.panels]

    def _arranged(self) -> list[ipywidgets.Widget]:
        self.strip.add_class("xw-strip")
        for name, widget in self._named().items():
            widget.add_class(CELLS[name])
        # In the order in which they stand in a narrow cell and in a wide one, so that Tab follows the eye.
        self._cells = ipywidgets.Box([self.attribution, self.predictions, self.features])
        self._cells.scene = self.scene
        self._cells.add_class("xw-grid")
        return [self.strip, self.layers, self._cells]

    def _places(self) -> list[Place]:
        """Return the panels that are shown, in the order in which they stand in a narrow page."""
        strip = Place(self.strip, "xw-strip")
        shown = {name: panel for name, panel in self._named().items() if name in self.panels}
        order = ("layers", "attribution", "predictions", "features")
        places = [strip, *(Place(shown[n], CELLS[n], n != "layers") for n in order if n in shown)]
        # Off until somebody wants it, but there: a page cannot make it later.
        if "baselines" in self.panels or set(FIRST) <= set(self.panels):
            places.append(Place(self.lab.panel, CELLS["baselines"]))
        return places

    def _arrange(self, _: Any = None) -> None:
        # On the root: anywidget's views do not follow changes of their own classes.
        for name in PANELS:
            (self.remove_class if name in self.panels else self.add_class)(f"xw-no-{name}")
        # Out of the page where it is off: a view that does not exist asks for nothing.
        self.children = [*self._first, *self._wanted()]

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return base.with_saved(super()._repr_mimebundle_(**kwargs), self)


def explore(model: Any, images: Any, **values: Any) -> Explorer:
    """Open the explorer: `xw.explore(model, ["cat.jpg", "street.png"])` as the last line of a cell."""
    return Explorer(model, images, **values)
