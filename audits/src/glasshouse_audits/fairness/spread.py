"""Gaps of any measure that has an interval in each group: AUC, mean scores, errors of predicted numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from glasshouse import Measurement
from glasshouse.statistics import Estimate, Interval

Measure = Callable[[float], Sequence[Estimate]]
"""From a confidence level to the estimates of all groups."""


def widest(measure: Measure, *, level: float = 0.95) -> Estimate:
    """Largest minus smallest over the groups that have the measure, with an interval that holds for all of them.

    If every group's value lies in its own interval, the gap lies between what these allow. They hold together by
    Bonferroni's correction (Miller 1981, Simultaneous Statistical Inference, section 1.6): ``simultaneous_...``.
    """
    known = [estimate for estimate in measure(level) if estimate.value is not None]
    n = sum(estimate.n or 0 for estimate in known)
    if len(known) < 2:
        return Estimate(None, n, undefined="fewer than two groups where it is defined")
    values = [estimate.value for estimate in known if estimate.value is not None]
    together = [e.interval for e in measure(1 - (1 - level) / len(known)) if e.value is not None]
    ends = [
        (interval.low, interval.high)
        for interval in together
        if interval is not None and interval.low is not None and interval.high is not None
    ]
    interval = None
    if len(ends) == len(known) and together[0] is not None:
        low = max(0.0, max(low for low, _ in ends) - min(high for _, high in ends))
        high = max(high for _, high in ends) - min(low for low, _ in ends)
        interval = Interval(low, high, level, f"simultaneous_{together[0].method}")
    return Estimate(max(values) - min(values), n, interval)


def measurements(
    name: str,
    groups: Sequence[Mapping[str, str]],
    measure: Measure,
    *,
    over: tuple[str, ...],
    split: str,
    output: str | None = None,
) -> list[Measurement]:
    """A measure of every group, and its gap."""
    found = [
        Measurement(name=name, group=group, output=output, split=split, **estimate.fields())
        for group, estimate in zip(groups, measure(0.95), strict=True)
    ]
    gap = Measurement(name=f"{name}_difference", over=over, output=output, split=split, **widest(measure).fields())
    return [*found, gap]
