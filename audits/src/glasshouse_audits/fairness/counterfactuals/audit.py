"""The `counterfactual_flip` audit: do decisions hang on a sensitive attribute, directly or through what tells it?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from glasshouse import AuditResult, Column, Evidence, Feature, Figure, Groups, Measurement, Predictions, Table
from glasshouse.statistics import Estimate
from numpy.typing import NDArray

from glasshouse_audits.fairness import feature_codes as coding
from glasshouse_audits.fairness.counterfactuals import proxies
from glasshouse_audits.fairness.counterfactuals.flips import (
    Flip,
    any_flip,
    flips,
    representatives,
    share,
    told_otherwise,
)
from glasshouse_audits.option_checks import whole_number

_BINS = 10
# Directions grow with the square of the levels; beyond these nobody reads them.
_MOST_LEVELS = 12
_MOST_FEATURES_SHOWN = 12


class CounterfactualFlipAudit:
    """How many decisions change when a sensitive attribute alone is flipped, and which other features tell it?

    Args:
        rows: most rows that the features' telling is measured on; drawn at random from more.
    """

    def __init__(self, *, rows: int = 5000) -> None:
        self.rows = whole_number("counterfactual_flip", "rows", rows, least=50)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Flip every attribute that the model sees; measure what tells each attribute."""
        assert evidence.inputs is not None
        predictions = evidence.evaluated
        x = np.asarray(evidence.inputs(evidence.evaluate_on), dtype=np.float32)
        features = evidence.info.features
        measurements: list[Measurement] = []
        tables: list[Table] = []
        figures: list[Figure] = []
        notes = [
            "A flip changes what the model is told and leaves every other feature as it is, also those that the "
            "attribute has shaped. It shows direct use of the attribute; it is not a causal counterfactual, and no "
            "change does not mean that the attribute has no influence.",
            "What features tell of an attribute is measured on rows that the predictor did not see, with simple "
            "predictors: a lower bound, and below 0.5 where only chance was learned. That a feature tells an attribute "
            "does not mean that the model uses it so.",
        ]
        for attribute in predictions.groups.values():
            own = coding.own_feature(attribute, features, x)
            if own is None:
                notes.append(f"The model does not see {attribute.name}: nothing to flip.")
            else:
                flipped = _flipped(evidence, predictions, attribute, own, x)
                measurements += _flip_measurements(flipped, predictions)
                if len(attribute.levels) <= _MOST_LEVELS:
                    tables.append(_flip_table(flipped, predictions))
                if own.kind == "numeric":
                    notes.append(
                        f"{attribute.name} is told by setting {own.name} to the median of the other level's rows."
                    )
            told = _told(attribute, [one for one in features if one != own], x, rows=self.rows, seed=evidence.seed)
            measurements += _told_measurements(attribute, told, predictions.split)
            figures += _told_figure(attribute, told, None if own is None else own.name)
        return AuditResult(
            name="counterfactual_flip",
            family="fairness",
            parameters={"rows": self.rows},
            measurements=measurements,
            tables=tables,
            figures=figures,
            notes=notes,
        )


# ---------------------------------------------------------------- flips


@dataclass(frozen=True)
class Flipped:
    """What flipping one attribute did."""

    attribute: str
    changed: Estimate
    """Share of the rows whose decision changes under at least one other level."""
    directions: Sequence[Flip]


def _flipped(
    evidence: Evidence, predictions: Predictions, attribute: Groups, own: Feature, x: NDArray[np.float32]
) -> Flipped:
    """One pass of the model for each level: everyone told as that level."""
    import torch

    assert evidence.model is not None
    target = predictions.target
    after, decided_after = {}, {}
    for level, typical in representatives(attribute, own, x).items():
        scores = evidence.model.scores(torch.from_numpy(told_otherwise(x, own, typical))).numpy()
        after[level] = _score(scores, predictions)
        decided_after[level] = scores.argmax(axis=1).astype(np.int64)
    regression = target.kind == "regression"
    decided = None if regression else predictions.predicted
    found = flips(
        attribute,
        _score(predictions.scores, predictions),
        after,
        decided,
        decided_after,
        target.favourable_index,
        weights=predictions.weights,
        clusters=predictions.clusters,
    )
    if decided is None:
        changed = Estimate(None, len(predictions), undefined="a regression decides nothing")
    else:
        known = attribute.codes >= 0
        weights = None if predictions.weights is None else predictions.weights[known]
        clusters = None if predictions.clusters is None else predictions.clusters[known]
        changed = share(any_flip(attribute, decided, decided_after), weights, clusters)
    return Flipped(attribute.name, changed, found)


def _score(scores: NDArray[np.float32], predictions: Predictions) -> NDArray[np.float64]:
    """The score of the favourable class (of the last one where none is), or the predicted value."""
    favourable = predictions.target.favourable_index
    return scores[:, -1 if favourable is None else favourable].astype(np.float64)


def _flip_measurements(flipped: Flipped, predictions: Predictions) -> Iterator[Measurement]:
    about: dict[str, Any] = {"over": (flipped.attribute,), "split": predictions.split}
    regression = predictions.target.kind == "regression"
    if not regression:
        yield Measurement(name="flip_rate", **about, **flipped.changed.fields())
    for one in flipped.directions if len({flip.first for flip in flipped.directions}) <= _MOST_LEVELS else ():
        direction = about | {"parameters": {"first": one.first, "second": one.second}}
        if not regression:
            yield Measurement(name="flip_rate", **direction, **one.changed.fields())
            if predictions.target.favourable_index is not None:
                yield Measurement(name="flip_to_favourable_rate", **direction, **one.to_favourable.fields())
                yield Measurement(name="flip_from_favourable_rate", **direction, **one.from_favourable.fields())
        yield Measurement(name="flip_mean_change", **direction, **one.shift.fields())


def _flip_table(flipped: Flipped, predictions: Predictions) -> Table:
    decides = predictions.target.kind != "regression"
    percent = ("decisions changed", "to favourable", "from favourable") if decides else ()
    return Table(
        title=f"If only {flipped.attribute} were another",
        columns=(
            Column(name=flipped.attribute),
            Column(name="told as"),
            Column(name="rows", format="d"),
            *(Column(name=name, format=".2%") for name in percent),
            Column(name="mean change of the score" if decides else "mean change", format=".4f"),
        ),
        rows=tuple(
            (
                one.first,
                one.second,
                one.shift.n,
                *((one.changed.value, one.to_favourable.value, one.from_favourable.value) if decides else ()),
                one.shift.value,
            )
            for one in flipped.directions
        ),
        description="Each row's decision when the model is told another level and everything else stays. The mean "
        "change is that of the favourable class's score, or of the predicted value.",
        count_column="rows",
    )


# ---------------------------------------------------------------- what tells the attribute


@dataclass(frozen=True)
class Told:
    """How well an attribute is told: by each feature alone, the best first, and by all together."""

    alone: Sequence[tuple[str, Estimate]]
    together: Estimate


def _told(attribute: Groups, features: Sequence[Feature], x: NDArray[np.float32], *, rows: int, seed: int) -> Told:
    rng = np.random.default_rng(seed)
    usable = np.flatnonzero(proxies.large_enough(attribute.codes))
    if len(usable) > rows:
        usable = np.sort(rng.choice(usable, size=rows, replace=False))
        usable = usable[proxies.large_enough(attribute.codes[usable])]
    _, levels = np.unique(attribute.codes[usable], return_inverse=True)
    if len(np.unique(levels)) < 2 or not features:
        reason = "fewer than two levels with enough rows" if features else "no other feature"
        return Told([], Estimate(None, len(usable), undefined=reason))
    inputs = x[usable]
    learned = proxies.learned_from(levels, rng)
    asked = levels[~learned]
    alone, columns = [], []
    for feature in features:
        coded = coding.encode(coding.fit(feature, inputs, bins=_BINS), feature, inputs)
        alone.append((feature.name, proxies.told(asked, proxies.from_codes(coded, levels, learned))))
        columns.append(coded if feature.kind == "categorical" else inputs[:, feature.columns[0]])
    together = proxies.from_all(
        np.stack(columns, axis=1).astype(np.float64),
        [feature.kind == "categorical" for feature in features],
        levels,
        learned,
        seed=seed % 2**32,
    )
    return Told(sorted(alone, key=lambda pair: -(pair[1].value or 0.0)), proxies.told(asked, together))


def _told_measurements(attribute: Groups, told: Told, split: str) -> Iterator[Measurement]:
    about: dict[str, Any] = {"name": "proxy_roc_auc", "over": (attribute.name,), "split": split}
    yield Measurement(**about, parameters={"features": "all together"}, **told.together.fields())
    for name, one in told.alone:
        yield Measurement(**about, parameters={"features": name}, **one.fields())


def _told_figure(attribute: Groups, told: Told, own: str | None) -> Iterator[Figure]:
    shown = [("all together", told.together), *told.alone[:_MOST_FEATURES_SHOWN]]
    if told.together.value is None:
        return
    without = f" without {own}" if own else ""
    left = len(told.alone) - _MOST_FEATURES_SHOWN
    ends = [one.interval for _, one in shown]
    yield Figure(
        kind="dot_interval",
        title=f"What tells {attribute.name}{without}",
        description=f"How well each feature{without} predicts {attribute.name} on unseen rows: the area under the ROC "
        "curve, 0.5 for nothing, 1 for everything."
        + (f" The {_MOST_FEATURES_SHOWN} best of {len(told.alone)} features." if left > 0 else ""),
        data={
            "labels": [name for name, _ in shown],
            "values": [one.value for _, one in shown],
            "low": [end.low if end else None for end in ends],
            "high": [end.high if end else None for end in ends],
            "n": [one.n for _, one in shown],
            "x_label": f"ROC AUC for {attribute.name}",
            "reference": 0.5,
        },
    )
