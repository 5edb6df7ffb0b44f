"""Methods that show the network the picture through masks."""

import math
from typing import Annotated

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..anytime import Step
from ..inputs.baselines import Blur
from ..parameters import Range
from .method import Method
from .problem import Floats, Problem, Steps, attribution
from .sampling import Running, Settling

Count = Annotated[int, Range(32, 8192, log=True, label="masks", help="More are smoother and slower.")]
Cells = Annotated[int, Range(3, 16, step=1, label="cells", help="Of the masks, along the shorter side.")]
Kept = Annotated[float, Range(0.1, 0.9, step=0.05, label="kept", help="Share of the cells that stay.")]
Designs = Annotated[
    int, Range(4, 256, log=True, label="designs", help="Each asks once a cell, and once more.")
]
Area = Annotated[float, Range(0.01, 0.6, log=True, label="area", help="Share of the picture that may stay.")]
Rounds = Annotated[int, Range(20, 1000, log=True, label="steps", help="Of the optimisation.")]

FIRST = 8
"""Masks of the first picture."""
SOFT, HARD = 0.3, 30.0
"""Weight of the area at the first and the last step, where the target's whole way counts 1."""


def rise(problem: Problem, *, masks: Count = 512, cells: Cells = 7, kept: Kept = 0.5) -> Steps:
    """The mean of random masks, weighted by the target under them, `(h, w)`.

    Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC
    2018, equation 6: 1/(N p) Σ f(I ⊙ M) M, with masks of random cells, enlarged and shifted. The mean of f
    is taken off first: it shifts the whole map and only adds noise. The error is the standard error.
    """
    reference = problem.reference()
    outputs, weighted, plain, asked = Running(), Running(), Running(), 0
    for count in problem.portions(masks, "forward passes", FIRST):
        more = torch.cat([_mask(problem, asked + row, cells, kept) for row in range(count)])
        found = problem.outputs(more * problem.inputs + (1 - more) * reference)
        shown = more[:, 0].double().numpy() / kept
        outputs.add(found)
        weighted.add(found[:, None, None] * shown)
        plain.add(shown)
        asked += count
        # Σ (f - f̄) M: what the masks show when the target is high, less what all of them show.
        values = np.asarray(weighted.mean) - float(np.asarray(outputs.mean)) * np.asarray(plain.mean)
        error = math.sqrt(float(outputs.variance) / kept / asked)
        yield Step(attribution(values, asked, random=True), asked / masks, error, asked == masks)


def _mask(problem: Problem, index: int, cells: int, kept: float) -> Tensor:
    """Return a mask `(1, 1, h, w)` in [0, 1]; the seed and its number settle it."""
    height, width = problem.inputs.shape[-2:]
    generator = torch.Generator().manual_seed(problem.seed * 1_000_003 + index)
    side = math.ceil(min(height, width) / cells)
    rows, columns = math.ceil(height / side) + 1, math.ceil(width / side) + 1
    small = (torch.rand(1, 1, rows, columns, generator=generator) < kept).float()
    large = F.interpolate(small, (rows * side, columns * side), mode="bilinear", align_corners=False)
    top, left = torch.randint(0, side, (2,), generator=generator).tolist()
    return large[..., top : top + height, left : left + width]


def sobol(problem: Problem, *, cells: Cells = 7, designs: Designs = 32) -> Steps:
    """How much of the target's variance each cell has a hand in, `(h, w)`.

    Fel et al., "Look at the Variance! Efficient Black-box Explanations with Sobol-based Sensitivity
    Analysis", NeurIPS 2021: total-order indices by Jansen's estimator, Σ (f(A) - f(C_i))² / (2 N Var f), with
    masks in [0, 1] from a scrambled Sobol sequence. One design asks f(A) and each f(C_i). The error is the
    standard error over designs.
    """
    size = problem.inputs.shape[-2:]
    side = min(size) / cells
    shape = (max(1, round(size[0] / side)), max(1, round(size[1] / side)))
    count = shape[0] * shape[1]
    engine = torch.quasirandom.SobolEngine(2 * count, scramble=True, seed=problem.seed)  # type: ignore[no-untyped-call]
    reference = problem.reference()
    running, bases, asked = Running(), Running(), 0

    def ask(masks: Tensor) -> Floats:
        large = F.interpolate(masks.view(-1, 1, *shape), size, mode="nearest")
        return problem.outputs(large * problem.inputs + (1 - large) * reference)

    for number in range(1, designs + 1):
        a, b = engine.draw(1)[0].chunk(2)
        rows = torch.cat([a[None], torch.where(torch.eye(count, dtype=torch.bool), b, a)])
        gains: Floats = np.zeros(0)
        for part in problem.portions(len(rows), "forward passes", FIRST if number == 1 else 0):
            gains = np.append(gains, ask(rows[len(gains) : len(gains) + part]))
            asked += part
            changes = np.full(count, ((gains[0] - gains[1:]) ** 2 / 2).mean() if len(gains) > 1 else 0.0)
            changes[: len(gains) - 1] = (gains[0] - gains[1:]) ** 2 / 2
            if len(gains) == len(rows):
                bases.add(gains)
                running.add(changes[None])
            elif number > 1 or len(gains) < FIRST:
                continue  # a part of a design tells little, but for the first one
            variance = max(float(bases.variance if bases.count else gains.var()), 1e-300)
            indices = np.asarray(running.mean if running.count else changes) / variance
            error = (running.error if running.count else float(changes.mean())) / variance
            final = running.count == designs
            found = attribution(_large(indices, shape, size), asked, random=True)
            yield Step(found, asked / (designs * len(rows)), error, final)


def _large(values: Floats, shape: tuple[int, int], size: torch.Size) -> Floats:
    small = torch.from_numpy(values).view(1, 1, *shape)
    return np.asarray(F.interpolate(small, tuple(size), mode="bilinear", align_corners=False)[0, 0])


def extremal_perturbation(problem: Problem, *, area: Area = 0.1, steps: Rounds = 200) -> Steps:
    """The smooth mask of a given area that keeps most of the target, `(h, w)` in [0, 1].

    Fong, Patrick and Vedaldi, "Understanding Deep Networks via Extremal Perturbations and Smooth Masks",
    ICCV 2019, equation 3: maximise f(m ⊗ x) - λ ‖sort(m) - r_a‖² by gradient ascent with momentum, λ growing
    from step to step; what is masked is blurred. Ours has the mask on cells of 8 pixels, enlarged by
    a Gaussian, instead of their max-convolution.
    """
    size = problem.inputs.shape[-2:]
    grid = (max(8, size[0] // 8), max(8, size[1] // 8))
    blurred = problem.model.normalise(Blur(sigma=max(2.0, min(size) / 12)).apply(problem.pixels))
    cells = grid[0] * grid[1]
    wanted = (torch.arange(cells) >= round((1 - area) * cells)).float()
    way = problem.inputs - blurred
    raw, momentum = torch.full((1, 1, *grid), 0.5), torch.zeros(1, 1, *grid)
    settling, scale = Settling(), 0.0
    for number in range(1, steps + 1):
        _, gradients = problem.gradients(blurred + _smooth(raw, size) * way)
        by_mask = (torch.from_numpy(gradients).float() * way).sum(dim=1, keepdim=True)
        scale = max(scale, abs(float(by_mask.sum())), 1e-6)
        weight = SOFT * (HARD / SOFT) ** (number / steps)
        with torch.enable_grad():
            leaf = raw.clone().requires_grad_()
            away = (leaf.flatten().sort().values - wanted).square().mean()
            gain = (_smooth(leaf, size) * by_mask).sum() / scale - weight * away
            (slope,) = torch.autograd.grad(gain, leaf)
        momentum = 0.9 * momentum + slope / max(float(slope.abs().max()), 1e-12)
        raw = (raw + 0.01 * momentum).clamp(0, 1)
        values = _smooth(raw, size)[0, 0].double().numpy()
        error = settling.error(number, values)
        yield Step(attribution(values, number), number / steps, error, number == steps)


def _smooth(raw: Tensor, size: torch.Size) -> Tensor:
    """Enlarge by a Gaussian of half a cell: smooth at any size of the picture."""
    sigma = max(size[0] / raw.shape[2], size[1] / raw.shape[3]) / 2
    radius = math.ceil(2 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    large = F.interpolate(raw, tuple(size), mode="bilinear", align_corners=False)
    wide = F.conv2d(F.pad(large, (radius, radius, 0, 0), "replicate"), kernel)
    return F.conv2d(F.pad(wide, (0, 0, radius, radius), "replicate"), kernel.transpose(2, 3)).clamp(0, 1)


METHODS = (
    Method(
        "rise",
        "RISE",
        rise,
        "Petsiuk et al. 2018",
        "Which places matter, by many random masks.",
        frozenset({"baseline"}),
        per_channel=False,
        counted="forward passes",
        baseline={"name": "color", "color": "#808080"},
        family="Covering parts",
    ),
    Method(
        "sobol",
        "Sobol indices",
        sobol,
        "Fel et al. 2021",
        "How much of the target's ups and downs each place has a hand in.",
        frozenset({"baseline"}),
        signed=False,
        per_channel=False,
        counted="forward passes",
        baseline={"name": "color", "color": "#808080"},
        family="Covering parts",
    ),
    Method(
        "extremal_perturbation",
        "Extremal perturbation",
        extremal_perturbation,
        "Fong et al. 2019",
        "The part of the picture, of a given size, that keeps most of the target.",
        signed=False,
        per_channel=False,
        family="Covering parts",
    ),
)
