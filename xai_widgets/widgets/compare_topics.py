"""What a comparison can ask for; see `topics`.

The browser asks for the "grid", which says what every cell must ask for, then for the cells that can be seen,
each on a line of its own ("cell:0", "cell:1", …), and for the "agreement" of those that are there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..anytime import Step
from ..errors import ParameterError
from ..explain import explain_steps
from ..inputs.images import shown as as_picture
from ..live import codec
from ..live.session import Encoded
from ..metrics.parting import Parting, parting
from ..metrics.randomisation import EDGES
from ..metrics.similarity import MEASURES, Agreement, agreement
from ..results import Explanation
from .grid import MOST, Grid, laid_out
from .topic import WISH, Params, Topic, at_once, show_explanation

if TYPE_CHECKING:
    from .scene import Scene


def explained(scene: "Scene", cell: Params) -> Iterator[Step[Explanation]]:
    """Explain what a cell asks for: as the attribution view does, by another model, or by a control."""
    subject = scene.subject(cell["model"])
    if cell["control"] == "edges":
        target = subject.target(cell["image"], cell["target"])
        return explain_steps(subject.model, subject.ready(cell["image"]), EDGES, target=target)
    if cell["control"] is not None:
        subject = subject.shuffled
    return subject.explained({key: cell[key] for key in WISH})


@dataclass(frozen=True, eq=False)
class _Together:
    """The agreement of cells, None until all of them are worked out."""

    found: Agreement | None = None


def _agreement(scene: "Scene", params: Params) -> Iterator[Step[_Together]]:
    cells = params["cells"]
    if not isinstance(cells, list) or not 1 <= len(cells) <= MOST + 2:
        raise ParameterError("The agreement of cells needs a list of them.", "Reload the page.")
    maps, waiting = [], _Together()
    for number, cell in enumerate(cells):
        for step in explained(scene, cell):
            if step.final:
                maps.append(step.value.map)
            elif step.done < 1:
                yield Step(waiting, (number + step.done) / (len(cells) + 1), None, False)
    yield Step(_Together(agreement(maps)), 1.0, None, True)


def _picture(scene: "Scene", params: Params) -> Any:
    return as_picture(scene.subject(params["model"]).pixels(params["image"])[0])


def _parting(scene: "Scene", params: Params) -> Parting:
    one, other = (scene.subject(params[key]) for key in ("one", "other"))
    image = params["image"]
    return parting(one.model, other.model, one.inputs(image), other.inputs(image))


# -- how it is shown ----------------------------------------------------------------------------------


def _show_grid(scene: "Scene", params: Params, step: Step[Grid]) -> Encoded:
    grid = step.value
    columns = [
        {"value": one.value, "label": one.label, "detail": one.detail, "control": one.control}
        for one in grid.columns
    ]
    cells = [[{"wish": cell.wish, "says": cell.says} for cell in row] for row in grid.cells]
    return Encoded({"rows": list(grid.rows), "columns": columns, "cells": cells, "letters": grid.letters})


def _show_picture(scene: "Scene", params: Params, step: Step[Any]) -> Encoded:
    name = scene.picture(params["image"]).name
    return Encoded({"name": name}, (codec.pack_picture("picture", step.value),))


def _show_agreement(scene: "Scene", params: Params, step: Step[_Together]) -> Encoded:
    found = step.value.found
    if found is None:
        return Encoded({"size": None})
    matrices = [codec.pack_floats(name, matrix) for name, matrix in found.matrices.items()]
    means = {name: found.mean(name) for name in MEASURES}
    spread = codec.pack_signed("spread", found.spread)
    return Encoded({"size": list(found.size), "means": means}, (spread, *matrices))


def _show_parting(scene: "Scene", params: Params, step: Step[Parting]) -> Encoded:
    found = step.value
    meta = {"layers": list(found.layers), "at": found.at, "why": found.why}
    return Encoded(meta, (codec.pack_floats("similarity", found.similarity),))


_GRID = (
    "image",
    "target",
    "layer",
    "method",
    "params",
    "baseline",
    "seed",
    "methods",
    "by",
    "columns",
    "blind",
)

TOPICS: dict[str, Topic] = {
    "grid": Topic(at_once(laid_out), _show_grid, _GRID),
    "cell": Topic(explained, show_explanation, (*WISH, "model", "control")),
    "picture": Topic(at_once(_picture), _show_picture, ("image", "model")),
    "agreement": Topic(_agreement, _show_agreement, ("cells",)),
    "parting": Topic(at_once(_parting), _show_parting, ("image", "one", "other")),
}
