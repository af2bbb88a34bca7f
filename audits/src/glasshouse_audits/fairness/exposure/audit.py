"""The `exposure` audit: which groups are seen in rankings, and how good rankings are for each group of users."""

from __future__ import annotations

import numpy as np
from glasshouse import AuditResult, Evidence

from glasshouse_audits.fairness.exposure import report
from glasshouse_audits.fairness.exposure.measurements import (
    ExposureMeasures,
    codes_and_levels,
    is_constant_within_queries,
    query_numbers,
    scores_and_relevance,
)
from glasshouse_audits.fairness.exposure.rankings import exposure_by_group, ndcg, rank
from glasshouse_audits.option_checks import whole_number

_WHO = "audit 'exposure'"


class ExposureAudit:
    """Exposure of groups in rankings, and ranking quality (NDCG) by group of users; from predictions with clusters.

    Rows of one cluster (a user, a search) are the candidates of one query, ranked by score. An attribute that varies
    within queries describes the candidates: each group's share of the exposure is compared with its share of the
    candidates and of the relevance. An attribute that is constant within each query describes the user: NDCG is
    measured for each group, and the gap between the best and the worst group.

    Relevant are rows of the favourable class (of two: the second), or the target's values if they are numbers of 0
    or more.

    Args:
        top: ranked positions that receive exposure.
        least: queries with fewer candidates are excluded: their order carries little information, and such small
            clusters are more likely households than rankings.
        replicates: bootstrap replicates over queries.
    """

    def __init__(self, *, top: int = 10, least: int = 5, replicates: int = 500) -> None:
        self.top = whole_number(_WHO, "top", top, minimum=1)
        self.least = whole_number(_WHO, "least", least, minimum=2)
        self.replicates = whole_number(_WHO, "replicates", replicates, minimum=100)
        self.parameters = {"top": top, "least": least, "replicates": replicates}

    def measure(self, evidence: Evidence) -> AuditResult:
        """Measure the evaluated split.

        Raises:
            UserError: for scores that are not finite.
        """
        predictions = evidence.evaluated
        rows, query = query_numbers(predictions, self.least)
        if not len(rows):
            reason = f"no cluster of the {predictions.split} split has {self.least} rows or more to rank"
            return AuditResult(
                name="exposure", family="fairness", status="skipped", reason=reason, parameters=self.parameters
            )
        scores, relevance, no_relevance = scores_and_relevance(predictions, rows)
        notes = [no_relevance] if no_relevance else []
        if excluded := len(predictions) - len(rows):
            notes.insert(0, f"{excluded:,} rows in clusters of fewer than {self.least} rows are excluded.")
        ranked = rank(query, scores, self.top)
        measures = ExposureMeasures(
            top=self.top,
            split=predictions.split,
            replicates=self.replicates,
            rng=np.random.default_rng(evidence.seed),
        )
        gains = None if relevance is None else ndcg(ranked, relevance, self.top)
        if gains is not None:
            measures.add_ndcg(gains, {})
        for groups in predictions.groups.values():
            codes, levels = codes_and_levels(groups, rows)
            if is_constant_within_queries(codes, query):
                if gains is not None:
                    measures.add_ndcg_by_group(gains, groups.name, codes, levels, query)
            else:
                by_query = exposure_by_group(ranked, codes, len(levels), relevance)
                sizes = np.bincount(codes, minlength=len(levels))
                measures.add_exposure_by_group(by_query, groups.name, levels, sizes)
        return AuditResult(
            name="exposure",
            family="fairness",
            parameters=self.parameters,
            measurements=measures.measurements,
            tables=report.exposure_tables(measures.rows, self.top),
            figures=list(report.exposure_figures(measures.measurements, self.top)),
            notes=notes,
        )
