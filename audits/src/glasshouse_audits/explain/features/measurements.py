"""Measurements of explanations: mean attributions, overall and by group, and completeness errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from glasshouse import Explanation, Groups, Measurement
from glasshouse.statistics import Estimate
from numpy.typing import NDArray

from glasshouse_audits.explain.completeness import completeness_errors, resolved
from glasshouse_audits.explain.explainers import MethodExplanation
from glasshouse_audits.explain.features.importance import mean_attribution


@dataclass(frozen=True, kw_only=True, eq=False)
class Attributions:
    """One method's attributions of one output: `values` (n, d) and `error` (n, d), their standard error."""

    method: str
    title: str
    output: str | None
    values: NDArray[np.float64]
    error: NDArray[np.float64] | None
    design: NDArray[np.int64] | None
    change: NDArray[np.float64] | None
    """(n,) output minus base, which the values should add up to; None if the method does not promise completeness."""
    used: bool
    """False if the method failed, because its values do not add up."""

    def mean(self, feature: int, rows: NDArray[np.intp] | slice = slice(None), *, absolute: bool = True) -> Estimate:
        """Mean (absolute) attribution of a feature over some rows."""
        return mean_attribution(
            self.values[rows, feature],
            error=None if self.error is None else self.error[rows, feature],
            design=None if self.design is None else self.design[rows],
            absolute=absolute,
        )


def by_output(
    explained: MethodExplanation, scores: NDArray[np.float64], labels: Sequence[str | None]
) -> Iterator[Attributions]:
    """An explanation split by output; `scores` (n, k) are the explained scores of its rows."""
    found: Explanation = explained.explanation
    for k, label in enumerate(labels):
        yield Attributions(
            method=explained.name,
            title=explained.title,
            output=label,
            values=resolved(found.values[:, :, k], scores[:, k]),
            error=None if found.standard_error is None else found.standard_error[:, :, k],
            design=found.design,
            change=_change(found, scores, k),
            used=not explained.failed,
        )


def worst_completeness_error(found: Explanation, scores: NDArray[np.float64]) -> float | None:
    """The relative completeness error of the worst row and output; None without a promise, or if no output changes."""
    worst = []
    for k in range(scores.shape[1]):
        change = _change(found, scores, k)
        if change is None:
            return None
        errors = completeness_errors(resolved(found.values[..., k], scores[:, k]), change)
        if errors is not None:
            worst.append(float(errors.max()))
    return max(worst, default=None)


def _change(found: Explanation, scores: NDArray[np.float64], k: int) -> NDArray[np.float64] | None:
    if found.completeness is None or found.base is None:
        return None
    return resolved(scores[:, k] - found.base[:, k], scores[:, k])


def completeness(one: Attributions, split: str) -> Iterator[Measurement]:
    """Completeness errors of attributions that should add up to the change of the output: maximum and mean."""
    if one.change is None:
        return
    errors = completeness_errors(one.values, one.change)
    for statistic in ("max", "mean"):
        yield Measurement(
            name="completeness_error",
            value=None if errors is None else float(getattr(np, statistic)(errors)),
            undefined="the model's output is the same for every explained row" if errors is None else None,
            n=len(one.values),
            output=one.output,
            split=split,
            parameters={"method": one.method, "statistic": statistic, "used": one.used},
        )


def importance(one: Attributions, features: Sequence[str], split: str) -> Iterator[Measurement]:
    """Mean absolute attribution of every feature over all explained rows."""
    for position, feature in enumerate(features):
        yield Measurement(
            name="mean_absolute_attribution",
            output=one.output,
            split=split,
            parameters={"feature": feature, "method": one.method},
            **one.mean(position).fields(),
        )


def by_group(
    one: Attributions, features: Sequence[str], groups: Mapping[str, Groups], split: str
) -> Iterator[Measurement]:
    """Mean absolute and mean attribution of every feature within each group of each sensitive attribute.

    If the method is complete, the mean attributions of a group add up to its mean output minus the base, so their
    differences between groups decompose a gap in scores by feature (Begley et al., "Explainability for fair machine
    learning", 2020). The groups' codes are those of the explained rows.
    """
    for attribute, group in groups.items():
        for code, level in enumerate(group.levels):
            rows = np.flatnonzero(group.codes == code)
            yield Measurement(
                name="count",
                value=float(len(rows)),
                n=len(rows),
                group={attribute: level},
                output=one.output,
                split=split,
                parameters={"method": one.method},
            )
            for position, feature in enumerate(features):
                for name, absolute in (("mean_absolute_attribution", True), ("mean_attribution", False)):
                    yield Measurement(
                        name=name,
                        group={attribute: level},
                        output=one.output,
                        split=split,
                        parameters={"feature": feature, "method": one.method},
                        **one.mean(position, rows, absolute=absolute).fields(),
                    )
