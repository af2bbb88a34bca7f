"""The `performance` audit: overall metrics with intervals, compared with a baseline."""

from __future__ import annotations

import numpy as np
from glasshouse import AuditResult, Evidence, Figure, Measurement, Predictions, Table, UserError
from glasshouse.evidence import tables_of
from glasshouse.statistics import roc_curve

from glasshouse_audits.option_checks import whole_number
from glasshouse_audits.performance import classification, figures, from_tables, regression

# A larger matrix, or more curves, are not readable.
_MOST_CLASSES_IN_MATRIX = 50
_MOST_CURVES = 10


class PerformanceAudit:
    """Performance on the evaluated split, with 95 % intervals, compared with the baseline that a model must beat.

    Args:
        replicates: simulated samples for the interval of the calibration error and the p-value of calibration.
    """

    def __init__(self, *, replicates: int = 1000) -> None:
        self.replicates = whole_number("audit 'performance'", "replicates", replicates, minimum=100)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Measure the evaluated split.

        Raises:
            UserError: if scores or targets are not finite.
        """
        if evidence.predictions:
            predictions, train = evidence.evaluated, evidence.predictions.get("train")
            refuse_non_finite(predictions)
            baseline = train if train is not None and train.targets is not None else predictions
            measure = self._regression if predictions.target.kind == "regression" else self._classification
            measurements, tables, pictures, notes = measure(predictions, baseline, evidence.seed)
            if predictions.clusters is not None:
                notes.append(
                    "Rows are clustered; intervals in this audit treat them as independent and are too narrow."
                )
        else:
            measurements, tables, pictures, notes = from_tables.measure(
                tables_of(evidence), evidence.info, replicates=self.replicates, seed=evidence.seed
            )
        return AuditResult(
            name="performance",
            family="performance",
            parameters={"replicates": self.replicates},
            measurements=measurements,
            tables=tables,
            figures=pictures,
            notes=notes,
        )

    def _classification(
        self, predictions: Predictions, baseline: Predictions, seed: int
    ) -> tuple[list[Measurement], list[Table], list[Figure], list[str]]:
        target, targets = predictions.target, predictions.targets
        assert targets is not None
        curve = classification.calibration(predictions)
        measurements = [
            *classification.decision_metrics(predictions),
            *classification.score_metrics(predictions, curve, replicates=self.replicates, seed=seed),
            classification.majority_accuracy(predictions, baseline),
        ]
        if baseline is not predictions:
            measurements.append(classification.generalization_gap(baseline, predictions))
        if target.kind == "binary":
            assert target.favourable_index is not None
            label = target.classes[target.favourable_index]
            about, curves = f"the class is {label}", [target.favourable_index]
            notes = [f"Precision, recall, f1, ROC AUC, Brier score and calibration refer to the class {label}."]
        else:
            about, curves = "the most probable class is right", list(range(len(target.classes)))
            notes = [
                "Precision, recall, f1 and ROC AUC compare each class with the rest; macro is their unweighted mean.",
                "Calibration refers to the probability of the predicted class.",
            ]
        if predictions.weights is not None:
            notes.append("Rows are weighted, except for the ROC curve and its area.")
        pictures = [figures.calibration_figure(curve, about)]
        tables = []
        if len(target.classes) <= _MOST_CLASSES_IN_MATRIX:
            table = classification.confusion_table(predictions)
            pictures.insert(0, figures.confusion_figure(table))
            tables.append(figures.confusion_counts(table))
        both = [k for k in curves if 0 < np.count_nonzero(targets == k) < len(targets)]
        if 0 < len(both) <= _MOST_CURVES:
            drawn = [(target.classes[k], roc_curve(targets == k, predictions.scores[:, k])) for k in both]
            pictures.append(figures.roc_figure(drawn))
        return measurements, tables, pictures, notes

    def _regression(
        self, predictions: Predictions, baseline: Predictions, seed: int
    ) -> tuple[list[Measurement], list[Table], list[Figure], list[str]]:
        assert predictions.targets is not None
        measurements = [
            *regression.error_metrics(predictions),
            *regression.baseline_metrics(predictions, baseline),
        ]
        pictures = []
        if len(predictions):
            pictures.append(figures.prediction_figure(predictions.targets, predictions.predicted))
        return measurements, [], pictures, ["Errors are prediction minus target, in the target's unit."]


def refuse_non_finite(predictions: Predictions) -> None:
    """Raise if scores or targets are NaN or infinite.

    Raises:
        UserError: if there are such values.
    """
    assert predictions.targets is not None
    for what, values in (("scores", predictions.scores), ("targets", predictions.targets)):
        bad = int(np.count_nonzero(~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))))
        if bad:
            raise UserError(
                "audit 'performance'",
                f"expected finite {what}; {bad} of {len(values)} rows of the {predictions.split} split have NaN or "
                f"infinite {what}.",
                "Check the training: has its loss diverged?",
            )
