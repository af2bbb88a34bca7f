"""What core brings itself, registered like any plugin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from glasshouse.plugins.declarations import ReportFormatPlugin
from glasshouse.plugins.hookspecs import SPEC_VERSION, hookimpl

if TYPE_CHECKING:
    from glasshouse.pipeline.run import Run
    from glasshouse.record.measurements import AuditResult

glasshouse_spec = SPEC_VERSION  # core's own is always of its own version


@hookimpl
def glasshouse_report_formats() -> Iterator[ReportFormatPlugin]:
    yield ReportFormatPlugin(
        name="html",
        target="glasshouse.report.html:render_html_file",
        summary="one self-contained page, opens offline",
        suffix=".html",
    )
    yield ReportFormatPlugin(
        name="md",
        target="glasshouse.report.markdown:render_markdown",
        summary="Markdown for a model card or a pull request",
        aliases=("markdown",),
        suffix=".md",
    )
    yield ReportFormatPlugin(
        name="json",
        target="glasshouse.report.json_format:render_json",
        summary="the record as indented JSON",
        suffix=".json",
    )


@hookimpl(trylast=True)
def glasshouse_run_audit(run: Run, audit: str) -> AuditResult:
    from glasshouse.measure.run_audits import measure

    return measure(run, audit)
