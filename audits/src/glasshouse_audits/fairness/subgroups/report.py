"""Measurements, table, figure and notes of the `subgroups` audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from glasshouse import Column, Figure, Measurement, Table

from glasshouse_audits.fairness.holdout_split import RowSubset
from glasshouse_audits.fairness.subgroups.columns import CodedColumns
from glasshouse_audits.fairness.subgroups.confirmation import Confirmation

SIGNIFICANCE = 0.05
"""Level of "confirmed": the probability that any subgroup is confirmed although none is worse."""

CONFIRM = {
    "split": "The subgroups were found on other rows than those measured here; the worst in the search comes first. "
    "P-values are adjusted for the number of subgroups (Holm).",
    "permutation": "The worst subgroup comes first. The numbers are from the searched rows, so they look worse than "
    "they are. The p-value is the share of searches on permuted losses that find a subgroup as bad; it accounts for "
    "all subgroups searched.",
}
"""The methods to confirm a subgroup, and what the table says about each."""


def measurements(
    tested: Sequence[Confirmation],
    labels: Sequence[dict[str, str]],
    metric: str,
    split: str,
    *,
    permuted: bool,
) -> Iterator[Measurement]:
    """The number of confirmed subgroups; then the mean loss, its difference to the rest and the p-value of each."""
    yield Measurement(
        name="confirmed_subgroups",
        value=float(sum(_is_confirmed(one) for one in tested)) if tested else None,
        undefined=None if tested else "the search found no large enough subgroup that is worse than the rest",
        n=len(tested),
        split=split,
        parameters={"significance": SIGNIFICANCE},
    )
    for group, one in zip(labels, tested, strict=True):
        common: dict[str, Any] = {"group": group, "split": split}
        yield Measurement(name=metric, **common, **one.loss.fields())
        yield Measurement(name=f"{metric}_difference_to_rest", **common, **one.difference.fields())
        yield Measurement(
            name="max_statistic_p_value" if permuted else "holm_adjusted_p_value",
            value=one.p_value,
            undefined=None if one.p_value is not None else "too few rows, or all losses are equal",
            n=one.loss.n,
            **common,
        )


def _is_confirmed(one: Confirmation) -> bool:
    return one.p_value is not None and one.p_value <= SIGNIFICANCE


def subgroup_table(labels: Sequence[dict[str, str]], tested: Sequence[Confirmation], metric: str, how: str) -> Table:
    """Every tested subgroup; `how` is one of `CONFIRM`."""
    return Table(
        title="Subgroups with the worst performance",
        columns=(
            Column(name="subgroup"),
            Column(name="rows", format="d"),
            *(Column(name=name, format=".3f") for name in (metric, "difference", "low", "high", "p-value")),
            Column(name="confirmed"),
        ),
        rows=tuple(
            (
                subgroup_label(group),
                one.loss.n,
                one.loss.value,
                one.difference.value,
                one.difference.interval.low if one.difference.interval else None,
                one.difference.interval.high if one.difference.interval else None,
                one.p_value,
                _is_confirmed(one),
            )
            for group, one in zip(labels, tested, strict=True)
        ),
        description=f"{CONFIRM[how]} The difference is to all other rows. Confirmed: a p-value of at most "
        f"{SIGNIFICANCE}. A subgroup that is not confirmed may look bad by chance.",
        count_column="rows",
    )


def difference_figure(labels: Sequence[dict[str, str]], tested: Sequence[Confirmation], metric: str) -> Figure:
    """The difference to the rest of every tested subgroup, with intervals."""
    intervals = [one.difference.interval for one in tested]
    metric = metric.replace("_", " ")
    return Figure(
        kind="dot_interval",
        title="How much worse the model performs in the subgroups found",
        description=f"The {metric} of each subgroup minus that of all other rows, with 95 % intervals, on rows that "
        "the search did not use. To the right of 0 the model performs worse in the subgroup.",
        data={
            "labels": [subgroup_label(group) for group in labels],
            "values": [one.difference.value for one in tested],
            "low": [interval.low if interval else None for interval in intervals],
            "high": [interval.high if interval else None for interval in intervals],
            "n": [one.loss.n for one in tested],
            "x_label": f"{metric}, subgroup minus rest",
            "reference": 0.0,
        },
    )


def subgroup_label(group: dict[str, str]) -> str:
    """``sex: Female, age: above 48``."""
    return ", ".join(f"{name}: {value}" for name, value in group.items())


def notes(
    searched: RowSubset, evaluated: RowSubset, columns: CodedColumns, candidates: int, metric: str, how: str
) -> Iterator[str]:
    """What was searched, and the limits of the search."""
    features = len(columns.codings) - columns.attributes
    tested = (
        f"tested on {evaluated.name} ({len(evaluated):,} rows), which the search did not use."
        if how == "split"
        else "tested by repeating the search with permuted losses."
    )
    yield (
        f"Searched on {searched.name} ({len(searched):,} rows) over {columns.attributes} attributes and {features} "
        f"features with {candidates:,} conditions; {tested}"
    )
    yield (
        f"Ranked by the {metric.replace('_', ' ')}, one-sided against all other rows. A beam search examines the most "
        "promising subgroups only and may miss others."
    )
