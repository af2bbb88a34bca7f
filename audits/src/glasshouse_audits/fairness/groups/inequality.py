"""Inequality of outcomes as one number: generalized entropy of benefits, and differential fairness."""

from __future__ import annotations

import numpy as np
from glasshouse import Measurement
from glasshouse.statistics import (
    Estimate,
    GroupCounts,
    differential_fairness,
    generalized_entropy,
)

from glasshouse_audits.fairness.groups.report import attribute_names
from glasshouse_audits.fairness.groups.study import PartialResult, PositiveClass, Study

_ENTROPIES = {"theil_index": 1.0, "generalized_entropy_index": 2.0}


def measure(study: Study) -> PartialResult:
    """Theil index and generalized entropy (overall and between groups), and epsilon of differential fairness."""
    found = PartialResult()
    if not study.positive_classes:
        return found
    if study.tables.has_targets:
        for positive_class in study.positive_classes:
            found.measurements += entropies(positive_class.counts.overall(), positive_class, study, between=False)
        for over, positive_class, table in study.each_table():
            if len(over) == 1:
                found.measurements += entropies(table, positive_class, study, between=True)
        found.notes.append(
            "The Theil and generalized entropy index (alpha 2) measure the inequality of each row's benefit, "
            "prediction - target + 1. The part between groups is the index if all rows had their group's mean benefit."
        )
    for over, positive_class, table in study.each_table():
        if study.tables.kind == "multilabel" or positive_class is study.positive_classes[0]:
            found.measurements += epsilons(table, over, positive_class, study)
    return found


def entropies(table: GroupCounts, positive_class: PositiveClass, study: Study, *, between: bool) -> list[Measurement]:
    """The two indices over all rows, or their parts between the groups of a table."""
    rows = int(table.sizes.sum())
    found = []
    for name, alpha in _ENTROPIES.items():

        def statistic(cells: np.ndarray, alpha: float = alpha) -> np.ndarray:
            entropy = generalized_entropy(cells, alpha=alpha, positive=positive_class.code)
            return entropy.between if between else entropy.total

        value = float(statistic(table.cells))
        if np.isnan(value):
            estimate = Estimate(None, rows, undefined="no rows, or no row has a benefit")
        else:
            # The part between groups is above 0 by chance alone, and its bootstrap interval almost never contains 0.
            drawn = None if between else study.bootstrap(table, positive_class, statistic)
            estimate = Estimate(value, rows, None if drawn is None else drawn.intervals().item())
        found.append(
            Measurement(
                name=f"between_group_{name}" if between else name,
                over=attribute_names(table) if between else (),
                output=positive_class.output,
                split=study.split,
                **estimate.fields(),
            )
        )
    return found


def epsilons(
    table: GroupCounts, over: tuple[str, ...], positive_class: PositiveClass, study: Study
) -> list[Measurement]:
    """Empirical epsilon with its interval, and smoothed epsilon, which is always finite."""
    output = positive_class.output if study.tables.kind == "multilabel" else None
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
