"""How many images go in at once: as memory allows, and as fits a step that a person waits for."""

import math
from collections.abc import Callable, Hashable

import torch
from torch import Tensor, nn

from xai_widgets.errors import ModelError
from xai_widgets.model.answers import find_answer
from xai_widgets.model.hooks import untouched

Work = Callable[[Tensor], tuple[Tensor, ...]]

STEP = 0.1
"""Seconds that a step may take: with powers of two, steps of a quick network take 50 to 100 ms."""


class Pace:
    """How long one image takes, learned from every call."""

    def __init__(self) -> None:
        self._seconds: dict[Hashable, float] = {}

    def learn(self, kind: Hashable, count: int, seconds: float) -> None:
        """Take in what a call took. A stall does not count at once, a network that got slower soon does."""
        known = self._seconds.get(kind, math.inf)
        self._seconds[kind] = min(seconds / count, 1.25 * known)

    def at_once(self, kind: Hashable, most: int) -> int:
        """Return how many images to take at once: a power of two, or `most`; one where nothing is known."""
        fits = STEP / max(self._seconds.get(kind, math.inf), 1e-9)
        return min(most, 2 ** int(math.log2(fits))) if fits >= 1 else 1


def in_batches(work: Work, inputs: Tensor, limit: int | None) -> tuple[tuple[Tensor, ...], int | None]:
    """Return the results of `work` over all inputs, concatenated, and the batch size that fitted.

    Args:
        work: from inputs `(m, c, h, w)` to tensors of first dimension m.
        inputs: `(n, c, h, w)`.
        limit: the largest batch known to fit, None where nothing is known.

    Raises:
        ModelError: a single image does not fit.
    """
    parts: list[tuple[Tensor, ...]] = []
    start = 0
    while start < len(inputs):
        size = min(limit or len(inputs), len(inputs) - start)
        failed = False
        try:
            parts.append(work(inputs[start : start + size]))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if size == 1:
                raise ModelError(
                    f"One image of shape {tuple(inputs.shape[1:])} does not fit into memory.",
                    "Use a smaller picture, model.half(), or a device with more memory.",
                ) from error
            failed = True
        # Outside the except block: there the traceback still holds the tensors that did not fit.
        if failed:
            limit = size // 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        else:
            start += size
    return tuple(torch.cat(column) for column in zip(*parts, strict=True)), limit


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error says that memory ran out, on any device."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    said = str(error).lower()
    signs = ("out of memory", "can't allocate memory", "cannot allocate memory", "alloc_failed")
    return isinstance(error, RuntimeError) and any(sign in said for sign in signs)


def independent(net: nn.Module, ready: Tensor) -> bool:
    """Whether a batch gives each image what it gets alone; statistics over the batch would mix them."""
    with untouched(net):
        try:
            beside = find_answer(net(ready[:2]), ready[:2])[0]
        except Exception as error:  # a network that takes one image only says so in its own way
            return is_out_of_memory(error)
        alone = find_answer(net(ready[:1]), ready[:1])[0]
    beside = beside[: len(alone)]  # the other image may have had more boxes
    return torch.allclose(alone, beside, rtol=1e-2, atol=1e-3 * float(alone.abs().max()))
