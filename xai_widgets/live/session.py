"""One session: requests in, frames out, acknowledgements counted.

The session answers the newest wish of each topic of each client. It sends the first picture at once and
never has more than two frames of a topic on their way that the browser has not painted: what comes in
between waits, and only the newest of it is sent.
"""

import logging
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from threading import RLock, Timer
from typing import Any

from ..anytime import Step
from .codec import Packed
from .messages import Done, Error, Frame, Params, ToBrowser, canonical, failure
from .scheduler import Job, Scheduler, worker

_log = logging.getLogger(__name__)

UNACKNOWLEDGED = 2
PROGRESS_SECONDS = 0.1
BREATH_SECONDS = 0.05
"""For so long the refinement leaves the processor to the first picture, which is on its way to the screen."""
AHEAD_SEQ = -1
NAMES = 4096
"""So many sent frames are remembered for each view; after that some may be sent ahead once more."""
SILENT_SECONDS = 600.0
"""A page that goes away says no word; one that was silent for so long gets nothing sent ahead any more."""


@dataclass(frozen=True)
class Encoded:
    """What a frame shows: facts, and arrays."""

    meta: Params
    arrays: tuple[Packed, ...] = ()


@dataclass(frozen=True)
class Wish:
    """Something that can be asked for: its work, and how its steps become frames."""

    topic: str
    params: Params
    work: Callable[[], Iterator[Step[Any]]]
    encode: Callable[[Step[Any]], Encoded]
    seen: Callable[[Step[Any]], None] | None = None


Send = Callable[[ToBrowser, list[bytes]], None]


@dataclass
class _Line:
    """What is on its way to one topic of one client."""

    flying: int = 0
    held: list[tuple[ToBrowser, list[bytes]]] = field(default_factory=list)
    told: float = 0.0
    working: int | None = None
    """The request that is being answered."""
    done: float = 0.0
    error: float | None = None
    breath: float = 0.0
    """When the refinement goes on, though the browser has not painted the first picture."""

    def rested(self) -> bool:
        """Whether the first picture is on the screen, or has had its time."""
        return time.monotonic() >= self.breath


@dataclass
class _Client:
    """What is known of one view."""

    heard: float = 0.0
    sent: set[str] = field(default_factory=set)

    def remember(self, name: str) -> None:
        """Note what it has; a long drag of a slider may not fill the memory with names."""
        if len(self.sent) >= NAMES:
            self.sent.clear()
        self.sent.add(name)


class Session:
    """The live side of one set of panels.

    Args:
        send: puts a message and its buffers on the data channel. Called from any thread.
        scheduler: where the work runs; the process's one worker unless a test brings its own.
    """

    def __init__(self, send: Send, scheduler: Scheduler | None = None) -> None:
        self._send = send
        self._scheduler = scheduler or worker()
        self._lines: dict[tuple[str, str], _Line] = {}
        self._clients: dict[str, _Client] = {}
        self._lock = RLock()
        self.closed = False

    def request(self, client: str, seq: int, wish: Wish) -> None:
        """Answer a wish; an older one of the same client and topic is dropped."""
        if self.closed:
            return
        with self._lock:
            line = self._line(client, wish.topic)
            line.held.clear()
            line.working, line.done, line.error = seq, 0.0, None
            now = time.monotonic()
            self._clients.setdefault(client, _Client()).heard = now
            silent = [one for one, known in self._clients.items() if now - known.heard > SILENT_SECONDS]
        for one in silent:
            self.forget(one)
        follower = _Answer(self, client, seq, wish)
        ready = lambda: follower.sent is None or line.rested()  # noqa: E731
        self._scheduler.submit(Job(self._key(client, wish.topic), wish.work, follower, ready=ready))

    def goes_on(self, client: str, topic: str, seq: int) -> bool:
        """A view heard nothing of a request for a while: say how far it is, and return whether it goes on.

        What was on its way to it is lost, or its word that it came: nothing waits for that any longer.
        """
        with self._lock:
            line = self._line(client, topic)
            line.flying = 0
            if client in self._clients:
                self._clients[client].heard = time.monotonic()
            if line.held:
                self._release(line)
                return True
            if line.working != seq:
                return False
            done, error = line.done, line.error
        self._progress(client, topic, seq, done, error)
        return True

    def work(self, wish: Wish, failed: Callable[[BaseException], None]) -> None:
        """Do a wish of Python's own: only `wish.seen` hears of it, nothing goes to the browser."""
        if not self.closed:
            follower = _Quiet(wish, failed)
            self._scheduler.submit(Job(self._key("", wish.topic), wish.work, follower))

    def ahead(self, client: str, topic: str, wishes: Iterable[Wish]) -> None:
        """Send what may be wished next while nothing else is to be done; replaces what was planned."""
        if self.closed:
            return
        line = self._line(client, topic)
        key = self._key(client, f"ahead {topic}")
        follower = _Ahead(self, client)
        ready = lambda: line.flying < UNACKNOWLEDGED  # noqa: E731
        fresh = (wish for wish in wishes if not self._has(client, wish))
        self._scheduler.submit(Job(key, lambda: _ahead_steps(fresh), follower, ahead=True, ready=ready))

    def cancel(self, client: str, topic: str) -> None:
        """Drop the wish of this client and topic, if it still runs, and what was to come after it."""
        keys = (self._key(client, topic), self._key(client, f"ahead {topic}"))
        self._scheduler.cancel(lambda other: other in keys)
        with self._lock:
            line = self._lines.get((client, topic))  # a stranger's word makes no line
            if line is not None:
                line.held.clear()
                line.working = None

    def ack(self, client: str, topic: str) -> None:
        """The browser painted a frame: send what waits."""
        with self._lock:
            line = self._lines.get((client, topic))
            if line is None:
                return
            line.flying = max(0, line.flying - 1)
            line.breath = 0.0
            if client in self._clients:
                self._clients[client].heard = time.monotonic()
            self._release(line)
        self._scheduler.wake()

    def reset(self) -> None:
        """Say that what was sent is worth nothing any longer; the views ask again."""
        with self._lock:
            for known in self._clients.values():
                known.sent.clear()
        self.tell({"type": "reset"})

    def tell(self, message: ToBrowser, buffers: list[bytes] | None = None) -> None:
        """Send a message that no flow control concerns."""
        if not self.closed:
            self._send(message, buffers or [])

    def close(self) -> None:
        """Drop all work and say nothing any more."""
        self.closed = True
        self._scheduler.cancel(lambda key: isinstance(key, tuple) and key[0] == id(self))
        self._lines.clear()

    def rest(self) -> None:
        """Drop all work but Python's own: nobody sees the rest."""
        for client in list(self._clients):
            self.forget(client)

    def _has(self, client: str, wish: Wish) -> bool:
        with self._lock:
            return client in self._clients and _name(wish) in self._clients[client].sent

    def forget(self, client: str) -> None:
        """Drop what was wished for a view that is gone, and what is known of it."""
        key = self._key(client, "")
        self._scheduler.cancel(lambda other: isinstance(other, tuple) and other[:2] == key[:2])
        with self._lock:
            self._clients.pop(client, None)
            for line in [line for line in self._lines if line[0] == client]:
                del self._lines[line]

    # -- for the answers ------------------------------------------------------------------------------

    def frame(self, client: str, seq: int, index: int, wish: Wish, step: Step[Any]) -> None:
        """Send a step as a frame, or hold it until the browser has caught up."""
        encoded = wish.encode(step)
        message: Frame = {
            "type": "frame",
            "client": client,
            "topic": wish.topic,
            "seq": seq,
            "params": wish.params,
            "step": {"index": index, "done": step.done, "error": step.error, "final": step.final},
            "meta": encoded.meta,
            "arrays": [packed.head for packed in encoded.arrays],
        }
        buffers = [packed.data for packed in encoded.arrays]
        with self._lock:
            line = self._line(client, wish.topic)
            if seq == line.working:
                line.done, line.error = step.done, step.error
            elif line.flying >= UNACKNOWLEDGED:
                return  # held, it would take the place of what somebody waits for
            if step.final and client in self._clients:
                self._clients[client].remember(_name(wish))
            if line.flying < UNACKNOWLEDGED:
                self._put(line, message, buffers)
                return
            line.held = [(message, buffers)]
        self.progress(client, seq, wish, step)

    def progress(self, client: str, seq: int, wish: Wish, step: Step[Any]) -> None:
        """Say how far the work is, but not too often."""
        with self._lock:
            line, now = self._line(client, wish.topic), time.monotonic()
            if now - line.told < PROGRESS_SECONDS:
                return
            line.told = now
        self._progress(client, wish.topic, seq, step.done, step.error)

    def end(self, client: str, topic: str, message: Done | Error) -> None:
        """Send the word that ends an answer, behind the frame it belongs to."""
        with self._lock:
            line = self._line(client, topic)
            if line.working == message["seq"]:
                line.working = None
            if line.held:
                line.held.append((message, []))
                return
        self.tell(message)

    def _progress(self, client: str, topic: str, seq: int, done: float, error: float | None) -> None:
        self.tell(
            {
                "type": "progress",
                "client": client,
                "topic": topic,
                "seq": seq,
                "done": done,
                "error": error,
                "note": None,
            }
        )

    def _release(self, line: _Line) -> None:
        waiting, line.held = line.held, []
        for message, buffers in waiting:
            self._put(line, message, buffers)

    def _put(self, line: _Line, message: ToBrowser, buffers: list[bytes]) -> None:
        if message["type"] == "frame":
            line.flying += 1
            if message["step"]["index"] == 0 and not message["step"]["final"]:
                line.breath = time.monotonic() + BREATH_SECONDS
                alarm = Timer(BREATH_SECONDS, self._scheduler.wake)
                alarm.daemon = True
                alarm.start()
        self.tell(message, buffers)

    def _line(self, client: str, topic: str) -> _Line:
        return self._lines.setdefault((client, topic), _Line())

    def _key(self, client: str, topic: str) -> tuple[int, str, str]:
        return (id(self), client, topic)


@dataclass
class _Answer:
    """Turns the steps of one wish into frames for the client that asked.

    A step that brings the same value again is told as progress.
    """

    session: Session
    client: str
    seq: int
    wish: Wish
    sent: Any = None

    def step(self, index: int, step: Step[Any]) -> None:
        if step.value is self.sent and not step.final:
            self.session.progress(self.client, self.seq, self.wish, step)
            return
        self.sent = step.value
        _show(self.wish, step)
        self.session.frame(self.client, self.seq, index, self.wish, step)

    def done(self, seconds: float) -> None:
        ms = round(1000 * seconds, 1)
        topic = self.wish.topic
        self.session.end(
            self.client,
            topic,
            {"type": "done", "client": self.client, "topic": topic, "seq": self.seq, "ms": ms},
        )

    def failed(self, error: BaseException) -> None:
        topic = self.wish.topic
        self.session.end(
            self.client,
            topic,
            {
                "type": "error",
                "client": self.client,
                "topic": topic,
                "seq": self.seq,
                "error": failure(error),
            },
        )


@dataclass
class _Quiet:
    """Tells Python alone."""

    wish: Wish
    failed: Callable[[BaseException], None]

    def step(self, index: int, step: Step[Any]) -> None:
        _show(self.wish, step)

    def done(self, seconds: float) -> None:
        pass


@dataclass
class _Ahead:
    """Sends what nobody asked for yet."""

    session: Session
    client: str

    def step(self, index: int, step: Step[Any]) -> None:
        wish, inner = step.value
        if inner.final:
            self.session.frame(self.client, AHEAD_SEQ, 0, wish, inner)

    def done(self, seconds: float) -> None:
        pass

    def failed(self, error: BaseException) -> None:
        pass


def _ahead_steps(wishes: Iterable[Wish]) -> Iterator[Step[tuple[Wish, Step[Any]]]]:
    """Yield every step, though only the last ones are sent: between two of them a wish may come."""
    for wish in wishes:
        try:
            for step in wish.work():
                yield Step((wish, step), 0.0, None, False)
        except Exception:  # told to whoever asks for it
            _log.debug("work ahead failed", exc_info=True)


def _name(wish: Wish) -> str:
    return f"{wish.topic} {canonical(wish.params)}"


def _show(wish: Wish, step: Step[Any]) -> None:
    """Let Python see a step. What a user's observer raises is printed and does not keep the picture away."""
    if wish.seen is not None:
        try:
            wish.seen(step)
        except Exception:
            traceback.print_exc()
