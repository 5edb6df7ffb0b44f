"""What may be wished next, the likeliest first: worked out and sent while nothing else is to be done."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..explain import METHODS, Method
from ..live.session import Wish
from . import topics
from .topic import MAP_BYTES

if TYPE_CHECKING:
    from .scene import Scene

MAPS_BYTES = 64 * 2**20
"""The most bytes of feature maps that are sent before anybody asks for them."""
LAYERS = 3
"""So many layers to each side are explained ahead, where the method looks at one."""
CLASSES = 2
"""So many classes after the first one are explained ahead."""
QUICK = 4
"""So many other methods are tried ahead, those that stand nearest in the list."""

Params = dict[str, Any]


def after_maps(scene: "Scene", params: Params) -> Iterator[Wish]:
    """Yield the wishes for the maps of the other layers, the nearest first, as long as they fit."""
    spent = 0
    for layer in _nearest(scene, params):
        spent += min(MAP_BYTES, int(np.prod(layer.shape)))
        if spent > MAPS_BYTES:
            return
        if layer.name != params["layer"]:
            yield topics.wish(scene, "maps", params | {"layer": layer.name})


def after_input(scene: "Scene", params: Params) -> Iterator[Wish]:
    """Yield what the panels ask first of the next and the previous image."""
    layer = scene.selection.layer
    for image in _beside(scene, params["image"]):
        yield topics.wish(scene, "input", {"image": image})
        yield topics.wish(scene, "predictions", {"image": image})
        yield topics.wish(scene, "maps", {"image": image, "layer": layer})


def after_attribution(scene: "Scene", params: Params) -> Iterator[Wish]:
    """Yield explanations at the layers beside, for the next classes, by quick methods, of the next image."""
    for changed in _turns(scene, params):
        yield topics.wish(scene, "attribution", params | changed)


AFTER: Mapping[str, Callable[["Scene", Params], Iterable[Wish]]] = {
    "maps": after_maps,
    "input": after_input,
    "attribution": after_attribution,
}


def _turns(scene: "Scene", params: Params) -> Iterator[Params]:
    """Yield what a person may change next, and to what."""
    method = METHODS[params["method"]]
    if "layer" in method.needs and params["layer"] is not None:
        near = [layer.name for layer in _nearest(scene, params) if layer.grid]
        yield from ({"layer": name} for name in near[1 : 2 * LAYERS + 1])
    if params["target"] is None or isinstance(params["target"], int):
        best = [entry.index for entry in scene.predictions(params["image"])[: CLASSES + 1]]
        yield from ({"target": index} for index in best if index != params["target"])
    listed = list(METHODS.values())
    here = listed.index(method)
    near_by = sorted(listed, key=lambda other: abs(listed.index(other) - here))
    quick = [other for other in near_by if other is not method and _quick(scene, other)]
    yield from (_by(scene, params, other) for other in quick[:QUICK])
    yield from ({"image": image} for image in _beside(scene, params["image"])[:1])


def _by(scene: "Scene", params: Params, method: Method) -> Params:
    layer = scene.selection.layer if "layer" in method.needs else None
    return {"method": method.name, "params": {}, "baseline": None, "layer": layer}


def _quick(scene: "Scene", method: Method) -> bool:
    """Whether a method is done in one step: it has nothing that could be more or less, and no baseline."""
    alone = not method.params and "baseline" not in method.needs
    return alone and method.valid(scene.model, scene.tree(scene.selection.image)) is None


def _nearest(scene: "Scene", params: Params) -> list[Any]:
    """Return the layers that can be looked at, by their distance from the wished one."""
    layers = list(scene.tree(params["image"]).viewable)
    names = [layer.name for layer in layers]
    here = names.index(params["layer"]) if params["layer"] in names else 0
    return [layers[i] for i in sorted(range(len(layers)), key=lambda i: abs(i - here))]


def _beside(scene: "Scene", image: int) -> list[int]:
    return [other for other in (image + 1, image - 1) if 0 <= other < len(scene.pictures)]
