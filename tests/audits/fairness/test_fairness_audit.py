"""Group rates and gaps against fairlearn on the same rows, numbers by hand, and groups in which a rate is undefined."""

from __future__ import annotations

import fairlearn.metrics as fairlearn
import numpy as np
import pytest
from glasshouse import Target, UserError
from glasshouse_audits.fairness.groups.audit import FairnessAudit

QUICK = {"replicates": 200, "permutations": 199}
THREE = Target(name="kind", kind="multiclass", classes=("a", "b", "c"))


def people(n: int, seed: int = 0, *, missing: bool = False) -> tuple[np.ndarray, np.ndarray, dict]:
    """Targets, scores and two attributes, with worse scores for the second sex."""
    rng = np.random.default_rng(seed)
    sex, age = rng.integers(0, 2, n), rng.integers(-1 if missing else 0, 3, n)
    targets = (rng.random(n) < 0.4).astype(np.int64)
    scores = np.clip(0.5 + 0.5 * (targets - 0.5) - 0.15 * sex + 0.2 * rng.normal(size=n), 0, 1)
    return targets, scores, {"sex": (("F", "M"), sex), "age": (("young", "middle", "old"), age)}


@pytest.fixture
def judged(make_predictions, binary_target):
    targets, scores, groups = people(600)
    return make_predictions(binary_target, scores, targets, groups=groups)


def test_rates_and_gaps_are_fairlearns(judged, make_evidence, find) -> None:
    found = find(FairnessAudit(**QUICK).measure(make_evidence(judged)))
    levels = {name: np.array(g.levels)[g.codes] for name, g in judged.groups.items()}
    for names in (("sex",), ("age",), ("sex", "age")):
        sensitive = {name: levels[name] for name in names}
        rates = {
            name: getattr(fairlearn, name)
            for name in (
                "selection_rate",
                "true_positive_rate",
                "false_positive_rate",
                "true_negative_rate",
                "false_negative_rate",
                "count",
            )
        }
        frame = fairlearn.MetricFrame(
            metrics=rates, y_true=judged.targets, y_pred=judged.predicted, sensitive_features=sensitive
        ).by_group
        for key, row in frame.iterrows():
            group = dict(zip(names, key if isinstance(key, tuple) else (key,), strict=True))
            for name in rates:
                measured = found.one(name, group=group)
                assert measured.value == pytest.approx(row[name]), measured.id
                if name != "count":
                    exact = measured.value in (0, 1)
                    assert measured.interval_method == ("clopper_pearson" if exact else "wilson")
                    assert measured.low <= measured.value <= measured.high
        for name in (
            "demographic_parity_difference",
            "demographic_parity_ratio",
            "equalized_odds_difference",
            "equalized_odds_ratio",
            "equal_opportunity_difference",
        ):
            theirs = getattr(fairlearn, name)(
                judged.targets,
                judged.predicted,
                sensitive_features=np.array(["|".join(t) for t in zip(*sensitive.values(), strict=True)]),
            )
            measured = found.one(name, over=names)
            assert measured.value == pytest.approx(theirs), measured.id
            assert measured.interval_method == "simultaneous_melded"
            assert measured.low <= measured.value <= measured.high


def test_the_cross_check_runs_and_finds_agreement(judged, make_evidence, find) -> None:
    measured = find(FairnessAudit(**QUICK).measure(make_evidence(judged))).one("fairlearn_largest_difference")
    assert measured.value < 1e-12
    off = find(FairnessAudit(cross_check=False, **QUICK).measure(make_evidence(judged)))
    assert off.all("fairlearn_largest_difference") == []


def test_the_cross_check_would_notice(judged, make_evidence, find, monkeypatch) -> None:
    """With fairlearn's selection rate off by 0.1, so is the largest difference."""
    right = fairlearn.selection_rate
    monkeypatch.setattr(fairlearn, "selection_rate", lambda t, p: right(t, p) + 0.1)
    measured = find(FairnessAudit(**QUICK).measure(make_evidence(judged))).one("fairlearn_largest_difference")
    assert measured.value == pytest.approx(0.1)


def test_a_table_by_hand(make_predictions, make_evidence, find, binary_target) -> None:
    """F: targets 1 1 0 0, predicted 1 0 0 0. M: targets 1 0, predicted 1 1."""
    groups = {"sex": (("F", "M"), [0, 0, 0, 0, 1, 1])}
    judged = make_predictions(binary_target, [0.9, 0.1, 0.1, 0.1, 0.9, 0.9], [1, 1, 0, 0, 1, 0], groups=groups)
    found = find(FairnessAudit(**QUICK).measure(make_evidence(judged)))
    expected = {
        ("selection_rate", "F"): 1 / 4,
        ("selection_rate", "M"): 1,
        ("true_positive_rate", "F"): 1 / 2,
        ("true_positive_rate", "M"): 1,
        ("false_positive_rate", "F"): 0,
        ("false_positive_rate", "M"): 1,
        ("accuracy", "F"): 3 / 4,
        ("accuracy", "M"): 1 / 2,
        ("precision", "F"): 1,
        ("precision", "M"): 1 / 2,
        ("prevalence", "F"): 1 / 2,
        ("prevalence", "M"): 1 / 2,
        ("impact_ratio", "F"): 1 / 4,
        ("impact_ratio", "M"): 1,
    }
    for (name, level), value in expected.items():
        assert found.one(name, group={"sex": level}).value == value
    assert found.one("demographic_parity_difference").value == 3 / 4
    assert found.one("demographic_parity_ratio").value == 1 / 4
    assert found.one("equal_opportunity_difference").value == 1 / 2
    assert found.one("equalized_odds_difference").value == 1  # of false positive rates
    pair = found.one("true_positive_rate_pairwise_difference")
    assert (pair.parameters, pair.value) == ({"first": "F", "second": "M"}, -1 / 2)


def test_undefined_rates_keep_their_groups_and_gaps_say_whom_they_leave_out(
    make_predictions, make_evidence, find, binary_target
) -> None:
    """B has no positives; C has no rows at all; one row's group is not known."""
    groups = {"race": (("A", "B", "C"), [0, 0, 0, 1, 1, -1])}
    judged = make_predictions(binary_target, [0.9, 0.1, 0.9, 0.9, 0.1, 0.9], [1, 1, 0, 0, 0, 1], groups=groups)
    result = FairnessAudit(**QUICK).measure(make_evidence(judged))
    found = find(result)
    tpr = {m.group["race"]: m for m in found.all("true_positive_rate")}
    assert list(tpr) == ["A", "B", "C", "missing"]
    assert (tpr["B"].value, tpr["B"].n, tpr["B"].undefined) == (None, 0, "no rows with target 'high'")
    assert tpr["missing"].value == 1
    assert found.one("count", group={"race": "C"}).value == 0
    assert found.one("selection_rate", group={"race": "C"}).undefined == "no rows"
    assert found.one("equal_opportunity_difference").value == 1 - 1 / 2  # between A and missing
    left_out = [note for note in result.notes if note.startswith("Excluded from")]
    assert any("demographic_parity_difference" in note and note.endswith(": C.") for note in left_out)
    assert any("equal_opportunity_difference" in note and "B; C" in note for note in left_out)
    (pair,) = found.all("true_positive_rate_pairwise_difference", parameters={"first": "A", "second": "B"})
    assert pair.undefined == "no rows with target 'high'"
    (by_race,) = [table for table in result.tables if table.title == "By race"]
    assert by_race.count_column == "rows"
    assert [row[:2] for row in by_race.rows] == [("A", 3), ("B", 2), ("C", 0), ("missing", 1)]


def test_one_group_alone_has_no_gap(make_predictions, make_evidence, find, binary_target) -> None:
    judged = make_predictions(binary_target, [0.9, 0.1], [1, 0], groups={"sex": (("F", "M"), [0, 0])})
    found = find(FairnessAudit(**QUICK).measure(make_evidence(judged)))
    for name in ("demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference"):
        measured = found.one(name)
        assert measured.value is None
        assert measured.undefined.startswith("fewer than two groups")
        assert measured.low is None
    assert found.one("demographic_parity_difference_p_value").value is None


def test_nobody_selected_has_no_ratio(make_predictions, make_evidence, find, binary_target) -> None:
    judged = make_predictions(binary_target, [0.1] * 4, [1, 0, 1, 0], groups={"sex": (("F", "M"), [0, 0, 1, 1])})
    found = find(FairnessAudit(**QUICK).measure(make_evidence(judged)))
    assert found.one("demographic_parity_difference").value == 0
    assert found.one("demographic_parity_ratio").undefined == "selection_rate is 0 in every group"
    assert found.all("impact_ratio")[0].undefined == "no group has a row selected"


def test_multiclass_holds_each_class_against_the_rest(make_predictions, make_evidence, find) -> None:
    rng = np.random.default_rng(5)
    targets, sex = rng.integers(0, 3, 300), rng.integers(0, 2, 300)
    scores = rng.dirichlet(np.ones(3), 300)
    judged = make_predictions(THREE, scores, targets, groups={"sex": (("F", "M"), sex)})
    found = find(FairnessAudit(**QUICK).measure(make_evidence(judged)))
    for k, label in enumerate(THREE.classes):
        frame = fairlearn.MetricFrame(
            metrics=fairlearn.true_positive_rate,
            y_true=targets == k,
            y_pred=judged.predicted == k,
            sensitive_features=np.array(["F", "M"])[sex],
        ).by_group
        for level in ("F", "M"):
            measured = found.one("true_positive_rate", group={"sex": level}, output=label)
            assert measured.value == pytest.approx(frame[level])
    assert len(found.all("accuracy", group={"sex": "F"})) == 1
    assert found.one("fairlearn_largest_difference").value < 1e-12


def test_regression_measures_are_fairlearns(make_predictions, make_evidence, find, regression_target) -> None:
    rng = np.random.default_rng(6)
    sex = rng.integers(0, 2, 200)
    targets = rng.normal(10, 2, 200)
    predicted = (targets + 0.5 * sex + rng.normal(size=200)).astype(np.float32)
    groups = {"sex": (("F", "M", "X"), sex)}
    result = FairnessAudit().measure(
        make_evidence(make_predictions(regression_target, predicted, targets, groups=groups))
    )
    found = find(result)
    for level, chosen in (("F", sex == 0), ("M", sex == 1)):
        errors = predicted[chosen] - targets[chosen]
        for name, value in (
            ("mean_prediction", predicted[chosen].mean(dtype=np.float64)),
            ("mean_error", errors.mean()),
            ("mean_absolute_error", np.abs(errors).mean()),
            ("root_mean_squared_error", np.sqrt((errors**2).mean())),
        ):
            measured = found.one(name, group={"sex": level})
            assert measured.value == pytest.approx(value), measured.id
            assert measured.low < measured.value < measured.high
    assert found.one("mean_error", group={"sex": "X"}).undefined == "no rows"
    by_level = [found.one("mean_error", group={"sex": level}).value for level in ("F", "M")]
    assert found.one("mean_error_difference").value == pytest.approx(abs(by_level[0] - by_level[1]))
    assert found.one("fairlearn_largest_difference").value < 1e-6
    assert {f.title for f in result.figures} == {
        "Mean prediction by sex",
        "Mean error by sex",
        "Mean absolute error by sex",
    }


def test_without_targets_only_decisions_are_compared(make_evidence, find, judged) -> None:
    from dataclasses import replace

    blind = replace(judged, targets=None)
    found = find(FairnessAudit(**QUICK).measure(make_evidence(blind)))
    seeing = find(FairnessAudit(**QUICK).measure(make_evidence(judged)))
    assert found.one("selection_rate", group={"sex": "F"}) == seeing.one("selection_rate", group={"sex": "F"})
    assert found.all("true_positive_rate") == []
    assert found.all("equalized_odds_difference") == []
    assert found.one("demographic_parity_difference", over=("sex",)).value is not None


def test_weights_enter_rates_intervals_and_tests(make_evidence, find, judged) -> None:
    """A weight of 2 for everyone leaves the rates; a weight of 0 takes a row out."""
    from dataclasses import replace

    weights = np.where(judged.groups["sex"].codes == 0, 2.0, 1.0)
    weights[0] = 0.0
    found = find(FairnessAudit(**QUICK).measure(make_evidence(replace(judged, weights=weights))))
    for level in (0, 1):
        kept = (judged.groups["sex"].codes == level) & (np.arange(len(judged)) > 0)
        group = {"sex": judged.groups["sex"].levels[level]}
        measured = found.one("selection_rate", group=group)
        assert measured.value == pytest.approx(judged.predicted[kept].mean())
        assert measured.interval_method == "wilson_effective"
    pair = found.one("selection_rate_pairwise_difference", over=("sex",))
    assert pair.interval_method == "miettinen_nurminen_effective"
    assert found.one("f1", group={"sex": "F"}).interval_method == "wilson_effective_transformed"
    assert found.one("theil_index").interval_method == "poisson_bootstrap_percentile"
    assert found.one("expected_calibration_error", group={"sex": "F"}).interval_method == "folded_normal"
    assert found.one("demographic_parity_difference_p_value", over=("sex",)).value <= 0.05


def test_the_order_of_rows_changes_nothing_and_the_seed_fixes_the_rest(
    make_predictions, make_evidence, binary_target
) -> None:
    targets, scores, groups = people(300, missing=True)
    order = np.random.default_rng(8).permutation(300)
    shuffled = {name: (levels, codes[order]) for name, (levels, codes) in groups.items()}

    def measure(seed: int, *arrays) -> list:
        audit = FairnessAudit(cross_check=False, **QUICK)
        return list(
            audit.measure(
                make_evidence(make_predictions(binary_target, *arrays[:2], groups=arrays[2]), seed=seed)
            ).measurements
        )

    one = measure(0, scores, targets, groups)
    assert one == measure(0, scores[order], targets[order], shuffled)
    assert one != measure(1, scores, targets, groups)
    assert len({m.id for m in one}) == len(one)


def test_intersections_can_be_left_out(judged, make_evidence, find) -> None:
    found = find(FairnessAudit(intersections=False, **QUICK).measure(make_evidence(judged)))
    assert found.all("count", group={"sex": "F", "age": "old"}) == []
    assert found.all("demographic_parity_difference", over=("sex", "age")) == []


def test_an_attribute_with_many_levels_has_no_pairs(make_predictions, make_evidence, find, binary_target) -> None:
    codes = np.arange(26) % 13
    groups = {"town": (tuple(f"t{k}" for k in range(13)), codes)}
    result = FairnessAudit(**QUICK).measure(
        make_evidence(make_predictions(binary_target, [0.9, 0.1] * 13, [1, 0] * 13, groups=groups))
    )
    assert find(result).all("selection_rate_pairwise_difference") == []
    assert "Pairs of groups are omitted for town, which has 13 levels." in result.notes


def test_refusals(make_predictions, make_evidence, binary_target) -> None:
    judged = make_predictions(binary_target, [np.nan, 0.5], [0, 1], groups={"sex": (("F", "M"), [0, 1])})
    with pytest.raises(UserError, match=r"audit 'fairness': expected finite scores; 1 of 2 rows of the test split"):
        FairnessAudit().measure(make_evidence(judged))
    with pytest.raises(UserError, match="permutations is 0; expected a whole number >= 99"):
        FairnessAudit(permutations=0)
