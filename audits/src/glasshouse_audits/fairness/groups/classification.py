"""Group fairness of decisions: rates by group, gaps, and groups beside each other; arithmetic on count tables."""

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

from glasshouse_audits.fairness.groups import report as tables
from glasshouse_audits.fairness.groups.study import Measured, Question, Study

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
"""Rates about one class against the rest."""
SHARED = ("accuracy", "balanced_accuracy")
"""Rates that are the same whichever class is looked at; `MACRO` beside them where there are more than two."""
MACRO = ("macro_precision", "macro_f1")

DIFFERENCES = (
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "equalized_odds_difference",
    "predictive_parity_difference",
)
RATIOS = ("demographic_parity_ratio", "equal_opportunity_ratio", "equalized_odds_ratio", "predictive_parity_ratio")
UNNAMED = (
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
"""Rates whose gaps have no name of their own: ``<rate>_difference`` and ``<rate>_ratio``."""
COMPARED = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision")
"""The rates that are compared pair by pair."""

KINDS: tuple[GapKind, ...] = ("difference", "ratio")

# Pairs grow with the square of the levels; beyond these nobody reads them.
MOST_LEVELS_IN_PAIRS = 12
_MOST_LISTED = 8


def measure(study: Study) -> Measured:
    """Rates by group and intersection, gaps with simultaneous intervals and p-values, and pairs of groups."""
    found = Measured(notes=list(_about(study)))
    for names in study.together:
        if study.questions:
            question = study.questions[0]
            found.measurements += shared_rates(study.table(names, question), question, study)
    for names, question, table in study.each():
        found.measurements += class_rates(table, question, study)
        found.measurements += gaps(table, question, study)
        found.measurements += chance(table, question, study)
        if len(names) == 1:
            found.measurements += further_gaps(table, question, study)
            found.measurements += beside_everyone(table, question, study)
            if len(table) <= MOST_LEVELS_IN_PAIRS:
                found.measurements += in_pairs(table, question, study)
            elif question is study.questions[0]:
                found.notes.append(f"Pairs of groups left out for {names[0]}: it has {len(table)} levels.")
        found.measurements += beside_reference(table, question, study)
        found.notes += _left_out(table, question)
    tables.show_rates(found, study)
    return found


def available(table: GroupCounts, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some rates or gaps that can be had: without targets only what looks at decisions alone."""
    if table.has_targets:
        return wanted
    return tuple(name for name in wanted if name == "selection_rate" or name.startswith("demographic_parity"))


def shared_rates(table: GroupCounts, question: Question, study: Study) -> Iterator[Measurement]:
    """Count and accuracy of every group: the same whichever class is looked at. Labels each have an accuracy."""
    for group, size in zip(table.groups, table.sizes, strict=True):
        yield Measurement(name="count", value=float(size), n=int(size), group=group, split=study.split)
    if table.has_targets and study.tables.kind != "multilabel":
        for name in (*SHARED, *(MACRO if len(table.classes) > 2 else ())):
            yield from _by_group(table, name, question, None, study)


def class_rates(table: GroupCounts, question: Question, study: Study) -> Iterator[Measurement]:
    """Rates of every group about one class, and its impact ratio."""
    per_label = SHARED if study.tables.kind == "multilabel" else ()
    for name in available(table, (*RATES, *per_label)):
        yield from _by_group(table, name, question, question.output, study)
    intervals = impact_ratio_intervals(table, positive=question.positive)
    for k, (group, estimate) in enumerate(
        zip(table.groups, impact_ratios(table, positive=question.positive), strict=True)
    ):
        whole = Estimate(estimate.value, estimate.n, intervals.item(k), estimate.undefined)
        yield Measurement(name="impact_ratio", group=group, output=question.output, split=study.split, **whole.fields())


def gaps(table: GroupCounts, question: Question, study: Study) -> Iterator[Measurement]:
    """Gaps between the extreme groups, with intervals that hold for all groups at once; and the largest to everyone."""
    for name in available(table, (*DIFFERENCES, *RATIOS)):
        found = gap(table, name, positive=question.positive)
        interval = gap_interval(table, name, positive=question.positive) if found.value is not None else None
        estimate = Estimate(found.value, found.n, interval, found.undefined)
        yield _gap(name, table, question, study, estimate)
        if name in DIFFERENCES:
            far = gap(table, name, positive=question.positive, method="to_overall")
            estimate = Estimate(far.value, far.n, None, far.undefined)
            yield _gap(f"{name}_to_overall", table, question, study, estimate)


def further_gaps(table: GroupCounts, question: Question, study: Study) -> Iterator[Measurement]:
    """The gaps of all other rates; those that are no proportions have no interval."""
    for name, output in _with_output(table, (*UNNAMED, *MACRO), question, study):
        for kind in KINDS:
            found = gap(table, f"{name}_{kind}", positive=question.positive)
            interval = None
            if found.value is not None:
                interval = gap_interval(table, f"{name}_{kind}", positive=question.positive)
            estimate = Estimate(found.value, found.n, interval, found.undefined)
            yield _gap(f"{name}_{kind}", table, replace(question, output=output), study, estimate)


def chance(table: GroupCounts, question: Question, study: Study) -> Iterator[Measurement]:
    """How often differences as large, in standard errors, arise if groups make none.

    By random groupings of the rows; for weighted or clustered rows, which are not exchangeable, by the normal limit.
    Not the raw gap is compared, which would be that of the smallest groups.
    """
    rng = np.random.default_rng(study.seed)
    for name in available(table, DIFFERENCES):
        if name == "predictive_parity_difference":
            continue  # precision is compared in pairs: permuting groups among the selected would say no more
        if table.weighted:
            test = weighted_gap_test(table, name, rng=rng, positive=question.positive, draws=study.options.permutations)
        else:
            test = permutation_gap_test(
                table,
                name,
                rng=rng,
                positive=question.positive,
                permutations=study.options.permutations,
                statistic="studentized",
            )
        estimate = Estimate(test.p_value, int(table.sizes.sum()), None, test.undefined)
        yield _gap(f"{name}_p_value", table, question, study, estimate)


def in_pairs(table: GroupCounts, question: Question, study: Study) -> Iterator[Measurement]:
    """Differences and ratios between every two levels of one attribute, first to second, and score-test p-values."""
    positive = question.positive
    for name in available(table, COMPARED):
        differences = group_pairwise_differences(table, name, positive=positive, method="miettinen_nurminen")
        if study.options.pair_intervals == "bootstrap":
            differences = _resampled(differences, table, name, question, study)
        ratios = group_pairwise_ratios(table, name, positive=positive)
        p_values = pairwise_p_values(table, name, positive=positive)
        for difference, ratio, p_value in zip(differences, ratios, p_values, strict=True):
            n, reason = difference.estimate.n, difference.estimate.undefined
            test = Estimate(None if reason else float(p_value), n, None, reason)
            yield _pair(f"{name}_pairwise_difference", difference, difference.estimate, table, question, study)
            if name == "selection_rate":
                yield _pair(f"{name}_pairwise_ratio", ratio, ratio.estimate, table, question, study)
            yield _pair(f"{name}_pairwise_p_value", difference, test, table, question, study)


def _resampled(
    differences: tuple[Pairwise, ...], table: GroupCounts, name: str, question: Question, study: Study
) -> tuple[Pairwise, ...]:
    """The same pairs with bootstrap intervals, where there is something to draw from."""
    drawn = study.bootstrap(
        table,
        question,
        lambda cells: pairwise_differences(rate(cells, name, positive=question.positive).values),
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


def beside_everyone(table: GroupCounts, question: Question, study: Study) -> Iterator[Measurement]:
    """Each group's rates minus and over those of everyone."""
    for name, output in _with_output(table, (*RATES, *SHARED, *MACRO), question, study):
        for kind in KINDS:
            estimates = compared_with(table, name, kind=kind, positive=question.positive)
            for group, estimate in zip(table.groups, estimates, strict=True):
                yield Measurement(
                    name=f"{name}_{kind}_to_overall",
                    group=group,
                    output=output,
                    split=study.split,
                    **estimate.fields(),
                )


def beside_reference(table: GroupCounts, question: Question, study: Study) -> Iterator[Measurement]:
    """Each group's rates minus and over those of the reference group, where one is named for these attributes."""
    reference = {a.name: study.options.reference.get(a.name) for a in table.attributes}
    known = {name: level for name, level in reference.items() if level is not None}
    if len(known) < len(reference) or known not in table.groups:
        return
    called = tables.described(known)
    for name, output in _with_output(table, (*RATES, *SHARED, *MACRO), question, study):
        for kind in KINDS:
            estimates = compared_with(
                table,
                name,
                kind=kind,
                reference=known,
                positive=question.positive,
            )
            for group, estimate in zip(table.groups, estimates, strict=True):
                if group == known:
                    continue
                yield Measurement(
                    name=f"{name}_{kind}_to_reference",
                    group=group,
                    output=output,
                    split=study.split,
                    parameters={"reference": called},
                    **estimate.fields(),
                )


def _with_output(
    table: GroupCounts, wanted: tuple[str, ...], question: Question, study: Study
) -> Iterator[tuple[str, str | None]]:
    """Those of some rates that can be had, each with what it is about; what is the same for every class comes once."""
    for name in available(table, wanted):
        if name in MACRO and len(table.classes) == 2:
            continue
        if name not in (*SHARED, *MACRO) or study.tables.kind == "multilabel":
            yield name, question.output
        elif question is study.questions[0]:
            yield name, None


def _by_group(
    table: GroupCounts, name: str, question: Question, output: str | None, study: Study
) -> Iterator[Measurement]:
    positive = question.positive
    estimates = group_rates(table, name, positive=positive)
    if not rate(table.cells, name, positive=positive).proportion:
        drawn = study.bootstrap(table, question, lambda cells: rate(cells, name, positive=positive).values)
        if drawn is not None:
            intervals = drawn.intervals()
            estimates = tuple(
                estimate if estimate.value is None else Estimate(estimate.value, estimate.n, intervals.item(k))
                for k, estimate in enumerate(estimates)
            )
    for group, estimate in zip(table.groups, estimates, strict=True):
        yield Measurement(name=name, group=group, output=output, split=study.split, **estimate.fields())


def _gap(
    name: str,
    table: GroupCounts,
    question: Question,
    study: Study,
    estimate: Estimate,
    parameters: Mapping[str, str] | None = None,
) -> Measurement:
    return Measurement(
        name=name,
        over=tables.names(table),
        output=question.output,
        split=study.split,
        parameters=dict(parameters or {}),
        **estimate.fields(),
    )


def _pair(
    name: str, pair: Pairwise, estimate: Estimate, table: GroupCounts, question: Question, study: Study
) -> Measurement:
    return _gap(
        name,
        table,
        question,
        study,
        estimate,
        {"first": tables.described(pair.first), "second": tables.described(pair.second)},
    )


def _about(study: Study) -> Iterator[str]:
    if not study.questions:
        return
    kind, asked = study.tables.kind, study.questions
    yield (
        "Rates have Wilson intervals. Gaps between the extreme groups are biased upward when groups are small; their "
        "intervals follow from score intervals of all pairs of groups that hold at once, and not from resampling the "
        "gap, which would repeat the bias."
    )
    if kind == "binary":
        yield f"Selected means predicted {asked[0].label}, the favourable class."
    elif kind == "multilabel":
        yield "Each label is held against its absence: selected means predicted to have it."
    elif len(asked) == len(study.tables.classes):
        yield "Each class is held against the rest: selected means predicted that class."
    else:
        yield f"The {len(asked)} most frequent of {len(study.tables.classes)} classes are each held against the rest."
    if study.clustered:
        yield (
            "Rows come in clusters, and rows of a cluster tell less than as many single ones: intervals and tests rest "
            "on the effective number of rows, which the variance between clusters gives (Rao and Scott 1992)."
        )
    elif study.tables.weighted:
        yield (
            "Rows are weighted: intervals and tests rest on the effective number of rows, (sum w)^2 / sum w^2. Gaps "
            "are tested by the normal limit, since rows of different weight cannot be exchanged."
        )
    if study.tables.has_targets:
        yield "Treatment equality is false negatives over false positives; it has no upper limit."


def _left_out(table: GroupCounts, question: Question) -> Iterator[str]:
    """Which groups the gaps are not over, since a rate is undefined there."""
    told: dict[tuple[str, ...], list[str]] = {}
    for name in available(table, DIFFERENCES):
        groups = tuple(tables.described(group) for group in gap(table, name, positive=question.positive).left_out)
        if groups:
            told.setdefault(groups, []).append(name)
    for groups, which in told.items():
        listed = "; ".join(groups[:_MOST_LISTED])
        more = f"; and {len(groups) - _MOST_LISTED} more" if len(groups) > _MOST_LISTED else ""
        about = f" for {question.output}" if question.output else ""
        yield (
            f"Left out of {', '.join(which)} over {' and '.join(tables.names(table))}{about}, since a rate is "
            f"undefined there: {listed}{more}."
        )
