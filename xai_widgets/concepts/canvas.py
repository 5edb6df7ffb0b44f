"""Pictures as something that can be improved: by frequencies, by phases alone, or pixel by pixel.

Each parametrisation is a leaf tensor and a way to draw from it. What is drawn has no bounds; a sigmoid
makes pixels of it. Which pictures a step of equal size reaches is what sets them apart (Olah, Mordvintsev
and Schubert, "Feature Visualization", Distill 2017, "Preconditioning and Parameterization").
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Shape = tuple[int, int, int]
KINDS = ("fourier", "maco", "pixels")

COLOURS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
"""A square root of the covariance of colours in ImageNet, as Distill 2017 has it: its columns are light and
dark, blue against yellow, green against purple."""
SPREAD = 0.01
"""Where frequencies and pixels begin: nearly grey."""
CONTRAST = 2.0
"""The standard deviation of what MaCo draws by the 1/f law, such that photographs are as rich in contrast."""
FREQUENCY_GAIN = 0.25


@dataclass(frozen=True, eq=False)
class Canvas:
    """A batch of pictures that can be improved.

    Attributes:
        parameter: the leaf that is moved.
        draw: from the parameter to what has no bounds yet, `(n, c, h, w)`.
        rate: how far a step of the optimiser moves it.
    """

    parameter: Tensor
    draw: Callable[[Tensor], Tensor]
    rate: float


def made(
    kind: str, count: int, shape: Shape, generator: torch.Generator, magnitude: Tensor | None = None
) -> Canvas:
    """Return a new canvas of one of `KINDS` for pictures `(count, *shape)`.

    Args:
        kind: one of `KINDS`.
        count: how many pictures.
        shape: channels, height and width.
        generator: draws where they begin.
        magnitude: of MaCo, `(c, h, w // 2 + 1)`; the 1/f law where none is given.
    """
    if kind == "pixels":
        return pixels(count, shape, generator)
    if kind == "fourier":
        return fourier(count, shape, generator)
    return maco(count, shape, generator, one_over_f(shape) if magnitude is None else magnitude)


def pixels(count: int, shape: Shape, generator: torch.Generator) -> Canvas:
    """Return pictures whose every pixel moves by itself: what the others are better than."""
    start = SPREAD * torch.randn(count, *shape, generator=generator)
    return Canvas(start.requires_grad_(), lambda values: values, 0.05)


def fourier(count: int, shape: Shape, generator: torch.Generator) -> Canvas:
    """Return pictures whose frequencies move, in colours that do not depend on each other (Distill 2017).

    Frequency f is scaled by 1/f, so that a step of equal size is one of equal energy in a natural picture.
    """
    size = (shape[1], shape[2])
    start = SPREAD * torch.randn(count, shape[0], size[0], size[1] // 2 + 1, 2, generator=generator)
    scale = FREQUENCY_GAIN / frequencies(size).clamp(min=1 / max(size))

    def draw(values: Tensor) -> Tensor:
        return coloured(torch.fft.irfft2(torch.view_as_complex(values) * scale, s=size, norm="ortho"))

    return Canvas(start.requires_grad_(), draw, 0.05)


def maco(count: int, shape: Shape, generator: torch.Generator, magnitude: Tensor) -> Canvas:
    """Return pictures whose phases move while the magnitude of every frequency stays.

    Fel et al., "Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained
    Optimization", NeurIPS 2023, equation 5: x = F⁻¹(r e^{iφ}), φ alone is optimised. Here r is that of what
    has no bounds yet, before colours are mixed and the sigmoid is taken.
    """
    size = (shape[1], shape[2])
    start = (2 * torch.rand(count, *magnitude.shape, generator=generator) - 1) * torch.pi

    def draw(phase: Tensor) -> Tensor:
        spectrum = torch.polar(torch.ones_like(phase), odd(phase, size[1])) * magnitude
        return coloured(torch.fft.irfft2(spectrum, s=size, norm="ortho"))

    return Canvas(start.requires_grad_(), draw, 0.4)


def odd(phase: Tensor, width: int) -> Tensor:
    """Return phases that belong to a real picture: φ(-f) = -φ(f), also where half a spectrum holds both.

    Without it the inverse transform would drop a part of these columns, and the magnitude with it.
    """
    columns = [0] if width % 2 else [0, width // 2]
    mirrored = phase[..., columns].flip(-2).roll(1, -2)
    found = phase.clone()
    found[..., columns] = (phase[..., columns] - mirrored) / 2
    return found


def frequencies(size: tuple[int, int]) -> Tensor:
    """Return the frequencies of half a spectrum in cycles a pixel, `(h, w // 2 + 1)`."""
    across, down = torch.fft.rfftfreq(size[1]), torch.fft.fftfreq(size[0])
    return torch.hypot(down[:, None], across[None])


def one_over_f(shape: Shape) -> Tensor:
    """Return the magnitudes `(c, h, w // 2 + 1)` that the 1/f law gives, 0 at f = 0: the mean is grey.

    Field, "Relations between the statistics of natural images and the response properties of cortical
    cells", JOSA A 1987: the amplitude of natural pictures falls as 1/f.
    """
    size = (shape[1], shape[2])
    falling = 1 / frequencies(size).clamp(min=1e-9)
    falling[0, 0] = 0.0
    # A magnitude counts twice but in the columns that hold both f and -f.
    twice = torch.full_like(falling, 2.0)
    twice[:, [0] if size[1] % 2 else [0, -1]] = 1.0
    energy = (twice * falling**2).sum() / (size[0] * size[1])
    scaled: Tensor = CONTRAST * falling / energy.sqrt()
    return scaled.expand(shape[0], -1, -1).clone()


def magnitude_of(pictures: Tensor) -> Tensor:
    """Return the mean magnitudes `(c, h, w // 2 + 1)` of pixels `(n, c, h, w)` in [0, 1].

    They are those of what would have to be drawn to make these pictures. At f = 0 it is the mean with its
    sign, which is the mean colour.
    """
    spectrum = torch.fft.rfft2(uncoloured(pictures.clamp(0.01, 0.99).logit()), norm="ortho")
    found: Tensor = spectrum.abs().mean(dim=0)
    found[:, 0, 0] = spectrum[:, :, 0, 0].real.mean(dim=0)
    return found


def coloured(values: Tensor) -> Tensor:
    """Mix three independent channels `(n, 3, h, w)` as natural colours are; others stay as they are."""
    return _mixed(_mix(), values)


def uncoloured(values: Tensor) -> Tensor:
    """Undo `coloured`."""
    return _mixed(_mix().inverse(), values)


def _mix() -> Tensor:
    matrix: Tensor = COLOURS / torch.linalg.vector_norm(COLOURS, dim=0).max()
    return matrix


def _mixed(matrix: Tensor, values: Tensor) -> Tensor:
    return torch.einsum("kc,nchw->nkhw", matrix, values) if values.shape[1] == 3 else values
