"""A second random order for some of a row's games: an estimate of the error of one order, and a better mean.

With one order for each of many games the error is hard to estimate, because values differ between games for two
reasons: different background rows and different orders. Two orders of the same game differ for the second reason only.
Random games of a row with two orders represent the others with one, and all orders enter the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from glasshouse_audits.explain.shapley.early_stopping import random_place
from glasshouse_audits.explain.shapley.games import Games, Pairs

LEAST = 24
"""Fewest games of a row with two orders, if it has as many: fewer do not determine the error."""

Again = Callable[[Pairs], Tensor]
"""From games to the values (Q, m, k) of another order of each."""


class SecondOrders:
    """The games of R rows, the values of one order of each, and which games already have a second order.

    Args:
        seen: games and their values (Q, m, k), float64.
        rows: R.
        first: number of the first row.
        generator: for the selection of games.
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
        """Draw a second order for a share of each pending row's games; earlier second orders are kept.

        Args:
            share: of a row's games, in (0, 1].
            pending: (R,) mask of the rows to continue.
            draw_again: draws an order.
            games: the games of the pairs.
            values: (R, d, k) sums over games of the first orders; updated to sums of the means of one or two orders.

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
