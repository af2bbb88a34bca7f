"""Mergeable histograms of scores by group and target: AUC, calibration and distributions without the rows.

Only occupied bins are stored, each with its number of rows, sum of scores, and place of the smallest and largest score.
The size does not depend on the number of rows, sums are exact, and the error of inexact results can be computed from
the histogram.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasshouse.statistics.counts.table import Attribute, group_names, listed_groups, marginal_groups
from glasshouse.statistics.intervals.estimates import Estimate, Floats
from glasshouse.statistics.intervals.means import t_interval
from glasshouse.statistics.intervals.proportions import wilson
from glasshouse.statistics.scores.area_interval import area_interval
from glasshouse.statistics.scores.bin_numbers import EDGES, SHIFT, scores_at_places, scores_of, segment_of
from glasshouse.statistics.scores.binning import Bins
from glasshouse.statistics.scores.calibration import ReliabilityCurve

Scale = Literal["probability", "value"]

CERTIFICATE = 1e-4
"""The accepted error of an AUC from a histogram. Above it the histogram has one bin for each distinct score, or as many
bins as memory allows."""

MAX_BINS = 1_000_000
"""Maximum number of occupied bins of all groups together before they are joined in pairs; for bins finer than the
default `MAX_EXACT_SCORES`."""

MAX_EXACT_SCORES = 12_000_000

_NO_POSITIVES, _NO_NEGATIVES = "no rows with target 1", "no rows with target 0"


class ScoreBins(NamedTuple):
    """The occupied bins of one group in ascending order, for b bins and t targets: 0 and 1, or one column for all."""

    score: Floats
    """(b,) mean score of the bin's rows, weighted."""
    rows: NDArray[np.int64]
    """(b, t) rows."""
    weights: Floats
    """(b, t) sums of weights; the rows without weights."""
    squares: Floats
    """(b, t) sums of squared weights."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoreHistogram:
    """Scores by group, target and bin, for G groups; `+` adds the rows of both.

    `scale` is ``probability`` for scores from 0 to 1 in logit-spaced bins, or ``value`` for any finite numbers in bins
    of equal relative width. `shift` is their width; with 0 every distinct score has its own bin and all results are
    exact.
    """

    attributes: tuple[Attribute, ...]
    codes: NDArray[np.int64]
    """(G, a) each group's level codes, as in `GroupCounts`."""
    scale: Scale
    shift: int
    occupied: Bins
    """The bins with rows."""

    @property
    def has_targets(self) -> bool:
        """Whether there are targets."""
        return self.occupied.targets == 2

    @property
    def weighted(self) -> bool:
        """Whether rows have weights."""
        return self.occupied.weights is not None

    @property
    def groups(self) -> tuple[dict[str, str], ...]:
        """Each group as attribute -> level."""
        return group_names(self.attributes, self.codes)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(G,) rows of each group."""
        return np.asarray(self._row_sums.sum(axis=0), dtype=np.int64)

    @property
    def exact(self) -> bool:
        """Whether every distinct score has its own bin."""
        return self.shift == 0

    def __add__(self, other: ScoreHistogram) -> ScoreHistogram:
        """The histogram of the rows of both, as fine as the coarser of the two.

        Raises:
            ValueError: if attributes, scale, targets or weights differ.
        """
        mine, theirs = ((h.attributes, h.scale, h.has_targets, h.weighted) for h in (self, other))
        if mine != theirs:
            raise ValueError("histograms that merge have the same attributes, scale, and both or neither have targets")
        listed, slot = listed_groups(self.attributes, np.concatenate([self.codes, other.codes]))
        shift, probability = max(self.shift, other.shift), self.scale == "probability"
        parts = [
            h.occupied.coarser(h.shift, shift, probability=probability).regrouped(s)
            for h, s in ((self, slot[: len(self.codes)]), (other, slot[len(self.codes) :]))
        ]
        return histogram_of_bins(self.attributes, listed, Bins.joined(parts).merged(), scale=self.scale, shift=shift)

    def marginal(self, names: Sequence[str]) -> ScoreHistogram:
        """The histogram over some of the attributes, in the given order; over none of them, all rows are one group.

        Raises:
            ValueError: if a name is not an attribute.
        """
        chosen, listed, slot = marginal_groups(self.attributes, self.codes, names)
        return replace(self, attributes=chosen, codes=listed, occupied=self.occupied.regrouped(slot).merged())

    def overall(self) -> ScoreHistogram:
        """All rows as one group."""
        return self.marginal(())

    def bins(self, group: int) -> ScoreBins:
        """The bins of one group, for other functions of score and target: slopes, exposure, thresholds."""
        chosen = slice(*np.searchsorted(self.occupied.group, [group, group + 1]))
        weights, totals = self._weights[:, chosen], self.occupied.totals[:, chosen]
        score = _share(totals.sum(axis=0), weights.sum(axis=0))
        return ScoreBins(score, self.occupied.rows[:, chosen].T, weights.T, self._squares[:, chosen].T)

    def roc_auc(self, *, level: float = 0.95) -> tuple[Estimate, ...]:
        """Area under the ROC curve of each group, equal to that of the rows up to `roc_auc_error`.

        Pairs of rows of both targets in one bin count half, unless the ranges of their scores do not overlap. The
        interval is that of `glasshouse.statistics.roc_auc` with placements by bin; with weights from effective numbers
        of rows, (sum w)^2 / sum w^2, and spreads sum w^2 (placement - area)^2 / sum w^2 of each target.

        Raises:
            ValueError: if there are no targets.
        """
        sums = self._target_weights
        weights, squares = self._weights, self._squares
        positives_rank, negatives_rank = self._placed
        with np.errstate(invalid="ignore", divide="ignore"):
            areas = self._sum(weights[1] * positives_rank) / sums.prod(axis=0)
        spreads, effective = np.zeros((2, len(self))), np.zeros((2, len(self)))
        for target, rank in ((1, positives_rank), (0, negatives_rank)):
            with np.errstate(invalid="ignore", divide="ignore"):
                deviation = rank * self._spread(1 / sums[1 - target])
                deviation -= self._spread(areas)
                deviation *= deviation
                deviation *= squares[target]
                total = self._sum(squares[target])
                n = effective[target] = sums[target] ** 2 / total
                spreads[target] = self._sum(deviation) / total * n / (n - 1)
        suffix = "_weighted" if self.weighted else ""
        return tuple(
            _area(areas[k], spreads[:, k], effective[:, k], (int(rows[0]), int(rows[1])), level, suffix)
            for k, rows in enumerate(self._row_sums.T)
        )

    def roc_auc_error(self) -> Floats:
        """(G,) upper bound of the error of each `roc_auc`: half the sum over bins of p_b n_b / (P N).

        Only bins with overlapping positives and negatives count; 0 is exact. NaN if the area is undefined.

        Raises:
            ValueError: if there are no targets.
        """
        product, weights = self._target_weights.prod(axis=0), self._weights
        pairs = np.zeros(len(self)) if self.exact else self._sum(weights[0] * weights[1] * ~self._clear)
        return np.asarray(0.5 * pairs / np.where(product > 0, product, np.nan))

    def reliability(self, *, bins: int = 10, level: float = 0.95) -> tuple[ReliabilityCurve, ...]:
        """Reliability curve of each group over 5, 10 or 20 bins of equal width, exactly that of its rows.

        Raises:
            ValueError: for other bins, without targets, or for scores that are not probabilities.
        """
        if bins not in (5, 10, 20) or self.scale != "probability" or not self.has_targets:
            raise ValueError("a reliability curve from a histogram has 5, 10 or 20 bins of probabilities with targets")
        where = self.occupied.group * bins + segment_of(self.occupied.number, self.shift) * bins // (len(EDGES) - 1)
        starts = np.flatnonzero(np.diff(where, prepend=-1))

        def summed(values: NDArray[np.generic]) -> Floats:
            """(t, G, bins): the bins of one segment of a group are consecutive."""
            found = np.zeros((len(values), len(self) * bins))
            if len(starts):
                found[:, where[starts]] = np.add.reduceat(values, starts, axis=1)
            return found.reshape(len(values), len(self), bins)

        by_target = summed(self._weights)
        weight, squares = by_target.sum(axis=0), summed(self._squares).sum(axis=0)
        observed = np.clip(_share(by_target[1], weight), 0, 1)
        predicted = _share(summed(self.occupied.totals).sum(axis=0), weight)
        counts = summed(self.occupied.rows).sum(axis=0).astype(np.int64)
        effective = np.divide(weight**2, squares, out=np.zeros_like(weight), where=squares > 0)
        intervals = wilson(np.nan_to_num(observed) * effective, effective, level=level)
        if self.weighted:
            intervals = intervals.from_effective_counts()
        edges = np.linspace(0, 1, bins + 1)
        of_groups = (
            replace(intervals, low=low, high=high) for low, high in zip(intervals.low, intervals.high, strict=True)
        )
        columns = zip(counts, weight, predicted, observed, of_groups, strict=True)
        return tuple(ReliabilityCurve(edges, *of_group) for of_group in columns)

    def brier_score(self, *, level: float = 0.95) -> tuple[Estimate, ...]:
        """Brier score of each group, with the mean score of each bin; the error is at most a quarter of a bin's
        squared width (4e-9; 1.5e-8 for rows in memory). Student's t interval.

        Raises:
            ValueError: if there are no targets.
        """
        self._need_targets()
        return self._means(np.square(self._centres - np.array([[0.0], [1.0]])), level)

    def log_loss(self, *, level: float = 0.95) -> tuple[Estimate, ...]:
        """Mean negative logarithm of the probability of the true target, in nats, with the mean score of each bin,
        clipped to at least 2.2e-16 from 0 and 1. Student's t interval.

        Raises:
            ValueError: if there are no targets.
        """
        self._need_targets()
        true = np.stack([1 - self._centres[0], self._centres[1]])
        resolution = np.finfo(np.float64).eps
        return self._means(-np.log(np.clip(true, resolution, 1 - resolution)), level)

    def mean(self, *, level: float = 0.95) -> tuple[Estimate, ...]:
        """Mean score of each group, with Student's t interval."""
        return self._means(self._centres, level)

    def quantiles(self, shares: ArrayLike) -> Floats:
        """(G, q) the quantiles of a group's scores by weight, accurate to one bin.

        NaN for a group without rows.
        """
        wanted = np.asarray(shares, dtype=np.float64)
        found = np.full((len(self), len(wanted)), np.nan)
        for k in range(len(self)):
            score, _, weights, _ = self.bins(k)
            running = np.cumsum(weights.sum(axis=1))
            if len(score) and running[-1] > 0:
                # the factor keeps rounding from skipping a bin that just reaches the share
                reached = np.searchsorted(running, wanted * running[-1] * (1 - 1e-12))
                found[k] = score[np.minimum(reached, len(score) - 1)]
        return found

    def share_above(self, threshold: float) -> Floats:
        """(G,) share of each group's weight with scores above a threshold; its own bin is divided proportionally."""
        low, high = self._ends
        width = high - low
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.where(width > 0, (high - threshold) / width, (low > threshold).astype(float))
        above = self._sum(np.where(self.occupied.rows > 0, self._weights * np.clip(part, 0, 1), 0.0).sum(axis=0))
        return _share(above, self._sum(self._weights.sum(axis=0)))

    def distribution(self, edges: ArrayLike) -> Floats:
        """(G, t, len(edges) - 1) weight of the rows by target whose bin has its mean between edges, including the upper
        edge, the first also the lower one; other rows are left out."""
        limit = np.asarray(edges, dtype=np.float64)
        parts, targets, centres = len(limit) - 1, self.occupied.targets, self._centres
        place = np.searchsorted(limit, centres, side="left") - 1
        place = np.where(centres == limit[0], 0, place)
        inside = (place >= 0) & (place < parts) & (self.occupied.rows > 0)
        where = (self.occupied.group * targets + np.arange(targets)[:, None]) * parts + place
        found = np.bincount(where[inside], weights=self._weights[inside], minlength=len(self) * targets * parts)
        return np.asarray(found.reshape(len(self), targets, parts), dtype=np.float64)

    # ------------------------------------------------------------------ arithmetic

    @cached_property
    def _weights(self) -> Floats:
        """(t, b)"""
        given = self.occupied.weights
        return self.occupied.rows.astype(np.float64) if given is None else given

    @property
    def _squares(self) -> Floats:
        return self._weights if self.occupied.squares is None else self.occupied.squares

    @cached_property
    def _runs(self) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
        """For each group with bins: its first bin, its position, and its number of bins."""
        ends = np.searchsorted(self.occupied.group, np.arange(len(self) + 1))
        lengths = np.diff(ends)
        some = np.flatnonzero(lengths)
        return ends[some], some, lengths[some]

    def _sum(self, values: NDArray[np.generic]) -> Floats:
        """(..., b) values of bins, summed by group."""
        starts, some, _ = self._runs
        found = np.zeros((*values.shape[:-1], len(self)))
        if len(some):
            found[..., some] = np.add.reduceat(values, starts, axis=-1)
        return found

    def _spread(self, values: Floats) -> Floats:
        """(G,) values of groups, repeated for each of their bins."""
        _, some, lengths = self._runs
        return np.repeat(values[some], lengths)

    def _need_targets(self) -> None:
        if not self.has_targets:
            raise ValueError("the targets of these scores are not known")

    @cached_property
    def _centres(self) -> Floats:
        """(t, b) mean scores; 0 without rows."""
        if self.exact:
            scores = scores_of(self.occupied.number, probability=self.scale == "probability")
            return np.where(self.occupied.rows > 0, scores, 0.0)
        weights = self._weights
        found = self.occupied.totals / np.where(weights > 0, weights, 1.0)
        return np.minimum(found, 1.0, out=found) if self.scale == "probability" else found

    @property
    def _ends(self) -> tuple[Floats, Floats]:
        """(t, b) the smallest and largest score of each bin."""
        probability = self.scale == "probability"
        if self.exact:
            return self._centres, self._centres
        low, high = (
            scores_at_places(self.occupied.number, place, self.shift, probability=probability)
            for place in (self.occupied.low, self.occupied.high.astype(np.int64) + 1)
        )
        single = self.occupied.rows == 1
        return np.where(single, self._centres, low), np.where(single, self._centres, high)

    @property
    def _target_weights(self) -> Floats:
        """(2, G) weight of the rows of each target."""
        self._need_targets()
        return self._weight_sums

    @cached_property
    def _weight_sums(self) -> Floats:
        return self._sum(self._weights)

    @cached_property
    def _row_sums(self) -> Floats:
        return self._sum(self.occupied.rows)

    @cached_property
    def _clear(self) -> NDArray[np.bool_]:
        """(b,) whether all positives of an inexact bin are above all its negatives, or all below."""
        (low_0, low_1), (high_0, high_1) = self.occupied.low, self.occupied.high
        return np.asarray((low_1 > high_0) | (high_1 < low_0))

    @cached_property
    def _placed(self) -> tuple[Floats, Floats]:
        """(b,) DeLong placements: weight of negatives below a bin's positives, and of positives above its negatives."""
        sums, weights = self._target_weights, self._weights
        first, some, _ = self._runs
        ranks = []
        above = None if self.exact else self.occupied.low[1] > self.occupied.high[0]
        part = 0.5 if above is None else np.where(above, 1.0, 0.5 * ~self._clear)
        for target in (0, 1):
            running = np.cumsum(weights[target])
            before = np.zeros(len(self))
            before[some] = running[first] - weights[target][first]
            if target == 0:  # below: all bins before, and a part of this one
                running -= self._spread(before)
                running -= (1 - part) * weights[0]
                ranks.append(running)
            else:  # above: all bins except those before and a part of this one
                running -= self._spread(before + sums[1])
                running -= part * weights[1]
                ranks.append(np.negative(running, out=running))
        return ranks[0], ranks[1]

    def _means(self, values: Floats, level: float) -> tuple[Estimate, ...]:
        """Mean by group of (t, b) values of the bins, with Student's t interval as `glasshouse.statistics.mean`."""
        weight, rows = self._weight_sums.sum(axis=0), self._row_sums.sum(axis=0)
        means = _share(self._sum(self._weights * values).sum(axis=0), weight)
        deviation = values - self._spread(np.nan_to_num(means))
        deviation *= deviation
        deviation *= self._squares
        spread = self._sum(deviation).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.sqrt(spread * np.where(rows > 1, rows / (rows - 1), np.nan)) / weight
        intervals = t_interval(means, error, rows - 1, level=level)
        return tuple(
            Estimate(float(means[k]), int(rows[k]), intervals.item(k))
            if weight[k] > 0
            else Estimate(None, int(rows[k]), undefined="weights of 0" if rows[k] else "no rows")
            for k in range(len(self))
        )


def histogram_of_bins(
    attributes: tuple[Attribute, ...], codes: NDArray[np.int64], bins: Bins, *, scale: Scale, shift: int
) -> ScoreHistogram:
    """A histogram of sorted bins, which are joined in pairs while there are too many."""
    most = MAX_EXACT_SCORES if shift < SHIFT else MAX_BINS
    found, shift = bins.fitted(shift, most, probability=scale == "probability")
    return ScoreHistogram(attributes=attributes, codes=codes, scale=scale, shift=shift, occupied=found)


def _share(part: NDArray[np.generic], whole: NDArray[np.generic]) -> Floats:
    """part / whole; NaN if the whole is 0."""
    numerator = np.asarray(part, dtype=np.float64)
    undefined = np.full(numerator.shape, np.nan)
    return np.asarray(np.divide(numerator, whole, out=undefined, where=np.asarray(whole) > 0))


def _area(
    area: float, spreads: Floats, effective: Floats, rows: tuple[int, int], level: float, suffix: str
) -> Estimate:
    n = sum(rows)
    if np.isnan(area):
        if min(rows):
            return Estimate(None, n, undefined="weights of 0")
        return Estimate(None, n, undefined=_NO_NEGATIVES if rows[1] else _NO_POSITIVES)
    area = float(np.clip(area, 0, 1))
    if np.isclose(area, round(area), rtol=0, atol=1e-15):
        area = float(round(area))
    negatives, positives = np.nan_to_num(spreads).tolist()
    counted = (float(effective[1]), float(effective[0]))
    return Estimate(area, n, area_interval(area, (positives, negatives), counted, level=level, suffix=suffix))
