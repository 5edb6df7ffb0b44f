"""The classes that the network thinks of first, as bars; a click makes one the target."""

import html
from collections.abc import Sequence
from typing import Any, ClassVar

import bqplot
import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from ..anytime import Step
from ..errors import ParameterError, did_you_mean
from ..model.handle import Prediction
from . import base, snapshots, topics
from .offline import Portable, checked_persist
from .scene import Scene
from .selection import KEYS, Follow
from .traits import mirrored

COLOUR, CHOSEN = "#7a8794", "#1976d2"
TEXT = {
    "fill": "var(--jp-ui-font-color0, var(--vscode-foreground, #808080))",
    "font-family": "var(--jp-ui-font-family, var(--vscode-font-family, sans-serif))",
    "font-size": "12px",
    "white-space": "pre",
}
ROW, LETTER = 26, 7  # pixels
NAME_LENGTH = 22
TITLE = "Predictions"


class Predictions(Portable, ipywidgets.VBox):
    """The top classes of the selected image with their probabilities.

    `top` holds them as they are on the screen; `target` follows the selection, a click on a bar sets it.
    """

    follows: ClassVar[tuple[str, ...]] = ("image", "target")
    topics: ClassVar[tuple[str, ...]] = ("predictions",)

    image: Any = mirrored("image")
    target: Any = mirrored("target")
    count = traitlets.Int(5, min=1, max=10, help="how many classes are shown")
    top = traitlets.Tuple(help="the Predictions on the screen, the likeliest first")

    scene: Scene
    # `close` also runs on what could not be built to its end.
    _own = False
    _follow: Follow | None = None

    def __init__(
        self,
        model: Any = None,
        images: Any = None,
        *,
        scene: Scene | None = None,
        persist: Any = False,
        count: int = 5,
        **values: Any,
    ) -> None:
        for key in values:
            if key not in KEYS:
                raise ParameterError(f"Predictions has no {key!r}.", did_you_mean(key, (*KEYS, "count")))
        self.scene = scene if scene is not None else Scene(model, images, **values)
        self._own = scene is None
        self.persist = checked_persist(persist)
        self._bars, self._figure = _chart(self.scene.model.classes)
        self._title = ipywidgets.HTML(TITLE)
        self._title.add_class("xw-predictions-title")
        super().__init__([self._title, self._figure], count=count)
        self.add_class("xw-predictions")
        self._follow = Follow(self, self.scene.selection, self.follows)
        self.scene.follow("predictions", self._seen)
        self.scene.on_refresh(self._wish)
        self._bars.on_element_click(self._clicked)
        self.observe(self._wish, names=["image", "count"])
        self.observe(self._paint, names=["target"])
        self.observe(self._stretch, names=["count"])
        self._stretch()
        self._wish()

    def predict(self) -> tuple[Prediction, ...]:
        """Work out what the panel shows, here and now."""
        self._show(self.scene.predictions(self.image))
        return self.top

    def snapshot(self) -> NDArray[np.uint8]:
        """Return the bars."""
        return snapshots.bars([(entry.name, entry.probability) for entry in self.predict()])

    def save(self, path: Any) -> None:
        """Write the snapshot as a picture file."""
        base.save(self.snapshot(), path)

    def to_code(self) -> str:
        """Return the Python that makes this panel again."""
        return base.code(
            "Predictions", self.scene, {key: getattr(self, key) for key in (*self.follows, "count")}
        )

    def close(self) -> None:
        """Close the panel; its own scene ends too."""
        if self._follow is not None:
            self._follow.unlink()
            self._follow = None
            self.scene.unfollow("predictions", self._seen)
            marks, axes = self._figure.marks, self._figure.axes
            scales = (*self._bars.scales.values(), self._figure.scale_x, self._figure.scale_y)
            base.close_all(self._title, *marks, *axes, *scales, self._figure)
        if self._own:
            self.scene.close()
        base.close_all(self)

    def _display(self) -> tuple[str, ...]:
        return ("count",)

    def _wish(self, _: Any = None) -> None:
        self.scene.session.work(topics.wish(self.scene, "predictions", {"image": self.image}), self._failed)

    def _failed(self, error: BaseException) -> None:
        # The one place where text becomes HTML: names and messages are never markup.
        words = html.escape(str(error))
        self._bars.opacities = [0.25]  # what is shown belongs to another image
        self._title.value = f'{TITLE}<span class="xw-predictions-error" title="{words}">{words}</span>'

    def _seen(self, params: dict[str, Any], step: Step[list[Prediction]]) -> None:
        if params["image"] == self.image:
            self._show(step.value)

    def _show(self, found: list[Prediction]) -> None:
        self._title.value = TITLE
        self.top = tuple(found[: self.count])
        shown = self.top[::-1]
        with self._bars.hold_sync():
            self._bars.x = [f"{_short(entry, self.top)}  {_percent(entry.probability)}" for entry in shown]
            self._bars.y = [entry.probability for entry in shown]
            self._bars.opacities = [0.95]
            self._paint()

    def _paint(self, _: Any = None) -> None:
        first = self.top[0].index if self.top else None
        chosen = self.target.get("index") if isinstance(self.target, dict) else self.target
        chosen = first if self.target is None else chosen
        self._bars.colors = [CHOSEN if entry.index == chosen else COLOUR for entry in self.top[::-1]]

    def _stretch(self, _: Any = None) -> None:
        self._figure.layout.height = f"{ROW * self.count + 8}px"

    def _clicked(self, _: Any, event: dict[str, Any]) -> None:
        place = event.get("data", {}).get("index")
        if isinstance(place, int) and 0 <= place < len(self.top):
            self.target = self.top[::-1][place].index

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return base.with_saved(super()._repr_mimebundle_(**kwargs), self)


def _short(entry: Prediction, among: tuple[Prediction, ...]) -> str:
    """Return a name that fits beside its bar and that no other bar has."""
    twins = sum(_cut(other.name) == _cut(entry.name) for other in among)
    return f"{_cut(entry.name)} #{entry.index}" if twins > 1 else _cut(entry.name)


def _cut(name: str) -> str:
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…"


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.0005 else "< 0.1%"


def _chart(classes: Sequence[str] | None) -> tuple[bqplot.Bars, bqplot.Figure]:
    names, share = bqplot.OrdinalScale(), bqplot.LinearScale(min=0.0, max=1.0)
    bars = bqplot.Bars(
        x=[], y=[], scales={"x": names, "y": share}, orientation="horizontal", padding=0.35, opacities=[0.95]
    )
    bars.interactions = {"click": "select"}
    # The shares stand beside the names, so that the bars need no scale under them.
    axis = bqplot.Axis(scale=names, side="left", grid_lines="none", color="transparent", tick_style=TEXT)
    # As wide as the longest name of the model, so that all its images have their bars in one place.
    longest = max(map(len, classes or ["class 999"]))
    figure = bqplot.Figure(
        marks=[bars],
        axes=[axis],
        fig_margin={"top": 4, "bottom": 4, "left": LETTER * (min(longest, NAME_LENGTH) + 9), "right": 0},
        layout={"width": "auto", "min_width": "0"},
        background_style={"fill": "transparent"},
        display_toolbar=False,
    )
    return bars, figure
