"""Every exception a user can see.

Each says what was given, what was expected and what to do; `hint` holds the last part, so that the
widgets can show it apart from the message.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class XaiWidgetsError(Exception):
    """Base of all errors of this library.

    Args:
        message: what was given and what was expected.
        hint: what to do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message if not hint else f"{message} {hint}")
        self.message = message
        self.hint = hint


class InputError(XaiWidgetsError, ValueError):
    """An image, a tensor or a preprocessing that cannot go into the network."""


class ParameterError(XaiWidgetsError, ValueError):
    """A method, a baseline or one of their parameters that does not exist or is out of range."""


class ModelError(XaiWidgetsError, RuntimeError):
    """The network failed, or gave something that cannot be explained."""


class ModelTypeError(XaiWidgetsError, TypeError):
    """What was given as a model is none."""


class NotValidError(XaiWidgetsError, ValueError):
    """A method that is not valid for this architecture or target."""


class UnknownLayerError(XaiWidgetsError, ValueError):
    """A layer name that the network does not have."""


class UnknownClassError(XaiWidgetsError, ValueError):
    """A class index or name that the network does not have."""


def did_you_mean(given: str, known: Iterable[str], count: int = 3) -> str:
    """Return a sentence with the names closest to `given`, or with the first few if none is close."""
    names = list(known)
    folded = {name.casefold(): name for name in reversed(names)}
    close = [folded[name] for name in get_close_matches(given.casefold(), folded, count, 0.5)]
    inside = [name for name in names if given and given.casefold() in name.casefold()]
    found = list(dict.fromkeys(close + inside))[:count]
    if found:
        return f"Did you mean {' or '.join(repr(name) for name in found)}?"
    if not names:
        return "There is none to choose from."
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return f"There are {', '.join(repr(name) for name in names[:count])}{more}."
