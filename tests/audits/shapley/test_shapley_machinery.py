"""Modes, memory, precision and refusals."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch
from glasshouse import UserError
from glasshouse_audits.explain.shapley import shapley_values
from torch import nn


def test_a_model_in_training_mode_is_asked_in_evaluation_mode_and_given_back(make_network, draw) -> None:
    net = nn.Sequential(make_network(5), nn.Dropout(0.5), nn.BatchNorm1d(1)).train()
    net[0].eval()
    statistics = net[2].running_mean.clone()
    rows, background = draw(3, 5, seed=1), draw(4, 5, seed=2)
    found = shapley_values(net, rows, background)
    assert [net.training, net[0].training, net[1].training, net[2].training] == [True, False, True, True]
    assert torch.equal(net[2].running_mean, statistics)
    np.testing.assert_allclose(found.values, shapley_values(net.eval(), rows, background).values)


def test_modes_come_back_after_a_failure(make_network) -> None:
    net = make_network(5).train()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        shapley_values(net, torch.zeros(1, 4), torch.ones(1, 4))
    assert net.training


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_no_graph_is_kept(precision, make_network, draw) -> None:
    """A model that turns gradients on for itself: each output and its graph are gone before the next call."""
    net = make_network(12)
    outputs: list[weakref.ref[torch.Tensor]] = []

    def model(x):
        gc.collect()
        assert [output() for output in outputs if output() is not None] == []
        with torch.enable_grad():
            output = net(x).to(precision)
        assert output.requires_grad
        outputs.append(weakref.ref(output))
        return output

    shapley_values(model, draw(4, 12, seed=1), draw(5, 12, seed=2), budget=5000)
    assert len(outputs) > 4
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("method", ["exact", "kernel", "permutation"])
def test_the_batch_is_halved_until_it_fits(method, make_network, draw) -> None:
    net, rows, background = make_network(8), draw(50, 8, seed=1), draw(6, 8, seed=2)
    calls, refused = [], []

    def model(x):
        if len(x) > 37:
            refused.append(len(x))
            raise torch.cuda.OutOfMemoryError("simulated")
        calls.append(len(x))
        return net(x)

    found = shapley_values(model, rows, background, method=method, budget=2000)
    expected = shapley_values(net, rows, background, method=method, budget=2000)
    np.testing.assert_allclose(found.values, expected.values, atol=1e-6)
    assert found.evaluations == expected.evaluations == sum(calls)
    # Halving, not a search by small steps; and what once was too much is not tried again.
    assert len(refused) <= 12
    assert refused == sorted(refused, reverse=True)


def test_memory_that_never_suffices_is_an_error(draw) -> None:
    def model(x):
        raise torch.cuda.OutOfMemoryError("simulated")

    with pytest.raises(torch.cuda.OutOfMemoryError, match="batch of one input"):
        shapley_values(model, draw(3, 4), draw(2, 4))


def test_no_call_holds_rows_times_samples_times_background(make_network, draw) -> None:
    net, rows, background = make_network(20), draw(100, 20, seed=1), draw(50, 20, seed=2)
    calls = []

    def model(x):
        calls.append(len(x))
        return net(x)

    shapley_values(model, rows, background, budget=7000, tolerance=0)
    assert max(calls) <= 4096


def test_bfloat16_is_near_and_still_adds_up(make_network, draw) -> None:
    net, rows, background = make_network(8), draw(6, 8, seed=1), draw(5, 8, seed=2)
    full, half = (shapley_values(net, rows, background, dtype=dtype) for dtype in (None, torch.bfloat16))
    assert 0 < np.linalg.norm(half.values - full.values) / np.linalg.norm(full.values) < 0.02
    with torch.no_grad():
        scores = net(rows).double().numpy()
    np.testing.assert_allclose(half.base + half.values.sum(axis=1), scores, rtol=1e-5)


def test_arrays_and_vectors_of_outputs_are_welcome(draw) -> None:
    found = shapley_values(lambda x: x[:, 0] * x[:, 1], np.array([[1, 2]]), [[0, 1], [3, 4]])
    assert found.values.shape == (1, 2, 1)
    assert found.values.dtype == np.float64
    # By hand: against (0, 1) the values are 1.5 and 0.5; against (3, 4) they are -6 and -4.
    np.testing.assert_allclose(found.values[0, :, 0], [-2.25, -1.75])
    assert found.base.tolist() == [6.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": [[float("nan"), 0.0]]}, "expected finite inputs; rows has NaN or infinite values"),
        ({"background": [[float("inf"), 0.0]]}, "expected finite inputs; background has NaN"),
        ({"rows": [0.0, 1.0]}, r"received rows of shape \(2,\)"),
        ({"background": [[0.0]]}, r"received background of shape \(1, 1\)"),
        ({"background": np.zeros((0, 2))}, r"received background of shape \(0, 2\)"),
        ({"owner": [0, 1, 2]}, r"number the feature of each of 2 columns, from 0; received shape \(3,\)"),
        ({"owner": [-1, 0]}, "with -1"),
        ({"method": "permutations"}, "unknown method 'permutations'. Did you mean 'permutation'"),
        ({"budget": 0}, "budget >= 1"),
        ({"tolerance": float("nan")}, "tolerance >= 0; received 500000 and nan"),
        ({"max_batch": 1}, "max_batch >= 2"),
        ({"dtype": torch.float16}, "expected dtype None or torch.bfloat16"),
        ({"model": lambda x: x[:, 0] / 0.0}, "expected finite model outputs"),
    ],
)
def test_what_cannot_be_explained_is_refused(arguments, message) -> None:
    usual = {"model": lambda x: x.sum(dim=1), "rows": [[1.0, 2.0]], "background": [[0.0, 0.0]]}
    with pytest.raises(UserError, match=message):
        shapley_values(**{**usual, **arguments})


def test_a_model_that_breaks_between_rows_and_background_is_refused() -> None:
    """Finite for the row and the background, not for what is between."""
    with pytest.raises(UserError, match="expected finite model outputs"):
        shapley_values(lambda x: 1 / (x[:, 0] - x[:, 1]), [[0.0, 1.0]], [[1.0, 2.0]])
