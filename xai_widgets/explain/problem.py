"""What a method is given and what it gives back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..anytime import Step
from ..errors import ParameterError
from ..inputs.baselines import Baseline
from ..model.handle import Model
from ..model.rules import Rules
from ..model.target import Target
from ..results import Check

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Problem:
    """One question: why does this network give this target this value on this picture?

    Attributes:
        model: the network.
        inputs: what goes into it, normalised, `(1, c, h, w)`.
        pixels: the same before normalisation, in [0, 1].
        target: the explained scalar.
        baseline: what "nothing here" means, its pictures read; None for methods without.
        layer: name of a layer; None for methods without.
        seed: where random numbers start.
    """

    model: Model
    inputs: Tensor
    pixels: Tensor
    target: Target
    baseline: Baseline | None = None
    layer: str | None = None
    seed: int = 0

    @cached_property
    def fingerprint(self) -> str:
        """The network as it was when this was asked."""
        return self.model.fingerprint

    @property
    def batch(self) -> int:
        """How many pictures to ask for at once at most: as memory allows, whatever time it takes."""
        if self.model.device.type != "cpu":
            return 32
        return max(1, min(16, 600_000 // self.inputs.numel()))

    def portions(self, count: int, counted: str = "gradients", first: int = 0) -> Iterator[int]:
        """Yield sizes that add up to count, each as large as a step of 50 to 100 ms allows.

        What a method finds must not depend on them but for rounding: they follow the clock. With `first`,
        so many come before, together: fewer would make no picture.
        """
        if first:
            yield min(first, count)
            count -= min(first, count)
        while count > 0:
            size = min(count, self.model.at_once(self.inputs, counted, self.batch))
            count -= size
            yield size

    @cached_property
    def reference_pixels(self) -> Tensor:
        """The baseline pictures in [0, 1], `(n, c, h, w)`; worked out once."""
        if self.baseline is None:
            raise ParameterError("This method needs a baseline.", "Take 'black' or 'blur'.")
        return self.baseline.references(self.pixels)

    def references(self) -> Tensor:
        """Return the normalised baseline pictures, `(n, c, h, w)`."""
        return self.model.normalise(self.reference_pixels)

    def reference(self) -> Tensor:
        """Return the normalised baseline, `(1, c, h, w)`; of a distribution its mean."""
        return self.model.normalise(self.reference_pixels.mean(dim=0, keepdim=True))

    def generator(self) -> torch.Generator:
        """Return a random generator of its own, at the seed; the global one is never touched."""
        return torch.Generator().manual_seed(self.seed)

    def gradients(self, inputs: Tensor) -> tuple[Floats, Floats]:
        """Return the targets `(n,)` and their gradients `(n, c, h, w)` as float64."""
        outputs, gradients = self.model.gradients(inputs, self.target)
        return outputs.double().numpy(), gradients.double().numpy()

    def ruled(self, rules: Callable[[], Rules], inputs: Tensor | None = None) -> tuple[float, Floats]:
        """Return the target and its gradient `(c, h, w)` under rules, of the first of the inputs."""
        inputs = self.inputs if inputs is None else inputs
        outputs, gradients, *_ = self.model.ruled_gradients(inputs, self.target, rules)
        return float(outputs[0]), gradients[0].double().numpy()

    def outputs(self, inputs: Tensor) -> Floats:
        """Return the targets `(n,)` as float64, in batches."""
        found = [self.model.outputs(part, self.target) for part in torch.split(inputs, self.batch)]
        outputs: Floats = torch.cat(found).double().numpy()
        return outputs

    def noise(self, generator: torch.Generator, count: int) -> Tensor:
        """Return standard normal noise `(count, c, h, w)`, drawn picture by picture."""
        shape = self.inputs.shape[1:]
        return torch.stack([torch.randn(shape, generator=generator) for _ in range(count)])


@dataclass(frozen=True, eq=False)
class Attribution:
    """What a method found so far.

    Attributes:
        values: float32 `(c, h, w)` or `(h, w)`.
        evaluations: how often the network was asked.
        total: f(x) - f(x'), which the values should add up to, where the method promises it and knows it.
        random: whether random numbers were drawn.
        checks: what only the method itself can know.
    """

    values: NDArray[np.float32]
    evaluations: int
    total: float | None = None
    random: bool = False
    checks: tuple[Check, ...] = ()


Steps = Iterator[Step[Attribution]]


def untargeted(words: str, brief: str = "the same for every target") -> Check:
    """Return the check of a method that shows the same whatever is explained; `words` say what it shows."""
    return Check("architecture", "doubtful", None, f"{words}, for every target alike.", brief)


def attribution(
    values: NDArray[np.floating], evaluations: int, total: float | None = None, random: bool = False
) -> Attribution:
    """Return an attribution from values of any float type."""
    return Attribution(values.astype(np.float32), evaluations, total, random)
