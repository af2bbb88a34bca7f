"""Measurements of exposure and of NDCG by group, with bootstrap intervals over queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from glasshouse import Groups, Measurement, Predictions, UserError
from glasshouse.statistics import MISSING, Bootstrap, Interval
from numpy.typing import NDArray

from glasshouse_audits.fairness.exposure.rankings import QueryExposure

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_BLOCK = 2**22
"""Numbers drawn at once, so that memory stays small for any number of queries and replicates."""


@dataclass(kw_only=True)
class ExposureMeasures:
    """Collects measurements, and the rows of the table of groups of candidates."""

    top: int
    split: str
    replicates: int
    rng: np.random.Generator
    measurements: list[Measurement] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def add_ndcg(self, gains: Floats, group: dict[str, str]) -> float | None:
        """Mean NDCG over the queries with a relevant candidate (`gains` (Q,) is NaN for the others)."""
        known = gains[np.isfinite(gains)]
        if not len(known):
            self._add("ndcg", None, None, 0, group=group, undefined="no query has a relevant candidate")
            return None
        sums = np.stack([known, np.ones(len(known))], axis=1)
        boot = self._bootstrap(sums)
        value = float(known.mean())
        self._add("ndcg", value, None if boot is None else boot.intervals().item(0), len(known), group=group)
        return value

    def add_ndcg_by_group(
        self, gains: Floats, name: str, codes: Integers, levels: Sequence[str], query: Integers
    ) -> None:
        """NDCG of each group of queries, and the difference between the best and the worst group."""
        code_of_query = np.zeros(len(gains), dtype=np.int64)
        code_of_query[query] = codes
        by_level = [self.add_ndcg(gains[code_of_query == code], {name: level}) for code, level in enumerate(levels)]
        values = [value for value in by_level if value is not None]
        gap = max(values) - min(values) if len(values) > 1 else None
        undefined = None if gap is not None else "fewer than two groups have queries with a relevant candidate"
        self._add("ndcg_difference", gap, None, int(np.isfinite(gains).sum()), over=(name,), undefined=undefined)

    def add_exposure_by_group(
        self, by_query: QueryExposure, name: str, levels: Sequence[str], sizes: NDArray[np.int64]
    ) -> None:
        """Each group's share of exposure, and its ratio to the group's share of candidates and of relevance."""
        shares = {
            "exposure_share": self._shares(by_query.received, None),
            "exposure_to_candidates": self._shares(by_query.received, by_query.by_candidates),
            "exposure_to_relevance": self._shares(by_query.received_with_relevance, by_query.by_relevance),
        }
        candidates = by_query.by_candidates.sum(axis=0) / by_query.received.sum()
        total_relevance = by_query.by_relevance.sum()
        for code, level in enumerate(levels):
            count = int(sizes[code])
            cells = []
            for key, (values, intervals) in shares.items():
                value = float(values[code]) if count and np.isfinite(values[code]) else None
                reason = "no candidate of this group is relevant" if count else "no candidates"
                interval = intervals[code] if value is not None else None
                undefined = None if value is not None else reason
                self._add(key, value, interval, count, group={name: level}, undefined=undefined)
                cells.append(value)
            relevant = None
            if total_relevance > 0:
                relevant = float(by_query.by_relevance[:, code].sum() / total_relevance)
            self.rows.append((name, level, count, float(candidates[code]), relevant, *cells))
        for key in ("exposure_to_candidates", "exposure_to_relevance"):
            values = shares[key][0][np.isfinite(shares[key][0])]
            ratio = float(values.min() / values.max()) if len(values) > 1 and values.max() > 0 else None
            undefined = None if ratio is not None else "it is defined for fewer than two groups"
            self._add(f"{key}_ratio", ratio, None, int(sizes.sum()), over=(name,), undefined=undefined)

    def _shares(self, received: Floats, reference: Floats | None) -> tuple[Floats, list[Interval | None]]:
        """(G,) received exposure over the reference (by default: over all exposure), with intervals."""
        if reference is None:
            reference = np.repeat(received.sum(axis=1, keepdims=True), received.shape[1], axis=1)
        values = _ratio(np.concatenate([received.sum(axis=0), reference.sum(axis=0)]))
        boot = self._bootstrap(np.concatenate([received, reference], axis=1))
        intervals = None if boot is None else boot.intervals()
        return values, [None if intervals is None else intervals.item(code) for code in range(received.shape[1])]

    def _bootstrap(self, sums: Floats) -> Bootstrap | None:
        """Bootstrap of a ratio of sums (Q, 2 m): each query enters a replicate a Poisson(1) number of times."""
        queries = len(sums)
        if queries < 2:
            return None
        step = max(1, _BLOCK // queries)
        replicates = [
            self.rng.poisson(1.0, size=(min(step, self.replicates - start), queries)) @ sums
            for start in range(0, self.replicates, step)
        ]
        return Bootstrap(_ratio(sums.sum(axis=0)), _ratio(np.concatenate(replicates)), "poisson_bootstrap_percentile")

    def _add(self, name: str, value: float | None, interval: Interval | None, n: int, **further: Any) -> None:
        known = interval if interval is not None and interval.low is not None else None
        self.measurements.append(
            Measurement(
                name=name,
                value=value,
                low=known.low if known else None,
                high=known.high if known else None,
                level=known.level if known else None,
                interval_method=known.method if known else None,
                n=n,
                split=self.split,
                parameters={"k": self.top},
                **further,
            )
        )


def query_numbers(predictions: Predictions, minimum: int) -> tuple[Integers, Integers]:
    """Rows in clusters of at least `minimum` rows, and the query number of each, from 0."""
    assert predictions.clusters is not None
    _, query, sizes = np.unique(predictions.clusters, return_inverse=True, return_counts=True)
    rows = np.flatnonzero(sizes[query] >= minimum)
    _, numbers = np.unique(query[rows], return_inverse=True)
    return rows, numbers


def scores_and_relevance(predictions: Predictions, rows: Integers) -> tuple[Floats, Floats | None, str | None]:
    """Scores and relevance of some rows; the third value says why there is no relevance.

    Raises:
        UserError: for scores that are not finite.
    """
    target = predictions.target
    favourable = target.favourable_index
    column = 0 if target.kind == "regression" or favourable is None else favourable
    scores = predictions.scores[rows, column].astype(np.float64)
    bad = int(np.count_nonzero(~np.isfinite(scores)))
    if bad:
        raise UserError(
            "audit 'exposure'",
            f"expected finite scores; {bad} of {len(rows)} rows of the {predictions.split} split have NaN or "
            "infinite scores.",
            "Check the training: has its loss diverged?",
        )
    if predictions.targets is None:
        return scores, None, "There are no targets, so relevance is not measured."
    if target.kind == "binary":
        return scores, (predictions.targets[rows] == favourable).astype(np.float64), None
    relevance = predictions.targets[rows].astype(np.float64)
    if relevance.min() < 0:
        return scores, None, f"'{target.name}' has negative values, which are no relevance: it is not measured."
    return scores, relevance, None


def codes_and_levels(groups: Groups, rows: Integers) -> tuple[Integers, tuple[str, ...]]:
    """Codes of some rows and the levels; missing values are a level of their own."""
    codes = groups.codes[rows].astype(np.int64)
    if (codes < 0).any():
        return np.where(codes < 0, len(groups.levels), codes), (*groups.levels, MISSING)
    return codes, groups.levels


def is_constant_within_queries(codes: Integers, query: Integers) -> bool:
    """Whether all candidates of each query have the same code."""
    first = np.zeros(int(query.max()) + 1, dtype=np.int64)
    first[query] = codes
    return bool((first[query] == codes).all())


def _ratio(sums: Floats) -> Floats:
    """(..., 2 m) numerators, then denominators -> (..., m) ratios; NaN for a denominator of 0."""
    above, below = np.split(np.asarray(sums, dtype=np.float64), 2, axis=-1)
    found: Floats = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return found
