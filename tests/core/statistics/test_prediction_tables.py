"""Tables of predictions: what they hold for each kind of target, margins and merging."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse.data.data_info import Target
from glasshouse.evidence.predictions import Groups, Predictions
from glasshouse.statistics import CERTIFICATE, PredictionTables, count, roc_auc, tabulate


def predictions(
    target: Target, scores: np.ndarray, targets: np.ndarray | None, rows: slice = slice(None)
) -> Predictions:
    n = len(scores)
    rng = np.random.default_rng(5)
    groups = {
        name: Groups(name=name, levels=levels, codes=rng.integers(-1, len(levels), n).astype(np.int32)[rows])
        for name, levels in {"sex": ("F", "M"), "region": ("n", "s", "w")}.items()
    }
    return Predictions(
        split="test",
        target=target,
        index=np.arange(n)[rows],
        scores=scores[rows].astype(np.float32),
        targets=None if targets is None else targets[rows],
        losses=None,
        groups=groups,
    )


def binary(rows: slice = slice(None)) -> Predictions:
    rng = np.random.default_rng(0)
    p = rng.random(600)
    target = Target(name="y", kind="binary", classes=("no", "yes"), favourable="no")
    return predictions(target, np.stack([1 - p, p], axis=1), (rng.random(600) < p).astype(np.int64), rows)


def test_a_binary_target_has_counts_and_the_favourable_class_scores() -> None:
    rows = binary()
    tables = tabulate(rows)
    assert (len(tables), tables.positive, list(tables.scores)) == (600, 0, ["no"])
    for names in (["sex"], ["region", "sex"], []):
        expected = count([rows.groups[n] for n in names], rows.targets, rows.predicted, classes=("no", "yes"))
        found = tables.over(names)
        assert found.counts is not None
        np.testing.assert_array_equal(found.counts.cells, expected.cells)
        assert found.counts.groups == expected.groups == found.scores["no"].groups
    area = tables.overall().scores["no"].roc_auc()[0].value
    assert area == pytest.approx(roc_auc(rows.targets == 0, rows.scores[:, 0]).value, abs=CERTIFICATE)


def test_parts_make_the_whole() -> None:
    whole, merged = tabulate(binary()), tabulate(binary(slice(0, 100))) + tabulate(binary(slice(100, None)))
    assert whole.counts is not None
    assert merged.counts is not None
    np.testing.assert_array_equal(whole.counts.cells, merged.counts.cells)
    assert whole.scores["no"].roc_auc() == merged.scores["no"].roc_auc()
    assert merged.left_out == {}


def test_scores_within_a_bin_are_kept_apart() -> None:
    rng = np.random.default_rng(0)
    p = np.float32(0.3) + rng.integers(0, 40, 2_000) * np.float32(3e-8)
    y = (rng.random(2_000) < 0.5).astype(np.int64)
    tables = tabulate(predictions(Target(name="y", kind="binary", classes=("no", "yes")), np.stack([1 - p, p], 1), y))
    assert tables.scores["yes"].exact
    assert tables.overall().scores["yes"].roc_auc_error()[0] == 0


def test_multiclass_has_a_histogram_for_each_class() -> None:
    rng = np.random.default_rng(0)
    scores = rng.dirichlet([1, 1, 1], 300)
    rows = predictions(Target(name="y", kind="multiclass", classes=("a", "b", "c")), scores, rng.integers(0, 3, 300))
    tables = tabulate(rows)
    assert (list(tables.scores), tables.positive) == (["a", "b", "c"], None)
    for k, histogram in enumerate(tables.overall().scores.values()):
        expected = roc_auc(rows.targets == k, rows.scores[:, k]).value
        assert histogram.roc_auc()[0].value == pytest.approx(expected, abs=CERTIFICATE)


def test_multilabel_has_a_table_for_each_label() -> None:
    rng = np.random.default_rng(0)
    scores, truth = rng.random((200, 2)), rng.integers(0, 2, (200, 2))
    tables = tabulate(predictions(Target(name="y", kind="multilabel", classes=("x", "z")), scores, truth))
    assert tables.counts is None
    cells = tables.overall().labels["z"].cells[0]
    assert cells[1, 1] == np.sum((truth[:, 1] == 1) & (scores[:, 1].astype(np.float32) >= 0.5))


def test_regression_has_sums_values_and_errors() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(5, 2, 400)
    tables = tabulate(predictions(Target(name="y", kind="regression"), y[:, None] + 0.5, y)).overall()
    assert tables.counts is None
    assert tables.sums is not None
    assert tables.errors is not None
    assert tables.values is not None
    assert tables.sums.mean_error()[0].value == pytest.approx(0.5, abs=1e-6)
    np.testing.assert_allclose(tables.errors.quantiles([0.1, 0.9])[0], 0.5, atol=1e-6)


def test_without_targets_selection_is_known() -> None:
    p = np.linspace(0, 1, 50)
    tables = tabulate(
        predictions(Target(name="y", kind="binary", classes=("no", "yes")), np.stack([1 - p, p], 1), None)
    )
    assert not tables.has_targets
    assert tables.scores["yes"].mean()[0].value is not None


def test_unlike_tables_do_not_merge() -> None:
    first: PredictionTables = tabulate(binary())
    with pytest.raises(ValueError, match="merge"):
        first + tabulate(binary(), ["sex"])
