"""A second order for some of a row's games: how far one order is from the truth, and a mean that is nearer to it.

One order of each of many games says little of its own error, since its values differ between games for two reasons:
other background rows, and other orders. Two orders of a game differ for the second reason alone. Random games of a row
that have two stand for the others that have one, and the values of all are a mean of one order and a part of another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from glasshouse_audits.explain.shapley.early_stopping import random_place
from glasshouse_audits.explain.shapley.games import Games, Pairs

LEAST = 24
"""Games of a row that have two orders, if it has as many: fewer would not know the error."""

Again = Callable[[Pairs], Tensor]
"""From games to the values (Q, m, k) of another order of each."""


class SecondOrders:
    """The games of R rows, the values of one order of each, and which of them have had a second.

    Args:
        seen: games and their values (Q, m, k), float64.
        rows: R; the first row is number `first`.
        generator: of which games are next.
    """

    def __init__(
        self, seen: Sequence[tuple[Pairs, Tensor]], *, rows: int, first: int, generator: torch.Generator
    ) -> None:
        self.seen, self.first = seen, first
        row = torch.cat([pairs.row for pairs, _ in seen]) - first
        places, self.sizes = random_place(row, rows, generator)
        self.places = torch.split(places, [len(pairs) for pairs, _ in seen])
        self.had = torch.zeros_like(self.sizes)
        self.squares: Tensor | None = None

    def draw(self, share: float, pending: Tensor, draw_again: Again, games: Games, values: Tensor) -> Tensor:
        """Give so large a share of each pending row's games a second order; what is given stays given.

        Args:
            share: of a row's games, in (0, 1].
            pending: (R,) rows that are asked for.
            again: what draws an order.
            games: that of the pairs.
            values: (R, d, k) sums over games of what `seen` has; becomes that of the means of one or two orders.

        Returns:
            (R, d, k) variances of these sums; NaN for rows without a second order.
        """
        has = (share * self.sizes.double() + 1e-9).floor().long()
        self.squares = torch.zeros_like(values) if self.squares is None else self.squares
        for (pairs, once), place in zip(self.seen, self.places, strict=True):
            row = pairs.row - self.first
            chosen = pending.to(row.device)[row] & (place >= self.had[row]) & (place < has[row])
            if chosen.any():
                both = pairs[chosen]
                half = (draw_again(both) - once[chosen.to(once.device)]) / 2
                games.add_up(both, half, to=values, first=self.first)
                games.add_up(both, half.square(), to=self.squares, first=self.first)
        self.had = torch.where(pending.to(has.device), has, self.had)
        # With two orders a game's mean has the variance `half` squared, with one it has twice that.
        alone = ((self.sizes - self.had) / self.had).to(values)
        return self.squares * (1 + 2 * alone)[:, None, None]
