"""Gaps of any measure with an interval in each group: AUC, mean scores, errors of predicted numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from glasshouse import Measurement
from glasshouse.statistics import Estimate, Interval

Measure = Callable[[float], Sequence[Estimate]]
"""From a confidence level to the estimates of all groups."""


def largest_difference(measure: Measure, *, level: float = 0.95) -> Estimate:
    """Largest minus smallest value over the groups where the measure is defined, with a simultaneous interval.

    If every group's value lies in its own interval, the gap lies between the extremes that these intervals allow. They
    hold simultaneously by Bonferroni's correction (Miller 1981, Simultaneous Statistical Inference, section 1.6).
    """
    known = [estimate for estimate in measure(level) if estimate.value is not None]
    n = sum(estimate.n or 0 for estimate in known)
    if len(known) < 2:
        return Estimate(None, n, undefined="defined in fewer than two groups")
    values = [estimate.value for estimate in known if estimate.value is not None]
    ends, method = _simultaneous_intervals(measure, len(known), level)
    interval = None
    if len(ends) == len(known):
        low = max(0.0, max(low for low, _ in ends) - min(high for _, high in ends))
        high = max(high for _, high in ends) - min(low for low, _ in ends)
        interval = Interval(low, high, level, method)
    return Estimate(max(values) - min(values), n, interval)


def smallest_ratio(measure: Measure, *, level: float = 0.95) -> Estimate:
    """Smallest over largest value of a non-negative measure, from 0 to 1; 1 is equal. As `largest_difference`."""
    known = [estimate for estimate in measure(level) if estimate.value is not None]
    n = sum(estimate.n or 0 for estimate in known)
    values = [estimate.value for estimate in known if estimate.value is not None]
    if len(values) < 2:
        return Estimate(None, n, undefined="defined in fewer than two groups")
    if not max(values) > 0:
        return Estimate(None, n, undefined="it is 0 in every group")
    ends, method = _simultaneous_intervals(measure, len(known), level)
    interval = None
    if len(ends) == len(known) and max(low for low, _ in ends) > 0:
        lowest, highest = min(low for low, _ in ends), max(high for _, high in ends)
        high = min(1.0, min(high for _, high in ends) / max(low for low, _ in ends))
        interval = Interval(max(0.0, lowest) / highest, high, level, method)
    return Estimate(min(values) / max(values), n, interval)


def measurements(
    name: str,
    groups: Sequence[Mapping[str, str]],
    measure: Measure,
    *,
    over: tuple[str, ...],
    split: str,
    output: str | None = None,
    overall: Estimate | None = None,
    ratio: bool = False,
) -> list[Measurement]:
    """A measure of every group, and its gaps.

    Args:
        name: of the measure.
        groups: attribute -> level, for each group.
        measure: maps a confidence level to the estimates of all groups.
        over: the attributes.
        split: the evaluated split.
        output: class or label.
        overall: the measure of all rows, for each group's difference to it, without intervals; None omits these.
        ratio: whether to add the ratio of the smallest to the largest value; for non-negative measures.
    """
    found = [
        Measurement(name=name, group=group, output=output, split=split, **estimate.fields())
        for group, estimate in zip(groups, measure(0.95), strict=True)
    ]
    gap = Measurement(
        name=f"{name}_difference", over=over, output=output, split=split, **largest_difference(measure).fields()
    )
    if overall is not None:
        for group, estimate in zip(groups, measure(0.95), strict=True):
            if estimate.value is None or overall.value is None:
                difference = Estimate(None, estimate.n, undefined=estimate.undefined or overall.undefined)
            else:
                difference = Estimate(estimate.value - overall.value, estimate.n)
            found.append(
                Measurement(
                    name=f"{name}_difference_to_overall", group=group, output=output, split=split, **difference.fields()
                )
            )
    if ratio:
        found.append(
            Measurement(name=f"{name}_ratio", over=over, output=output, split=split, **smallest_ratio(measure).fields())
        )
    return [*found, gap]


def _simultaneous_intervals(measure: Measure, groups: int, level: float) -> tuple[list[tuple[float, float]], str]:
    """Ends of simultaneous intervals of the groups that have one, and the name of the method."""
    known = [e.interval for e in measure(1 - (1 - level) / groups) if e.value is not None and e.interval is not None]
    ends = [(one.low, one.high) for one in known if one.low is not None and one.high is not None]
    return ends, f"simultaneous_{known[0].method}" if known else ""
