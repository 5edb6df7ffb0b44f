"""Every method by name: a function and a line here are all that a new one needs."""

from collections.abc import Mapping

from ..errors import ParameterError, did_you_mean
from . import cam, gradient, path, perturbation
from .method import Method

_ALL = (
    Method(
        "integrated_gradients",
        "Integrated gradients",
        path.integrated_gradients,
        "Sundararajan et al. 2017",
        "Each value's share of the way from the baseline to the picture.",
        frozenset({"baseline", "distribution"}),
        complete=True,
        baseline={"name": "black"},
    ),
    Method(
        "grad_cam",
        "Grad-CAM",
        cam.grad_cam,
        "Selvaraju et al. 2017",
        "The places of a layer that speak for the target.",
        frozenset({"layer"}),
        signed=False,
        per_channel=False,
        why_not=cam.why_not,
    ),
    Method(
        "occlusion",
        "Occlusion",
        perturbation.occlusion,
        "Zeiler and Fergus 2014",
        "How much the target falls when a part of the picture is covered.",
        frozenset({"baseline"}),
        per_channel=False,
        counted="forward passes",
        baseline={"name": "color", "color": "#808080"},
    ),
    Method(
        "gradient",
        "Gradient",
        gradient.gradient,
        "Simonyan et al. 2014",
        "Where a small change would move the target most.",
    ),
    Method(
        "input_x_gradient",
        "Input × gradient",
        gradient.input_x_gradient,
        "Shrikumar et al. 2016",
        "Each value's share, if the network were linear.",
    ),
    Method(
        "smooth_grad",
        "SmoothGrad",
        gradient.smooth_grad,
        "Smilkov et al. 2017",
        "The gradient, averaged over noisy copies of the picture.",
    ),
    Method(
        "var_grad",
        "VarGrad",
        gradient.var_grad,
        "Adebayo et al. 2018",
        "Where the gradient changes most when noise is added.",
        signed=False,
    ),
)

METHODS: Mapping[str, Method] = {method.name: method for method in _ALL}


def find(name: str) -> Method:
    """Return a method by its name.

    Raises:
        ParameterError: there is none, with close names.
    """
    if name not in METHODS:
        raise ParameterError(f"No method is called {name!r}.", did_you_mean(str(name), METHODS))
    return METHODS[name]
