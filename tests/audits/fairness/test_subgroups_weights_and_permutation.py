"""Subgroups of weighted and clustered rows, and confirmed by exchanging losses: by definition and by simulation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from glasshouse import DataInfo, Feature, UserError
from glasshouse_audits.fairness.holdout_split import holdout_split
from glasshouse_audits.fairness.subgroups.audit import SubgroupsAudit
from glasshouse_audits.fairness.subgroups.confirmation import compare_with_rest, confirm, permuted_p_values
from glasshouse_audits.fairness.subgroups.search import Condition, Subgroup, conditions, search

SIZES = ((3, 0), (4, 4), (2, 0))
KNOWN = conditions(SIZES)


def rows(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, size, n) for size, _ in SIZES]).astype(np.int16)


def best(codes, loss, weights=None):
    return search(codes, loss, KNOWN, depth=2, width=20, minimum=15, weights=weights)


def company(make_predictions, target, n=1500, seed=0, planted=0.5):
    """Errors are 10 %, and `planted` for women over 60."""
    rng = np.random.default_rng(seed)
    sex, age = rng.integers(0, 2, n), rng.integers(18, 80, n)
    truth = rng.integers(0, 2, n)
    wrong = rng.random(n) < np.where((sex == 0) & (age > 60), planted, 0.1)
    judged = make_predictions(target, np.where(wrong, 1 - truth, truth), truth, groups={"sex": (("F", "M"), sex)})
    x = ((age - 49) / 18)[:, None].astype(np.float32)
    return x, judged


def about(x, judged, make_evidence):
    feature = Feature(name="age", kind="numeric", columns=(0,), center=49.0, scale=18.0)
    info = DataInfo(name="toy", modality="tabular", target=judged.target, input_shape=(1,), features=(feature,))
    return make_evidence(judged, info=info, inputs=lambda split: x)


def test_a_weighted_search_is_one_over_weighted_means() -> None:
    """Quality of every subgroup by its definition, and weights of 1 change nothing."""
    rng = np.random.default_rng(0)
    codes, loss, w = rows(500, 1), rng.random(500), rng.lognormal(size=500)
    spread = np.sqrt(np.average((loss - np.average(loss, weights=w)) ** 2, weights=w))
    found = best(codes, loss, w)
    assert len(found) > 5
    for one in found:
        inside = one.members(codes)
        apart_by = np.average(loss[inside], weights=w[inside]) - np.average(loss[~inside], weights=w[~inside])
        error = spread * np.sqrt(sum((w[k] ** 2).sum() / w[k].sum() ** 2 for k in (inside, ~inside)))
        assert one.quality == pytest.approx(apart_by / error, rel=1e-4)
        assert one.size == inside.sum()
    plain, ones = best(codes, loss), best(codes, loss, np.ones(500))
    assert [one.conditions for one in plain] == [one.conditions for one in ones]
    assert [one.quality for one in plain] == pytest.approx([one.quality for one in ones], rel=1e-4)


def test_rows_without_weight_are_not_searched() -> None:
    """Where all errors of a planted subgroup weigh nothing, it is not found."""
    codes = rows(800, 2)
    inside = (codes[0] == 1) & (codes[2] == 0)
    loss = inside.astype(float)
    planted = (Condition(0, 1, 1), Condition(2, 0, 0))
    assert best(codes, loss)[0].conditions == planted
    weights = np.where(inside, 0.0, 1.0)
    assert best(codes, loss, weights) == []
    assert best(codes, loss, np.zeros(800)) == []


def test_a_weighted_difference_by_hand() -> None:
    """Inside 1, 1, 0 with weights 1, 2, 1: mean 3/4. Outside 0, 0, 1, 0 equally: 1/4. What each row adds to the
    difference: (1/4, 2/4, -3/4) / 4 and -(-1/4, -1/4, 3/4, -1/4) / 4; the error is sqrt(7/6 x the sum of squares)."""
    codes = np.array([[0, 0, 0, 1, 1, 1, 1]], dtype=np.int16)
    loss, w = np.array([1.0, 1, 0, 0, 0, 1, 0]), np.array([1.0, 2, 1, 1, 1, 1, 1])
    (found,) = compare_with_rest([Subgroup((Condition(0, 0, 0),), 3, 1.0)], codes, loss, weights=w)
    assert found.loss.value == 0.75
    assert found.difference.value == 0.5
    parts = np.array([1, 2, -3, 1, 1, -3, 1]) / 16
    half = 4.302652729911275 * np.sqrt(7 / 6 * (parts**2).sum())  # t with 3 - 1 degrees of freedom
    assert found.difference.interval.high == pytest.approx(0.5 + half)
    assert found.difference.interval.method == "student_t_linearized"


def test_chance_is_confirmed_no_more_often_than_promised_with_weights_and_clusters() -> None:
    """200 data sets each, halves of 60 clusters whose losses go together: .111 is four standard errors above 5 %."""
    rng = np.random.default_rng(3)
    alarms = {"weights": 0, "clusters": 0, "ignored": 0}
    for _ in range(200):
        cluster = np.repeat(np.arange(120), 6)
        of_cluster = rng.integers(0, 2, (3, 120)).astype(np.int16)  # whole clusters lie within a subgroup
        codes = of_cluster[:, cluster]
        known = conditions([(2, 0)] * 3)
        together = (rng.random(len(cluster)) < rng.beta(0.75, 2.25, 120)[cluster]).astype(float)
        alone = (rng.random(len(cluster)) < 0.25).astype(float)
        w = rng.lognormal(sigma=0.6, size=len(cluster))
        first = cluster < 60
        for name, loss, more in (
            ("weights", alone, {"weights": w[~first]}),
            ("clusters", together, {"clusters": cluster[~first]}),
            ("ignored", together, {}),
        ):
            found = search(codes[:, first], loss[first], known, depth=2, width=10, minimum=15)[:10]
            tested = confirm(found, codes[:, ~first], loss[~first], **more)
            alarms[name] += any(one.p_value is not None and one.p_value <= 0.05 for one in tested)
    assert alarms["weights"] / 200 <= 0.111
    assert alarms["clusters"] / 200 <= 0.111
    assert alarms["ignored"] / 200 > 0.15  # clusters taken for rows are not: the data would show a fault


@pytest.mark.parametrize("weighted", [False, True])
def test_the_best_of_a_search_by_chance_is_no_alarm(weighted) -> None:
    """100 data sets without a bad subgroup, 39 exchanges each, level 0.05: .137 is four standard errors above. The
    search's own quality, taken for a normal variable, would alarm nearly always."""
    rng = np.random.default_rng(4)
    alarms = naive = 0
    for seed in range(100):
        codes, loss = rows(300, seed), (rng.random(300) < 0.25).astype(float)
        w = rng.lognormal(sigma=0.5, size=300) if weighted else None
        found = best(codes, loss, w)
        p = permuted_p_values(
            found, loss, lambda a, b, codes=codes: best(codes, a, b), rng=rng, permutations=39, weights=w
        )
        alarms += min(p, default=1.0) <= 0.05
        naive += found[0].quality > 1.645
    assert alarms / 100 <= 0.137
    assert naive / 100 > 0.5


def test_permutation_confirms_what_is_planted_with_all_rows(
    make_predictions, make_evidence, find, binary_target
) -> None:
    x, judged = company(make_predictions, binary_target)
    result = SubgroupsAudit(confirm="permutation", permutations=39).measure(about(x, judged, make_evidence))
    found = find(result)
    first = found.all("error_rate")[0]
    assert first.group["sex"] == "F"
    assert first.group["age"].startswith("above 5")
    assert found.one("max_statistic_p_value", group=first.group).value == 1 / 40
    assert found.one("error_rate_difference_to_rest", group=first.group).low is None
    assert result.figures == []
    assert "from the searched rows" in result.tables[0].description
    assert "repeating the search with permuted losses" in result.notes[0]
    assert found.all("holm_adjusted_p_value") == []


def test_weights_decide_what_is_worst(make_predictions, make_evidence, find, binary_target) -> None:
    """Those in whom the errors were planted count a tenth, and their error rate with it in the mean of the rest."""
    x, judged = company(make_predictions, binary_target, n=3000)
    weights = np.where(judged.groups["sex"].codes == 0, 0.1, 1.0)
    found = find(SubgroupsAudit().measure(about(x, replace(judged, weights=weights), make_evidence)))
    first = found.all("error_rate")[0]
    assert first.interval_method == "student_t_clustered"
    difference = found.one("error_rate_difference_to_rest", group=first.group)
    assert difference.interval_method == "student_t_linearized"


def test_clusters_stay_whole_between_search_and_test(make_predictions, make_evidence, binary_target) -> None:
    x, judged = company(make_predictions, binary_target)
    clusters = np.random.default_rng(5).integers(0, 200, len(judged))
    first, second = holdout_split(about(x, replace(judged, clusters=clusters), make_evidence))
    assert len(first) + len(second) == len(judged)
    assert not set(clusters[first.rows]) & set(clusters[second.rows])
    assert min(len(first), len(second)) > 0.4 * len(judged)
    with pytest.raises(UserError, match="clustered rows cannot be permuted"):
        SubgroupsAudit(confirm="permutation").measure(about(x, replace(judged, clusters=clusters), make_evidence))


def test_the_way_to_confirm_is_checked() -> None:
    with pytest.raises(UserError, match="confirm is 'luck'; expected split or permutation"):
        SubgroupsAudit(confirm="luck")
