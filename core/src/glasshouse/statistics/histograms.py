"""Mergeable histograms of scores by group and target: AUC, calibration and distributions without the rows.

Only occupied bins are stored, each with its rows, its sum of scores and its smallest and largest score, so that a
table of a billion rows is as small as that of a million, sums are exact, and the error of what is not exact can be
computed from the table itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from glasshouse.statistics.binning import EDGES, Entries, aligned_order, entries_of_rows, merged_entries, segment
from glasshouse.statistics.calibration import ReliabilityCurve
from glasshouse.statistics.counts import (
    Attribute,
    GroupColumn,
    group_names,
    grouped_rows,
    listed_groups,
    marginal_groups,
)
from glasshouse.statistics.estimates import Estimate, Floats, Interval
from glasshouse.statistics.intervals import normal_quantile, t_interval, wilson

Scale = Literal["probability", "value"]

SHIFT = 40
"""Bits of a double that its bin leaves out: 12 of the 52 after the leading one stay, so every halving of p (below 0.5)
or of 1 - p (above) has 4,096 bins, which is logit spacing: 65,536 bins from 0.002 to 0.998, and as many as are needed
beyond, for events however rare. Bins nest: one bit more joins them in pairs."""

MOST_BINS = 2_000_000
"""Beyond this many occupied bins in all groups together they are joined in pairs; an exact table may have
`MOST_EXACT` first."""

MOST_EXACT = 12_000_000

_NO_POSITIVES, _NO_NEGATIVES = "no rows with target 1", "no rows with target 0"


class ScoreBins(NamedTuple):
    """The occupied bins of one group in ascending order, for b bins and t targets: 0 and 1, or one column for all."""

    score: Floats
    """(b,) mean score of the bin's rows, weighted."""
    rows: NDArray[np.int64]
    """(b, t) rows."""
    weights: Floats
    """(b, t) sums of weights; the rows if there are none."""
    squares: Floats
    """(b, t) sums of squared weights."""


class _Aligned(NamedTuple):
    """All groups' bins with both targets side by side, (b, t) each, and (b,) the group of each bin, ascending."""

    group: NDArray[np.int64]
    rows: NDArray[np.int64]
    weights: Floats
    squares: Floats
    totals: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoreHistogram:
    """Scores by group, target and bin, for G groups; `+` adds the rows of both.

    `scale` is ``probability`` for scores from 0 to 1 in logit-spaced bins, or ``value`` for any finite numbers in bins
    of equal relative width. `shift` says how fine: 0 keeps every distinct score apart, and then all results are exact.
    """

    attributes: tuple[Attribute, ...]
    codes: NDArray[np.int64]
    """(G, a) each group's level codes, as in `GroupCounts`."""
    scale: Scale
    has_targets: bool
    weighted: bool
    shift: int
    entries: Entries
    """The occupied bins, in the order of group, target and score."""

    @property
    def groups(self) -> tuple[dict[str, str], ...]:
        """Each group as attribute -> level."""
        return group_names(self.attributes, self.codes)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(G,) rows of each group."""
        return self._sum(self._aligned.rows.sum(axis=1)).astype(np.int64)

    @property
    def exact(self) -> bool:
        """Whether every distinct score is kept apart."""
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
        slots = slot[: len(self.codes)], slot[len(self.codes) :]
        parts = [h.entries.regrouped(s, self._targets) for h, s in zip((self, other), slots, strict=True)]
        return self._with(listed, Entries.joined(parts), max(self.shift, other.shift))

    def marginal(self, names: Sequence[str]) -> ScoreHistogram:
        """The histogram over some of the attributes, in the given order; over none of them, everyone is one group.

        Raises:
            ValueError: if a name is not an attribute.
        """
        chosen, listed, slot = marginal_groups(self.attributes, self.codes, names)
        moved = self.entries.regrouped(slot, self._targets)
        return replace(self, attributes=chosen)._with(listed, moved, self.shift)

    def overall(self) -> ScoreHistogram:
        """Everyone as one group."""
        return self.marginal(())

    def bins(self, group: int) -> ScoreBins:
        """One group's bins, for whatever else is a function of score and target: slopes, exposure, thresholds."""
        a = self._aligned
        chosen = slice(*np.searchsorted(a.group, [group, group + 1]))
        weights = a.weights[chosen]
        score = _share(a.totals[chosen].sum(axis=1), weights.sum(axis=1))
        return ScoreBins(score, a.rows[chosen], weights, a.squares[chosen])

    def roc_auc(self, *, level: float = 0.95) -> tuple[Estimate, ...]:
        """Area under the ROC curve of each group: that of the rows to within `roc_auc_error`.

        Rows of both targets in one bin count half, unless their smallest and largest scores tell which is above. The
        interval is that of `glasshouse.statistics.roc_auc` with placements taken by bin; with weights its variance is
        linearised, sum w^2 (placement - area)^2 / (sum w)^2 for each target.

        Raises:
            ValueError: if there are no targets.
        """
        a, below, above, sums = self._aligned, *self._placements, self._target_weights
        areas = self._sum(np.nan_to_num(a.weights[:, 1] * below)) / np.where(sums[:, 1] > 0, sums[:, 1], np.nan)
        areas = np.where(sums[:, 0] > 0, areas, np.nan)
        variance = np.zeros(len(self))
        for target, placed in ((1, below), (0, above)):
            squares = self._sum(np.nan_to_num(a.squares[:, target] * (placed - areas[a.group]) ** 2))
            rows = self._sum(a.rows[:, target])
            with np.errstate(invalid="ignore", divide="ignore"):
                variance += squares / sums[:, target] ** 2 * (1 if self.weighted else rows / (rows - 1))
        method = "delong_logit_weighted" if self.weighted else "delong_logit"
        rows = np.stack([self._sum(a.rows[:, t]) for t in (0, 1)], axis=1)
        return tuple(
            _area(area, spread, (int(n[0]), int(n[1])), level, method)
            for area, spread, n in zip(areas, variance, rows, strict=True)
        )

    def roc_auc_error(self) -> Floats:
        """(G,) the most by which each `roc_auc` can be off: half the sum over bins of p_b n_b / (P N).

        Only bins whose positives and negatives overlap count: 0 is exact. NaN where the area is undefined.

        Raises:
            ValueError: if there are no targets.
        """
        a, sums = self._aligned, self._target_weights
        tied = (a.low == a.high).all(axis=1) & (a.low[:, 0] == a.low[:, 1])
        unclear = (a.low[:, 1] <= a.high[:, 0]) & (a.high[:, 1] >= a.low[:, 0]) & ~tied
        pairs = self._sum(np.where(unclear, a.weights[:, 0] * a.weights[:, 1], 0.0))
        product = sums.prod(axis=1)
        return np.asarray(0.5 * pairs / np.where(product > 0, product, np.nan))

    def reliability(self, *, bins: int = 10, level: float = 0.95) -> tuple[ReliabilityCurve, ...]:
        """Reliability curve of each group over 5, 10 or 20 bins of equal width: that of its rows, exactly.

        Raises:
            ValueError: for other bins, without targets, or for scores that are no probabilities.
        """
        if bins not in (5, 10, 20) or self.scale != "probability" or not self.has_targets:
            raise ValueError("a reliability curve from a histogram has 5, 10 or 20 bins of probabilities with targets")
        a = self._aligned
        where = a.group * bins + segment(np.nanmax(a.high, axis=1)) * bins // (len(EDGES) - 1)

        def summed(values: NDArray[np.generic]) -> Floats:
            # of no rows at all, bincount makes integers
            added = np.bincount(where, weights=values, minlength=len(self) * bins).astype(np.float64)
            return added.reshape(len(self), bins)

        weight, squares = summed(a.weights.sum(axis=1)), summed(a.squares.sum(axis=1))
        observed = np.clip(_share(summed(a.weights[:, 1]), weight), 0, 1)
        predicted, counts = _share(summed(a.totals.sum(axis=1)), weight), summed(a.rows.sum(axis=1)).astype(np.int64)
        effective = np.divide(weight**2, squares, out=np.zeros_like(weight), where=squares > 0)
        curves = []
        for k in range(len(self)):
            intervals = wilson(np.nan_to_num(observed[k]) * effective[k], effective[k], level=level)
            if self.weighted:
                intervals = intervals.from_effective_counts()
            edges = np.linspace(0, 1, bins + 1)
            curves.append(ReliabilityCurve(edges, counts[k], weight[k], predicted[k], observed[k], intervals))
        return tuple(curves)

    def brier_score(self, *, level: float = 0.95) -> tuple[Estimate, ...]:
        """Brier score of each group, scores taken as their bin's mean: off by at most a quarter of a bin's squared
        width (4e-9 at the usual fineness). Student's t interval.

        Raises:
            ValueError: if there are no targets.
        """
        self._need_targets()
        return self._means((self._centres - np.array([0.0, 1.0])) ** 2, level)

    def log_loss(self, *, level: float = 0.95) -> tuple[Estimate, ...]:
        """Mean negative logarithm of the probability of the true target, in nats, scores taken as their bin's mean and
        kept within 2.2e-16 of 0 and 1. Student's t interval.

        Raises:
            ValueError: if there are no targets.
        """
        self._need_targets()
        true = np.stack([1 - self._centres[:, 0], self._centres[:, 1]], axis=1)
        resolution = np.finfo(np.float64).eps
        return self._means(-np.log(np.clip(true, resolution, 1 - resolution)), level)

    def mean(self, *, level: float = 0.95) -> tuple[Estimate, ...]:
        """Mean score of each group, with Student's t interval."""
        return self._means(self._centres, level)

    def quantiles(self, shares: ArrayLike) -> Floats:
        """(G, q) the smallest scores at or below which at least those shares of a group's weight lie, to within a bin.

        NaN for a group without rows.
        """
        wanted = np.asarray(shares, dtype=np.float64)
        found = np.full((len(self), len(wanted)), np.nan)
        for k in range(len(self)):
            score, _, weights, _ = self.bins(k)
            running = np.cumsum(weights.sum(axis=1))
            if len(score) and running[-1] > 0:
                # Rounding of the product must not step over a bin that just reaches the share.
                reached = np.searchsorted(running, wanted * running[-1] * (1 - 1e-12))
                found[k] = score[np.minimum(reached, len(score) - 1)]
        return found

    def share_above(self, threshold: float) -> Floats:
        """(G,) share of each group's weight with a score above a number; a bin that holds it is divided evenly."""
        a = self._aligned
        width = a.high - a.low
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.where(width > 0, (a.high - threshold) / width, (a.low > threshold).astype(float))
        above = self._sum((np.nan_to_num(a.weights * np.clip(np.nan_to_num(part), 0, 1))).sum(axis=1))
        return _share(above, self._sum(a.weights.sum(axis=1)))

    def distribution(self, edges: ArrayLike) -> Floats:
        """(G, t, len(edges) - 1) weight of the rows by target whose bin's mean lies between edges, upper edge included,
        the first also its lower one; what lies outside is left out."""
        limits = np.asarray(edges, dtype=np.float64)
        parts = len(limits) - 1
        a, centres = self._aligned, np.nan_to_num(self._centres, nan=np.inf)
        place = np.searchsorted(limits, centres, side="left") - 1
        place = np.where(centres == limits[0], 0, place)
        inside = (place >= 0) & (place < parts) & (a.rows > 0)
        where = (a.group[:, None] * self._targets + np.arange(self._targets)) * parts + place
        found = np.bincount(where[inside], weights=a.weights[inside], minlength=len(self) * self._targets * parts)
        return np.asarray(found.reshape(len(self), self._targets, parts), dtype=np.float64)

    # ------------------------------------------------------------------ its arithmetic

    @property
    def _targets(self) -> int:
        return 2 if self.has_targets else 1

    def _with(self, codes: NDArray[np.int64], entries: Entries, shift: int) -> ScoreHistogram:
        """The same kind of histogram of other entries, equal bins added up, joined in pairs while they are too many."""
        probability = self.scale == "probability"
        merged = merged_entries(entries, shift, probability=probability)
        while len(merged) > (MOST_EXACT if shift == 0 else MOST_BINS):
            shift = max(shift + 1, SHIFT)
            merged = merged_entries(merged, shift, probability=probability)
        return replace(self, codes=codes, entries=merged, shift=shift)

    def _sum(self, values: NDArray[np.generic]) -> Floats:
        """(b,) values of the aligned bins, summed by group."""
        summed = np.bincount(self._aligned.group, weights=values, minlength=len(self))
        return np.asarray(summed, dtype=np.float64)

    def _need_targets(self) -> None:
        if not self.has_targets:
            raise ValueError("the targets of these scores are not known")

    @cached_property
    def _aligned(self) -> _Aligned:
        e, targets = self.entries, self._targets
        group, target = np.divmod(e.cell, targets)
        order = aligned_order(group, e.bin) if targets > 1 else np.arange(len(e))
        changed = np.ones(len(e), dtype=bool)
        ordered, bins = group[order], e.bin[order]
        changed[1:] = (ordered[1:] != ordered[:-1]) | (bins[1:] != bins[:-1])
        slot, owner = np.cumsum(changed) - 1, ordered[changed]
        shape = (len(owner), targets)

        def spread(values: NDArray[np.generic], empty: float) -> Floats:
            table = np.full(shape, float(empty))
            table[slot, target[order]] = values[order]
            return table

        weights = spread(e.rows if e.weights is None else e.weights, 0)
        return _Aligned(
            owner,
            spread(e.rows, 0).astype(np.int64),
            weights,
            weights if e.squares is None else spread(e.squares, 0),
            spread(e.totals, 0),
            spread(e.low, np.nan),
            spread(e.high, np.nan),
        )

    @property
    def _centres(self) -> Floats:
        """(b, t) mean scores of the aligned bins; NaN where there are no rows."""
        return np.clip(_share(self._aligned.totals, self._aligned.weights), self._aligned.low, self._aligned.high)

    @property
    def _target_weights(self) -> Floats:
        """(G, 2) weight of the rows of each target."""
        self._need_targets()
        return np.stack([self._sum(self._aligned.weights[:, t]) for t in (0, 1)], axis=1)

    @cached_property
    def _placements(self) -> tuple[Floats, Floats]:
        """(b,) share of the negatives below a bin's positives, and of the positives above its negatives."""
        self._need_targets()
        a, sums = self._aligned, self._target_weights
        clear_above, clear_below = a.low[:, 1] > a.high[:, 0], a.high[:, 1] < a.low[:, 0]
        half = np.where(clear_above, 1.0, np.where(clear_below, 0.0, 0.5))
        first = np.searchsorted(a.group, np.arange(len(self)))
        running = np.concatenate([np.zeros((1, 2)), np.cumsum(a.weights, axis=0)])
        before = running[:-1] - running[first][a.group]
        negatives, positives = sums[a.group, 0], sums[a.group, 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            below = (before[:, 0] + half * a.weights[:, 0]) / negatives
            above = (positives - before[:, 1] - a.weights[:, 1] + half * a.weights[:, 1]) / positives
        return below, above

    def _means(self, values: Floats, level: float) -> tuple[Estimate, ...]:
        """Mean by group of (b, t) values of the bins, with Student's t interval as `glasshouse.statistics.mean`."""
        a = self._aligned
        values = np.nan_to_num(values)
        weight, rows = self._sum(a.weights.sum(axis=1)), self._sum(a.rows.sum(axis=1))
        means = _share(self._sum((a.weights * values).sum(axis=1)), weight)
        spread = self._sum((a.squares * (values - np.nan_to_num(means)[a.group][:, None]) ** 2).sum(axis=1))
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.sqrt(spread * np.where(rows > 1, rows / (rows - 1), np.nan)) / weight
        intervals = t_interval(means, error, rows - 1, level=level)
        return tuple(
            Estimate(float(means[k]), int(rows[k]), intervals.item(k))
            if weight[k] > 0
            else Estimate(None, int(rows[k]), undefined="weights of 0" if rows[k] else "no rows")
            for k in range(len(self))
        )


def score_histogram(
    groups: Iterable[GroupColumn],
    targets: ArrayLike | None,
    scores: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    scale: Scale = "probability",
    exact: bool = False,
) -> ScoreHistogram:
    """Histogram of n scores by group and target.

    Args:
        groups: the attributes of the rows; none counts everyone as one group.
        targets: (n,) 0 and 1, or None where they are not known.
        scores: (n,) probabilities, or any finite numbers for the scale ``value``.
        weights: (n,) finite weights >= 0; None counts each row once.
        scale: see `ScoreHistogram`.
        exact: keep every distinct score apart, which costs as much memory as there are distinct scores.

    Raises:
        ValueError: if lengths differ, targets are not 0 and 1, scores are not finite or no probabilities, or weights
            are negative or NaN.
    """
    columns = tuple(groups)
    score, target, weight = _checked(columns, targets, scores, weights, scale)
    attributes, listed, cell = grouped_rows(columns, len(score))
    if target is not None:
        cell = cell * 2 + target
    blank = ScoreHistogram(
        attributes=attributes,
        codes=listed,
        scale=scale,
        has_targets=target is not None,
        weighted=weight is not None,
        shift=0 if exact else SHIFT,
        entries=Entries.none(weighted=weight is not None),
    )
    found = entries_of_rows(cell, score, weight, blank.shift, probability=scale == "probability")
    if len(found) > MOST_BINS:
        return blank._with(listed, found, blank.shift)
    return replace(blank, entries=found)


def histogram_of_entries(
    attributes: tuple[Attribute, ...],
    codes: NDArray[np.int64],
    entries: Entries,
    *,
    scale: Scale,
    has_targets: bool,
    weighted: bool,
    shift: int,
) -> ScoreHistogram:
    """A histogram from bins in any order, which were made elsewhere: by batches, or by an engine's own group-by."""
    blank = ScoreHistogram(
        attributes=attributes,
        codes=codes,
        scale=scale,
        has_targets=has_targets,
        weighted=weighted,
        shift=shift,
        entries=Entries.none(weighted=weighted),
    )
    return blank._with(codes, entries, shift)


def _checked(
    columns: tuple[GroupColumn, ...],
    targets: ArrayLike | None,
    scores: ArrayLike,
    weights: ArrayLike | None,
    scale: Scale,
) -> tuple[Floats, NDArray[np.int64] | None, Floats | None]:
    score = np.asarray(scores)
    if score.dtype.kind != "f":
        score = score.astype(np.float64)
    lengths = {"scores": len(score)} | {f"group '{column.name}'": len(column.codes) for column in columns}
    if score.size and not np.isfinite(score.min() + score.max()):
        raise ValueError("scores are finite numbers; NaN or infinity came")
    if scale == "probability" and score.size and not (score.min() >= 0 and score.max() <= 1):
        raise ValueError(f"probabilities lie in [0, 1], got {score.min():g} to {score.max():g}")
    target = None
    if targets is not None:
        given = np.asarray(targets)
        target = given.astype(np.int64)
        if given.ndim != 1 or (given.size and (np.any(target != given) or target.min() < 0 or target.max() > 1)):
            raise ValueError("targets of a score histogram are 0 and 1")
        lengths["targets"] = len(target)
    weight = None if weights is None else np.asarray(weights, dtype=np.float64)
    if weight is not None:
        lengths["weights"] = len(weight)
        if not np.all(np.isfinite(weight) & (weight >= 0)):
            raise ValueError("weights are finite and not negative")
    if len(set(lengths.values())) > 1 or score.ndim != 1:
        raise ValueError(f"all columns have one length, got {lengths}")
    return score, target, weight


def _share(part: NDArray[np.generic], whole: NDArray[np.generic]) -> Floats:
    """part / whole, NaN where the whole is 0."""
    numerator = np.asarray(part, dtype=np.float64)
    undefined = np.full(numerator.shape, np.nan)
    return np.asarray(np.divide(numerator, whole, out=undefined, where=np.asarray(whole) > 0))


def _area(area: float, variance: float, rows: tuple[int, int], level: float, method: str) -> Estimate:
    n = sum(rows)
    if np.isnan(area):
        if min(rows):
            return Estimate(None, n, undefined="weights of 0")
        return Estimate(None, n, undefined=_NO_NEGATIVES if rows[1] else _NO_POSITIVES)
    area = float(np.clip(area, 0, 1))
    if min(rows) < 2:
        reason = "a single row of a class has no spread"
    elif not variance > 1e-20 or area in (0, 1):
        reason = "scores without overlap or all tied show no variance"
    else:
        half = normal_quantile(level) * np.sqrt(variance) / (area * (1 - area))
        low, high = special.expit(special.logit(area) - half), special.expit(special.logit(area) + half)
        return Estimate(area, n, Interval(float(low), float(high), level, method))
    return Estimate(area, n, Interval(None, None, level, method, undefined=reason))
