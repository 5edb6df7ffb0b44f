"""What a page without a kernel holds: which images, layers, methods, baselines and targets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ParameterError, UnknownLayerError, did_you_mean
from ..explain import METHODS
from ..explain.method import Method
from ..explain.registry import find
from ..inputs import baselines
from ..model.predictions import Prediction, foremost
from . import lab_topics

if TYPE_CHECKING:
    from .scene import Scene

LAYERS = 12
"""So many layers are taken where none are named, spread over the network."""
USUAL = ("black", "white", "blur")
USUAL_METHODS = ("integrated_gradients", "grad_cam", "occlusion", "gradient", "smooth_grad", "lrp_composite")
"""Recorded where no methods are named, as far as the network allows, beside the selected one."""
DISTRIBUTION = "distribution"

Params = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """One set of everything that can be scrubbed.

    A page offers each method with the parameters that it was recorded with, and each baseline and target as
    one thing of its own: the page's names are the keys here.

    Attributes:
        images: places of the images in the scene.
        layers: names, in the order in which they run.
        methods: parameters by method.
        baselines: baselines as JSON, by their names in the page.
        targets: targets as JSON, by their numbers in the page: None for the predicted class, the index of a
            class, below zero for a target that is no class.
    """

    images: tuple[int, ...]
    layers: tuple[str, ...]
    methods: Mapping[str, Params]
    baselines: Mapping[str, Params]
    targets: Mapping[int | None, Any]

    @property
    def compared(self) -> dict[str, Params]:
        """The baselines that can be held side by side: single pictures, and not too many."""
        single = [entry for entry in self.baselines.items() if entry[1]["name"] != DISTRIBUTION]
        return dict(single[: lab_topics.MOST])


def choose(
    scene: "Scene",
    images: Any = None,
    layers: Any = None,
    methods: Any = None,
    baselines: Any = None,
    targets: Any = None,
) -> Choice:
    """Return what to record; None is the usual: see `Portable.to_html`.

    Raises:
        XaiWidgetsError: something of that name does not exist, with close names; or a list is empty.
    """
    picked = _methods(scene, methods)
    return Choice(
        _images(scene, images),
        _layers(scene, layers),
        picked,
        _baselines(scene, baselines, [find(name) for name in picked]),
        _targets(scene, targets),
    )


def _many(name: str, given: Any) -> list[Any]:
    """Return a list; one alone counts as a list of one."""
    single = isinstance(given, str | Mapping) or not isinstance(given, Iterable)
    found = [given] if single else list(given)
    if not found:
        raise ParameterError(f"{name} is empty.", "Name one or more, or leave it out for the usual ones.")
    return found


def _images(scene: "Scene", given: Any) -> tuple[int, ...]:
    wanted = range(len(scene.pictures)) if given is None else _many("images", given)
    return tuple(dict.fromkeys(scene.checked("image", image) for image in wanted))


def _layers(scene: "Scene", given: Any) -> tuple[str, ...]:
    tree = scene.tree(0)
    names = [layer.name for layer in tree.viewable]

    def seen(name: str) -> str:
        layer = tree[name]
        found: str = layer.same_as or layer.name
        if found not in names:
            raise UnknownLayerError(f"{name!r} gives nothing to look at.", did_you_mean(name, names))
        return found

    if given is not None:
        return tuple(sorted({seen(name) for name in _many("layers", given)}, key=names.index))
    selected = scene.selection.layer
    needed = {seen(name) for name in (selected, tree.default_layer()) if name is not None}
    return spread(names, needed)


def spread(names: Sequence[str], needed: set[str], count: int = LAYERS) -> tuple[str, ...]:
    """Return at most `count` of the names in their order: the needed ones, and others at even distances."""
    if len(names) <= count:
        return tuple(names)
    free = count - len(needed)
    even = {names[round(i * (len(names) - 1) / max(1, free - 1))] for i in range(free)}
    return tuple(name for name in names if name in even | needed)


def _methods(scene: "Scene", given: Any) -> dict[str, Params]:
    """Return the methods with their parameters: as they are set for the selected one, else the usual ones."""
    selection = scene.selection
    if given is None:
        tree = scene.tree(0)
        usual = dict.fromkeys((*USUAL_METHODS, selection.method))
        given = [name for name in usual if METHODS[name].valid(scene.model, tree) is None]
        given = given or [selection.method]
    found = [find(name) for name in _many("methods", given)]
    own = {selection.method: selection.params}
    return {method.name: method.check(own.get(method.name, {})) for method in found}


def _baselines(scene: "Scene", given: Any, methods: Sequence[Method]) -> dict[str, Params]:
    """Return the baselines by name; what is empty stands for the methods' own, as in the selection."""
    own = [method.baseline for method in methods if "baseline" in method.needs]
    wanted = [{}, *USUAL, scene.selection.baseline] if given is None else _many("baselines", given)
    found: dict[str, Params] = {}
    for given in [one for some in wanted for one in ([some] if some else own)] if own else ():
        one = scene.checked("baseline", given)
        if one not in found.values():
            found[_name(one, found.values())] = one
    return found


def _name(baseline: Params, others: Iterable[Params]) -> str:
    """Return the page's name of a baseline; those that have parameters are numbered.

    A bare name would bring along the controls of its parameters, which the page has nothing for.
    """
    kind: str = baseline["name"]
    if len(baseline) == 1 or kind == DISTRIBUTION:
        return kind
    return f"{kind} {1 + sum(other['name'] == kind for other in others)}"


def _targets(scene: "Scene", given: Any) -> dict[int | None, Any]:
    listed = isinstance(given, Iterable) and not isinstance(given, str | Mapping)
    wanted = [scene.selection.target] if given is None else list(given) if listed else [given]
    found: dict[int | None, Any] = {None: None}
    plain = scene.model.kind in ("classification", "embedding")  # else a class is not what is predicted
    for one in wanted:
        target = scene.checked("target", one)
        if isinstance(target, dict) and target["kind"] == "class":
            target = target["index"]
        if target not in found.values():
            found[target if plain and isinstance(target, int) else -len(found)] = target
    return found


# -- how the page names them ---------------------------------------------------------------------------


def targets_of(choice: Choice, predicted: int) -> list[tuple[Any, int | None]]:
    """Return each target of an image with its number in the page; the predicted class has two."""
    others = [(value, key) for key, value in choice.targets.items() if key not in (None, predicted)]
    return [(None, None), (None, predicted), *others]


def offered(scene: "Scene", choice: Choice, image: int, found: Sequence[Prediction]) -> list[Params]:
    """Return the targets of an image as the page lists them, the predicted class first.

    What is no class has no probability.
    """
    classes = {entry.index: entry for entry in reversed(found)}

    def entry(key: int) -> Params:
        if key in classes:
            return {"index": key, "name": classes[key].name, "probability": classes[key].probability}
        target = scene.resolved(image, choice.targets[key])
        return {"index": key, "name": target.label(scene.model), "probability": None}

    first = foremost(found).index
    return [entry(first), *(entry(key) for key in choice.targets if key not in (None, first))]


def method_schemas(scene: "Scene", choice: Choice) -> list[Params]:
    """Return the methods as the page offers them: nothing of them can be set."""
    tree = scene.tree(choice.images[0])
    return [_method(scene, choice, find(name), tree) for name in choice.methods]


def _method(scene: "Scene", choice: Choice, method: Method, tree: Any) -> Params:
    own = next((key for key, value in choice.baselines.items() if value == method.baseline), None)
    first = next(iter(choice.baselines), None)
    with_values = [
        f"{param.label} {choice.methods[method.name][param.name]}{f' {param.unit}' if param.unit else ''}"
        for param in method.params
    ]
    fixed = f" Recorded with {', '.join(with_values)}." if with_values else ""
    return method.to_dict() | {
        "invalid": method.valid(scene.model, tree),
        "summary": method.summary + fixed,
        "params": [],
        "baseline": {"name": own or first} if "baseline" in method.needs else None,
    }


def baseline_schemas(scene: "Scene", choice: Choice) -> list[Params]:
    """Return the baselines as the page offers them: each is one, and its parameters are in its label."""
    return [
        {
            "name": key,
            "label": _label(scene, value),
            "summary": baselines.BASELINES[value["name"]].summary,
            "params": [],
        }
        for key, value in choice.baselines.items()
    ]


def _label(scene: "Scene", value: Params) -> str:
    if isinstance(value.get("image"), int):
        return f"picture {scene.picture(value['image']).name}"
    label = scene.baseline(value).label
    return label[0].upper() + label[1:]


def first_selection(scene: "Scene", choice: Choice) -> Params:
    """Return the selection that the page opens with: what is selected now, as far as the page holds it."""
    now = scene.selection.values()
    tree = scene.tree(0)
    layer = tree[now["layer"]].same_as or now["layer"] if now["layer"] else None
    target = next((key for key, value in choice.targets.items() if value == now["target"]), None)
    baseline = next((key for key, value in choice.baselines.items() if value == now["baseline"]), None)
    return {
        "image": choice.images.index(now["image"]) if now["image"] in choice.images else 0,
        "target": target,
        "layer": layer if layer in choice.layers else choice.layers[-1],
        "channel": now["channel"] if layer in choice.layers else None,
        "method": now["method"] if now["method"] in choice.methods else next(iter(choice.methods)),
        "params": {},
        "baseline": {"name": baseline} if baseline else {},
        "seed": now["seed"],
    }
