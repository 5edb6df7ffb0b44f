"""What is known of a method beside its function: what it needs, what it promises, what can be set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..model.answers import Kind
from ..model.handle import Model
from ..model.layers import LayerTree
from ..parameters import Param, checked, declared
from .problem import Steps


@dataclass(frozen=True)
class Method:
    """One way to explain.

    Attributes:
        name: as in `METHODS`.
        label: for a person.
        function: from a Problem and its parameters to Steps of Attributions.
        paper: where it comes from.
        summary: what it shows, in one sentence.
        needs: of "baseline", "layer", "distribution" (it can use one).
        signed: whether negative values mean something.
        per_channel: whether values are `(c, h, w)` and not `(h, w)`.
        complete: whether the values promise to add up to f(x) - f(x').
        counted: what its evaluations are, "gradients" or "forward passes".
        baseline: the baseline it takes when none is given, as JSON.
        why_not: tells from the layers why a network can't be explained by it, None where it can.
        not_for: why whole kinds of networks can't, by the kind.
        family: what it is listed under.
    """

    name: str
    label: str
    function: Callable[..., Steps]
    paper: str
    summary: str
    needs: frozenset[str] = frozenset()
    signed: bool = True
    per_channel: bool = True
    complete: bool = False
    counted: str = "gradients"
    baseline: Mapping[str, Any] | None = None
    why_not: Callable[[LayerTree], str | None] | None = None
    not_for: Mapping[Kind, str] = field(default_factory=dict)
    family: str = "Yours"

    @cached_property
    def params(self) -> tuple[Param, ...]:
        """The parameters that the function's signature declares."""
        return declared(self.function)

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return all parameters, the given ones checked; ParameterError where one does not fit."""
        return checked(self.params, given, f"the method {self.name!r}")

    def valid(self, model: Model, tree: LayerTree) -> str | None:
        """Return why this network can't be explained by this method, None where it can."""
        reason = self.not_for.get(model.kind) if self.not_for else None
        return reason or (self.why_not(tree) if self.why_not else None)

    def to_dict(self) -> dict[str, Any]:
        """Return what an interface needs, as JSON."""
        plain = (
            "name",
            "label",
            "family",
            "paper",
            "summary",
            "signed",
            "per_channel",
            "complete",
            "counted",
        )
        return {name: getattr(self, name) for name in plain} | {
            "needs": sorted(self.needs),
            "baseline": dict(self.baseline) if self.baseline else None,
            "params": [param.to_dict() for param in self.params],
        }
