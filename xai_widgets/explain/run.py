"""From a network and a picture to an Explanation, at once or step by step."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from ..anytime import Step, last
from ..errors import InputError, NotValidError, ParameterError, UnknownLayerError, did_you_mean
from ..inputs import baselines, images
from ..inputs.baselines import Baseline
from ..model.handle import Model
from ..model.target import Target
from ..model.targets import ClassTarget, resolve
from ..results import Check, Explanation
from .code import code
from .evidence import judge
from .method import Method
from .problem import Problem
from .registry import find


def explain(
    model: Model | nn.Module,
    image: Any,
    method: str | Method = "integrated_gradients",
    target: int | str | Target | Mapping[str, Any] | None = None,
    baseline: Baseline | str | Mapping[str, Any] | None = None,
    layer: str | None = None,
    seed: int = 0,
    **params: Any,
) -> Explanation:
    """Explain why a network gives a target its value on a picture.

    Args:
        model: a Model, or the bare network where it takes pixels in [0, 1].
        image: a path, a PIL picture, an array `(h, w, c)` or a tensor `(c, h, w)`.
        method: a name in `METHODS`, or a `Method` of your own.
        target: a class by index or name, a Target, or None for the predicted class.
        baseline: for methods with one: of `xw.baselines`, its name, or None for the method's own.
        layer: for methods with one: its name, or None for the best one.
        seed: where random numbers start.
        params: the method's own, see `METHODS[method].params`.

    Raises:
        ParameterError: something is not known, out of range, or not used by this method.
        NotValidError: the method cannot explain this network at this layer.
        InputError, ModelError, UnknownClassError, UnknownLayerError: what their names say.

    Example:
        >>> found = explain(model, "cat.jpg", method="grad_cam", target="tabby")
        >>> found.evidence
        >>> found.save("cat.png")
    """
    return last(explain_steps(model, image, method, target, baseline, layer, seed, **params)).value


def explain_steps(
    model: Model | nn.Module,
    image: Any,
    method: str | Method = "integrated_gradients",
    target: int | str | Target | Mapping[str, Any] | None = None,
    baseline: Baseline | str | Mapping[str, Any] | None = None,
    layer: str | None = None,
    seed: int = 0,
    **params: Any,
) -> Iterator[Step[Explanation]]:
    """Explain, and yield every better answer on the way; arguments and errors as of `explain`.

    What is given is checked at once; the work is done as steps are asked for. Between two steps the model
    is as it came, and not asking for another step ends the work.
    """
    start = time.perf_counter()
    chosen = find(method)
    settings = chosen.check(params)
    _check_needs(chosen, baseline, layer, seed)
    model = model if isinstance(model, Model) else Model(model)
    picture = _picture(image)
    asked = problem_of(model, picture, target)
    reason = chosen.valid(model, model.layers(asked.inputs)) if layer is None else None
    if reason:
        raise NotValidError(reason, "model.methods() tells which methods fit, and why the others do not.")
    problem = replace(
        asked,
        baseline=_baseline(chosen, baseline, model),
        layer=_layer(chosen, layer, model, asked.inputs),
        seed=seed,
    )
    facts = _facts(chosen, problem, settings, picture)
    spent = time.perf_counter() - start
    return _steps(chosen, problem, settings, facts | {"picture": _seen_as(picture, problem.pixels)}, spent)


def problem_of(
    model: Model, image: Any, target: int | str | Target | Mapping[str, Any] | None = None
) -> Problem:
    """Return the question why a target has its value on a picture; arguments and errors as of `explain`."""
    pixels = model.pixels(_picture(image))
    inputs = model.normalise(pixels)
    read = lambda source: model.pixels(_picture(source))  # noqa: E731
    return Problem(model, inputs, pixels, resolve(target, model, inputs, read))


def _steps(
    method: Method, problem: Problem, settings: dict[str, Any], facts: dict[str, Any], spent: float
) -> Iterator[Step[Explanation]]:
    steps = method.function(problem, **settings)
    picture = facts.pop("picture")
    while True:
        start = time.perf_counter()
        step = next(steps, None)
        if step is None:
            return
        values = np.nan_to_num(step.value.values, posinf=0.0, neginf=0.0)
        evidence = judge(method, problem, step)
        evidence = replace(evidence, checks=(*evidence.checks, picture))
        spent += time.perf_counter() - start
        seed = problem.seed if step.value.random else None
        found = Explanation(values=values, seed=seed, evidence=evidence, seconds=spent, **facts)
        yield Step(found, step.done, step.error, step.final)


def _seen_as(picture: images.Picture, pixels: Tensor) -> Check:
    """Return what became of the picture before the network saw it."""
    notes = picture.seen_as(pixels).notes
    words = f"What was done to the picture: {'; '.join(notes)}." if notes else "The network saw it as it is."
    return Check("picture", "holds", None, words)


def _facts(
    method: Method, problem: Problem, settings: dict[str, Any], picture: images.Picture
) -> dict[str, Any]:
    """Return what of an Explanation is settled before any work."""
    target = problem.target
    return {
        "input": images.shown(problem.pixels[0]),
        "target": target.label(problem.model),
        "target_index": target.index if isinstance(target, ClassTarget) else None,
        "method": method.name,
        "params": settings,
        "baseline": problem.baseline.to_json() if problem.baseline else None,
        "layer": problem.layer,
        "model": problem.fingerprint,
        "signed": method.signed,
        "code": code(method, problem, settings, picture.source),
    }


def _check_needs(method: Method, baseline: Any, layer: Any, seed: Any) -> None:
    if baseline is not None and "baseline" not in method.needs:
        raise ParameterError(f"The method {method.name!r} takes no baseline.", "Leave it out.")
    if layer is not None and "layer" not in method.needs:
        raise ParameterError(f"The method {method.name!r} takes no layer.", "Leave it out.")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**63:
        raise ParameterError(f"A seed is a whole number from 0 on, not {seed!r}.")


def _baseline(method: Method, given: Any, model: Model) -> Baseline | None:
    found = baselines.resolve(method.baseline if given is None else given)
    return found.prepared(lambda source: model.pixels(_picture(source))) if found else None


def _layer(method: Method, given: str | None, model: Model, inputs: Tensor) -> str | None:
    if "layer" not in method.needs:
        return None
    tree = model.layers(inputs)
    if given is not None and not isinstance(given, str):
        words = f"A layer is given by its name, not as a {type(given).__name__}."
        raise UnknownLayerError(words, did_you_mean("", [layer.name for layer in tree.viewable]))
    name: str = tree.default_cam() if given is None else tree[given].name
    return name


def _picture(image: Any) -> images.Picture:
    found = images.load_all(image)
    if len(found) != 1:
        raise InputError(f"One picture is explained at a time, not {len(found)}.", "Take them one by one.")
    return found[0]
