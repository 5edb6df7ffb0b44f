"""Which layer, which method: the maps side by side, each with a figure of how far the target follows it."""

from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray
from PIL import Image

from .. import render
from ..anytime import Step, last
from ..errors import ParameterError, did_you_mean
from ..metrics.ranking import Entry, Ranking
from ..results import Explanation
from . import snapshots, topics
from .base import Panel
from .lab_topics import FILLS
from .offline import Place
from .traits import followed, shown

TOPIC = {"layer": "which_layer", "method": "which_method"}
"""What each question asks for."""
SIDE = 112
"""Of a map in the snapshot, in pixels."""
OPACITY = 0.75


class SweepView(Panel):
    """One method at every layer, or one method of each family, as a strip of maps; the best is marked.

    How good a map is, is measured on the network itself: pixels are put in and taken away in the order of
    the map, and the area between the two curves of the target is its figure (see `xw.sweep`).

    `ranking` is the last one on the screen; observe it.
    """

    bundle = "sweep_view"
    follows = ("image", "target", "layer", "method", "params", "baseline", "seed")
    topics = tuple(TOPIC.values())

    image: Any = followed("image")
    target: Any = followed("target")
    layer: Any = followed("layer")
    method: Any = followed("method")
    params: Any = followed("params")
    baseline: Any = followed("baseline")
    seed: Any = followed("seed")
    question = shown(traitlets.Enum(tuple(TOPIC), "layer"), "which layer, or which method")
    fill = shown(traitlets.Enum(FILLS, "blur"), "what stands where pixels are gone")
    scale = shown(traitlets.Enum(("shared", "own"), "own"), "one colour scale for all layers, or one a layer")

    ranking = traitlets.Instance(Ranking, allow_none=True, help="the ranking on the screen")

    def __init__(self, model: Any = None, images: Any = None, **values: Any) -> None:
        super().__init__(model, images, **values)
        self._hears = {question: self._hearing(question) for question in TOPIC}
        for question, hear in self._hears.items():
            self.scene.follow(TOPIC[question], hear)

    def wish(self, question: str | None = None) -> dict[str, Any]:
        """Return what a question asks for now: the params of its topic."""
        unused = {"layer": ("layer",), "method": ("method", "params")}[question or self.question]
        return {key: getattr(self, key) for key in (*self.follows, "fill") if key not in unused}

    def compute(self, question: str | None = None) -> Ranking:
        """Work out a ranking, here and now, to its last step.

        Raises:
            ParameterError: there is no such question, or the method looks at no layer.
        """
        question = question or self.question
        if question not in TOPIC:
            raise ParameterError(f"There is no question {question!r}.", did_you_mean(str(question), TOPIC))
        topic = topics.TOPICS[TOPIC[question]]
        self.ranking = last(topic.work(self.scene, self.wish(question))).value
        return self.ranking

    def snapshot(self) -> NDArray[np.uint8]:
        """Return the maps over the picture, each with its name and figure, worked out here and now."""
        found = self.compute()
        there = [(entry, entry.explanation) for entry in found.entries if entry.explanation]
        shared = self.scale == "shared" and found.kind == "layer"
        most = max((render.clip_range(one.map)[1] for _, one in there), default=0.0) if shared else None
        tiles = [_tile(entry, one, most, best=entry is found.best) for entry, one in there]
        words = snapshots.captioned(np.full((1, 960, 3), 255, np.uint8), found.why)
        return snapshots.below([words, *([snapshots.rows(tiles)] if tiles else [])])

    def _places(self) -> list[Place]:
        raise ParameterError(
            "A page without a kernel can't hold a sweep.", "Save a picture of it, or a page of an explorer."
        )

    def _hearing(self, question: str) -> Any:
        def hear(params: dict[str, Any], step: Step[Ranking]) -> None:
            if question == self.question and self._told(params) == self._told(self.wish(question)):
                self.ranking = step.value

        return hear

    def _told(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return a wish in full, so that two wishes for the same ranking are equal."""
        if "method" not in params:
            return params | {"baseline": params["baseline"] or None}
        return topics.settled(self.scene, params | {"layer": None}) | {"fill": params["fill"]}

    def _released(self) -> None:
        for question, hear in self._hears.items():
            self.scene.unfollow(TOPIC[question], hear)


def _tile(entry: Entry, found: Explanation, limit: float | None, *, best: bool) -> NDArray[np.uint8]:
    """Return a map over its picture, its figure and its name below."""
    sign: render.Sign = "both" if found.signed else "positive"
    ends = None if limit is None else (-limit if sign == "both" else 0.0, limit)
    whole = render.overlay(found.input, found.map, OPACITY, sign=sign, limits=ends)
    small = np.asarray(Image.fromarray(whole).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    figure = f"{entry.score:+.2f}{'  best' if best else ''}"
    return snapshots.captioned(snapshots.captioned(small, figure), entry.name[-16:])
