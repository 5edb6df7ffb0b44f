"""Explanations side by side: methods against whatever else can differ."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import traitlets
from numpy.typing import NDArray
from torch import nn

from .. import render
from ..anytime import last
from ..errors import ParameterError, XaiWidgetsError
from ..explain import METHODS
from ..explain.registry import find
from ..inputs.images import shown as as_picture
from ..metrics.similarity import MEASURES, Agreement, agreement
from ..model.handle import Model
from ..model.variants import checkpoint
from ..results import Explanation
from . import snapshots
from .base import Panel
from .compare_topics import explained
from .grid import AXES, MOST, USUAL, Grid, laid_out
from .subject import Subject
from .traits import followed, shown

SCALES = ("each", "row", "all")
OPACITY = 0.75
"""Of a map over the picture."""


class Compare(Panel):
    """A live grid of maps: methods in the rows; targets, baselines, layers, images or models in the columns.

    The other things are as selected. Each map appears as soon as it is there and gets better while one
    looks; those in sight are worked out first.

    In a blind trial the columns are shuffled and unnamed, and two of them are controls: the same method on
    the network with shuffled weights, and an edge detector (Adebayo et al. 2018). Whoever can't tell the
    explanation from them should not trust it.

    Args:
        model: a `Model`, or any `nn.Module` that takes `(n, c, h, w)` and gives logits `(n, k)`.
        images: as for every panel.
        models: other models by name, to stand in the columns: `Model`, or a network that takes what the
            first one takes.
        checkpoints: weights of the same network by name: state dicts, or paths of them.
        values: `methods=["grad_cam", "occlusion"]`, `by="layers"`, `columns=["layer1", "layer4"]`, …

    Raises:
        XaiWidgetsError: what was given cannot be shown; the message says what to do.

    Example:
        >>> xw.Compare(model, "cat.jpg", checkpoints={"epoch 1": "epoch1.pt", "epoch 9": "epoch9.pt"})
    """

    bundle = "compare"
    follows = ("image", "target", "layer", "method", "params", "baseline", "seed")
    topics = ("grid", "cell", "picture", "agreement", "parting", "layers", "predictions")

    image: Any = followed("image")
    target: Any = followed("target")
    layer: Any = followed("layer")
    method: Any = followed("method")
    params: Any = followed("params")
    baseline: Any = followed("baseline")
    seed: Any = followed("seed")
    methods = shown(traitlets.List(traitlets.Unicode()), "the methods of the rows")
    by = shown(traitlets.Enum(tuple(AXES), "baselines"), "what the columns stand for")
    columns = shown(traitlets.List(traitlets.Any()), "their values; empty for the usual ones")
    scale = shown(traitlets.Enum(SCALES, "each"), "one colour scale a map, a row, or for all")
    view = shown(traitlets.Enum(("map", "blended"), "map"), "the maps alone, or over the picture")
    clip = shown(traitlets.Float(99.0, min=50, max=100), "the percentile of |values| at which colours end")
    colormap = shown(traitlets.Enum(("auto", *render.colormaps()), "auto"), "a colour map")
    measure = shown(traitlets.Enum(tuple(MEASURES), "rank"), "how agreement is measured")
    along = shown(
        traitlets.Enum(("row", "column"), "row"), "whether the maps of a row or a column are held together"
    )
    blind = shown(traitlets.Int(0, min=0), "the number of a blind trial; 0 for none")
    revealed = shown(traitlets.Bool(False), "whether the columns of a blind trial are named")
    others = shown(traitlets.List(traitlets.Unicode()), "names of the other models")

    def __init__(
        self,
        model: Any = None,
        images: Any = None,
        *,
        models: Mapping[str, Model | nn.Module] | None = None,
        checkpoints: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> None:
        axes = {key: values.pop(key) for key in ("methods", "by", "columns") if key in values}
        super().__init__(model, images, **values)
        try:
            self._add(models or {}, checkpoints or {})
            self.others = list(self.scene.others)
            self.by = axes.get("by", "models" if models or checkpoints else self.by)
            self.methods = axes.get("methods") or self._usual()
            self.columns = list(axes.get("columns", []))
        except BaseException:
            self.close()
            raise

    def compute(self) -> tuple[tuple[Explanation | None, ...], ...]:
        """Work out all cells here and now, row by row; None where there is nothing to be had."""
        return tuple(tuple(self._explain(cell.wish) for cell in row) for row in self.grid.cells)

    @property
    def grid(self) -> Grid:
        """What stands in the rows, the columns and the cells, as selected now."""
        return laid_out(self.scene, self.wish())

    def agreement(self, row: int = 0) -> Agreement:
        """Return how far the maps of a row agree.

        Raises:
            ParameterError: there is no such row, or no map in it.
        """
        cells = self.grid.cells
        if not 0 <= row < len(cells):
            raise ParameterError(f"There is no row {row}.", f"Give 0 to {len(cells) - 1}.")
        found = [self._explain(cell.wish) for cell in cells[row]]
        maps = [one.map for one in found if one is not None]
        if not maps:
            raise ParameterError(f"Row {row} has no map.", "Take a method that fits the network.")
        return agreement(maps)

    def wish(self) -> dict[str, Any]:
        """Return what the panel asks for now: the params of topic "grid"."""
        own = ("methods", "by", "columns", "blind")
        return {key: getattr(self, key) for key in (*self.follows, *own)}

    def snapshot(self) -> NDArray[np.uint8]:
        """Return the grid as a picture, worked out here and now."""
        grid = self.grid
        named = grid.letters and not self.revealed
        names = list(grid.letters) if named else [column.label for column in grid.columns]
        rows = [
            [
                self._tile(cell.wish, f"{METHODS[method].label}: {name}")
                for cell, name in zip(row, names, strict=True)
            ]
            for method, row in zip(grid.rows, grid.cells, strict=True)
        ]
        return snapshots.below([snapshots.beside(row) for row in rows])

    def to_html(self, path: str | Path, **_: Any) -> NoReturn:
        """Refuse: the page without a kernel holds no comparison yet."""
        raise ParameterError(
            "A comparison can't be kept as a page.",
            "Use save('grid.png'), or BaselineLab(...).to_html for baselines side by side.",
        )

    def _tile(self, wish: dict[str, Any] | None, words: str) -> NDArray[np.uint8]:
        found = self._explain(wish)
        if found is None:
            picture = as_picture(self.scene.pixels(self.image)[0])
            return snapshots.captioned(np.full_like(picture, 238), words)
        sign: render.Sign = "both" if found.signed else "positive"
        if self.view == "blended":
            heat = render.overlay(found.input, found.map, OPACITY, "blended", self.colormap, self.clip, sign)
        else:
            heat = render.colorize(found.map, self.colormap, self.clip, sign)
        return snapshots.captioned(heat, words)

    def _explain(self, wish: dict[str, Any] | None) -> Explanation | None:
        if wish is None:
            return None
        try:
            return last(explained(self.scene, wish)).value
        except XaiWidgetsError:
            return None

    def _usual(self) -> list[str]:
        tree = self.scene.tree(0)
        wanted = dict.fromkeys((self.method, *USUAL))
        return [name for name in wanted if METHODS[name].valid(self.scene.model, tree) is None][:3] or [
            self.method
        ]

    def _add(self, models: Mapping[str, Model | nn.Module], checkpoints: Mapping[str, Any]) -> None:
        scene = self.scene
        found = {name: one if isinstance(one, Model) else Model(one) for name, one in models.items()}
        found |= {name: checkpoint(scene.model, source, name) for name, source in checkpoints.items()}
        for name, other in found.items():
            other.pixels(scene.picture(0))  # raises where it can't see the images
            scene.others[name] = Subject(other, scene.pictures)

    @traitlets.validate("methods")
    def _valid_methods(self, proposal: Any) -> list[str]:
        names = [find(name).name for name in dict.fromkeys(proposal.value)]
        if not 1 <= len(names) <= MOST:
            raise ParameterError(f"{len(names)} methods cannot be compared.", f"Take 1 to {MOST}.")
        return names

    @traitlets.validate("columns")
    def _valid_columns(self, proposal: Any) -> list[Any]:
        check: Callable[[Any], Any] = {
            "targets": lambda value: self.scene.checked("target", value),
            "baselines": self.scene.checked_baseline,
            "layers": lambda value: self.scene.tree(0)[value].name,
            "images": lambda value: self.scene.checked("image", value),
            "models": lambda value: value if self.scene.subject(value) else None,
        }[self.by]
        found = [check(value) for value in proposal.value]
        if len(found) > MOST:
            raise ParameterError(f"{len(found)} columns cannot be compared.", f"Take at most {MOST}.")
        return found

    @traitlets.observe("by")
    def _another_axis(self, _: Any) -> None:
        self.columns = []  # they are the other axis's
