"""Items that users have not met, drawn beside those that they have. Pure arithmetic on arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 20
"""How often what was met after all is drawn again."""


def draw_negatives(
    users: NDArray[np.int64], items: NDArray[np.int64], choice: NDArray[np.int64], *, each: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each meeting, `each` items of `choice` that its user meets nowhere, uniformly and with repetition.

    Draws that hit what the user has met are drawn again, twenty times at most: somebody who has met nearly everything
    gets fewer, and somebody who has met all of it none.

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
    met = np.unique(users * span + items)
    drawn_for = np.repeat(np.arange(len(users)), each)
    drawn = choice[rng.integers(len(choice), size=len(drawn_for))]
    again = _among(users[drawn_for] * span + drawn, met)
    for _ in range(_ROUNDS):
        open_places = np.flatnonzero(again)
        if not len(open_places):
            break
        drawn[open_places] = choice[rng.integers(len(choice), size=len(open_places))]
        again[open_places] = _among(users[drawn_for[open_places]] * span + drawn[open_places], met)
    return drawn_for[~again], drawn[~again]


def _among(keys: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each key is one of the sorted ones."""
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    found: NDArray[np.bool_] = known[places] == keys
    return found
