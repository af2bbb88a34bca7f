"""What if: judged on rows that the thresholds never saw, with fairlearn's numbers, and told as it is."""

from __future__ import annotations

from dataclasses import replace

import fairlearn.metrics as fairlearn
import numpy as np
import pytest
from fairlearn.postprocessing import ThresholdOptimizer
from glasshouse import UserError
from glasshouse_audits.fairness.holdout_split import holdout_split
from glasshouse_audits.fairness.thresholds.audit import FairnessWhatIfAudit
from glasshouse_audits.fairness.thresholds.decisions import expected_counts
from sklearn.base import BaseEstimator, ClassifierMixin

POLICIES = ("as_is", "one_threshold", "demographic_parity", "equal_opportunity", "equalized_odds")


class Scores(ClassifierMixin, BaseEstimator):
    classes_ = np.array([0, 1])
    fitted_ = True

    def predict_proba(self, X):
        return np.column_stack([1 - X[:, 0], X[:, 0]])

    def fit(self, X, y):
        return self


def people(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sex = rng.integers(0, 2, n)
    targets = (rng.random(n) < 0.35 + 0.15 * sex).astype(np.int64)
    scores = np.clip(0.42 + 0.3 * (targets - 0.5) + 0.12 * sex + 0.2 * rng.normal(size=n), 0.01, 0.99)
    return scores.astype(np.float32), targets, sex


@pytest.fixture
def splits(make_predictions, binary_target):
    return [
        make_predictions(binary_target, scores, targets, split=split, groups={"sex": (("F", "M"), sex)})
        for split, (scores, targets, sex) in (("validate", people(1500, 0)), ("test", people(2500, 1)))
    ]


@pytest.fixture
def result(splits, make_evidence):
    return FairnessWhatIfAudit().measure(make_evidence(*splits))


def test_as_it_is_is_what_fairlearn_says(splits, result, find) -> None:
    judged, found = splits[1], find(result)
    sex = np.array(["F", "M"])[judged.groups["sex"].codes]
    about = {"policy": "as_is"}
    assert found.one("accuracy", parameters=about).value == pytest.approx(np.mean(judged.predicted == judged.targets))
    for name in ("demographic_parity_difference", "equal_opportunity_difference", "equalized_odds_difference"):
        theirs = getattr(fairlearn, name)(judged.targets, judged.predicted, sensitive_features=sex)
        measured = found.one(name, parameters=about)
        assert measured.value == pytest.approx(theirs)
        assert measured.low <= measured.value <= measured.high
        assert measured.over == ("sex",)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("demographic_parity", "demographic_parity"),
        ("equal_opportunity", "true_positive_rate_parity"),
        ("equalized_odds", "equalized_odds"),
    ],
)
def test_a_threshold_per_group_does_on_new_rows_what_fairlearns_does(splits, result, find, ours, theirs) -> None:
    chosen_on, judged = splits
    fitted = ThresholdOptimizer(
        estimator=Scores(), constraints=theirs, prefit=True, predict_method="predict_proba", grid_size=2000
    )
    fitted.fit(chosen_on.scores[:, 1:], chosen_on.targets, sensitive_features=chosen_on.groups["sex"].codes)
    sex = judged.groups["sex"].codes
    selected = fitted._pmf_predict(judged.scores[:, 1:].astype(float), sensitive_features=sex)[:, 1]
    right = np.where(judged.targets == 1, selected, 1 - selected).mean()
    found = find(result)
    measured = found.one("accuracy", parameters={"policy": ours, "attribute": "sex"})
    assert measured.value == pytest.approx(right, abs=4e-3)  # their grid moves the thresholds a little
    rates = [selected[sex == k].mean() for k in (0, 1)]
    gap = found.one("demographic_parity_difference", parameters={"policy": ours})
    assert gap.value == pytest.approx(abs(rates[0] - rates[1]), abs=1e-2)


def test_each_constraint_brings_its_gap_down_and_costs_accuracy(result, find) -> None:
    found = find(result)
    for decision_rule in POLICIES[2:]:
        name = f"{decision_rule}_difference"
        before, after = (found.one(name, parameters={"policy": p}).value for p in ("one_threshold", decision_rule))
        assert after < before / 2
        change = found.one("accuracy_change", parameters={"policy": decision_rule, "attribute": "sex"})
        level = found.one("accuracy", parameters={"policy": decision_rule, "attribute": "sex"}).value
        assert change.value == pytest.approx(level - found.one("accuracy", parameters={"policy": "as_is"}).value)
        assert change.interval_method == "student_t"
    identifiers = [m.id for m in result.measurements]
    assert len(set(identifiers)) == len(identifiers)


def test_the_judged_rows_have_no_say_in_the_thresholds(splits, result, make_evidence) -> None:
    chosen_on, judged = splits
    turned = replace(judged, targets=1 - judged.targets)
    other = FairnessWhatIfAudit().measure(make_evidence(chosen_on, turned))
    thresholds = [table for table in result.tables if table.title.startswith("Chosen thresholds")]
    assert [table for table in other.tables if table.title.startswith("Chosen thresholds")] == thresholds
    moved = replace(chosen_on, targets=1 - chosen_on.targets)
    third = FairnessWhatIfAudit().measure(make_evidence(moved, judged))
    assert [table for table in third.tables if table.title.startswith("Chosen thresholds")] != thresholds


def test_without_a_validation_split_the_judged_one_is_halved(splits, make_evidence, find) -> None:
    evidence = make_evidence(splits[1], seed=3)
    chosen_on, judged = holdout_split(evidence)
    assert len(chosen_on) == len(judged) == 1250
    assert np.array_equal(np.union1d(chosen_on.rows, judged.rows), np.arange(2500))
    result = FairnessWhatIfAudit().measure(evidence)
    assert find(result).one("accuracy", parameters={"policy": "as_is"}).n == 1250
    assert "a random half of the test split (1,250 rows)" in result.notes[0]
    assert find(FairnessWhatIfAudit().measure(evidence)).measurements == result.measurements  # the seed fixes it


def test_halves_also_where_validation_is_what_is_judged_or_lacks_the_attribute(splits, make_evidence) -> None:
    chosen_on, judged = splits
    assert holdout_split(make_evidence(judged, chosen_on))[0].split == "validate"
    assert len(holdout_split(make_evidence(judged, chosen_on))[0]) == 750
    assert holdout_split(make_evidence(replace(chosen_on, groups={}), judged))[0].split == "test"
    assert holdout_split(make_evidence(chosen_on, judged), share=0.7)[0].split == "test"
    assert holdout_split(make_evidence(chosen_on, judged), share=0.6)[0].split == "validate"


def test_a_group_that_could_not_be_chosen_for_keeps_the_threshold_for_all(
    make_predictions, make_evidence, binary_target
) -> None:
    """X has no positives to choose on, and Y no rows: both are decided by the one threshold, and X is named."""
    levels = ("F", "X", "Y")
    chosen_on = make_predictions(
        binary_target,
        [0.9, 0.8, 0.3, 0.1, 0.5, 0.4],
        [1, 1, 0, 0, 0, 0],
        split="validate",
        groups={"sex": (levels, [0, 0, 0, 0, 1, 1])},
    )
    judged = make_predictions(
        binary_target,
        [0.9, 0.1, 0.95, 0.2, 0.99, 0.3],
        [1, 0, 1, 0, 1, 0],
        groups={"sex": (levels, [0, 0, 1, 1, 2, 2])},
    )
    result = FairnessWhatIfAudit().measure(make_evidence(chosen_on, judged))
    (note,) = [note for note in result.notes if note.startswith("Equal opportunity over")]
    assert "too few rows to choose a threshold for 'X'" in note
    (thresholds,) = [table for table in result.tables if table.title.startswith("Chosen thresholds")]
    assert ("equal opportunity", "X", pytest.approx(0.65), None, None, None, 2) in thresholds.rows
    assert not any(row[1] == "Y" for row in thresholds.rows)


def test_expected_counts_are_those_of_many_draws(splits) -> None:
    judged = splits[1]
    rng = np.random.default_rng(0)
    selected = rng.random(len(judged))
    table = expected_counts(judged, judged.groups["sex"], selected)
    mean = np.zeros(table.cells.shape)
    for _ in range(400):
        decided = (rng.random(len(judged)) < selected).astype(int)
        np.add.at(mean, (judged.groups["sex"].codes, judged.targets, decided), 1 / 400)
    assert np.abs(table.cells - mean).max() < 5  # five standard errors of a cell of about 900 rows over 400 draws
    assert table.cells.sum() == pytest.approx(len(judged))
    assert table.rows.sum() == len(judged)


def test_weights_count_rows_as_often(splits, make_evidence, find) -> None:
    chosen_on, judged = splits
    ones = FairnessWhatIfAudit().measure(
        make_evidence(*(replace(split, weights=np.ones(len(split))) for split in (chosen_on, judged)))
    )
    plain = FairnessWhatIfAudit().measure(make_evidence(chosen_on, judged))
    for one, other in zip(ones.measurements, plain.measurements, strict=True):
        assert one.value == pytest.approx(other.value)
    twice = np.where(judged.targets == 1, 2.0, 1.0)
    weighted = find(FairnessWhatIfAudit().measure(make_evidence(chosen_on, replace(judged, weights=twice))))
    right = np.average(judged.predicted == judged.targets, weights=twice)
    assert weighted.one("accuracy", parameters={"policy": "as_is"}).value == pytest.approx(right)


def test_the_frontier_is_drawn(result) -> None:
    (figure,) = result.figures
    series = {one["name"]: one for one in figure.data["series"]}
    assert len(series) == 6
    assert len(series["selection rates, a threshold per group"]["x"]) == 11
    assert len(series["true positive rates, model as it is"]["x"]) == 1
    per_group, single = (series[f"selection rates, {how}"]["y"] for how in ("a threshold per group", "one threshold"))
    assert per_group[0] > single[0]  # equal selection by one threshold selects nobody or everyone


def test_options_are_checked() -> None:
    with pytest.raises(UserError, match="audit 'fairness_what_if': points is 1; expected a whole number >= 2"):
        FairnessWhatIfAudit(points=1)


def test_clusters_widen_what_changes_and_leave_gaps_without_intervals(splits, make_evidence, find) -> None:
    """Every judged row four times as one cluster: as wide as the rows once."""
    first, judged = splits
    rows = np.repeat(np.arange(len(judged)), 4)
    repeated = replace(
        judged,
        index=np.arange(len(rows)),
        scores=judged.scores[rows],
        targets=judged.targets[rows],
        groups={name: replace(group, codes=group.codes[rows]) for name, group in judged.groups.items()},
        clusters=rows.astype(np.int64),
    )
    one, two = (find(FairnessWhatIfAudit(points=3).measure(make_evidence(first, each))) for each in (judged, repeated))
    for name in ("accuracy", "accuracy_change"):
        plain = one.one(name, parameters={"policy": "one_threshold"})
        wide = two.one(name, parameters={"policy": "one_threshold"})
        assert wide.value == pytest.approx(plain.value)
        assert wide.high - wide.low == pytest.approx(plain.high - plain.low, rel=0.05)
    assert {m.low for m in two.all("demographic_parity_difference")} == {None}


def test_people_of_an_unseen_group_are_undecided(make_predictions, binary_target, make_evidence, find) -> None:
    """fairlearn's `ThresholdOptimizer` rejects them all; here the numbers are those of everybody else."""
    scores, targets, sex = people(2500, 1)
    codes = sex.copy()
    codes[:120], codes[120:150] = 2, -1  # another group, and people of whom nothing is known
    levels = ("F", "M", "X")

    def split(name: str, scores, targets, codes):
        return make_predictions(binary_target, scores, targets, split=name, groups={"sex": (levels, codes)})

    chosen_on = split("validate", *people(1500, 0))
    audit = FairnessWhatIfAudit()
    result = audit.measure(make_evidence(chosen_on, split("test", scores, targets, codes)))
    others = audit.measure(make_evidence(chosen_on, split("test", scores[150:], targets[150:], codes[150:])))
    found, expected = find(result), find(others)
    for policy in ("demographic_parity", "equal_opportunity", "equalized_odds"):
        about = {"policy": policy, "attribute": "sex"}
        for name in ("accuracy", "accuracy_change"):
            one, other = found.one(name, parameters=about), expected.one(name, parameters=about)
            assert (one.value, one.n) == (pytest.approx(other.value), 2350)
        for name in ("demographic_parity_difference", "equalized_odds_difference"):
            one, other = (f.one(name, parameters={"policy": policy}) for f in (found, expected))
            assert one.value == pytest.approx(other.value)
    everyone = np.mean((scores > 0.5) == targets)
    assert found.one("accuracy", parameters={"policy": "as_is"}).value == pytest.approx(everyone)
    assert found.one("accuracy", parameters={"policy": "one_threshold"}).n == 2500
    (note,) = [note for note in result.notes if "do not decide" in note]
    assert note.startswith("Sex: the validate split has no row of 'X', 'missing'.")
    assert not any("do not decide" in note for note in others.notes)
