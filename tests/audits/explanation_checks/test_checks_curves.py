"""Deletion and insertion curves against closed forms, enumeration and a loop."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from glasshouse_audits.explain.checks.curves import area, descending, replacement_curves
from glasshouse_audits.explain.checks.replacement import FeatureReplacement
from sklearn.metrics import auc

WEIGHTS = [2.0, 1.0, -1.0, 0.5, -3.0]


def test_a_linear_model_has_its_curves_in_closed_form(linear, make_question, mixed_rows) -> None:
    """Score minus the sum of w (x - mean of the background) of the features deleted so far."""
    rows, background = mixed_rows(30, 0), mixed_rows(8, 1)
    question = make_question(linear(WEIGHTS), rows, background)
    columns = (rows.numpy() - background.numpy().mean(axis=0)) * WEIGHTS
    values = question.by_feature(columns[:, :, None].astype(float))[:, :, 0]
    found = replacement_curves(FeatureReplacement.of(question), orders=2, draws=8).curves(values, 0)

    full = rows.numpy() @ np.array(WEIGHTS)
    largest_first = -np.sort(-values, axis=1)
    deleted = np.column_stack([np.zeros(30), np.cumsum(largest_first, axis=1)])
    np.testing.assert_allclose(found.share, [0, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(found.deletion, full[:, None] - deleted, atol=1e-5)
    nothing = full - values.sum(axis=1)
    np.testing.assert_allclose(found.insertion, nothing[:, None] + deleted, atol=1e-5)
    assert np.all(found.deletion_gain >= -1e-6)
    assert np.all(found.insertion_gain >= -1e-6)
    # an order and its reverse: half of start and end, whatever the order, where the model is additive
    np.testing.assert_allclose(found.random_area.mean(axis=1), (full + nothing) / 2, atol=1e-5)


def test_the_worst_order_is_the_best_one_reversed(linear, make_question, mixed_rows) -> None:
    rows, background = mixed_rows(10, 2), mixed_rows(4, 3)
    question = make_question(linear(WEIGHTS), rows, background)
    columns = (rows.numpy() - background.numpy().mean(axis=0)) * WEIGHTS
    values = question.by_feature(columns[:, :, None].astype(float))[:, :, 0]
    walked = replacement_curves(FeatureReplacement.of(question), orders=2, draws=4)
    best, worst = walked.curves(values, 0), walked.curves(-values, 0)
    np.testing.assert_allclose(best.deletion_area, worst.insertion_area, atol=1e-6)
    np.testing.assert_allclose(best.deletion_gain, -worst.deletion_gain, atol=1e-5)


def test_a_network_against_a_loop_over_rows_steps_and_background(network, make_question, mixed_rows) -> None:
    rows, background = mixed_rows(4, 4), mixed_rows(5, 5)
    question = make_question(network, rows, background)
    values = np.random.default_rng(0).normal(size=(4, 3))
    found = replacement_curves(FeatureReplacement.of(question), orders=2, draws=5).curves(values, 0)
    for i, row in enumerate(rows):
        order = np.argsort(-values[i])
        for deleted in range(4):
            gone = torch.as_tensor(np.isin(question.owner, order[:deleted]))  # or, by insertion, there
            without = torch.stack([torch.where(gone, z, row) for z in background])
            only = torch.stack([torch.where(gone, row, z) for z in background])
            with torch.no_grad():
                deletion, insertion = float(network(without).mean()), float(network(only).mean())
            assert found.deletion[i, deleted] == pytest.approx(deletion, abs=1e-5)
            assert found.insertion[i, deleted] == pytest.approx(insertion, abs=1e-5)


def test_random_orders_have_the_mean_of_all_orders(network, make_question, mixed_rows) -> None:
    """Enumeration: the mean area over the six orders of three features, within four standard errors."""
    rows, background = mixed_rows(6, 6), mixed_rows(3, 7)
    walked = replacement_curves(FeatureReplacement.of(make_question(network, rows, background)), orders=400, draws=3)
    every = [area(walked.share, walked.along(np.tile(order, (6, 1)))[:, :, 0]) for order in permutations(range(3))]
    pairs = area(walked.share, walked.random[..., 0]).reshape(6, 2, 200).mean(axis=1)
    error = pairs.std(axis=1, ddof=1) / np.sqrt(200)
    assert np.all(np.abs(pairs.mean(axis=1) - np.mean(every, axis=0)) <= 4 * error + 1e-6)


def test_areas_are_those_of_scikit_learn() -> None:
    share, curve = np.linspace(0, 1, 6), np.random.default_rng(1).normal(size=(3, 6))
    np.testing.assert_allclose(area(share, curve), [auc(share, one) for one in curve])


def test_columns_of_a_feature_move_together(make_question, mixed_rows) -> None:
    """The model sees nothing but categories with other than one column set."""

    class Broken(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x[:, 1:4].sum(dim=1) != 1).float()

    question = make_question(Broken(), mixed_rows(20, 8), mixed_rows(10, 9))
    walked = replacement_curves(FeatureReplacement.of(question), orders=4, draws=5)
    assert not walked.random.any()


@pytest.mark.parametrize("max_batch", [1, 7, 64])
def test_neither_batches_nor_the_order_of_rows_change_anything(
    network, make_question, mixed_rows, max_batch: int
) -> None:
    rows, background = mixed_rows(20, 10), mixed_rows(30, 11)
    values = np.random.default_rng(2).normal(size=(20, 3)).round(1)
    shuffled = np.random.default_rng(3).permutation(20)
    draws = min(4, max_batch)
    first = replacement_curves(FeatureReplacement.of(make_question(network, rows, background)), draws=draws).curves(
        values, 0
    )
    question = make_question(network, rows[shuffled], background, max_batch=max_batch)
    second = replacement_curves(FeatureReplacement.of(question), draws=draws).curves(values[shuffled], 0)
    for name in ("deletion", "insertion", "random"):
        np.testing.assert_allclose(getattr(second, name), getattr(first, name)[shuffled], atol=1e-6)


def test_no_more_than_max_batch_inputs_are_scored_at_once(network, make_question, mixed_rows) -> None:
    seen = []
    network.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    question = make_question(network, mixed_rows(20, 12), mixed_rows(30, 13), max_batch=33)
    replacement_curves(FeatureReplacement.of(question), draws=10)
    assert max(seen) <= 33


def test_where_memory_runs_out_fewer_are_scored_at_once(network, make_question, mixed_rows) -> None:
    rows, background = mixed_rows(20, 16), mixed_rows(30, 17)
    plenty = replacement_curves(FeatureReplacement.of(make_question(network, rows, background)))

    def refuse(_: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        if len(inputs[0]) > 45:
            raise torch.OutOfMemoryError("no room")

    network.register_forward_pre_hook(refuse)
    scarce = replacement_curves(FeatureReplacement.of(make_question(network, rows, background)))
    np.testing.assert_allclose(scarce.random, plenty.random, atol=1e-6)


def test_a_constant_model_gains_nothing_and_beats_half(linear, make_question, mixed_rows) -> None:
    question = make_question(linear([0.0] * 5), mixed_rows(5, 14), mixed_rows(5, 15))
    found = replacement_curves(FeatureReplacement.of(question)).curves(np.zeros((5, 3)), 0)
    for name in ("deletion_area", "insertion_area", "deletion_gain", "insertion_gain"):
        assert not getattr(found, name).any(), name
    np.testing.assert_array_equal(found.deletion_beats, 0.5)
    np.testing.assert_array_equal(found.insertion_beats, 0.5)


def test_one_feature_and_one_row(linear, make_question) -> None:
    """Two points: the score and the background's mean; every order is the same."""
    question = make_question(linear([2.0]), torch.tensor([[3.0]]), torch.tensor([[0.0], [1.0]]), widths={"age": 1})
    found = replacement_curves(FeatureReplacement.of(question)).curves(np.array([[5.0]]), 0)
    np.testing.assert_allclose(found.deletion, [[6.0, 1.0]])
    np.testing.assert_allclose(found.insertion, [[1.0, 6.0]])
    np.testing.assert_allclose(found.deletion_gain, 0, atol=1e-12)
    np.testing.assert_array_equal(found.deletion_beats, 0.5)


def test_many_features_are_replaced_several_at_a_time(linear, make_question) -> None:
    d = 100
    rows = torch.as_tensor(np.random.default_rng(4).normal(size=(3, d)), dtype=torch.float32)
    question = make_question(linear([1.0] * d), rows, torch.zeros(1, d), widths={f"f{i}": 1 for i in range(d)})
    found = replacement_curves(FeatureReplacement.of(question), orders=2).curves(rows.double().numpy(), 0)
    assert len(found.share) == 33
    counts = np.rint(found.share * d).astype(int)
    expected = rows.double().sum(dim=1).numpy()[:, None] - np.column_stack(
        [-np.sort(-rows.double().numpy(), axis=1)[:, :c].sum(axis=1) for c in counts]
    )
    np.testing.assert_allclose(found.deletion, expected, atol=1e-4)


def test_images_are_replaced_number_by_number(make_question) -> None:
    """Without an owner every number of an input of shape (1, 2, 2) is a feature."""

    class Total(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert x.shape[1:] == (1, 2, 2)
            return x.flatten(1).sum(dim=1)

    images = torch.arange(8.0).reshape(2, 1, 2, 2)
    question = make_question(Total(), images, torch.zeros(1, 1, 2, 2), owner=None)
    found = replacement_curves(FeatureReplacement.of(question)).curves(images.flatten(1).double().numpy(), 0)
    np.testing.assert_allclose(found.deletion, [[6, 3, 1, 0, 0], [22, 15, 9, 4, 0]], atol=1e-6)


def test_equal_attributions_are_taken_in_random_order() -> None:
    rows = np.random.default_rng(5).normal(size=(3000, 2)).astype(np.float32)
    values = np.tile([1.0, 0.0, 1.0, 0.0], (3000, 1))
    order = descending(values, rows, seed=0)
    assert set(map(frozenset, order[:, :2].tolist())) == {frozenset({0, 2})}
    assert np.mean(order[:, 0] == 0) == pytest.approx(0.5, abs=0.04)


def test_orders_come_in_pairs(linear, make_question, mixed_rows) -> None:
    replacement = FeatureReplacement.of(make_question(linear([1.0] * 5), mixed_rows(2, 0), mixed_rows(2, 1)))
    with pytest.raises(ValueError, match="random orders come in pairs, got 3"):
        replacement_curves(replacement, orders=3)
