"""What the panel of feature visualisation can ask for; see `topics`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from PIL import Image as Pillow

from ..anytime import Step
from ..concepts.examples import Examples, most_exciting_steps
from ..concepts.features import Climb, Visualization
from ..errors import ParameterError, did_you_mean
from ..live import codec
from ..live.cache import ByteCache
from ..live.messages import canonical
from ..live.session import Encoded
from ..model.targets import Channel, Neuron
from .topic import THUMBNAIL, Params, Topic

if TYPE_CHECKING:
    from .scene import Scene

UNITS = ("channel", "neuron", "class")
IMAGES = -1
"""The source of examples that is the scene's own images."""
KEPT = 64 * 2**20
"""So many bytes of climbs that were left are kept for each scene."""

_climbs: "WeakKeyDictionary[Scene, ByteCache[Climb]]" = WeakKeyDictionary()
_sources: "WeakKeyDictionary[Scene, list[Any]]" = WeakKeyDictionary()


def offer(scene: "Scene", pictures: Any) -> int:
    """Keep pictures as a source of examples, and return its number; None stands for the scene's images."""
    if pictures is None:
        return IMAGES
    known = _sources.setdefault(scene, [])
    known.append(pictures)
    return len(known) - 1


def settled(params: Params) -> Params:
    """Return what a wish is about: without what its unit does not use, and without how far to go."""
    about = ("image", "target") if params["unit"] == "class" else ("layer", "channel")
    rest = {key: params[key] for key in ("settings", "seed", "source", "count") if key in params}
    return {"unit": params["unit"]} | {key: params[key] for key in about} | rest


def target_of(scene: "Scene", params: Params) -> Any:
    """Return the target of a wish.

    Raises:
        ParameterError, UnknownLayerError: there is no such unit.
    """
    unit = params["unit"]
    if unit == "class":
        return scene.target(params["image"], params["target"])
    layer = scene.layer(0, params["layer"])
    if unit == "channel":
        return Channel(layer.name, params["channel"])
    if unit == "neuron":
        middle = None if layer.grid is None else (layer.grid[0] // 2, layer.grid[1] // 2)
        return Neuron(layer.name, params["channel"], middle)
    raise ParameterError(f"There is no unit {unit!r}.", did_you_mean(str(unit), UNITS))


def climb(scene: "Scene", params: Params) -> Climb:
    """Return the climb of a wish where it was left, or from its beginning where it has gone too far."""
    if scene not in _climbs:
        _climbs[scene] = ByteCache(KEPT, lambda kept: 4 * kept.ascent.canvas.parameter.nbytes)
        scene.on_refresh(lambda: _climbs[scene].drop_where(lambda _: True))
    kept, key = _climbs[scene], canonical(settled(params))
    found = kept.get(key)
    if found is None or found.ascent.iterations > params["until"]:
        height, width = scene.pixels(0).shape[-2:]
        found = Climb.begun(
            scene.model, target_of(scene, params), params["settings"], params["seed"], (height, width)
        )
        kept.put(key, found)
    return found


def _feature(scene: "Scene", params: Params) -> Iterator[Step[Visualization]]:
    return climb(scene, params).steps(params["until"])


def _examples(scene: "Scene", params: Params) -> Iterator[Step[Examples]]:
    source = params["source"]
    pictures = scene.pictures if source == IMAGES else _sources[scene][source]
    return most_exciting_steps(scene.model, target_of(scene, params), pictures, params["count"])


def _show_feature(scene: "Scene", params: Params, step: Step[Visualization]) -> Encoded:
    found = step.value
    meta = {
        "label": found.target,
        "iterations": found.iterations,
        "scores": found.scores.tolist(),
        "evidence": found.evidence.to_dict(),
    }
    history = codec.pack_floats("history", found.history.mean(axis=1))
    return Encoded(meta, (codec.pack_picture("pictures", found.pictures), history))


def _show_examples(scene: "Scene", params: Params, step: Step[Examples]) -> Encoded:
    found = step.value
    entries = [{"name": one.name, "score": one.score, "box": one.box} for one in found.examples]
    meta = {
        "label": found.target,
        "entries": entries,
        "seen": found.seen,
        "total": found.total,
        "skipped": len(found.skipped),
        "meaning": found.meaning,
    }
    pictures = [
        codec.pack_picture(f"example_{i}", _small(one.picture)) for i, one in enumerate(found.examples)
    ]
    return Encoded(meta, tuple(pictures))


def _small(picture: Any) -> Any:
    small = Pillow.fromarray(picture)
    small.thumbnail((THUMBNAIL * 2, THUMBNAIL * 2), Pillow.Resampling.BILINEAR)
    return np.asarray(small)


_UNIT = ("unit", "image", "target", "layer", "channel")

TOPICS: dict[str, Topic] = {
    "feature": Topic(_feature, _show_feature, (*_UNIT, "settings", "seed", "until")),
    "examples": Topic(_examples, _show_examples, (*_UNIT, "source", "count")),
}
