"""Calibration by group: whether equal scores mean equal observed frequencies in every group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from glasshouse import Column, Figure, Measurement, Table
from glasshouse.statistics import (
    MISSING,
    Estimate,
    GroupCounts,
    Interval,
    Recalibration,
    ReliabilityCurve,
    ScoreHistogram,
    binned_deviations,
    calibration_error_interval,
    effective_counts,
    expected_calibration_error,
    logistic_recalibration,
    resampled_calibration_error,
)

from glasshouse_audits.fairness.groups import clustered
from glasshouse_audits.fairness.groups.report import MAX_ATTRIBUTES_DRAWN
from glasshouse_audits.fairness.groups.study import PartialResult, Study

_TABLED = ("expected_calibration_error", "calibration_intercept", "calibration_slope", "mean_score", "prevalence")
_MAX_CURVES = 6
_MIN_ROWS = 10
"""Bins with fewer rows are not drawn: their share is mostly noise, and could reveal single people."""


def measure(study: Study) -> PartialResult:
    """Expected calibration error, calibration intercept and slope of every group; reliability curves by attribute."""
    found = PartialResult()
    if not study.tables.has_targets or not study.tables.scores:
        return found
    binary = study.tables.kind == "binary"
    positive_classes = {positive_class.label: positive_class for positive_class in study.positive_classes}
    for names in study.detailed_sets:
        for label, histogram in study.tables_over[names].scores.items():
            if label not in positive_classes:
                continue
            positive_class = positive_classes[label]
            counts = study.table(names, positive_class)
            curves = histogram.reliability()
            output = positive_class.output
            found.measurements += calibration_errors(histogram, curves, study, label, output)
            if binary or len(names) == 1:
                found.measurements += recalibrations(histogram, counts, positive_class.code, study, output)
            if binary and len(names) == 1 and names[0] in study.attributes[:MAX_ATTRIBUTES_DRAWN]:
                found.figures += reliability_figure(histogram, curves, names[0])
    found.notes.append(
        "Calibration: the intercept is the amount missing from all log-odds (0 is best, above 0 the scores are too "
        "low), the slope their factor (1 is best, below 1 the scores are too extreme). The expected calibration error "
        "over ten bins is biased upward in small groups."
    )
    return found


def add_calibration_table(found: PartialResult, study: Study) -> None:
    """Add a table of the groups of all single attributes, made from the measurements so far."""
    values = {(m.name, tuple(m.group.items())): m for m in found.measurements if m.output is None and not m.parameters}
    rows = [
        (*group[0], m.n, *(values[(name, group)].value for name in _TABLED))
        for (name, group), m in values.items()
        if name == "count" and len(group) == 1 and ("calibration_slope", group) in values
    ]
    if rows and study.tables.kind == "binary":
        found.tables.append(
            Table(
                title="Calibration by group",
                columns=(
                    Column(name="attribute"),
                    Column(name="group"),
                    Column(name="rows", format="d"),
                    *(Column(name=name, format=".3f") for name in _TABLED),
                ),
                rows=tuple(rows),
                description="Intercept: 0 is best, above 0 the scores are too low. Slope: 1 is best, below 1 they are "
                "too extreme.",
                count_column="rows",
            )
        )


def calibration_errors(
    histogram: ScoreHistogram, curves: tuple[ReliabilityCurve, ...], study: Study, label: str, output: str | None
) -> list[Measurement]:
    """Expected calibration error of every group over ten bins."""
    found = []
    for group, curve, interval in zip(
        histogram.groups, curves, _calibration_error_intervals(histogram, curves, study, label), strict=True
    ):
        estimate = expected_calibration_error(curve)
        if estimate.value is not None:
            estimate = replace(estimate, interval=interval)
        found.append(
            Measurement(
                name="expected_calibration_error",
                group=group,
                output=output,
                split=study.split,
                **estimate.fields(),
            )
        )
    return found


def _calibration_error_intervals(
    histogram: ScoreHistogram, curves: tuple[ReliabilityCurve, ...], study: Study, label: str
) -> Iterator[Interval | None]:
    """Interval of each group's calibration error: rows are resampled; weighted rows as sums of bins; or clusters.

    None for clustered rows of which only tables are available.
    """
    rng, replicates = np.random.default_rng(study.seed), study.options.replicates
    if study.clustered:
        if study.rows is None:
            yield from [None] * len(curves)
            return
        scores, targets = study.scores_and_targets(label)
        assert targets is not None
        yield from clustered.calibration_intervals(
            study.rows, histogram.groups, scores, targets, rng=rng, replicates=replicates
        )
        return
    for k, curve in enumerate(curves):
        if not histogram.weighted:
            yield calibration_error_interval(curve, rng=rng, replicates=replicates)
        elif curve.weights.sum() > 0:
            yield resampled_calibration_error(*binned_deviations(histogram, k), rng=rng, replicates=replicates)
        else:
            yield None


def recalibrations(
    histogram: ScoreHistogram, counts: GroupCounts, positive: int, study: Study, output: str | None
) -> list[Measurement]:
    """Calibration intercept and slope of every group."""
    _, effective = effective_counts(counts, "prevalence", positive=positive)
    found = []
    for k, group in enumerate(histogram.groups):
        fitted = recalibration(histogram, k, float(effective[k]) if counts.weighted else None)
        for name, estimate in (("calibration_intercept", fitted.intercept), ("calibration_slope", fitted.slope)):
            whole = Estimate(estimate.value, int(histogram.sizes[k]), estimate.interval, estimate.undefined)
            found.append(Measurement(name=name, group=group, output=output, split=study.split, **whole.fields()))
    return found


def recalibration(histogram: ScoreHistogram, group: int, effective: float | None) -> Recalibration:
    """Logistic recalibration of one group of a histogram, with the rows of each bin at their mean score."""
    bins = histogram.bins(group)
    weights = bins.weights.sum(axis=1)
    some = weights > 0  # a bin whose rows all have weight 0 has no mean score
    shares = np.clip(bins.weights[some, 1] / weights[some], 0, 1)
    return logistic_recalibration(shares, np.clip(bins.score[some], 0, 1), weights=weights[some], effective=effective)


def reliability_figure(histogram: ScoreHistogram, curves: tuple[ReliabilityCurve, ...], name: str) -> list[Figure]:
    """Reliability curves of the groups of one attribute; none if no group has two bins of `_MIN_ROWS`."""
    series: list[dict[str, object]] = []
    for group, curve in zip(histogram.groups, curves, strict=True):
        kept = np.flatnonzero(curve.counts >= _MIN_ROWS)
        if len(kept) < 2 or group[name] == MISSING or len(series) == _MAX_CURVES:
            continue
        series.append(
            {
                "name": group[name],
                "x": curve.predicted[kept].tolist(),
                "y": curve.observed[kept].tolist(),
                "low": curve.intervals.low[kept].tolist(),
                "high": curve.intervals.high[kept].tolist(),
            }
        )
    if not series:
        return []
    return [
        Figure(
            kind="line",
            title=f"Reliability by {name}",
            description="Observed share of the favourable class in each group, by mean score in ten bins, with Wilson "
            f"intervals; perfectly calibrated scores lie on the diagonal. Bins of fewer than {_MIN_ROWS} rows are "
            "omitted.",
            data={
                "series": series,
                "x_label": "mean score",
                "y_label": "share of the favourable class",
                "diagonal": True,
                "x_log": False,
            },
        )
    ]
