"""Report formats that are broken on purpose, one at least for every check, each found by that check."""

from __future__ import annotations

import re

import pytest
from glasshouse import ReportFormatPlugin
from glasshouse.report.suppression import suppress_small_groups
from glasshouse.testing import check_report_format, checks_of, subject
from glasshouse.testing.kit.checks import run_check

CHECKS = {check.name: check for check in checks_of("report_format")}
MODULE = "report_formats_broken_on_purpose"


def lines(record) -> str:
    """Every measurement a line, small groups hidden."""
    shown = suppress_small_groups(record)
    return "\n".join(f"{name}: {m.value if m.undefined is None else m.undefined}" for name, m in shown.measurements())


def titled(record) -> str:
    """The run's name above the lines."""
    return f"{record.run['name']}: {record.verdict}\n{lines(record)}"


def a_number(record):
    """No text."""
    return 1


def judged_alone(record) -> str:
    """Runs that are judged."""
    return {"pass": "held", "fail": "violated"}[record.verdict]


def first_audit(record) -> str:
    """What the first audit says."""
    return record.audits[0].name


def raw(record) -> str:
    """Names as they come."""
    return f"<h1>{record.run['name']}</h1>"


def a_link(record) -> str:
    """Names as they come, in Markdown."""
    return record.run["name"]


def tells_all(record) -> str:
    """Every value."""
    return " ".join(str(m.value) for _, m in record.measurements())


calls: list[int] = []


def numbered(record) -> str:
    """Another number every time."""
    calls.append(1)
    return f"{len(calls)}"


def writes(record) -> str:
    """What changes the record."""
    record.run["config"]["seen"] = True
    return "done"


BROKEN = [
    ("is_documented", titled, {"summary": " "}, "expected a `summary` of one line"),
    ("returns_text_or_bytes", a_number, {}, "expected str or bytes, received int"),
    ("renders_every_verdict", judged_alone, {}, "insufficient_evidence: expected a report, received KeyError"),
    ("renders_an_empty_record", first_audit, {}, "no audits: expected a report, received IndexError"),
    ("hostile_names_stay_text", raw, {"suffix": ".html"}, r"expected names as text, received <script>alert\(1\)"),
    ("hostile_names_stay_text", a_link, {"suffix": ".md"}, "expected names as text, received"),
    ("small_groups_are_hidden", tells_all, {}, "expected a small group's rate to be hidden, received 0.7193"),
    ("rendering_is_deterministic", numbered, {}, "expected identical content, received another"),
    ("record_is_not_modified", writes, {}, "expected an unmodified record, received another"),
]


def declared(render, **more) -> ReportFormatPlugin:
    """A declaration of a function of this module."""
    return ReportFormatPlugin(name="lines", target=f"{__name__}:{render.__name__}", **{"summary": "lines", **more})


@pytest.mark.parametrize(("check", "render", "more", "told"), BROKEN, ids=[f"{b[0]}-{n}" for n, b in enumerate(BROKEN)])
def test_a_broken_format_is_found(check, render, more, told) -> None:
    found = run_check(CHECKS[check], subject(declared(render, **more), kind="report_format"))
    assert found.status == "failed", found
    assert re.search(told, found.reason), found.reason


def test_a_format_that_needs_torch_is_found(tmp_path, monkeypatch) -> None:
    (tmp_path / f"{MODULE}.py").write_text("import torch\n\ndef render(record):\n    return 'done'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = ReportFormatPlugin(name="heavy", target=f"{MODULE}:render", summary="heavy")
    found = run_check(CHECKS["needs_no_torch"], subject(plugin, kind="report_format"))
    assert found.reason == "expected none of torch and Lightning to be imported, received torch"


def test_a_slow_format_is_found(monkeypatch) -> None:
    from glasshouse.testing import report_formats

    ticks = iter((0, 7))
    monkeypatch.setattr(report_formats.time, "process_time", lambda: next(ticks))
    found = run_check(CHECKS["takes_little_time"], subject(declared(titled), kind="report_format"))
    assert found.reason == "expected at most 5 s, received 7 s"


def test_every_check_has_a_broken_format() -> None:
    elsewhere = {"takes_little_time", "needs_no_torch", "listing_imports_nothing_heavy"}
    assert {check for check, *_ in BROKEN} | elsewhere == set(CHECKS)


def test_a_sound_format_passes() -> None:
    assert [r.reason for r in check_report_format(declared(titled)) if r.status == "failed"] == []
    ours = ReportFormatPlugin(name="page", target="glasshouse.report.html:render_html", summary="page", suffix=".html")
    assert [r.reason for r in check_report_format(ours) if r.status == "failed"] == []
