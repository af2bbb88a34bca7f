"""Choice of the algorithm, and its part of the evaluation budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from glasshouse import UserError, did_you_mean
from torch import Tensor

from glasshouse_audits.explain.shapley import exact, kernel, permutation
from glasshouse_audits.explain.shapley.games import Games, Pairs

Method = Literal["auto", "exact", "kernel", "permutation"]

WHO = "shapley_values"
# With more features random orders converge faster than regressions, whose cost grows with the square of the features.
_MANY_FEATURES = 50
# Number of a row's games that is enough to estimate its error.
_MANY_GAMES = 32
# From this tolerance on, a few orders of every game may suffice: fewer evaluations than the smallest regression.
_LOOSE = 0.1
# Entries of the largest tensor over the coalitions of one game.
_GAME_ENTRIES = 2**26

Draw = Callable[[Games, Pairs, int, torch.Generator], tuple[Tensor, Tensor]]
"""From games, the chosen ones, sweeps and a generator to values and variances (Q, m, k)."""


@dataclass(frozen=True)
class Sampler:
    """An estimator of values and variances (Q, m, k) of Q games, from sweeps of about 2 m evaluations per game."""

    name: Literal["kernel", "permutation"]
    draw: Draw
    evaluations: Callable[[int, int], int]
    least: int
    """Smallest number of sweeps."""
    first: int
    """Sweeps of the first round."""
    most: float
    """Sweeps that the budget allows in total."""
    per_round: int
    """Sweeps that memory allows at once."""
    by_seconds: bool = False
    """Whether to start with one sweep of all games and a second sweep of some."""
    early_stopping: int = 0
    """Number of a row's games, with one sweep each, after which sampling may stop; 0 for never."""


@dataclass(frozen=True)
class Plan:
    """`enumerable` is the largest number of players whose games are enumerated; larger games go to the sampler."""

    enumerable: int
    sampler: Sampler | None


def plan(method: str, *, features: int, background: int, budget: int, tolerance: float) -> Plan:
    """Exact if the budget allows, else regression for fewer than 50 features and a tolerance below 0.1, else orders.

    A game's part of the budget is `budget` / `background`, minus the explained row's own evaluation. With a sampler
    given by name, only games that cost no more to enumerate than its first round are enumerated.

    Raises:
        UserError: if the method is unknown or the budget too small for it.
    """
    if method not in get_args(Method):
        raise UserError(WHO, f"unknown method '{method}'.", did_you_mean(method, get_args(Method)))
    per_game = max(0, budget - 1) / background
    affordable = max(m for m in range(1, features + 1) if exact.evaluations(m) <= per_game or m == 1)
    if method == "exact" or (method == "auto" and affordable == features):
        return Plan(affordable, None)
    candidates = [s for s in _samplers(features, background, per_game, tolerance) if method in ("auto", s.name)]
    sampler = next((s for s in candidates if s.most >= s.least), None)
    if sampler is not None:
        if method == "auto":
            return Plan(affordable, sampler)
        first = sampler.evaluations(features, sampler.first)
        return Plan(max(m for m in range(1, features + 1) if exact.evaluations(m) <= first), sampler)
    if affordable == features:
        return Plan(affordable, None)
    needed = min(s.evaluations(features, s.least) for s in candidates) * background + 1
    raise UserError(
        WHO,
        f"expected a budget of at least {needed:,} evaluations per row for {features} features and {background} "
        f"background rows; received {budget:,}.",
        "Increase it, or use fewer background rows.",
    )


def _samplers(features: int, background: int, per_game: float, tolerance: float) -> list[Sampler]:
    """Samplers in the order of preference."""
    # With one order per game the error is bounded only by the spread over background rows, which may be enough for a
    # loose tolerance. With many games, second orders of some give the error; with few games each needs more orders.
    least = 1 if background > 1 else 2
    many = background > _MANY_GAMES
    orders = 1 if many else 2 + _MANY_GAMES // background
    per_round = _GAME_ENTRIES // (2 * features**2)

    def sampler(
        name: Literal["kernel", "permutation"],
        draw: Draw,
        evaluations: Callable[[int, int], int],
        least: int,
        first: int,
        **further: Any,
    ) -> Sampler:
        most = per_game / max(1, evaluations(features, 1))
        return Sampler(name, draw, evaluations, least, min(first, int(most)), most, max(least, per_round), **further)

    found = [
        sampler("kernel", kernel.kernel_values, kernel.evaluations, kernel.LEAST_SWEEPS, kernel.LEAST_SWEEPS + 1),
        sampler(
            "permutation",
            permutation.permutation_values,
            permutation.evaluations,
            least,
            orders,
            by_seconds=many,
            early_stopping=_MANY_GAMES if many and tolerance >= _LOOSE else 0,
        ),
    ]
    return found if features < _MANY_FEATURES and tolerance < _LOOSE else found[::-1]
