"""A record as the output of a notebook cell: the verdict and its findings, in a few lines."""

from __future__ import annotations

from pathlib import Path

from glasshouse.record.record import Record
from glasshouse.report.environment import load_template
from glasshouse.report.page import build_page

MAX_FINDINGS = 8


def render_notebook(record: Record, folder: Path | None = None) -> str:
    """An HTML fragment without script; all text from the record is escaped, and small groups are suppressed."""
    page = build_page(record)
    return load_template("notebook.html.jinja").render(
        page=page,
        shown=page.findings[:MAX_FINDINGS],
        more=len(page.findings) - MAX_FINDINGS,
        audits=record.audits,
        folder=folder,
    )
