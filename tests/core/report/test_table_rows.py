"""Rows of HTML tables: every cell escaped, in few calls, whatever it contains."""

from __future__ import annotations

import pytest
from glasshouse.record.measurements import Column, Measurement, Table
from glasshouse.report import table_rows
from glasshouse.report.page import _shown_measurement, shown_table
from glasshouse.report.table_rows import escaped, rows_of, rows_of_measurements
from markupsafe import escape


@pytest.mark.parametrize("texts", [[], ["<b>", "a & b", "'\""], ["with \x00 inside", "<"], ["", ""]])
def test_texts_are_escaped_one_by_one(texts):
    assert escaped(texts) == [str(escape(text)) for text in texts]


def test_rows_of_a_table():
    table = Table(title="t", columns=(Column(name="who"), Column(name="n")), rows=(("<a>", 1), ("b&c", None)))
    assert rows_of(shown_table(table)) == (
        '  <tr><td>&lt;a&gt;</td><td class="num">1</td></tr>\n  <tr><td>b&amp;c</td><td class="num">–</td></tr>\n'
    )


def test_rows_of_measurements():
    one = Measurement(
        name="accuracy", value=0.5, low=0.4, high=0.6, level=0.95, interval_method="wilson", n=8, group={"a": "<x>"}
    )
    none = Measurement(name="recall", value=None, undefined="no <positives>", n=0, split="test")
    shown = [_shown_measurement("fair", each, number, None) for number, each in enumerate((one, none), start=1)]
    assert list(rows_of_measurements(shown, scope=True, split=True, with_audit=True)) == [
        '  <tr id="m1"><td>fair</td><th scope="row">Accuracy</th><td>a: &lt;x&gt;</td>'
        '<td class="num"><span class="value">0.500</span></td>'
        '<td class="span">0.400 to 0.600 <span class="method">95 %, wilson</span></td>'
        '<td class="num">8</td><td>–</td></tr>\n'
        '  <tr id="m2"><td>fair</td><th scope="row">Recall</th><td>overall</td>'
        '<td class="num"><span class="absent">not measured: no &lt;positives&gt;</span></td>'
        '<td class="span"></td><td class="num">0</td><td>test</td></tr>\n'
    ]


def test_escaping_does_not_cost_a_call_for_each_cell(monkeypatch):
    calls = []
    monkeypatch.setattr(table_rows, "escape", lambda text: calls.append(text) or escape(text))
    rows = tuple((f"group {number}", number) for number in range(10_000))
    text = rows_of(shown_table(Table(title="t", columns=(Column(name="who"), Column(name="n")), rows=rows)))
    assert text.count("<tr>") == 10_000
    assert len(calls) == 2 * 3  # two columns, three blocks of rows
