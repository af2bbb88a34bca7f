"""Pictures and tables of overall performance: aggregates only, never a row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from glasshouse import Column, Figure, Table
from glasshouse.statistics import GroupCounts, ReliabilityCurve, RocCurve
from numpy.typing import NDArray

# A curve with more points than a screen has pixels only makes the report longer.
_MOST_POINTS = 200


def confusion_figure(table: GroupCounts) -> Figure:
    """Shares of each true class by predicted class."""
    cells = table.cells[0].astype(np.float64)
    total = cells.sum(axis=1, keepdims=True)
    shares = np.divide(cells, total, out=np.full(cells.shape, np.nan), where=total > 0)
    return Figure(
        kind="heatmap",
        title="Confusion matrix",
        description="Of the rows of each true class, the share that was predicted as each class. The diagonal is "
        "right; a class without rows is left empty.",
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
    """Observed against predicted frequency, bin by bin; empty bins are left out."""
    filled = curve.counts > 0
    return Figure(
        kind="line",
        title="Calibration",
        description=f"How often {about}, by the probability that was predicted. On the diagonal probabilities are "
        "frequencies; below it the model is too sure. Bars are 95 % Wilson intervals.",
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
        description="Share of the class that is found against share of the others that is taken for it, over all "
        "thresholds. Higher is better; the diagonal is guessing.",
        data={
            "series": series,
            "x_label": "false positive rate",
            "y_label": "true positive rate",
            "diagonal": True,
            "x_log": False,
        },
    )


def thinned(curve: RocCurve) -> NDArray[np.intp]:
    """At most `_MOST_POINTS` positions, evenly spread along the curve, both ends among them."""
    along = curve.false_positive_rate + curve.true_positive_rate  # 0 to 2, never falling
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
        description="How many rows have each pair of true and predicted value. Right predictions lie on the diagonal.",
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
