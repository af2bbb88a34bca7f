"""The `performance` audit: from evidence to overall metrics."""

from __future__ import annotations

import numpy as np
from glasshouse import AuditResult, Evidence, Figure, Measurement, Predictions, Table, UserError
from glasshouse.evidence import tables_of
from glasshouse.statistics import roc_curve

from glasshouse_audits.option_checks import whole_number
from glasshouse_audits.performance import classification, figures, from_tables, regression

# Beyond these a matrix or a bundle of curves can no longer be read.
_MOST_CLASSES_IN_MATRIX = 50
_MOST_CURVES = 10


class PerformanceAudit:
    """How well the model does on the evaluated split, with 95 % intervals and the baseline it must beat.

    Args:
        replicates: bootstrap replicates for the metrics that have no closed interval.
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
                notes.append("Rows come in clusters; intervals here take them for independent, and are too narrow.")
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
            *classification.decision_metrics(predictions, replicates=self.replicates, seed=seed),
            *classification.score_metrics(predictions, curve),
            classification.majority_accuracy(predictions, baseline),
        ]
        if baseline is not predictions:
            measurements.append(classification.generalization_gap(baseline, predictions))
        if target.kind == "binary":
            assert target.favourable_index is not None
            label = target.classes[target.favourable_index]
            about, curves = f"the class is {label}", [target.favourable_index]
            notes = [f"Precision, recall, f1, ROC AUC, Brier score and calibration are about the class {label}."]
        else:
            about, curves = "the most probable class is right", list(range(len(target.classes)))
            notes = [
                "Precision, recall, f1 and ROC AUC take each class against the rest; macro is their unweighted mean.",
                "Calibration is that of the probability of the predicted class.",
            ]
        if predictions.weights is not None:
            notes.append("Rows are weighted, but for the ROC curve and its area; bootstrap intervals are left out.")
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
    """A model whose scores are NaN or infinite has no performance to speak of."""
    assert predictions.targets is not None
    for what, values in (("scores", predictions.scores), ("targets", predictions.targets)):
        bad = int(np.count_nonzero(~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))))
        if bad:
            raise UserError(
                "audit 'performance'",
                f"expected finite {what}; {bad} of {len(values)} rows of the {predictions.split} split have NaN or "
                "infinite ones.",
                "Look at the training: has its loss diverged?",
            )
