"""Inequality of outcomes in one number: entropy of benefits, and differential fairness."""

from __future__ import annotations

import numpy as np
from glasshouse import Measurement
from glasshouse.statistics import (
    Estimate,
    GroupCounts,
    differential_fairness,
    generalized_entropy,
)

from glasshouse_audits.fairness.groups.report import names
from glasshouse_audits.fairness.groups.study import Measured, Question, Study

_ENTROPIES = {"theil_index": 1.0, "generalized_entropy_index": 2.0}


def measure(study: Study) -> Measured:
    """Theil index and generalized entropy (in all, and between groups), and epsilon of differential fairness."""
    found = Measured()
    if not study.questions:
        return found
    if study.tables.has_targets:
        for question in study.questions:
            found.measurements += entropies(question.counts.overall(), question, study, between=False)
        for over, question, table in study.each():
            if len(over) == 1:
                found.measurements += entropies(table, question, study, between=True)
        found.notes.append(
            "Theil and generalized entropy index (alpha 2) are of each row's benefit, prediction - target + 1; the "
            "part between groups is what remains if all rows of a group had their group's mean benefit."
        )
    for over, question, table in study.each():
        if study.tables.kind == "multilabel" or question is study.questions[0]:
            found.measurements += epsilons(table, over, question, study)
    return found


def entropies(table: GroupCounts, question: Question, study: Study, *, between: bool) -> list[Measurement]:
    """The two indices over everyone, or their parts between the groups of a table."""
    rows = int(table.sizes.sum())
    found = []
    for name, alpha in _ENTROPIES.items():

        def statistic(cells: np.ndarray, alpha: float = alpha) -> np.ndarray:
            entropy = generalized_entropy(cells, alpha=alpha, positive=question.positive)
            return entropy.between if between else entropy.total

        value = float(statistic(table.cells))
        if np.isnan(value):
            estimate = Estimate(None, rows, undefined="no rows, or nobody has a benefit")
        else:
            # A part between groups is above 0 by chance alone, and its bootstrap interval hardly ever reaches 0.
            drawn = None if between else study.bootstrap(table, question, statistic)
            estimate = Estimate(value, rows, None if drawn is None else drawn.intervals().item())
        found.append(
            Measurement(
                name=f"between_group_{name}" if between else name,
                over=names(table) if between else (),
                output=question.output,
                split=study.split,
                **estimate.fields(),
            )
        )
    return found


def epsilons(table: GroupCounts, over: tuple[str, ...], question: Question, study: Study) -> list[Measurement]:
    """Epsilon as counted, with its interval, and smoothed, which is always finite."""
    output = question.output if study.tables.kind == "multilabel" else None
    smoothing = 1 / len(table.classes)
    counted, _, _ = differential_fairness(table)
    smoothed, _, _ = differential_fairness(table, smoothing=smoothing)
    common = {"over": over, "output": output, "split": study.split}
    return [
        Measurement(name="differential_fairness_epsilon", **common, **counted.fields()),  # type: ignore[arg-type]
        Measurement(
            name="smoothed_differential_fairness_epsilon",
            parameters={"smoothing": smoothing},
            **common,  # type: ignore[arg-type]
            **smoothed.fields(),
        ),
    ]
