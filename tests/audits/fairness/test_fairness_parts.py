"""The audit's parts on targets of every kind, against fairlearn, scikit-learn and numbers by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import fairlearn.metrics as fairlearn
import numpy as np
import pytest
import sklearn.metrics as sklearn
from glasshouse import Evidence, Target, UserError
from glasshouse.evidence.evidence import tables_of
from glasshouse.statistics import benjamini_hochberg, holm
from glasshouse.statistics.tables import tabulate
from glasshouse_audits.fairness.groups.audit import FairnessAudit

QUICK = {"replicates": 100, "permutations": 99, "cross_check": False}
THREE = Target(name="kind", kind="multiclass", classes=("a", "b", "c"))
LABELS = Target(name="topics", kind="multilabel", classes=("art", "law"))


def people(n=400, seed=0):
    rng = np.random.default_rng(seed)
    sex, age = rng.integers(0, 2, n), rng.integers(0, 3, n)
    targets = (rng.random(n) < 0.4).astype(np.int64)
    scores = np.clip(0.5 + 0.5 * (targets - 0.5) - 0.15 * sex + 0.25 * rng.normal(size=n), 0.001, 0.999)
    return targets, np.round(scores, 2), {"sex": (("F", "M"), sex), "age": (("young", "middle", "old"), age)}


@pytest.fixture
def judged(make_predictions, binary_target):
    targets, scores, groups = people()
    return make_predictions(binary_target, scores, targets, groups=groups)


def test_the_example_of_fairlearns_user_guide(make_predictions, make_evidence, find, binary_target) -> None:
    """18 rows in three groups; beta-scores aside, all that fairlearn's MetricFrame has of them."""
    y = np.array([0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    p = np.array([0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0])
    g = np.array(list("bbabbcccaacabccbcc"))
    codes = np.searchsorted(["a", "b", "c"], g)
    judged = make_predictions(binary_target, np.where(p, 0.9, 0.1), y, groups={"g": (("a", "b", "c"), codes)})
    found = find(FairnessAudit(**QUICK).measure(make_evidence(judged)))
    ours = {
        "count": fairlearn.count,
        "selection_rate": fairlearn.selection_rate,
        "true_positive_rate": fairlearn.true_positive_rate,
        "false_positive_rate": fairlearn.false_positive_rate,
        "accuracy": sklearn.accuracy_score,
        "precision": sklearn.precision_score,
        "f1": sklearn.f1_score,
        "balanced_accuracy": sklearn.balanced_accuracy_score,
    }
    frame = fairlearn.MetricFrame(metrics=ours, y_true=y, y_pred=p, sensitive_features=g)
    for name in ours:
        for level in "abc":
            assert found.one(name, group={"g": level}).value == pytest.approx(frame.by_group[name][level]), name
        if name in ("selection_rate", "true_positive_rate", "false_positive_rate", "precision"):
            for level in "abc":
                measured = found.one(f"{name}_difference_to_overall", group={"g": level}).value
                assert measured == pytest.approx(frame.by_group[name][level] - frame.overall[name])
    # what the guide prints: selection rates 0.75, 0.4 and 0.571429 make gaps and ratios of
    assert found.one("demographic_parity_difference").value == pytest.approx(
        fairlearn.demographic_parity_difference(y, p, sensitive_features=g)
    )
    assert found.one("equalized_odds_difference_to_overall").value == pytest.approx(
        fairlearn.equalized_odds_difference(y, p, sensitive_features=g, method="to_overall")
    )


def test_scores_by_group_are_scikit_learns(judged, make_evidence, find) -> None:
    found = find(FairnessAudit(**QUICK).measure(make_evidence(judged)))
    score = judged.scores[:, 1].astype(np.float64)
    for k, level in enumerate(("F", "M")):
        rows = judged.groups["sex"].codes == k
        y, s, group = judged.targets[rows], score[rows], {"sex": level}
        assert found.one("roc_auc", group=group).value == pytest.approx(sklearn.roc_auc_score(y, s), abs=1e-9)
        assert found.one("log_loss", group=group).value == pytest.approx(sklearn.log_loss(y, s), abs=1e-6)
        assert found.one("brier_score", group=group).value == pytest.approx(sklearn.brier_score_loss(y, s), abs=1e-7)
        assert found.one("mean_score", group=group).value == pytest.approx(s.mean(), abs=1e-7)
        bins = np.searchsorted(np.linspace(0, 1, 11)[1:-1], s)
        ece = sum(np.sum(bins == b) / len(s) * abs(s[bins == b].mean() - y[bins == b].mean()) for b in set(bins))
        assert found.one("expected_calibration_error", group=group).value == pytest.approx(ece, abs=1e-6)
        for share in (0.05, 0.5, 0.95):
            measured = found.one("score_quantile", group=group, parameters={"quantile": share}).value
            assert measured == pytest.approx(np.quantile(s, share, method="inverted_cdf"), abs=1e-3)
    aucs = [found.one("roc_auc", group={"sex": level}).value for level in ("F", "M")]
    gap = found.one("roc_auc_difference", over=("sex",))
    assert gap.value == pytest.approx(abs(aucs[0] - aucs[1]))
    assert gap.low <= gap.value <= gap.high
    assert gap.interval_method == "simultaneous_delong_score"


def test_shares_of_the_top_are_counted(judged, make_evidence, find) -> None:
    """Of the 10 highest scores, ties at the end shared out."""
    found = find(FairnessAudit(top=[10], **QUICK).measure(make_evidence(judged)))
    score, sex = judged.scores[:, 1], judged.groups["sex"].codes
    last = np.sort(score)[-10]
    above, tied = score > last, score == last
    for k, level in enumerate(("F", "M")):
        expected = np.sum(above & (sex == k)) + (10 - above.sum()) * np.mean(sex[tied] == k)
        measured = found.one("top_share", group={"sex": level}, parameters={"k": 10})
        assert measured.value == pytest.approx(expected / 10)
    assert found.all("top_share", parameters={"k": 1000}) == []  # no more positions than rows


def test_adjusted_p_values_are_over_all_tests_made(judged, make_evidence) -> None:
    measurements = FairnessAudit(**QUICK).measure(make_evidence(judged)).measurements
    tests = [m for m in measurements if m.name.endswith("_p_value") and not m.name.endswith("adjusted_p_value")]
    raw = np.array([np.nan if m.value is None else m.value for m in tests])
    assert len(tests) > 20
    for method, adjust in (("holm", holm), ("benjamini_hochberg", benjamini_hochberg)):
        adjusted = {
            (m.name, m.over, *(m.parameters.get(k) for k in ("first", "second"))): m.value
            for m in measurements
            if m.name.endswith("adjusted_p_value") and m.parameters["adjustment"] == method
        }
        for test, value in zip(tests, adjust(raw), strict=True):
            name = test.name.removesuffix("_p_value") + "_adjusted_p_value"
            found = adjusted[(name, test.over, *(test.parameters.get(k) for k in ("first", "second")))]
            assert found == (None if np.isnan(value) else value)


def test_multiclass_has_macro_means_and_every_class(make_predictions, make_evidence, find) -> None:
    rng = np.random.default_rng(5)
    y, sex = rng.integers(0, 3, 300), rng.integers(0, 2, 300)
    judged = make_predictions(THREE, rng.dirichlet(np.ones(3), 300), y, groups={"sex": (("F", "M"), sex)})
    result = FairnessAudit(**QUICK).measure(make_evidence(judged))
    found = find(result)
    for k, level in enumerate(("F", "M")):
        t, p = y[sex == k], judged.predicted[sex == k]
        for name, value in (
            ("balanced_accuracy", sklearn.balanced_accuracy_score(t, p)),
            ("macro_f1", sklearn.f1_score(t, p, average="macro")),
            ("macro_precision", sklearn.precision_score(t, p, average="macro")),
        ):
            assert found.one(name, group={"sex": level}).value == pytest.approx(value)
        for c, label in enumerate(THREE.classes):
            auc = sklearn.roc_auc_score(t == c, judged.scores[sex == k, c])
            assert found.one("roc_auc", group={"sex": level}, output=label).value == pytest.approx(auc, abs=1e-6)
    assert max(Counter(m.id for m in result.measurements).values()) == 1


def test_multilabel_holds_every_label_against_its_absence(make_predictions, make_evidence, find) -> None:
    rng = np.random.default_rng(6)
    y, sex = rng.integers(0, 2, (200, 2)), rng.integers(0, 2, 200)
    judged = make_predictions(LABELS, rng.random((200, 2)), y, groups={"sex": (("F", "M"), sex)})
    result = FairnessAudit(replicates=100, permutations=99).measure(make_evidence(judged))
    found = find(result)
    for k, label in enumerate(LABELS.classes):
        frame = fairlearn.MetricFrame(
            metrics={"accuracy": sklearn.accuracy_score, "true_positive_rate": fairlearn.true_positive_rate},
            y_true=y[:, k],
            y_pred=judged.predicted[:, k],
            sensitive_features=np.array(["F", "M"])[sex],
        ).by_group
        for name in frame:
            for level in ("F", "M"):
                measured = found.one(name, group={"sex": level}, output=label)
                assert measured.value == pytest.approx(frame[name][level])
    assert len(found.all("count", group={"sex": "F"})) == 1
    assert found.one("fairlearn_largest_difference").value < 1e-12
    assert max(Counter(m.id for m in result.measurements).values()) == 1


def test_regression_has_r2_and_quantiles_of_residuals(make_predictions, make_evidence, find, regression_target) -> None:
    rng = np.random.default_rng(7)
    y, sex = rng.normal(10, 2, 500), rng.integers(0, 2, 500)
    f = (y + 0.4 * sex + rng.normal(size=500)).astype(np.float32).astype(np.float64)
    judged = make_predictions(regression_target, f, y, groups={"sex": (("F", "M"), sex)})
    found = find(FairnessAudit(**QUICK).measure(make_evidence(judged)))
    for k, level in enumerate(("F", "M")):
        rows = sex == k
        assert found.one("r2_score", group={"sex": level}).value == pytest.approx(sklearn.r2_score(y[rows], f[rows]))
        assert found.one("scoring_rate", group={"sex": level}).value == pytest.approx(np.mean(f[rows] > np.median(f)))
        for share in (0.05, 0.5, 0.95):
            measured = found.one("residual_quantile", group={"sex": level}, parameters={"quantile": share}).value
            expected = np.quantile((f - y)[rows], share, method="inverted_cdf")
            assert measured == pytest.approx(expected, rel=2e-3, abs=1e-3)
    gap = found.one("mean_error_difference")
    assert gap.interval_method == "simultaneous_student_t"
    assert gap.low <= gap.value <= gap.high


def test_a_reference_group_is_compared_with(judged, make_evidence, find) -> None:
    found = find(FairnessAudit(reference={"sex": "M"}, **QUICK).measure(make_evidence(judged)))
    rates = {level: found.one("selection_rate", group={"sex": level}).value for level in ("F", "M")}
    (difference,) = found.all("selection_rate_difference_to_reference")
    assert difference.value == pytest.approx(rates["F"] - rates["M"])
    assert (difference.group, difference.parameters) == ({"sex": "F"}, {"reference": "M"})
    ratio = found.one("selection_rate_ratio_to_reference")
    assert (ratio.value, ratio.interval_method) == (pytest.approx(rates["F"] / rates["M"]), "koopman")
    with pytest.raises(UserError, match="reference names the level 'X' of sex; available: F, M"):
        FairnessAudit(reference={"sex": "X"}).measure(make_evidence(judged))


def test_intersections_as_asked(judged, make_evidence, find) -> None:
    found = find(FairnessAudit(intersections=[["age", "sex"]], **QUICK).measure(make_evidence(judged)))
    assert len(found.all("demographic_parity_difference", over=("age", "sex"))) == 1
    assert found.all("demographic_parity_difference", over=("sex", "age")) == []
    with pytest.raises(UserError, match="intersections names the attribute 'race'; available: sex, age"):
        FairnessAudit(intersections=[["sex", "race"]], **QUICK).measure(make_evidence(judged))


def test_bootstrap_intervals_of_pairs_on_request(judged, make_evidence, find) -> None:
    found = find(FairnessAudit(pair_intervals="bootstrap", **QUICK).measure(make_evidence(judged)))
    pair = found.one("selection_rate_pairwise_difference", over=("sex",))
    assert pair.interval_method == "bootstrap_percentile"
    score = find(FairnessAudit(**QUICK).measure(make_evidence(judged))).one(pair.name, over=("sex",))
    assert score.interval_method == "miettinen_nurminen"
    assert (pair.low, pair.high) == pytest.approx((score.low, score.high), abs=0.03)


def test_the_bootstrap_of_weighted_pairs_is_poissons(judged, make_evidence, find) -> None:
    weighted = replace(judged, weights=np.random.default_rng(1).integers(1, 4, len(judged)).astype(float))
    found = find(FairnessAudit(pair_intervals="bootstrap", **QUICK).measure(make_evidence(weighted)))
    pair = found.one("selection_rate_pairwise_difference", over=("sex",))
    assert pair.interval_method == "poisson_bootstrap_percentile"
    score = find(FairnessAudit(**QUICK).measure(make_evidence(weighted))).one(pair.name, over=("sex",))
    assert pair.value == pytest.approx(score.value)
    assert (pair.low, pair.high) == pytest.approx((score.low, score.high), abs=0.04)


def test_tables_alone_give_what_rows_give(judged, make_evidence) -> None:
    whole = make_evidence(judged)
    alone = Evidence(info=whole.info, predictions={}, tables=tables_of(whole))
    assert list(FairnessAudit(**QUICK).measure(alone).measurements) == list(
        FairnessAudit(**QUICK).measure(whole).measurements
    )


def test_merged_parts_give_what_the_whole_gives(judged, make_evidence) -> None:
    """Rows split over three files, in another order: the record does not tell."""
    order = np.random.default_rng(3).permutation(len(judged))
    parts = []
    for rows in np.array_split(order, 3):
        groups = {name: replace(g, codes=g.codes[rows]) for name, g in judged.groups.items()}
        parts.append(
            tabulate(
                replace(
                    judged,
                    index=np.arange(len(rows)),
                    scores=judged.scores[rows],
                    targets=judged.targets[rows],
                    groups=groups,
                )
            )
        )
    whole = make_evidence(judged)
    merged = Evidence(info=whole.info, predictions={}, tables=parts[0] + parts[1] + parts[2])
    for one, other in zip(
        FairnessAudit(**QUICK).measure(merged).measurements,
        FairnessAudit(**QUICK).measure(whole).measurements,
        strict=True,
    ):
        assert one.id == other.id
        for field in ("value", "low", "high"):
            assert getattr(one, field) == pytest.approx(getattr(other, field), abs=2e-6), (one.id, field)
        assert (one.n, one.undefined, one.interval_method) == (other.n, other.undefined, other.interval_method)


def test_integer_weights_count_rows_that_often(judged, make_evidence, find) -> None:
    """Point values of a weighted audit are those of the rows repeated."""
    times = np.random.default_rng(4).integers(0, 4, len(judged))
    rows = np.repeat(np.arange(len(judged)), times)
    groups = {name: replace(g, codes=g.codes[rows]) for name, g in judged.groups.items()}
    repeated = replace(
        judged, index=np.arange(len(rows)), scores=judged.scores[rows], targets=judged.targets[rows], groups=groups
    )
    weighted = replace(judged, weights=times.astype(np.float64))
    one = {m.id: m for m in FairnessAudit(**QUICK).measure(make_evidence(weighted)).measurements}
    other = {m.id: m for m in FairnessAudit(**QUICK).measure(make_evidence(repeated)).measurements}
    compared = 0
    for name in (
        "accuracy",
        "f1",
        "selection_rate",
        "impact_ratio",
        "roc_auc",
        "brier_score",
        "log_loss",
        "expected_calibration_error",
        "calibration_slope",
        "calibration_intercept",
        "exposure_ratio",
    ):
        for key in one:
            if key.startswith(f"{name}[") and other[key].value is not None:
                assert one[key].value == pytest.approx(other[key].value, abs=1e-6), key
                compared += 1
    assert compared > 60
    assert one["demographic_parity_difference[over=sex]@test"].interval_method == ("simultaneous_melded_effective")


def test_the_power_statement(judged, make_evidence, find) -> None:
    from glasshouse.statistics import rows_needed

    found = find(FairnessAudit(gap=0.1, **QUICK).measure(make_evidence(judged)))
    everyone = float(judged.predicted.mean())
    needed = found.one(
        "rows_needed", group={"sex": "F"}, parameters={"rate": "selection_rate", "power": 0.8, "gap": 0.1}
    )
    assert needed.value == rows_needed(everyone, 0.1)
    # a true positive rate is over the positives alone, so more rows are needed for as many of them
    rows = judged.groups["sex"].codes == 0
    tpr = judged.predicted[judged.targets == 1].mean()
    needed = found.one(
        "rows_needed", group={"sex": "F"}, parameters={"rate": "true_positive_rate", "power": 0.8, "gap": 0.1}
    )
    assert needed.value == np.ceil(rows_needed(tpr, 0.1) * rows.sum() / judged.targets[rows].sum())


@pytest.mark.parametrize("rows", [0, 1])
def test_next_to_nothing_is_undefined_with_a_reason(rows, make_predictions, make_evidence, binary_target) -> None:
    judged = make_predictions(
        binary_target, np.full(rows, 0.7), np.ones(rows), groups={"sex": (("F", "M"), np.zeros(rows))}
    )
    result = FairnessAudit(replicates=100, permutations=99).measure(make_evidence(judged))
    assert {m.group["sex"] for m in result.measurements if m.group} == {"F", "M"}
    assert all(m.undefined for m in result.measurements if m.group == {"sex": "M"} and m.name != "count")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pair_intervals": "t"}, "pair_intervals is 't'; expected score or bootstrap"),
        ({"gap": 5}, "gap is 5; expected a number above 0 and below 1"),
        ({"top": 10}, "top is 10; expected a list"),
        ({"top": [0]}, "top is 0; expected a whole number >= 1"),
        ({"intersections": [["sex"]]}, "expected true or false, or lists of two or more different attributes"),
        ({"reference": "M"}, "reference is 'M'; expected a level for each attribute"),
    ],
)
def test_options_are_checked_at_once(options, message) -> None:
    with pytest.raises(UserError, match=message):
        FairnessAudit(**options)


def test_a_weighted_median_is_that_of_the_rows_repeated() -> None:
    from glasshouse_audits.fairness.groups.study import median

    rng = np.random.default_rng(8)
    for _ in range(50):
        values, times = rng.integers(0, 9, 7).astype(float), rng.integers(0, 4, 7)
        times[0] = 1
        assert median(values, times.astype(float)) == np.median(np.repeat(values, times))
        assert median(values, None) == np.median(values)
    assert np.isnan(median(np.empty(0), None))
