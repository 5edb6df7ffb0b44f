"""Finished results by content key, least recently used dropped first, bounded in bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from threading import RLock
from typing import Generic, TypeVar

from ..anytime import Step

T = TypeVar("T")


class ByteCache(Generic[T]):
    """A mapping that forgets.

    Args:
        limit: the most bytes it holds. A single value larger than that is not kept at all.
        size: tells the bytes of a value.
    """

    def __init__(self, limit: int, size: Callable[[T], int]) -> None:
        self.limit = limit
        self.bytes = 0
        self._size = size
        self._kept: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._lock = RLock()

    def get(self, key: Hashable) -> T | None:
        """Return the value, or None where it is not kept."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: Hashable, value: T) -> None:
        """Keep the value, dropping older ones until all fit."""
        size = self._size(value)
        with self._lock:
            self.drop(key)
            if size > self.limit:
                return
            self._kept[key] = (value, size)
            self.bytes += size
            while self.bytes > self.limit:
                self.bytes -= self._kept.popitem(last=False)[1][1]

    def drop(self, key: Hashable) -> None:
        """Forget the value, if it is kept."""
        with self._lock:
            if key in self._kept:
                self.bytes -= self._kept.pop(key)[1]

    def drop_where(self, match: Callable[[Hashable], bool]) -> None:
        """Forget every value whose key matches."""
        with self._lock:
            for key in [key for key in self._kept if match(key)]:
                self.drop(key)

    def __len__(self) -> int:
        return len(self._kept)


def remembered(
    cache: ByteCache[T], key: Hashable, work: Callable[[], Iterator[Step[T]]]
) -> Iterator[Step[T]]:
    """Run the work and keep its last value; where that is kept already, give it at once."""
    known = cache.get(key)
    if known is not None:
        yield Step(known, 1.0, None, True)
        return
    steps = work()
    try:
        for step in steps:
            if step.final:
                cache.put(key, step.value)
            yield step
    finally:
        close = getattr(steps, "close", None)
        if close is not None:
            close()
