"""The `subgroups` audit: where the model performs worst, found by a search and then tested."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from glasshouse import AuditResult, Evidence, UserError
from numpy.typing import NDArray

from glasshouse_audits.fairness.holdout_split import holdout_split, whole_split
from glasshouse_audits.fairness.subgroups import report
from glasshouse_audits.fairness.subgroups.columns import code_columns, losses, metric_name
from glasshouse_audits.fairness.subgroups.confirmation import compare_with_rest, confirm, permuted_p_values
from glasshouse_audits.fairness.subgroups.search import Subgroup, conditions, distinct, search
from glasshouse_audits.option_checks import one_of, whole_number

_WHO = "audit 'subgroups'"
_MAX_TESTED = 10
# A validation split of at least this share of the evaluated split is a better place to search than half of the
# evaluated split, all of which then remains for the test.
_MIN_SEARCH_SHARE = 0.5


class SubgroupsAudit:
    """Finds the subgroups with the highest loss, over features and sensitive attributes, and tests each.

    Args:
        depth: largest number of conditions that define a subgroup.
        width: beam width: subgroups of each length that the search refines further.
        minimum_rows: fewest rows of a subgroup in the search.
        bins: bins of each numeric feature.
        confirm: ``split`` searches on some rows and tests on others; ``permutation`` searches all evaluated rows, and
            repeats the search with permuted losses: more rows, but slower.
        permutations: number of permutations, with ``confirm: permutation``.
    """

    def __init__(
        self,
        *,
        depth: int = 3,
        width: int = 40,
        minimum_rows: int = 30,
        bins: int = 5,
        confirm: str = "split",
        permutations: int = 199,
    ) -> None:
        self.depth = whole_number(_WHO, "depth", depth, minimum=1)
        self.width = whole_number(_WHO, "width", width, minimum=1)
        self.minimum_rows = whole_number(_WHO, "minimum_rows", minimum_rows, minimum=2)
        self.bins = whole_number(_WHO, "bins", bins, minimum=2)
        self.confirm = one_of(_WHO, "confirm", confirm, tuple(report.CONFIRM))
        self.permutations = whole_number(_WHO, "permutations", permutations, minimum=19)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Search on the validation split (or half of the evaluated one) and test on the other rows; or permute.

        Raises:
            UserError: if clustered rows would have to be permuted.
        """
        result: dict[str, Any] = {"name": "subgroups", "family": "fairness", "parameters": vars(self).copy()}
        permuted = self.confirm == "permutation"
        if permuted and evidence.evaluated.clusters is not None:
            raise UserError(_WHO, "clustered rows cannot be permuted one by one.", "Set `confirm: split`.")
        if permuted:
            searched = evaluated = whole_split(evidence.evaluated)
        else:
            searched, evaluated = holdout_split(evidence, share=_MIN_SEARCH_SHARE)
        columns = code_columns(evidence, searched, evaluated, self.bins)
        if not columns.codings:
            reason = "needs sensitive attributes, or the encoded inputs and which columns encode each feature"
            return AuditResult(**result, status="skipped", reason=reason)
        candidates = conditions([(len(coding), coding.ordered) for coding in columns.codings])

        def run_search(loss: NDArray[np.float64], weights: NDArray[np.float64] | None) -> list[Subgroup]:
            return search(
                columns.searched,
                loss,
                candidates,
                depth=self.depth,
                width=self.width,
                minimum=self.minimum_rows,
                origins=columns.origins,
                weights=weights,
            )

        loss, weights = losses(searched.predictions), searched.predictions.weights
        found = distinct(run_search(loss, weights), columns.searched, most=_MAX_TESTED)
        if permuted:
            rng = np.random.default_rng(evidence.seed)
            p_values = permuted_p_values(
                found, loss, run_search, rng=rng, permutations=self.permutations, weights=weights
            )
            compared = compare_with_rest(found, columns.evaluated, loss, weights=weights)
            # the searched rows are the tested rows, so an interval would be too optimistic
            tested = [
                replace(one, p_value=p, difference=replace(one.difference, interval=None))
                for one, p in zip(compared, p_values, strict=True)
            ]
        else:
            tested = confirm(
                found,
                columns.evaluated,
                losses(evaluated.predictions),
                weights=evaluated.predictions.weights,
                clusters=evaluated.predictions.clusters,
            )
        labels = [columns.labels(one) for one in found]
        metric = metric_name(evaluated.predictions)
        return AuditResult(
            **result,
            measurements=list(report.measurements(tested, labels, metric, evaluated.split, permuted=permuted)),
            tables=[report.subgroup_table(labels, tested, metric, self.confirm)] if found else [],
            figures=[report.difference_figure(labels, tested, metric)] if found and not permuted else [],
            notes=list(report.notes(searched, evaluated, columns, len(candidates), metric, self.confirm)),
        )
