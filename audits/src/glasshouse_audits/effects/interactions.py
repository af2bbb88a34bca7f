"""Pairwise Shapley interactions by enumeration: the joint effect of two features beyond the effects of each alone.

For features i and j among m players the Shapley interaction index (Grabisch and Roubens 1999, "An axiomatic approach
to the concept of interaction among players in cooperative games") is

    I(i, j) = sum over S without i and j of |S|! (m - |S| - 2)! / (m - 1)! D(S)
    D(S) = v(S + i + j) - v(S + i) - v(S + j) + v(S),

v(S) being the mean output over the background rows with the features in S taken from the explained row. SHAP
interaction values (Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for
trees") give half of it to each order of the pair, and leave to each feature its main effect,
phi(i) - sum over j of I(i, j) / 2; all of them add up to the output minus the mean output of the background.

The players are selected features, and all other features together as one player. There are few coalitions (2^m), and
every value is exact for this game.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray

from glasshouse_audits.effects.grids import Floats, Inputs, Score

# Inputs evaluated at once.
_BLOCK = 8192


@dataclass(frozen=True, eq=False)
class Interactions:
    """Interactions of n rows, m players and k outputs, in the output's unit."""

    pairs: tuple[tuple[int, int], ...]
    values: Floats
    """(n, pairs, k) Shapley interaction index of each pair: twice its SHAP interaction value."""
    main: Floats
    """(n, m, k) main effects: Shapley values minus half of the player's interactions."""


def shapley_interactions(score: Score, rows: Inputs, background: Inputs, player: NDArray[np.intp]) -> Interactions:
    """Exact interactions of all pairs of players.

    Args:
        score: the model.
        rows: (n, width) explained rows.
        background: (b, width) rows that represent "the feature is unknown".
        player: (width,) the player of each encoded column, from 0 to m - 1; the cost is n b 2^m evaluations.
    """
    m = int(player.max()) + 1
    members = (np.arange(2**m)[:, None] >> np.arange(m)) & 1 == 1
    pairs = tuple(combinations(range(m), 2))
    masks = np.ascontiguousarray(members[:, player])  # indexing leaves it by column, and `where` would follow
    coalition_values = np.stack([_coalition_values(score, row, background, masks) for row in rows])
    values = np.einsum("ps,nsk->npk", _pair_weights(members, pairs), coalition_values)
    shapley = np.einsum("ps,nsk->npk", _single_weights(members), coalition_values)
    # smaller values are rounding errors of single precision
    resolution = 4 * np.finfo(np.float32).eps * np.abs(coalition_values).max(initial=0.0)
    values = np.where(np.abs(values) > resolution, values, 0.0)
    main = shapley.copy()
    for number, (i, j) in enumerate(pairs):
        main[:, [i, j]] -= values[:, [number]] / 2
    return Interactions(pairs, values, main)


def _coalition_values(score: Score, row: Inputs, background: Inputs, masks: NDArray[np.bool_]) -> Floats:
    """(2^m, k) mean output over the background with the masked columns (2^m, width) taken from the row."""
    step = max(1, _BLOCK // len(background))
    found = []
    for start in range(0, len(masks), step):
        mixed = np.where(masks[start : start + step, None], row, background)
        outputs = score(mixed.reshape(-1, len(row)))
        found.append(outputs.reshape(len(mixed), len(background), -1).mean(axis=1))
    return np.concatenate(found)


def _pair_weights(members: NDArray[np.bool_], pairs: tuple[tuple[int, int], ...]) -> Floats:
    """(pairs, 2^m): a coalition counts as S, S + i, S + j or S + i + j, by which of the two are in it."""
    m, size = members.shape[1], members.sum(axis=1)
    within = np.array([factorial(s) * factorial(m - s - 2) / factorial(m - 1) for s in range(m - 1)])
    found = np.empty((len(pairs), len(members)))
    for number, (i, j) in enumerate(pairs):
        both = members[:, i].astype(np.intp) + members[:, j]
        found[number] = np.where(both == 1, -1, 1) * within[size - both]
    return found


def _single_weights(members: NDArray[np.bool_]) -> Floats:
    """(m, 2^m): Shapley's weights of coalitions with and without each player."""
    m, size = members.shape[1], members.sum(axis=1)
    within = np.array([factorial(s) * factorial(m - s - 1) / factorial(m) for s in range(m)])
    return np.stack([np.where(one, 1, -1) * within[size - one] for one in members.T])
