"""The classes that the network thinks of first, as bars; a row or a bar chosen becomes the target."""

from collections.abc import Sequence
from typing import Any, ClassVar
from weakref import WeakMethod

import bqplot
import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from ..anytime import Step
from ..errors import ParameterError, did_you_mean
from ..model.predictions import Prediction
from ..model.targets import told
from . import base, snapshots, topics
from .offline import Portable, checked_persist
from .scene import Scene
from .selection import KEYS, Follow
from .traits import followed, mirrored, shown

COLOUR, CHOSEN = "#7a8794", "#1976d2"
ROW, LETTER = 26, 7  # pixels; the rows' height is that of predictions.css
NAME_LENGTH = 22
BESIDE_NAME = 110  # pixels: the mark before it, the probability behind it


class PredictionRows(base.Panel):
    """The classes beside their bars, one a row: names, probabilities, and which of them is the target.

    bqplot's bars can be clicked, but neither reached by keyboard nor read aloud. These rows can.
    """

    bundle = "predictions"
    follows = ("image", "target")

    image: Any = followed("image")
    target: Any = followed("target")
    count = shown(traitlets.Int(5, min=1, max=10), "how many classes are shown")


class Predictions(Portable, ipywidgets.HBox):
    """The top classes of the selected image with their probabilities.

    `top` holds them as they are on the screen; `target` follows the selection, a row or a bar chosen sets it.
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
        self._rows = PredictionRows(scene=self.scene, count=count, layout=_room(self.scene.model.classes))
        self._bars, self._figure = _chart()
        super().__init__([self._rows, self._figure], count=count)
        self.add_class("xw-predictions")
        self._follow = Follow(self, self.scene.selection, self.follows)
        self.scene.follow("predictions", self._seen)
        self.scene.on_refresh(self._wish)
        clicked = WeakMethod(self._clicked)  # the registry holds the bars: they must not hold the panel
        self._bars.on_element_click(lambda *event: (act := clicked()) and act(*event))
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
            scales = (*self._bars.scales.values(), self._figure.scale_x, self._figure.scale_y)
            self._rows.close()
            base.close_all(self._bars, *scales, self._figure)
        if self._own:
            self.scene.close()
        base.close_all(self)

    def _display(self) -> tuple[str, ...]:
        return ("count",)

    def _wish(self, _: Any = None) -> None:
        self.scene.session.work(topics.wish(self.scene, "predictions", {"image": self.image}), self._failed)

    def _failed(self, _: BaseException) -> None:
        # The rows say what and why. What the bars show belongs to another image.
        self._bars.opacities = [0.25]

    def _seen(self, params: dict[str, Any], step: Step[list[Prediction]]) -> None:
        if params["image"] == self.image:
            self._show(step.value)

    def _show(self, found: list[Prediction]) -> None:
        self.top = tuple(found[: self.count])
        with self._bars.hold_sync():
            self._bars.x = list(range(self.count - len(self.top), self.count))  # each beside its row
            self._bars.y = [entry.probability for entry in self.top[::-1]]
            self._bars.opacities = [0.95]
            self._paint()

    def _paint(self, _: Any = None) -> None:
        chosen = self._meant(self.top[0]) if self.target is None and self.top else self.target
        if isinstance(chosen, dict) and chosen["kind"] == "class":
            chosen = chosen["index"]
        meant = [self._meant(entry) == chosen for entry in self.top[::-1]]
        if not any(meant) and isinstance(chosen, dict):  # of a margin or a box the class
            meant = [entry.box is None and entry.index == chosen.get("index") for entry in self.top[::-1]]
        self._bars.colors = [CHOSEN if one else COLOUR for one in meant]

    def _meant(self, entry: Prediction) -> Any:
        """Return the target that a prediction stands for, as the selection has it."""
        return told(entry, self.scene.model.kind)

    def _stretch(self, _: Any = None) -> None:
        self._rows.count = self.count
        self._bars.scales["x"].domain = list(range(self.count))
        self._figure.layout.height = f"{ROW * self.count + 8}px"

    def _clicked(self, _: Any, event: dict[str, Any]) -> None:
        place = event.get("data", {}).get("index")
        if isinstance(place, int) and 0 <= place < len(self.top):
            self.target = self._meant(self.top[::-1][place])

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return base.with_saved(super()._repr_mimebundle_(**kwargs), self)


def _room(classes: Sequence[str] | None) -> dict[str, str]:
    """Return the layout of the rows: as wide as the longest name of the model, so that all its images have
    their bars in one place."""
    longest = max(map(len, classes or ["class 999"]))
    width = LETTER * min(longest, NAME_LENGTH) + BESIDE_NAME
    return {"flex": "0 1 auto", "width": f"{width}px", "min_width": "0"}


def _chart() -> tuple[bqplot.Bars, bqplot.Figure]:
    places, share = bqplot.OrdinalScale(), bqplot.LinearScale(min=0.0, max=1.0)
    bars = bqplot.Bars(
        x=[],
        y=[],
        scales={"x": places, "y": share},
        orientation="horizontal",
        padding=0.35,
        opacities=[0.95],
    )
    bars.interactions = {"click": "select"}
    # Names and shares stand in the rows beside the bars, so that these need no axes.
    figure = bqplot.Figure(
        marks=[bars],
        fig_margin={"top": 4, "bottom": 4, "left": 1, "right": 0},
        layout={"flex": "1 1 0%", "width": "auto", "min_width": "60px", "align_self": "flex-end"},
        background_style={"fill": "transparent"},
        display_toolbar=False,
    )
    return bars, figure
