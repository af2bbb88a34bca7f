"""Enumeration: against Shapley's formula, SHAP, closed forms and the axioms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from glasshouse_audits.explain.shapley import shapley_values
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize("d", [1, 2, 3, 6])
def test_values_are_those_of_shapleys_formula(d, make_network, enumeration, draw) -> None:
    net, rows, background = make_network(d, 2), draw(3, d, seed=1), draw(5, d, seed=2)
    found = shapley_values(net, rows, background)
    assert found.method == "exact"
    assert found.converged.all()
    assert (found.standard_error == 0).all()
    for i, x in enumerate(rows):
        np.testing.assert_allclose(found.values[i], enumeration(net, x, background, list(range(d))), atol=2e-6)
    # Nobody's and everybody's worths are known from the rows and the background themselves.
    assert found.evaluations == 3 * 5 * (2**d - 2) + 3 + 5


def test_values_are_those_of_shap(make_network, draw) -> None:
    shap = pytest.importorskip("shap")
    net, rows, background = make_network(7), draw(4, 7, seed=1), draw(10, 7, seed=2)

    def model(x):
        with torch.no_grad():
            return net(torch.as_tensor(x, dtype=torch.float32)).numpy()[:, 0]

    def masker(mask, x):
        return (np.where(mask, x, background.numpy()),)

    explainer = shap.explainers.Exact(model, masker)
    expected = explainer(rows.numpy(), silent=True)
    found = shapley_values(net, rows, background, method="exact")
    np.testing.assert_allclose(found.values[:, :, 0], expected.values, atol=2e-6)
    np.testing.assert_allclose(found.base, expected.base_values[0], atol=1e-6)


@given(
    weights=st.lists(st.integers(-8, 8), min_size=1, max_size=8),
    seed=st.integers(0, 2**16),
    method=st.sampled_from(["exact", "kernel", "permutation"]),
)
@settings(max_examples=30, deadline=None)
def test_a_linear_model_has_weight_times_distance_from_the_mean(weights, seed, method) -> None:
    """phi_j = w_j (x_j - E b_j): Lundberg and Lee 2017, corollary 1; every estimator is exact here."""
    w = torch.tensor(weights, dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)
    rows, background = (torch.randint(-9, 10, (n, len(w)), generator=generator).float() for n in (3, 4))
    found = shapley_values(lambda x: x @ w, rows, background, method=method)
    expected = (w * (rows - background.mean(dim=0))).double().numpy()
    np.testing.assert_allclose(found.values[:, :, 0], expected, atol=1e-4)
    np.testing.assert_allclose(found.standard_error, 0, atol=1e-6)


@given(seed=st.integers(0, 2**16), budget=st.sampled_from([200, 500, 10_000]))
@settings(max_examples=25, deadline=None)
def test_axioms_hold_for_every_estimator(seed, budget) -> None:
    """Efficiency and dummy to rounding whatever the sample; `budget` is met by two estimators and enumeration."""
    d, b = 9, 3
    rng = torch.Generator().manual_seed(seed)
    rows, background, w = (torch.randn(*shape, generator=rng) for shape in ((4, d), (b, d), (d - 1, 6)))

    def model(x):  # the last feature is not looked at
        return torch.tanh(x[:, : d - 1] @ w).cumprod(dim=1)[:, 2:4]

    found = shapley_values(model, rows, background, budget=budget, seed=seed)
    scores = model(rows).double().numpy()
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), scores, rtol=1e-5, atol=1e-9)
    if found.method == "exact":
        np.testing.assert_allclose(found.values[:, -1], 0, atol=1e-7)
    else:
        assert (np.abs(found.values[:, -1]) <= 6 * found.standard_error[:, -1] + 1e-7).all()


def test_features_that_the_model_cannot_tell_apart_share_equally(draw) -> None:
    rows, background = draw(5, 4, seed=1), draw(6, 4, seed=2)
    rows[:, 1], background[:, 1] = rows[:, 0], background[:, 0]
    found = shapley_values(lambda x: torch.sin(x[:, 0] + x[:, 1]) * x[:, 2] * x[:, 3], rows, background)
    np.testing.assert_allclose(found.values[:, 0], found.values[:, 1], atol=1e-7)
    assert np.abs(found.values[:, 0]).max() > 0.01


def test_a_product_of_three_is_shared_in_thirds() -> None:
    """By hand: against a background of zeros x1 x2 x3 is worth something to all three together only."""
    found = shapley_values(lambda x: x.prod(dim=1), [[2.0, 3.0, 5.0]], [[0.0, 0.0, 0.0]])
    np.testing.assert_allclose(found.values[0, :, 0], [10.0, 10.0, 10.0])
    assert found.base.tolist() == [0.0]


def test_columns_of_one_feature_move_together(make_network, enumeration, draw) -> None:
    owner = [0, 1, 1, 1, 2, 3, 3]
    net, rows, background = make_network(7, 2), draw(3, 7, seed=1), draw(5, 7, seed=2)
    found = shapley_values(net, rows, background, owner=owner)
    assert found.values.shape == (3, 4, 2)
    for i, x in enumerate(rows):
        np.testing.assert_allclose(found.values[i], enumeration(net, x, background, owner), atol=2e-6)


def test_columns_of_a_feature_need_not_stand_together(make_network, enumeration, draw) -> None:
    owner = [2, 0, 1, 2, 0]
    net, rows, background = make_network(5), draw(2, 5, seed=1), draw(4, 5, seed=2)
    found = shapley_values(net, rows, background, owner=owner)
    for i, x in enumerate(rows):
        np.testing.assert_allclose(found.values[i], enumeration(net, x, background, owner), atol=2e-6)


def test_features_that_agree_with_the_background_do_not_play(make_network, enumeration, draw) -> None:
    """Categories agree often: each pair of rows is a game of the features that differ, and costs only that."""
    owner = [0, 0, 1, 2, 3, 4, 5]
    net = make_network(7)
    rows, background = draw(6, 7, seed=1).sign(), draw(8, 7, seed=2).sign()
    rows[0] = background[3]
    found = shapley_values(net, rows, background, owner=owner)
    for i, x in enumerate(rows):
        np.testing.assert_allclose(found.values[i], enumeration(net, x, background, owner), atol=2e-6)
    differ = (rows[:, None] != background).numpy()
    players = np.stack([differ[:, :, :2].any(axis=2), *np.moveaxis(differ[:, :, 2:], 2, 0)]).sum(axis=0)
    assert found.evaluations == 6 + 8 + np.where(players > 0, 2.0**players - 2, 0).sum()


def test_a_row_that_is_the_background_has_no_values(make_network, draw) -> None:
    row = draw(1, 20)
    found = shapley_values(make_network(20, 2), row, row.repeat(3, 1))
    assert (found.values == 0).all()
    assert found.converged.all()
    assert found.method == "exact"
    assert np.isnan(found.relative_error).all()


def test_outputs_of_one_call_are_those_of_single_calls(make_network, draw) -> None:
    net, rows, background = make_network(6, 3), draw(4, 6, seed=1), draw(5, 6, seed=2)
    together = shapley_values(net, rows, background)
    for k in range(3):
        alone = shapley_values(lambda x, k=k: net(x)[:, k], rows, background)
        np.testing.assert_allclose(together.values[:, :, k], alone.values[:, :, 0], atol=1e-6)


def test_huge_and_tiny_outputs_keep_their_digits(draw) -> None:
    rows, background = draw(3, 6, seed=1), draw(4, 6, seed=2)
    usual = shapley_values(lambda x: x.double().prod(dim=1), rows, background).values
    for scale in (1e30, 1e-30):
        scaled = shapley_values(lambda x, s=scale: s * x.double().prod(dim=1), rows, background).values
        np.testing.assert_allclose(scaled / scale, usual, rtol=1e-9)


def test_inputs_of_opposite_extremes_are_swapped_exactly() -> None:
    """Their difference overflows float32: a mask by arithmetic would make NaN of it."""
    seen = []

    def model(x):
        seen.append(x.clone())
        return x.sign().sum(dim=1)

    found = shapley_values(model, [[3e38, 1e-45, 1.0]], [[-3e38, -1e-45, 1.0]])
    np.testing.assert_allclose(found.values[0, :, 0], [2, 2, 0])
    assert set(torch.cat(seen)[:, 0].tolist()) == {torch.tensor(3e38).item(), torch.tensor(-3e38).item()}
