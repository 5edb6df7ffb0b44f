"""Methods that read the gradient at the picture, or around it."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np

from ..anytime import Step
from ..parameters import Range
from .method import Method
from .problem import Floats, Problem, Steps, attribution
from .sampling import Running

Samples = Annotated[int, Range(2, 1000, log=True, label="samples", help="More are smoother and slower.")]
Noise = Annotated[
    float,
    Range(0.01, 1, log=True, label="noise", help="Its standard deviation, as a share of the input's range."),
]


def gradient(problem: Problem) -> Steps:
    """The gradient of the target by the input: where a small change would matter most.

    Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", ICLR workshop 2014, without
    their absolute value: ∂f/∂x with its sign, `(c, h, w)`, in units of the target a unit of the
    normalised input.
    """
    _, found = problem.gradients(problem.inputs)
    yield Step(attribution(found[0], 1), 1.0, None, True)


def input_x_gradient(problem: Problem) -> Steps:
    """The gradient times the normalised input, `(c, h, w)`: each value's share of a linear network.

    Shrikumar et al., "Not Just a Black Box", 2016. For a network that is linear around zero the shares
    add up to f(x) - f(0), where 0 is the mean colour of the training set and not black.
    """
    _, found = problem.gradients(problem.inputs)
    yield Step(attribution(found[0] * problem.inputs[0].double().numpy(), 1), 1.0, None, True)


def smooth_grad(problem: Problem, *, samples: Samples = 50, noise: Noise = 0.15) -> Steps:
    """The mean gradient over noisy copies of the picture, `(c, h, w)`.

    Smilkov et al., "SmoothGrad", 2017: M(x) = 1/n Σ ∂f/∂x (x + N(0, σ²)) with σ a share of
    max x - min x. Samples accumulate; the error is the standard error of the mean.
    """
    running = Running()
    for gradients in _noisy(problem, samples, noise):
        running.add(gradients)
        found = attribution(np.asarray(running.mean), running.count, random=True)
        yield Step(found, running.count / samples, running.error, running.count == samples)


def smooth_grad_squared(problem: Problem, *, samples: Samples = 50, noise: Noise = 0.15) -> Steps:
    """The mean squared gradient over noisy copies of the picture, `(c, h, w)`, at least zero.

    SmoothGrad² of Hooker et al., "A Benchmark for Interpretability Methods in Deep Neural Networks",
    NeurIPS 2019: 1/n Σ (∂f/∂x (x + N(0, σ²)))². Samples accumulate; the error is the standard error.
    """
    running = Running()
    for gradients in _noisy(problem, samples, noise):
        running.add(gradients**2)
        found = attribution(np.asarray(running.mean), running.count, random=True)
        yield Step(found, running.count / samples, running.error, running.count == samples)


def var_grad(problem: Problem, *, samples: Samples = 50, noise: Noise = 0.15) -> Steps:
    """The variance of the gradient over noisy copies of the picture, `(c, h, w)`, at least zero.

    Adebayo et al., "Local Explanation Methods for Deep Neural Networks Lack Sensitivity to Parameter
    Values", 2018. The error is that of a variance of normal samples, variance · √(2 / (n - 1)).
    """
    running = Running()
    for gradients in _noisy(problem, samples, noise):
        running.add(gradients)
        if running.count < 2:
            continue
        error = float(running.variance.mean()) * (2 / (running.count - 1)) ** 0.5
        found = attribution(running.variance, running.count, random=True)
        yield Step(found, running.count / samples, error, running.count == samples)


def _noisy(problem: Problem, samples: int, noise: float) -> Iterator[Floats]:
    generator = problem.generator()
    sigma = noise * float(problem.inputs.max() - problem.inputs.min())
    # One sample first: a picture after one gradient.
    for count in problem.portions(samples, first=1):
        yield problem.gradients(problem.inputs + sigma * problem.noise(generator, count))[1]


_FAMILY = "Gradients"
METHODS = (
    Method(
        "gradient",
        "Gradient",
        gradient,
        "Simonyan et al. 2014",
        "Where a small change would move the target most.",
        family=_FAMILY,
    ),
    Method(
        "input_x_gradient",
        "Input × gradient",
        input_x_gradient,
        "Shrikumar et al. 2016",
        "Each value's share, if the network were linear.",
        family=_FAMILY,
    ),
    Method(
        "smooth_grad",
        "SmoothGrad",
        smooth_grad,
        "Smilkov et al. 2017",
        "The gradient, averaged over noisy copies of the picture.",
        family=_FAMILY,
    ),
    Method(
        "smooth_grad_squared",
        "SmoothGrad²",
        smooth_grad_squared,
        "Hooker et al. 2019",
        "The squared gradient, averaged over noisy copies of the picture.",
        signed=False,
        family=_FAMILY,
    ),
    Method(
        "var_grad",
        "VarGrad",
        var_grad,
        "Adebayo et al. 2018",
        "Where the gradient changes most when noise is added.",
        signed=False,
        family=_FAMILY,
    ),
)
