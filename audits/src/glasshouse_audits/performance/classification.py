"""Metrics of a classifier on one split, each with its interval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from glasshouse import Measurement, Predictions, Target
from glasshouse.statistics import (
    Estimate,
    GroupCounts,
    ReliabilityCurve,
    brier_score,
    calibration_error_interval,
    calibration_p_value,
    clustered_deviations,
    count,
    expected_calibration_error,
    group_rates,
    log_loss,
    mean,
    newcombe,
    normal_calibration_p_value,
    reliability_curve,
    resampled_calibration_error,
    roc_auc,
    squared_calibration_error,
)
from numpy.typing import NDArray

# Our names for some of `glasshouse.statistics.RATES`, of a class and of their mean: recall is the usual name for
# classifiers.
Deviations = tuple[NDArray[np.float64], NDArray[np.float64], float]
"""Sums of prediction minus target by bin, their covariance, and the total weight."""

_PER_CLASS = {
    "precision": ("precision", "macro_precision"),
    "recall": ("true_positive_rate", "balanced_accuracy"),
    "f1": ("f1", "macro_f1"),
}


def confusion_table(predictions: Predictions) -> GroupCounts:
    """Counts of rows by target and prediction, with all rows in one group."""
    return count(
        (),
        predictions.targets,
        predictions.predicted,
        classes=predictions.target.classes,
        weights=predictions.weights,
    )


def decision_metrics(predictions: Predictions) -> Iterator[Measurement]:
    """Accuracy, balanced accuracy, precision, recall and f1 of the decisions.

    Binary: precision, recall and f1 of the favourable class. Multiclass: of each class (`output`), and their
    unweighted mean (``average=macro``).
    """
    yield from table_metrics(confusion_table(predictions), predictions.split, predictions.target)


def table_metrics(table: GroupCounts, split: str, target: Target) -> Iterator[Measurement]:
    """`decision_metrics` from the count table of all rows."""
    yield Measurement(name="accuracy", split=split, **group_rates(table, "accuracy")[0].fields())
    empty = [target.classes[k] for k in np.flatnonzero(table.rows[0].sum(axis=1) == 0)]
    balanced = _mean_over_classes(table, "balanced_accuracy", f"no rows with target {', '.join(empty)}")
    yield Measurement(name="balanced_accuracy", split=split, **balanced.fields())
    positives = list(range(len(target.classes)))
    if target.kind == "binary":
        assert target.favourable_index is not None
        positives = [target.favourable_index]
    for name, (known_as, macro_name) in _PER_CLASS.items():
        undefined = []
        for k in positives:
            estimate = group_rates(table, known_as, positive=k)[0]
            if estimate.value is None:
                undefined.append(target.classes[k])
            output = None if target.kind == "binary" else target.classes[k]
            yield Measurement(name=name, output=output, split=split, **estimate.fields())
        if target.kind == "multiclass":
            macro = _mean_over_classes(table, macro_name, f"undefined for {', '.join(undefined)}")
            yield Measurement(name=name, split=split, parameters={"average": "macro"}, **macro.fields())


def score_metrics(
    predictions: Predictions, curve: ReliabilityCurve, *, replicates: int, seed: int
) -> Iterator[Measurement]:
    """ROC AUC, log loss, Brier score and calibration errors of the probabilities.

    Multiclass: AUC of each class against the rest, and their unweighted mean.
    """
    split, target, weights = predictions.split, predictions.target, predictions.weights
    targets, scores = _targets(predictions), predictions.scores
    if target.kind == "binary":
        positive = _favourable(predictions)
        yield Measurement(name="roc_auc", split=split, **roc_auc(targets == positive, scores[:, positive]).fields())
        brier = brier_score(targets == positive, scores[:, positive], weights=weights)
    else:
        yield from _one_against_rest(predictions)
        brier = brier_score(targets, scores, weights=weights)
    # Losses are computed from logits and stay exact if a float32 probability is rounded to 0 or 1.
    if predictions.losses is not None:
        loss = mean(predictions.losses, weights=weights)
    else:
        loss = log_loss(targets, scores, weights=weights)
    yield Measurement(name="log_loss", split=split, **loss.fields())
    yield Measurement(name="brier_score", split=split, **brier.fields())
    deviations = None
    if weights is not None or predictions.clusters is not None:
        clusters = np.arange(len(predictions)) if predictions.clusters is None else predictions.clusters
        deviations = clustered_deviations(*_judged_scores(predictions), clusters, weights=weights)
    for name, found in calibration_errors(curve, deviations, replicates=replicates, seed=seed):
        yield Measurement(name=name, split=split, **found.fields())


def calibration_errors(
    curve: ReliabilityCurve, deviations: Deviations | None, *, replicates: int, seed: int
) -> Iterator[tuple[str, Estimate]]:
    """Calibration errors over the bins of a curve, and the p-value of calibration, each with its name.

    `deviations` of weighted or clustered rows replace the rows of the bins; they are their sums, covariance and the
    total weight.
    """
    rng = np.random.default_rng(seed)
    error, p_value = expected_calibration_error(curve), Estimate(None, int(curve.counts.sum()), undefined="no rows")
    if deviations is None:
        interval = calibration_error_interval(curve, rng=rng, replicates=replicates)
        p_value = calibration_p_value(curve, rng=rng, replicates=replicates)
    elif error.value is not None:
        interval = resampled_calibration_error(*deviations, rng=rng, replicates=replicates)
        found = normal_calibration_p_value(deviations[0], deviations[1], rng=rng, replicates=replicates)
        p_value = Estimate(found, error.n)
    if error.value is not None:
        error = replace(error, interval=interval)
    yield "expected_calibration_error", error
    if deviations is None:
        yield "squared_calibration_error", squared_calibration_error(curve)
    else:
        reason = "not implemented for weighted or clustered rows"
        yield "squared_calibration_error", Estimate(None, error.n, undefined=reason)
    yield "calibration_p_value", p_value


def calibration(predictions: Predictions) -> ReliabilityCurve:
    """Reliability of the favourable class's probability (binary) or of the most probable class's (multiclass)."""
    return reliability_curve(*_judged_scores(predictions), weights=predictions.weights)


def _judged_scores(predictions: Predictions) -> tuple[NDArray[Any], NDArray[Any]]:
    """Whether each row is of the favourable class (binary), or predicted right, and the score for that."""
    targets, scores = _targets(predictions), predictions.scores
    if predictions.target.kind == "binary":
        positive = _favourable(predictions)
        return targets == positive, scores[:, positive]
    return targets == predictions.predicted, scores.max(axis=1)


def majority_accuracy(predictions: Predictions, counted: Predictions) -> Measurement:
    """Accuracy of always predicting the most frequent class of `counted`: the baseline that a model must beat."""
    classes = predictions.target.classes
    frequent = int(np.argmax(np.bincount(_targets(counted), counted.weights, minlength=len(classes))))
    constant = np.full(len(predictions), frequent)
    table = count((), predictions.targets, constant, classes=classes, weights=predictions.weights)
    return Measurement(
        name="majority_accuracy",
        split=predictions.split,
        parameters={"class": classes[frequent], "counted_on": counted.split},
        **group_rates(table, "accuracy")[0].fields(),
    )


def generalization_gap(train: Predictions, predictions: Predictions) -> Measurement:
    """Accuracy on the training rows minus that on the evaluated rows: above 0 the model overfits."""
    shares = [group_rates(confusion_table(p), "accuracy")[0].value for p in (train, predictions)]
    parameters = {"metric": "accuracy"}
    if None in shares:
        return Measurement(
            name="generalization_gap",
            value=None,
            undefined="a split has no rows",
            n=len(predictions),
            split=predictions.split,
            parameters=parameters,
        )
    first, second = (share for share in shares if share is not None)
    weighted = train.weights is not None or predictions.weights is not None
    hits = [int(np.count_nonzero(p.predicted == p.targets)) for p in (train, predictions)]
    found = Estimate(
        value=first - second,
        n=len(predictions),
        interval=None if weighted else newcombe(hits[0], len(train), hits[1], len(predictions)).item(),
    )
    return Measurement(name="generalization_gap", split=predictions.split, parameters=parameters, **found.fields())


def _one_against_rest(predictions: Predictions) -> Iterator[Measurement]:
    targets, scores, split = _targets(predictions), predictions.scores, predictions.split
    areas = {}
    for k, label in enumerate(predictions.target.classes):
        areas[label] = roc_auc(targets == k, scores[:, k])
        yield Measurement(name="roc_auc", output=label, split=split, **areas[label].fields())
    undefined = [label for label, area in areas.items() if area.value is None]
    values = [area.value for area in areas.values() if area.value is not None]
    yield Measurement(
        name="roc_auc",
        value=None if undefined else float(np.mean(values)),
        undefined=f"undefined for {', '.join(undefined)}" if undefined else None,
        n=len(predictions),
        split=split,
        parameters={"average": "macro"},
    )


def _mean_over_classes(table: GroupCounts, name: str, reason: str) -> Estimate:
    """A mean over the classes; `reason` if it is undefined."""
    found = group_rates(table, name)[0]
    return found if found.value is not None else Estimate(None, found.n, undefined=reason)


def _targets(predictions: Predictions) -> NDArray[Any]:
    assert predictions.targets is not None
    return predictions.targets


def _favourable(predictions: Predictions) -> int:
    positive = predictions.target.favourable_index
    assert positive is not None
    return positive
