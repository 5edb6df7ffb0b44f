"""The benchmarks' bookkeeping: figures, aims, table and JSON. How long anything takes is asserted nowhere."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import benchmarks.__main__ as command
import xai_widgets as xw
from benchmarks import anytime
from benchmarks.kernel.peers import PEERS, Question
from benchmarks.kernel.subjects import Subject
from benchmarks.page.rows import Traffic, drag_rows, limit_row, memory_rows, plain_row, quantile, traffic_rows
from benchmarks.report import Row, table, write


def test_a_quantile_is_a_value_that_was_measured() -> None:
    assert [quantile([4, 1, 3, 2], share) for share in (0, 0.25, 0.5, 0.51, 0.95, 1)] == [1, 1, 2, 3, 4, 4]
    assert quantile(range(1, 101), 0.95) == 95
    assert quantile([7], 0.5) == 7


def test_a_drag_has_its_median_its_tail_and_its_aims() -> None:
    ours = [10.0] * 18 + [30.0, 40.0]
    found = {"ours": ours, "interact": [100.0] * 19 + [400.0], "ipympl": [50.0] * 20}
    median, tail = drag_rows("opacity", ours, found, most_ms=33.3, times=5)
    assert (median.name, median.figure, median.spread, median.n) == ("opacity, p50", 10, (10, 40), 20)
    assert (median.peer, median.ratio, median.aim, median.met) == (100, 0.1, "ratio ≤ 1/5", True)
    assert median.note == "interact + matplotlib 100 ms; ipympl 50 ms"
    assert (tail.figure, tail.peer, tail.ratio) == (30, 100, 0.3)
    assert (tail.aim, tail.met) == ("≤ 33 ms", True)


@pytest.mark.parametrize(
    ("ours", "met"),
    [([10.0, 33.0], (True, True)), ([10.0, 34.0], (True, False)), ([21.0, 21.0], (False, True))],
)
def test_aims_are_missed_by_the_figure_they_are_set_for(ours: list[float], met: tuple[bool, bool]) -> None:
    rows = drag_rows("layer", ours, {"interact": [100.0], "ipympl": [100.0]}, most_ms=33.3, times=5)
    assert tuple(row.met for row in rows) == met


def test_without_peer_and_aim_nothing_is_claimed() -> None:
    for row in (*drag_rows("clip", [1.0, 2.0]), plain_row("round trip", [1.0, 2.0, 6.0], "no widget")):
        assert (row.peer, row.ratio, row.aim, row.met) == (None, None, "", None)
    assert plain_row("round trip", [1.0, 2.0, 6.0], "no widget").figure == 2


def test_the_first_picture_is_held_against_its_limit() -> None:
    row = limit_row([130.0, 125.0, 400.0], passes=[80.0, 70.0, 90.0], trips=[20.0])
    assert (row.figure, row.peer, row.ratio, row.met) == (130, 100, 1.3, True)
    assert not limit_row([131.0], [80.0], [20.0]).met


def test_traffic_is_both_directions_of_what_was_shown() -> None:
    ours, peer = Traffic(2.0, 50, [1000, 3000], [500] * 8), Traffic(2.0, 10, [40_000] * 10, [])
    pictures, messages, size = traffic_rows("layers", ours, {"interact": peer, "ipympl": peer})
    assert (pictures.figure, pictures.peer, pictures.ratio) == (25, 5, 5)
    assert (messages.figure, messages.peer) == (5, 5)
    assert (size.figure, size.peer, size.unit, size.n) == (0.16, 40, "kB", 50)
    silent = Traffic(2.0, 0, [], [])
    assert [row.ratio for row in traffic_rows("opacity", ours, {"interact": silent, "ipympl": peer})] == [
        None
    ] * 3


def test_memory_is_told_as_growth() -> None:
    row, *_ = memory_rows(500, {"kernel": (900.0, 912.0)}, {"interact": {"kernel": (300.0, 420.0)}})
    assert (row.figure, row.peer, row.spread, row.n) == (12, 120, (900, 912), 500)
    assert "from 900 to 912 MB" in row.note


def test_table_and_json_tell_the_same(tmp_path: Path) -> None:
    rows = drag_rows("opacity", [10.0, 40.0], {"interact": [100.0], "ipympl": [50.0]}, most_ms=33.3, times=5)
    lines = table(rows).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert "| yes |" in lines[2] and "| **no** |" in lines[3]
    path = tmp_path / "deep" / "benchmarks.json"
    write(path, {"browser": rows})
    write(path, {"methods": []})
    kept = json.loads(path.read_text("utf-8"))
    assert set(kept["rows"]) == {"browser", "methods"}
    assert [Row(**row | {"spread": tuple(row["spread"])}) for row in kept["rows"]["browser"]] == rows
    assert kept["machine"]["torch"]


Run = Callable[..., tuple[object, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command on benchmarks of the test's own; return the exit status and what was printed."""
    good = (
        "from benchmarks.report import Row\ndef run(quick): return [Row('speed', 7, 'ms', (7, 7), 1 + quick)]"
    )
    for name, text in {
        "good": good,
        "lacking": "import no_such_package",
        "broken": "def run(quick): 1 / 0",
    }.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr("benchmarks.__path__", [str(tmp_path)])
    monkeypatch.setattr(command, "FILE", tmp_path / "benchmarks.json")

    def run_it(*given: str) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["benchmarks", *given])
        with pytest.raises(SystemExit) as end:
            command.main()
        told = capsys.readouterr()
        return end.value.code, told.out + told.err

    yield run_it  # type: ignore[misc]
    for name in ("good", "lacking", "broken"):
        sys.modules.pop(f"benchmarks.{name}", None)


def test_what_is_missing_is_said_and_the_rest_runs(run: Run, tmp_path: Path) -> None:
    code, told = run("--quick")
    assert code == "Not measured: broken, lacking."
    assert "no_such_package is not installed: pip install -e '.[bench]'" in told
    assert "ZeroDivisionError" in told
    assert "| speed | 7 ms |" in told
    assert [row["n"] for row in json.loads((tmp_path / "benchmarks.json").read_text())["rows"]["good"]] == [2]


def test_names_choose_and_an_unknown_one_is_refused(run: Run) -> None:
    code, told = run("good")
    assert code == 0 and "ZeroDivisionError" not in told
    code, told = run("goood")
    assert code == 2 and "No benchmark is called 'goood'. There are broken, good, lacking." in told


# -- error against work ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny() -> Subject:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 3, padding=1), nn.Tanh(), nn.Conv2d(6, 8, 3, padding=1), nn.Tanh()]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 4)).eval()
    network[-1].weight.data.mul_(50)  # Lime's Lasso takes what is small for nothing
    return Subject("tiny", network, [torch.rand(1, 3, 24, 24)])


def test_a_map_in_time_is_the_last_that_took_no_more() -> None:
    found = [(1, np.zeros(1)), (3, np.ones(1)), (9, np.full(1, 2.0))]
    assert [anytime.last_within(found, amount)[1][0] for amount in (1, 3, 4, 9, 12)] == [0, 1, 1, 2, 2]
    assert anytime.last_within(found, 8) is None, "half the work is not equal work"
    assert anytime.last_within(found[1:], 2) is None


def test_errors_are_those_of_the_maps(tiny: Subject) -> None:
    """Samples accumulate: after eight gradients stands what eight samples give."""
    rows = list(anytime.rows_of(tiny, "smooth_grad", (4, 8)))
    target, model = tiny.predicted(tiny.pictures[0]), xw.Model(tiny.module)

    def values(samples: int, seed: int) -> np.ndarray:
        asked = {"target": target, "samples": samples, "seed": seed}
        return xw.explain(model, tiny.pictures[0][0], "smooth_grad", **asked).values

    reference = values(64, seed=1)
    for row, samples in zip(rows, (4, 8), strict=True):
        assert row.name == f"smooth_grad, tiny: error after {samples} gradients"
        error = np.abs(values(samples, 0) - reference).sum() / np.abs(reference).sum()
        assert row.figure == pytest.approx(error, rel=1e-4)
        assert row.peer > 0 and row.ratio == pytest.approx(row.figure / row.peer)
        assert "Captum NoiseTunnel smoothgrad" in row.note


def test_what_can_be_stopped_at_any_time_the_registry_tells(tiny: Subject) -> None:
    assert list(anytime.rows_of(tiny, "gradient", (4, 8))) == []
    assert list(anytime.rows_of(tiny, "attention_rollout", (4, 8))) == [], "not for this network"
    (row,) = anytime.rows_of(tiny, "idgi", (8,))
    assert row.note.endswith("ours, once") and row.peer > 0
    assert all(row.peer is None for row in anytime.rows_of(tiny, "sobol", (32, 64))), "too little for one run"


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_does_about_equal_work(tiny: Subject, name: str) -> None:
    asked_of = []
    handle = tiny.module.register_forward_pre_hook(lambda _, inputs: asked_of.append(len(inputs[0])))
    picture = tiny.pictures[0]
    layer = anytime.middle(tiny.module, picture)
    asked_of.clear()
    evaluations, values = PEERS[name].run(Question(tiny.module, picture, 1, layer), 64, 0)
    handle.remove()
    assert evaluations <= anytime.ALMOST * 64 and np.isfinite(values).all() and np.abs(values).max() > 0
    # Captum asks a few times more: to see the output's shape, and at both ends of a layer's way.
    assert evaluations <= sum(asked_of) <= 1.15 * evaluations + 3


def test_the_summary_has_a_line_a_method() -> None:
    def row(name: str, amount: int, ours: float, peer: float | None) -> Row:
        title = f"{name}, net: error after {amount} gradients"
        ratio = ours / peer if peer else None
        return Row(title, ours, "", (ours, ours), 1, peer, ratio, note=f"rank 1; peer: P {name}")

    rows = [row("a", 8, 0.5, 1.0), row("a", 16, 0.25, 1.0), row("b", 16, 0.125, None)]
    lines = anytime.summary(rows).splitlines()
    assert lines[0] == "| method, network | peer | 8 | 16 | ratio |"
    assert lines[2:] == [
        "| a, net | P a | 0.500 / 1.000 | 0.250 / 1.000 | 0.38 |",
        "| b, net | P b |  | 0.125 / – |  |",
    ]
