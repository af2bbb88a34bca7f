"""Kernel regression and random orders: unbiased, with standard errors that tell the truth, and stops that hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from glasshouse import UserError
from glasshouse_audits.explain.shapley import shapley_values
from glasshouse_audits.explain.shapley.kernel import strata

SAMPLERS = ["kernel", "permutation"]


@pytest.fixture(scope="module")
def game(make_network, draw):
    """A network, rows and background of ten features, with exact values (n, d, k)."""
    net, rows, background = make_network(10, 2), draw(3, 10, seed=1), draw(12, 10, seed=2)
    exact = shapley_values(net, rows, background, method="exact")
    return net, rows, background, exact.values


@pytest.fixture(scope="module")
def draws(game):
    """Values and standard errors (200, n, d, k) of 200 seeds: the smallest regressions, six orders a pair."""
    net, rows, background, _ = game
    found = {}
    for method, budget in (("kernel", 12 * 60 + 1), ("permutation", 12 * 108 + 1)):
        results = [
            shapley_values(net, rows, background, method=method, budget=budget, tolerance=0, seed=seed)
            for seed in range(200)
        ]
        assert all(r.method == method and r.evaluations <= 3 * budget + 12 for r in results)
        found[method] = np.stack([r.values for r in results]), np.stack([r.standard_error for r in results])
    return found


@pytest.mark.parametrize("method", SAMPLERS)
def test_values_are_unbiased(method, game, draws) -> None:
    """The mean over seeds lies about the exact values as its standard error says: mean z squared is 1 (60 values)."""
    values, _ = draws[method]
    z = (values.mean(axis=0) - game[3]) / (values.std(axis=0, ddof=1) / np.sqrt(len(values)))
    assert np.mean(z**2) < 1.6
    assert np.abs(z).max() < 4.5


@pytest.mark.parametrize("method", SAMPLERS)
def test_standard_errors_cover_the_truth(method, game, draws) -> None:
    """12,000 values within 1.96 standard errors: 95 %, to 2.5 points, since errors are known from some 60 draws."""
    values, errors = draws[method]
    covered = np.abs(values - game[3]) <= 1.96 * errors
    assert 0.925 <= covered.mean() <= 0.975
    # and their mean square is the variance that the values have.
    assert np.mean(errors**2) == pytest.approx(np.mean(np.var(values, axis=0, ddof=1)), rel=0.1)


def test_plain_regression_would_fail_the_test_for_bias(game, monkeypatch) -> None:
    """The cross-fitted correction is what makes it unbiased: without it the same test finds the bias."""
    from glasshouse_audits.explain.shapley.kernel import Regression

    net, rows, background, exact = game
    on = Regression.on

    def uncorrected(coalitions, plan):
        found = on(coalitions, plan)
        return Regression(
            found.mean_sign, found.centred, found.least_squares, torch.zeros_like(found.correction), found.influence
        )

    monkeypatch.setattr(Regression, "on", uncorrected)
    values = np.stack(
        [
            shapley_values(net, rows, background, method="kernel", budget=721, tolerance=0, seed=seed).values
            for seed in range(200)
        ]
    )
    z = (values.mean(axis=0) - exact) / (values.std(axis=0, ddof=1) / np.sqrt(len(values)))
    assert np.mean(z**2) > 3


@pytest.mark.parametrize("method", SAMPLERS)
def test_values_add_up_whatever_was_sampled(method, make_network, draw) -> None:
    net, rows, background = make_network(30, 2), draw(5, 30, seed=1), draw(4, 30, seed=2)
    found = shapley_values(net, rows, background, method=method, budget=1000)
    assert found.method == method
    with torch.no_grad():
        scores = net(rows).double().numpy()
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), scores, rtol=1e-5)


@pytest.mark.parametrize("method", SAMPLERS)
def test_one_background_row_has_honest_errors(method, make_network, draw) -> None:
    net, rows, background = make_network(10), draw(4, 10, seed=3), draw(1, 10, seed=4)
    exact = shapley_values(net, rows, background, method="exact").values
    z = []
    for seed in range(60):
        found = shapley_values(net, rows, background, method=method, budget=400, tolerance=0, seed=seed)
        z.append((found.values - exact) / found.standard_error)
    assert 0.92 <= np.mean(np.abs(np.stack(z)) <= 1.96) <= 0.98


def test_one_order_a_pair_has_an_upper_bound_for_error(make_network, draw) -> None:
    """Its expectation is the variance of the mean plus that between background rows over b: never too small."""
    net, rows, background = make_network(12), draw(3, 12, seed=3), draw(40, 12, seed=4)
    found = [
        shapley_values(net, rows, background, method="permutation", budget=40 * 22 + 1, tolerance=0, seed=seed)
        for seed in range(100)
    ]
    assert all(one.evaluations == 3 * (40 * 22 + 1) + 40 for one in found)
    bound = np.mean([one.standard_error**2 for one in found], axis=0)
    truth = np.var([one.values for one in found], axis=0, ddof=1)
    assert (bound > 0.75 * truth).all()  # 100 seeds know a variance to 14 %
    assert np.isfinite(bound).all()


@pytest.mark.parametrize("share", [0.6, 0.75, 0.9])
def test_a_second_order_for_some_games_is_unbiased_and_knows_its_error(share, make_network, draw) -> None:
    """Values have the mean and, over seeds, the variance that they should; exact values are by enumeration."""
    net, rows, background = make_network(10), draw(3, 10, seed=3), draw(40, 10, seed=4)
    rows[0, 2] = background[5, 2]  # one game of one row has a player less
    exact = shapley_values(net, rows, background, method="exact", budget=10**6).values
    budget = round(40 * 18 * (1 + share)) + 1
    found = [
        shapley_values(net, rows, background, method="permutation", budget=budget, tolerance=0, seed=seed)
        for seed in range(200)
    ]
    # The game with a player less costs less.
    assert all(3 * (budget - 4) + 40 - 40 * 18 * 0.05 <= one.evaluations <= 3 * budget + 40 for one in found)
    values, errors = np.stack([one.values for one in found]), np.stack([one.standard_error for one in found])
    spread = values.std(axis=0, ddof=1)
    z = (values.mean(axis=0) - exact) / (spread / np.sqrt(200))
    assert np.mean(z**2) < 1.7
    assert np.abs(z).max() < 4.5
    assert np.mean(errors**2) == pytest.approx(np.mean(spread**2), rel=0.12)
    assert 0.9 <= np.mean(np.abs(values - exact) <= 1.96 * errors) <= 0.98  # 24 games or more know an error
    # A game's mean of two orders has half the variance: 1 - share / 2 of that of one order each.
    one_each = [
        shapley_values(net, rows, background, method="permutation", budget=40 * 18 + 1, tolerance=0, seed=seed)
        for seed in range(200)
    ]
    first = np.var([one.values for one in one_each], axis=0, ddof=1).mean()
    assert np.mean(spread**2) / first == pytest.approx(1 - share / 2, rel=0.15)


def test_the_default_tolerance_is_met_with_little_more_than_one_order(make_network, draw) -> None:
    net, rows, background = make_network(60), draw(4, 60, seed=3), draw(40, 60, seed=4)
    whole = shapley_values(net, rows, background, tolerance=0, budget=40 * 118 * 60 + 1, method="permutation").values
    found = [shapley_values(net, rows, background, seed=seed) for seed in range(10)]
    assert all(one.converged.all() for one in found)
    errors = [np.linalg.norm(one.values - whole, axis=1) / np.linalg.norm(whole, axis=1) for one in found]
    assert np.sqrt(np.mean(np.square(errors))) <= 1.1 * 0.05


def test_a_loose_tolerance_glances_at_some_games_and_a_bound_too_wide_is_replaced(make_network, draw) -> None:
    net, rows, background = make_network(60), draw(6, 60, seed=3), draw(40, 60, seed=4)
    once = 40 * 2 * 59
    loose = shapley_values(net, rows, background, tolerance=1.0)
    assert loose.evaluations == 6 * (32 * 2 * 59 + 1) + 40
    assert loose.converged.all()
    # Of a linear model nothing is uncertain but by the bound: a second order for 24 games says so.
    linear = shapley_values(lambda x: x.sum(dim=1), rows, background, tolerance=0.1)
    assert linear.evaluations == 6 * (once + 24 * 2 * 59 + 1) + 40
    np.testing.assert_allclose(linear.standard_error, 0, atol=1e-6)


def test_a_glance_is_all_but_unbiased_and_its_error_a_bound(make_network, draw) -> None:
    """32 of 64 background rows: means over many seeds against the whole, far inside one answer's own error."""
    torch.manual_seed(0)
    net, rows, background = make_network(50), draw(2, 50, seed=3), draw(64, 50, seed=4)
    rows[:, 7] = background[:, 7] = 0.5  # a feature that never differs
    whole = shapley_values(net, rows, background, tolerance=0, budget=64 * 98 * 40 + 1, method="permutation")
    found = [shapley_values(net, rows, background, tolerance=1.0, seed=seed) for seed in range(150)]
    assert {one.evaluations for one in found} == {2 * (32 * 2 * 48 + 1) + 64}
    values = np.stack([one.values for one in found])
    change = net(rows).detach().double().numpy() - found[0].base
    np.testing.assert_allclose(values.sum(axis=2), np.broadcast_to(change, (150, 2, 1)), atol=1e-5)
    assert (values[:, :, 7] == 0).all()
    truth = values.std(axis=0, ddof=1)
    bias = np.abs(values.mean(axis=0) - whole.values)[truth > 0] / (truth[truth > 0] / np.sqrt(150))
    assert np.sqrt(np.mean(bias**2)) < 1.5  # 1 were expected without any bias, of errors known exactly
    bound = np.sqrt(np.mean([one.standard_error**2 for one in found], axis=0))
    assert np.median(bound[truth > 0] / truth[truth > 0]) > 1


@pytest.mark.parametrize("method", SAMPLERS)
def test_sampled_groups_of_columns_agree_with_enumeration(method, make_network, draw) -> None:
    owner = np.repeat(np.arange(10), [1, 3, 1, 1, 4, 1, 2, 1, 1, 1])
    net = make_network(16)
    rows, background = draw(3, 16, seed=1).round(), draw(9, 16, seed=2).round()
    exact = shapley_values(net, rows, background, owner=owner, method="exact")
    found = shapley_values(net, rows, background, owner=owner, method=method, budget=30_000, tolerance=0.01)
    assert found.method == method
    z = (found.values - exact.values)[found.standard_error > 0] / found.standard_error[found.standard_error > 0]
    assert np.mean(z**2) < 2
    assert np.abs(z).max() < 5


@pytest.mark.parametrize("method", SAMPLERS)
def test_sampling_stops_at_the_tolerance(method, make_network, draw) -> None:
    net, rows, background = make_network(12), draw(40, 12, seed=1), draw(10, 12, seed=2)
    exact = shapley_values(net, rows, background, method="exact")
    spent = []
    for tolerance in (0.2, 0.05, 0.02):
        found = shapley_values(net, rows, background, method=method, budget=100_000, tolerance=tolerance)
        assert found.converged.all()
        assert (found.relative_error <= tolerance).all()
        error = np.linalg.norm(found.values - exact.values, axis=1) / np.linalg.norm(exact.values, axis=1)
        assert np.sqrt(np.mean(error**2)) <= 1.2 * tolerance
        spent.append(found.evaluations)
    assert spent[0] < spent[1] < spent[2] < 40 * 100_000


@pytest.mark.parametrize("method", SAMPLERS)
@pytest.mark.parametrize("budget", [401, 1000, 5000])
def test_the_budget_is_never_exceeded(method, budget, make_network, draw) -> None:
    net, rows, background = make_network(12), draw(7, 12, seed=1), draw(5, 12, seed=2)
    calls = []

    def model(x):
        calls.append(len(x))
        return net(x)

    found = shapley_values(model, rows, background, method=method, budget=budget, tolerance=1e-4)
    assert found.evaluations == sum(calls)
    assert 0.5 * budget * 7 < found.evaluations <= budget * 7 + 5
    assert not found.converged.any()
    assert (found.relative_error > 1e-4).all()


def test_rows_that_have_converged_cost_nothing_more(make_network, draw) -> None:
    """One half is additive, and exact after a round; the other is not."""
    rows, background = draw(40, 12, seed=1), draw(6, 12, seed=2)
    rows[:20, 0], rows[20:, 0] = 1.0, -1.0
    background[:, 0] = 0.0
    net = make_network(12)

    def model(x):
        return torch.where(x[:, :1] > 0, x.sum(dim=1, keepdim=True), net(x) * (x[:, :1] < 0))

    found = shapley_values(model, rows, background, budget=4000, tolerance=1e-3, method="kernel")
    draw_again = shapley_values(model, rows[20:], background, budget=4000, tolerance=1e-3, method="kernel")
    assert not found.converged[20:].any()
    assert found.evaluations - draw_again.evaluations <= 20 * 4000


@pytest.mark.parametrize(
    ("d", "b", "options", "expected"),
    [
        (12, 100, {}, "exact"),
        (13, 100, {}, "kernel"),
        (13, 100, {"tolerance": 0.1}, "permutation"),
        (49, 100, {}, "kernel"),
        (50, 100, {}, "permutation"),
        (14, 100, {"budget": 100 * 3 * 28 + 1}, "kernel"),
        (14, 100, {"budget": 100 * 3 * 28}, "permutation"),
        (14, 1, {"budget": 20_000}, "exact"),
    ],
)
def test_the_algorithm_is_chosen_by_features_budget_and_tolerance(d, b, options, expected, draw) -> None:
    found = shapley_values(lambda x: x.sum(dim=1), draw(1, d, seed=1), draw(b, d, seed=2), **options)
    assert found.method == expected


@pytest.mark.parametrize("method", ["auto", *SAMPLERS])
def test_the_order_of_rows_changes_nothing(method, make_network, draw) -> None:
    net, rows, background = make_network(14), draw(70, 14, seed=1), draw(6, 14, seed=2)
    rows[50] = rows[3]
    order = torch.randperm(70, generator=torch.Generator().manual_seed(0))
    straight, shuffled = (
        shapley_values(net, x, background, method=method, budget=2000, seed=5) for x in (rows, rows[order])
    )
    np.testing.assert_allclose(shuffled.values, straight.values[order], atol=1e-5)
    np.testing.assert_allclose(shuffled.standard_error, straight.standard_error[order], atol=1e-5)
    np.testing.assert_array_equal(straight.values[50], straight.values[3])
    assert shuffled.evaluations == straight.evaluations


@pytest.mark.parametrize("method", ["exact", *SAMPLERS])
def test_the_batch_changes_nothing(method, make_network, draw) -> None:
    net, rows, background = make_network(9), draw(5, 9, seed=1).round(), draw(4, 9, seed=2).round()
    calls = []

    def model(x):
        calls.append(len(x))
        return net(x)

    reference = shapley_values(net, rows, background, method=method, budget=3000, tolerance=0)
    for max_batch in (2, 7, 100, 1 << 20):
        calls.clear()
        found = shapley_values(model, rows, background, method=method, budget=3000, tolerance=0, max_batch=max_batch)
        assert max(calls) <= max_batch
        np.testing.assert_allclose(found.values, reference.values, atol=1e-6)
        np.testing.assert_allclose(found.standard_error, reference.standard_error, atol=1e-6)
        assert found.evaluations == reference.evaluations


def test_seeds_decide_the_sample(make_network, draw) -> None:
    net, rows, background = make_network(14), draw(3, 14, seed=1), draw(6, 14, seed=2)
    state = torch.get_rng_state()
    first, second, other = (shapley_values(net, rows, background, budget=2000, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.values, second.values)
    assert np.abs(first.values - other.values).max() > 1e-3
    assert torch.equal(state, torch.get_rng_state())


def test_rows_of_a_block_share_designs_and_blocks_do_not(draw) -> None:
    """Equal games in different rows err alike under one design, and differently in different blocks."""
    rows, background = draw(1, 12, seed=1).repeat(64, 1), draw(5, 12, seed=2)
    rows = torch.cat([torch.arange(64.0)[:, None], rows], dim=1)
    background = torch.cat([torch.full((5, 1), -1.0), background], dim=1)
    found = shapley_values(lambda x: torch.tanh(x[:, 1:]).prod(dim=1), rows, background, method="kernel", budget=800)
    assert found.design.tolist() == [0] * 32 + [1] * 32
    np.testing.assert_allclose(found.values[0], found.values[31], atol=1e-12)
    assert np.abs(found.values[0] - found.values[32]).max() > 1e-6
    orders = shapley_values(
        lambda x: torch.tanh(x[:, 1:]).prod(dim=1), rows, background, method="permutation", budget=800
    )
    assert len(set(orders.design.tolist())) == 64


@pytest.mark.parametrize("players", range(4, 30))
@pytest.mark.parametrize("sweeps", [3, 4, 9])
def test_strata_hold_the_kernels_mass(players, sweeps) -> None:
    """Every size has the mass of Lundberg and Lee's kernel, and observations are as many as paid for."""
    observations = min(players * sweeps, 2 ** (players - 1) - 1)
    plan = strata(players, observations)
    sizes = torch.cat([plan.listed.sum(dim=1), plan.sizes])
    assert len(sizes) == len(plan.weights) == observations
    assert plan.listed.unique(dim=0).shape == plan.listed.shape
    for s in range(1, players // 2 + 1):
        mass = plan.weights[sizes == s].sum().item()
        assert mass == pytest.approx((0.5 if 2 * s == players else 1.0) / (s * (players - s)))


def test_a_budget_too_small_is_refused_with_the_one_that_suffices(draw) -> None:
    rows, background = draw(2, 30, seed=1), draw(10, 30, seed=2)
    with pytest.raises(UserError, match=r"budget of at least 581 evaluations per row .* received 500"):
        shapley_values(lambda x: x[:, 0], rows, background, budget=500)
    assert shapley_values(lambda x: x[:, 0], rows, background, budget=581).method == "permutation"
    with pytest.raises(UserError, match=r"require up to 10,737,418,221 evaluations per row for 30 features"):
        shapley_values(lambda x: x[:, 0], rows, background, method="exact")
