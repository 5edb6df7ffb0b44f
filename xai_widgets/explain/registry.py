"""Every method by name: a function and an entry of its family's `METHODS` are all that a new one needs."""

from collections.abc import Mapping
from types import MappingProxyType

from ..errors import ParameterError, did_you_mean
from . import (
    attention,
    backprop,
    cam,
    channels,
    coalitions,
    deep_lift,
    gradient,
    internal,
    masks,
    path,
    perturbation,
    relevance,
    walks,
    xrai,
)
from .method import Method

_FAMILIES = (
    *(path, walks, xrai, cam, channels, gradient, backprop, relevance, deep_lift),
    *(attention, perturbation, masks, coalitions, internal),
)
_methods: dict[str, Method] = {method.name: method for family in _FAMILIES for method in family.METHODS}
_ours = frozenset(_methods)

METHODS: Mapping[str, Method] = MappingProxyType(_methods)


def register(method: Method) -> None:
    """Add a method of the user's, or replace one that the user added before.

    Raises:
        ParameterError: the library has one of that name.
    """
    if method.name in _ours:
        raise ParameterError(f"{method.name!r} is a method of the library.", "Give yours another name.")
    _methods[method.name] = method


def find(name: str | Method) -> Method:
    """Return a method by its name; one that is no member of `METHODS` is given as it is.

    Raises:
        ParameterError: there is none, with close names.
    """
    if isinstance(name, Method):
        return name
    if name not in METHODS:
        raise ParameterError(f"No method is called {name!r}.", did_you_mean(str(name), METHODS))
    return METHODS[name]
