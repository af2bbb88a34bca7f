"""Integrated gradients and its kin against closed forms and the toys of the papers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from glasshouse_audits.explain.completeness import completeness_errors

OWN = np.array([0, 1])


class Saturating(torch.nn.Module):
    """1 - relu(1 - x)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 1 - torch.relu(1 - x[:, 0])


class Product(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0] * x[:, 1]


class Step(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x[:, 0] > 0.5).float() + 0 * x[:, 0]


class TwoReLU(torch.nn.Module):
    """relu(relu(x1) - 1 - relu(x2)) or relu(relu(x1 - 1) - relu(x2)): the same function for x >= 0."""

    def __init__(self, shift_inside: bool) -> None:
        super().__init__()
        self.shift_inside = shift_inside
        self.first, self.second, self.last = torch.nn.ReLU(), torch.nn.ReLU(), torch.nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x1, x2 = x[:, :1], x[:, 1:]
        if self.shift_inside:
            return self.last(self.first(x1 - 1) - self.second(x2))
        return self.last(self.first(x1) - 1 - self.second(x2))


def test_the_saturating_toy_of_the_paper(question, explainer) -> None:
    """f(x) = 1 - relu(1 - x): the gradient at x = 2 is 0, the integrated gradient 1 (section 2.1 of the paper)."""
    asked = question(Saturating(), x=torch.tensor([[2.0]]), z=torch.zeros(1, 1), owner=np.array([0]))
    assert explainer("saliency").explain(asked).values.item() == 0
    assert explainer("integrated_gradients").explain(asked).values.item() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("name", "shift_inside", "expected"),
    [
        ("integrated_gradients", False, [1.5, -0.5]),
        ("integrated_gradients", True, [1.5, -0.5]),
        ("deep_lift", False, [1.5, -0.5]),
        ("deep_lift", True, [2.0, -1.0]),
        ("shap_deep", True, [2.0, -1.0]),
    ],
)
def test_the_two_relu_toy_of_the_paper(name, shift_inside, expected, question, explainer) -> None:
    """Sundararajan, Taly and Yan 2017, appendix B, figure 7: at (3, 1) from (0, 0) integrated gradients give two
    networks of one function the same attributions, DeepLIFT gives others."""
    network = TwoReLU(shift_inside)
    asked = question(network, x=torch.tensor([[3.0, 1.0]]), z=torch.zeros(1, 2), owner=OWN)
    found = explainer(name).explain(asked)
    np.testing.assert_allclose(found.values[0, :, 0], expected, atol=0.01)
    assert found.suspects == ()


def test_a_product_of_two_inputs_splits_evenly(question, explainer) -> None:
    """f = x1 x2 from the origin: each gets the integral of a x1 x2 da = x1 x2 / 2."""
    asked = question(Product(), x=torch.tensor([[3.0, 2.0], [-1.0, 4.0]]), z=torch.zeros(1, 2), owner=OWN)
    found = explainer("integrated_gradients").explain(asked)
    np.testing.assert_allclose(found.values[:, :, 0], [[3.0, 3.0], [-2.0, -2.0]], rtol=1e-5)
    assert found.details == "Up to 64 steps from the mean background row."


def test_steps_double_only_as_far_as_needed_and_the_budget_allows(question, explainer) -> None:
    """A step function has no gradient anywhere, so that no number of steps makes it complete."""
    asked = question(Step(), x=torch.tensor([[1.0]]), z=torch.zeros(1, 1), owner=np.array([0]), budget=300)
    found = explainer("integrated_gradients").explain(asked)
    assert found.details == "Up to 256 steps from the mean background row."
    assert found.values.item() == 0
    assert found.evaluations == 64 + 128 + 256


def test_it_is_captums_with_columns_of_one_feature_summed(question, explainer, mlp) -> None:
    asked = question(mlp)
    theirs = IntegratedGradients(asked.score).attribute(
        asked.rows, asked.background.mean(dim=0, keepdim=True), target=0, n_steps=512, method="gausslegendre"
    )
    ours = explainer("integrated_gradients", error=1e-4).explain(asked)
    expected = np.column_stack([theirs[:, 0], theirs[:, 1:4].sum(1), theirs[:, 4]])
    np.testing.assert_allclose(ours.values[:, :, 0], expected, atol=2e-3)


def test_completeness_error_by_hand() -> None:
    """Row 1: |3 - 4| / 4. Row 2 hardly moves: |0.02 - 0.01| / (1 % of the range 0 to 4)."""
    errors = completeness_errors(np.array([[1.0, 2.0], [0.02, 0.0]]), np.array([4.0, 0.01]))
    assert errors is not None
    np.testing.assert_allclose(errors, [0.25, 0.25])
    assert completeness_errors(np.zeros((3, 2)), np.zeros(3)) is None
