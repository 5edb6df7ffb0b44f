"""Methods from outside: a function of the user's, or an attribution object of Captum."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from torch import Tensor, nn

from ..anytime import Step
from ..errors import NotValidError, ParameterError, XaiWidgetsError
from ..model.hooks import untouched
from .method import Method
from .problem import Floats, Problem, Steps, attribution
from .registry import register

Function = TypeVar("Function", bound=Callable[..., Any])


def explainer(
    label: str,
    *,
    name: str | None = None,
    needs: Iterable[str] = (),
    signed: bool = True,
    per_channel: bool = True,
    paper: str = "yours",
    summary: str = "",
    baseline: Any = None,
) -> Callable[[Function], Function]:
    """Make a function a method, with its controls in the interface: `@xw.explainer("Mine")`.

    The function gets a `Problem` and its own parameters, each declared as
    `strength: Annotated[float, Range(0, 1)] = 0.5`. It returns values `(c, h, w)` or, where `per_channel` is
    false, `(h, w)`, as an array or a tensor; or it yields better and better ones. From then on it is in
    `xw.METHODS` by its name, and in every explorer that is made.

    Args:
        label: for a person.
        name: in `METHODS`; the function's own where none is given.
        needs: of "baseline", "layer", "distribution".
        signed: whether negative values mean something.
        per_channel: whether values have channels.
        paper: where it comes from.
        summary: what it shows; the first line of the function's docstring where none is given.
        baseline: the one it takes when none is given, as JSON; black where it needs one.

    Raises:
        ParameterError: a method of the library has that name, or a need is not known.

    Example:
        >>> @xw.explainer("Edges of what matters")
        ... def edges(problem, *, power: Annotated[float, xw.Range(0.5, 3)] = 1.0):
        ...     outputs, gradients = problem.gradients(problem.inputs)
        ...     return np.abs(gradients[0]) ** power
    """
    wanted = frozenset(needs)
    unknown = wanted - {"baseline", "layer", "distribution"}
    if unknown:
        raise ParameterError(
            f"A method can't need {', '.join(map(repr, sorted(unknown)))}.",
            "It can need 'baseline', 'layer' and 'distribution'.",
        )

    def made(function: Function) -> Function:
        @wraps(function)
        def steps(problem: Problem, **params: Any) -> Steps:
            return _stepped(function(problem, **params), problem, method)

        first = (inspect.getdoc(function) or "A method of yours.").split("\n")[0]
        method = Method(
            name or function.__name__,
            label,
            steps,
            paper,
            summary or first.rstrip(".") + ".",
            wanted,
            signed=signed,
            per_channel=per_channel,
            baseline=(baseline or {"name": "black"}) if "baseline" in wanted else None,
        )
        register(method)
        return function

    return made


def _stepped(given: Any, problem: Problem, method: Method) -> Steps:
    """Turn what a function gave into Steps; the last of several is known once there is no other."""
    several = isinstance(given, Iterator)
    values, count = (iter(given) if several else iter([given])), 0
    before: Floats | None = None
    now = next(values, None)
    if now is None:
        raise ParameterError(f"The method {method.name!r} gave nothing.", "Return or yield an array.")
    while now is not None:
        checked, count = _checked(now, problem, method), count + 1
        now = next(values, None)
        error = None if not several else float(np.abs(checked - (0 if before is None else before)).mean())
        before = checked
        final = now is None
        yield Step(attribution(checked, count), 1.0 if final else 1 - 0.5**count, error, final)


def _checked(given: Any, problem: Problem, method: Method) -> Floats:
    values = given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
    if values.ndim > 0 and values.shape[0] == 1 and values.ndim == 4:
        values = values[0]
    channels, *size = problem.inputs.shape[1:]
    expected = (channels, *size) if method.per_channel else tuple(size)
    if values.shape != expected:
        other = tuple(size) if method.per_channel else (channels, *size)
        hint = f"Return an array of shape {expected}."
        if values.shape == other:
            hint += f" Or declare it with per_channel={not method.per_channel}."
        raise ParameterError(f"The method {method.name!r} gave shape {values.shape}, not {expected}.", hint)
    return values.astype(np.float64)


def captum(
    make: Callable[[nn.Module], Any],
    label: str,
    *,
    name: str | None = None,
    needs: Iterable[str] = (),
    signed: bool = True,
    **fixed: Any,
) -> None:
    """Make an attribution of Captum a method: `xw.captum(captum.attr.DeepLift, "DeepLIFT of Captum")`.

    Captum works on a copy of the network, which it may hook and change. What it raises is told with what
    would do instead; shapes that are no map of the picture are refused.

    Args:
        make: an attribution class, or what makes an attribution from a module.
        label: for a person.
        name: in `METHODS`; "captum_" and the label's words where none is given.
        needs: of "baseline".
        signed: whether negative values mean something.
        fixed: given to `attribute` as it is.

    Raises:
        ParameterError: a method of the library has that name, or a need is not known.
    """
    called = name or "captum_" + "_".join(label.lower().split())

    @explainer(label, name=called, needs=needs, signed=signed, paper="Captum", summary=f"{label}, by Captum.")
    def attribute(problem: Problem) -> Floats:
        given = dict(fixed)
        if problem.baseline is not None:
            given["baselines"] = problem.reference().to(problem.model.device, problem.model.dtype)
        instead = _INSTEAD.get(getattr(make, "__name__", ""), "integrated_gradients")
        scalar = problem.model.scalar_module(problem.target)
        inputs = problem.inputs.detach().clone().to(problem.model.device, problem.model.dtype)
        try:
            with untouched(scalar, gradients=True):
                found = make(scalar).attribute(inputs.requires_grad_(), **given)
        except XaiWidgetsError:
            raise
        except Exception as error:
            raise NotValidError(
                f"Captum's {label} raised {type(error).__name__} on {problem.model.name}: {error}",
                "A module that is used twice or works in place breaks Captum's hooks; take a method of "
                f"the library, such as {instead!r}.",
            ) from error
        found = found[0] if isinstance(found, tuple) else found
        if not isinstance(found, Tensor) or found.shape[-2:] != problem.inputs.shape[-2:]:
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise NotValidError(f"Captum's {label} gave {shape}: no map of the picture.", "Take Grad-CAM.")
        values: Floats = found.detach().expand_as(problem.inputs)[0].double().cpu().numpy()
        return values


_INSTEAD = {
    "DeepLift": "deep_lift",
    "DeepLiftShap": "deep_lift",
    "LRP": "lrp_epsilon",
    "GuidedBackprop": "guided_backprop",
    "Deconvolution": "deconvolution",
    "LayerGradCam": "grad_cam",
    "GuidedGradCam": "guided_grad_cam",
}
