"""The fairness audit where rows come in clusters, with and without weights, against rows resampled by cluster."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from glasshouse import Target
from glasshouse.statistics import tabulate
from glasshouse_audits.fairness.groups.audit import FairnessAudit
from sklearn.metrics import brier_score_loss, f1_score, log_loss, mean_absolute_error, roc_auc_score

QUICK = {"replicates": 400, "permutations": 199, "cross_check": False}
TIMES = 4


@pytest.fixture
def alone(make_predictions, binary_target):
    """500 people."""
    rng = np.random.default_rng(0)
    sex, age = rng.integers(0, 2, 500), rng.integers(0, 3, 500)
    targets = (rng.random(500) < 0.4).astype(np.int64)
    scores = np.clip(0.5 + 0.5 * (targets - 0.5) - 0.1 * sex + 0.2 * rng.normal(size=500), 0.01, 0.99)
    groups = {"sex": (("F", "M"), sex), "age": (("young", "middle", "old"), age)}
    return make_predictions(binary_target, scores, targets, groups=groups)


@pytest.fixture
def repeated(alone):
    """The same people, each of them four times."""
    rows = np.repeat(np.arange(len(alone)), TIMES)
    return replace(
        alone,
        index=np.arange(len(rows)),
        scores=alone.scores[rows],
        targets=alone.targets[rows],
        groups={name: replace(group, codes=group.codes[rows]) for name, group in alone.groups.items()},
        clusters=rows.astype(np.int64),
    )


def test_rows_that_repeat_a_person_tell_no_more_than_the_person(alone, repeated, make_evidence, find) -> None:
    """Intervals are as wide as those of the people once (Student's quantile and m / (m - 1) move them by 1 %), and
    half as wide where clusters are ignored."""
    once, clustered, ignored = (
        find(FairnessAudit(**QUICK).measure(make_evidence(rows)))
        for rows in (alone, repeated, replace(repeated, clusters=None))
    )
    for name in ("selection_rate", "true_positive_rate", "precision", "roc_auc", "brier_score", "log_loss"):
        group = {"sex": "F"}
        one, two, three = (found.one(name, group=group) for found in (once, clustered, ignored))
        assert two.value == pytest.approx(one.value) == pytest.approx(three.value)
        assert two.high - two.low == pytest.approx(one.high - one.low, rel=0.03)
        # the interval of an area also has a part that falls with the root of the rows only
        allowed = 0.12 if name == "roc_auc" else 0.08
        assert three.high - three.low == pytest.approx((one.high - one.low) / 2, rel=allowed)
        assert two.n == TIMES * one.n
    for name in ("demographic_parity_difference", "equalized_odds_difference", "demographic_parity_ratio"):
        one, two = once.one(name, over=("sex",)), clustered.one(name, over=("sex",))
        assert (two.low, two.high) == pytest.approx((one.low, one.high), abs=0.01)
    for name in ("f1", "expected_calibration_error", "calibration_slope"):
        one, two = (found.one(name, group={"sex": "F"}) for found in (once, clustered))
        assert two.high - two.low == pytest.approx(one.high - one.low, rel=0.25)
    p_values = [found.one("selection_rate_pairwise_p_value", over=("sex",)).value for found in (once, clustered)]
    assert p_values[1] == pytest.approx(p_values[0], abs=0.02)


def test_intervals_name_how_they_came_about(repeated, make_evidence, find) -> None:
    result = FairnessAudit(**QUICK).measure(make_evidence(repeated))
    found, group = find(result), {"sex": "F"}
    methods = {
        "selection_rate": "wilson_effective",
        "f1": "wilson_effective_transformed",
        "treatment_equality": "wilson_effective_transformed",
        "impact_ratio": "simultaneous_melded_effective",
        "mean_score": "student_t_clustered",
        "roc_auc": "delong_score_clustered",
        "expected_calibration_error": "folded_normal",
    }
    assert {name: found.one(name, group=group).interval_method for name in methods} == methods
    assert any("clusters" in note for note in result.notes)
    drawn = find(FairnessAudit(pair_intervals="bootstrap", **QUICK).measure(make_evidence(repeated)))
    pair = drawn.one("selection_rate_pairwise_difference", over=("sex",))
    assert pair.interval_method == "poisson_bootstrap_percentile"


def test_weighted_clusters_against_rows_drawn_by_cluster(repeated, make_evidence, find) -> None:
    """NumPy's own bootstrap over clusters of about five people, with weights; ends to a fifth of the width."""
    rng = np.random.default_rng(1)
    clusters = np.repeat(rng.integers(0, 100, 500), TIMES)
    weights = rng.uniform(0.5, 1.5, len(clusters))
    judged = replace(repeated, clusters=clusters, weights=weights)
    found = find(FairnessAudit(**QUICK | {"replicates": 1000}).measure(make_evidence(judged)))
    y, s, p, w = judged.targets, judged.scores[:, 1].astype(float), judged.predicted, weights
    inside = judged.groups["sex"].codes == 0
    rows = [np.flatnonzero((clusters == k) & inside) for k in range(100)]
    metrics = {
        "selection_rate": lambda k: np.average(p[k], weights=w[k]),
        "f1": lambda k: f1_score(y[k], p[k], sample_weight=w[k]),
        "roc_auc": lambda k: roc_auc_score(y[k], s[k], sample_weight=w[k]),
        "brier_score": lambda k: brier_score_loss(y[k], s[k], sample_weight=w[k]),
        "log_loss": lambda k: log_loss(y[k], s[k], sample_weight=w[k]),
    }
    samples = [np.concatenate([rows[k] for k in rng.integers(0, 100, 100)]) for _ in range(400)]
    for name, metric in metrics.items():
        measured = found.one(name, group={"sex": "F"})
        assert measured.value == pytest.approx(metric(np.flatnonzero(inside)), abs=1e-6)
        low, high = np.quantile([metric(k) for k in samples], [0.025, 0.975])
        if name == "roc_auc":  # near 1 resampling does not show rare low placements, and the interval allows for them
            assert high - low < measured.high - measured.low < 1.5 * (high - low)
            continue
        assert measured.high - measured.low == pytest.approx(high - low, rel=0.2), name
        assert (measured.low, measured.high) == pytest.approx((low, high), abs=0.2 * (high - low)), name


def test_from_tables_alone_scores_have_no_interval(repeated, make_evidence, find) -> None:
    evidence = replace(make_evidence(repeated), predictions={}, tables=tabulate(repeated))
    found = find(FairnessAudit(**QUICK).measure(evidence))
    assert found.one("selection_rate", group={"sex": "F"}).interval_method == "wilson_effective"
    assert found.one("f1", group={"sex": "F"}).interval_method == "wilson_effective_transformed"
    for name in ("roc_auc", "mean_score", "expected_calibration_error"):
        measured = found.one(name, group={"sex": "F"})
        assert measured.value is not None
        assert measured.low is None


def test_regression_in_clusters(make_predictions, make_evidence, find, regression_target) -> None:
    rng = np.random.default_rng(2)
    y = np.repeat(rng.normal(size=200), TIMES)
    predicted = y + np.repeat(rng.normal(size=200), TIMES)
    groups = {"sex": (("F", "M"), np.repeat(rng.integers(0, 2, 200), TIMES))}
    rows = make_predictions(regression_target, predicted, y, groups=groups)
    clustered = replace(rows, clusters=np.repeat(np.arange(200), TIMES))
    one, two = (find(FairnessAudit(**QUICK).measure(make_evidence(each))) for each in (rows, clustered))
    inside = groups["sex"][1] == 0
    for name in ("mean_prediction", "mean_error", "mean_absolute_error", "scoring_rate"):
        plain, wide = (found.one(name, group={"sex": "F"}) for found in (one, two))
        assert wide.value == pytest.approx(plain.value)
        assert wide.high - wide.low == pytest.approx(2 * (plain.high - plain.low), rel=0.1)
    error = mean_absolute_error(y[inside], rows.predicted[inside])
    assert two.one("mean_absolute_error", group={"sex": "F"}).value == pytest.approx(error)
    assert two.one("r2_score", group={"sex": "F"}).low is None


def test_labels_in_clusters(make_predictions, make_evidence, find) -> None:
    rng = np.random.default_rng(3)
    target = Target(name="topics", kind="multilabel", classes=("x", "z"))
    truth = np.repeat(rng.integers(0, 2, (150, 2)), TIMES, axis=0)
    scores = np.clip(0.3 * truth + rng.uniform(0, 0.7, truth.shape), 0, 1)
    groups = {"sex": (("F", "M"), np.repeat(rng.integers(0, 2, 150), TIMES))}
    judged = replace(make_predictions(target, scores, truth, groups=groups), clusters=np.repeat(np.arange(150), TIMES))
    found = find(FairnessAudit(**QUICK).measure(make_evidence(judged)))
    measured = found.one("f1", group={"sex": "F"}, output="z")
    assert measured.interval_method == "wilson_effective_transformed"
    inside = groups["sex"][1] == 0
    assert measured.value == pytest.approx(f1_score(truth[inside, 1], judged.predicted[inside, 1]))


def test_weighted_tables_alone_are_resampled_as_sums(alone, make_evidence, find) -> None:
    judged = replace(alone, weights=np.random.default_rng(4).uniform(0.5, 2, len(alone)))
    evidence = make_evidence(judged)
    of_rows = find(FairnessAudit(**QUICK).measure(evidence))
    of_tables = find(FairnessAudit(**QUICK).measure(replace(evidence, predictions={}, tables=tabulate(judged))))
    one, two = (found.one("f1", group={"sex": "F"}) for found in (of_rows, of_tables))
    assert two.interval_method == "wilson_effective_transformed"
    assert (two.value, two.low, two.high) == pytest.approx((one.value, one.low, one.high), abs=0.02)
    for name in ("selection_rate", "roc_auc", "expected_calibration_error"):
        one, two = (found.one(name, group={"sex": "F"}) for found in (of_rows, of_tables))
        assert (two.low, two.high, two.interval_method) == (one.low, one.high, one.interval_method)
