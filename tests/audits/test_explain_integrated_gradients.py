"""Integrated gradients against closed forms, and what is made of attributions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from glasshouse_audits.explain.importance import completeness_errors, rank_agreement
from glasshouse_audits.explain.integrated_gradients import integrated_gradients


def test_the_saturating_toy_of_the_paper() -> None:
    """f(x) = 1 - relu(1 - x): the gradient at x = 2 is 0, the integrated gradient 1 (section 2.1 of the paper)."""

    def toy(x: torch.Tensor) -> torch.Tensor:
        return 1 - torch.relu(1 - x[:, 0])

    x = torch.tensor([[2.0]], requires_grad=True)
    assert torch.autograd.grad(toy(x).sum(), x)[0].item() == 0
    found = integrated_gradients(toy, torch.tensor([[2.0]]), torch.zeros(1), allowed_error=torch.tensor([0.005]))
    assert found.columns.item() == pytest.approx(1.0, abs=0.005)


def test_a_product_of_two_inputs_splits_evenly() -> None:
    """f = x1 x2 from the origin: each gets the integral of a x1 x2 da = x1 x2 / 2."""
    rows = torch.tensor([[3.0, 2.0], [-1.0, 4.0]])
    found = integrated_gradients(
        lambda x: x[:, 0] * x[:, 1], rows, torch.zeros(2), allowed_error=torch.full((2,), 1e-4)
    )
    np.testing.assert_allclose(found.columns.numpy(), [[3.0, 3.0], [-2.0, -2.0]], rtol=1e-5)
    assert found.steps == 64


def test_steps_double_only_as_far_as_needed() -> None:
    """A step function has no gradient anywhere, so that no number of steps makes it complete."""
    rows = torch.tensor([[1.0]])
    found = integrated_gradients(
        lambda x: (x[:, 0] > 0.5).float() + 0 * x[:, 0],
        rows,
        torch.zeros(1),
        allowed_error=torch.tensor([0.01]),
        first_steps=8,
        most_steps=32,
    )
    assert found.steps == 32
    assert found.columns.item() == 0


def test_rows_do_not_depend_on_their_company() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1), torch.nn.Sigmoid())
    rows = torch.randn(6, 4)

    def explain(chosen: torch.Tensor) -> np.ndarray:
        allowed = torch.full((len(chosen),), 1e-3)
        return integrated_gradients(
            lambda x: network(x)[:, 0], chosen, torch.zeros(4), allowed_error=allowed
        ).columns.numpy()

    np.testing.assert_allclose(explain(rows.flip(0))[::-1], explain(rows), atol=1e-6)


def test_completeness_error_by_hand() -> None:
    """Row 1: |3 - 4| / 4. Row 2 hardly moves: |0.02 - 0.01| / (1 % of the range 0 to 4)."""
    errors = completeness_errors(np.array([[1.0, 2.0], [0.02, 0.0]]), np.array([4.0, 0.01]))
    assert errors is not None
    np.testing.assert_allclose(errors, [0.25, 0.25])
    assert completeness_errors(np.zeros((3, 2)), np.zeros(3)) is None


def test_rank_agreement() -> None:
    """Orders 1 2 3 4 and 2 1 3 4: 1 - 6 * 2 / (4 * 15) = 0.8 (Spearman's formula without ties)."""
    first = np.array([1.0, 2.0, 3.0, 4.0])
    assert rank_agreement(first, np.array([20.0, 10.0, 30.0, 40.0])) == pytest.approx(0.8)
    assert rank_agreement(first, -first) == pytest.approx(-1)
    assert rank_agreement(first, np.ones(4)) is None
