"""What the choice of a baseline does to an explanation, on the user's own model and image."""

import copy
from typing import Any, ClassVar

import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from .. import render
from ..anytime import Step, last
from ..errors import ParameterError, did_you_mean
from ..explain.expected import Expectation
from ..explain.trajectory import Trajectory
from ..live.messages import canonical
from ..metrics.agreement import Comparison
from ..metrics.faithfulness import Ablation
from ..plots import AblationChart, PathChart
from . import base, lab_pictures, lab_topics, topics
from .base import Panel
from .bundles import bundled
from .choice import Choice
from .lab_topics import FILLS, NODES
from .offline import Place, Portable, checked_persist
from .scene import Scene
from .selection import KEYS, Follow
from .traits import followed, mirrored, shown

TABS = ("path", "compare", "references", "ablation")
COMPARED: tuple[dict[str, Any], ...] = (
    {"name": "black"},
    {"name": "white"},
    {"name": "mean"},
    {"name": "blur", "sigma": 10.0},
    {"name": "gaussian_noise", "sigma": 0.5, "seed": 0},
    {"name": "uniform_noise", "seed": 0},
)


def _part(text: str) -> Any:
    trait = traitlets.Instance(ipywidgets.Widget, allow_none=True, help=text)
    return trait.tag(sync=True, **ipywidgets.widget_serialization)


class LabPanel(Panel):
    """Controls, pictures and maps of the lab; the charts stand beside it in `BaselineLab`."""

    bundle = "baseline_lab"
    follows = ("image", "target", "baseline", "seed")
    topics = ("input", "baseline", "predictions", "path", "compare", "ablation")

    image: Any = followed("image")
    target: Any = followed("target")
    baseline: Any = followed("baseline")
    seed: Any = followed("seed")
    tab = shown(traitlets.Enum(TABS, "path"), "which question is looked at")
    alpha = shown(traitlets.Float(0.5, min=0, max=1), "where on the path from the baseline to the image")
    baselines = shown(
        traitlets.List(traitlets.Any(), list(COMPARED)),
        "the baselines that are compared: names, baselines or what `to_json` gives",
    )
    source = shown(traitlets.Enum(lab_topics.SOURCES, "images"), "where references come from")
    count = shown(traitlets.Int(16, min=1, max=64), "at most so many references")
    shown_count = shown(traitlets.Int(0, min=0, max=64), "how many references are looked at; 0 for all")
    fill = shown(traitlets.Enum(FILLS, "mean"), "what stands where pixels are taken away")
    share = shown(traitlets.Float(0.1, min=0, max=1), "the share of pixels taken away that is looked at")
    scale = shown(traitlets.Enum(("shared", "own"), "shared"), "one colour scale for all maps, or one a map")
    clip = shown(traitlets.Float(99.0, min=50, max=100), "the percentile of |values| at which colours end")
    colormap = shown(traitlets.Enum(("auto", *render.colormaps()), "auto"), "a colour map")
    selected = shown(traitlets.Int(-1, min=-1), "which of the compared baselines is enlarged; -1 for none")

    # The browser moves the charts' cursors and shows one chart or the other by itself, on these models and
    # without a word to the kernel.
    _path_cursor = _part("the scale whose ends are minus alpha and 1 minus alpha")
    _path_layout = _part("where the chart of the path is shown or not")
    _ablation_cursor = _part("the scale whose ends are minus share and 1 minus share")
    _ablation_layout = _part("where the chart of the ablation is shown or not")
    # Beside the bundle, which is in the state too: the browser loads it when the lab is made.
    _tabs = shown(traitlets.Unicode(), "the module of the tabs with many maps")

    @traitlets.default("_tabs")
    def _tabs_module(self) -> str:
        return bundled("baseline_tabs", "js")

    @traitlets.validate("baselines")
    def _valid_baselines(self, proposal: Any) -> list[dict[str, Any]]:
        checked = [self.scene.checked_baseline(one) for one in proposal.value]
        different = list({canonical(one): one for one in checked if one}.values())
        if not 1 <= len(different) <= lab_topics.MOST:
            hint = f"Give 1 to {lab_topics.MOST} different ones, such as ['black', 'blur']."
            raise ParameterError(f"{len(different)} baselines cannot be compared.", hint)
        return different

    def wish(self, tab: str | None = None) -> dict[str, Any]:
        """Return what a tab asks for now: the params of its topic."""
        tab = tab or self.tab
        more = {
            "path": {"baseline": self.baseline, "nodes": NODES},
            "compare": {"baselines": self.baselines},
            "references": {"source": self.source, "count": self.count},
            "ablation": {"baselines": self.baselines, "fill": self.fill},
        }
        return {"image": self.image, "target": self.target, "seed": self.seed} | more[tab]

    def recorded_traits(self, choice: Choice) -> dict[str, Any]:
        """Return the traits that a page begins with; what it compares is what it holds."""
        return super().recorded_traits(choice) | {
            "baselines": [{"name": name} for name in choice.compared],
            "selected": -1,
            "tab": self.tab if self.tab in self.topics else "path",
            "_tabs": self._tabs,
        }

    def snapshot(self) -> NDArray[np.uint8]:
        """Return the pictures of the tab that is shown, worked out here and now."""
        return lab_pictures.SHOTS[self.tab](self, work_out(self, self.tab))


def work_out(panel: LabPanel, tab: str) -> Any:
    """Work out what a tab shows, here and now, to its last step."""
    return last(topics.TOPICS[tab].work(panel.scene, panel.wish(tab))).value


def _of_panel(key: str) -> Any:
    """Return a trait like the panel's; the panel's is the one that the browser knows."""
    return copy.deepcopy(LabPanel.class_traits()[key]).tag(sync=False)


DISPLAY = tuple(
    key for key in LabPanel.class_own_traits(sync=True) if key not in LabPanel.follows and key[0] != "_"
)
RESULTS = {"path": "path", "compare": "comparison", "references": "references", "ablation": "ablation"}
"""The trait that holds the last result of a tab's topic."""


class BaselineLab(Portable, ipywidgets.VBox):
    """What the baseline is, what happens between it and the image, and how much the answer depends on it.

    Live, on the model and the image at hand, what Sturmfels, Lundberg and Lee, "Visualizing the Impact of
    Feature Attribution Baselines" (Distill 2020) show on chosen pictures: the path and its saturation, the
    same image under many baselines, expected gradients reference by reference, and top-k ablation.

    `path`, `comparison`, `references` and `ablation` are the last results on the screen; observe them.

    Args:
        model: a `Model`, or any `nn.Module` that takes `(n, c, h, w)` and gives logits `(n, k)`.
        images: one or many paths, PIL images, arrays `(h, w, c)` uint8, tensors `(n, c, h, w)`.
        scene: share the scene of other panels instead of model and images.
        persist: what is saved in the notebook with its output: True for a PNG, "html" for a page that still
            scrubs (the selected method and baseline), or a dict of what `to_html` takes.
        values: first values of the traits: `tab="compare"`, `baseline="white"`, `alpha=0.2`, …

    Raises:
        XaiWidgetsError: what was given cannot be shown; the message says what to do.
    """

    follows: ClassVar[tuple[str, ...]] = LabPanel.follows

    image: Any = mirrored("image")
    target: Any = mirrored("target")
    baseline: Any = mirrored("baseline")
    seed: Any = mirrored("seed")
    tab: Any = _of_panel("tab")
    alpha: Any = _of_panel("alpha")
    baselines: Any = _of_panel("baselines")
    source: Any = _of_panel("source")
    count: Any = _of_panel("count")
    shown_count: Any = _of_panel("shown_count")
    fill: Any = _of_panel("fill")
    share: Any = _of_panel("share")
    scale: Any = _of_panel("scale")
    clip: Any = _of_panel("clip")
    colormap: Any = _of_panel("colormap")
    selected: Any = _of_panel("selected")

    path = traitlets.Instance(Trajectory, allow_none=True, help="the path on the screen")
    comparison = traitlets.Instance(Comparison, allow_none=True, help="the baselines side by side")
    references = traitlets.Instance(Expectation, allow_none=True, help="the mean over references")
    ablation = traitlets.Instance(Ablation, allow_none=True, help="the ablation curves")

    scene: Scene
    # `close` also runs on what could not be built to its end.
    _own = False
    _links: tuple[Follow, ...] = ()

    def __init__(
        self,
        model: Any = None,
        images: Any = None,
        *,
        scene: Scene | None = None,
        persist: Any = False,
        **values: Any,
    ) -> None:
        for key in values:
            if key not in (*KEYS, *DISPLAY):
                hint = did_you_mean(key, (*KEYS, *DISPLAY))
                raise ParameterError(f"BaselineLab has no {key!r}.", hint)
        chosen = {key: values.pop(key) for key in list(values) if key in KEYS}
        self.scene = scene if scene is not None else Scene(model, images, **chosen)
        self._own = scene is None
        self.persist = checked_persist(persist)
        self.panel = LabPanel(scene=self.scene, **(chosen if scene is not None else {}), **values)
        self.charts = {"path": PathChart(), "ablation": AblationChart()}
        for name, chart in self.charts.items():
            # A figure of no width cannot draw its axes: out of sight is not out of the page.
            if name != self.panel.tab:
                chart.layout.height, chart.layout.visibility = "0px", "hidden"
            setattr(self.panel, f"_{name}_cursor", chart.cursor)
            setattr(self.panel, f"_{name}_layout", chart.layout)
        super().__init__([self.panel, *self.charts.values()])
        self.add_class("xw-lab")
        self._links = (Follow(self, self.scene.selection, self.follows), Follow(self, self.panel, DISPLAY))
        self._hears = {topic: self._hearing(topic) for topic in RESULTS}
        for topic, hear in self._hears.items():
            self.scene.follow(topic, hear)
        self.observe(lambda change: self.charts["path"].show(change.new), "path")
        self.observe(lambda change: self.charts["ablation"].show(change.new), "ablation")

    def compute(self, tab: str | None = None) -> Any:
        """Work out what a tab shows, here and now, to its last step, and return it.

        Raises:
            ParameterError: there is no such tab.
        """
        tab = tab or self.tab
        if tab not in RESULTS:
            raise ParameterError(f"The lab has no tab {tab!r}.", did_you_mean(str(tab), TABS))
        found = work_out(self.panel, tab)
        setattr(self, RESULTS[tab], found)
        return found

    def refresh(self) -> None:
        """Work out everything on the screen again: for a network whose weights have changed."""
        self.scene.refresh()

    def snapshot(self) -> NDArray[np.uint8]:
        """Return the pictures of the tab that is shown, worked out here and now."""
        return self.panel.snapshot()

    def save(self, path: Any) -> None:
        """Write the snapshot as a picture file; the format follows from the name."""
        base.save(self.snapshot(), path)

    def to_code(self) -> str:
        """Return the Python that makes this lab again."""
        return base.code(
            "BaselineLab", self.scene, {key: getattr(self, key) for key in (*self.follows, *DISPLAY)}
        )

    def close(self) -> None:
        """Close the lab; its own scene, with the work and the memory behind it, ends too."""
        if self._links:
            for link in self._links:
                link.unlink()
            self._links = ()
            for topic, hear in self._hears.items():
                self.scene.unfollow(topic, hear)
            base.close_all(*(part for chart in self.charts.values() for part in chart.parts()))
            base.close_all(*self.charts.values())
            self.panel.close()
        if self._own:
            self.scene.close()
        base.close_all(self)

    def _places(self) -> list[Place]:
        return [Place(self.panel)]

    def _hearing(self, topic: str) -> Any:
        def hear(params: dict[str, Any], step: Step[Any]) -> None:
            wish = self.panel.wish(topic)
            if lab_topics.settled(self.scene, params) == lab_topics.settled(self.scene, wish):
                setattr(self, RESULTS[topic], step.value)

        return hear

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return base.with_saved(super()._repr_mimebundle_(**kwargs), self)
