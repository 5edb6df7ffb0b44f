"""What the sweep can ask for: maps at every layer or by several methods, and their worth; see `topics`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..anytime import Step
from ..errors import ParameterError
from ..explain.registry import METHODS
from ..inputs import images
from ..live import codec
from ..live.codec import Packed
from ..live.session import Encoded
from ..metrics.insertion import Faithfulness, faithfulness_steps
from ..metrics.ranking import FIRST_LOOK, Entry, Judged, Ranking, check_layered, rank, spatial
from ..model.predictions import foremost
from ..model.targets import told
from ..results import Explanation
from .lab_topics import problem, target_of
from .topic import Params, Topic, reduce_maps

if TYPE_CHECKING:
    from .scene import Scene

DISTRIBUTION = "distribution"
MAP_VALUES = 2**14
"""The most values of one map: a thumbnail needs no more."""


# -- what is asked ------------------------------------------------------------------------------------


def _which_layer(scene: "Scene", params: Params) -> Iterator[Step[Ranking]]:
    check_layered(params["method"])
    wish = {key: value for key, value in params.items() if key != "fill"}

    def at(name: str) -> Iterator[Step[Explanation]]:
        return scene.explained(wish | {"layer": name})

    names = spatial(scene.tree(params["image"]))
    return rank("layer", names, at, _judged(scene, params), params["fill"])


def _which_method(scene: "Scene", params: Params) -> Iterator[Step[Ranking]]:
    """Each with its usual parameters, so that what is selected here is on the screen at once."""
    wish = {key: value for key, value in params.items() if key != "fill"}

    def by(name: str) -> Iterator[Step[Explanation]]:
        method = METHODS[name]
        reason = method.valid(scene.model, scene.tree(params["image"]))
        if reason:
            raise ParameterError(reason, "")
        given = params["baseline"] or {}
        fits = given.get("name") != DISTRIBUTION or DISTRIBUTION in method.needs
        return scene.explained(wish | {"method": name, "params": {}, "baseline": given if fits else None})

    return rank("method", FIRST_LOOK, by, _judged(scene, params), params["fill"])


def _judged(scene: "Scene", params: Params) -> Judged:
    """Return what holds an explanation against the network, once for each."""
    aimed = _aimed(scene, params)

    def judged(found: Explanation) -> Iterator[Step[Faithfulness]]:
        told = {key: aimed[key] for key in ("image", "target", "seed", "fill")}
        told |= {key: getattr(found, key) for key in ("method", "params", "baseline", "layer")}
        return scene.kept(
            "faithfulness", told, lambda: faithfulness_steps(problem(scene, aimed), found.map, params["fill"])
        )

    return judged


def _aimed(scene: "Scene", params: Params) -> Params:
    """Return a wish with its target named, so that the network isn't asked for it again and again."""
    if params["target"] is not None:
        return params
    return params | {"target": told(foremost(scene.predictions(params["image"])), scene.model.kind)}


# -- how it is shown ----------------------------------------------------------------------------------


def _show(scene: "Scene", params: Params, step: Step[Ranking]) -> Encoded:
    found = step.value
    best = found.best
    meta: Params = {
        "target": target_of(scene, _aimed(scene, params)),
        "best": best.name if best else None,
        "reason": found.reason if best else "",
        "entries": [_entry(entry) for entry in found.entries],
    }
    there = [entry.explanation for entry in found.entries if entry.explanation]
    if not there:
        return Encoded(meta)
    return Encoded(
        meta, _pictures([one.map for one in there], images.shown(scene.pixels(params["image"])[0]))
    )


def _entry(entry: Entry) -> Params:
    return {
        "name": entry.name,
        "there": entry.explanation is not None,
        "signed": entry.explanation is None or entry.explanation.signed,
        "score": entry.score if entry.faithfulness else None,
        "failure": entry.failure,
    }


def _pictures(maps: list[Any], picture: Any) -> tuple[Packed, Packed]:
    """Return maps and picture, both as small as thumbnails need them, of one size."""
    small, _ = reduce_maps(torch.from_numpy(np.stack(maps)), MAP_VALUES * len(maps))
    height, width = small.shape[1:]
    colours = torch.from_numpy(picture).permute(2, 0, 1).float()
    seen = torch.nn.functional.adaptive_avg_pool2d(colours, (height, width)).permute(1, 2, 0)
    return codec.pack_maps("maps", small.numpy()), codec.pack_picture("picture", seen.byte().numpy())


TOPICS: dict[str, Topic] = {
    "which_layer": Topic(
        _which_layer, _show, ("image", "target", "method", "params", "baseline", "seed", "fill")
    ),
    "which_method": Topic(_which_method, _show, ("image", "target", "layer", "baseline", "seed", "fill")),
}
