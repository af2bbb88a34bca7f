"""Decision rules for the evaluated rows, and what each does to accuracy and to the gaps between groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from glasshouse import Groups, Measurement, Predictions
from glasshouse.statistics import (
    MISSING,
    Estimate,
    GroupCounts,
    clustered_mean,
    count,
    gap,
    gap_interval,
    group_rates,
    mean,
)
from numpy.typing import NDArray

from glasshouse_audits.fairness.holdout_split import select_rows
from glasshouse_audits.fairness.thresholds.rules import (
    Rule,
    ThresholdCurve,
    best_threshold,
    equal_rates,
    hull,
    threshold_curve,
)

Floats = NDArray[np.float64]

GAPS = ("demographic_parity_difference", "equal_opportunity_difference", "equalized_odds_difference")


@dataclass(frozen=True, eq=False)
class DecisionRule:
    """One way to decide: the probability with which each evaluated row is selected; NaN where it is not decided."""

    name: str
    selected: Floats
    rules: dict[str, Rule]
    """The rule of each group; empty for the model's own decisions."""

    @property
    def title(self) -> str:
        """The name as tables show it."""
        return self.name.replace("_", " ")


# ---------------------------------------------------------------- choosing thresholds


def favourable_code(predictions: Predictions) -> int:
    """Code of the favourable class."""
    assert predictions.target.favourable_index is not None, "a binary target always has one"
    return predictions.target.favourable_index


def group_rows(attribute: Groups) -> dict[str, NDArray[np.bool_]]:
    """Which rows belong to each level, and to the missing one if it occurs; an empty level has an empty mask."""
    rows = {level: attribute.codes == code for code, level in enumerate(attribute.levels)}
    if (attribute.codes < 0).any():
        rows[MISSING] = attribute.codes < 0
    return rows


def threshold_curves(predictions: Predictions, attribute: Groups) -> dict[str, ThresholdCurve]:
    """The threshold curve of each group of one attribute."""
    assert predictions.targets is not None
    scores, positive = favourable_scores(predictions), predictions.targets == favourable_code(predictions)
    weights = predictions.weights
    return {
        level: threshold_curve(scores[rows], positive[rows], None if weights is None else weights[rows])
        for level, rows in group_rows(attribute).items()
    }


def favourable_scores(predictions: Predictions) -> Floats:
    """(n,) scores of the favourable class."""
    return predictions.scores[:, favourable_code(predictions)].astype(np.float64)


def single_threshold(predictions: Predictions) -> float:
    """The one threshold for all rows with the highest accuracy."""
    assert predictions.targets is not None
    positive = predictions.targets == favourable_code(predictions)
    return best_threshold([threshold_curve(favourable_scores(predictions), positive, predictions.weights)])


def group_rules(
    groups: dict[str, ThresholdCurve], constraint: str, threshold: float
) -> tuple[dict[str, Rule], list[str]]:
    """Rules of each group that satisfy a constraint, and the groups with too few rows for it, which keep `threshold`.

    A group without any rows has no rule: nothing is known of its scores.
    """
    groups = {level: curve for level, curve in groups.items() if len(curve.scores)}
    feasible = [level for level, curve in groups.items() if hull(curve, constraint) is not None]
    chosen = equal_rates([groups[level] for level in feasible], constraint) or []
    default = {level: Rule(threshold, threshold) for level in groups}
    excluded = [level for level in groups if level not in feasible]
    return default | dict(zip(feasible, chosen, strict=True)), excluded


def model_decisions(predictions: Predictions) -> DecisionRule:
    """The model's own decisions, as they are."""
    selected = np.asarray(predictions.predicted == favourable_code(predictions), dtype=np.float64)
    return DecisionRule("as_is", selected, {})


def apply_rules(name: str, rules: dict[str, Rule], predictions: Predictions, attribute: Groups) -> DecisionRule:
    """Decide each row by its group's rule; rows of a group without a rule are not decided."""
    scores = favourable_scores(predictions)
    selected = np.full(len(scores), np.nan)
    for level, rows in group_rows(attribute).items():
        if level in rules:
            selected[rows] = rules[level].probability(scores[rows])
    return DecisionRule(name, selected, rules)


def undecided_levels(rules: dict[str, Rule], attribute: Groups) -> list[str]:
    """Levels with rows to decide, but without a rule."""
    return [level for level, rows in group_rows(attribute).items() if level not in rules and rows.any()]


def decided(predictions: Predictions, selected: Floats) -> tuple[Predictions, Floats]:
    """The rows that are decided, and the probabilities with which they are selected."""
    rows = np.flatnonzero(~np.isnan(selected))
    return (predictions, selected) if len(rows) == len(selected) else (select_rows(predictions, rows), selected[rows])


# ---------------------------------------------------------------- measuring decisions


def expected_counts(predictions: Predictions, attribute: Groups, selected: Floats) -> GroupCounts:
    """The expected count table of random decisions with these probabilities, of the rows that are decided.

    Cells are sums of probabilities. Intervals treat the rows as that many independent decisions: exact for
    probabilities of 0 and 1, conservative for values between.
    """
    attribute = replace(attribute, codes=attribute.codes[~np.isnan(selected)])
    predictions, selected = decided(predictions, selected)
    assert predictions.targets is not None
    weights = np.ones(len(predictions)) if predictions.weights is None else predictions.weights
    table = count(
        [attribute],
        predictions.targets,
        predictions.predicted,
        classes=predictions.target.classes,
        weights=weights,
    )
    favourable, (groups, classes, _) = favourable_code(predictions), table.cells.shape
    codes = np.where(attribute.codes < 0, len(attribute.levels), attribute.codes)
    cell = np.searchsorted(table.codes[:, 0], codes) * classes + predictions.targets
    cells, squares = np.zeros(table.cells.shape), np.zeros(table.cells.shape)
    for decision, probability in ((favourable, selected), (1 - favourable, 1 - selected)):
        for sums, power in ((cells, 1), (squares, 2)):
            total = np.bincount(cell, weights=weights**power * probability, minlength=groups * classes)
            sums[:, :, decision] = total.reshape(groups, classes)
    return GroupCounts(
        attributes=table.attributes,
        classes=table.classes,
        codes=table.codes,
        cells=cells,
        rows=table.rows,
        squares=squares,
    )


def rule_measurements(
    rule: DecisionRule, predictions: Predictions, attribute: Groups, *, first: bool
) -> Iterator[Measurement]:
    """Accuracy, its change, and the gaps, over the rows that the rule decides.

    The accuracy of the model and of one threshold for all does not depend on the attribute, so it is measured for the
    `first` attribute only.
    """
    table = expected_counts(predictions, attribute, rule.selected)
    positive, split = favourable_code(predictions), predictions.split
    by_group = rule.name not in ("as_is", "one_threshold")
    parameters: dict[str, Any] = {"policy": rule.name} | ({"attribute": attribute.name} if by_group else {})
    if by_group or first:
        accuracy = group_rates(table.overall(), "accuracy", positive=positive)[0]
        if predictions.clusters is not None:
            rows, selected = decided(predictions, rule.selected)
            assert rows.clusters is not None
            accuracy = clustered_mean(_probability_correct(selected, rows), rows.clusters, weights=rows.weights)
        yield Measurement(name="accuracy", split=split, parameters=parameters, **accuracy.fields())
        if rule.name != "as_is":
            change = accuracy_change(rule, predictions)
            yield Measurement(name="accuracy_change", split=split, parameters=parameters, **change.fields())
    for name in GAPS:
        found = gap(table, name, positive=positive)
        interval = None
        if found.value is not None and predictions.clusters is None:
            interval = gap_interval(table, name, positive=positive)
        yield Measurement(
            name=name,
            value=found.value,
            undefined=found.undefined,
            n=found.n,
            over=(attribute.name,),
            split=split,
            parameters={"policy": rule.name},
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            level=interval.level if interval else None,
            interval_method=interval.method if interval else None,
        )


def accuracy_change(rule: DecisionRule, predictions: Predictions) -> Estimate:
    """Accuracy of the rule minus that of the model's own decisions, paired by row: above 0 is better.

    Over the rows that the rule decides.
    """
    predictions, selected = decided(predictions, rule.selected)
    own = model_decisions(predictions).selected
    change = _probability_correct(selected, predictions) - _probability_correct(own, predictions)
    if predictions.clusters is not None:
        return clustered_mean(change, predictions.clusters, weights=predictions.weights)
    return mean(change, weights=predictions.weights)


def expected_accuracy(selected: Floats, predictions: Predictions) -> float:
    """Expected accuracy of random decisions with these probabilities, over the rows that are decided."""
    predictions, selected = decided(predictions, selected)
    return float(np.average(_probability_correct(selected, predictions), weights=predictions.weights))


def _probability_correct(selected: Floats, predictions: Predictions) -> Floats:
    return np.where(predictions.targets == favourable_code(predictions), selected, 1 - selected)
