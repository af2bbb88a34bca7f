"""Negative sampling for implicit feedback, on arrays only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 20
"""Maximum number of redraws."""


def sample_negatives(
    users: NDArray[np.int64], items: NDArray[np.int64], choice: NDArray[np.int64], *, each: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each interaction, sample `each` items of `choice` that its user never interacts with, uniformly.

    No item is sampled twice for a user, even for different interactions; otherwise test examples could be trained on.
    Collisions are drawn again, at most twenty times: users who have interacted with nearly all items get fewer
    negatives, and users who have interacted with all of them none.

    Args:
        users: (n,) user of each interaction, numbered from 0.
        items: (n,) item of each interaction, numbered from 0.
        choice: items to sample from.
        each: negatives per interaction.
        seed: seed of the sampling.

    Returns:
        (m,) indices of interactions, ascending, and (m,) the items sampled for them.
    """
    rng = np.random.default_rng(seed)
    span = int(max(items.max(), choice.max())) + 1
    taken = np.unique(users * span + items)
    pending = np.repeat(np.arange(len(users)), each)
    accepted_for, accepted = [], []
    for _ in range(_ROUNDS):
        if not len(pending):
            break
        candidates = choice[rng.integers(len(choice), size=len(pending))]
        keys = users[pending] * span + candidates
        first = np.zeros(len(keys), dtype=bool)
        first[np.unique(keys, return_index=True)[1]] = True
        good = first & ~_is_member(keys, taken)
        accepted_for.append(pending[good])
        accepted.append(candidates[good])
        taken, pending = np.union1d(taken, keys[good]), pending[~good]
    sampled_for = np.concatenate(accepted_for)
    order = np.argsort(sampled_for, kind="stable")
    return sampled_for[order], np.concatenate(accepted)[order]


def _is_member(keys: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each key is among the sorted `known` ones."""
    positions = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    member: NDArray[np.bool_] = known[positions] == keys
    return member
