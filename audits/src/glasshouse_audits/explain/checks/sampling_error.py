"""Sampling error of attributions, relative to their size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from glasshouse import Measurement
from glasshouse.statistics import Estimate
from numpy.typing import NDArray

from glasshouse_audits.explain.checks.check_result import CheckContext, CheckResult, flat_attributions, mean_of_defined
from glasshouse_audits.explain.explainers import MethodExplanation

Floats = NDArray[np.float64]

_NOTHING = "no feature moves the output of any explained row"


def relative_error(values: Floats, standard_error: Floats) -> Floats:
    """Expected distance of attributions (n, d, k) from the exact ones, relative to their norm, (n, k).

    The norm of the vector of standard errors divided by that of the values. 0 is exact; NaN if all values are 0.
    """
    error, effect = np.linalg.norm(standard_error, axis=1), np.linalg.norm(values, axis=1)
    found: Floats = np.divide(error, effect, out=np.full_like(error, np.nan), where=effect > 0)
    return found


def sampling_error(explained: Sequence[MethodExplanation], context: CheckContext) -> CheckResult:
    """Relative sampling error of every method with a standard error: mean over rows, and the worst row."""
    measurements: list[Measurement] = []
    for one in explained:
        error = one.explanation.standard_error
        if error is None:
            continue
        values = flat_attributions(one.explanation)
        found = relative_error(values, error.reshape(values.shape))
        for output in range(len(context.labels)):
            known = found[~np.isnan(found[:, output]), output]
            worst = Estimate(float(known.max()), len(known)) if len(known) else Estimate(None, 0, undefined=_NOTHING)
            for statistic, estimate in (("mean", mean_of_defined(found[:, output], _NOTHING)), ("max", worst)):
                measurements.append(
                    context.measurement("sampling_error", estimate, output, method=one.name, statistic=statistic)
                )
    return CheckResult(tuple(measurements))
