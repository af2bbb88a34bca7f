"""P-values adjusted for the number of tests in the audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from glasshouse import Measurement
from glasshouse.statistics import benjamini_hochberg, holm

METHODS = {"holm": holm, "benjamini_hochberg": benjamini_hochberg}


def adjust_p_values(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Every p-value adjusted over all tests, by each method: ``..._adjusted_p_value``.

    Holm's method controls the family-wise error rate, Benjamini and Hochberg's the false discovery rate. Undefined
    p-values do not count as tests and stay undefined.
    """
    tests = [m for m in measurements if is_p_value(m)]
    p_values = np.array([np.nan if m.value is None else m.value for m in tests])
    found = []
    for method, adjust in METHODS.items():
        for test, value in zip(tests, adjust(p_values), strict=True):
            found.append(
                replace(
                    test,
                    name=test.name.removesuffix("_p_value") + "_adjusted_p_value",
                    value=None if np.isnan(value) else float(value),
                    parameters={**test.parameters, "adjustment": method},
                )
            )
    return found


def is_p_value(measurement: Measurement) -> bool:
    """Whether a measurement is a p-value."""
    return measurement.name.endswith("_p_value")
