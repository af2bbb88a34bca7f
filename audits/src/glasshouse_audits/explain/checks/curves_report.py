"""Deletion and insertion curves of explanations: measurements, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from glasshouse import Cell, Column, Figure, Measurement, Table
from glasshouse.statistics import Estimate, mean
from numpy.typing import NDArray

from glasshouse_audits.explain.checks.check_result import (
    CheckContext,
    CheckResult,
    DotFigure,
    clipped,
    flat_attributions,
    interval_columns,
    value_and_interval,
)
from glasshouse_audits.explain.checks.curves import Curves, replacement_curves
from glasshouse_audits.explain.checks.replacement import FeatureReplacement
from glasshouse_audits.explain.explainers import MethodExplanation

_ORDERS = 10
# Background rows that replace the features of each row.
_DRAWS = 10
_CURVES = ("deletion", "insertion")


@dataclass(frozen=True, eq=False)
class _MethodCurves:
    """Curves of one method for one output, and their summaries over rows."""

    one: MethodExplanation
    output: int
    curves: Curves

    def estimates(self) -> dict[str, Estimate]:
        """Estimates by the name of their measurement."""
        c = self.curves
        return {
            "deletion_area": mean(c.deletion_area),
            "insertion_area": mean(c.insertion_area),
            "deletion_gain": mean(c.deletion_gain),
            "insertion_gain": mean(c.insertion_gain),
            "deletion_beats_random": clipped(mean(c.deletion_beats), 0, 1),
            "insertion_beats_random": clipped(mean(c.insertion_beats), 0, 1),
        }


def curves_report(
    explained: Sequence[MethodExplanation],
    context: CheckContext,
    replacement: FeatureReplacement,
    rows: NDArray[np.intp],
) -> CheckResult:
    """Curves of all methods against the same random orders and background rows; `rows` are those of `replacement`."""
    method_curves = replacement_curves(replacement, orders=_ORDERS, draws=_DRAWS, seed=context.seed)
    found = [
        _MethodCurves(one, output, method_curves.curves(flat_attributions(one.explanation)[rows, :, output], output))
        for output in range(len(context.labels))
        for one in explained
    ]
    summaries = [(curves, curves.estimates()) for curves in found]
    measurements = [
        context.measurement(name, estimate, curves.output, method=curves.one.name)
        for curves, estimates in summaries
        for name, estimate in estimates.items()
    ]
    drawn = [(curves, estimates) for curves, estimates in summaries if curves.output == 0]
    figures = [_figure([curves for curves, _ in drawn], which, context) for which in _CURVES]
    for output in range(len(context.labels)):
        measurements += _random_areas(next(c for c in found if c.output == output).curves, context, output)
    return CheckResult(
        tuple(measurements),
        (*figures, *(_gains(drawn, which, context) for which in _CURVES)),
        (_areas(summaries, context),),
        (
            f"Deletion and insertion curves replace features of each row by those of {replacement.drawn(_DRAWS)} "
            "background rows, which may create unrealistic rows.",
        ),
    )


def _random_areas(curves: Curves, context: CheckContext, output: int) -> list[Measurement]:
    """The baseline of areas: the mean over random orders, and the standard deviation of single orders of a row."""
    areas = curves.random_area
    return [
        context.measurement("random_order_area", mean(areas.mean(axis=1)), output, statistic="mean", orders=_ORDERS),
        context.measurement(
            "random_order_area",
            Estimate(_spread(areas), len(areas)),
            output,
            statistic="standard_deviation",
            orders=_ORDERS,
        ),
    ]


def _spread(values: NDArray[np.float64]) -> float:
    """Root mean square over rows of the standard deviation over random orders (n, r).

    Divided by r, not r - 1: the orders come in pairs whose mean varies little, so the row's mean is nearly exact.
    """
    return float(np.sqrt(values.var(axis=1).mean()))


def _figure(found: Sequence[_MethodCurves], which: str, context: CheckContext) -> Figure:
    """Mean curve of every method for the first output, and that of random orders with one standard deviation."""
    first = found[0].curves
    deleting = which == "deletion"
    x = first.share if deleting else first.inserted
    random = first.random if deleting else first.random[:, :, ::-1]
    centre, spread = random.mean(axis=(0, 1)), np.sqrt(random.var(axis=1).mean(axis=0))
    series: list[dict[str, object]] = [
        {"name": w.one.title, "x": x.tolist(), "y": getattr(w.curves, which).mean(axis=0).tolist()} for w in found
    ]
    series.append(
        {
            "name": "random order",
            "x": x.tolist(),
            "y": centre.tolist(),
            "low": (centre - spread).tolist(),
            "high": (centre + spread).tolist(),
        }
    )
    how = (
        "Features are replaced by those of background rows, the largest attribution first: a faster fall means a "
        "better order."
        if deleting
        else "Starting from background rows, a row's features are inserted, the largest attribution first: a faster "
        "rise means a better order."
    )
    return Figure(
        kind="line",
        title=context.heading("Deletion curves" if deleting else "Insertion curves", 0),
        description=f"Mean {context.score_name(0)} over {len(first.deletion)} rows. {how} The band is one standard "
        "deviation of single random orders of a row.",
        data={
            "series": series,
            "x_label": f"share of features {'deleted' if deleting else 'inserted'}",
            "y_label": context.score_name(0),
            "diagonal": False,
            "x_log": False,
        },
    )


def _areas(summaries: Sequence[tuple[_MethodCurves, dict[str, Estimate]]], context: CheckContext) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for method_curves, estimates in summaries:
        for which in _CURVES:
            rows.append(
                context.row(
                    method_curves.output,
                    method_curves.one.title,
                    which,
                    estimates[f"{which}_area"].value,
                    float(method_curves.curves.random_area.mean()),
                    _spread(method_curves.curves.random_area),
                    *value_and_interval(estimates[f"{which}_gain"]),
                    estimates[f"{which}_beats_random"].value,
                )
            )
    return Table(
        title="Areas under deletion and insertion curves",
        columns=context.columns(
            Column(name="method"),
            Column(name="curve"),
            Column(name="area", format=".4f"),
            Column(name="random order", format=".4f"),
            Column(name="spread of random orders", format=".4f"),
            *interval_columns("gain over random"),
            Column(name="random orders beaten", format=".1%"),
        ),
        rows=tuple(rows),
        description="Areas are mean scores along the curve. A good order has a small deletion area and a large "
        "insertion area, and a gain above 0 over random orders. The spread is one standard deviation of single random "
        "orders of a row.",
    )


def _gains(summaries: Sequence[tuple[_MethodCurves, dict[str, Estimate]]], which: str, context: CheckContext) -> Figure:
    dots = DotFigure()
    for method_curves, estimates in summaries:
        dots.add(method_curves.one.title, estimates[f"{which}_gain"])
    return dots.figure(
        context.heading(f"{which.capitalize()}: how much better than random orders", 0),
        "Difference between the areas of random orders and of a method's order, in units of the score. Above 0 the "
        "method orders features better than chance.",
        x_label="gain in area over random orders",
        reference=0.0,
    )
