"""The newest wish runs in small steps; the rest is dropped, and closed where its steps are made."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from xai_widgets.anytime import Step
from xai_widgets.live.scheduler import Job, Scheduler

PATIENCE = 20.0


class Log:
    """A follower that writes down what it is told."""

    def __init__(self) -> None:
        self.values: list[object] = []
        self.ended = threading.Event()
        self.error: BaseException | None = None

    def step(self, index: int, step: Step[object]) -> None:
        assert index == len(self.values)
        self.values.append(step.value)

    def done(self, seconds: float) -> None:
        assert seconds >= 0
        self.ended.set()

    def failed(self, error: BaseException) -> None:
        self.error = error
        self.ended.set()


def counting(count: int, trace: list[str], name: str = "") -> Iterator[Step[int]]:
    """Work of `count` steps that writes down its steps and its end."""
    try:
        for i in range(count):
            trace.append(f"{name}{i}")
            yield Step(i, (i + 1) / count, None, i == count - 1)
    finally:
        trace.append(f"{name}closed on {threading.current_thread().name}")


def test_steps_come_in_order_and_end() -> None:
    scheduler, log, trace = Scheduler("worker"), Log(), []
    scheduler.submit(Job("a", lambda: counting(3, trace), log))
    assert log.ended.wait(PATIENCE)
    assert log.values == [0, 1, 2]
    assert trace == ["0", "1", "2", "closed on worker"]


@pytest.mark.parametrize("begun", [1, 2])
def test_a_newer_wish_replaces_the_older_between_steps(begun: int) -> None:
    scheduler, old, new, trace = Scheduler("worker"), Log(), Log(), []
    entered, go = threading.Event(), threading.Event()

    def slow() -> Iterator[Step[int]]:
        try:
            for i in range(100):
                if i == begun - 1:
                    entered.set()
                    assert go.wait(PATIENCE)
                yield Step(i, i / 100, None, False)
        finally:
            trace.append("old closed")

    scheduler.submit(Job("a", slow, old))
    assert entered.wait(PATIENCE)
    scheduler.submit(Job("a", lambda: counting(2, trace, "new "), new))
    go.set()
    assert new.ended.wait(PATIENCE)
    assert old.values == [0], "a first step that was under way is shown, a later one is not"
    assert not old.ended.is_set()
    assert trace == ["old closed", "new 0", "new 1", "new closed on worker"]


def test_two_hundred_wishes_lead_to_few_computations() -> None:
    scheduler, trace, last = Scheduler(), [], Log()
    entered, go = threading.Event(), threading.Event()

    def work(value: int) -> Iterator[Step[int]]:
        trace.append(value)
        entered.set()
        assert go.wait(PATIENCE)
        yield Step(value, 1.0, None, True)

    logs = [Log() for _ in range(199)]
    scheduler.submit(Job("slider", lambda: work(0), logs[0]))
    assert entered.wait(PATIENCE)
    for value in range(1, 199):
        scheduler.submit(Job("slider", lambda value=value: work(value), logs[value]))
    scheduler.submit(Job("slider", lambda: work(199), last))
    go.set()
    assert last.ended.wait(PATIENCE)
    assert trace == [0, 199]
    assert last.values == [199]
    assert [log.values for log in logs] == [[0], *[[]] * 198], "of the others what was being made"


def test_every_wish_gets_its_first_picture_before_any_is_refined() -> None:
    scheduler, trace, logs = Scheduler(), [], [Log(), Log()]
    entered, go = threading.Event(), threading.Event()

    def gate() -> Iterator[Step[int]]:
        entered.set()
        assert go.wait(PATIENCE)
        yield Step(0, 1.0, None, True)

    scheduler.submit(Job("gate", gate, Log()))
    assert entered.wait(PATIENCE)
    scheduler.submit(Job("a", lambda: counting(2, trace, "a"), logs[0]))
    scheduler.submit(Job("b", lambda: counting(2, trace, "b"), logs[1]))
    go.set()
    assert all(log.ended.wait(PATIENCE) for log in logs)
    assert [entry for entry in trace if "closed" not in entry] == ["a0", "b0", "a1", "b1"]


def test_work_ahead_never_delays_a_wish() -> None:
    scheduler, trace, ahead, wished = Scheduler(), [], Log(), Log()
    entered, go = threading.Event(), threading.Event()

    def endless() -> Iterator[Step[int]]:
        for i in range(10**9):
            trace.append("ahead")
            entered.set()
            assert go.wait(PATIENCE)
            yield Step(i, 0.0, None, False)

    scheduler.submit(Job("ahead", endless, ahead, ahead=True))
    assert entered.wait(PATIENCE)
    scheduler.submit(Job("a", lambda: counting(3, trace), wished))
    go.set()
    assert wished.ended.wait(PATIENCE)
    assert trace[:4] == ["ahead", "0", "1", "2"]
    scheduler.cancel(lambda key: key == "ahead")
    assert scheduler.wait_idle(PATIENCE)


def test_a_failure_is_told_and_the_worker_lives_on() -> None:
    scheduler, log, after, trace = Scheduler(), Log(), Log(), []

    def failing() -> Iterator[Step[int]]:
        yield Step(1, 0.5, None, False)
        raise ValueError("no")

    scheduler.submit(Job("a", failing, log))
    assert log.ended.wait(PATIENCE)
    assert isinstance(log.error, ValueError)
    assert log.values == [1]
    scheduler.submit(Job("a", lambda: counting(1, trace), after))
    assert after.ended.wait(PATIENCE)


def test_cancelled_work_is_closed_without_another_step() -> None:
    scheduler, log, trace = Scheduler("worker"), Log(), []
    entered, go = threading.Event(), threading.Event()

    def work() -> Iterator[Step[int]]:
        try:
            entered.set()
            assert go.wait(PATIENCE)
            yield Step(0, 0.1, None, False)
            trace.append("asked again")
            yield Step(1, 0.2, None, False)
        finally:
            trace.append("closed")

    scheduler.submit(Job("a", work, log))
    assert entered.wait(PATIENCE)
    scheduler.cancel(lambda key: key == "a")
    go.set()
    assert scheduler.wait_idle(PATIENCE)
    scheduler.submit(Job("b", lambda: counting(1, []), after := Log()))
    assert after.ended.wait(PATIENCE)
    assert trace == ["closed"]
    assert log.values == []


def test_a_process_that_ends_while_work_runs_ends_cleanly() -> None:
    code = """
import torch, xai_widgets as xw
nn = torch.nn
net = nn.Sequential(nn.Conv2d(3, 32, 7), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 5))
explorer = xw.explore(net, torch.rand(3, 96, 96))
wish = explorer.attribution.wish() | {"method": "smooth_grad"}
request = {"type": "request", "client": "a", "topic": "attribution", "seq": 1, "params": wish}
explorer.scene.receive(request, [])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "terminate" not in done.stderr


def test_a_stopped_scheduler_takes_nothing_more() -> None:
    scheduler, log, trace = Scheduler("stopped"), Log(), []
    scheduler.submit(Job("a", lambda: counting(1, trace), log))
    assert log.ended.wait(PATIENCE)
    scheduler.stop()
    scheduler.submit(Job("b", lambda: counting(1, trace), log))
    assert scheduler.wait_idle(0)
    assert not any(thread.name == "stopped" for thread in threading.enumerate())


def test_a_network_that_wants_to_exit_is_an_error_like_others() -> None:
    scheduler, log, after = Scheduler(), Log(), Log()

    def leaving() -> Iterator[Step[int]]:
        raise SystemExit("bye")
        yield

    scheduler.submit(Job("a", leaving, log))
    assert log.ended.wait(PATIENCE)
    assert isinstance(log.error, SystemExit)
    scheduler.submit(Job("a", lambda: counting(1, []), after))
    assert after.ended.wait(PATIENCE)
