"""Metrics of a classifier on one split, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from glasshouse import Measurement, Predictions, Target
from glasshouse.statistics import (
    Estimate,
    GroupCounts,
    ReliabilityCurve,
    bootstrap,
    brier_score,
    count,
    expected_calibration_error,
    group_rates,
    log_loss,
    mean,
    newcombe,
    rate,
    reliability_curve,
    roc_auc,
)
from numpy.typing import NDArray

# Our names for some of `glasshouse.statistics.RATES`: recall is the usual name for classifiers.
_PER_CLASS = {"precision": "precision", "recall": "true_positive_rate", "f1": "f1"}


def confusion_table(predictions: Predictions) -> GroupCounts:
    """Counts of rows by target and prediction, with all rows in one group."""
    return count(
        (),
        predictions.targets,
        predictions.predicted,
        classes=predictions.target.classes,
        weights=predictions.weights,
    )


def decision_metrics(predictions: Predictions, *, replicates: int, seed: int) -> Iterator[Measurement]:
    """Accuracy, balanced accuracy, precision, recall and f1 of the decisions.

    Binary: precision, recall and f1 of the favourable class. Multiclass: of each class (`output`), and their
    unweighted mean (``average=macro``).
    """
    table = confusion_table(predictions)
    yield from table_metrics(table, predictions.split, predictions.target, replicates=replicates, seed=seed)


def table_metrics(
    table: GroupCounts, split: str, target: Target, *, replicates: int, seed: int
) -> Iterator[Measurement]:
    """`decision_metrics` from the count table of all rows."""
    drawing = {"replicates": replicates, "seed": seed}
    yield Measurement(name="accuracy", split=split, **group_rates(table, "accuracy")[0].fields())
    empty = [target.classes[k] for k in np.flatnonzero(table.rows[0].sum(axis=1) == 0)]
    balanced = _with_bootstrap(
        table, partial(_macro, "balanced_accuracy", [0]), f"no rows with target {', '.join(empty)}", **drawing
    )
    yield Measurement(name="balanced_accuracy", split=split, **balanced.fields())
    positives = list(range(len(target.classes)))
    if target.kind == "binary":
        assert target.favourable_index is not None
        positives = [target.favourable_index]
    for name, known_as in _PER_CLASS.items():
        undefined = []
        for k in positives:
            estimate = group_rates(table, known_as, positive=k)[0]
            if estimate.value is None:
                undefined.append(target.classes[k])
            elif name == "f1":
                estimate = _with_bootstrap(table, partial(_macro, "f1", [k]), "", **drawing)
            output = None if target.kind == "binary" else target.classes[k]
            yield Measurement(name=name, output=output, split=split, **estimate.fields())
        if target.kind == "multiclass":
            macro = _with_bootstrap(
                table, partial(_macro, known_as, positives), f"undefined for {', '.join(undefined)}", **drawing
            )
            yield Measurement(name=name, split=split, parameters={"average": "macro"}, **macro.fields())


def score_metrics(predictions: Predictions, curve: ReliabilityCurve) -> Iterator[Measurement]:
    """ROC AUC, log loss, Brier score and expected calibration error of the probabilities.

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
    yield Measurement(name="expected_calibration_error", split=split, **expected_calibration_error(curve).fields())


def calibration(predictions: Predictions) -> ReliabilityCurve:
    """Reliability of the favourable class's probability (binary) or of the most probable class's (multiclass)."""
    targets, scores = _targets(predictions), predictions.scores
    if predictions.target.kind == "binary":
        positive = _favourable(predictions)
        return reliability_curve(targets == positive, scores[:, positive], weights=predictions.weights)
    return reliability_curve(targets == predictions.predicted, scores.max(axis=1), weights=predictions.weights)


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


def _macro(name: str, positives: Sequence[int], cells: NDArray[Any]) -> NDArray[np.float64]:
    """Unweighted mean of a rate over some classes, (..., K, K) to (...); undefined if the rate is for any of them."""
    values: NDArray[np.float64] = np.mean([rate(cells, name, positive=k).values for k in positives], axis=0)
    return values


def _with_bootstrap(
    table: GroupCounts,
    statistic: Callable[[NDArray[Any]], NDArray[Any]],
    reason: str,
    *,
    replicates: int,
    seed: int,
) -> Estimate:
    """A statistic of all rows with its percentile interval; weighted rows, which it does not support, have none."""
    n = int(table.sizes[0])
    value = float(statistic(table.cells[None])[0, 0])
    if np.isnan(value):
        return Estimate(value=None, n=n, undefined=reason)
    if table.weighted:
        return Estimate(value=value, n=n)
    drawn = bootstrap(table, statistic, rng=np.random.default_rng(seed), replicates=replicates)
    return Estimate(value=value, n=n, interval=drawn.intervals().item(0))


def _targets(predictions: Predictions) -> NDArray[Any]:
    assert predictions.targets is not None
    return predictions.targets


def _favourable(predictions: Predictions) -> int:
    positive = predictions.target.favourable_index
    assert positive is not None
    return positive
