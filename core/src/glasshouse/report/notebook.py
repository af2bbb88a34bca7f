"""A record as a notebook's cell shows it: the verdict and the findings behind it, in a few lines."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from glasshouse.record.record import Record
from glasshouse.report.page import build_page

if TYPE_CHECKING:
    from jinja2 import Template

MOST_FINDINGS = 8


def render_notebook(record: Record, folder: Path | None = None) -> str:
    """A fragment of HTML without script; everything from the record is escaped, and small groups are hidden."""
    page = build_page(record)
    return _template().render(
        page=page,
        shown=page.findings[:MOST_FINDINGS],
        more=len(page.findings) - MOST_FINDINGS,
        audits=record.audits,
        folder=folder,
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("glasshouse.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("notebook.html.jinja")
