"""Figures and tables of overall performance; aggregates only, no single rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from glasshouse import Column, Figure, Table
from glasshouse.statistics import GroupCounts, ReliabilityCurve, RocCurve
from numpy.typing import NDArray

# More points than this make a curve no more precise on a screen, only the report longer.
_MOST_POINTS = 200


def confusion_figure(table: GroupCounts) -> Figure:
    """Shares of each true class by predicted class."""
    cells = table.cells[0].astype(np.float64)
    total = cells.sum(axis=1, keepdims=True)
    shares = np.divide(cells, total, out=np.full(cells.shape, np.nan), where=total > 0)
    return Figure(
        kind="heatmap",
        title="Confusion matrix",
        description="For the rows of each true class, the share predicted as each class. The diagonal is correct; a "
        "class without rows is empty.",
        data={
            "rows": list(table.classes),
            "columns": list(table.classes),
            "values": [[_number(share) for share in row] for row in shares],
            "x_label": "predicted class",
            "y_label": "true class",
        },
    )


def confusion_counts(table: GroupCounts) -> Table:
    """Rows of each true class by predicted class."""
    rows = []
    for label, counts, size in zip(table.classes, table.cells[0], table.rows[0].sum(axis=1), strict=True):
        rows.append((label, int(size), *(_plain(value) for value in counts)))
    return Table(
        title="Confusion matrix",
        columns=(
            Column(name="true class"),
            Column(name="rows", format="d"),
            *(Column(name=f"predicted {label}", format=".1f" if table.weighted else "d") for label in table.classes),
        ),
        rows=tuple(rows),
        description="Sums of weights." if table.weighted else "Counts of rows.",
        count_column="rows",
    )


def calibration_figure(curve: ReliabilityCurve, about: str) -> Figure:
    """Observed against predicted frequency in each bin; empty bins are omitted."""
    filled = curve.counts > 0
    return Figure(
        kind="line",
        title="Calibration",
        description=f"Observed frequency that {about}, by predicted probability. On the diagonal the model is "
        "calibrated; below it the model is overconfident. Bars are 95 % Wilson intervals.",
        data={
            "series": [
                {
                    "name": "model",
                    "x": _numbers(curve.predicted[filled]),
                    "y": _numbers(curve.observed[filled]),
                    "low": _numbers(curve.intervals.low[filled]),
                    "high": _numbers(curve.intervals.high[filled]),
                    "n": _numbers(curve.counts[filled]),
                }
            ],
            "x_label": "mean predicted probability",
            "y_label": "observed share",
            "diagonal": True,
            "x_log": False,
        },
    )


def roc_figure(curves: Sequence[tuple[str, RocCurve]]) -> Figure:
    """ROC curves, thinned."""
    series = []
    for name, curve in curves:
        kept = thinned(curve)
        x, y = curve.false_positive_rate[kept], curve.true_positive_rate[kept]
        series.append({"name": name, "x": _numbers(x), "y": _numbers(y)})
    return Figure(
        kind="line",
        title="ROC curve",
        description="True positive rate against false positive rate, over all thresholds. Higher is better; the "
        "diagonal is guessing.",
        data={
            "series": series,
            "x_label": "false positive rate",
            "y_label": "true positive rate",
            "diagonal": True,
            "x_log": False,
        },
    )


def thinned(curve: RocCurve) -> NDArray[np.intp]:
    """At most `_MOST_POINTS` positions, evenly spaced along the curve, including both ends."""
    along = curve.false_positive_rate + curve.true_positive_rate  # from 0 to 2, non-decreasing
    if len(along) <= _MOST_POINTS:
        return np.arange(len(along))
    return np.unique(np.searchsorted(along, np.linspace(0, along[-1], _MOST_POINTS)).clip(max=len(along) - 1))


def prediction_figure(targets: NDArray[np.float64], predicted: NDArray[np.float64]) -> Figure:
    """Counts of rows by true and predicted value, both in bins of equal width."""
    bins = int(np.clip(np.sqrt(len(targets) / 5), 4, 20))
    span = (min(targets.min(), predicted.min()), max(targets.max(), predicted.max()))
    if span[0] == span[1]:
        span = (span[0] - 0.5, span[1] + 0.5)
    counts, edges, _ = np.histogram2d(targets, predicted, bins=bins, range=(span, span))
    labels = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)]
    return Figure(
        kind="heatmap",
        title="Predicted and true values",
        description="Number of rows by true and predicted value. Correct predictions lie on the diagonal.",
        data={
            "rows": labels,
            "columns": labels,
            "values": [[int(value) for value in row] for row in counts],
            "x_label": "predicted value",
            "y_label": "true value",
        },
    )


def _numbers(values: NDArray[Any]) -> list[float | None]:
    return [_number(value) for value in values]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _plain(value: Any) -> int | float:
    return float(value) if isinstance(value, np.floating) else int(value)
