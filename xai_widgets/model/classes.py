"""Names of classes, and the class that is meant by a name."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

from xai_widgets.errors import InputError, UnknownClassError, did_you_mean


def class_names(classes: Sequence[str] | Mapping[int, str] | None) -> tuple[str, ...] | None:
    """Return the names in the order of the outputs, from a list or from `{index: name}`.

    Raises:
        InputError: one string was given instead of a list.
    """
    if classes is None:
        return None
    if isinstance(classes, str):
        raise InputError("classes is one string.", "Give a list of names, one an output.")
    if isinstance(classes, Mapping):
        return tuple(str(classes.get(i, f"class {i}")) for i in range(max(map(int, classes), default=-1) + 1))
    return tuple(str(name) for name in classes)


def index_of(name: str, classes: tuple[str, ...] | None) -> int:
    """Return the index of the class with this name; upper and lower case only where they decide.

    Raises:
        UnknownClassError: there is none, with close names; or several have this name.
    """
    if classes is None:
        raise UnknownClassError(
            f"There is no class {name!r}: the model has no class names.", "Give an index."
        )
    found = [index for index, known in enumerate(classes) if known == name]
    found = found or [index for index, known in enumerate(classes) if known.casefold() == name.casefold()]
    if not found:
        raise UnknownClassError(f"The network has no class {name!r}.", did_you_mean(name, classes))
    if len(found) > 1:
        raise UnknownClassError(f"{name!r} is the name of classes {found}.", "Give the index.")
    return found[0]


def checked_index(index: Any, count: int | None) -> int:
    """Return the index of a class, checked against how many there are, where that is known.

    Raises:
        UnknownClassError: it is no whole number, or there is no such class.
    """
    found = _whole(index)
    if found < 0 or (count is not None and found >= count):
        known = f"It has classes 0 to {count - 1}." if count else "They start at 0."
        raise UnknownClassError(f"The network has no class {found}.", known)
    return found


def _whole(index: Any) -> int:
    try:
        if not isinstance(index, bool):
            return operator.index(index)
    except TypeError:
        pass
    raise UnknownClassError(f"{index!r} is no class.", "Give an index from 0, or a name.")
