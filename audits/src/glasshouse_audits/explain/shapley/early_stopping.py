"""Early stopping: some of a row's games may suffice for a loose tolerance, without the whole background.

Random games of a row, drawn without replacement, represent all of them. Their mean is unbiased. A row's values must add
up to its output minus the background's mean output, which is known, so the difference is distributed over the features
in proportion to their variances, as in a regression on the sum.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from glasshouse_audits.explain.shapley.games import Games, Pairs


def random_part(large: Sequence[Pairs], most: int, generator: torch.Generator) -> tuple[list[Pairs], list[Pairs]]:
    """At most `most` random games of each row, and the others."""
    row = torch.cat([pairs.row for pairs in large])
    chosen = random_place(row - row.min(), int(row.max() - row.min()) + 1, generator)[0] < most
    masks = torch.split(chosen, [len(pairs) for pairs in large])
    some = [pairs[mask] for pairs, mask in zip(large, masks, strict=True) if mask.any()]
    others = [pairs[~mask] for pairs, mask in zip(large, masks, strict=True) if not mask.all()]
    return some, others


def random_place(row: Tensor, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each game's place, from 0, in a random order of its row's games; and how many games each row has, (rows,)."""
    order = torch.rand(len(row), device=row.device, generator=generator).argsort()
    order = order[row[order].argsort(stable=True)]
    sizes = torch.bincount(row, minlength=rows)
    place = torch.empty_like(order)
    place[order] = torch.arange(len(row), device=row.device) - (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
    return place, sizes


def extrapolated(
    games: Games, large: Sequence[Pairs], some: Sequence[Pairs], values: Tensor, variances: Tensor, first: int
) -> tuple[Tensor, Tensor]:
    """Values and variances (R, d, k) for all `large` games, from sums over `some` of them; row 0 is number `first`."""
    rows, device = len(values), values.device
    b = len(games.background)
    total = values.new_zeros(rows, values.shape[2])
    for pairs in large:
        total.index_add_(0, pairs.row.to(device) - first, games.gain(pairs) / b)
    scale = (_per_row(large, rows, first, device) / _per_row(some, rows, first, device)).nan_to_num(nan=1.0)
    scale = scale[:, None, None].to(values.dtype)
    values, variances = values * scale, variances * scale**2
    missing = total - values.sum(dim=1)
    share = variances / variances.sum(dim=1, keepdim=True)
    # Without variance all sampled games are equal: nothing is missing, or it cannot be attributed to a feature.
    share = torch.where(share.isfinite(), share, 1 / values.shape[1])
    return values + missing.unsqueeze(1) * share, variances


def _per_row(games: Sequence[Pairs], rows: int, first: int, device: torch.device) -> Tensor:
    counts = torch.zeros(rows, dtype=torch.float64, device=device)
    for pairs in games:
        counts += torch.bincount(pairs.row.to(device) - first, minlength=rows)
    return counts
