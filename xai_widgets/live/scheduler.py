"""Run the newest wishes in small steps on one worker thread, and drop the rest.

Torch work of a whole kernel runs here, one step at a time. Between two steps the worker looks at what is
wished now: a wish with the same key replaces the older one, whose generator is closed without having been
asked again. Only a first step that was being made meanwhile is still shown (decision 9). Of several wishes
the one that has shown least goes first, so that every panel gets its first picture before any is refined.
"""

import atexit
import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from ..anytime import Step

_log = logging.getLogger(__name__)


class Follower(Protocol):
    """Who is told how a job goes. Called on the worker thread."""

    def step(self, index: int, step: Step[Any]) -> None:
        """A step was made."""

    def done(self, seconds: float) -> None:
        """The last step was made."""

    def failed(self, error: BaseException) -> None:
        """The work raised."""


@dataclass(eq=False)
class Job:
    """One wish.

    Attributes:
        key: a newer job with the same key replaces this one.
        work: starts the work.
        follower: is told how it goes.
        ahead: nobody asked for it yet: it runs while nothing else is to be done.
        ready: whether the next step may be made now (an ahead job waits for the browser to catch up). It is
            asked again when the scheduler is woken.
    """

    key: Hashable
    work: Callable[[], Iterator[Step[Any]]]
    follower: Follower
    ahead: bool = False
    ready: Callable[[], bool] = lambda: True
    born: float = field(default_factory=time.perf_counter)
    taken: int = 0
    steps: Iterator[Step[Any]] | None = None


class Scheduler:
    """The queue and its worker thread, which starts with the first job and ends with the process."""

    def __init__(self, name: str = "xai-widgets") -> None:
        self._name = name
        self._jobs: dict[Hashable, Job] = {}
        self._dropped: list[Job] = []
        self._changed = threading.Condition()
        self._running: Job | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False

    def submit(self, job: Job) -> None:
        """Put a job in the queue, in the place of an older one with the same key."""
        with self._changed:
            if self._stopped:
                return
            self._drop(job.key)
            self._jobs[job.key] = job
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def cancel(self, match: Callable[[Hashable], bool]) -> None:
        """Drop every job whose key matches."""
        with self._changed:
            for key in [key for key in self._jobs if match(key)]:
                self._drop(key)
            self._changed.notify_all()

    def wake(self) -> None:
        """Look again whether a waiting job is ready."""
        with self._changed:
            self._changed.notify_all()

    def wait_idle(self, timeout: float) -> bool:
        """Wait until nothing is to be done; return whether that came in `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs and self._running is None, timeout)

    def stop(self, timeout: float = 30.0) -> None:
        """Drop everything, finish the step that is being made, and end the thread."""
        self.cancel(lambda key: True)
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout)

    def current(self, job: Job) -> bool:
        """Whether the job is still wished."""
        with self._changed:
            return self._jobs.get(job.key) is job

    def _drop(self, key: Hashable) -> None:
        job = self._jobs.pop(key, None)
        if job is not None:
            self._dropped.append(job)

    def _work(self) -> None:
        while not self._stopped:
            self._turn()

    def _turn(self) -> None:
        # A method of its own: a job that lived on in the loop's frame would keep its model in memory.
        with self._changed:
            self._running = None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._stopped or self._dropped or self._next() is not None)
            dropped, self._dropped = self._dropped, []
            job = self._running = self._next()
        for old in dropped:
            _close(old)
        if job is not None:
            try:
                self._advance(job)
            except Exception:  # a channel that is gone: the worker serves others, too
                _log.exception("an answer could not be told")
                self._end(job)

    def _next(self) -> Job | None:
        ready = [job for job in self._jobs.values() if job.ready()]
        return min(ready, key=lambda job: (job.ahead, job.taken, job.born), default=None)

    def _advance(self, job: Job) -> None:
        try:
            if job.steps is None:
                job.steps = iter(job.work())
            step = next(job.steps, None)
            if not self.current(job):
                # Wishes that come quicker than first steps would else keep all of them from the screen.
                if step is not None and job.taken == 0 and self._overtaken(job):
                    job.follower.step(0, step)
                return
            if step is not None:
                job.follower.step(job.taken, step)
                job.taken += 1
            if step is None or step.final:
                self._end(job)
                job.follower.done(time.perf_counter() - job.born)
        except BaseException as error:  # SystemExit in a forward would end the worker without a word
            wished = self.current(job)
            self._end(job)
            if wished:
                job.follower.failed(error)

    def _overtaken(self, job: Job) -> bool:
        """Whether a newer job has taken its place; a cancelled one has no heir."""
        with self._changed:
            return job.key in self._jobs

    def _end(self, job: Job) -> None:
        with self._changed:
            if self._jobs.get(job.key) is job:
                del self._jobs[job.key]
        _close(job)


def _close(job: Job) -> None:
    """Close the generator where its steps are made: on the worker, never while it runs elsewhere."""
    steps, job.steps = job.steps, None
    close = getattr(steps, "close", None)
    if close is not None:
        try:
            close()
        except Exception:
            _log.exception("dropped work did not end cleanly")


@cache
def worker() -> Scheduler:
    """Return the one scheduler of this process."""
    scheduler = Scheduler()
    # An interpreter that goes away under a thread that runs torch aborts the process.
    atexit.register(scheduler.stop)
    return scheduler
