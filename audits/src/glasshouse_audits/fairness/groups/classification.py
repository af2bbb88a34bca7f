"""Group fairness of decisions: rates by group, gaps, and pairs of groups; arithmetic on count tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from glasshouse import Measurement
from glasshouse.statistics import (
    Estimate,
    GapKind,
    GroupCounts,
    Pairwise,
    compared_with,
    gap,
    gap_interval,
    group_pairwise_differences,
    group_pairwise_ratios,
    group_rates,
    impact_ratio_intervals,
    impact_ratios,
    pairwise_differences,
    pairwise_p_values,
    permutation_gap_test,
    rate,
    weighted_gap_test,
)

from glasshouse_audits.fairness.groups import report
from glasshouse_audits.fairness.groups.study import MAX_GROUPS_IN_DETAIL, PartialResult, PositiveClass, Study

RATES = (
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "true_negative_rate",
    "false_negative_rate",
    "precision",
    "false_discovery_rate",
    "false_omission_rate",
    "f1",
    "treatment_equality",
    "prevalence",
)
"""Rates of one class against the rest."""
CLASS_INDEPENDENT_RATES = ("accuracy", "balanced_accuracy")
"""Rates that are the same for every positive class; `MACRO_RATES` are added for more than two classes."""
MACRO_RATES = ("macro_precision", "macro_f1")

GAP_DIFFERENCES = (
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "equalized_odds_difference",
    "predictive_parity_difference",
)
GAP_RATIOS = ("demographic_parity_ratio", "equal_opportunity_ratio", "equalized_odds_ratio", "predictive_parity_ratio")
RATES_WITH_UNNAMED_GAPS = (
    "accuracy",
    "balanced_accuracy",
    "false_positive_rate",
    "true_negative_rate",
    "false_negative_rate",
    "false_discovery_rate",
    "false_omission_rate",
    "f1",
    "treatment_equality",
    "prevalence",
)
"""Rates whose gaps have no established name: ``<rate>_difference`` and ``<rate>_ratio``."""
PAIRWISE_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision")
"""The rates that are compared for every pair of groups."""

KINDS: tuple[GapKind, ...] = ("difference", "ratio")

# Pairs grow with the square of the levels; more than these are not readable.
MAX_LEVELS_FOR_PAIRS = 12
_MAX_LISTED = 8


def measure(study: Study) -> PartialResult:
    """Rates by group and intersection, gaps with simultaneous intervals and p-values, and pairs of groups."""
    found = PartialResult(notes=list(_method_notes(study)))
    for names in study.attribute_sets:
        if study.positive_classes:
            positive_class = study.positive_classes[0]
            found.measurements += class_independent_rates(study.table(names, positive_class), positive_class, study)
    for names, positive_class, table in study.each_table():
        found.measurements += class_rates(table, positive_class, study)
        found.measurements += gaps(table, positive_class, study)
        found.measurements += gap_tests(table, positive_class, study)
        if len(names) == 1:
            found.measurements += other_gaps(table, positive_class, study)
            if study.in_detail(names):
                found.measurements += differences_to_overall(table, positive_class, study)
            if len(table) <= MAX_LEVELS_FOR_PAIRS:
                found.measurements += pairwise_gaps(table, positive_class, study)
            elif positive_class is study.positive_classes[0]:
                found.notes.append(f"Pairs of groups are omitted for {names[0]}, which has {len(table)} levels.")
        if study.in_detail(names):
            found.measurements += differences_to_reference(table, positive_class, study)
        found.notes += _left_out_notes(table, positive_class)
    found.notes += _notes_on_many_groups(study)
    report.add_rate_tables(found, study)
    return found


def available_rates(table: GroupCounts, rates: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some rates or gaps that can be computed: without targets only those of decisions alone."""
    if table.has_targets:
        return rates
    return tuple(name for name in rates if name == "selection_rate" or name.startswith("demographic_parity"))


def class_independent_rates(table: GroupCounts, positive_class: PositiveClass, study: Study) -> Iterator[Measurement]:
    """Count and accuracy of every group, which are the same for every class; for multilabel targets only counts."""
    for group, size in zip(table.groups, table.sizes, strict=True):
        yield Measurement(name="count", value=float(size), n=int(size), group=group, split=study.split)
    if table.has_targets and study.tables.kind != "multilabel":
        for name in (*CLASS_INDEPENDENT_RATES, *(MACRO_RATES if len(table.classes) > 2 else ())):
            yield from _by_group(table, name, positive_class, None, study)


def class_rates(table: GroupCounts, positive_class: PositiveClass, study: Study) -> Iterator[Measurement]:
    """Rates of every group for one class, and the impact ratio."""
    per_label = CLASS_INDEPENDENT_RATES if study.tables.kind == "multilabel" else ()
    for name in available_rates(table, (*RATES, *per_label)):
        yield from _by_group(table, name, positive_class, positive_class.output, study)
    intervals = impact_ratio_intervals(table, positive=positive_class.code)
    for k, (group, estimate) in enumerate(
        zip(table.groups, impact_ratios(table, positive=positive_class.code), strict=True)
    ):
        whole = Estimate(estimate.value, estimate.n, intervals.item(k), estimate.undefined)
        yield Measurement(
            name="impact_ratio", group=group, output=positive_class.output, split=study.split, **whole.fields()
        )


def gaps(table: GroupCounts, positive_class: PositiveClass, study: Study) -> Iterator[Measurement]:
    """Gaps between the extreme groups with simultaneous intervals, and the largest difference to the overall rate."""
    for name in available_rates(table, (*GAP_DIFFERENCES, *GAP_RATIOS)):
        found = gap(table, name, positive=positive_class.code)
        interval = gap_interval(table, name, positive=positive_class.code) if found.value is not None else None
        estimate = Estimate(found.value, found.n, interval, found.undefined)
        yield _gap(name, table, positive_class, study, estimate)
        if name in GAP_DIFFERENCES:
            far = gap(table, name, positive=positive_class.code, method="to_overall")
            estimate = Estimate(far.value, far.n, None, far.undefined)
            yield _gap(f"{name}_to_overall", table, positive_class, study, estimate)


def other_gaps(table: GroupCounts, positive_class: PositiveClass, study: Study) -> Iterator[Measurement]:
    """The gaps of all other rates; rates that are not proportions have no interval."""
    for name, output in _rates_with_output(table, (*RATES_WITH_UNNAMED_GAPS, *MACRO_RATES), positive_class, study):
        for kind in KINDS:
            found = gap(table, f"{name}_{kind}", positive=positive_class.code)
            interval = None
            if found.value is not None:
                interval = gap_interval(table, f"{name}_{kind}", positive=positive_class.code)
            estimate = Estimate(found.value, found.n, interval, found.undefined)
            yield _gap(f"{name}_{kind}", table, replace(positive_class, output=output), study, estimate)


def gap_tests(table: GroupCounts, positive_class: PositiveClass, study: Study) -> Iterator[Measurement]:
    """P-values of the gaps: the probability of a studentized difference at least as large if groups do not differ.

    By permuting the group labels; for weighted or clustered rows, which are not exchangeable, by the normal limit. The
    statistic is studentized, because the largest raw gap is usually that of the smallest groups.
    """
    rng = np.random.default_rng(study.seed)
    for name in available_rates(table, GAP_DIFFERENCES):
        if name == "predictive_parity_difference":
            continue  # precision is tested in pairs: permuting groups among the selected rows adds nothing
        if table.weighted:
            test = weighted_gap_test(
                table, name, rng=rng, positive=positive_class.code, draws=study.options.permutations
            )
        else:
            test = permutation_gap_test(
                table,
                name,
                rng=rng,
                positive=positive_class.code,
                permutations=study.options.permutations,
                statistic="studentized",
            )
        estimate = Estimate(test.p_value, int(table.sizes.sum()), None, test.undefined)
        yield _gap(f"{name}_p_value", table, positive_class, study, estimate)


def pairwise_gaps(table: GroupCounts, positive_class: PositiveClass, study: Study) -> Iterator[Measurement]:
    """Differences and ratios between every two levels of one attribute, first to second, and score-test p-values."""
    positive = positive_class.code
    for name in available_rates(table, PAIRWISE_RATES):
        differences = group_pairwise_differences(table, name, positive=positive, method="miettinen_nurminen")
        if study.options.pair_intervals == "bootstrap":
            differences = _resampled(differences, table, name, positive_class, study)
        ratios = group_pairwise_ratios(table, name, positive=positive)
        p_values = pairwise_p_values(table, name, positive=positive)
        for difference, ratio, p_value in zip(differences, ratios, p_values, strict=True):
            n, reason = difference.estimate.n, difference.estimate.undefined
            test = Estimate(None if reason else float(p_value), n, None, reason)
            yield _pair(f"{name}_pairwise_difference", difference, difference.estimate, table, positive_class, study)
            if name == "selection_rate":
                yield _pair(f"{name}_pairwise_ratio", ratio, ratio.estimate, table, positive_class, study)
            yield _pair(f"{name}_pairwise_p_value", difference, test, table, positive_class, study)


def _resampled(
    differences: tuple[Pairwise, ...], table: GroupCounts, name: str, positive_class: PositiveClass, study: Study
) -> tuple[Pairwise, ...]:
    """The same pairs with bootstrap intervals, if the counts can be resampled."""
    drawn = study.bootstrap(
        table,
        positive_class,
        lambda cells: pairwise_differences(rate(cells, name, positive=positive_class.code).values),
    )
    if drawn is None:
        return differences
    intervals = drawn.intervals()
    return tuple(
        pair
        if pair.estimate.value is None
        else replace(pair, estimate=replace(pair.estimate, interval=intervals.item(k)))
        for k, pair in enumerate(differences)
    )


def differences_to_overall(table: GroupCounts, positive_class: PositiveClass, study: Study) -> Iterator[Measurement]:
    """Difference and ratio of each group's rates to the overall rates."""
    for name, output in _rates_with_output(
        table, (*RATES, *CLASS_INDEPENDENT_RATES, *MACRO_RATES), positive_class, study
    ):
        for kind in KINDS:
            estimates = compared_with(table, name, kind=kind, positive=positive_class.code)
            for group, estimate in zip(table.groups, estimates, strict=True):
                yield Measurement(
                    name=f"{name}_{kind}_to_overall",
                    group=group,
                    output=output,
                    split=study.split,
                    **estimate.fields(),
                )


def differences_to_reference(table: GroupCounts, positive_class: PositiveClass, study: Study) -> Iterator[Measurement]:
    """Difference and ratio of each group's rates to those of the reference group, if the options name one."""
    reference = {a.name: study.options.reference.get(a.name) for a in table.attributes}
    known = {name: level for name, level in reference.items() if level is not None}
    if len(known) < len(reference) or known not in table.groups:
        return
    reference_label = report.group_label(known)
    for name, output in _rates_with_output(
        table, (*RATES, *CLASS_INDEPENDENT_RATES, *MACRO_RATES), positive_class, study
    ):
        for kind in KINDS:
            estimates = compared_with(
                table,
                name,
                kind=kind,
                reference=known,
                positive=positive_class.code,
            )
            for group, estimate in zip(table.groups, estimates, strict=True):
                if group == known:
                    continue
                yield Measurement(
                    name=f"{name}_{kind}_to_reference",
                    group=group,
                    output=output,
                    split=study.split,
                    parameters={"reference": reference_label},
                    **estimate.fields(),
                )


def _rates_with_output(
    table: GroupCounts, rates: tuple[str, ...], positive_class: PositiveClass, study: Study
) -> Iterator[tuple[str, str | None]]:
    """The rates that can be computed, each with its `output`; class-independent rates are returned once."""
    for name in available_rates(table, rates):
        if name in MACRO_RATES and len(table.classes) == 2:
            continue
        if name not in (*CLASS_INDEPENDENT_RATES, *MACRO_RATES) or study.tables.kind == "multilabel":
            yield name, positive_class.output
        elif positive_class is study.positive_classes[0]:
            yield name, None


def _by_group(
    table: GroupCounts, name: str, positive_class: PositiveClass, output: str | None, study: Study
) -> Iterator[Measurement]:
    estimates = group_rates(table, name, positive=positive_class.code)
    for group, estimate in zip(table.groups, estimates, strict=True):
        yield Measurement(name=name, group=group, output=output, split=study.split, **estimate.fields())


def _gap(
    name: str,
    table: GroupCounts,
    positive_class: PositiveClass,
    study: Study,
    estimate: Estimate,
    parameters: Mapping[str, str] | None = None,
) -> Measurement:
    return Measurement(
        name=name,
        over=report.attribute_names(table),
        output=positive_class.output,
        split=study.split,
        parameters=dict(parameters or {}),
        **estimate.fields(),
    )


def _pair(
    name: str, pair: Pairwise, estimate: Estimate, table: GroupCounts, positive_class: PositiveClass, study: Study
) -> Measurement:
    return _gap(
        name,
        table,
        positive_class,
        study,
        estimate,
        {"first": report.group_label(pair.first), "second": report.group_label(pair.second)},
    )


def _method_notes(study: Study) -> Iterator[str]:
    if not study.positive_classes:
        return
    kind, classes_shown = study.tables.kind, study.positive_classes
    yield (
        "Rates have Wilson intervals. Gaps between the extreme groups are biased upward when groups are small. Their "
        "intervals come from simultaneous exact comparisons of the groups with each other and with all other rows, "
        "because resampling the gap would repeat the bias."
    )
    if kind == "binary":
        yield f"Selected means predicted {classes_shown[0].label}, the favourable class."
    elif kind == "multilabel":
        yield "Each label is compared with its absence: selected means that the label is predicted."
    elif len(classes_shown) == len(study.tables.classes):
        yield "Each class is compared with the rest: selected means that the class is predicted."
    else:
        yield (
            f"The {len(classes_shown)} most frequent of {len(study.tables.classes)} classes are each compared with the "
            "rest."
        )
    if study.clustered:
        yield (
            "Rows are clustered and not independent: intervals and tests use the effective number of rows, computed "
            "from the variance between clusters (Rao and Scott 1992)."
        )
    elif study.tables.weighted:
        yield (
            "Rows are weighted: intervals and tests use the effective number of rows, (sum w)^2 / sum w^2. Gaps are "
            "tested by the normal limit, because rows of different weight are not exchangeable."
        )
    if study.tables.has_targets:
        yield "Treatment equality is false negatives over false positives; it has no upper limit."


def _notes_on_many_groups(study: Study) -> Iterator[str]:
    """What is not measured by group where there are too many, and how few rows such groups have."""
    for names in study.attribute_sets:
        if not study.in_detail(names):
            table = study.table(names, study.positive_classes[0])
            half = int(np.median(table.sizes))
            yield (
                f"{' and '.join(names)}: {len(table):,} groups, half of them of at most {half:,} rows. With more than "
                f"{MAX_GROUPS_IN_DETAIL} groups, counts, rates and impact ratios are measured by group; power, scores, "
                "calibration and differences from all rows are not."
            )


def _left_out_notes(table: GroupCounts, positive_class: PositiveClass) -> Iterator[str]:
    """The groups excluded from gaps because a rate is undefined there."""
    groups_left_out: dict[tuple[str, ...], list[str]] = {}
    for name in available_rates(table, GAP_DIFFERENCES):
        groups = tuple(report.group_label(group) for group in gap(table, name, positive=positive_class.code).left_out)
        if groups:
            groups_left_out.setdefault(groups, []).append(name)
    for groups, which in groups_left_out.items():
        listed = "; ".join(groups[:_MAX_LISTED])
        more = f"; and {len(groups) - _MAX_LISTED} more" if len(groups) > _MAX_LISTED else ""
        about = f" for {positive_class.output}" if positive_class.output else ""
        yield (
            f"Excluded from {', '.join(which)} over {' and '.join(report.attribute_names(table))}{about}, because a "
            f"rate is undefined there: {listed}{more}."
        )
