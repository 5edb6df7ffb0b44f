"""What a view can ask for: each topic is some work and how its steps become frames."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..anytime import Step
from ..errors import ParameterError, did_you_mean
from ..explain import explain_steps
from ..explain.registry import find
from ..inputs import images
from ..live import codec
from ..live.session import Encoded, Wish
from ..model.layers import as_maps
from ..model.predictions import Prediction
from ..model.targets import told
from ..results import Explanation
from . import compare_topics, feature_topics, lab_topics, sweep_topics
from .topic import THUMBNAIL, WISH, Params, Topic, at_once, reduce_maps, show_explanation

if TYPE_CHECKING:
    from .scene import Scene
    from .subject import Subject

MOST = 20
"""So many predictions are sent."""


def wish(scene: "Scene", topic: str, params: Params) -> Wish:
    """Return what the session needs to answer a topic.

    Raises:
        ParameterError: there is no such topic, or the wish leaves out what it must say.
    """
    name = topic.partition(":")[0]  # "cell:3" is one of several that are asked for side by side
    if name not in TOPICS:
        raise ParameterError(f"No topic is called {name!r}.", did_you_mean(name, TOPICS))
    known = TOPICS[name]
    missing = [key for key in known.needs if key not in params]
    if missing:
        raise ParameterError(
            f"A wish for {topic!r} lacks {', '.join(map(repr, missing))}.", "Reload the page."
        )
    return Wish(
        topic,
        params,
        lambda: known.work(scene, params),
        lambda step: known.encode(scene, params, step),
        lambda step: scene.notify(name, params, step),
    )


def settled(subject: "Subject", params: Params) -> Params:
    """Return a wish for an attribution in full: defaults filled in, what the method does not use left out.

    Two wishes for the same explanation are equal after this, whoever made them.

    Raises:
        ParameterError: the method, the baseline or a parameter does not exist or is out of range.
    """
    method = find(params["method"])
    baseline = params["baseline"] or method.baseline if "baseline" in method.needs else None
    return {
        "image": params["image"],
        "target": params["target"],
        "layer": params["layer"] if "layer" in method.needs else None,
        "method": method.name,
        "params": method.check(params["params"]),
        "baseline": subject.baseline(baseline).to_json() if baseline else None,
        "seed": params["seed"],
    }


def explain(subject: "Subject", wish: Params) -> Iterator[Step[Explanation]]:
    """Run the method that a settled wish names, on pixels that are read and resized already."""
    image, target = wish["image"], wish["target"]
    return explain_steps(
        subject.model,
        subject.ready(image),
        method=wish["method"],
        target=subject.target(image, target),
        layer=wish["layer"],
        baseline=subject.baseline(wish["baseline"]) if wish["baseline"] else None,
        seed=wish["seed"],
        **wish["params"],
    )


def record_bytes(record: dict[str, torch.Tensor]) -> int:
    """Return what the activations of all layers hold, in bytes."""
    return sum(tensor.nbytes for tensor in record.values())


def result_bytes(result: Any) -> int:
    """Return what the arrays of a result hold, in bytes."""
    parts = [result] if isinstance(result, np.ndarray) else vars(result).values()
    return sum(part.nbytes for part in parts if isinstance(part, np.ndarray))


# -- each topic: what is worked out, and how it is shown ----------------------------------------------


def _thumbnails(scene: "Scene", params: Params) -> list[Any]:
    return [picture.thumbnail(THUMBNAIL) for picture in scene.pictures]


def _show_thumbnails(scene: "Scene", params: Params, step: Step[Any]) -> Encoded:
    return Encoded({}, tuple(codec.pack_picture(str(i), small) for i, small in enumerate(step.value)))


def _show_input(scene: "Scene", params: Params, step: Step[Any]) -> Encoded:
    picture = scene.picture(params["image"])
    meta = {
        "name": picture.name,
        "width": picture.size[0],
        "height": picture.size[1],
        "notes": list(picture.notes),
    }
    return Encoded(meta, (codec.pack_picture("picture", images.shown(step.value[0])),))


def _show_layers(scene: "Scene", params: Params, step: Step[Any]) -> Encoded:
    return Encoded({"layers": [layer.to_dict() for layer in step.value.viewable]})


def _maps(scene: "Scene", params: Params) -> torch.Tensor:
    return scene.record(params["image"])[scene.layer(params["image"], params["layer"]).name]


def _show_maps(scene: "Scene", params: Params, step: Step[Any]) -> Encoded:
    layer = scene.layer(params["image"], params["layer"])
    meta: Params = {"layer": layer.name, "view": layer.view, "shape": list(layer.shape), "grid": layer.grid}
    if layer.view == "vector":
        return Encoded(meta | {"reduced": 1}, (codec.pack_floats("values", step.value.flatten().numpy()),))
    maps = as_maps(step.value, layer)[0]
    flat = maps.flatten(1)
    stats = {"mean": flat.mean(1), "max": flat.amax(1), "variance": flat.var(1, unbiased=False)}
    small, reduced = reduce_maps(maps)
    return Encoded(
        meta | {"reduced": reduced},
        (
            codec.pack_maps("maps", small.numpy()),
            *(codec.pack_floats(name, values.numpy()) for name, values in stats.items()),
        ),
    )


def _scores(scene: "Scene", params: Params) -> torch.Tensor:
    layer = scene.layer(params["image"], params["layer"])
    inputs = scene.inputs(params["image"])
    target = scene.resolved(params["image"], params["target"])
    _, activation, gradient = scene.model.layer_gradients(inputs, target, layer.name)
    return as_maps(activation * gradient, layer)[0].flatten(1).sum(1)


def _show_scores(scene: "Scene", params: Params, step: Step[Any]) -> Encoded:
    return Encoded({"layer": params["layer"]}, (codec.pack_floats("scores", step.value.numpy()),))


def _predictions(scene: "Scene", params: Params) -> list[Prediction]:
    return scene.predictions(params["image"])


def _show_predictions(scene: "Scene", params: Params, step: Step[Any]) -> Encoded:
    kind = scene.model.kind
    return Encoded({"top": [asdict(one) | {"target": told(one, kind)} for one in step.value[:MOST]]})


TOPICS: dict[str, Topic] = {
    "thumbnails": Topic(at_once(_thumbnails), _show_thumbnails),
    "input": Topic(at_once(lambda scene, params: scene.pixels(params["image"])), _show_input, ("image",)),
    "layers": Topic(at_once(lambda scene, params: scene.tree(params["image"])), _show_layers, ("image",)),
    "maps": Topic(at_once(_maps), _show_maps, ("image", "layer")),
    "scores": Topic(at_once(_scores), _show_scores, ("image", "layer", "target")),
    "predictions": Topic(at_once(_predictions), _show_predictions, ("image",)),
    "attribution": Topic(lambda scene, params: scene.explained(params), show_explanation, WISH),
    **lab_topics.TOPICS,
    **compare_topics.TOPICS,
    **feature_topics.TOPICS,
    **sweep_topics.TOPICS,
}
