"""Small groups: hidden in every form, not to be had by subtraction, kept in the record."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from glasshouse import AuditResult, Column, Figure, Measurement, Section, Table
from glasshouse.record.record import Record, build_record
from glasshouse.report.html import render_html
from glasshouse.report.json_format import render_json
from glasshouse.report.markdown import render_markdown
from glasshouse.report.suppression import Labels, hidden_cells, small_group_limit, suppress_small_groups
from hypothesis import given
from hypothesis import strategies as st

from helpers.sample_record import run_header


def cell(**labels: str) -> Labels:
    return frozenset(labels.items())


def record(*measurements: Measurement, tables: tuple[Table, ...] = (), figures: tuple[Figure, ...] = ()) -> Record:
    audit = AuditResult(name="fairness", family="fairness", measurements=measurements, tables=tables, figures=figures)
    return build_record(run_header(), [audit])


def by_level(sizes: dict[str, int]) -> list[Measurement]:
    found = []
    for level, n in sizes.items():
        found.append(Measurement(name="count", value=float(n), n=n, group={"sex": level}))
        reason = None if n else "no rows"
        rate = None if n == 0 else 0.375
        found.append(Measurement(name="selection_rate", value=rate, undefined=reason, n=n, group={"sex": level}))
    return found


def shown(record: Record) -> dict[str, Measurement]:
    return {m.id: m for m in suppress_small_groups(record).audits[0].measurements}


def test_a_small_group_is_hidden_and_the_next_count_withheld() -> None:
    found = shown(record(*by_level({"f": 9, "m": 60, "x": 100, "none": 0})))
    assert found["selection_rate[sex=f]"].undefined == "suppressed (fewer than 10)"
    assert (found["selection_rate[sex=f]"].value, found["selection_rate[sex=f]"].n) == (None, None)
    # else 9 = total - 60 - 100
    assert found["count[sex=m]"].undefined == "withheld"
    assert (found["selection_rate[sex=m]"].value, found["selection_rate[sex=m]"].n) == (0.375, None)
    assert found["count[sex=x]"].value == 100
    # an empty group is nobody's secret, and never vanishes
    assert found["selection_rate[sex=none]"].undefined == "no rows"
    assert found["count[sex=none]"].value == 0


def test_all_rates_of_a_small_group_are_hidden_even_those_over_nobody() -> None:
    own = {"group": {"sex": "f"}}
    found = shown(
        record(
            Measurement(name="count", value=5.0, n=5, **own),
            Measurement(name="true_positive_rate", value=None, undefined="no positives", n=0, **own),
        )
    )
    assert found["true_positive_rate[sex=f]"].undefined == "suppressed (fewer than 10)"


def test_a_rate_over_few_is_hidden_in_a_large_group() -> None:
    own = {"group": {"sex": "f"}}
    found = shown(
        record(
            Measurement(name="count", value=500.0, n=500, **own),
            Measurement(name="true_positive_rate", value=0.5, n=4, **own),
        )
    )
    assert found["true_positive_rate[sex=f]"].value is None
    assert found["count[sex=f]"].value == 500


def test_a_difference_from_a_small_group_is_hidden() -> None:
    def pair(second: str) -> Measurement:
        return Measurement(name="d", value=0.1, n=100, over=("sex",), parameters={"first": "m", "second": second})

    found = shown(record(*by_level({"f": 9, "m": 60, "x": 100}), pair("f"), pair("x")))
    assert found["d[over=sex,first=m,second=f]"].value is None
    assert found["d[over=sex,first=m,second=x]"].value == 0.1


def test_a_rate_over_few_is_hidden_wherever_it_stands() -> None:
    """3 of 7 negatives of a group of 20: neither its rate, nor the difference from it, nor a table may tell."""
    rates = [
        Measurement(name="count", value=20.0, n=20, group={"age": "young"}),
        Measurement(name="count", value=46.0, n=46, group={"age": "old"}),
        Measurement(name="false_positive_rate", value=3 / 7, n=7, group={"age": "young"}),
        Measurement(name="false_positive_rate", value=0.2, n=25, group={"age": "old"}),
        Measurement(name="selection_rate", value=0.6, n=20, group={"age": "young"}),
        Measurement(name="selection_rate", value=0.2, n=46, group={"age": "old"}),
    ]
    pairs = [
        Measurement(
            name=f"{rate}_pairwise_difference",
            value=value,
            over=("age",),
            parameters={"first": "young", "second": "old"},
        )
        for rate, value in (("false_positive_rate", 3 / 7 - 0.2), ("selection_rate", 0.4))
    ]
    by_group = Table(
        title="t",
        columns=tuple(Column(name=name) for name in ("age", "rows", "false_positive_rate", "selection_rate")),
        rows=(("young", 20, 3 / 7, 0.6), ("old", 46, 0.2, 0.2)),
        count_column="rows",
    )
    differences = Table(
        title="t",
        columns=tuple(Column(name=name) for name in ("metric", "first", "second", "difference")),
        rows=(
            ("false_positive_rate", "young", "old", 3 / 7 - 0.2),
            ("selection_rate", "young", "old", 0.4),
        ),
    )
    audit = suppress_small_groups(record(*rates, *pairs, tables=(by_group, differences))).audits[0]
    hidden = {m.id.split("[")[0] for m in audit.measurements if m.value is None}
    assert hidden == {"false_positive_rate", "false_positive_rate_pairwise_difference"}
    assert audit.tables[0].rows == (("young", 20, "suppressed", 0.6), ("old", 46, 0.2, 0.2))
    assert [row[-1] for row in audit.tables[1].rows] == ["suppressed", 0.4]


def test_everyone_is_no_group() -> None:
    assert shown(record(Measurement(name="accuracy", value=0.5, n=3)))["accuracy"].value == 0.5


def test_tables_and_figures_hide_what_the_measurements_hide() -> None:
    table = Table(
        title="t",
        columns=(Column(name="sex"), Column(name="rows"), Column(name="rate"), Column(name="hits")),
        rows=(("f", 9, 0.375, 3), ("m", 60, 0.5, 30), ("x", 100, 0.5, 50)),
        count_column="rows",
    )
    dots = Figure(
        kind="dot_interval",
        title="t",
        description="d",
        data={
            "labels": ["f", "m", "x"],
            "values": [0.375, 0.5, 0.5],
            "low": [0.1] * 3,
            "high": [0.9] * 3,
            "n": [9, 60, 100],
        },
    )
    bars = Figure(kind="bar", title="t", description="d", data={"labels": ["f", "m"], "values": [0.375, 0.5]})
    lines = Figure(
        kind="line",
        title="t",
        description="d",
        data={"series": [{"name": name, "x": [0], "y": [1]} for name in ("f", "sex=f", "m")]},
    )
    measurements = by_level({"f": 9, "m": 60, "x": 100})
    audit = suppress_small_groups(record(*measurements, tables=(table,), figures=(dots, bars, lines))).audits[0]
    assert audit.tables[0].rows == (
        ("f", "suppressed (fewer than 10)", "suppressed", "suppressed"),
        ("m", "withheld", 0.5, "withheld"),
        ("x", 100, 0.5, 50),
    )
    assert audit.figures[0].data["values"] == [None, 0.5, 0.5]
    assert audit.figures[0].data["low"] == [None, 0.1, 0.1]
    assert audit.figures[0].data["n"] == [None, None, 100]
    assert audit.figures[0].data["undefined"] == ["suppressed (fewer than 10)", None, None]
    assert audit.figures[1].data["values"] == [None, 0.5]
    assert [series["name"] for series in audit.figures[2].data["series"]] == ["m"]


def test_tables_of_sections_are_covered_too() -> None:
    table = Table(title="t", columns=(Column(name="w"), Column(name="n")), rows=(("A", 3), ("B", 50)), count_column="n")
    with_section = build_record(run_header(), [], [], [Section(title="s", tables=(table,))])
    rows = suppress_small_groups(with_section).sections[0].tables[0].rows
    assert rows == (("A", "suppressed (fewer than 10)"), ("B", "withheld"))


@pytest.mark.parametrize(("asked", "limit"), [(None, 10), (0, 0), (25, 25), ("many", 10)])
def test_the_limit_is_the_runs_own(asked: Any, limit: int) -> None:
    header = run_header()
    header["config"].pop("small_group_limit")
    if asked is not None:
        header["config"]["small_group_limit"] = asked
    assert small_group_limit(build_record(header, [])) == limit


def test_no_format_shows_a_small_group_and_the_record_keeps_it() -> None:
    # the only group of this rate: its digits cannot come from elsewhere
    marked = by_level({"f": 7, "m": 500, "x": 900})
    marked[1] = Measurement(name="selection_rate", value=0.31337, n=7, group={"sex": "f"})
    whole = record(*marked)
    assert "0.31337" in json.dumps(whole.to_dict())
    for render in (render_html, render_markdown, render_json):
        text = render(whole)
        assert "0.313" not in text
        assert "suppressed (fewer than 10)" in text


sizes_1d = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 40), min_size=2)


@given(sizes_1d, st.integers(0, 20))
def test_no_small_cell_can_be_had_by_subtraction(sizes: dict[str, int], limit: int) -> None:
    """From the shown counts and the total, at least two cells stay open, or nothing was hidden, or nobody is left."""
    cells = {cell(sex=level): n for level, n in sizes.items()}
    found = hidden_cells(cells, limit)
    hidden = found.small | found.withheld
    assert {labels for labels, n in cells.items() if 0 < n < limit} == found.small
    open_cells = [labels for labels in cells if labels in hidden]
    others = [labels for labels, n in cells.items() if n and labels not in hidden]
    assert not open_cells or (len(open_cells) > 1 and sum(cells[c] for c in open_cells) >= limit) or not others


@given(st.lists(st.integers(0, 40), min_size=6, max_size=6), st.integers(2, 15))
def test_crossings_and_margins_protect_each_other(counts: list[int], limit: int) -> None:
    """In a 2 by 3 table with its margins, no equation has one unknown as long as there is a cell left to withhold."""
    cells = {cell(sex=s, age=a): n for (s, a), n in zip(product("fm", "xyz"), counts, strict=True)}
    for s in "fm":
        cells[cell(sex=s)] = sum(cells[cell(sex=s, age=a)] for a in "xyz")
    for a in "xyz":
        cells[cell(age=a)] = sum(cells[cell(sex=s, age=a)] for s in "fm")
    found = hidden_cells(cells, limit)
    hidden = found.small | found.withheld
    lines = [([cell(sex=s, age=a) for a in "xyz"], cell(sex=s)) for s in "fm"]
    lines += [([cell(sex=s, age=a) for s in "fm"], cell(age=a)) for a in "xyz"]
    for inside, margin in lines:
        occupied = [c for c in inside if cells[c]]
        unknown = [c for c in occupied if c in hidden]
        if len(unknown) == len(occupied):
            continue  # nothing is left to withhold
        assert len(unknown) + (margin in hidden) != 1


def test_a_section_hides_what_the_audits_hide() -> None:
    """Group c has 4 people: its rate is hidden also in a table that does not say so."""
    sizes = {"a": 90, "b": 12, "c": 4, "d": 15}
    measured = [Measurement(name="count", value=float(n), n=n, group={"g": level}) for level, n in sizes.items()]
    rate = Measurement(name="rate", value=0.123, n=4, group={"g": "c"})
    audit = AuditResult(name="x", family="fairness", measurements=[*measured, rate])
    columns = (Column(name="g"), Column(name="rows"), Column(name="rate"))
    table = Table(
        title="t", columns=columns, rows=(("a", 90, 0.5), ("c", 4, 0.123), ("d", 15, 0.2)), count_column="rows"
    )
    other = Table(title="u", columns=columns[::2], rows=(("c", 0.123),))
    record = build_record(run_header(), [audit], [], [Section(title="s", tables=(table, other))])
    first, second = suppress_small_groups(record, 10).sections[0].tables
    rows = {row[0]: row[1:] for row in first.rows}
    assert rows["c"] == ("suppressed (fewer than 10)", "suppressed")
    assert rows["a"] == (90, 0.5)
    assert rows["d"] == ("withheld", 0.2)
    assert second.rows == (("c", "suppressed"),)
