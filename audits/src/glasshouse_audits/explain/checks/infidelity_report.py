"""Infidelity of explanations: measurements, table and figure."""

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
# Infidelity is quadratic, so it would include the noise of a small number of background rows.
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
        f"Mean squared difference between the sum of attributions of a subset of features and the change of the score "
        f"when these are replaced by those of {replacement.drawn(_DRAWS)} background rows, over {_SUBSETS} random "
        "subsets for each row. Relative: divided by the infidelity of attributions of 0, so that 0 is best and 1 is no "
        "better than no explanation. Scaled: after the best scaling factor of each row, to compare methods with "
        "different units."
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
    """Relative infidelity, unscaled and scaled."""
    return {False: relative(found.raw, found.of_nothing), True: relative(found.scaled, found.of_nothing)}
