"""Metrics of predicted numbers on one split, each with its interval, and the baseline of predicting the mean."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from glasshouse import Measurement, Predictions
from glasshouse.statistics import mean_absolute_error, mean_error, r2_score, root_mean_squared_error


def error_metrics(predictions: Predictions) -> Iterator[Measurement]:
    """MAE, RMSE, R² and mean error; all except R² in the target's unit."""
    assert predictions.targets is not None
    for name, metric in (
        ("mean_absolute_error", mean_absolute_error),
        ("root_mean_squared_error", root_mean_squared_error),
        ("r2", r2_score),
        ("mean_error", mean_error),
    ):
        found = metric(predictions.targets, predictions.predicted, weights=predictions.weights)
        yield Measurement(name=name, split=predictions.split, **found.fields())


def baseline_metrics(predictions: Predictions, averaged: Predictions) -> Iterator[Measurement]:
    """MAE and RMSE of always predicting the mean target of `averaged`: the baseline that a model must beat."""
    assert predictions.targets is not None
    assert averaged.targets is not None
    if len(averaged) == 0:
        return
    constant = np.full(len(predictions), np.average(averaged.targets, weights=averaged.weights))
    for name, metric in (
        ("baseline_mean_absolute_error", mean_absolute_error),
        ("baseline_root_mean_squared_error", root_mean_squared_error),
    ):
        found = metric(predictions.targets, constant, weights=predictions.weights)
        parameters = {"prediction": "mean", "averaged_on": averaged.split}
        yield Measurement(name=name, split=predictions.split, parameters=parameters, **found.fields())
