"""Infidelity and max-sensitivity against captum's and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.metrics import infidelity as captum_infidelity
from captum.metrics import sensitivity_max
from glasshouse_audits.explain.checks.infidelity import change, infidelity, relative, subsets
from glasshouse_audits.explain.checks.replacement import FeatureReplacement
from glasshouse_audits.explain.checks.sensitivity import column_standard_deviations, max_sensitivity, neighbours

WEIGHTS = [2.0, 1.0, -1.0, 0.5, -3.0]


def perturbed(replacement: FeatureReplacement, count: int = 20, **options: int) -> tuple[np.ndarray, np.ndarray]:
    """Random subsets of features, and how much lower the score is without them."""
    replaced = subsets(replacement, count, seed=1)
    return replaced, change(replacement, replaced, **options)


def test_exact_gradients_of_a_linear_model_have_none() -> None:
    """I'w is f(x) - f(x - I) for every perturbation I: definition 2.1 at its optimum."""
    rng = np.random.default_rng(0)
    weights, rows, noise = rng.normal(size=4), rng.normal(size=(6, 4)), rng.normal(size=(6, 9, 4))
    change = (rows @ weights)[:, None] - (rows[:, None] - noise) @ weights
    found = infidelity(np.tile(weights, (6, 1)), noise, change)
    np.testing.assert_allclose(found.raw, 0, atol=1e-24)
    np.testing.assert_allclose(found.scaled, 0, atol=1e-24)
    doubled = infidelity(np.tile(2 * weights, (6, 1)), noise, change)
    np.testing.assert_allclose(doubled.raw, doubled.of_nothing)
    np.testing.assert_allclose(doubled.scaled, 0, atol=1e-24)


def test_exact_attributions_of_a_linear_model_have_none(linear, make_question, mixed_rows) -> None:
    """w (x - mean of the background) is what replacing a feature changes on average."""
    rows, background = mixed_rows(30, 0), mixed_rows(12, 1)
    question = make_question(linear(WEIGHTS), rows, background)
    columns = (rows.numpy() - background.numpy().mean(axis=0)) * WEIGHTS
    values = question.by_feature(columns[:, :, None].astype(float))[:, :, 0]
    replaced, lower = perturbed(FeatureReplacement.of(question))
    found = infidelity(values, replaced, lower[:, :, 0])
    np.testing.assert_allclose(found.raw, 0, atol=1e-10)
    assert relative(found.raw, found.of_nothing).value == pytest.approx(0, abs=1e-9)
    nothing = infidelity(0 * values, replaced, lower[:, :, 0])
    assert relative(nothing.raw, nothing.of_nothing).value == pytest.approx(1)


def test_captum_on_equal_perturbations(network) -> None:
    """Ours replace subsets by one background row; captum is given the same perturbations in the same order."""
    torch.manual_seed(0)
    rows, background, values = torch.randn(7, 5), torch.randn(1, 5), torch.randn(7, 5)

    def score(x: torch.Tensor) -> torch.Tensor:
        return network(x)[:, 0]

    replacement = FeatureReplacement(score=network, rows=rows, background=background, owner=torch.arange(5), shape=(5,))
    replaced, lower = perturbed(replacement, 12)
    masks = torch.as_tensor(replaced, dtype=torch.float32).reshape(-1, 5)

    def perturb(inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return masks, torch.where(masks > 0, background, inputs)

    found = infidelity(values.double().numpy(), replaced, lower[:, :, 0])
    for normalize, ours in ((False, found.raw), (True, found.scaled)):
        theirs = captum_infidelity(score, perturb, rows, values, n_perturb_samples=12, normalize=normalize)
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-4, atol=1e-6)


def test_captum_on_real_valued_perturbations(network) -> None:
    torch.manual_seed(1)
    rows, values, noise = torch.randn(5, 5), torch.randn(5, 5), 0.1 * torch.randn(5, 8, 5)

    def score(x: torch.Tensor) -> torch.Tensor:
        return network(x)[:, 0]

    with torch.no_grad():
        change = score(rows)[:, None] - score((rows[:, None] - noise).reshape(-1, 5)).reshape(5, 8)
    flat_attributions = noise.reshape(-1, 5)
    theirs = captum_infidelity(
        score, lambda x: (flat_attributions, x - flat_attributions), rows, values, n_perturb_samples=8
    )
    ours = infidelity(values.double().numpy(), noise.double().numpy(), change.double().numpy())
    np.testing.assert_allclose(ours.raw, theirs.numpy(), rtol=1e-4)


def test_subsets_replace_whole_features_and_have_all_sizes(network, make_question, mixed_rows) -> None:
    question = make_question(network, mixed_rows(300, 2), mixed_rows(4, 3))
    replaced, lower = perturbed(FeatureReplacement.of(question), 9)
    assert replaced.shape == (300, 9, 3)
    sizes = replaced.sum(axis=2).astype(int)
    np.testing.assert_array_equal(np.bincount(sizes.ravel(), minlength=4), [0, 900, 900, 900])
    i, s = 5, 0
    gone = torch.as_tensor(replaced[i, s][question.owner] > 0)
    mixed = torch.stack([torch.where(gone, z, question.rows[i]) for z in question.background])
    with torch.no_grad():
        expected = float(network(question.rows[i : i + 1])) - float(network(mixed).mean())
    assert lower[i, s, 0] == pytest.approx(expected, abs=1e-5)


def test_rows_in_any_order_and_batch_have_the_same_infidelity(network, make_question, mixed_rows) -> None:
    rows, background = mixed_rows(20, 4), mixed_rows(9, 5)
    values, shuffled = np.random.default_rng(0).normal(size=(20, 3)), np.random.default_rng(1).permutation(20)

    def measure(question, values):
        replaced, lower = perturbed(FeatureReplacement.of(question), draws=9)
        return infidelity(values, replaced, lower[:, :, 0])

    first = measure(make_question(network, rows, background), values)
    second = measure(make_question(network, rows[shuffled], background, max_batch=9), values[shuffled])
    np.testing.assert_allclose(second.raw, first.raw[shuffled], rtol=1e-4)
    np.testing.assert_allclose(second.scaled, first.scaled[shuffled], rtol=1e-4, atol=1e-8)


def test_the_interval_of_the_ratio_covers() -> None:
    """Samples of 40 rows from a million: the interval holds the ratio of all in 95 % of 600 samples, give or take 3."""
    rng = np.random.default_rng(3)
    of_nothing = rng.exponential(size=10**6)
    found = of_nothing * rng.uniform(0.1, 0.5, size=10**6)
    truth = found.sum() / of_nothing.sum()
    covered = 0
    for _ in range(600):
        chosen = rng.integers(10**6, size=40)
        interval = relative(found[chosen], of_nothing[chosen]).interval
        covered += interval.low <= truth <= interval.high
    assert covered / 600 == pytest.approx(0.95, abs=0.03)


def test_a_constant_model_has_no_relative_infidelity(linear, make_question, mixed_rows) -> None:
    question = make_question(linear([0.0] * 5), mixed_rows(3, 6), mixed_rows(3, 7))
    replaced, lower = perturbed(FeatureReplacement.of(question))
    found = infidelity(np.zeros((3, 3)), replaced, lower[:, :, 0])
    assert not found.raw.any()
    assert relative(found.raw, found.of_nothing).undefined == "replacing features changes no score"


def test_one_row_and_one_feature(linear, make_question) -> None:
    question = make_question(linear([2.0]), torch.tensor([[3.0]]), torch.tensor([[1.0]]), widths={"age": 1})
    replaced, lower = perturbed(FeatureReplacement.of(question), 4)
    np.testing.assert_array_equal(replaced, 1)
    found = infidelity(np.array([[1.0]]), replaced, lower[:, :, 0])
    assert found.raw == pytest.approx(9)  # announced 1, changed by 4
    estimate = relative(found.raw, found.of_nothing)
    assert estimate.value == pytest.approx(9 / 16)
    assert estimate.interval.low is None


# ---------------------------------------------------------------- max-sensitivity


def test_captum_on_equal_neighbours(network) -> None:
    torch.manual_seed(2)
    rows = torch.randn(6, 5)
    moved = neighbours(rows, np.ones(5), samples=4, radius=0.1)

    def explain(x: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            x = x.clone().requires_grad_()
            return torch.autograd.grad(network(x).sum(), x)[0] * x.detach()

    def explain_for_captum(x: torch.Tensor | tuple[torch.Tensor]) -> torch.Tensor | tuple[torch.Tensor]:
        return (explain(x[0]),) if isinstance(x, tuple) else explain(x)

    # captum asks for all samples of the first row, then all of the second
    stacked = moved.swapaxes(0, 1).reshape(-1, 5)
    theirs = sensitivity_max(explain_for_captum, rows, lambda _: stacked, n_perturb_samples=4)

    def values(x: torch.Tensor) -> np.ndarray:
        return explain(x).double().numpy()[:, :, None]

    ours = max_sensitivity(values(rows), [values(x) for x in moved])
    np.testing.assert_allclose(ours[:, 0], theirs.numpy(), rtol=1e-4)


def test_neighbours_lie_within_the_radius_of_numeric_features_alone(network, make_question, mixed_rows) -> None:
    question = make_question(network, mixed_rows(50, 8), mixed_rows(40, 9))
    spread = column_standard_deviations(question)
    expected = question.background.double().numpy().std(axis=0)
    np.testing.assert_allclose(spread, expected * [1, 0, 0, 0, 1])
    moved = neighbours(question.rows, spread, samples=6, radius=0.5)
    assert moved.shape == (6, 50, 5)
    distance = np.abs(moved.numpy() - question.rows.numpy())
    assert not distance[:, :, 1:4].any()
    assert np.all(distance <= 0.5 * spread + 1e-6)
    assert distance[:, :, 0].max() > 0.45 * spread[0]


def test_an_explanation_of_nothing_has_no_sensitivity() -> None:
    found = max_sensitivity(np.zeros((2, 3, 1)), [np.ones((2, 3, 1))])
    assert np.isnan(found).all()
