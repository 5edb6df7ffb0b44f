"""One climb towards what a unit likes: its state, and one iteration of it.

The state lives here and not in a generator, so that a climb can be left, looked at, and gone on with.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..model.handle import Model
from ..model.rules import Rules, with_gradient
from ..model.target import Target
from .canvas import Canvas, frequencies
from .views import Views

RELUS = ("relu", "relu6")
TINY = 1e-12


@dataclass(frozen=True)
class Penalties:
    """What a picture pays for, beside a score whose gradient has length 1.

    Attributes:
        variation: for differences between neighbouring pixels.
        energy: for being far from grey.
        frequency: for high frequencies, by the square of the frequency.
    """

    variation: float = 0.0
    energy: float = 0.0
    frequency: float = 0.0

    def of(self, drawn: Tensor, pixels: Tensor) -> Tensor:
        """Return what all pictures pay together, from what was drawn and its pixels `(n, c, h, w)`."""
        total = drawn.new_zeros(())
        if self.variation:
            steps = pixels.diff(dim=2).abs().sum() + pixels.diff(dim=3).abs().sum()
            total = total + self.variation * steps
        if self.energy:
            total = total + self.energy * drawn.square().sum()
        if self.frequency:
            weights = (frequencies((drawn.shape[2], drawn.shape[3])) / 0.5) ** 2
            spectrum = torch.view_as_real(torch.fft.rfft2(drawn, norm="ortho")).square().sum(dim=-1)
            total = total + self.frequency * (weights * spectrum).sum()
        shared: Tensor = total / drawn[0].numel() ** 0.5
        return shared


class Ascent:
    """Pictures on their way towards a target.

    The network is run through `Model`, so that it is as it came after every iteration; gradients are taken
    through the drawing and the views here, where no hook is.

    Attributes:
        iterations: how many were made.
        history: the objective of each picture, as it was moved in each iteration, `(n,)` each.
        importance: how much each pixel has mattered so far: its absolute gradients added up, `(n, h, w)`.
        silent: in how many iterations a unit that passed back nothing was asked past its ReLUs.
    """

    def __init__(
        self,
        model: Model,
        objective: Target,
        canvas: Canvas,
        views: Views,
        penalties: Penalties,
        generator: torch.Generator,
        rate: float = 1.0,
    ) -> None:
        self.model, self.objective, self.canvas = model, objective, canvas
        self.views, self.penalties, self.generator = views, penalties, generator
        self.iterations, self.silent = 0, 0
        self.history: list[Tensor] = []
        self._optimizer = torch.optim.Adam([canvas.parameter], lr=rate * canvas.rate)
        shape = self.pixels().shape
        self.importance = torch.zeros(shape[0], *shape[2:])

    def pixels(self) -> Tensor:
        """Return the pictures `(n, c, h, w)` in [0, 1]."""
        with torch.inference_mode(False), torch.no_grad():
            return self.canvas.draw(self.canvas.parameter).sigmoid()

    def scores(self, target: Target) -> Tensor:
        """Return a target's value for each picture as it is, `(n,)`."""
        return self.model.outputs(self.model.normalise(self.pixels()), target)

    def climb(self) -> None:
        """Make one iteration."""
        with torch.inference_mode(False), torch.enable_grad():
            drawn = self.canvas.draw(self.canvas.parameter)
            pixels = drawn.sigmoid()
            inputs = self.model.normalise(self.views.of(pixels, self.generator))
            values, slopes = self._slopes(inputs.detach())
            gain = (inputs * slopes).sum()
            wanted = [self.canvas.parameter, pixels]
            upward, felt = torch.autograd.grad(gain, wanted, retain_graph=True)
            cost = self.penalties.of(drawn, pixels)
            if cost.requires_grad:
                upward = upward - torch.autograd.grad(cost, self.canvas.parameter)[0]
            self.canvas.parameter.grad = -upward
            self._optimizer.step()
            self.importance += felt.abs().mean(dim=1)
        self.history.append(values)
        self.iterations += 1

    def _slopes(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the objective `(n,)` and its gradients by the inputs, each of length 1 or 0."""
        values, slopes = self.model.gradients(inputs, self.objective)
        lengths = _lengths(slopes)
        if bool((lengths < TINY).any()):
            self.silent += 1
            _, open_, *_ = self.model.ruled_gradients(inputs, self.objective, _open)
            slopes = torch.where(lengths < TINY, open_, slopes)
            lengths = _lengths(slopes)
        return values, slopes / lengths.clamp(min=TINY)


def _lengths(slopes: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(slopes, dim=(1, 2, 3), keepdim=True)
    return lengths


def _open() -> Rules:
    """Let a gradient pass every ReLU, closed or not, so that a unit which is silent can be woken."""

    def relu(func: Any, x: Tensor, *args: Any, **more: Any) -> Tensor:
        out: Tensor = func(x, *args, **more)
        return with_gradient(out, lambda g: (g,), x) if x.requires_grad else out

    return Rules(dict.fromkeys(RELUS, relu))
