"""The section shows the audit's results, and is absent without them."""

from __future__ import annotations

from glasshouse import AuditResult, Measurement

from glasshouse_monotone.audit import NAME
from glasshouse_monotone.section import monotonicity_sections


def test_a_row_for_each_promise() -> None:
    kept = Measurement(name=NAME, value=0.25, n=40, parameters={"feature": "income", "promised": "rises"})
    empty = Measurement(
        name=NAME, value=None, undefined="no rows", n=0, parameters={"feature": "debt", "promised": "falls"}
    )
    other = Measurement(name="accuracy", value=1.0)
    result = AuditResult(name="monotonicity", family="robustness", measurements=[kept, empty, other])
    (section,) = monotonicity_sections([result])
    (table,) = section.tables
    assert table.rows == (("income", "rises", 0.25, 40), ("debt", "falls", None, 0))


def test_nothing_where_the_audit_has_not_run() -> None:
    assert list(monotonicity_sections([AuditResult(name="performance", family="performance")])) == []
