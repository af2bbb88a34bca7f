"""Score histograms against scikit-learn, the functions over rows, hand-worked bins and the promises of merging."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pytest
from glasshouse.statistics import ScoreHistogram, brier_score, mean, reliability_curve, roc_auc, score_histogram
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score


@dataclass(frozen=True)
class Column:
    name: str
    levels: tuple[str, ...]
    codes: np.ndarray


def people(rows: int, *, seed: int = 0, shift: float = 0.0) -> tuple[Column, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(-(rng.normal(size=rows) * 1.5 + shift)))
    targets = (rng.random(rows) < scores).astype(int)
    return Column("g", ("a", "b"), rng.integers(-1, 2, rows)), targets, scores, rng.random(rows)


def assert_same(first: ScoreHistogram, second: ScoreHistogram) -> None:
    assert first.attributes == second.attributes
    np.testing.assert_array_equal(first.codes, second.codes)
    for field in fields(first.occupied):
        one, other = getattr(first.occupied, field.name), getattr(second.occupied, field.name)
        if one is None:
            assert other is None
        elif field.name in ("totals", "weights", "squares"):
            np.testing.assert_allclose(one, other, rtol=1e-12)
        else:
            np.testing.assert_array_equal(one, other)


def test_worked_by_hand() -> None:
    # Positives .8, .6; negatives .6, .2. Pairs: .8 > .6, .8 > .2, .6 = .6 (half), .6 > .2: 3.5 of 4.
    histogram = score_histogram((), [1, 1, 0, 0], [0.8, 0.6, 0.6, 0.2], exact=True)
    assert histogram.roc_auc()[0].value == 3.5 / 4
    assert histogram.roc_auc_error()[0] == 0
    binned = score_histogram((), [1, 1, 0, 0], [0.8, 0.6, 0.6, 0.2])
    assert binned.roc_auc()[0].value == 3.5 / 4
    assert binned.roc_auc_error()[0] == 0.5 / 4  # a bin does not tell the tie from a pair in order
    curve = histogram.reliability(bins=5)[0]
    assert curve.counts.tolist() == [1, 0, 2, 1, 0]  # .6 and .8 belong to the bins that they end
    assert curve.observed[[0, 2, 3]].tolist() == [0, 0.5, 1]
    assert histogram.mean()[0].value == pytest.approx(0.55)
    assert histogram.quantiles([0.25, 0.5, 1])[0].tolist() == [0.2, 0.6, 0.8]
    assert histogram.share_above(0.5)[0] == 0.75
    assert histogram.distribution([0, 0.5, 1])[0].tolist() == [[1, 1], [0, 2]]


@pytest.mark.parametrize("shift", [0.0, -6.0])
def test_scikit_learn_agrees_by_group(shift: float) -> None:
    group, targets, scores, _ = people(20_000, shift=shift)
    histogram = score_histogram([group], targets, scores)
    areas, errors = histogram.roc_auc(), histogram.roc_auc_error()
    assert errors.max() < 1e-4
    for k, code in enumerate((0, 1, -1)):
        rows = group.codes == code
        y, p = targets[rows], scores[rows]
        assert areas[k].value == pytest.approx(roc_auc_score(y, p), abs=errors[k] + 1e-12)
        assert histogram.brier_score()[k].value == pytest.approx(brier_score_loss(y, p), abs=4e-9)
        assert histogram.log_loss()[k].value == pytest.approx(log_loss(y, p), abs=1e-7)


def test_intervals_are_those_of_the_rows() -> None:
    group, targets, scores, _ = people(5_000)
    exact = score_histogram([group], targets, scores, exact=True)
    for k, code in enumerate((0, 1, -1)):
        rows = group.codes == code
        for found, expected in (
            (exact.roc_auc()[k], roc_auc(targets[rows], scores[rows])),
            (exact.brier_score()[k], brier_score(targets[rows], scores[rows])),
            (exact.mean()[k], mean(scores[rows])),
        ):
            assert found.value == pytest.approx(expected.value, rel=1e-9)
            assert found.n == expected.n
            assert found.interval is not None
            assert expected.interval is not None
            assert (found.interval.low, found.interval.high) == pytest.approx(
                (expected.interval.low, expected.interval.high), rel=1e-9
            )
            assert found.interval.method == expected.interval.method


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("bins", [5, 10, 20])
def test_reliability_is_exactly_that_of_the_rows(bins: int, weighted: bool) -> None:
    group, targets, scores, weights = people(3_000)
    scores = np.round(scores, 2)  # many scores lie on the edges
    w = weights if weighted else None
    histogram = score_histogram([group], targets, scores, weights=w)
    for k, code in enumerate((0, 1, -1)):
        rows = group.codes == code
        expected = reliability_curve(targets[rows], scores[rows], bins=bins, weights=None if w is None else w[rows])
        found = histogram.reliability(bins=bins)[k]
        np.testing.assert_array_equal(found.edges, expected.edges)
        np.testing.assert_array_equal(found.counts, expected.counts)
        for name in ("weights", "predicted", "observed"):
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-9)
        np.testing.assert_allclose(found.intervals.low, expected.intervals.low, rtol=1e-9, atol=1e-12)
        assert found.intervals.method == expected.intervals.method


def test_weights_count_rows_several_times() -> None:
    group, targets, scores, _ = people(2_000)
    times = np.random.default_rng(1).integers(0, 4, len(scores))
    repeated = Column("g", group.levels, np.repeat(group.codes, times))
    weighted = score_histogram([group], targets, scores, weights=times)
    counted = score_histogram([repeated], np.repeat(targets, times), np.repeat(scores, times))
    for name in ("roc_auc", "brier_score", "log_loss", "mean"):
        for one, other in zip(getattr(weighted, name)(), getattr(counted, name)(), strict=True):
            assert one.value == pytest.approx(other.value, rel=1e-9, abs=1e-9)
    y, p, w = targets, scores, times
    everyone = weighted.overall().roc_auc()[0]
    assert everyone.value == pytest.approx(roc_auc_score(y, p, sample_weight=w), abs=1e-4)
    assert everyone.interval is not None
    assert everyone.interval.method == "delong_score_weighted"


@given(
    scores=hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1, allow_subnormal=False)),
    seed=st.integers(0, 99),
    weighted=st.booleans(),
)
def test_parts_in_any_order_make_the_whole(scores: np.ndarray, seed: int, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    n = len(scores)
    targets, codes, weights = rng.integers(0, 2, n), rng.integers(-1, 2, n), rng.random(n) if weighted else None

    def of(rows: np.ndarray) -> ScoreHistogram:
        w = None if weights is None else weights[rows]
        return score_histogram([Column("g", ("a", "b"), codes[rows])], targets[rows], scores[rows], weights=w)

    order = rng.permutation(n)
    cut = rng.integers(0, n + 1)
    assert_same(of(np.arange(n)), of(order[:cut]) + of(order[cut:]))


@given(
    scores=hnp.arrays(
        np.float64,
        st.integers(2, 80),
        elements=st.one_of(
            st.floats(0, 1, allow_subnormal=False), st.floats(0.5, 0.5002), st.sampled_from([0.0, 0.1, 0.5, 1.0])
        ),
    ),
    seed=st.integers(0, 99),
)
def test_the_certificate_holds(scores: np.ndarray, seed: int) -> None:
    targets = np.random.default_rng(seed).integers(0, 2, len(scores))
    targets[:2] = 0, 1
    histogram = score_histogram((), targets, scores)
    error = abs(histogram.roc_auc()[0].value - roc_auc_score(targets, scores))
    assert error <= histogram.roc_auc_error()[0] + 1e-12
    exact = score_histogram((), targets, scores, exact=True)
    assert exact.roc_auc_error()[0] == 0
    assert exact.roc_auc()[0].value == pytest.approx(roc_auc_score(targets, scores), abs=1e-12)


def test_crowded_scores_are_uncertain_unless_exact() -> None:
    rng = np.random.default_rng(0)
    scores = 0.3 + rng.random(5_000) * 1e-5  # all within a bin
    targets = (rng.random(5_000) < (scores - 0.3) * 1e5).astype(int)
    assert score_histogram((), targets, scores).roc_auc_error()[0] > 0.1
    exact = score_histogram((), targets, scores, exact=True)
    assert exact.roc_auc()[0].value == pytest.approx(roc_auc_score(targets, scores), abs=1e-12)


def test_any_numbers() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 1e3, 2_000), [-1e12, 0.0, -0.0, 1e-300]])
    histogram = score_histogram((), None, values, scale="value")
    wanted = np.quantile(values, [0.1, 0.5, 0.9], method="inverted_cdf")
    np.testing.assert_allclose(histogram.quantiles([0.1, 0.5, 0.9])[0], wanted, rtol=1e-3)
    assert histogram.mean()[0].value == pytest.approx(values.mean(), rel=1e-9)


def test_margins_keep_groups_without_rows() -> None:
    group, targets, scores, _ = people(500)
    other = Column("h", ("u", "v", "nobody"), np.arange(500) % 2)
    both = score_histogram([group, other], targets, scores)
    assert_same(both.marginal(["h"]), score_histogram([other], targets, scores))
    nobody = both.marginal(["h"]).roc_auc()[2]
    assert (nobody.value, nobody.n, nobody.undefined) == (None, 0, "no rows with target 1")
    assert both.marginal(["h"]).brier_score()[2].undefined == "no rows"
    assert np.isnan(both.marginal(["h"]).quantiles([0.5])[2, 0])


def test_undefined_is_not_zero() -> None:
    ones = score_histogram((), [1, 1], [0.2, 0.9])
    assert ones.roc_auc()[0].undefined == "no rows with target 0"
    assert np.isnan(ones.roc_auc_error()[0])
    single = score_histogram((), [1, 0, 0], [0.9, 0.1, 0.2]).roc_auc()[0]
    assert single.value == 1
    assert single.interval is not None
    assert single.interval.undefined == "fewer than 5 rows of a class show no spread"


@pytest.mark.parametrize(
    ("targets", "scores", "message"),
    [
        ([0, 1], [0.1, 1.2], r"probabilities lie in \[0, 1\], got 0.1 to 1.2"),
        ([0, 2], [0.1, 0.2], "targets of a score histogram are 0 and 1"),
        ([0, 1], [0.1, np.nan], "got NaN or infinity"),
        ([0], [0.1, 0.2], "all columns have one length"),
    ],
)
def test_misfits_are_refused(targets: list[int], scores: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score_histogram((), targets, scores)


def test_only_like_histograms_merge() -> None:
    group, targets, scores, _ = people(10)
    with pytest.raises(ValueError, match="merge"):
        score_histogram([group], targets, scores) + score_histogram([group], None, scores)
