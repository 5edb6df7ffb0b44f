"""Charts: what they draw is what was found, and their words are text."""

from collections.abc import Iterator

import ipywidgets
import numpy as np
import pytest

from tests.explain.nets import Conv, picture, seeded
from tests.explain.test_trajectory import Saturating
from xai_widgets import plots
from xai_widgets.anytime import Step, last
from xai_widgets.explain.evidence import percent
from xai_widgets.explain.problem import Problem
from xai_widgets.explain.trajectory import Trajectory, trajectory
from xai_widgets.inputs.baselines import Black
from xai_widgets.metrics.faithfulness import Ablation, ablate
from xai_widgets.model import Model
from xai_widgets.model.targets import ClassTarget


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    before = set(ipywidgets.widgets.widget._instances)
    yield
    known = ipywidgets.widgets.widget._instances
    for key in set(known) - before:
        known[key].close()


def problem(module: object = None) -> Problem:
    pixels = picture()[None]
    return Problem(Model(module or seeded(Conv)), pixels, pixels, ClassTarget(1), Black())


def path(module: object = None, nodes: int = 17) -> Trajectory:
    return last(trajectory(problem(module), nodes)).value


def ablation(labels: tuple[str, ...] = ("black", "<b>x</b>"), known: int = 2) -> Ablation:
    maps = [np.random.default_rng(k).normal(size=(12, 12)) for k in range(known)]
    maps += [None] * (len(labels) - known)
    return last(ablate(problem(), "mean", labels, iter([Step(maps, 1.0, None, True)]))).value


def test_the_two_curves_lie_on_one_axis_and_meet_where_the_method_is_complete() -> None:
    chart, found = plots.PathChart(), path()
    chart.show(found)
    np.testing.assert_allclose(chart._output.y, found.outputs - found.outputs[0])
    np.testing.assert_allclose(chart._sum.y, found.sums)
    np.testing.assert_allclose(chart._output.x, found.nodes)
    assert chart._output.scales["y"] is chart._sum.scales["y"] is chart._gap.scales["y"]
    assert chart._gap.x.tolist() == [1, 1]
    np.testing.assert_allclose(chart._gap.y, [found.sums[-1], found.total])
    assert f"completeness gap {percent(found.gap)}" in chart.legend.value


def test_the_saturated_range_is_shaded() -> None:
    chart = plots.PathChart()
    chart.show(path(Saturating(), 33))
    np.testing.assert_allclose(chart._shade.x, [0.45, 0.45, 1, 1], atol=1 / 512)
    np.testing.assert_allclose(chart._shade.y, [0, 1, 1, 0])
    assert "saturated from α = 0.45 to 1.00" in chart.legend.value


def test_nothing_is_drawn_before_the_ends_are_known() -> None:
    chart = plots.PathChart()
    chart.show(path())
    full = chart.legend.value.count("<span")
    chart.show(next(trajectory(problem(), 17)).value)
    for mark in (chart._output, chart._sum, chart._gap, chart._shade):
        assert len(mark.x) == 0
    chart.show(path())
    chart.show(None)
    assert len(chart._output.x) == 0
    assert chart.legend.value.count("<span") == full, "the legend keeps its lines"


@pytest.mark.parametrize("kind", [plots.PathChart, plots.AblationChart])
def test_the_cursor_is_a_scale_of_its_own(kind: type) -> None:
    """The line stands at 0 of a scale from -a to 1 - a, and so at a of the chart."""
    chart = kind()
    line = chart.figure.marks[-1]
    assert line.scales["x"] is chart.cursor and line.x.tolist() == [0, 0]
    assert all(mark.scales["x"] is not chart.cursor for mark in chart.figure.marks[:-1])
    assert chart.cursor.max - chart.cursor.min == 1


def test_a_curve_a_baseline_and_the_random_orders_in_grey() -> None:
    chart, found = plots.AblationChart(), ablation()
    chart.show(found)
    np.testing.assert_allclose(chart._curves.y, found.curves)
    np.testing.assert_allclose(chart._random.y, found.random)
    np.testing.assert_allclose(chart._mean.y, found.random.mean(axis=0))
    assert chart._curves.colors == [plots.colour(0), plots.colour(1)]
    assert chart._random.stroke_width < chart._mean.stroke_width
    assert f"black: {found.areas[0]:.3g}" in chart.legend.value
    assert "&lt;b&gt;x&lt;/b&gt;" in chart.legend.value and "<b>" not in chart.legend.value


def test_what_is_not_known_yet_is_not_drawn_and_colours_stay_with_their_baseline() -> None:
    chart, found = plots.AblationChart(), ablation(("a", "b", "c"), 3)
    curves = found.curves.copy()
    curves[0] = np.nan
    chart.show(Ablation(found.shares, curves, found.random, found.filled, "mean", found.labels, "x"))
    np.testing.assert_allclose(chart._curves.y, found.curves[1:])
    assert chart._curves.colors == [plots.colour(1), plots.colour(2)]
    assert "a: –" in chart.legend.value, "what is to come has its place in the legend"
    chart.show(ablation(("a",), 0))
    assert len(chart._curves.x) == 0 and len(chart._mean.x) > 0


def test_colours_are_apart() -> None:
    rgb = np.array([[int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in plots.COLOURS])
    for one in range(len(rgb)):
        for other in range(one):
            assert np.linalg.norm(rgb[one] - rgb[other]) > 50
    for code in (*plots.COLOURS, plots.OUTPUT, plots.SUM, plots.GAP, plots.RANDOM):
        for ground in ("#ffffff", "#111111"):
            assert contrast(code, ground) >= 2.4, f"{code} on {ground}"


def contrast(one: str, other: str) -> float:
    """The contrast of WCAG 2, from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(code: str) -> float:
    parts = np.array([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
