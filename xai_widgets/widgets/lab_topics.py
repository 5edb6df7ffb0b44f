"""What the baseline lab can ask for; see `topics`."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image as Pillow

from ..anytime import Step, last
from ..errors import ParameterError, XaiWidgetsError
from ..explain.expected import Expectation, expected_gradients
from ..explain.problem import Problem
from ..explain.registry import find
from ..explain.trajectory import Trajectory, trajectory
from ..inputs import baselines, images
from ..inputs.baselines import Baseline, Distribution
from ..live import codec
from ..live.codec import Packed
from ..live.messages import failure
from ..live.session import Encoded
from ..metrics.agreement import Candidate, Comparison, compare
from ..metrics.faithfulness import Ablation, Known, ablate
from ..model.targets import ClassTarget
from ..plots import colour
from .topic import THUMBNAIL, Params, Topic, at_once, reduce_maps

if TYPE_CHECKING:
    from .scene import Scene

METHOD = "integrated_gradients"
SOURCES = ("images", "gaussian_noise", "uniform_noise")
FILLS = ("mean", "blur", "noise")
NODES = 33
"""So many points of a path are asked for."""
MOST = 8
"""The most baselines that are compared."""


# -- what is asked ------------------------------------------------------------------------------------


def problem(scene: "Scene", params: Params, baseline: Baseline | None = None) -> Problem:
    """Return the question of a wish, its baseline's pictures read."""
    pixels = scene.pixels(params["image"])
    inputs = scene.model.normalise(pixels)
    target = scene.resolved(params["image"], params["target"])
    read = baseline and baseline.prepared(lambda source: scene.model.pixels(images.load(source)))
    return Problem(scene.model, inputs, pixels, target, read, seed=params["seed"])


def own(scene: "Scene", baseline: Any) -> Baseline:
    """Return the baseline of a wish; the one of integrated gradients where it names none."""
    return scene.baseline(baseline or find(METHOD).baseline)


def sourced(scene: "Scene", params: Params) -> tuple[Distribution, list[str]]:
    """Return the references of a wish and their names: other pictures in a random order, or noise.

    Raises:
        ParameterError: there is no such source, no other picture, or the count is out of range.
    """
    source, count, image = params["source"], params["count"], params["image"]
    Distribution(count=count)  # checks it
    generator = torch.Generator().manual_seed(params["seed"])
    if source == "images":
        others = [i for i in range(len(scene.pictures)) if i != image]
        if not others:
            words = "There is no other image to average over."
            raise ParameterError(words, "Add images to the session, or take noise as the source.")
        drawn = [others[i] for i in torch.randperm(len(others), generator=generator).tolist()[:count]]
        return Distribution(tuple(scene.pixels(i) for i in drawn)), [scene.picture(i).name for i in drawn]
    if source not in SOURCES:
        words = f"References can't be taken from {source!r}."
        raise ParameterError(words, f"There are {', '.join(map(repr, SOURCES))}.")
    seeds = torch.randint(0, 2**31 - 1, (count,), generator=generator).tolist()
    drawn_noise = [scene.baseline({"name": source, "seed": seed}) for seed in seeds]
    pixels = scene.pixels(image)
    return Distribution(tuple(one.apply(pixels) for one in drawn_noise)), [one.label for one in drawn_noise]


def _baseline(scene: "Scene", params: Params) -> Baseline:
    chosen = own(scene, params["baseline"])
    return chosen.prepared(lambda source: scene.model.pixels(images.load(source)))


def _path(scene: "Scene", params: Params) -> Iterator[Step[Trajectory]]:
    def work() -> Iterator[Step[Trajectory]]:
        return trajectory(problem(scene, params, own(scene, params["baseline"])), params["nodes"])

    told = settled(scene, params)
    del told["seed"]  # nothing is drawn on the way
    return scene.kept("path", told, work)


def _references(scene: "Scene", params: Params) -> Iterator[Step[Expectation]]:
    def work() -> Iterator[Step[Expectation]]:
        distribution, labels = sourced(scene, params)
        return expected_gradients(problem(scene, params, distribution), labels)

    return scene.kept("references", params, work)


def _compare(scene: "Scene", params: Params) -> Iterator[Step[Comparison]]:
    return compare(_candidates(scene, params))


def _candidates(scene: "Scene", params: Params) -> list[Any]:
    given = params["baselines"]
    if not isinstance(given, list) or not 1 <= len(given) <= MOST:
        raise ParameterError("Baselines are compared in a list.", f"Give 1 to {MOST} of them.")
    return [_candidate(scene, params, one) for one in given]


def _candidate(scene: "Scene", params: Params, baseline: Any) -> Any:
    wish = {key: params[key] for key in ("image", "target", "seed")}
    wish |= {"layer": None, "method": METHOD, "params": {}, "baseline": baseline}
    try:
        label = scene.baseline(baseline).label
    except XaiWidgetsError:
        label = str(baseline.get("name")) if isinstance(baseline, Mapping) else str(baseline)
    return baseline, label, lambda: scene.explained(wish)


def _ablation(scene: "Scene", params: Params) -> Iterator[Step[Ablation]]:
    candidates = _candidates(scene, params)
    labels = [label for _, label, _ in candidates]

    def work() -> Iterator[Step[Ablation]]:
        return ablate(problem(scene, params), params["fill"], labels, _finished(compare(candidates)))

    return scene.kept("ablation", settled(scene, params), work)


def _finished(steps: Iterator[Step[Comparison]]) -> Iterator[Step[Known]]:
    """Keep the maps of a comparison that are as good as they get."""
    for step in steps:
        maps = [one.map if one.final else None for one in step.value.candidates]
        yield Step(maps, step.done, step.error, step.final)


# -- how it is shown ----------------------------------------------------------------------------------


def _show_baseline(scene: "Scene", params: Params, step: Step[Baseline]) -> Encoded:
    chosen, pixels = step.value, scene.pixels(params["image"])
    references = chosen.references(pixels)
    blind = baselines.blind(references, pixels)
    meta = {
        "baseline": chosen.to_json(),
        "label": chosen.label,
        "blind": float(blind.double().mean()),
        "pictures": len(references),
    }
    shown = images.shown(references.mean(dim=0))
    return Encoded(meta, (codec.pack_picture("picture", shown), codec.pack_picture("blind", blind.numpy())))


def _show_path(scene: "Scene", params: Params, step: Step[Trajectory]) -> Encoded:
    found = step.value
    maps, reduced = reduce_maps(torch.from_numpy(found.maps), sums=True)
    meta = {
        "target": {"label": found.target, "index": found.target_index},
        "baseline": found.baseline,
        "label": found.label,
        "total": found.total,
        "sum": float(found.sums[-1]),
        "gap": found.gap,
        "saturated": found.saturated,
        "blind": found.blind,
        "evaluations": len(found.nodes),
        "reduced": reduced,
        "evidence": found.evidence.to_dict(),
    }
    return Encoded(
        meta,
        (
            codec.pack_floats("nodes", found.nodes),
            codec.pack_floats("outputs", found.outputs),
            codec.pack_signed("maps", maps.numpy()),
            codec.pack_picture("picture", found.picture),
            codec.pack_picture("reference", found.reference),
        ),
    )


def _show_compare(scene: "Scene", params: Params, step: Step[Comparison]) -> Encoded:
    found = step.value
    entries = [_entry(one, number) for number, one in enumerate(found.candidates)]
    meta = {
        "target": target_of(scene, params),
        "entries": entries,
        "agreement": found.agreement,
        "complete": sum(one.final and one.failure is None for one in found.candidates),
    }
    arrays: list[Packed] = []
    for number, values in enumerate(found.maps):
        if values is not None:
            arrays.append(codec.pack_signed(f"map_{number}", values))
            arrays.append(
                codec.pack_picture(
                    f"reference_{number}", _thumbnail(scene, params["image"], entries[number]["baseline"])
                )
            )
    if found.spread is not None:
        arrays.append(codec.pack_signed("spread", found.spread))
    return Encoded(meta, (*arrays, codec.pack_floats("rank", found.rank)))


def _entry(one: Candidate, number: int) -> Params:
    entry: Params = {"baseline": one.baseline, "label": one.label, "color": colour(number)}
    entry |= {"done": one.done, "final": one.final}
    if one.failure is not None:
        return entry | {"error": failure(one.failure)}
    if one.explanation is None:
        return entry
    evidence = one.explanation.evidence
    shown = {"line": evidence.line, "worst": evidence.worst}
    return entry | {"blind": evidence["blind baseline"].figure, "evidence": shown}


def _thumbnail(scene: "Scene", image: int, baseline: Any) -> Any:
    """Return a small picture of a baseline, drawn once and not for every frame."""
    told = {"image": image, "baseline": baseline}
    return last(scene.kept("thumbnail", told, lambda: at_once(_drawn)(scene, told))).value


def _drawn(scene: "Scene", params: Params) -> Any:
    return _small(images.shown(_baseline(scene, params).apply(scene.pixels(params["image"]))[0]))


def _small(picture: Any) -> Any:
    small = Pillow.fromarray(picture)
    small.thumbnail((THUMBNAIL, THUMBNAIL), Pillow.Resampling.BILINEAR)
    return np.asarray(small)


def target_of(scene: "Scene", params: Params) -> Params:
    """Return the target of a wish for a person, and its index where it is a class."""
    target = scene.resolved(params["image"], params["target"])
    index = target.index if isinstance(target, ClassTarget) else None
    return {"label": target.label(scene.model), "index": index}


def _show_references(scene: "Scene", params: Params, step: Step[Expectation]) -> Encoded:
    found = step.value
    maps, reduced = reduce_maps(torch.from_numpy(found.maps))
    meta = {
        "target": {"label": found.target, "index": found.target_index},
        "labels": list(found.labels),
        "source": params["source"],
        "count": params["count"],
        "reduced": reduced,
        "evidence": found.evidence.to_dict(),
    }
    return Encoded(
        meta,
        (
            codec.pack_signed("maps", maps.numpy()),
            codec.pack_picture("pictures", np.stack([_small(picture) for picture in found.references])),
            codec.pack_floats("errors", found.errors),
            codec.pack_floats("gaps", found.gaps),
        ),
    )


def _show_ablation(scene: "Scene", params: Params, step: Step[Ablation]) -> Encoded:
    found = step.value
    entries = [
        {"baseline": baseline, "label": label, "area": _number(area), "color": colour(number)}
        for number, (baseline, label, area) in enumerate(
            zip(params["baselines"], found.labels, found.areas.tolist(), strict=True)
        )
    ]
    meta = {
        "target": target_of(scene, params),
        "entries": entries,
        "random_area": found.random_area,
        "fill": found.fill,
        "start": found.start,
    }
    return Encoded(
        meta,
        (
            codec.pack_floats("shares", found.shares),
            codec.pack_floats("curves", found.curves),
            codec.pack_floats("random", found.random),
            codec.pack_picture("filled", found.filled),
        ),
    )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


# -- the same wish in one form ------------------------------------------------------------------------


def settled(scene: "Scene", params: Params) -> Params:
    """Return a wish with its baselines in full, so that two wishes for the same are equal."""
    told = dict(params)
    if "baseline" in told:
        told["baseline"] = own(scene, told["baseline"]).to_json()
    if "baselines" in told:
        told["baselines"] = [_in_full(scene, one) for one in told["baselines"]]
    return told


def _in_full(scene: "Scene", baseline: Any) -> Any:
    try:
        return scene.baseline(baseline).to_json()
    except XaiWidgetsError:
        return baseline


TOPICS: dict[str, Topic] = {
    "baseline": Topic(at_once(_baseline), _show_baseline, ("image", "baseline")),
    "path": Topic(_path, _show_path, ("image", "target", "baseline", "seed", "nodes")),
    "compare": Topic(_compare, _show_compare, ("image", "target", "seed", "baselines")),
    "references": Topic(_references, _show_references, ("image", "target", "seed", "source", "count")),
    "ablation": Topic(_ablation, _show_ablation, ("image", "target", "seed", "baselines", "fill")),
}
