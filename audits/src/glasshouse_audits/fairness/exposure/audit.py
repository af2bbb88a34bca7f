"""The `exposure` audit: who is seen in rankings, and for whom the rankings are good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from glasshouse import AuditResult, Column, Evidence, Figure, Groups, Measurement, Predictions, Table, UserError
from glasshouse.statistics import MISSING, Bootstrap, Interval
from numpy.typing import NDArray

from glasshouse_audits.fairness.exposure.rankings import QueryExposure, exposure_by_group, ndcg, rank
from glasshouse_audits.option_checks import whole_number

_BLOCK = 2**22
"""Numbers drawn at a time, so that memory stays small whatever the queries and the replicates."""


@dataclass
class _Found:
    measurements: list[Measurement] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class ExposureAudit:
    """Who is seen in rankings, and for whom the rankings are good: from predictions with clusters alone.

    Rows of one cluster (a user, a search) are the candidates of one query, ranked by score. An attribute that differs
    within queries is one of the candidates: each group's share of the exposure is held against its share of the
    candidates and of what is relevant. An attribute that is the same throughout each query is one of those who ask:
    NDCG is told for each group, and the gap between the best and the worst served.

    Relevant are rows of the favourable class (of two: the second), or the target's values where these are numbers of 0
    or more.

    Args:
        top: positions of each ranking that are looked at.
        least: queries with fewer candidates are left out: their order says little, and clusters so small are rather
            households than rankings.
        replicates: bootstrap replicates over queries.
    """

    def __init__(self, *, top: int = 10, least: int = 5, replicates: int = 500) -> None:
        self.top = whole_number("exposure", "top", top, least=1)
        self.least = whole_number("exposure", "least", least, least=2)
        self.replicates = whole_number("exposure", "replicates", replicates, least=100)
        self.parameters = {"top": top, "least": least, "replicates": replicates}

    def measure(self, evidence: Evidence) -> AuditResult:
        """Measure the evaluated split.

        Raises:
            UserError: for scores that are not finite.
        """
        predictions = evidence.evaluated
        kept, query = _queries(predictions, self.least)
        if not len(kept):
            reason = f"no cluster of the {predictions.split} split has {self.least} rows or more to rank"
            return AuditResult(
                name="exposure", family="fairness", status="skipped", reason=reason, parameters=self.parameters
            )
        scores, relevance, why_not = _merit(predictions, kept)
        ranked = rank(query, scores, self.top)
        rng = np.random.default_rng(evidence.seed)
        found = _Found()
        left_out = len(predictions) - len(kept)
        if left_out:
            found.notes.append(f"{left_out:,} rows are in clusters of fewer than {self.least} and are left out.")
        if why_not:
            found.notes.append(why_not)
        gains = None if relevance is None else ndcg(ranked, relevance, self.top)
        if gains is not None:
            found.measurements += self._served(gains, {}, predictions.split, rng)
        for groups in predictions.groups.values():
            codes, levels = _known(groups, kept)
            if _constant(codes, query):
                if gains is not None:
                    self._by_asking(found, gains, groups.name, codes, levels, query, predictions.split, rng)
            else:
                by_query = exposure_by_group(ranked, codes, len(levels), relevance)
                sizes = np.bincount(codes, minlength=len(levels))
                self._by_candidate(found, by_query, groups.name, levels, sizes, predictions.split, rng)
        return AuditResult(
            name="exposure",
            family="fairness",
            parameters=self.parameters,
            measurements=found.measurements,
            tables=_tables(found.rows, self.top),
            figures=list(_figures(found.measurements, self.top)),
            notes=found.notes,
        )

    def _served(
        self, gains: NDArray[np.float64], group: dict[str, str], split: str, rng: np.random.Generator
    ) -> list[Measurement]:
        """Mean NDCG over the queries in which something is relevant."""
        known = gains[np.isfinite(gains)]
        if not len(known):
            reason = "no query has a relevant candidate"
            return [self._told("ndcg", None, None, 0, split, group=group, undefined=reason)]
        interval = self._intervals(np.stack([known, np.ones(len(known))], axis=1), _ratio, rng)
        return [self._told("ndcg", float(known.mean()), interval, len(known), split, group=group)]

    def _by_asking(
        self,
        found: _Found,
        gains: NDArray[np.float64],
        name: str,
        codes: NDArray[np.int64],
        levels: Sequence[str],
        query: NDArray[np.int64],
        split: str,
        rng: np.random.Generator,
    ) -> None:
        """NDCG of each group of queries, and the gap between them."""
        of_query = np.zeros(len(gains), dtype=np.int64)
        of_query[query] = codes
        told = [
            measurement
            for code, level in enumerate(levels)
            for measurement in self._served(gains[of_query == code], {name: level}, split, rng)
        ]
        found.measurements += told
        values = [one.value for one in told if one.value is not None]
        gap = max(values) - min(values) if len(values) > 1 else None
        undefined = None if gap is not None else "fewer than two groups have queries with something relevant"
        count = int(np.isfinite(gains).sum())
        found.measurements.append(
            self._told("ndcg_difference", gap, None, count, split, over=(name,), undefined=undefined)
        )

    def _by_candidate(
        self,
        found: _Found,
        by_query: QueryExposure,
        name: str,
        levels: Sequence[str],
        sizes: NDArray[np.int64],
        split: str,
        rng: np.random.Generator,
    ) -> None:
        """Each group's share of exposure, and what that is to its share of candidates and of relevance."""
        measures = {
            "exposure_share": (by_query.got, None),
            "exposure_to_candidates": (by_query.got, by_query.by_size),
            "exposure_to_relevance": (by_query.got_of_relevant, by_query.by_merit),
        }
        drawn = {key: self._shares(got, fair, rng) for key, (got, fair) in measures.items()}
        total = by_query.got.sum()
        candidates = by_query.by_size.sum(axis=0) / total
        merit = by_query.by_merit.sum()
        for code, level in enumerate(levels):
            numbers = []
            for key, (values, intervals) in drawn.items():
                count = int(sizes[code])
                value = float(values[code]) if count and np.isfinite(values[code]) else None
                why = "nothing of this group is relevant" if count else "no candidates"
                undefined = None if value is not None else why
                interval = intervals[code] if value is not None else None
                group = {name: level}
                found.measurements.append(
                    self._told(key, value, interval, count, split, group=group, undefined=undefined)
                )
                numbers.append(value)
            relevant = float(by_query.by_merit[:, code].sum() / merit) if merit > 0 else None
            found.rows.append((name, level, int(sizes[code]), float(candidates[code]), relevant, *numbers))
        for key in ("exposure_to_candidates", "exposure_to_relevance"):
            values = drawn[key][0][np.isfinite(drawn[key][0])]
            ratio = float(values.min() / values.max()) if len(values) > 1 and values.max() > 0 else None
            undefined = None if ratio is not None else "it is defined for fewer than two groups"
            count = int(sizes.sum())
            found.measurements.append(
                self._told(f"{key}_ratio", ratio, None, count, split, over=(name,), undefined=undefined)
            )

    def _shares(
        self, got: NDArray[np.float64], fair: NDArray[np.float64] | None, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], list[Interval | None]]:
        """(G,) shares, or what was got over what would be fair, with intervals."""
        if fair is None:
            fair = np.repeat(got.sum(axis=1, keepdims=True), got.shape[1], axis=1)
        values = _ratio(np.concatenate([got.sum(axis=0), fair.sum(axis=0)]))
        boot = self._bootstrap(np.concatenate([got, fair], axis=1), _ratio, rng)
        intervals = None if boot is None else boot.intervals()
        return values, [None if intervals is None else intervals.item(code) for code in range(got.shape[1])]

    def _intervals(self, sums: NDArray[np.float64], statistic: Any, rng: np.random.Generator) -> Interval | None:
        boot = self._bootstrap(sums, statistic, rng)
        return None if boot is None else boot.intervals().item(0)

    def _bootstrap(self, sums: NDArray[np.float64], statistic: Any, rng: np.random.Generator) -> Bootstrap | None:
        """Queries enter a replicate a Poisson(1) number of times, with all their candidates; `sums` (Q, m) add up."""
        queries = len(sums)
        if queries < 2:
            return None
        step = max(1, _BLOCK // queries)
        drawn = [
            rng.poisson(1.0, size=(min(step, self.replicates - start), queries)) @ sums
            for start in range(0, self.replicates, step)
        ]
        return Bootstrap(statistic(sums.sum(axis=0)), statistic(np.concatenate(drawn)), "poisson_bootstrap_percentile")

    def _told(
        self, name: str, value: float | None, interval: Interval | None, n: int, split: str, **further: Any
    ) -> Measurement:
        known = interval if interval is not None and interval.low is not None else None
        return Measurement(
            name=name,
            value=value,
            low=known.low if known else None,
            high=known.high if known else None,
            level=known.level if known else None,
            interval_method=known.method if known else None,
            n=n,
            split=split,
            parameters={"k": self.top},
            **further,
        )


def _ratio(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 2 G) sums, those above a line and those below it -> (..., G); NaN over nothing."""
    above, below = np.split(np.asarray(sums, dtype=np.float64), 2, axis=-1)
    found: NDArray[np.float64] = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return found


def _queries(predictions: Predictions, least: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers of the candidates of queries with enough of them, and the query of each, from 0 on."""
    assert predictions.clusters is not None
    _, query, sizes = np.unique(predictions.clusters, return_inverse=True, return_counts=True)
    kept = np.flatnonzero(sizes[query] >= least)
    _, numbered = np.unique(query[kept], return_inverse=True)
    return kept, numbered


def _merit(
    predictions: Predictions, kept: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, str | None]:
    """(scores, relevance, why there is no relevance)."""
    target = predictions.target
    good = target.favourable_index
    column = 0 if target.kind == "regression" or good is None else good
    scores = predictions.scores[kept, column].astype(np.float64)
    bad = int(np.count_nonzero(~np.isfinite(scores)))
    if bad:
        raise UserError(
            "audit 'exposure'",
            f"expected finite scores; {bad} of {len(kept)} rows of the {predictions.split} split have NaN or "
            "infinite ones.",
            "Look at the training: has its loss diverged?",
        )
    if predictions.targets is None:
        return scores, None, "Targets are not known: nothing is said of relevance."
    if target.kind == "binary":
        return scores, (predictions.targets[kept] == good).astype(np.float64), None
    relevance = predictions.targets[kept].astype(np.float64)
    if relevance.min() < 0:
        return scores, None, f"'{target.name}' has values below 0, which are no relevance: nothing is said of it."
    return scores, relevance, None


def _known(groups: Groups, kept: NDArray[np.int64]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Codes of the kept rows and their levels; missing values are a group of their own."""
    codes = groups.codes[kept].astype(np.int64)
    if (codes < 0).any():
        return np.where(codes < 0, len(groups.levels), codes), (*groups.levels, MISSING)
    return codes, groups.levels


def _constant(codes: NDArray[np.int64], query: NDArray[np.int64]) -> bool:
    """Whether each query has one code throughout."""
    first = np.zeros(int(query.max()) + 1, dtype=np.int64)
    first[query] = codes
    return bool((first[query] == codes).all())


def _tables(rows: Sequence[tuple[Any, ...]], top: int) -> list[Table]:
    if not rows:
        return []
    numbers = ("candidates' share", "relevance's share", "exposure's share", "to candidates", "to relevance")
    columns = [Column(name="attribute"), Column(name="group"), Column(name="candidates", format=",")]
    return [
        Table(
            title=f"Exposure in the first {top} positions",
            description="What each group of candidates gets of what is seen, and what that is to its share of the "
            "candidates and of what is relevant; 1: as much as that. Each query counts by its own exposure.",
            columns=(*columns, *(Column(name=name, format=".3f") for name in numbers)),
            rows=tuple(rows),
            count_column="candidates",
        )
    ]


def _figures(measurements: Sequence[Measurement], top: int) -> Iterator[Figure]:
    shown = [one for one in measurements if one.name == "exposure_to_candidates" and one.value is not None]
    if shown:
        yield Figure(
            kind="dot_interval",
            title="Exposure over share of the candidates",
            description=f"Exposure of each group in the first {top} positions over what it would have in random order. "
            "Below 1 it is seen less than its number.",
            data={
                "labels": [level for one in shown for level in one.group.values()],
                "under": [name for one in shown for name in one.group],
                "values": [one.value for one in shown],
                "low": [one.low for one in shown],
                "high": [one.high for one in shown],
                "n": [one.n for one in shown],
                "x_label": "exposure / share of the candidates",
                "reference": 1.0,
            },
        )
