"""Figures of every kind as inline SVG or HTML, drawn from their data alone.

Colours are CSS custom properties, so only the style sheet differs between light mode, dark mode and print. No
information depends on colour alone: series also differ in dash and marker, cells and bars show their numbers. None
leaves a gap or is labelled with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from markupsafe import Markup

from glasshouse.record.measurements import Figure, FigureKind
from glasshouse.report.figures.beeswarm import draw_beeswarm
from glasshouse.report.figures.heatmap import draw_heatmap
from glasshouse.report.figures.images_and_texts import draw_image, draw_shaded_text
from glasshouse.report.figures.labelled_rows import draw_bar, draw_dot_interval
from glasshouse.report.figures.plots import draw_histogram, draw_line, draw_scatter
from glasshouse.report.figures.threshold import draw_threshold

__all__ = ["draw", "draw_threshold"]

_DRAWING: Mapping[FigureKind, Callable[[Figure, int], Markup]] = {
    "bar": draw_bar,
    "dot_interval": draw_dot_interval,
    "line": draw_line,
    "histogram": draw_histogram,
    "heatmap": draw_heatmap,
    "scatter": draw_scatter,
    "beeswarm": draw_beeswarm,
    "image": draw_image,
    "shaded_text": draw_shaded_text,
}


def draw(figure: Figure, number: int) -> Markup:
    """The figure as markup; `number` makes its identifiers unique on the page."""
    return _DRAWING[figure.kind](figure, number)
