"""Methods that tell what passes through a layer on the way from the baseline, and what moves a unit."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Annotated

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..anytime import Step
from ..errors import ParameterError
from ..model.layers import as_maps
from ..model.targets import Channel
from ..parameters import Range
from ..results import Check
from .cam import checked_layer, why_not
from .method import Method
from .problem import Floats, Problem, Steps, attribution
from .walks import Node, Nodes, Walk, trapezoid, walked

Unit = Annotated[
    int, Range(-1, 4095, step=1, label="channel", help="Of the layer; -1 takes the most active one.")
]


class _Inside:
    """A layer, while the picture comes from its baseline."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        tree = problem.model.layers(problem.inputs)
        self.layer = checked_layer(tree, problem.layer or tree.default_cam())
        self._start = problem.reference()
        self._way = problem.inputs - self._start

    def along(self, shares: list[float]) -> list[Node]:
        """Return what the layer gives for pictures on the straight way, and the target's gradients by it."""
        places = torch.cat([self._start + share * self._way for share in shares])
        model, target = self.problem.model, self.problem.target
        outputs, given, slopes = model.layer_gradients(places, target, self.layer.name)
        return _nodes(shares, given, outputs, slopes)

    def between(self) -> Callable[[list[float]], list[Node]]:
        """Return what asks on the straight way between what the layer gives for baseline and picture."""
        model, problem = self.problem.model, self.problem
        # No gradient is asked for the ends: one forward pass each tells what the layer gives.
        start, end = (model.record(x)[self.layer.name] for x in (self._start, problem.inputs))

        def ask(shares: list[float]) -> list[Node]:
            places = torch.cat([start + share * (end - start) for share in shares])
            name = self.layer.name
            outputs, slopes = model.at_layer(problem.inputs, problem.target, name, places, gradients=True)
            assert slopes is not None
            return _nodes(shares, places, outputs, slopes)

        return ask

    def shown(self, values: Floats) -> Floats:
        """Return a layer's values as a map `(h, w)` of the input's size with the same sum."""
        maps = as_maps(torch.from_numpy(values)[None].float(), self.layer).sum(dim=1, keepdim=True)
        size = self.problem.inputs.shape[-2:]
        large = F.interpolate(maps, size, mode="bilinear", align_corners=False)[0, 0].double().numpy()
        whole, kept = float(values.sum()), float(large.sum())
        scale = maps[0, 0].numel() / large.size
        return np.asarray(large * scale + (whole - kept * scale) / large.size)


def _nodes(shares: list[float], given: Tensor, outputs: Tensor, slopes: Tensor) -> list[Node]:
    pairs = zip(shares, given.double().numpy(), outputs.tolist(), slopes.double().numpy(), strict=True)
    return [Node(share, place, output, slope) for share, place, output, slope in pairs]


def layer_conductance(problem: Problem, *, steps: Nodes = 33) -> Steps:
    """What flows through each place of a layer on the way from the baseline, `(h, w)`.

    Dhamdhere, Sundararajan and Yan, "How Important Is a Neuron?", ICLR 2019, equation 3, computed as
    ∫ ∂f/∂y dy along the way (Shrikumar, Su and Kundaje, "Computationally Efficient Measures of Internal
    Neuron Importance", 2018). Summed over channels, and enlarged with the same sum: f(x) - f(x') where
    nothing passes by the layer.
    """
    inside = _Inside(problem)
    walk = walked(problem, inside.along, lambda node: node.gradient * node.place, trapezoid, steps)
    return _shown(inside, walk, _flow)


def _flow(through: float, whole: float | None) -> tuple[Check, ...]:
    """Return how much of what is to be told passes through the layer at all."""
    if whole is None:
        return ()
    share = through / (whole if abs(whole) > 1e-12 else 1e-12)
    words = f"{through:.4g} of the difference of {whole:.4g} to the baseline pass through the layer"
    if abs(share - 1) <= 0.05:
        return (Check("flow", "holds", share, f"{words}."),)
    words += "; the rest passes by it, or the layer counts against itself."
    return (Check("flow", "doubtful", share, words, f"{share:.0%} of the difference flow here"),)


def internal_influence(problem: Problem, *, steps: Nodes = 33) -> Steps:
    """The mean gradient by each place of a layer on the way from the baseline, `(h, w)`.

    Leino et al., "Influence-Directed Explanations for Deep Convolutional Networks", ITC 2018: ∫ ∂f/∂y dα.
    """

    def mean(nodes: list[Node]) -> Floats:
        parts = ((b.share - a.share) * (a.gradient + b.gradient) / 2 for a, b in pairwise(nodes))
        return np.asarray(sum(parts))

    inside = _Inside(problem)
    walk = walked(problem, inside.along, lambda node: node.gradient, mean, steps, promised=False)
    return _shown(inside, walk)


def layer_integrated_gradients(problem: Problem, *, steps: Nodes = 33) -> Steps:
    """Integrated gradients of what a layer gives, from the baseline's to the picture's, `(h, w)`.

    Sundararajan et al. 2017 with the layer's output as input, as Captum's LayerIntegratedGradients; the
    rest of the network sees the picture. The values add up to f(x) less the target at the baseline's output.
    """
    inside = _Inside(problem)
    ends: list[Callable[[list[float]], list[Node]]] = []

    def ask(shares: list[float]) -> list[Node]:
        if not ends:
            ends.append(inside.between())
        return ends[0](shares)

    walk = walked(problem, ask, lambda node: node.gradient * node.place, trapezoid, steps)
    return _shown(inside, walk)


def _shown(
    inside: _Inside,
    walk: Walk,
    check: Callable[[float, float | None], tuple[Check, ...]] | None = None,
) -> Steps:
    for step in walk:
        values, asked, total = step.value
        found = attribution(inside.shown(values), asked, None if check else total)
        checks = check(float(values.sum()), total) if check else ()
        yield Step(replace(found, checks=checks), step.done, step.error, step.final)


def neuron_gradient(problem: Problem, *, channel: Unit = -1) -> Steps:
    """The gradient of a channel's mean by the picture, `(c, h, w)`: what in the picture moves it.

    Simonyan et al. 2014 with a unit in place of a class; the target is not asked.

    Raises:
        ParameterError: the layer has no such channel.
    """
    tree = problem.model.layers(problem.inputs)
    layer = checked_layer(tree, problem.layer or tree.default_cam())
    if channel >= layer.channels:
        raise ParameterError(
            f"{layer.name!r} has no channel {channel}.",
            f"It has {layer.channels}, from 0 on; -1 is the most active one.",
        )
    if channel < 0:
        given = problem.model.layer_gradients(problem.inputs, problem.target, layer.name)[1]
        channel = int(as_maps(given, layer).mean(dim=(2, 3))[0].argmax())
    target = Channel(layer.name, channel)
    _, gradients = problem.model.gradients(problem.inputs, target)
    unit = target.label(problem.model)
    check = Check("architecture", "holds", None, f"It explains {unit}, and not the target.", f"of {unit}")
    found = replace(attribution(gradients[0].double().numpy(), 1), checks=(check,))
    yield Step(found, 1.0, None, True)


_FAMILY = "Inside the network"
METHODS = (
    Method(
        "layer_conductance",
        "Layer conductance",
        layer_conductance,
        "Dhamdhere et al. 2019",
        "What flows through each place of a layer on the way from the baseline.",
        frozenset({"layer", "baseline"}),
        per_channel=False,
        baseline={"name": "black"},
        why_not=why_not,
        family=_FAMILY,
    ),
    Method(
        "layer_integrated_gradients",
        "Layer integrated gradients",
        layer_integrated_gradients,
        "Sundararajan et al. 2017",
        "Each place's share of what a layer gives, from the baseline's to the picture's.",
        frozenset({"layer", "baseline"}),
        per_channel=False,
        complete=True,
        baseline={"name": "black"},
        why_not=why_not,
        family=_FAMILY,
    ),
    Method(
        "internal_influence",
        "Internal influence",
        internal_influence,
        "Leino et al. 2018",
        "How the places of a layer move the target, on average over the way from the baseline.",
        frozenset({"layer", "baseline"}),
        per_channel=False,
        baseline={"name": "black"},
        why_not=why_not,
        family=_FAMILY,
    ),
    Method(
        "neuron_gradient",
        "Neuron gradient",
        neuron_gradient,
        "Simonyan et al. 2014",
        "What in the picture moves a channel of a layer.",
        frozenset({"layer"}),
        why_not=why_not,
        family=_FAMILY,
    ),
)
