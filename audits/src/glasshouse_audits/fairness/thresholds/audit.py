"""The `fairness_what_if` audit: what other thresholds would do to accuracy and to the gaps between groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from glasshouse import AuditResult, Column, Evidence, Figure, Groups, Measurement, Predictions, Table
from glasshouse.statistics import MISSING, GroupCounts, clustered_mean, count, gap, gap_interval, group_rates, mean
from numpy.typing import NDArray

from glasshouse_audits.fairness.holdout_split import Part, apart
from glasshouse_audits.fairness.input_checks import refuse_empty, refuse_non_finite
from glasshouse_audits.fairness.thresholds.frontier import group_frontier, single_frontier
from glasshouse_audits.fairness.thresholds.rules import (
    CONSTRAINTS,
    Rule,
    Steps,
    best_threshold,
    equal_rates,
    hull,
    steps,
)
from glasshouse_audits.option_checks import whole_number

Floats = NDArray[np.float64]

GAPS = ("demographic_parity_difference", "equal_opportunity_difference", "equalized_odds_difference")
FRONTIERS = {"demographic_parity": "selection rates", "equal_opportunity": "true positive rates"}


@dataclass(frozen=True, eq=False)
class Policy:
    """One way to decide: the probability with which each judged row is selected."""

    name: str
    selected: Floats
    rules: dict[str, Rule]
    """Of each group, where thresholds were chosen."""


class FairnessWhatIfAudit:
    """What if other thresholds decided? One for all, and one a group so that rates are equal, chosen on other rows.

    Args:
        points: points of the frontier between accuracy and the difference that is allowed between groups.
    """

    def __init__(self, *, points: int = 11) -> None:
        self.points = whole_number("fairness_what_if", "points", points, least=2)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Choose on the validation split (or half of the judged one), judge on the rest.

        Raises:
            UserError: if the judged split has no rows, or scores are not finite.
        """
        refuse_empty(evidence.evaluated, "fairness_what_if")
        chosen_on, judged = apart(evidence)
        for part in (chosen_on, judged):
            refuse_non_finite(part.predictions, "fairness_what_if")
        measurements: list[Measurement] = []
        tables: list[Table] = []
        figures: list[Figure] = []
        notes = [
            f"Thresholds were chosen on {chosen_on.name} ({len(chosen_on):,} rows) and judged on {judged.name} "
            f"({len(judged):,} rows), so equal rates there are near equal here, not exactly.",
            "Where no thresholds make a rate equal, rows that score between two of them are selected by lot, with the "
            "share given (Hardt, Price and Srebro 2016). All numbers are those to be expected of it.",
            "Thresholds that differ by group treat people with equal scores differently. Whether the law allows it "
            "depends on the place and the purpose; this says what it would do, not that it should be done.",
        ]
        if judged.predictions.clusters is not None:
            notes.append("Rows come in clusters: gaps have no interval here, accuracies those between clusters.")
        threshold = _for_all(chosen_on.predictions)
        for attribute in judged.predictions.groups.values():
            reference = chosen_on.predictions.groups[attribute.name]
            groups = _steps(chosen_on.predictions, reference)
            policies = [
                Policy("as_is", _decided(judged.predictions), {}),
                _policy("one_threshold", dict.fromkeys(groups, Rule(threshold, threshold)), judged, attribute),
            ]
            for constraint in CONSTRAINTS:
                rules, left = _rules(groups, constraint, threshold)
                policies.append(_policy(constraint, rules, judged, attribute))
                if left:
                    notes.append(
                        f"For {constraint.replace('_', ' ')} over {attribute.name}, {_listed(left)} lacked the rows to "
                        "choose on and kept the one threshold for all."
                    )
            first = not measurements
            found = [_measured(policy, judged.predictions, attribute, alone=first) for policy in policies]
            measurements += [measurement for each in found for measurement in each]
            tables.append(_policy_table(policies, judged.predictions, attribute))
            tables.append(_threshold_table(policies, groups, attribute.name))
            figures += _frontier_figure(groups, judged, attribute, policies[0], self.points)
        return AuditResult(
            name="fairness_what_if",
            family="fairness",
            parameters={"points": self.points},
            measurements=measurements,
            tables=tables,
            figures=figures,
            notes=notes,
        )


# ---------------------------------------------------------------- choosing


def _favourable(predictions: Predictions) -> int:
    assert predictions.target.favourable_index is not None, "a binary target always has one"
    return predictions.target.favourable_index


def _scores(predictions: Predictions) -> Floats:
    return predictions.scores[:, _favourable(predictions)].astype(np.float64)


def _decided(predictions: Predictions) -> Floats:
    return np.asarray(predictions.predicted == _favourable(predictions), dtype=np.float64)


def _members(attribute: Groups) -> dict[str, NDArray[np.bool_]]:
    """The rows of each level, and of the missing one where there are such; a level without rows has none."""
    found = {level: attribute.codes == code for code, level in enumerate(attribute.levels)}
    if (attribute.codes < 0).any():
        found[MISSING] = attribute.codes < 0
    return found


def _steps(predictions: Predictions, attribute: Groups) -> dict[str, Steps]:
    assert predictions.targets is not None
    scores, positive = _scores(predictions), predictions.targets == _favourable(predictions)
    weights = predictions.weights
    return {
        level: steps(scores[rows], positive[rows], None if weights is None else weights[rows])
        for level, rows in _members(attribute).items()
    }


def _for_all(predictions: Predictions) -> float:
    assert predictions.targets is not None
    positive = predictions.targets == _favourable(predictions)
    return best_threshold([steps(_scores(predictions), positive, predictions.weights)])


def _rules(groups: dict[str, Steps], constraint: str, threshold: float) -> tuple[dict[str, Rule], list[str]]:
    """Rules that fulfil a constraint, and the levels that had no rows for it and keep the threshold for all."""
    able = [level for level, found in groups.items() if hull(found, constraint) is not None]
    chosen = equal_rates([groups[level] for level in able], constraint) or []
    kept = {level: Rule(threshold, threshold) for level in groups}
    left = [level for level, found in groups.items() if level not in able and len(found.scores)]
    return kept | dict(zip(able, chosen, strict=True)), left


def _policy(name: str, rules: dict[str, Rule], judged: Part, attribute: Groups) -> Policy:
    scores = _scores(judged.predictions)
    selected = np.zeros(len(scores))
    everyone = next(iter(rules.values()), Rule(0.5, 0.5))
    for level, rows in _members(attribute).items():
        selected[rows] = rules.get(level, everyone).probability(scores[rows])
    return Policy(name, selected, rules)


# ---------------------------------------------------------------- judging


def expected_counts(predictions: Predictions, attribute: Groups, selected: Floats) -> GroupCounts:
    """The count table that decisions drawn with these probabilities have in expectation.

    Cells are sums of probabilities. Intervals take the rows for as many independent decisions, which is right where
    probabilities are 0 or 1 and on the safe side where they lie between.
    """
    assert predictions.targets is not None
    table = count(
        [attribute], predictions.targets, predictions.predicted, classes=predictions.target.classes,
        weights=np.ones(len(predictions)) if predictions.weights is None else predictions.weights,
    )  # fmt: skip
    favourable, (groups, classes, _) = _favourable(predictions), table.cells.shape
    codes = np.where(attribute.codes < 0, len(attribute.levels), attribute.codes)
    cell = np.searchsorted(table.codes[:, 0], codes) * classes + predictions.targets
    weights = np.ones(len(predictions)) if predictions.weights is None else predictions.weights
    cells, squares = np.zeros(table.cells.shape), np.zeros(table.cells.shape)
    for decision, chance in ((favourable, selected), (1 - favourable, 1 - selected)):
        for sums, power in ((cells, 1), (squares, 2)):
            total = np.bincount(cell, weights=weights**power * chance, minlength=groups * classes)
            sums[:, :, decision] = total.reshape(groups, classes)
    return GroupCounts(
        attributes=table.attributes,
        classes=table.classes,
        codes=table.codes,
        cells=cells,
        rows=table.rows,
        squares=squares,
    )


def _measured(policy: Policy, predictions: Predictions, attribute: Groups, *, alone: bool) -> Iterator[Measurement]:
    """Accuracy, what it changes, and the gaps. What does not depend on the attribute is measured once: if `alone`."""
    table = expected_counts(predictions, attribute, policy.selected)
    positive, split = _favourable(predictions), predictions.split
    by_group = policy.name not in ("as_is", "one_threshold")
    about: dict[str, Any] = {"policy": policy.name} | ({"attribute": attribute.name} if by_group else {})
    if by_group or alone:
        accuracy = group_rates(table.overall(), "accuracy", positive=positive)[0]
        if predictions.clusters is not None:
            right = _right(policy.selected, predictions)
            accuracy = clustered_mean(right, predictions.clusters, weights=predictions.weights)
        yield Measurement(name="accuracy", split=split, parameters=about, **accuracy.fields())
        if policy.name != "as_is":
            yield Measurement(
                name="accuracy_change", split=split, parameters=about, **_change(policy, predictions).fields()
            )
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
            parameters={"policy": policy.name},
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            level=interval.level if interval else None,
            interval_method=interval.method if interval else None,
        )


def _change(policy: Policy, predictions: Predictions) -> Any:
    """Right decisions won or lost against the model as it is: the mean over the same rows, so that it is paired."""
    change = _right(policy.selected, predictions) - _right(_decided(predictions), predictions)
    if predictions.clusters is not None:
        return clustered_mean(change, predictions.clusters, weights=predictions.weights)
    return mean(change, weights=predictions.weights)


def _right(selected: Floats, predictions: Predictions) -> Floats:
    return np.where(predictions.targets == _favourable(predictions), selected, 1 - selected)


def _accuracy(selected: Floats, predictions: Predictions) -> float:
    return float(np.average(_right(selected, predictions), weights=predictions.weights))


# ---------------------------------------------------------------- showing


def _policy_table(policies: Sequence[Policy], predictions: Predictions, attribute: Groups) -> Table:
    positive = _favourable(predictions)
    rows = []
    for policy in policies:
        table = expected_counts(predictions, attribute, policy.selected)
        accuracy = group_rates(table.overall(), "accuracy", positive=positive)[0].value
        gaps = [gap(table, name, positive=positive).value for name in GAPS]
        rows.append((policy.name.replace("_", " "), accuracy, _change(policy, predictions).value, *gaps))
    return Table(
        title=f"What other thresholds would do, by {attribute.name}",
        columns=(
            Column(name="thresholds"),
            Column(name="accuracy", format=".3f"),
            Column(name="change", format=".3f"),
            *(Column(name=name.removesuffix("_difference"), format=".3f") for name in GAPS),
        ),
        rows=tuple(rows),
        description="Each row decides in another way: as the model does now, by the one threshold that is most often "
        "right, and by a threshold for each group that makes the named rates equal on other rows. The last three "
        "columns are the differences that remain between the extreme groups; 0 is equal.",
    )


def _threshold_table(policies: Sequence[Policy], groups: dict[str, Steps], attribute: str) -> Table:
    rows = []
    for policy in policies:
        for level, rule in policy.rules.items():
            found = groups[level]
            if not len(found.scores):
                continue
            upper, lower = _threshold(rule.upper), None if rule.upper == rule.lower else _threshold(rule.lower)
            rows.append(
                (
                    policy.name.replace("_", " "),
                    level,
                    upper,
                    lower,
                    None if lower is None else rule.share,
                    rule.ignored or None,
                    round(found.positives + found.negatives),
                )
            )
    return Table(
        title=f"The thresholds chosen, by {attribute}",
        columns=(
            Column(name="thresholds"),
            Column(name=attribute),
            Column(name="selected above", format=".3f"),
            Column(name="in part above", format=".3f"),
            Column(name="the part", format=".1%"),
            Column(name="score set aside", format=".1%"),
            Column(name="rows chosen on", format="d"),
        ),
        rows=tuple(rows),
        description="On the score of the favourable class. Score set aside: the share of the group that is decided by "
        "lot, at the false positive rate shared by all, so that better-predicted groups are not better off.",
        count_column="rows chosen on",
    )


def _threshold(value: float) -> float | str:
    if np.isfinite(value):
        return value
    return "nobody" if value > 0 else "everyone"


def _frontier_figure(
    groups: dict[str, Steps], judged: Part, attribute: Groups, as_is: Policy, points: int
) -> Iterator[Figure]:
    """Accuracy against the difference that remains, both on the judged rows."""
    predictions = judged.predictions
    series = []
    for constraint, spoken in FRONTIERS.items():
        able = {level: one for level, found in groups.items() if (one := hull(found, constraint)) is not None}
        if len(able) < 2:
            continue
        apart_now = np.ptp([one.x[int(np.argmax(one.y))] for one in able.values()])
        tolerances = np.linspace(0.0, float(apart_now), points).tolist()
        metric = f"{constraint}_difference"
        everyone = best_threshold([groups[level] for level in able])
        per_group = [
            dict.fromkeys(groups, Rule(everyone, everyone)) | dict(zip(able, rules, strict=True))
            for rules in group_frontier(list(able.values()), tolerances)
        ]
        single = [
            dict.fromkeys(groups, Rule(t, t))
            for t in single_frontier([groups[level] for level in able], constraint, tolerances)
        ]
        for how, ways in (("a threshold per group", per_group), ("one for all", single)):
            reached = [_policy("", rules, judged, attribute).selected for rules in ways]
            series.append(_series(f"{spoken}, {how}", reached, predictions, attribute, metric))
        series.append(_series(f"{spoken}, as it is", [as_is.selected], predictions, attribute, metric))
    if series:
        yield Figure(
            kind="line",
            title=f"Accuracy against equality by {attribute.name}",
            description="Each point is a choice of thresholds on other rows that was right most often while the rates "
            "named differed by no more than so much; drawn is what it does on the judged rows. Up is more accurate, "
            "left is more equal.",
            data={
                "series": series,
                "x_label": f"difference between groups of {attribute.name} in the rates named",
                "y_label": "accuracy",
                "diagonal": False,
                "x_log": False,
            },
        )


def _series(
    name: str, reached: Sequence[Floats], predictions: Predictions, attribute: Groups, metric: str
) -> dict[str, Any]:
    positive = _favourable(predictions)
    tables = [expected_counts(predictions, attribute, selected) for selected in reached]
    return {
        "name": name,
        "x": [gap(table, metric, positive=positive).value for table in tables],
        "y": [_accuracy(selected, predictions) for selected in reached],
    }


def _listed(levels: Sequence[str]) -> str:
    return ", ".join(f"'{level}'" for level in levels)
