"""Agreement of maps: against scipy, and by hand."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.explain.nets import Conv, picture, seeded
from xai_widgets.anytime import Step, last
from xai_widgets.errors import ParameterError
from xai_widgets.explain import explain_steps
from xai_widgets.metrics.agreement import Comparison, compare
from xai_widgets.metrics.similarity import rank_correlation, ranks, spread
from xai_widgets.model import Model
from xai_widgets.results import Explanation

RNG = np.random.default_rng(0)


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=2, max_size=40), st.integers(0, 99))
def test_rank_correlation_is_scipys_ties_included(values: list[int], seed: int) -> None:
    one = np.array(values, np.float32).reshape(1, -1)
    other = np.random.default_rng(seed).integers(-2, 3, one.shape).astype(np.float32)
    np.testing.assert_array_equal(ranks(one), stats.rankdata(one) - 1)
    found = rank_correlation([one, other])
    constant = len(set(values)) == 1 or len(np.unique(other)) == 1
    if constant:
        assert np.isnan(found[0, 1])
        return
    expected = stats.spearmanr(one.ravel(), other.ravel()).statistic
    assert found[0, 1] == found[1, 0] == pytest.approx(expected, abs=1e-9)
    assert found[0, 0] == pytest.approx(1)


def test_rank_correlation_of_signed_maps_knows_signs() -> None:
    values = RNG.normal(size=(5, 7)).astype(np.float32)
    found = rank_correlation([values, -values, values**3])
    np.testing.assert_allclose(found, [[1, -1, 1], [-1, 1, -1], [1, -1, 1]], atol=1e-12)


def test_spread_by_hand() -> None:
    maps = [RNG.normal(size=(4, 3)), 20 * RNG.normal(size=(4, 3)), np.zeros((4, 3))]
    found = spread(maps)
    for y in range(4):
        for x in range(3):
            at = [one[y, x] / (np.mean(np.abs(one)) or 1) for one in maps]
            assert found[y, x] == pytest.approx(np.sqrt(np.mean((at - np.mean(at)) ** 2)))
    np.testing.assert_allclose(spread([maps[0], 7 * maps[0]]), 0, atol=1e-12)


def candidate(name: str, **more: Any) -> Any:
    model, baseline = Model(seeded(Conv)), {"name": name}
    return baseline, name, lambda: explain_steps(model, picture(), target=1, baseline=baseline, **more)


def broken(after: int) -> Any:
    def work() -> Iterator[Step[Explanation]]:
        steps = candidate("black")[2]()
        for _ in range(after):
            yield next(steps)
        raise ParameterError("This one is broken.", "Leave it.")

    return {"name": "x"}, "x", work


def test_everyone_gets_a_first_picture_before_anyone_is_refined() -> None:
    steps = list(compare([candidate(name) for name in ("black", "white", "mean")]))
    asked = [
        [one.explanation.evidence.evaluations if one.explanation else 0 for one in step.value.candidates]
        for step in steps
    ]
    assert asked[:3] == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    shown = [step.value for step in steps]
    assert shown[3] is shown[4] is shown[2] and shown[5] is not shown[2], "then once a round"
    assert all(one.final for one in steps[-1].value.candidates) and steps[-1].final


def test_the_maps_are_those_of_explain(monkeypatch: pytest.MonkeyPatch) -> None:
    # Portions follow the clock, and what they round may choose another node.
    monkeypatch.setattr(Model, "at_once", lambda *_: 1)
    found = last(compare([candidate("black"), candidate("white")])).value
    for number, name in enumerate(("black", "white")):
        expected = last(candidate(name)[2]()).value.map
        np.testing.assert_allclose(found.maps[number], expected, rtol=1e-6)
    both = [one for one in found.maps if one is not None]
    np.testing.assert_allclose(found.rank, rank_correlation(both))
    np.testing.assert_allclose(found.spread, spread(both))
    assert found.agreement == pytest.approx(found.rank[0, 1])


@pytest.mark.parametrize("after", [0, 2])
def test_one_that_fails_does_not_keep_the_others(after: int) -> None:
    found = last(compare([candidate("black"), broken(after), candidate("mean")])).value
    assert str(found.candidates[1].failure) == "This one is broken. Leave it."
    assert found.maps[1] is None and np.isnan(found.rank[1]).all()
    assert found.maps[0] is not None and found.agreement == pytest.approx(found.rank[0, 2])
    both = [found.maps[0], found.maps[2]]
    np.testing.assert_allclose(found.spread, spread([one for one in both if one is not None]))


def test_there_is_no_agreement_of_one() -> None:
    found = last(compare([candidate("black")])).value
    assert found.agreement is None
    nothing = Comparison((), ())
    assert nothing.spread is None and nothing.agreement is None


def test_closing_ends_the_work_behind_it() -> None:
    ended: list[str] = []

    def work() -> Iterator[Step[Explanation]]:
        try:
            yield from candidate("black")[2]()
        finally:
            ended.append("black")

    steps = compare([({}, "black", work), candidate("white")])
    next(steps), next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert ended == ["black"]
