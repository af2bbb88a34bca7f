"""Deletion and insertion curves, and the areas under them compared with random orders.

Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018, section 4:
features are removed in the order of their attributions, the largest first, and the score is recorded. A faster fall
means a better order, so a smaller area under the deletion curve is better. Insertion starts without any of the row's
features and adds them in the same order: a larger area is better. Here "removed" means replaced by background rows,
the columns of one feature together, and the score is the mean over these.

Whether an area of 0.4 is good depends on the model and the rows, so random orders of the same rows against the same
background rows are the baseline. Deleting in one order is inserting in the reverse order, read backwards: both have the
same area, and one set of random orders serves both curves. Random orders come in pairs, an order and its reverse. For
an additive model the areas of each pair have the same sum, so the mean over pairs is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasshouse_audits.explain.checks.draws import systematic, uniforms
from glasshouse_audits.explain.checks.replacement import FeatureReplacement

Floats = NDArray[np.float64]

MOST_STEPS = 32
"""Points of a curve after its start; with more features, several are replaced at a time."""


@dataclass(frozen=True, eq=False)
class ReplacementCurves:
    """Scores of rows while features are replaced, for the orders of any number of methods.

    `share` (p + 1,) of the features is replaced at each point, from 0 to 1. `random` (n, r, p + 1, k) are the scores
    for r random orders. `drawn` (n, m) are the background rows that replace a row's features.
    """

    replacement: FeatureReplacement
    share: Floats
    random: Floats
    drawn: NDArray[np.int64]
    row_scores: Floats
    seed: int

    def along(self, order: NDArray[np.intp]) -> Floats:
        """Scores (n, p + 1, k) while features are replaced in the `order` (n, d) of each row."""
        return _scores_along(self.replacement, order, self.drawn, self.row_scores, self.share)

    def curves(self, values: Floats, output: int) -> Curves:
        """Both curves of attributions (n, d) of one output, the largest attribution first; ties in random order."""
        order = descending(values, self.replacement.content(), seed=self.seed)
        return Curves(
            share=self.share,
            deletion=self.along(order)[:, :, output],
            insertion=self.along(order[:, ::-1])[:, ::-1, output],
            random=self.random[..., output],
        )


@dataclass(frozen=True, eq=False)
class Curves:
    """Scores of n rows at each `share` (p + 1,) of features deleted or inserted.

    `deletion` and `insertion` are (n, p + 1), and `random` (n, r, p + 1) are deletion curves of random orders. Areas
    are in the score's unit: the mean height of a curve.
    """

    share: Floats
    deletion: Floats
    insertion: Floats
    random: Floats

    @property
    def inserted(self) -> Floats:
        """(p + 1,) the share of features inserted at each point of `insertion`."""
        return 1 - self.share[::-1]

    @property
    def deletion_area(self) -> Floats:
        """(n,); smaller is better."""
        return area(self.share, self.deletion)

    @property
    def insertion_area(self) -> Floats:
        """(n,); larger is better."""
        return area(self.inserted, self.insertion)

    @property
    def random_area(self) -> Floats:
        """(n, r) areas of random orders, the same for deletion and insertion."""
        return area(self.share, self.random)

    @property
    def deletion_gain(self) -> Floats:
        """(n,) mean area of random orders minus the area; above 0 is better than random."""
        gain: Floats = self.random_area.mean(axis=1) - self.deletion_area
        return gain

    @property
    def insertion_gain(self) -> Floats:
        """(n,) area minus the mean area of random orders; above 0 is better than random."""
        gain: Floats = self.insertion_area - self.random_area.mean(axis=1)
        return gain

    @property
    def deletion_beats(self) -> Floats:
        """(n,) share of random orders with a larger area, ties counting half; 0.5 is no better than random."""
        return _beaten(self.random_area - self.deletion_area[:, None])

    @property
    def insertion_beats(self) -> Floats:
        """(n,) share of random orders with a smaller area, ties counting half; 0.5 is no better than random."""
        return _beaten(self.insertion_area[:, None] - self.random_area)


def replacement_curves(
    replacement: FeatureReplacement, *, orders: int = 10, draws: int = 10, seed: int = 0
) -> ReplacementCurves:
    """Score `orders` (even) random orders of every row against `draws` background rows each.

    It scores orders x rows x steps x draws inputs; the two curves of an explanation cost as much as two orders.

    Raises:
        ValueError: unless `orders` is even and at least 2.
    """
    if orders < 2 or orders % 2:
        raise ValueError(f"random orders come in pairs, got {orders}")
    d, content = replacement.features, replacement.content()
    n = len(content)
    drawn = systematic(content, replacement.drawn(draws), len(replacement.background), seed=seed)
    share = _counts(d) / d
    row_scores = replacement.row_scores()
    keys = uniforms(content, d * orders // 2, seed=seed, use="orders").reshape(n, -1, d)
    forwards = np.argsort(keys, axis=2).reshape(-1, d)
    random = [
        _scores_along(
            replacement, some, np.repeat(drawn, orders // 2, axis=0), np.repeat(row_scores, orders // 2, axis=0), share
        )
        for some in (forwards, forwards[:, ::-1])
    ]
    joined = np.concatenate([one.reshape(n, orders // 2, *one.shape[1:]) for one in random], axis=1)
    return ReplacementCurves(replacement, share, joined, drawn, row_scores, seed)


def descending(values: Floats, rows: NDArray[np.generic], *, seed: int) -> NDArray[np.intp]:
    """Features of each row (n, d) from the largest of its `values` to the smallest; equal ones in random order."""
    shuffled = np.argsort(uniforms(rows, values.shape[1], seed=seed, use="ties"), axis=1)
    ranked = np.argsort(-np.take_along_axis(values, shuffled, axis=1), axis=1, kind="stable")
    return np.take_along_axis(shuffled, ranked, axis=1)


def area(share: Floats, curve: Floats) -> Floats:
    """Area under curves (..., p + 1) over `share` (p + 1,) from 0 to 1, by the trapezoidal rule."""
    found: Floats = np.asarray(np.trapezoid(curve, share, axis=-1), dtype=np.float64)
    return found


def _counts(features: int) -> NDArray[np.intp]:
    """How many features are replaced at each point of a curve."""
    return np.rint(np.linspace(0, features, min(features, MOST_STEPS) + 1)).astype(np.intp)


def _scores_along(
    replacement: FeatureReplacement, order: NDArray[np.intp], drawn: NDArray[np.int64], start: Floats, share: Floats
) -> Floats:
    """Scores (u, p + 1, k) for orders (u, d); consecutive orders belong to the same row, equally many for each."""
    d = order.shape[1]
    counts = np.rint(share * d).astype(np.intp)
    position = np.argsort(order, axis=1)
    step = np.searchsorted(counts, position, side="right")
    row = np.repeat(np.arange(len(replacement.rows)), len(order) // len(replacement.rows))
    scores = replacement.scores(row, drawn, step, steps=len(counts) - 1)
    return np.concatenate([start[:, None], scores], axis=1)


def _beaten(better_by: Floats) -> Floats:
    """Share of entries above 0 along the second axis; entries of 0, within rounding of the scores, count half."""
    resolution = np.finfo(np.float32).eps * np.abs(better_by).max(initial=0.0)
    points = np.where(np.abs(better_by) <= resolution, 0.5, better_by > 0)
    shares: Floats = np.mean(points, axis=1)
    return shares
