"""What stands in the cells of a comparison: methods in the rows, what differs in the columns."""

import random
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import ParameterError, did_you_mean
from ..explain import METHODS
from ..explain.method import Method
from ..explain.registry import find
from ..metrics.randomisation import EDGES
from ..model.predictions import foremost
from ..model.targets import ClassTarget, told
from .choice import spread

if TYPE_CHECKING:
    from .scene import Scene
    from .subject import Subject

MOST = 8
"""The most rows, and the most columns."""
USUAL = ("integrated_gradients", "grad_cam", "occlusion")
LAYERS, TARGETS, IMAGES = 4, 3, 5
"""So many columns where none are named."""

Params = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        value: what it stands for, as JSON: a target, a baseline, a layer, an image, the name of a model.
        label: for a person.
        detail: what else is to be said of it, such as the class that a model predicts.
        change: what its cells ask for otherwise than the selection.
        control: "randomised" or "edges" where it is none of what is compared.
    """

    value: Any
    label: str
    detail: str = ""
    change: Params = field(default_factory=dict)
    control: str | None = None


@dataclass(frozen=True)
class Cell:
    """A cell: the params of topic "cell", or why there is nothing."""

    wish: Params | None
    says: str = ""


@dataclass(frozen=True)
class Grid:
    """All of it; `letters` hides what the columns are until that is revealed, "" where nothing is hidden."""

    rows: tuple[str, ...]
    columns: tuple[Column, ...]
    cells: tuple[tuple[Cell, ...], ...]
    letters: str = ""


# -- the columns --------------------------------------------------------------------------------------


def _targets(scene: "Scene", asked: Params, given: Sequence[Any]) -> list[Column]:
    found = scene.predictions(asked["image"])
    chances = {entry.index: f"{entry.probability:.0%}" for entry in found}

    def column(value: Any) -> Column:
        target = scene.resolved(asked["image"], value)
        detail = chances.get(target.index, "") if isinstance(target, ClassTarget) else ""
        return Column(value, target.label(scene.model), detail, {"target": value})

    usual: list[Any] = [told(entry, scene.model.kind) for entry in found[:TARGETS]]
    return [column(value) for value in given or usual or [None]]


def _baselines(scene: "Scene", asked: Params, given: Sequence[Any]) -> list[Column]:
    def column(value: Any) -> Column:
        baseline = scene.baseline(value)
        label = baseline.label[0].upper() + baseline.label[1:]
        return Column(baseline.to_json(), label, "", {"baseline": baseline.to_json()})

    return [column(value) for value in given or ["black", "white", "blur"]]


def _layers(scene: "Scene", asked: Params, given: Sequence[Any]) -> list[Column]:
    tree = scene.tree(asked["image"])
    picture = tuple(scene.inputs(asked["image"]).shape[1:])
    usual = [layer.name for layer in tree.viewable if layer.grid and layer.shape != picture]
    known = {layer.name: layer for layer in tree.viewable}
    wanted = given or spread(usual, {tree.default_cam()}, LAYERS)

    def column(name: str) -> Column:
        layer = known.get(name, tree[name])
        return Column(name, name, " × ".join(map(str, layer.shape)), {"layer": name})

    return [column(name) for name in wanted]


def _images(scene: "Scene", asked: Params, given: Sequence[Any]) -> list[Column]:
    def column(image: int) -> Column:
        return Column(image, scene.picture(image).name, _predicted(scene, image), {"image": image})

    return [column(image) for image in given or range(len(scene.pictures))[:IMAGES]]


def _models(scene: "Scene", asked: Params, given: Sequence[Any]) -> list[Column]:
    def column(name: str | None) -> Column:
        subject = scene.subject(name)
        detail = _predicted(subject, asked["image"])
        target = same_target(scene, subject, asked["image"], asked["target"])
        return Column(name, name or scene.model.name, detail, {"model": name, "target": target})

    return [column(name) for name in given or [None, *scene.others]]


AXES: Mapping[str, Callable[["Scene", Params, Sequence[Any]], list[Column]]] = {
    "targets": _targets,
    "baselines": _baselines,
    "layers": _layers,
    "images": _images,
    "models": _models,
}


def _predicted(subject: "Subject", image: int) -> str:
    found = subject.predictions(image)
    return f"{found[0].name} {found[0].probability:.0%}" if found else ""


def same_target(scene: "Scene", subject: "Subject", image: int, target: Any) -> Any:
    """Return the target of the scene's model as another model knows it.

    A class is found by its name, by its index where there are as many classes without names; else the other
    model's own prediction is explained.
    """
    if subject is scene:
        return target
    if target is None:
        target = told(foremost(scene.predictions(image)), scene.model.kind)
    if not isinstance(target, int):
        return target
    mine, theirs = scene.model.classes, subject.model.classes
    if mine and theirs:
        name = mine[target]
        return list(theirs).index(name) if name in theirs else None
    counts = [len(one.predictions(image)) for one in (scene, subject)]
    return target if counts[0] == counts[1] else None


# -- the cells ----------------------------------------------------------------------------------------


def check_axis(name: str) -> str:
    """Return what columns may stand for; ParameterError with close names where there is no such thing."""
    if name not in AXES:
        raise ParameterError(f"Methods can't be compared by {name!r}.", did_you_mean(str(name), AXES))
    return name


def laid_out(scene: "Scene", asked: Params) -> Grid:
    """Return the grid that a wish for topic "grid" describes.

    Args:
        scene: the scene.
        asked: image, target, layer, method, params, baseline, seed as selected; `methods` of the rows;
            `by`, what the columns stand for; `columns`, their values, the usual ones where there are none;
            `blind`, the number of a trial in which the columns are shuffled, with two controls among them.

    Raises:
        ParameterError: too many rows or columns, or one that does not exist.
    """
    methods = [find(name) for name in asked["methods"]]
    columns = AXES[check_axis(asked["by"])](scene, asked, asked["columns"])
    for name, count in (("methods", len(methods)), ("columns", len(columns))):
        if not 1 <= count <= MOST:
            raise ParameterError(f"{count} {name} cannot be compared.", f"Take 1 to {MOST}.")
    letters = ""
    if asked["blind"]:
        columns = _with_controls(scene, asked, columns)
        random.Random(asked["blind"]).shuffle(columns)
        letters = string.ascii_uppercase[: len(columns)]
    cell = partial(_cell, scene, asked, columns)
    rows = tuple(tuple(cell(method.name, number) for number in range(len(columns))) for method in methods)
    return Grid(tuple(method.name for method in methods), tuple(columns), rows, letters)


def _with_controls(scene: "Scene", asked: Params, columns: list[Column]) -> list[Column]:
    """Add what no explanation should look like; both show what the first column shows.

    Of a class the shuffled network is asked for its own: what it never says has no gradient behind a last
    ReLU, and a black map tells itself.
    """
    first = columns[0]
    target = first.change.get("target", asked["target"])
    change = first.change | {"target": target if isinstance(target, dict) else None}
    return [
        *columns,
        replace(first, label="Weights shuffled", change=change, control="randomised", value=None, detail=""),
        replace(first, label=EDGES.label, control="edges", value=None, detail=""),
    ]


def _cell(scene: "Scene", asked: Params, columns: Sequence[Column], name: str, number: int) -> Cell:
    column, method = columns[number], METHODS[name]
    says = "" if column.control == "edges" else _refusal(scene, asked, column, method)
    says = says or ("" if number == 0 or asked["blind"] else _idle(asked["by"], method))
    return Cell(None, says) if says else Cell(_wish(scene, asked, column, method))


def _refusal(scene: "Scene", asked: Params, column: Column, method: Method) -> str:
    shown: Params = {"model": None, "image": asked["image"]} | column.change
    subject = scene.subject(shown["model"])
    return method.valid(subject.model, subject.tree(shown["image"])) or ""


def _idle(by: str, method: Method) -> str:
    """Say that a column is the first one once more, where the method does not take what differs."""
    takes = {"baselines": "baseline", "layers": "layer"}.get(by)
    return f"Takes no {takes}: as in the first column." if takes and takes not in method.needs else ""


def _wish(scene: "Scene", asked: Params, column: Column, method: Method) -> Params:
    kept = ("image", "target", "layer", "baseline", "seed")
    wish: Params = {key: asked[key] for key in kept} | column.change
    own = asked["params"] if method.name == asked["method"] else {}
    wish |= {"method": method.name, "params": method.check(own)}
    model: str | None = column.change.get("model")
    wish |= {"model": model, "control": column.control}
    tree = scene.subject(model).tree(wish["image"])
    known = "layer" in method.needs and wish["layer"] in tree
    return wish | {
        "layer": wish["layer"] if known else None,  # the method's own choice in a model that has none like it
        "baseline": (wish["baseline"] or method.baseline) if "baseline" in method.needs else None,
    }
