"""Requests in, frames out, acknowledgements counted: without a browser."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from xai_widgets.anytime import Step
from xai_widgets.live import codec
from xai_widgets.live.scheduler import Scheduler
from xai_widgets.live.session import AHEAD_SEQ, Encoded, Session, Wish

PATIENCE = 20.0


class Wire:
    """A data channel that writes down what goes over it."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.buffers: list[list[bytes]] = []
        self.more = threading.Condition()

    def __call__(self, message: Any, buffers: list[bytes]) -> None:
        with self.more:
            self.sent.append(message)
            self.buffers.append(buffers)
            self.more.notify_all()

    def wait(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        with self.more:
            assert self.more.wait_for(lambda: len(self.of(kind)) >= count, PATIENCE), self.sent
        return self.of(kind)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.sent if message["type"] == kind]


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler()


@pytest.fixture
def session(wire: Wire, scheduler: Scheduler) -> Session:
    return Session(wire, scheduler)


def wish(count: int, topic: str = "maps", params: dict[str, Any] | None = None) -> Wish:
    """A wish of `count` steps whose frames hold the index of their step."""

    def work() -> Iterator[Step[int]]:
        for i in range(count):
            yield Step(i, (i + 1) / count, 1.0 / (i + 1), i == count - 1)

    def encode(step: Step[int]) -> Encoded:
        return Encoded({"value": step.value}, (codec.pack_floats("v", np.array([step.value], np.float32)),))

    return Wish(topic, params or {}, work, encode)


def test_a_frame_says_what_it_shows(wire: Wire, session: Session) -> None:
    session.request("me", 7, wish(1, params={"image": 2}))
    wire.wait("done")
    frame = wire.of("frame")[0]
    assert frame["client"] == "me" and frame["seq"] == 7 and frame["params"] == {"image": 2}
    assert frame["step"] == {"index": 0, "done": 1.0, "error": 1.0, "final": True}
    assert frame["arrays"][0]["dtype"] == "float32"
    assert wire.buffers[0] == [np.float32(0).tobytes()]


def test_the_first_picture_is_on_the_screen_before_the_second_is_made(
    wire: Wire, session: Session, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xai_widgets.live.session.BREATH_SECONDS", 1000.0)
    session.request("me", 1, wish(4))
    wire.wait("frame")
    assert not scheduler.wait_idle(0.2) and len(wire.of("frame")) == 1
    session.ack("me", "maps")
    wire.wait("frame", 3)
    monkeypatch.setattr("xai_widgets.live.session.BREATH_SECONDS", 0.01)
    session.request("other", 1, wish(2))
    assert wire.wait("done")[-1]["client"] == "other", "nor does it wait for a browser that never paints"


def test_a_value_that_comes_again_is_progress_and_no_second_frame(wire: Wire, session: Session) -> None:
    values = [0, 0, 1, 1, 1]
    steps = [Step(values[i], (i + 1) / 5, None, i == 4) for i in range(5)]
    seen: list[int] = []
    same = replace(wish(1), work=lambda: iter(steps), seen=lambda step: seen.append(step.value))
    session.request("me", 1, same)
    wire.wait("frame", 2)
    session.ack("me", "maps")
    wire.wait("done")
    assert [frame["meta"]["value"] for frame in wire.of("frame")] == [0, 1, 1], "the last one is always sent"
    assert wire.of("progress")[0]["done"] == 0.4 and seen == [0, 1, 1]


def test_at_most_two_frames_are_on_their_way(wire: Wire, session: Session, scheduler: Scheduler) -> None:
    session.request("me", 1, wish(50))
    assert scheduler.wait_idle(PATIENCE)
    assert [frame["meta"]["value"] for frame in wire.of("frame")] == [0, 1]
    assert not wire.of("done"), "the end is not told before its picture"
    session.ack("me", "maps")
    assert [frame["meta"]["value"] for frame in wire.of("frame")] == [0, 1, 49], (
        "what waited in between is dropped"
    )
    assert wire.sent[-1]["type"] == "done"


def test_progress_is_told_at_most_ten_times_a_second(
    wire: Wire, session: Session, scheduler: Scheduler
) -> None:
    session.request("me", 1, wish(2000))
    assert scheduler.wait_idle(PATIENCE)
    assert 1 <= len(wire.of("progress")) < 200


def test_clients_do_not_drop_each_other(wire: Wire, session: Session) -> None:
    session.request("one", 1, wish(1))
    session.request("two", 1, wish(1))
    assert {message["client"] for message in wire.wait("done", 2)} == {"one", "two"}


def test_a_newer_request_throws_the_held_frames_away(
    wire: Wire, session: Session, scheduler: Scheduler
) -> None:
    session.request("me", 1, wish(50))
    assert scheduler.wait_idle(PATIENCE)
    session.request("me", 2, wish(1))
    assert scheduler.wait_idle(PATIENCE)
    session.ack("me", "maps")
    session.ack("me", "maps")
    assert [frame["seq"] for frame in wire.of("frame")] == [1, 1, 2]
    assert [done["seq"] for done in wire.of("done")] == [2]


def test_errors_are_told_with_what_to_do(wire: Wire, session: Session) -> None:
    def work() -> Iterator[Step[int]]:
        raise RuntimeError("broken")
        yield

    session.request("me", 4, Wish("maps", {}, work, lambda step: Encoded({})))
    error = wire.wait("error")[0]
    assert error["seq"] == 4 and error["error"]["type"] == "RuntimeError"
    assert error["error"]["message"] == "broken" and error["error"]["hint"]


def test_what_may_be_wished_next_waits_for_the_browser(
    wire: Wire, session: Session, scheduler: Scheduler
) -> None:
    session.ahead("me", "maps", [wish(1, params={"layer": i}) for i in range(5)])
    wire.wait("frame", 2)
    assert not scheduler.wait_idle(0.05), "the third waits for an acknowledgement"
    assert len(wire.of("frame")) == 2
    for _ in range(3):
        before = len(wire.of("frame"))
        session.ack("me", "maps")
        wire.wait("frame", before + 1)
    assert {frame["seq"] for frame in wire.of("frame")} == {AHEAD_SEQ}
    assert [frame["params"]["layer"] for frame in wire.of("frame")] == [0, 1, 2, 3, 4]


def test_a_closed_session_is_silent(wire: Wire, session: Session, scheduler: Scheduler) -> None:
    session.close()
    session.request("me", 1, wish(3))
    session.tell({"type": "state", "origin": "kernel", "values": {}})
    assert scheduler.wait_idle(PATIENCE)
    assert wire.sent == []


def test_python_sees_each_step(wire: Wire, session: Session) -> None:
    seen: list[int] = []
    asked = wish(3)
    session.request("me", 1, Wish("maps", {}, asked.work, asked.encode, lambda step: seen.append(step.value)))
    session.ack("me", "maps")
    wire.wait("frame", 2)
    session.ack("me", "maps")
    wire.wait("done")
    assert seen == [0, 1, 2]


def test_work_for_python_says_nothing_to_the_browser(
    wire: Wire, session: Session, scheduler: Scheduler
) -> None:
    seen: list[int] = []
    asked = wish(3)
    quiet = Wish("maps", {}, asked.work, asked.encode, lambda step: seen.append(step.value))
    session.work(quiet, lambda error: None)
    assert scheduler.wait_idle(PATIENCE)
    assert seen == [0, 1, 2] and wire.sent == []

    def failing() -> Iterator[Step[int]]:
        raise RuntimeError("broken")
        yield

    errors: list[Exception] = []
    session.work(Wish("maps", {}, failing, asked.encode), errors.append)
    assert scheduler.wait_idle(PATIENCE)
    assert str(errors[0]) == "broken" and wire.sent == []


def test_a_page_that_went_away_is_forgotten(
    wire: Wire, session: Session, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that never acknowledges leaves work ahead waiting; in the end it is dropped."""
    session.request("gone", 1, wish(1))
    session.ahead("gone", "maps", [wish(1, params={"layer": i}) for i in range(9)])
    assert not scheduler.wait_idle(0.2)
    session.request("here", 1, wish(1))
    assert not scheduler.wait_idle(0.2), "not yet: it was heard of a moment ago"
    monkeypatch.setattr("xai_widgets.live.session.SILENT_SECONDS", 0.1)
    session.request("here", 2, wish(1))
    assert scheduler.wait_idle(PATIENCE)
    assert set(session._clients) == {"here"} and ("gone", "maps") not in session._lines


def test_what_a_page_has_is_not_sent_ahead_again(wire: Wire, session: Session, scheduler: Scheduler) -> None:
    for seq in (1, 2):
        session.request("me", seq, wish(1, params={"layer": 0}))
        session.ahead("me", "maps", [wish(1, params={"layer": i}) for i in range(3)])
        for _ in range(6):
            scheduler.wait_idle(0.1)
            session.ack("me", "maps")
    assert [frame["params"]["layer"] for frame in wire.of("frame")] == [0, 1, 2, 0]
    session.reset()
    session.ahead("me", "maps", [wish(1, params={"layer": 1})])
    assert scheduler.wait_idle(PATIENCE)
    assert wire.of("reset") and wire.of("frame")[-1]["params"] == {"layer": 1}


def test_an_observer_that_raises_keeps_no_picture_away(
    wire: Wire, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = wish(1)

    def seen(step: Step[int]) -> None:
        raise ZeroDivisionError("a user's mistake")

    session.request("me", 1, Wish("maps", {}, asked.work, asked.encode, seen))
    wire.wait("done")
    assert wire.of("frame") and not wire.of("error")
    assert "a user's mistake" in capsys.readouterr().err


def test_a_channel_that_breaks_does_not_end_the_worker(scheduler: Scheduler) -> None:
    def broken(message: Any, buffers: list[bytes]) -> None:
        raise OSError("gone")

    Session(broken, scheduler).request("me", 1, wish(1))
    assert scheduler.wait_idle(PATIENCE)
    wire = Wire()
    Session(wire, scheduler).request("me", 1, wish(1))
    assert wire.wait("done")


def test_work_ahead_for_another_topic_does_not_push_out_what_is_waited_for(
    wire: Wire, session: Session, scheduler: Scheduler
) -> None:
    session.request("me", 1, wish(50))
    assert scheduler.wait_idle(PATIENCE)  # two on their way, the last one held
    session.ahead("me", "input", [wish(1, params={"image": 1})])
    assert scheduler.wait_idle(PATIENCE)
    session.ack("me", "maps")
    assert [frame["meta"]["value"] for frame in wire.of("frame")] == [0, 1, 49]


def test_a_wish_goes_before_the_next_step_of_work_ahead(
    wire: Wire, session: Session, scheduler: Scheduler
) -> None:
    started, go = threading.Event(), threading.Event()

    def long() -> Iterator[Step[int]]:
        for i in range(100):
            started.set()
            assert go.wait(PATIENCE)
            yield Step(i, (i + 1) / 100, None, i == 99)

    ahead = Wish("maps", {"layer": 1}, long, lambda step: Encoded({"value": "ahead"}))
    session.ahead("me", "maps", [ahead])
    assert started.wait(PATIENCE)
    session.request("me", 1, wish(1))
    go.set()
    frames = wire.wait("frame", 2)
    assert [frame["meta"]["value"] for frame in frames] == [0, "ahead"]


def test_what_fails_ahead_does_not_keep_the_rest_away(
    wire: Wire, session: Session, scheduler: Scheduler
) -> None:
    def broken() -> Iterator[Step[int]]:
        raise RuntimeError("broken")
        yield

    session.ahead("me", "maps", [Wish("maps", {}, broken, lambda step: Encoded({})), wish(1)])
    assert scheduler.wait_idle(PATIENCE)
    assert len(wire.of("frame")) == 1 and not wire.of("error")


def test_what_is_being_worked_on_is_not_begun_again(
    wire: Wire, session: Session, scheduler: Scheduler
) -> None:
    """A view that heard nothing asks again: it is told how far the work is, and the work goes on."""
    go, begun = threading.Event(), []

    def work() -> Iterator[Step[int]]:
        begun.append(1)
        go.wait(PATIENCE)
        yield Step(7, 1.0, None, True)

    asked = Wish("maps", {}, work, lambda step: Encoded({"value": step.value}))
    session.request("me", 4, asked)
    assert session.goes_on("me", "maps", 4)
    assert [(told["seq"], told["done"]) for told in wire.wait("progress")] == [(4, 0.0)]
    assert not session.goes_on("me", "maps", 5), "a request that never came has to be made"
    go.set()
    wire.wait("done")
    assert begun == [1] and not session.goes_on("me", "maps", 4)


def test_frames_that_were_lost_hold_nothing_back(wire: Wire, session: Session, scheduler: Scheduler) -> None:
    session.request("me", 1, wish(50))
    assert scheduler.wait_idle(PATIENCE)
    assert len(wire.of("frame")) == 2, "and neither was acknowledged"
    assert session.goes_on("me", "maps", 1)
    assert [frame["meta"]["value"] for frame in wire.of("frame")] == [0, 1, 49]
    assert wire.sent[-1]["type"] == "done"


def test_a_view_that_is_gone_leaves_no_work(wire: Wire, session: Session, scheduler: Scheduler) -> None:
    session.request("gone", 1, wish(1))
    session.ahead("gone", "maps", [wish(1, params={"layer": i}) for i in range(9)])
    assert not scheduler.wait_idle(0.2), "the frames ahead wait for acknowledgements that never come"
    session.forget("gone")
    assert scheduler.wait_idle(PATIENCE) and not session._clients and not session._lines


def test_words_of_strangers_make_no_lines(session: Session) -> None:
    for i in range(100):
        session.ack(f"stranger {i}", "maps")
        session.cancel(f"stranger {i}", "maps")
    assert not session._lines
