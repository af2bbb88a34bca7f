"""Thresholds per group against fairlearn's ThresholdOptimizer on the same rows, by hand, and by enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from fairlearn.postprocessing import ThresholdOptimizer
from glasshouse_audits.fairness.thresholds.frontier import group_frontier, single_frontier
from glasshouse_audits.fairness.thresholds.rules import (
    CONSTRAINTS,
    best_threshold,
    equal_rates,
    hull,
    threshold_curve,
    upper_hull,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial import ConvexHull
from sklearn.base import BaseEstimator, ClassifierMixin

THEIRS = {
    "demographic_parity": "demographic_parity",
    "equal_opportunity": "true_positive_rate_parity",
    "equalized_odds": "equalized_odds",
}


class Scores(ClassifierMixin, BaseEstimator):
    """An estimator whose probability of class 1 is its only column."""

    classes_ = np.array([0, 1])
    fitted_ = True

    def predict_proba(self, X):
        column = np.asarray(X, dtype=float)[:, 0]
        return np.column_stack([1 - column, column])

    def fit(self, X, y):
        return self


def people(sizes: tuple[tuple[int, int], ...], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, targets and groups; sizes are (positives, negatives) of each group."""
    rng = np.random.default_rng(seed)
    group = np.concatenate([np.full(p + n, k) for k, (p, n) in enumerate(sizes)])
    target = np.concatenate([np.repeat([1, 0], pair) for pair in sizes])
    score = np.clip(0.45 + 0.25 * (target - 0.5) - 0.08 * group + 0.2 * rng.normal(size=len(target)), 0.001, 0.999)
    return score, target, group


def ours(score, target, group):
    return [threshold_curve(score[group == k], target[group == k] == 1) for k in np.unique(group)]


def theirs(constraint, score, target, group, *, grid_size=1000, tol=None):
    fitted = ThresholdOptimizer(
        estimator=Scores(),
        constraints=THEIRS[constraint],
        objective="accuracy_score",
        grid_size=grid_size,
        prefit=True,
        predict_method="predict_proba",
        **({} if tol is None else {"tol": tol}),
    )
    fitted.fit(score[:, None], target, sensitive_features=group)
    return fitted


def chance(rules, score, group):
    found = np.empty(len(score))
    for k, rule in enumerate(rules):
        found[group == k] = rule.probability(score[group == k])
    return found


def right(probability, target):
    return float(np.mean(np.where(target == 1, probability, 1 - probability)))


# Every corner of these groups' hulls lies on fairlearn's grid of thousandths, so both look at the same points.
ON_THE_GRID = {
    "demographic_parity": ((90, 160), (40, 85), (60, 140)),
    "equal_opportunity": ((50, 130), (40, 90), (100, 77)),
}


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("constraint", ON_THE_GRID)
def test_simple_constraints_are_fairlearns_where_its_grid_has_every_corner(constraint, seed) -> None:
    score, target, group = people(ON_THE_GRID[constraint], seed)
    rules = equal_rates(ours(score, target, group), constraint)
    expected = theirs(constraint, score, target, group)._pmf_predict(score[:, None], sensitive_features=group)[:, 1]
    found = chance(rules, score, group)
    assert right(found, target) == pytest.approx(right(expected, target), abs=1e-12)
    if seed == 0:  # one optimum alone: the same rows are selected with the same probability
        np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_off_the_grid_ours_is_never_worse_and_theirs_comes_near(constraint, seed) -> None:
    score, target, group = people(((61, 173), (43, 87), (97, 59)), seed)
    rules = equal_rates(ours(score, target, group), constraint)
    expected = theirs(constraint, score, target, group)._pmf_predict(score[:, None], sensitive_features=group)[:, 1]
    gained = right(chance(rules, score, group), target) - right(expected, target)
    assert -1e-12 <= gained < 2e-3  # of a grid of thousandths, on curves whose slope is at most about one


@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_the_constraint_holds_exactly_on_the_rows_it_was_chosen_on(constraint) -> None:
    score, target, group = people(((61, 173), (43, 87), (97, 59)), 5)
    score = np.round(score, 2)  # ties
    found = chance(equal_rates(ours(score, target, group), constraint), score, group)
    rows = {
        "demographic_parity": [np.ones(len(target), bool)],
        "equal_opportunity": [target == 1],
        "equalized_odds": [target == 1, target == 0],
    }[constraint]
    for chosen in rows:
        rates = [found[chosen & (group == k)].mean() for k in range(3)]
        assert np.ptp(rates) < 1e-12


def test_a_case_by_hand() -> None:
    """A: scores .9+ .8+ .3- .2-; B: .7+ .6- .5+ .1-. Selecting half of each is right for 4 + 2 of 8 at (.55 to .65).

    B's hull over selection rates: 2 right at 0, 3 at 1/4, 3 at 3/4 (through 3 of 4 rows), 2 at 1. At a half it has
    height 3, by .7 always and .6 and .5 with probability one half: 7 of 8 in all.
    """
    groups = [threshold_curve([0.9, 0.8, 0.3, 0.2], [1, 1, 0, 0]), threshold_curve([0.7, 0.6, 0.5, 0.1], [1, 0, 1, 0])]
    assert hull(groups[1], "demographic_parity").y.tolist() == [2, 3, 3, 2]
    a, b = equal_rates(groups, "demographic_parity")
    assert a.probability([0.9, 0.8, 0.3, 0.2]).tolist() == [1, 1, 0, 0]
    assert (b.upper, b.lower, b.share) == (pytest.approx(0.65), pytest.approx(0.3), pytest.approx(0.5))
    assert b.probability([0.7, 0.6, 0.5, 0.1]).tolist() == [1, 0.5, 0.5, 0]
    assert best_threshold(groups) == pytest.approx(0.65)  # 4 and 3 right


def test_a_group_without_the_rows_has_no_rule() -> None:
    only = [threshold_curve([0.2, 0.4], [0, 1]), threshold_curve([0.3], [0])]
    assert equal_rates(only, "equal_opportunity") is None
    assert equal_rates(only, "equalized_odds") is None
    assert equal_rates(only, "demographic_parity") is not None
    assert equal_rates([threshold_curve([], [])], "demographic_parity") is None
    with pytest.raises(ValueError, match="'parity' is not a constraint; expected one of demographic_parity"):
        hull(only[0], "parity")


def test_weights_count_a_row_as_often() -> None:
    score, target, group = people(((30, 50), (25, 40)), 7)
    times = np.random.default_rng(0).integers(0, 4, len(score))
    weighted = [threshold_curve(score[group == k], target[group == k], times[group == k]) for k in (0, 1)]
    again = np.repeat(np.arange(len(score)), times)
    repeated = ours(score[again], target[again], group[again])
    for constraint in CONSTRAINTS:
        one = chance(equal_rates(weighted, constraint), score, group)
        other = chance(equal_rates(repeated, constraint), score, group)
        weighted_right = np.average(np.where(target == 1, one, 1 - one), weights=times)
        assert weighted_right == pytest.approx(np.average(np.where(target == 1, other, 1 - other), weights=times))


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(np.float64, st.integers(3, 40), elements=st.integers(0, 12).map(float)),
    st.integers(0, 2**32 - 1),
)
def test_the_hull_is_the_upper_part_of_qhulls(y, seed) -> None:
    x = np.sort(np.random.default_rng(seed).integers(0, 20, len(y)).astype(float))
    corners = upper_hull(x, y)
    if len(np.unique(x)) < 2 or len(np.unique(y)) < 2 or np.linalg.matrix_rank(np.stack([x - x[0], y - y[0]])) < 2:
        return
    points = np.stack([x, y], axis=1)
    equations = ConvexHull(points).equations  # a x + b y + c <= 0 inside; upper facets have b > 0
    top = np.min([-(e[0] * x + e[2]) / e[1] for e in equations if e[1] > 1e-9], axis=0)
    np.testing.assert_allclose(np.interp(x, x[corners], y[corners]), top, atol=1e-9)
    assert (np.diff(x[corners]) > 0).all()


def test_the_frontier_is_fairlearns_with_a_tolerance() -> None:
    score, target, group = people(ON_THE_GRID["demographic_parity"], 3)
    hulls = [hull(one, "demographic_parity") for one in ours(score, target, group)]
    for tolerance, rules in zip((0.0, 0.05, 0.2), group_frontier(hulls, (0.0, 0.05, 0.2)), strict=True):
        expected = theirs("demographic_parity", score, target, group, tol=tolerance or None)
        expected = expected._pmf_predict(score[:, None], sensitive_features=group)[:, 1]
        found = chance(rules, score, group)
        assert right(found, target) == pytest.approx(right(expected, target), abs=1e-9)
        rates = [found[group == k].mean() for k in range(3)]
        assert np.ptp(rates) <= tolerance + 1e-12


def test_the_frontier_of_one_threshold_is_that_of_trying_them_all() -> None:
    score, target, group = people(((30, 60), (25, 55)), 4)
    groups = ours(score, target, group)
    for rate, rows in (("demographic_parity", target >= 0), ("equal_opportunity", target == 1)):
        for tolerance, found in zip((0.0, 0.1, 1.0), single_frontier(groups, rate, (0.0, 0.1, 1.0)), strict=True):
            best = 0
            for threshold in [-1.0, *score]:
                decided = score > threshold
                rates = [decided[rows & (group == k)].mean() for k in (0, 1)]
                if abs(rates[0] - rates[1]) <= tolerance + 1e-12:
                    best = max(best, int(np.sum(decided == (target == 1))))
            assert np.sum((score > found) == (target == 1)) == best


def test_more_tolerance_is_never_worse_and_the_whole_is_the_best_of_each() -> None:
    score, target, group = people(((61, 173), (43, 87)), 9)
    hulls = [hull(one, "demographic_parity") for one in ours(score, target, group)]
    reached = [right(chance(rules, score, group), target) for rules in group_frontier(hulls, np.linspace(0, 1, 21))]
    assert (np.diff(reached) >= -1e-12).all()
    assert reached[-1] == pytest.approx(sum(one.y.max() for one in hulls) / len(score))
