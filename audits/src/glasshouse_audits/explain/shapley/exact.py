"""Shapley values by enumeration of all coalitions of every game, exact up to rounding."""

from __future__ import annotations

from math import factorial

import torch
from torch import Tensor

from glasshouse_audits.explain.shapley.games import Games, Pairs


def evaluations(players: int) -> int:
    """Model evaluations per game; the values of the empty and the full coalition are known already."""
    return 2**players - 2 if players else 0


def exact_values(games: Games, pairs: Pairs) -> Tensor:
    """Values float64 (Q, m, k) of Q games of m players.

    Shapley's formula, phi_j = sum over S without j of |S|! (m - |S| - 1)! / m! (v(S + j) - v(S)), sorted by coalition:
    v(S) enters phi_j with (|S| - 1)! (m - |S|)! / m! if j is in S and with -|S|! (m - |S| - 1)! / m! if it is not.
    The complement has the same weights with the opposite sign, so only the coalition without the last player is taken
    of each pair:

        phi_j = (f(x) - f(z)) / m + sum over S of weight_j(S) g(S).
    """
    m = pairs.size
    values = (games.gain(pairs) / m).unsqueeze(1).repeat(1, m, 1)
    if m == 1:
        return values
    # Weights of coalitions of each size, for a member and for a non-member.
    within = [0.0] + [factorial(s - 1) * factorial(m - s) / factorial(m) for s in range(1, m)]
    without = [factorial(s) * factorial(m - s - 1) / factorial(m) for s in range(m)]
    weight_of = torch.tensor([without, within], dtype=torch.float64, device=games.precise_device)
    half = max(1, games.max_batch // 2)
    for codes in torch.split(torch.arange(1, 2 ** (m - 1), device=games.device), half):
        coalitions = (codes.unsqueeze(1) >> torch.arange(m, device=games.device)) & 1 == 1
        members = coalitions.to(games.precise_device)
        size = members.sum(dim=1, keepdim=True)
        weights = torch.where(members, weight_of[1, size], -weight_of[0, size]).T
        for some in pairs.split(half // len(codes)):
            values[some] += weights @ games.contrasts(pairs[some], coalitions.unsqueeze(0))
    return values
