"""What a method or a baseline lets a person change, read from its own signature.

A parameter is declared where it is used, `steps: Annotated[int, Range(8, 1024, log=True)] = 128`, and
everything else follows from that: the check of what is given, the error, the control in the interface.
"""

import inspect
import math
import numbers
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_type_hints

from .errors import ParameterError, did_you_mean

Kind = Literal["int", "float", "bool", "choice", "color", "image", "images", "strokes"]


@dataclass(frozen=True)
class Range:
    """The values a number may take, both ends included.

    Attributes:
        log: whether a control should move along it in ratios.
        step: what one press of a key changes; None lets the interface choose.
        unit: "px", "%" and the like, shown after the number.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    label: str = ""
    unit: str = ""
    help: str = ""


@dataclass(frozen=True)
class Choice:
    """The words a parameter may take."""

    options: tuple[str, ...]
    label: str = ""
    help: str = ""


@dataclass(frozen=True)
class Special:
    """A parameter with a control of its own: a switch, a colour, an image, all images, strokes of a brush."""

    kind: Literal["bool", "color", "image", "images", "strokes"]
    label: str = ""
    help: str = ""


@dataclass(frozen=True)
class Param:
    """One parameter, as an interface needs it."""

    name: str
    kind: Kind
    default: Any
    low: float | None = None
    high: float | None = None
    step: float | None = None
    log: bool = False
    choices: tuple[str, ...] = ()
    label: str = ""
    unit: str = ""
    help: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**asdict(self), "choices": list(self.choices)}

    def check(self, value: Any, owner: str) -> Any:
        """Return `value` in this parameter's type.

        Raises:
            ParameterError: it is of another type or out of range; the message says which.
        """
        if self.kind in ("int", "float"):
            return self._number(value, owner)
        if self.kind == "bool" and not isinstance(value, bool):
            raise ParameterError(f"{self.name} of {owner} is True or False, not {value!r}.")
        if self.kind == "choice" and value not in self.choices:
            hint = did_you_mean(str(value), self.choices)
            raise ParameterError(f"{self.name} of {owner} can't be {value!r}.", hint)
        if self.kind == "color" and not re.fullmatch(r"#[0-9a-fA-F]{6}", str(value)):
            raise ParameterError(
                f"{self.name} of {owner} is no colour: {value!r}.", "Write it like '#808080'."
            )
        return value

    def _number(self, value: Any, owner: str) -> int | float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
            raise ParameterError(f"{self.name} of {owner} is a number, not {value!r}.")
        number = float(value)
        if self.kind == "int" and not number.is_integer():
            raise ParameterError(f"{self.name} of {owner} is a whole number, not {value!r}.")
        low, high = self.low or 0.0, self.high or 0.0
        if not low <= number <= high:
            words = f"{self.name} of {owner} lies within {low:g} and {high:g}, not at {value!r}."
            raise ParameterError(words, f"{min(max(number, low), high):g} is the nearest.")
        return int(number) if self.kind == "int" else number


def declared(function: Callable[..., Any]) -> tuple[Param, ...]:
    """Return the parameters that a function or a dataclass declares by `Annotated`."""
    source = function.__init__ if inspect.isclass(function) else function
    hints = get_type_hints(function, include_extras=True)
    found = []
    for name, argument in inspect.signature(source).parameters.items():
        for rule in getattr(hints.get(name), "__metadata__", ()):
            if isinstance(rule, (Range, Choice, Special)):
                found.append(_param(name, argument.default, rule, hints[name].__origin__))
    return tuple(found)


def _param(name: str, default: Any, rule: Range | Choice | Special, kind: Any) -> Param:
    label = rule.label or name.replace("_", " ")
    given = None if default is inspect.Parameter.empty else default
    if isinstance(rule, Range):
        number: Kind = "int" if kind is int else "float"
        return Param(
            name, number, given, rule.low, rule.high, rule.step, rule.log, (), label, rule.unit, rule.help
        )
    if isinstance(rule, Choice):
        return Param(name, "choice", given, choices=rule.options, label=label, help=rule.help)
    return Param(name, rule.kind, given, label=label, help=rule.help)


def checked(params: tuple[Param, ...], given: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Return all parameters with their values, the given ones checked, the others at their default.

    Raises:
        ParameterError: a name that is not declared, or a value that does not fit.
    """
    known = {param.name: param for param in params}
    for name in given:
        if name not in known:
            have = f"It has {', '.join(known)}." if known else "It has no parameters."
            hint = did_you_mean(name, known) if known else have
            raise ParameterError(f"{owner} has no parameter {name!r}.", hint)
    return {name: param.check(given.get(name, param.default), owner) for name, param in known.items()}
