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
    ends, method = _together(measure, len(known), level)
    interval = None
    if len(ends) == len(known):
        low = max(0.0, max(low for low, _ in ends) - min(high for _, high in ends))
        high = max(high for _, high in ends) - min(low for low, _ in ends)
        interval = Interval(low, high, level, method)
    return Estimate(max(values) - min(values), n, interval)


def narrowest(measure: Measure, *, level: float = 0.95) -> Estimate:
    """Smallest over largest of a measure that is not negative, as `widest`; 1 is equal."""
    known = [estimate for estimate in measure(level) if estimate.value is not None]
    n = sum(estimate.n or 0 for estimate in known)
    values = [estimate.value for estimate in known if estimate.value is not None]
    if len(values) < 2:
        return Estimate(None, n, undefined="fewer than two groups where it is defined")
    if not max(values) > 0:
        return Estimate(None, n, undefined="it is 0 in every group")
    ends, method = _together(measure, len(known), level)
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
    everyone: Estimate | None = None,
    ratio: bool = False,
) -> list[Measurement]:
    """A measure of every group, and its gaps.

    Args:
        name: of the measure.
        groups: attribute -> level.
        measure: its estimates at a level.
        over: the attributes.
        split: the judged split.
        output: class or label.
        everyone: the measure of everyone, from which the groups' differences are told, without intervals.
        ratio: whether the smallest over the largest is a gap as well; for measures that are not negative.
    """
    found = [
        Measurement(name=name, group=group, output=output, split=split, **estimate.fields())
        for group, estimate in zip(groups, measure(0.95), strict=True)
    ]
    gap = Measurement(name=f"{name}_difference", over=over, output=output, split=split, **widest(measure).fields())
    if everyone is not None:
        for group, estimate in zip(groups, measure(0.95), strict=True):
            if estimate.value is None or everyone.value is None:
                apart = Estimate(None, estimate.n, undefined=estimate.undefined or everyone.undefined)
            else:
                apart = Estimate(estimate.value - everyone.value, estimate.n)
            found.append(
                Measurement(
                    name=f"{name}_difference_to_overall", group=group, output=output, split=split, **apart.fields()
                )
            )
    if ratio:
        found.append(
            Measurement(name=f"{name}_ratio", over=over, output=output, split=split, **narrowest(measure).fields())
        )
    return [*found, gap]


def _together(measure: Measure, groups: int, level: float) -> tuple[list[tuple[float, float]], str]:
    """Ends of the groups' intervals that hold together, of those that have one, and how they are called."""
    known = [e.interval for e in measure(1 - (1 - level) / groups) if e.value is not None and e.interval is not None]
    ends = [(one.low, one.high) for one in known if one.low is not None and one.high is not None]
    return ends, f"simultaneous_{known[0].method}" if known else ""
