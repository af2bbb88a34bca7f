"""Items that users have not met, drawn beside those that they have. Pure arithmetic on arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 20
"""How often what cannot be taken is drawn again."""


def draw_negatives(
    users: NDArray[np.int64], items: NDArray[np.int64], choice: NDArray[np.int64], *, each: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each meeting, `each` items of `choice` that its user meets nowhere, uniformly.

    No user gets an item twice, be it for different meetings: what is held out to test would be trained on. Draws that
    hit what was met or drawn already are made again, twenty times at most: somebody who has met nearly everything gets
    fewer, and somebody who has met all of it none.

    Args:
        users: (n,) numbers from 0 on.
        items: (n,) numbers from 0 on.
        choice: numbers of the items to draw from.
        each: draws for each meeting.
        seed: where they come from.

    Returns:
        (m,) numbers of meetings, ascending, and (m,) the items drawn for them.
    """
    rng = np.random.default_rng(seed)
    span = int(max(items.max(), choice.max())) + 1
    taken = np.unique(users * span + items)
    places = np.repeat(np.arange(len(users)), each)
    found_for, found = [], []
    for _ in range(_ROUNDS):
        if not len(places):
            break
        drawn = choice[rng.integers(len(choice), size=len(places))]
        keys = users[places] * span + drawn
        first = np.zeros(len(keys), dtype=bool)
        first[np.unique(keys, return_index=True)[1]] = True
        good = first & ~_among(keys, taken)
        found_for.append(places[good])
        found.append(drawn[good])
        taken, places = np.union1d(taken, keys[good]), places[~good]
    drawn_for = np.concatenate(found_for)
    order = np.argsort(drawn_for, kind="stable")
    return drawn_for[order], np.concatenate(found)[order]


def _among(keys: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each key is one of the sorted ones."""
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    found: NDArray[np.bool_] = known[places] == keys
    return found
