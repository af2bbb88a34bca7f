"""Overall performance from tables alone: the same measurements as from rows, as far as tables allow."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from glasshouse import DataInfo, Figure, Measurement, Table
from glasshouse.statistics import PredictionTables, binned_deviations, group_rates

from glasshouse_audits.performance import classification, figures

Measured = tuple[list[Measurement], list[Table], list[Figure], list[str]]

# A larger matrix is not readable.
_MOST_CLASSES_IN_MATRIX = 50


def measure(tables: PredictionTables, info: DataInfo, *, replicates: int, seed: int) -> Measured:
    """Metrics of all rows from the tables of the evaluated split."""
    everyone = tables.overall()
    if everyone.kind == "regression":
        return list(_errors(everyone)), [], [], ["Errors are prediction minus target, in the target's unit."]
    return _classification(everyone, info, replicates=replicates, seed=seed)


def _errors(everyone: PredictionTables) -> Iterator[Measurement]:
    sums, split = everyone.sums, everyone.split
    assert sums is not None
    for name, found in (
        ("mean_absolute_error", sums.mean_absolute_error()),
        ("root_mean_squared_error", sums.root_mean_squared_error()),
        ("r2", sums.r2_score()),
        ("mean_error", sums.mean_error()),
    ):
        yield Measurement(name=name, split=split, **found[0].fields())


def _classification(everyone: PredictionTables, info: DataInfo, *, replicates: int, seed: int) -> Measured:
    table, split = everyone.counts, everyone.split
    assert table is not None
    measurements = list(classification.table_metrics(table, split, info.target))
    pictures, shown, notes = [], [], ["Computed from tables of counts and scores, without the rows."]
    for label, histogram in everyone.scores.items():
        curve = histogram.reliability()[0]
        of_class = None if everyone.kind == "binary" else label
        error = float(np.nan_to_num(histogram.roc_auc_error()[0]))
        for name, estimate in (
            ("roc_auc", histogram.roc_auc()[0]),
            ("log_loss", histogram.log_loss()[0]),
            ("brier_score", histogram.brier_score()[0]),
            *classification.calibration_errors(
                curve,
                binned_deviations(histogram, 0) if histogram.weighted else None,
                replicates=replicates,
                seed=seed,
            ),
        ):
            yielded = Measurement(name=name, output=of_class, split=split, **estimate.fields())
            measurements.append(yielded)
        if error > 0:
            notes.append(f"ROC AUC is computed from a histogram of scores, with an error of at most {error:.1e}.")
        pictures.append(figures.calibration_figure(curve, f"the class is {label}"))
    frequent = int(np.argmax(table.cells[0].sum(axis=1)))
    measurements.append(_majority(everyone, frequent))
    if len(table.classes) <= _MOST_CLASSES_IN_MATRIX:
        pictures.insert(0, figures.confusion_figure(table))
        shown.append(figures.confusion_counts(table))
    if everyone.kind == "binary" and everyone.positive is not None:
        label = everyone.classes[everyone.positive]
        notes.append(f"Precision, recall, f1, ROC AUC, Brier score and calibration refer to the class {label}.")
    if table.weighted:
        notes.append("Rows are weighted; intervals use the effective number of rows.")
    return measurements, shown, pictures, notes


def _majority(everyone: PredictionTables, frequent: int) -> Measurement:
    """Accuracy of always predicting the most frequent class, which is that class's prevalence."""
    assert everyone.counts is not None
    return Measurement(
        name="majority_accuracy",
        split=everyone.split,
        parameters={"class": everyone.classes[frequent], "counted_on": everyone.split},
        **group_rates(everyone.counts, "prevalence", positive=frequent)[0].fields(),
    )
