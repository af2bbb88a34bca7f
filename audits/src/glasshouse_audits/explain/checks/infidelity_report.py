"""Do attributions announce how much the score changes? Infidelity, told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from glasshouse import Cell, Column, Measurement, Table
from glasshouse.statistics import Estimate, mean
from numpy.typing import NDArray

from glasshouse_audits.explain.checks.check_result import Asked, Checked, Dots, cells, flat, interval_columns
from glasshouse_audits.explain.checks.infidelity import Infidelity, change, infidelity, relative, subsets
from glasshouse_audits.explain.checks.replacement import Replacing
from glasshouse_audits.explain.explainers import Explained

_SUBSETS = 20
# Infidelity squares, so that the noise of a few background rows would be seen in it.
_DRAWS = 100


def changes(explained: Sequence[Explained], asked: Asked, replacing: Replacing, rows: NDArray[np.intp]) -> Checked:
    """Infidelity of all methods under the same perturbations; `rows` are those of `replacing`."""
    replaced = subsets(replacing, _SUBSETS, seed=asked.seed)
    lower = change(replacing, replaced, draws=_DRAWS, seed=asked.seed)
    measurements: list[Measurement] = []
    table: list[tuple[Cell, ...]] = []
    dots = Dots()
    for output in range(len(asked.labels)):
        for one in explained:
            found = infidelity(flat(one.explanation)[rows, :, output], replaced, lower[:, :, output])
            raw, shares = mean(found.raw), _shares(found)
            measurements.append(asked.measurement("infidelity", raw, output, method=one.name, scaled=False))
            measurements.append(
                asked.measurement("infidelity", mean(found.scaled), output, method=one.name, scaled=True)
            )
            for scaled, share in shares.items():
                measurements.append(
                    asked.measurement("relative_infidelity", share, output, method=one.name, scaled=scaled)
                )
            if output == 0:
                dots.add(one.title, shares[True])
            table.append(asked.row(output, one.title, *cells(raw), *cells(shares[False]), *cells(shares[True])))
    description = (
        f"Mean squared difference between what attributions announce and what replacing features by those of "
        f"{replacing.drawn(_DRAWS)} background rows does, over {_SUBSETS} random subsets of features of each row. "
        "Relative: as a share of that of attributions that are all 0, so that 0 is best and 1 as good as none. Scaled: "
        "after the factor that suits each row best, so that methods in other units can be compared."
    )
    return Checked(
        tuple(measurements),
        (
            dots.figure(
                asked.heading("Infidelity", 0), description, x_label="relative infidelity, scaled", reference=1.0
            ),
        ),
        (
            Table(
                title="Infidelity",
                columns=asked.columns(
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
