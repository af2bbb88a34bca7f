"""Measurements, tables and figures of the `counterfactual_flip` audit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from glasshouse import Column, Figure, Groups, Measurement, Predictions, Table

from glasshouse_audits.fairness.counterfactuals.flips import FlippedAttribute
from glasshouse_audits.fairness.counterfactuals.proxies import ProxyStrength

MAX_LEVELS = 12
"""Directions grow with the square of the levels; with more levels than this they are not listed."""

_MAX_FEATURES_SHOWN = 12


def flip_measurements(flipped: FlippedAttribute, predictions: Predictions) -> Iterator[Measurement]:
    """Rates of changed decisions overall and for each direction of the flip, and the mean change of the score."""
    common: dict[str, Any] = {"over": (flipped.attribute,), "split": predictions.split}
    regression = predictions.target.kind == "regression"
    if not regression:
        yield Measurement(name="flip_rate", **common, **flipped.changed.fields())
    levels = {flip.first for flip in flipped.directions}
    for flip in flipped.directions if len(levels) <= MAX_LEVELS else ():
        direction = common | {"parameters": {"first": flip.first, "second": flip.second}}
        if not regression:
            yield Measurement(name="flip_rate", **direction, **flip.changed.fields())
            if predictions.target.favourable_index is not None:
                yield Measurement(name="flip_to_favourable_rate", **direction, **flip.to_favourable.fields())
                yield Measurement(name="flip_from_favourable_rate", **direction, **flip.from_favourable.fields())
        yield Measurement(name="flip_mean_change", **direction, **flip.shift.fields())


def flip_table(flipped: FlippedAttribute, predictions: Predictions) -> Table:
    """Every direction of the flip, with its rates and the mean change."""
    decides = predictions.target.kind != "regression"
    rates = ("decisions changed", "to favourable", "from favourable") if decides else ()
    return Table(
        title=f"If only {flipped.attribute} were different",
        columns=(
            Column(name=flipped.attribute),
            Column(name="flipped to"),
            Column(name="rows", format="d"),
            *(Column(name=name, format=".2%") for name in rates),
            Column(name="mean change of the score" if decides else "mean change", format=".4f"),
        ),
        rows=tuple(
            (
                flip.first,
                flip.second,
                flip.shift.n,
                *((flip.changed.value, flip.to_favourable.value, flip.from_favourable.value) if decides else ()),
                flip.shift.value,
            )
            for flip in flipped.directions
        ),
        description="Decisions when the attribute is set to another level and all other features stay the same. The "
        "mean change is that of the favourable class's score, or of the predicted value.",
        count_column="rows",
    )


def proxy_measurements(attribute: Groups, strength: ProxyStrength, split: str) -> Iterator[Measurement]:
    """ROC AUC of predicting the attribute, from all features together and from each alone."""
    common: dict[str, Any] = {"name": "proxy_roc_auc", "over": (attribute.name,), "split": split}
    yield Measurement(**common, parameters={"features": "all together"}, **strength.all_features.fields())
    for name, estimate in strength.by_feature:
        yield Measurement(**common, parameters={"features": name}, **estimate.fields())


def proxy_figure(attribute: Groups, strength: ProxyStrength, own: str | None) -> Iterator[Figure]:
    """ROC AUC of the best features; `own` is the feature that encodes the attribute, which is excluded."""
    if strength.all_features.value is None:
        return
    shown = [("all together", strength.all_features), *strength.by_feature[:_MAX_FEATURES_SHOWN]]
    without = f" without {own}" if own else ""
    total = len(strength.by_feature)
    intervals = [estimate.interval for _, estimate in shown]
    yield Figure(
        kind="dot_interval",
        title=f"Features that predict {attribute.name}{without}",
        description=f"How well each feature{without} predicts {attribute.name} on held-out rows: the area under the "
        "ROC curve; 0.5 is no better than chance, 1 is perfect."
        + (f" The {_MAX_FEATURES_SHOWN} best of {total} features." if total > _MAX_FEATURES_SHOWN else ""),
        data={
            "labels": [name for name, _ in shown],
            "values": [estimate.value for _, estimate in shown],
            "low": [interval.low if interval else None for interval in intervals],
            "high": [interval.high if interval else None for interval in intervals],
            "n": [estimate.n for _, estimate in shown],
            "x_label": f"ROC AUC for {attribute.name}",
            "reference": 0.5,
        },
    )
