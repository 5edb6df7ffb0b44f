"""bqplot figures that follow results: the path from a baseline to the picture, and top-k ablation.

They are fed from Python and coloured by the host's variables, so that they read in light and dark.
"""

import html
from collections.abc import Sequence
from typing import Any

import bqplot
import ipywidgets
import numpy as np

from .explain.evidence import percent
from .explain.trajectory import Trajectory
from .metrics.faithfulness import Ablation

INK = "var(--jp-ui-font-color1, #808080)"  # bqplot takes no variable within a variable
FAINT = "var(--jp-border-color2, #80808059)"
FONT = "var(--jp-ui-font-family, var(--vscode-font-family, sans-serif))"
TEXT = {"fill": INK, "font-family": FONT, "font-size": "11px"}
OUTPUT, SUM, GAP, RANDOM, SHADE = "#5b9bd5", "#e0720c", "#d6336c", "#8a8f98", "#9aa3ad"
COLOURS = ("#3a7fd5", "#e0720c", "#2f9e5b", "#c2418f", "#1aa6b7", "#8a6fd1", "#7f8f1a", "#d6453d")
"""One a compared baseline; apart on white and on black, and for most colour-blind eyes."""
HEIGHT = 230  # pixels
MARGIN = {"top": 8, "bottom": 46, "left": 58, "right": 14}


def colour(number: int) -> str:
    """Return the colour of the compared baseline with this number."""
    return COLOURS[number % len(COLOURS)]


class Chart(ipywidgets.VBox):
    """A legend over a figure. Subclasses make the marks and show results in them.

    `cursor` is a scale of its own: setting its `min` to -a and its `max` to 1 - a moves the upright line to
    a, so that a browser can do it without the kernel.
    """

    def __init__(self, across: str, up: str, ticks: str) -> None:
        self.legend = ipywidgets.HTML()
        self.cursor = bqplot.LinearScale(min=-0.5, max=0.5)
        self._unit, self._x = (bqplot.LinearScale(min=0.0, max=1.0) for _ in range(2))
        self._y = bqplot.LinearScale()
        upright = {"x": self.cursor, "y": self._unit}
        line = bqplot.Lines(x=[0.0, 0.0], y=[0.0, 1.0], scales=upright, colors=[INK], stroke_width=1.5)
        self.figure = bqplot.Figure(
            marks=[*self._marks(), line],
            axes=[_axis(self._x, across, "bottom", ticks), _axis(self._y, up, "left")],
            fig_margin=MARGIN,
            layout={"width": "auto", "min_width": "0", "height": f"{HEIGHT}px"},
            background_style={"fill": "transparent"},
            display_toolbar=False,
        )
        super().__init__([self.legend, self.figure])
        self.add_class("xw-chart")
        self.show(None)

    def parts(self) -> list[ipywidgets.Widget]:
        """Return every widget that the chart is made of, for closing."""
        marks, axes = self.figure.marks, self.figure.axes
        scales = {id(scale): scale for mark in marks for scale in mark.scales.values()}
        own = [self.figure.scale_x, self.figure.scale_y]
        return [self.legend, *marks, *axes, *scales.values(), *own, self.figure]

    def show(self, found: Any) -> None:
        """Show a result; None for nothing."""
        raise NotImplementedError

    def _marks(self) -> list[bqplot.Lines]:
        """Make the marks, the undermost first."""
        raise NotImplementedError

    def _empty(self) -> None:
        for mark in self.figure.marks[:-1]:
            _put(mark, [], [])

    def _lines(self, color: str, width: float, **style: Any) -> bqplot.Lines:
        scales = {"x": self._x, "y": self._y}
        return bqplot.Lines(x=[], y=[], scales=scales, colors=[color], stroke_width=width, **style)


class PathChart(Chart):
    """f(γ(α)) - f(x') and the accumulated attributions over α, on one axis: complete is where they meet."""

    def __init__(self) -> None:
        super().__init__("α: from the baseline (0) to the image (1)", "f(γ(α)) − f(x′)", ".1f")

    def _marks(self) -> list[bqplot.Lines]:
        self._output = self._lines(OUTPUT, 5, opacities=[0.6])
        self._sum = self._lines(SUM, 2, line_style="dashed")
        self._gap = self._lines(GAP, 4)
        self._shade = bqplot.Lines(
            x=[],
            y=[],
            scales={"x": self._x, "y": self._unit},
            fill="inside",
            fill_colors=[SHADE],
            fill_opacities=[0.16],
            colors=["transparent"],
            stroke_width=0,
        )
        return [self._shade, self._output, self._sum, self._gap]

    def show(self, found: Trajectory | None) -> None:
        """Show a path; no curves before its ends are known."""
        if found is None or found.total is None:
            self._empty()
            self.legend.value = _legend(_path_words("–", None))
            return
        _put(self._output, found.nodes, found.outputs - found.outputs[0])
        _put(self._sum, found.nodes, found.sums)
        _put(self._gap, [1.0, 1.0], [found.sums[-1], found.total])
        start, end = found.saturated or (0.0, 0.0)
        corners = [start, start, end, end] if found.saturated else []
        _put(self._shade, corners, [0.0, 1.0, 1.0, 0.0] if corners else [])
        where = f"from α = {start:.2f} to {end:.2f}" if found.saturated else "nowhere"
        self.legend.value = _legend(_path_words(where, found.gap))


def _path_words(saturated: str, gap: float | None) -> list[tuple[str, str, str]]:
    """Return the legend; always as many entries, so that nothing jumps when the figures come."""
    return [
        ("line", OUTPUT, "f(γ(α)) − f(x′), the model's output"),
        ("dashed", SUM, "attributions accumulated up to α"),
        ("area", SHADE, f"saturated {saturated} (changes by less than 10 %)"),
        ("bar", GAP, f"completeness gap {'–' if gap is None else percent(gap)}"),
    ]


class AblationChart(Chart):
    """The target over the share of pixels taken away: one curve a baseline, random orders in grey."""

    def __init__(self) -> None:
        super().__init__("share of the pixels taken away", "f, the target", ".0%")

    def _marks(self) -> list[bqplot.Lines]:
        self._random = self._lines(RANDOM, 1, opacities=[0.55])
        self._mean = self._lines(RANDOM, 3)
        self._curves = self._lines(COLOURS[0], 2)
        return [self._random, self._mean, self._curves]

    def show(self, found: Ablation | None) -> None:
        """Show the curves that are known."""
        if found is None:
            self._empty()
            self.legend.value = _legend([])
            return
        known = [k for k in range(len(found.curves)) if np.isfinite(found.curves[k]).all()]
        _put(self._random, found.shares, found.random)
        _put(self._mean, found.shares, found.random.mean(axis=0))
        with self._curves.hold_sync():
            self._curves.colors = [colour(k) for k in known] or [RANDOM]
            _put(self._curves, found.shares if known else [], found.curves[known] if known else [])
        words = [
            ("line", colour(k), f"{label}: {area:.3g}" if k in known else f"{label}: –")
            for k, (label, area) in enumerate(zip(found.labels, found.areas.tolist(), strict=True))
        ]
        words.append(("bar", RANDOM, f"random order: {found.random_area:.3g}"))
        self.legend.value = _legend(words, "mean height of the curve")


def _put(mark: bqplot.Lines, x: Any, y: Any) -> None:
    with mark.hold_sync():
        mark.x, mark.y = np.asarray(x, float), np.asarray(y, float)


def _axis(scale: bqplot.Scale, label: str, side: str, ticks: str | None = None) -> bqplot.Axis:
    return bqplot.Axis(
        scale=scale,
        label=label,
        side=side,
        tick_format=ticks,
        color=FAINT,
        grid_color=FAINT,
        grid_lines="solid",
        label_color=INK,
        label_offset="2.6em" if side == "bottom" else "3.4em",
        tick_style=TEXT,
    )


_SWATCHES = {
    "line": "height:4px;background:{}",
    "dashed": "height:0;border-top:2px dashed {}",
    "bar": "height:4px;background:{}",
    "area": "height:11px;opacity:.45;background:{}",
}


def _legend(words: Sequence[tuple[str, str, str]], note: str = "") -> str:
    """Return the legend as HTML; labels are text, never markup."""
    swatch = "display:inline-block;width:18px;vertical-align:middle;margin-right:6px;"
    items = [
        f'<span style="white-space:nowrap"><i style="{swatch}{_SWATCHES[kind].format(shade)}"></i>'
        f"{html.escape(text)}</span>"
        for kind, shade, text in words
    ]
    if note and items:
        items.insert(0, f'<span style="opacity:.75">{html.escape(note)}:</span>')
    style = f"display:flex;flex-wrap:wrap;gap:2px 16px;font:12px/1.5 {FONT};color:{INK};min-height:18px"
    return f'<div class="xw-legend" style="{style}">{"".join(items)}</div>'
