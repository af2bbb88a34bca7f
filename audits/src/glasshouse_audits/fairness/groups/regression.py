"""Group fairness of predicted numbers: means and errors by group, quantiles of residuals, and the scoring rate."""

from __future__ import annotations

from functools import partial

import numpy as np
from glasshouse import Measurement
from glasshouse.statistics import GroupCounts, ScoreHistogram, group_rates

from glasshouse_audits.fairness.groups import clustered, gaps
from glasshouse_audits.fairness.groups.gaps import Measure
from glasshouse_audits.fairness.groups.report import MAX_ATTRIBUTES_DRAWN, gap_table, group_figure, group_table
from glasshouse_audits.fairness.groups.study import PartialResult, Study

MEASURES = (
    "mean_prediction",
    "mean_target",
    "mean_error",
    "mean_absolute_error",
    "root_mean_squared_error",
    "r2_score",
)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_NOT_NEGATIVE = ("mean_absolute_error", "root_mean_squared_error")
_DRAWN = ("mean_prediction", "mean_error", "mean_absolute_error")


def measure(study: Study) -> PartialResult:
    """Mean prediction, bias, absolute and squared error, R2, quantiles of residuals and scoring rate of every group."""
    found = PartialResult()
    if study.tables.sums is None:
        return found
    for names in study.attribute_sets:
        tables = study.tables_over[names]
        assert tables.sums is not None
        groups, sizes = tables.sums.groups, tables.sums.sizes
        for group, size in zip(groups, sizes, strict=True):
            found.measurements.append(
                Measurement(name="count", value=float(size), n=int(size), group=group, split=study.split)
            )
        by_cluster = clustered.number_measures(study.rows, groups) if study.clustered and study.rows else {}
        for name in available_measures(study):
            measure: Measure = partial(_estimates, getattr(tables.sums, name))
            if study.clustered:
                measure = by_cluster.get(name) or clustered.without_intervals(measure, clustered.NO_VARIANCE)
            everyone = getattr(study.tables_over[()].sums, name)()[0] if len(names) == 1 else None
            found.measurements += gaps.measurements(
                name,
                groups,
                measure,
                over=names,
                split=study.split,
                overall=everyone,
                ratio=len(names) == 1 and name in _NOT_NEGATIVE,
            )
        if study.above_median is not None:
            found.measurements += scoring_rates(study.above_median.marginal(names), study)
        if tables.errors is not None and len(names) == 1:
            found.measurements += residual_quantiles(tables.errors, study)
    found.tables.append(gap_table(found.measurements))
    for names in study.attribute_sets:
        found.tables.append(group_table(found.measurements, names, (*available_measures(study), "scoring_rate")))
    for name in study.attributes[:MAX_ATTRIBUTES_DRAWN]:
        for metric in _DRAWN:
            if metric in available_measures(study):
                reference = getattr(study.tables_over[()].sums, metric)()[0].value
                found.figures.append(group_figure(found.measurements, metric, name, None, reference))
    found.notes.append("Errors are prediction minus target, in the target's unit.")
    found.notes.append("Scoring rate: the share of a group with a prediction above the overall median.")
    return found


def available_measures(study: Study) -> tuple[str, ...]:
    """The measures that can be computed: without targets only the mean prediction."""
    return MEASURES if study.tables.has_targets else MEASURES[:1]


def scoring_rates(counts: GroupCounts, study: Study) -> list[Measurement]:
    """Share of each group above the overall median prediction (6 RCNY 5-300), with Wilson's interval."""
    return [
        Measurement(name="scoring_rate", group=group, split=study.split, **estimate.fields())
        for group, estimate in zip(counts.groups, group_rates(counts, "selection_rate"), strict=True)
    ]


def residual_quantiles(errors: ScoreHistogram, study: Study) -> list[Measurement]:
    """Quantiles of prediction minus target of every group, exact to one bin of the histogram."""
    found = []
    for group, size, row in zip(errors.groups, errors.sizes, errors.quantiles(QUANTILES), strict=True):
        for share, value in zip(QUANTILES, row, strict=True):
            known = bool(np.isfinite(value))
            found.append(
                Measurement(
                    name="residual_quantile",
                    value=float(value) if known else None,
                    undefined=None if known else "no rows",
                    n=int(size),
                    group=group,
                    split=study.split,
                    parameters={"quantile": share},
                )
            )
    return found


def _estimates(method, level):  # type: ignore[no-untyped-def]
    return method(level=level)
