"""The words spoken with the browser: the mirror of `js/src/live/messages.ts`.

Wishes come as custom messages on a panel's own comm. Answers go over the one viewless data channel that
the panels of a session share, so that input stays live while a cell runs.
"""

import json
from typing import Any, Literal, NotRequired, TypedDict

from ..errors import XaiWidgetsError

Params = dict[str, Any]


class Failure(TypedDict):
    """An error as a view shows it: what, why, what to do."""

    type: str
    message: str
    hint: str


class StepState(TypedDict):
    """How far the work behind a frame is."""

    index: int
    done: float
    error: float | None
    final: bool


class ArrayHead(TypedDict):
    """What the bytes of one buffer mean: real value = scale * (q - zero)."""

    name: str
    dtype: Literal["uint8", "int16", "float32"]
    shape: list[int]
    scale: float | list[float]
    zero: float | list[float]


class Welcome(TypedDict):
    """What a new view must know."""

    type: Literal["welcome"]
    client: str
    model: str
    selection: Params
    classes: list[str] | None
    methods: list[Params]
    baselines: list[Params]
    images: list[Params]
    targets: list[str]
    """The kinds of targets that the network can be asked for, the usual one first."""
    measure: str
    """What the probability of a prediction is."""
    waits: bool
    """Whether the kernel hears its views only when no cell runs."""
    recorded: NotRequired[bool]


class State(TypedDict):
    """The selection changed; `origin` is the client that wished it, or "kernel"."""

    type: Literal["state"]
    origin: str
    values: Params
    heard: NotRequired[Params]
    """What the origin wished, whether it was followed or not."""
    images: NotRequired[list[Params]]


class Frame(TypedDict):
    """One picture, its arrays in the buffers that travel with it."""

    type: Literal["frame"]
    client: str
    topic: str
    seq: int
    params: Params
    step: StepState
    meta: Params
    arrays: list[ArrayHead]


class Progress(TypedDict):
    """The work goes on, and nothing new is shown."""

    type: Literal["progress"]
    client: str
    topic: str
    seq: int
    done: float
    error: float | None
    note: str | None


class Done(TypedDict):
    """The work ended; `ms` from the wish to the last answer."""

    type: Literal["done"]
    client: str
    topic: str
    seq: int
    ms: float


class Error(TypedDict):
    """The work failed."""

    type: Literal["error"]
    client: str
    topic: str
    seq: int
    error: Failure


class Cancelled(TypedDict):
    """The work was dropped because its view asked for that."""

    type: Literal["cancelled"]
    client: str
    topic: str
    seq: int


class Reset(TypedDict):
    """What was sent is worth nothing any longer: ask again."""

    type: Literal["reset"]


class Roll(TypedDict):
    """A view is gone: pages that still show one say so."""

    type: Literal["roll"]


ToBrowser = Welcome | State | Reset | Roll | Frame | Progress | Done | Error | Cancelled


class Hello(TypedDict):
    """A view appeared."""

    type: Literal["hello"]
    client: str


class Select(TypedDict):
    """A person changed the selection."""

    type: Literal["select"]
    client: str
    values: Params


class Request(TypedDict):
    """A view wishes to see something; newer wishes of the same topic replace it."""

    type: Literal["request"]
    client: str
    topic: str
    seq: int
    params: Params


class Again(TypedDict):
    """Nothing came of a request for a while: what it said, once more."""

    type: Literal["again"]
    client: str
    topic: str
    seq: int
    params: Params


class Cancel(TypedDict):
    """A view does not wish it any longer."""

    type: Literal["cancel"]
    client: str
    topic: str


class Ack(TypedDict):
    """A frame was painted."""

    type: Literal["ack"]
    client: str
    topic: str
    seq: int


class Add(TypedDict):
    """A person gave an image file; its bytes are the message's one buffer."""

    type: Literal["add"]
    client: str
    name: str


class Traits(TypedDict):
    """A person changed what only the browser needs: what the host's synchronisation of traits may lose."""

    type: Literal["traits"]
    client: str
    values: Params


class Shown(TypedDict):
    """A panel has a view now."""

    type: Literal["shown"]
    client: str


class Gone(TypedDict):
    """A panel has no view any more; it may get one later."""

    type: Literal["gone"]
    client: str


FromBrowser = Hello | Select | Request | Again | Cancel | Ack | Add | Traits | Shown | Gone

_SHAPES: dict[str, type] = {
    "hello": Hello,
    "select": Select,
    "request": Request,
    "again": Again,
    "cancel": Cancel,
    "ack": Ack,
    "add": Add,
    "traits": Traits,
    "shown": Shown,
    "gone": Gone,
}
_KINDS: dict[str, type] = {
    "client": str,
    "topic": str,
    "seq": int,
    "params": dict,
    "values": dict,
    "name": str,
}


def read(content: object) -> FromBrowser | None:
    """Return the message if it is one of ours and well formed, else None: strangers are not answered."""
    if not isinstance(content, dict) or not isinstance(content.get("type"), str):
        return None
    shape = _SHAPES.get(content["type"])
    if shape is None:
        return None
    for field in shape.__annotations__:
        if field != "type" and not isinstance(content.get(field), _KINDS[field]):
            return None
    return content  # type: ignore[return-value]  # checked field by field above


def canonical(value: object) -> str:
    """Return the same text for the same params, whatever the order of their keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def failure(error: BaseException) -> Failure:
    """Return an error as a view shows it."""
    if isinstance(error, XaiWidgetsError):
        return {"type": type(error).__name__, "message": error.message, "hint": error.hint}
    return {
        "type": type(error).__name__,
        "message": str(error) or type(error).__name__,
        "hint": "This is not an error that xai_widgets foresaw; the last result stays on the screen.",
    }
