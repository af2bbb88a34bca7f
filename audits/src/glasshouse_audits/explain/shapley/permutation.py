"""Shapley values from random orders of the players, each forwards and backwards (permutation sampling).

A player's value is its mean contribution v(players up to it) - v(players before it) over all orders (Castro, Gomez and
Tejada, "Polynomial calculation of the Shapley value based on sampling", 2009). An order and its reverse are taken
together (antithetic sampling: Mitchell, Cooper, Frank and Holmes, "Sampling Permutations for Shapley Value
Estimation", 2022), which is exact for interactions of two players. With S_r the first r players of an order, the mean
of the two contributions of its player number r + 1 is

    (g(S_{r+1}) - g(S_r)) / 2,        g(S_0) = f(z) - f(x),   g(S_m) = f(x) - f(z),

so the values of every order add up to f(x) - f(z). The mean over independent orders is unbiased.
"""

from __future__ import annotations

import torch
from torch import Tensor

from glasshouse_audits.explain.shapley.games import Games, Pairs


def evaluations(players: int, sweeps: int) -> int:
    """Model evaluations of a game for `sweeps` orders and their reverses."""
    return 2 * sweeps * (players - 1)


def permutation_values(games: Games, pairs: Pairs, sweeps: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Values and their variances, float64 (Q, m, k), from `sweeps` orders of each of Q games.

    The variance is that of the mean over a game's orders, unbiased; NaN for a single order.
    """
    m = pairs.size
    values, variances = [], []
    steps = torch.arange(1, m, dtype=torch.int32, device=games.device).unsqueeze(1)
    for some in pairs.split(games.draw_batch // evaluations(m, sweeps)):
        chosen = pairs[some]
        keys = torch.rand((len(chosen), sweeps, m), device=games.device, generator=generator)
        rank = keys.argsort(dim=2).int()  # A random order's inverse is a random order.
        coalitions = (rank.unsqueeze(2) < steps).flatten(1, 2)
        inner = games.contrasts(chosen, coalitions)
        inner = inner.view(len(chosen), sweeps, m - 1, -1)
        gain = games.gain(chosen)[:, None, None].expand(-1, sweeps, -1, -1)
        by_rank = torch.cat([-gain, inner, gain], dim=2).diff(dim=2) / 2
        index = rank.long().to(games.precise_device).unsqueeze(3).expand(-1, -1, -1, by_rank.shape[3])
        contributions = by_rank.gather(2, index)
        mean = contributions.mean(dim=1)
        values.append(mean)
        variances.append(_variance_of_mean(contributions, mean))
    return torch.cat(values), torch.cat(variances)


def _variance_of_mean(contributions: Tensor, mean: Tensor) -> Tensor:
    """Over the orders (Q, sweeps, m, k). `torch.var` along a strided dimension is several times slower."""
    sweeps = contributions.shape[1]
    if sweeps == 1:
        return torch.full_like(mean, torch.nan)
    return (contributions - mean.unsqueeze(1)).square_().sum(dim=1) / (sweeps * (sweeps - 1))
