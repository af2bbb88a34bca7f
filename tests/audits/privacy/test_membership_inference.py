"""The loss-threshold attack: against scikit-learn, SciPy and enumeration, and on worlds of known leakage."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from glasshouse import UserError
from glasshouse_audits.privacy.audit import MembershipInferenceAudit
from glasshouse_audits.privacy.permutation_null import auc_under_permutation
from glasshouse_audits.privacy.threshold_attack import (
    Rows,
    at_low_false_positive_rate,
    split_in_half,
    yeom_advantage,
)
from scipy.stats import binomtest, mannwhitneyu
from sklearn.metrics import roc_auc_score


@pytest.fixture
def attacked(make_predictions, make_evidence, binary_target):
    """Evidence about given losses of members and others."""

    def build(members, others, seed: int = 0):
        splits = [
            make_predictions(
                binary_target, np.full(len(losses), 0.5), np.zeros(len(losses)), split=split, losses=losses
            )
            for split, losses in (("train", members), ("test", others))
        ]
        return make_evidence(*splits, seed=seed)

    return build


def leaking(rng: np.random.Generator, members: int, others: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.exponential(0.5, members), rng.exponential(1.0, others)


def test_the_area_is_scikit_learns(attacked, find) -> None:
    members, others = leaking(np.random.default_rng(0), 300, 200)
    result = MembershipInferenceAudit().measure(attacked(members, others))
    measured = find(result).one("attack_roc_auc")
    labels = np.repeat([1, 0], [300, 200])
    scores = -np.concatenate([members, others]).astype(np.float32)
    assert measured.value == pytest.approx(roc_auc_score(labels, scores))
    assert measured.low < measured.value < measured.high
    assert measured.interval_method.startswith("delong")
    assert find(result).one("attack_p_value").value == 1 / 1000  # the smallest that 999 permutations can give
    assert [figure.kind for figure in result.figures] == ["line", "histogram"]
    curve = result.figures[0].data["series"][0]
    assert len(curve["x"]) <= 201
    assert (curve["x"][-1], curve["y"][-1]) == (1, 1)
    assert min(curve["x"]) == 1 / 200


def test_nothing_leaks_where_losses_are_alike(attacked, find) -> None:
    rng = np.random.default_rng(1)
    members, others = rng.exponential(1, 2000), rng.exponential(1, 2000)
    found = find(MembershipInferenceAudit().measure(attacked(members, others)))
    assert found.one("attack_p_value").value > 0.01
    advantage = found.one("attack_advantage")
    assert advantage.low < 0 < advantage.high
    rate = found.one("attack_true_positive_rate", parameters={"false_positive_rate": 0.01})
    assert rate.low < 0.01 < rate.high


def test_advantage_of_exponential_losses_has_a_closed_form(attacked, find) -> None:
    """Members' losses have mean 1/2, others' 1: at the threshold 1/2 the rates are 1 - 1/e and 1 - exp(-1/2)."""
    members, others = leaking(np.random.default_rng(2), 40_000, 40_000)
    measured = find(MembershipInferenceAudit().measure(attacked(members, others))).one("attack_advantage")
    expected = np.exp(-0.5) - np.exp(-1.0)
    assert measured.value == pytest.approx(expected, abs=0.015)  # 4 standard errors of sqrt(2 / 4 / 20,000)
    assert measured.low < expected < measured.high
    assert measured.n == 40_000


def test_advantage_by_hand() -> None:
    """Threshold: the mean of 1 and 3. Of the members tried 2 of 3 have at most 2, of the others 1 of 4."""
    chosen = Rows(np.array([1.0, 3.0]), np.array([9.0]))
    tried = Rows(np.array([0.5, 2.0, 4.0]), np.array([1.0, 3.0, 5.0, 7.0]))
    assert yeom_advantage(chosen, tried).value == pytest.approx(2 / 3 - 1 / 4)


def test_rates_at_a_low_false_positive_rate_by_hand() -> None:
    """Of 100 others with losses 1 to 100 one may be accused: the threshold is a loss of 1."""
    chosen = Rows(np.array([0.5]), np.arange(1.0, 101.0))
    tried = Rows(np.array([0.2, 0.9, 1.0, 1.1]), np.concatenate([[0.5, 0.6], np.full(98, 7.0)]))
    point = at_low_false_positive_rate(chosen, tried, 0.01)
    assert point.threshold == -1
    assert point.true_positive_rate.value == 3 / 4
    assert point.false_positive_rate.value == 2 / 100
    exact = binomtest(3, 4).proportion_ci(0.95, method="exact")
    assert (point.true_positive_rate.interval.low, point.true_positive_rate.interval.high) == pytest.approx(
        (exact.low, exact.high)
    )


def test_too_few_others_leave_the_low_rates_undefined(attacked, find) -> None:
    members, others = leaking(np.random.default_rng(3), 500, 300)
    found = find(MembershipInferenceAudit().measure(attacked(members, others)))
    assert found.one("attack_true_positive_rate", parameters={"false_positive_rate": 0.01}).value is not None
    rare = found.one("attack_true_positive_rate", parameters={"false_positive_rate": 0.001})
    assert rare.undefined == (
        "a false-positive rate of 0.001 requires at least 1000 non-members in each half; there are 150 and 150"
    )


def test_the_null_is_that_of_all_labellings() -> None:
    """Every way to choose 3 members of 7 rows, ties included, by enumeration."""
    losses = np.array([0.1, 0.2, 0.2, 0.7, 0.3, 0.2, 0.9])
    members, others = losses[:3], losses[3:]

    def area(chosen: tuple[int, ...]) -> float:
        return roc_auc_score(np.isin(np.arange(7), chosen), -losses)

    every = np.array([area(chosen) for chosen in combinations(range(7), 3)])
    found = auc_under_permutation(members, others, rng=np.random.default_rng(4), permutations=20_000)
    assert found.observed == pytest.approx(area((0, 1, 2)))
    exact = np.mean(every >= found.observed - 1e-12)
    assert found.p_value == pytest.approx(exact, abs=0.01)  # more than 4 standard errors of 20,000 draws
    assert set(np.round(found.null, 9)) == set(np.round(every, 9))


def test_the_p_value_is_mann_whitneys_for_many_rows() -> None:
    """Beyond the classes of equal rank, against SciPy's normal approximation with tie correction."""
    rng = np.random.default_rng(5)
    members, others = rng.exponential(0.96, 4000), rng.exponential(1.0, 3000)
    found = auc_under_permutation(members, others, rng=rng, permutations=5000)
    theirs = mannwhitneyu(-members, -others, alternative="greater", method="asymptotic")
    assert found.observed == pytest.approx(theirs.statistic / (4000 * 3000), abs=1e-5)
    assert found.p_value == pytest.approx(theirs.pvalue, abs=0.03)  # more than 4 standard errors of 5,000 draws


def test_halves_are_disjoint_and_blind_to_the_order_of_rows() -> None:
    rng = np.random.default_rng(6)
    rows = Rows(rng.random(11), rng.random(6))
    chosen, tried = split_in_half(rows, np.random.default_rng(0))
    assert (len(chosen.members), len(tried.members), len(chosen.others), len(tried.others)) == (5, 6, 3, 3)
    assert sorted(np.concatenate([chosen.members, tried.members])) == sorted(rows.members)
    again, _ = split_in_half(Rows(rows.members[::-1], rows.others[::-1]), np.random.default_rng(0))
    assert (again.members == chosen.members).all()


def test_the_order_of_rows_changes_nothing_and_the_seed_fixes_the_rest(attacked) -> None:
    members, others = leaking(np.random.default_rng(7), 200, 250)
    one = MembershipInferenceAudit().measure(attacked(members, others))
    assert one == MembershipInferenceAudit().measure(attacked(members[::-1], others[::-1]))
    assert one != MembershipInferenceAudit().measure(attacked(members, others, seed=1))


def test_degenerate_losses(attacked, find) -> None:
    """All alike: chance. One row each: no half to choose a threshold on. No others: nothing to compare."""
    alike = find(MembershipInferenceAudit().measure(attacked([0.5] * 10, [0.5] * 10)))
    assert alike.one("attack_roc_auc").value == 0.5
    assert alike.one("attack_p_value").value == 1
    assert alike.one("attack_advantage").value == 0
    single = find(MembershipInferenceAudit().measure(attacked([0.1], [0.2])))
    assert single.one("attack_roc_auc").value == 1
    assert single.one("attack_advantage").undefined == "a half has no members or no non-members"
    result = MembershipInferenceAudit().measure(attacked([0.1, 0.2], []))
    assert find(result).one("attack_roc_auc").undefined == "no rows with target 0"
    assert find(result).one("attack_p_value").undefined == "no members or no non-members"
    assert result.figures == []


def test_refusals(attacked) -> None:
    audit = MembershipInferenceAudit()
    with pytest.raises(UserError, match=r"expected finite losses; 1 of 2 rows of the train split have NaN"):
        audit.measure(attacked([np.nan, 1.0], [1.0]))
    whole = attacked([0.1], [0.2])
    with pytest.raises(UserError, match="the evaluated split is the training split"):
        audit.measure(replace(whole, evaluate_on="train"))
    blind = {**whole.predictions, "train": replace(whole.predictions["train"], losses=None)}
    with pytest.raises(UserError, match="the train split has no losses"):
        audit.measure(replace(whole, predictions=blind))
    with pytest.raises(UserError, match="permutations is 3; expected a whole number >= 99"):
        MembershipInferenceAudit(permutations=3)
