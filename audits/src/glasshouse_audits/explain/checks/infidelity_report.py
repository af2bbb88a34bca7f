"""Do attributions announce how much the score changes? Infidelity, told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from glasshouse import Cell, Column, Measurement, Table
from glasshouse.statistics import Estimate, mean
from numpy.typing import NDArray

from glasshouse_audits.explain.checks.check_result import (
    CheckContext,
    CheckResult,
    DotFigure,
    flat_attributions,
    interval_columns,
    value_and_interval,
)
from glasshouse_audits.explain.checks.infidelity import Infidelity, change, infidelity, relative, subsets
from glasshouse_audits.explain.checks.replacement import FeatureReplacement
from glasshouse_audits.explain.explainers import MethodExplanation

_SUBSETS = 20
# Infidelity squares, so that the noise of a few background rows would be seen in it.
_DRAWS = 100


def infidelity_report(
    explained: Sequence[MethodExplanation],
    context: CheckContext,
    replacement: FeatureReplacement,
    rows: NDArray[np.intp],
) -> CheckResult:
    """Infidelity of all methods under the same perturbations; `rows` are those of `replacement`."""
    replaced = subsets(replacement, _SUBSETS, seed=context.seed)
    lower = change(replacement, replaced, draws=_DRAWS, seed=context.seed)
    measurements: list[Measurement] = []
    table: list[tuple[Cell, ...]] = []
    dots = DotFigure()
    for output in range(len(context.labels)):
        for one in explained:
            found = infidelity(flat_attributions(one.explanation)[rows, :, output], replaced, lower[:, :, output])
            raw, shares = mean(found.raw), _shares(found)
            measurements.append(context.measurement("infidelity", raw, output, method=one.name, scaled=False))
            measurements.append(
                context.measurement("infidelity", mean(found.scaled), output, method=one.name, scaled=True)
            )
            for scaled, share in shares.items():
                measurements.append(
                    context.measurement("relative_infidelity", share, output, method=one.name, scaled=scaled)
                )
            if output == 0:
                dots.add(one.title, shares[True])
            table.append(
                context.row(
                    output,
                    one.title,
                    *value_and_interval(raw),
                    *value_and_interval(shares[False]),
                    *value_and_interval(shares[True]),
                )
            )
    description = (
        f"Mean squared difference between what attributions announce and what replacing features by those of "
        f"{replacement.drawn(_DRAWS)} background rows does, over {_SUBSETS} random subsets of features of each row. "
        "Relative: as a share of that of attributions that are all 0, so that 0 is best and 1 as good as none. Scaled: "
        "after the factor that suits each row best, so that methods in other units can be compared."
    )
    return CheckResult(
        tuple(measurements),
        (
            dots.figure(
                context.heading("Infidelity", 0), description, x_label="relative infidelity, scaled", reference=1.0
            ),
        ),
        (
            Table(
                title="Infidelity",
                columns=context.columns(
                    Column(name="method"),
                    *interval_columns("infidelity", unit="score squared"),
                    *interval_columns("relative"),
                    *interval_columns("relative, scaled"),
                ),
                rows=tuple(table),
                description=description,
            ),
        ),
    )


def _shares(found: Infidelity) -> dict[bool, Estimate]:
    """Relative infidelity, as it is and scaled."""
    return {False: relative(found.raw, found.of_nothing), True: relative(found.scaled, found.of_nothing)}
