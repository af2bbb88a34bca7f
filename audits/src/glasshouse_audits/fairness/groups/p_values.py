"""P-values adjusted for all tests that the audit made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from glasshouse import Measurement
from glasshouse.statistics import benjamini_hochberg, holm

METHODS = {"holm": holm, "benjamini_hochberg": benjamini_hochberg}


def adjusted(measurements: Sequence[Measurement]) -> list[Measurement]:
    """For every p-value its adjusted ones, over all of them together: ``..._adjusted_p_value`` with the method.

    Holm's keep the chance of any false alarm at the level, Benjamini and Hochberg's the share of false ones among
    alarms. Undefined p-values count as no test and stay undefined.
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
    """Whether a measurement is the p-value of a test."""
    return measurement.name.endswith("_p_value")
