"""All checks of a report format: it renders every record, and discloses nothing about small groups."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from typing import Any

from glasshouse.plugins.loading import one_line
from glasshouse.record.findings import FindingVerdict
from glasshouse.record.record import Record
from glasshouse.testing.checks.reports.records import SECRET, empty, hostile, ordinary, small_groups
from glasshouse.testing.kit.checks import Check, expect
from glasshouse.testing.kit.common import COMMON_CHECKS
from glasshouse.testing.kit.outcomes import CheckFailed, NotApplicable
from glasshouse.testing.kit.subjects import Subject

HEAVY: tuple[str, ...] = ("torch", "pytorch_lightning")
MARKUP = (".html", ".htm", ".xhtml", ".svg", ".xml", ".md")
VERDICTS: tuple[FindingVerdict | None, ...] = ("pass", "fail", "insufficient_evidence", None)


def renders_every_verdict(subject: Subject) -> None:
    """It renders runs of each verdict, and undefined, skipped and failed results."""
    for verdict in VERDICTS:
        record = ordinary(verdict)
        expect(
            bool(_rendered(subject, record, record.verdict)),
            f"verdict {record.verdict}: expected content, received none",
        )


def renders_an_empty_record(subject: Subject) -> None:
    """It renders a record without audits."""
    _rendered(subject, empty(), "no audits")


def returns_text_or_bytes(subject: Subject) -> None:
    """It returns str or bytes; text can be encoded as UTF-8."""
    content = subject.target(ordinary())
    if not isinstance(content, (str, bytes)):
        raise CheckFailed(f"expected str or bytes, received {type(content).__name__}")
    if isinstance(content, str):
        content.encode("utf-8")


def hostile_names_stay_text(subject: Subject) -> None:
    """No name in the record becomes markup, a script or an attribute."""
    text = _text(_rendered(subject, hostile(), "hostile names"))
    if subject.plugin.suffix == ".json":
        json.loads(text)
        return
    if subject.plugin.suffix not in MARKUP:
        raise NotApplicable(f"a {subject.plugin.suffix} file has no markup")
    page = _Page()
    page.feed(text)
    expect(not page.active, f"expected names as text, received {page.active[0] if page.active else ''}")
    if subject.plugin.suffix == ".md":
        expect(not re.search(r"(?<!\\)\]\(javascript:", text), "expected names as text, received a link")


def small_groups_are_hidden(subject: Subject) -> None:
    """The rate of a group of four people is hidden, as by `glasshouse.suppress_small_groups`."""
    content = _text(_rendered(subject, small_groups(), "small groups"))
    for text in (f"{SECRET}", f"{SECRET:.3f}", f"{SECRET * 100:.2f}", f"{SECRET * 100:.1f}"):
        expect(text not in content, f"expected a small group's rate to be hidden, received {text}")


def rendering_is_deterministic(subject: Subject) -> None:
    """The same record is rendered to identical bytes."""
    expect(subject.target(ordinary()) == subject.target(ordinary()), "expected identical content, received another")


def record_is_not_modified(subject: Subject) -> None:
    """The record is not modified."""
    record = ordinary("fail")
    before = record.to_dict()
    subject.target(record)
    expect(record.to_dict() == before, "expected an unmodified record, received another")


def needs_no_torch(subject: Subject) -> None:
    """It renders without importing torch, as `glasshouse report` does."""
    module, _, attribute = subject.plugin.target.partition(":")
    program = f"from {__name__} import _render_alone; _render_alone({module!r}, {attribute!r})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        raise CheckFailed(f"a new process cannot render: {done.stderr.strip().splitlines()[-1]}")
    heavy = done.stdout.split()[-1]
    expect(heavy == "none", f"expected none of torch and Lightning to be imported, received {heavy}")


def takes_little_time(subject: Subject) -> None:
    """A record takes at most 5 seconds of processor time."""
    start = time.process_time()
    subject.target(ordinary())
    seconds = time.process_time() - start
    expect(seconds <= 5, f"expected at most 5 s, received {seconds:.0f} s")


REPORT_FORMAT_CHECKS = (
    *COMMON_CHECKS,
    *map(
        Check.of,
        (
            returns_text_or_bytes,
            renders_every_verdict,
            renders_an_empty_record,
            hostile_names_stay_text,
            small_groups_are_hidden,
            rendering_is_deterministic,
            record_is_not_modified,
            needs_no_torch,
            takes_little_time,
        ),
    ),
)


def _rendered(subject: Subject, record: Record, what: str) -> Any:
    try:
        return subject.target(record)
    except Exception as error:
        raise CheckFailed(f"{what}: expected a report, received {one_line(error)}") from error


def _text(content: str | bytes) -> str:
    return content if isinstance(content, str) else content.decode("utf-8", errors="replace")


def _render_alone(module: str, attribute: str) -> None:
    import importlib

    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    found(ordinary())
    print("", *([name for name in HEAVY if name in sys.modules] or ["none"]))


class _Page(HTMLParser):
    """Finds elements in which a name of the hostile record has become active."""

    def __init__(self) -> None:
        super().__init__()
        self.active: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        for name, value in attrs:
            if name == "onerror" or (value or "").strip().lower().startswith("javascript:"):
                self.active.append(f"<{tag} {name}={value!r}>")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script and "alert(1)" in data:
            self.active.append("<script>alert(1)</script>")
