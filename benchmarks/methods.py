"""Integrated gradients, occlusion and SmoothGrad beside Captum, on trained networks.

All that is compared runs in turn, picture by picture, and a ratio is the median over the pairs. Ours starts
at the user's call and ends when the map has become good for good; looking at maps is not counted. The class
is given, so that neither side looks for it. `XAI_WIDGETS_KIT` names the networks and pictures.
"""

from collections.abc import Iterator
from functools import partial
from statistics import median

import torch
from captum import attr
from torch import Tensor

import xai_widgets as xw
from benchmarks.kernel.memory import grown
from benchmarks.kernel.quality import (
    Moment,
    distance,
    in_turn,
    moments,
    overlap,
    rank_correlation,
    riemann,
    settled,
    timed,
)
from benchmarks.kernel.subjects import Subject, subject
from benchmarks.report import Row, row
from xai_widgets.explain.perturbation import Lattice

GOOD = 0.9
"""Overlap of the top 10 % pixels, and rank correlation with the full grid."""
GREY = 128 / 255


def run(quick: bool) -> list[Row]:
    """Return what each method takes on each network.

    Raises:
        FileNotFoundError: there is no kit.
        ValueError: a map did not become good.
    """
    rows: list[Row] = []
    for name, count in (("squeezenet", 4), ("resnet20", 8)):
        one = subject(name, 2 if quick else count)
        rows += [*_first(one), *_integrated(one), _memory(one, name, quick), *_occlusion(one), *_smooth(one)]
    random = subject("resnet18", 2)
    return [*rows, *_first(random), _memory(random, "resnet18", quick)]


def _first(one: Subject) -> Iterator[Row]:
    """The first picture beside a forward and backward pass as one would write it."""
    model, ours, passes = xw.Model(one.module), [], []
    for picture in one.pictures:
        target = one.predicted(picture)
        start = partial(xw.explain_steps, model, picture[0], "integrated_gradients", target=target)
        pair = in_turn(6, lambda start=start: next(start()), partial(_pass, one, picture, target))
        ours.append(median(pair[0]) * 1e3)
        passes.append(median(pair[1]) * 1e3)
    note = "peer: one forward and backward pass, without the library"
    yield row(f"integrated gradients, {one.name}: first picture", "ms", ours, passes, 1.3, note)


def _pass(one: Subject, picture: Tensor, target: int) -> None:
    leaf = picture.clone().requires_grad_()
    torch.autograd.grad(one.module(leaf)[0, target], [leaf])


def _integrated(one: Subject) -> Iterator[Row]:
    """As close to 2,048 nodes as Captum's default, and 0.9 of its top pixels, in which share of its time."""
    model, captum = xw.Model(one.module), attr.IntegratedGradients(one.module)
    close: list[Moment] = []
    alike: list[Moment] = []
    times: list[float] = []
    for picture in one.pictures:
        target = one.predicted(picture)
        reference = riemann(one.module, picture, target)
        start = partial(xw.explain_steps, model, picture[0], "integrated_gradients", target=target)
        found = moments(partial(start, steps=96, tolerance=0))
        theirs: list[Tensor] = []
        times.append(timed(lambda: theirs.append(captum.attribute(picture, target=target))))  # noqa: B023
        limit = distance(theirs[0][0].detach().numpy(), reference)
        close.append(settled(found, lambda values: distance(values, reference) <= limit))  # noqa: B023
        alike.append(settled(found, lambda values: overlap(values, reference) >= GOOD))  # noqa: B023
    name = f"integrated gradients, {one.name}: "
    yield _beside(f"{name}as close (L1) as Captum's default", close, times, 0.5, "50 of Captum's")
    yield _beside(f"{name}0.9 of the top 10 % pixels", alike, times, 1 / 3, "50 of Captum's")


def _beside(name: str, reached: list[Moment], times: list[float], most: float | None, against: str) -> Row:
    """Return the row of the seconds at which something was reached; the note tells the evaluations."""
    asked = median(moment.evaluations for moment in reached)
    ours = [moment.seconds * 1e3 for moment in reached]
    return row(name, "ms", ours, [1e3 * one for one in times], most, f"{asked:.0f} evaluations, {against}")


def _memory(one: Subject, name: str, quick: bool) -> Row:
    """What the process grows by at most."""
    pairs = [(grown("ours", name), grown("captum", name)) for _ in range(1 if quick else 3)]
    ours, theirs = map(list, zip(*pairs, strict=True))
    return row(f"integrated gradients, {one.name}: extra memory", "MB", ours, theirs, 0.1, "Captum's default")


def _occlusion(one: Subject) -> Iterator[Row]:
    """Rank correlation of 0.9 with the full grid, in which share of the time that Captum takes for it."""
    model, captum = xw.Model(one.module), attr.Occlusion(one.module)
    reached: list[Moment] = []
    slow: list[float] = []
    batched: list[float] = []
    lattice = Lattice.of(one.pictures[0].shape[2:], 0.15, 0.5)
    for picture in one.pictures:
        target = one.predicted(picture)
        found = moments(partial(xw.explain_steps, model, picture[0], "occlusion", target=target))
        reached.append(
            settled(found, lambda values: rank_correlation(values, found[-1].values) >= GOOD)  # noqa: B023
        )
        window = (picture.shape[1], lattice.window, lattice.window)
        grid = partial(
            captum.attribute,
            picture,
            sliding_window_shapes=window,
            strides=(picture.shape[1], lattice.stride, lattice.stride),
            baselines=GREY,
            target=target,
        )
        slow.append(timed(grid))
        batched.append(timed(partial(grid, perturbations_per_eval=8)))
    name, all_of = f"occlusion, {one.name}: rank correlation 0.9", f"{lattice.count} of Captum's"
    yield _beside(name, reached, slow, 0.25, all_of)
    yield _beside(f"{name}, Captum 8 at a time", reached, batched, None, all_of)


def _smooth(one: Subject, samples: int = 50) -> Iterator[Row]:
    """As many samples of the same noise have the same standard error."""
    model, captum = xw.Model(one.module), attr.NoiseTunnel(attr.Saliency(one.module))
    ours: list[float] = []
    theirs: list[float] = []
    for picture in one.pictures:
        target = one.predicted(picture)
        sigma = 0.15 * float(picture.max() - picture.min())
        pair = in_turn(
            1,
            partial(xw.explain, model, picture[0], "smooth_grad", target=target, samples=samples),
            partial(
                captum.attribute,
                picture,
                nt_type="smoothgrad",
                nt_samples=samples,
                stdevs=sigma,
                target=target,
                abs=False,
            ),
        )
        ours += [1e3 * pair[0][0]]
        theirs += [1e3 * pair[1][0]]
    note = f"{samples} samples each, Captum's default batch"
    yield row(f"SmoothGrad, {one.name}: same standard error", "ms", ours, theirs, 1, note)
