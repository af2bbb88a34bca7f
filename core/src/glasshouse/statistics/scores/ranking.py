"""Exposure of groups in a ranking by score: shares of the top positions and of attention."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from glasshouse.statistics.intervals.estimates import Floats


@dataclass(frozen=True, eq=False)
class Exposure:
    """The share of each of G groups in the first k positions; (G,) each, NaN without rows.

    `in_top`: rows expected there; `top_share`: their share of the top; `exposure_share`: share of its exposure, where
    position j is seen with weight 1 / log2(1 + j); `exposure_ratio`: exposure per row over that of all rows, 1 if
    the ranking does not depend on the group.
    """

    k: float
    in_top: Floats
    top_share: Floats
    exposure_share: Floats
    exposure_ratio: Floats


def exposure_at_k(counts: ArrayLike, k: float, *, sizes: ArrayLike | None = None) -> Exposure:
    """Exposure of groups in the first k positions of a ranking.

    Args:
        counts: (B, G) rows (or weights) of each group at each of B scores, the highest score first. Rows of one score
            stand in random order: each position they take is shared by all of them.
        k: number of top positions; at most the number of rows.
        sizes: (G,) all rows of each group, if `counts` leave out scores below the first k positions.

    Source: Singh and Joachims 2018, KDD, section 3.1, with the position bias of the discounted cumulative gain.

    Raises:
        ValueError: if counts are not one column a group, or negative, or k is not above 0.
    """
    rows = np.asarray(counts, dtype=np.float64)
    if rows.ndim != 2 or np.any(rows < 0):
        raise ValueError(f"counts have a row for each score and a column for each group, got shape {rows.shape}")
    if not k > 0:
        raise ValueError(f"k must be above 0, got {k}")
    tied = rows.sum(axis=1)
    ends = np.minimum(np.cumsum(tied), k)
    starts = np.concatenate([[0.0], ends[:-1]])
    own = np.divide(rows, tied[:, None], out=np.zeros_like(rows), where=tied[:, None] > 0)
    in_top = own.T @ (ends - starts)
    exposure = own.T @ (_seen(ends) - _seen(starts))
    whole = rows.sum(axis=0) if sizes is None else np.asarray(sizes, dtype=np.float64)
    total = whole.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        share = exposure / exposure.sum()
        return Exposure(
            k=min(k, float(total)),
            in_top=np.where(whole > 0, in_top, np.nan),
            top_share=np.where(whole > 0, in_top / in_top.sum(), np.nan),
            exposure_share=np.where(whole > 0, share, np.nan),
            exposure_ratio=share / (whole / total),
        )


def _seen(positions: Floats) -> Floats:
    """Sum of 1 / log2(1 + j) over the first positions, linearly interpolated between integers."""
    last = int(np.ceil(positions.max(initial=0)))
    table = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, last + 2)))])
    return np.asarray(np.interp(positions, np.arange(last + 1), table))
