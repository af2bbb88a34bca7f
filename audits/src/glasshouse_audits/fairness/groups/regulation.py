"""Report section with the tables of two regulations, made from the measurements of the fairness audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from glasshouse import AuditResult, Column, Measurement, Section, Table

from glasshouse_audits.fairness.groups.report import group_label

TITLE = "Local Law 144 and the four-fifths rule"
_FOUR_FIFTHS = (
    "The four-fifths rule of US federal agencies (29 CFR 1607.4(D)) flags groups whose selection rate is below four "
    "fifths of the highest group's rate."
)
_LAW = (
    "The tables named Local Law 144 are those of a bias audit under New York City's Local Law 144 of 2021 (6 RCNY "
    "5-301), for known categories only. They do not establish whether the tool falls under the law or whether the "
    "auditor is independent."
)


def sections(results: Sequence[AuditResult]) -> Iterator[Section]:
    """The four-fifths rule for a favourable decision, and Local Law 144 if the data have its attributes."""
    measurements = [m for result in results if result.name == "fairness" for m in result.measurements]
    parameters = next((result.parameters for result in results if result.name == "fairness"), {})
    four_fifths, law = four_fifths_table(measurements), local_law_tables(measurements)
    if four_fifths is None and not law:
        return
    text = [] if four_fifths is None else [_FOUR_FIFTHS]
    if law:
        text += [_LAW, *_unknown(measurements)]
        if parameters.get("exclude_under_2_percent"):
            text.append(
                "Categories below 2 % of the data are excluded from the impact ratios; their counts and rates are "
                f"shown (6 RCNY 5-301(d)). Justification: {parameters['exclude_under_2_percent']}"
            )
    yield Section(
        title=TITLE if law and four_fifths is not None else "Local Law 144" if law else "The four-fifths rule",
        text=" ".join(text),
        tables=(*(() if four_fifths is None else (four_fifths,)), *law),
    )


def four_fifths_table(measurements: Sequence[Measurement]) -> Table | None:
    """Every group's selection rate over the highest rate, by attribute; None without a favourable decision."""
    ratios = [m for m in measurements if m.name == "impact_ratio" and len(m.group) == 1 and m.output is None]
    rates = {tuple(m.group.items()): m.value for m in measurements if m.name == "selection_rate" and m.output is None}
    if not ratios:
        return None
    return Table(
        title="Four-fifths rule",
        columns=(
            Column(name="attribute"),
            Column(name="group"),
            Column(name="rows", format="d"),
            Column(name="selection rate", format=".3f"),
            *(Column(name=name, format=".3f") for name in ("impact ratio", "low", "high")),
        ),
        rows=tuple(
            (next(iter(m.group)), group_label(m.group), m.n, rates[tuple(m.group.items())], m.value, m.low, m.high)
            for m in ratios
        ),
        description="The impact ratio is a group's selection rate divided by the highest rate; the rule flags ratios "
        "below 0.8. The intervals are simultaneous for all groups of an attribute.",
        count_column="rows",
    )


def local_law_tables(measurements: Sequence[Measurement]) -> list[Table]:
    """Number of people, rate and impact ratio by sex, by race/ethnicity and by both; none if either is missing."""
    names = ("ll144_selection_rate", "ll144_scoring_rate")
    rates = {tuple(m.group.items()): m for m in measurements if m.name in names}
    ratios = {tuple(m.group.items()): m.value for m in measurements if m.name == "ll144_impact_ratio"}
    found = []
    for over in dict.fromkeys(tuple(name for name, _ in group) for group in rates):
        listed = {group: m for group, m in rates.items() if tuple(name for name, _ in group) == over}
        rate_label = next(iter(listed.values())).name.removeprefix("ll144_").replace("_", " ")
        found.append(
            Table(
                title=f"Local Law 144: {rate_label} by {' and '.join(over)}",
                columns=(
                    *(Column(name=name) for name in over),
                    Column(name="number of people", format="d"),
                    Column(name=rate_label, format=".1%"),
                    Column(name="impact ratio", format=".3f"),
                ),
                rows=tuple((*dict(group).values(), m.n, m.value, ratios[group]) for group, m in listed.items()),
                count_column="number of people",
            )
        )
    return found


def _unknown(measurements: Sequence[Measurement]) -> Iterator[str]:
    for m in measurements:
        if m.name == "ll144_unknown_category_count" and m.value is not None:
            yield f"The tables exclude {m.value:,.0f} people of unknown {' or '.join(m.over)}."
