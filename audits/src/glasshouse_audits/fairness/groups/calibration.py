"""Calibration by group: do equal scores mean equal frequencies, whoever the person is?"""

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
from glasshouse_audits.fairness.groups.report import MOST_ATTRIBUTES_DRAWN
from glasshouse_audits.fairness.groups.study import Measured, Study

_TABLED = ("expected_calibration_error", "calibration_intercept", "calibration_slope", "mean_score", "prevalence")
_MOST_CURVES = 6
_FEWEST_ROWS = 10
"""A bin of fewer rows is not drawn: its share is mostly chance, and may be about few enough people to matter."""


def measure(study: Study) -> Measured:
    """ECE, calibration in the large and slope of every group, and reliability curves of single attributes."""
    found = Measured()
    if not study.tables.has_targets or not study.tables.scores:
        return found
    binary = study.tables.kind == "binary"
    questions = {question.label: question for question in study.questions}
    for names in study.together:
        for label, histogram in study.over[names].scores.items():
            if label not in questions:
                continue
            question = questions[label]
            counts = study.table(names, question)
            curves = histogram.reliability()
            output = question.output
            found.measurements += errors(histogram, curves, study, label, output)
            if binary or len(names) == 1:
                found.measurements += recalibrations(histogram, counts, question.positive, study, output)
            if binary and len(names) == 1 and names[0] in study.attributes[:MOST_ATTRIBUTES_DRAWN]:
                found.figures += reliability_figure(histogram, curves, names[0])
    found.notes.append(
        "Calibration: the intercept is what all log-odds lack (0 is best, above 0 the scores are too low), the slope "
        "what they should be multiplied by (1 is best, below 1 the scores are too extreme). The expected calibration "
        "error over ten bins is biased upward in small groups."
    )
    return found


def show(found: Measured, study: Study) -> None:
    """Add a table of the groups of all single attributes, made of what was measured so far."""
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


def errors(
    histogram: ScoreHistogram, curves: tuple[ReliabilityCurve, ...], study: Study, label: str, output: str | None
) -> list[Measurement]:
    """Expected calibration error of every group over ten bins."""
    found = []
    for group, curve, interval in zip(
        histogram.groups, curves, _error_intervals(histogram, curves, study, label), strict=True
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


def _error_intervals(
    histogram: ScoreHistogram, curves: tuple[ReliabilityCurve, ...], study: Study, label: str
) -> Iterator[Interval | None]:
    """Of each group: from resampling a curve's rows, or, where these differ in weight, the sums of its bins; by cluster
    where the rows are at hand."""
    rng, replicates = np.random.default_rng(study.seed), study.options.replicates
    if study.clustered:
        if study.rows is None:
            yield from [None] * len(curves)
            return
        scores, targets = study.scored(label)
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
    """Logistic recalibration of one group of a histogram, rows of a bin at their mean score."""
    bins = histogram.bins(group)
    weights = bins.weights.sum(axis=1)
    some = weights > 0  # a bin whose rows all weigh nothing has no mean score
    shares = np.clip(bins.weights[some, 1] / weights[some], 0, 1)
    return logistic_recalibration(shares, np.clip(bins.score[some], 0, 1), weights=weights[some], effective=effective)


def reliability_figure(histogram: ScoreHistogram, curves: tuple[ReliabilityCurve, ...], name: str) -> list[Figure]:
    """Reliability curves of the groups of one attribute; none where no group has a bin of `_FEWEST_ROWS`."""
    series: list[dict[str, object]] = []
    for group, curve in zip(histogram.groups, curves, strict=True):
        kept = np.flatnonzero(curve.counts >= _FEWEST_ROWS)
        if len(kept) < 2 or group[name] == MISSING or len(series) == _MOST_CURVES:
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
            description="How often the favourable class came true in each group, by mean score in ten bins, with "
            f"Wilson intervals; on the diagonal scores are frequencies. Bins of fewer than {_FEWEST_ROWS} rows are "
            "left out.",
            data={
                "series": series,
                "x_label": "mean score",
                "y_label": "share of the favourable class",
                "diagonal": True,
                "x_log": False,
            },
        )
    ]
