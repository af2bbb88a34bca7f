"""Mergeable sums by group, from which means and errors of predicted numbers are computed.

The sums are of powers and products of v, the target minus a centre, and e, prediction minus target; without targets v
is the prediction minus the centre. Without a centre, numbers that are large compared with their spread lose precision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import comb
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasshouse.statistics.counts.table import (
    Attribute,
    GroupColumn,
    group_names,
    grouped_rows,
    listed_groups,
    marginal_groups,
)
from glasshouse.statistics.intervals.estimates import Estimate, Floats
from glasshouse.statistics.intervals.means import columns as checked_columns
from glasshouse.statistics.intervals.means import t_interval
from glasshouse.statistics.numbers.error_interval import error_interval

POWERS = ((0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (0, 1), (0, 2), (0, 4), (1, 1), (1, 2), (2, 2))
"""The stored sums: w v^i e^j for each (i, j), then w |e|. Without targets only those with j = 0."""

_ABSOLUTE = len(POWERS)


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupSums:
    """Sums of powers and products for G groups. `+` adds the rows of both."""

    attributes: tuple[Attribute, ...]
    codes: NDArray[np.int64]
    """(G, a) each group's level codes, as in `GroupCounts`."""
    has_targets: bool
    weighted: bool
    center: float
    rows: NDArray[np.int64]
    """(G,) rows."""
    sums: Floats
    """(G, 12) sums with weights, in the order of `POWERS`; NaN without targets."""
    squares: Floats
    """(G, 12) the same with squared weights."""
    low: Floats
    """(G,) smallest v + centre; infinity without rows."""
    high: Floats
    """(G,) largest."""

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def groups(self) -> tuple[dict[str, str], ...]:
        """Each group as attribute -> level."""
        return group_names(self.attributes, self.codes)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(G,) rows of each group."""
        return self.rows

    def __add__(self, other: GroupSums) -> GroupSums:
        """The sums of the rows of both.

        Raises:
            ValueError: if attributes differ, or only one of them has targets or weights.
        """
        mine, theirs = ((t.attributes, t.has_targets, t.weighted) for t in (self, other))
        if mine != theirs:
            raise ValueError("sums that merge have the same attributes, and both or neither have targets and weights")
        moved = other.recentered(self.center)
        codes = np.concatenate([self.codes, moved.codes])
        listed, slot = listed_groups(self.attributes, codes)
        return self._gathered(self.attributes, listed, slot, [self, moved])

    def marginal(self, names: Sequence[str]) -> GroupSums:
        """The sums over some of the attributes, in the given order; over none of them, all rows are one group.

        Raises:
            ValueError: if a name is not an attribute.
        """
        return self._gathered(*marginal_groups(self.attributes, self.codes, names), [self])

    def overall(self) -> GroupSums:
        """All rows as one group."""
        return self.marginal(())

    def recentered(self, center: float) -> GroupSums:
        """The same sums about another centre, by the binomial theorem."""
        by = self.center - center
        if by == 0:
            return self
        return replace(self, center=center, sums=_moved(self.sums, by), squares=_moved(self.squares, by))

    def mean_prediction(self, *, level: float = 0.95) -> tuple[Estimate, ...]:
        """Mean predicted number, with Student's t interval as `glasshouse.statistics.mean`."""
        if not self.has_targets:
            return self.mean_target(level=level)
        first = self._of(1, 0) + self._of(0, 1)
        second = self._of(2, 0) + 2 * self._of(1, 1) + self._of(0, 2)
        return self._means(first, second, level, self.center)

    def mean_target(self, *, level: float = 0.95) -> tuple[Estimate, ...]:
        """Mean target (without targets: mean prediction), with Student's t interval."""
        return self._means(self._of(1, 0), self._of(2, 0), level, self.center)

    def mean_error(self, *, level: float = 0.95) -> tuple[Estimate, ...]:
        """Bias: mean of prediction minus target; as `glasshouse.statistics.mean_error`.

        Raises:
            ValueError: if there are no targets.
        """
        self._need_targets()
        return self._means(self._of(0, 1), self._of(0, 2), level)

    def mean_absolute_error(self, *, level: float = 0.95) -> tuple[Estimate, ...]:
        """As `glasshouse.statistics.mean_absolute_error`.

        Raises:
            ValueError: if there are no targets.
        """
        self._need_targets()
        absolute = np.stack([self.sums[:, _ABSOLUTE], self.squares[:, _ABSOLUTE]])
        return self._means(absolute, self._of(0, 2), level)

    def root_mean_squared_error(self, *, level: float = 0.95) -> tuple[Estimate, ...]:
        """As `glasshouse.statistics.root_mean_squared_error`: interval by the delta method on the log scale.

        Raises:
            ValueError: if there are no targets.
        """
        self._need_targets()
        mean, error = self._mean_and_error(self._of(0, 2), self._of(0, 4))
        kurtosis, effective = self._kurtosis_of_errors(), self._effective_rows()
        return tuple(
            self._nothing(k)
            or Estimate(
                float(np.sqrt(mean[k])),
                n,
                error_interval(mean[k], error[k], effective[k], [kurtosis[k]], level=level, back=np.sqrt),
            )
            for k, n in enumerate(self.rows.tolist())
        )

    def r2_score(self, *, level: float = 0.95) -> tuple[Estimate, ...]:
        """As `glasshouse.statistics.r2_score`: 1 is best; undefined where the targets do not vary.

        Raises:
            ValueError: if there are no targets.
        """
        self._need_targets()
        weight, n = self._of(0, 0)[0], self.rows
        with np.errstate(invalid="ignore", divide="ignore"):
            m = self._of(1, 0)[0] / weight
            variance = np.maximum(self._of(2, 0)[0] / weight - m**2, 0)
            q = self._of(0, 2)[0] / weight / variance
            # sum w^2 (e^2 - q (v - m)^2)^2 / variance^2, expanded in the stored sums
            both = self._of(2, 2)[1] - 2 * m * self._of(1, 2)[1] + m**2 * self._of(0, 2)[1]
            fourth = sum(comb(4, k) * self._of(k, 0)[1] * (-m) ** (4 - k) for k in range(5))
            spread = np.maximum(self._of(0, 4)[1] - 2 * q * both + q**2 * fourth, 0) / variance**2
            error = np.sqrt(spread * n / (n - 1)) / weight
            fourth_moment = sum(comb(4, k) * self._of(k, 0)[0] * (-m) ** (4 - k) for k in range(5)) / weight
            kurtosis = np.maximum(fourth_moment / variance**2, 1)
        of_errors, effective, found = self._kurtosis_of_errors(), self._effective_rows(), []
        for k, rows in enumerate(n.tolist()):
            if self._nothing(k) is None and (self.low[k] == self.high[k] or variance[k] == 0):
                found.append(Estimate(None, rows, undefined="the targets do not vary"))
                continue
            if self._nothing(k) is None and not np.isfinite(q[k]):
                found.append(Estimate(None, rows, undefined="errors and targets are too far apart for a ratio"))
                continue
            if (nothing := self._nothing(k)) is not None:
                found.append(nothing)
                continue
            kurtoses = [of_errors[k], kurtosis[k]]
            interval = error_interval(q[k], error[k], effective[k], kurtoses, level=level, back=lambda ratio: 1 - ratio)
            found.append(Estimate(float(1 - q[k]), rows, interval))
        return tuple(found)

    # ------------------------------------------------------------------ arithmetic

    def _of(self, i: int, j: int) -> Floats:
        """(2, G) sums of v^i e^j, with weights and with squared weights."""
        column = POWERS.index((i, j))
        return np.stack([self.sums[:, column], self.squares[:, column]])

    def _effective_rows(self) -> Floats:
        """(G,) (sum w)^2 / sum w^2; the number of rows without weights."""
        weight, squares = self._of(0, 0)
        return np.asarray(np.divide(weight**2, squares, out=np.zeros_like(weight), where=squares > 0))

    def _kurtosis_of_errors(self) -> Floats:
        """(G,) kurtosis of the errors about 0; 1 if all are 0."""
        weight, second, fourth = self._of(0, 0)[0], self._of(0, 2)[0], self._of(0, 4)[0]
        return np.asarray(np.divide(fourth * weight, second**2, out=np.ones_like(weight), where=second > 0))

    def _need_targets(self) -> None:
        if not self.has_targets:
            raise ValueError("the targets of these predictions are not known")

    def _nothing(self, k: int) -> Estimate | None:
        if self.sums[k, 0] > 0:
            return None
        return Estimate(None, int(self.rows[k]), undefined="weights of 0" if self.rows[k] else "no rows")

    def _mean_and_error(self, first: Floats, second: Floats) -> tuple[Floats, Floats]:
        """(G,) means and standard errors of a quantity with these first and second moments (2, G)."""
        weight, squares, n = *self._of(0, 0), self.rows
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = first[0] / weight
            # sum w^2 (x - m)^2 expanded; rounding may make it slightly negative
            spread = np.maximum(second[1] - 2 * mean * first[1] + mean**2 * squares, 0)
            return mean, np.where(n > 1, np.sqrt(spread * n / (n - 1)) / weight, np.nan)

    def _means(self, first: Floats, second: Floats, level: float, shift: float = 0.0) -> tuple[Estimate, ...]:
        mean, error = self._mean_and_error(first, second)
        intervals = t_interval(mean + shift, error, self.rows - 1, level=level)
        return tuple(
            self._nothing(k) or Estimate(float(mean[k] + shift), n, intervals.item(k))
            for k, n in enumerate(self.rows.tolist())
        )

    def _gathered(
        self,
        attributes: tuple[Attribute, ...],
        codes: NDArray[np.int64],
        slot: NDArray[np.int64],
        parts: Sequence[GroupSums],
    ) -> GroupSums:
        def added(values: list[NDArray[Any]]) -> NDArray[Any]:
            together = np.concatenate(values)
            total = np.zeros((len(codes), *together.shape[1:]), dtype=together.dtype)
            np.add.at(total, slot, together)
            return total

        low, high = np.full(len(codes), np.inf), np.full(len(codes), -np.inf)
        np.minimum.at(low, slot, np.concatenate([part.low for part in parts]))
        np.maximum.at(high, slot, np.concatenate([part.high for part in parts]))
        return replace(
            self,
            attributes=attributes,
            codes=codes,
            rows=added([part.rows for part in parts]),
            sums=added([part.sums for part in parts]),
            squares=added([part.squares for part in parts]),
            low=low,
            high=high,
        )


def group_sums(
    groups: Iterable[GroupColumn],
    targets: ArrayLike | None,
    predicted: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    center: float | None = None,
) -> GroupSums:
    """Sum n rows by group in one vectorised pass.

    Args:
        groups: the attributes of the rows; without any, all rows are one group.
        targets: (n,) numbers, or None where they are not known.
        predicted: (n,) numbers.
        weights: (n,) finite weights >= 0; None counts each row once.
        center: subtracted before powers are taken; default: the mean of these rows.

    Raises:
        ValueError: if lengths differ, numbers are not finite, or weights are negative.
    """
    attributes_of = tuple(groups)
    p, y, w = checked_columns(predicted, predicted if targets is None else targets, weights=weights)
    if any(len(column.codes) != len(p) for column in attributes_of):
        raise ValueError(f"all columns have one length; groups differ from {len(p)} rows")
    attributes, codes, group = grouped_rows(attributes_of, len(p))
    if center is None:
        center = float(y.mean()) if len(y) else 0.0
    v, e, count = y - center, p - y, len(codes)
    group = group.astype(np.int64, copy=False)  # converted once, not in every bincount

    def summed(values: Floats) -> Floats:
        return np.asarray(np.bincount(group, weights=values, minlength=count), dtype=np.float64)

    sums, squares = np.full((2, count, len(POWERS) + 1), np.nan)
    for column, (i, j) in enumerate(POWERS):
        if targets is None and j:
            continue
        term = w * v**i * e**j
        sums[:, column] = summed(term)
        squares[:, column] = sums[:, column] if weights is None else summed(w * term)
    if targets is not None:
        sums[:, _ABSOLUTE] = summed(w * np.abs(e))
        squares[:, _ABSOLUTE] = summed(w * w * np.abs(e))
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, group, y)
    np.maximum.at(high, group, y)
    return GroupSums(
        attributes=attributes,
        codes=codes,
        has_targets=targets is not None,
        weighted=weights is not None,
        center=center,
        rows=np.bincount(group, minlength=count),
        sums=sums,
        squares=squares,
        low=low,
        high=high,
    )


def _moved(sums: Floats, by: float) -> Floats:
    """Sums of (v + by)^i e^j from those of v^i e^j."""
    moved = sums.copy()
    for column, (i, j) in enumerate(POWERS):
        moved[:, column] = sum(comb(i, k) * by ** (i - k) * sums[:, POWERS.index((k, j))] for k in range(i + 1))
    return moved
