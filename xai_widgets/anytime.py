"""Work that improves while you watch.

A method is a generator of `Step`s. One-shot use takes the last one; live use takes one, looks whether
something newer is wanted, and goes on or drops the generator. Cancelling is not asking again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Step(Generic[T]):
    """One answer of an anytime method.

    Attributes:
        value: the best answer so far, already usable.
        done: the share of the work that is done, from 0 to 1; it never falls.
        error: the method's own estimate of what is still missing (mean absolute error an entry, in the
            units of `value`), or None where it has none.
        final: whether this is the last step.
    """

    value: T
    done: float
    error: float | None
    final: bool


def last(steps: Iterator[Step[T]]) -> Step[T]:
    """Run the work to its end and return the last step.

    Raises:
        ValueError: the work gave no step at all.
    """
    step = None
    for step in steps:  # noqa: B007
        pass
    if step is None:
        raise ValueError("the work ended without a step")
    return step


def far_apart(end: int) -> list[int]:
    """Return 0 … end so that the first few lie far apart: both ends, the middle, the quarters, …"""
    found, spans = list(dict.fromkeys((end, 0))), [(0, end)]
    for low, high in spans:  # which grows meanwhile
        middle = (low + high) // 2
        if middle > low:
            found.append(middle)
            spans += [(low, middle), (middle, high)]
    return found
