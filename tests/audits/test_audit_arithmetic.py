"""Properties of the arithmetic in the audits' pure modules, for any counts and losses."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse.statistics import GAPS, count, gap, gap_interval
from glasshouse_audits.explain.completeness import completeness_errors
from glasshouse_audits.explain.features.shap_comparison import CoalitionGame, shapley_values
from glasshouse_audits.privacy.permutation_null import auc_under_permutation
from glasshouse_audits.privacy.threshold_attack import Rows, at_low_false_positive_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import roc_auc_score

FEW = settings(max_examples=60, deadline=None)
LOSSES = st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.5, 1.0, 3.0]), min_size=1, max_size=40).map(np.array)


class Column:
    def __init__(self, codes: np.ndarray) -> None:
        self.name, self.levels, self.codes = "group", ("a", "b", "c"), codes


@FEW
@given(rows=st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60))
@pytest.mark.parametrize("name", ["demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_ratio"])
def test_the_interval_of_a_gap_holds_the_gap_and_stays_within_0_and_1(name: str, rows: list) -> None:
    group, target, predicted = np.array(rows).T
    table = count([Column(group)], target, predicted, classes=("no", "yes"))
    found, interval = gap(table, name), gap_interval(table, name, positive=1)
    assert name in GAPS
    if found.value is not None:
        assert 0 <= interval.low <= found.value + 1e-12
        assert found.value - 1e-12 <= interval.high <= 1


@FEW
@given(members=LOSSES, others=LOSSES)
def test_the_attacks_area_is_scikit_learns_with_a_p_value(members: np.ndarray, others: np.ndarray) -> None:
    found = auc_under_permutation(members, others, rng=np.random.default_rng(0), permutations=99)
    labels = np.repeat([1, 0], [len(members), len(others)])
    assert found.observed == pytest.approx(roc_auc_score(labels, -np.concatenate([members, others])))
    assert 1 / 100 <= found.p_value <= 1


@FEW
@given(members=LOSSES, others=st.lists(st.floats(0, 10), min_size=10, max_size=60).map(np.array))
def test_a_threshold_keeps_its_promise_on_the_rows_that_chose_it(members: np.ndarray, others: np.ndarray) -> None:
    rows = Rows(members, others)
    point = at_low_false_positive_rate(rows, rows, 0.1)
    assert point.false_positive_rate.value <= 0.1


@FEW
@given(
    x=arrays.arrays(np.float32, (3, 4), elements=st.integers(-32, 32).map(lambda eighths: eighths / 8)),
    background=arrays.arrays(np.float32, (2, 4), elements=st.sampled_from([np.float32(0), np.float32(1)])),
)
def test_shapley_values_add_up_and_a_feature_without_effect_gets_nothing(x: np.ndarray, background: np.ndarray) -> None:
    """Efficiency and the dummy player (Shapley 1953); 0 and 1 are exchangeable, so equal ones share equally."""

    def score(rows: np.ndarray) -> np.ndarray:
        rows = rows.astype(np.float64)
        return (rows[:, 0] * rows[:, 1] + np.sin(rows[:, 2]))[:, None]  # column 3 has no effect

    background[:, 1] = background[:, 0]
    x[:, 1] = x[:, 0]
    found = shapley_values(CoalitionGame(score, x, background, np.arange(4)), permutations=1, seed=0)
    values = found.values[:, :, 0]
    change = score(x)[:, 0] - score(background).mean()
    np.testing.assert_allclose(values.sum(axis=1), change, atol=1e-9)
    np.testing.assert_allclose(values[:, 3], 0, atol=1e-12)
    np.testing.assert_allclose(values[:, 0], values[:, 1], atol=1e-9)
    errors = completeness_errors(values, change)
    assert errors is None or errors.max() < 1e-6
