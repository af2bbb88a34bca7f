"""What this distribution brings. Nothing is imported here but glasshouse itself, so that listing stays instant."""

from collections.abc import Iterator

from glasshouse import AuditPlugin, CommandPlugin, ExplainerPlugin, ModelPlugin, ReportFormatPlugin, hookimpl


@hookimpl
def glasshouse_models() -> Iterator[ModelPlugin]:
    yield ModelPlugin(
        name="line", target="glasshouse_sample.line:Line", summary="one linear layer", aliases=("affine",)
    )


@hookimpl
def glasshouse_audits() -> Iterator[AuditPlugin]:
    yield AuditPlugin(
        name="doubt",
        target="glasshouse_sample.doubt:DoubtAudit",
        summary="how often the model is not sure of its own decision",
        family="performance",
        targets=("binary", "multiclass"),
    )


@hookimpl
def glasshouse_explainers() -> Iterator[ExplainerPlugin]:
    yield ExplainerPlugin(
        name="exchange",
        title="Exchange",
        target="glasshouse_sample.exchange:Exchange",
        summary="how far the score moves when one feature comes from other rows",
        requires=("features",),
    )


@hookimpl
def glasshouse_report_formats() -> Iterator[ReportFormatPlugin]:
    yield ReportFormatPlugin(
        name="one_line",
        target="glasshouse_sample.one_line:render",
        summary="the verdict in one line of text",
        suffix=".txt",
    )


@hookimpl
def glasshouse_commands() -> Iterator[CommandPlugin]:
    yield CommandPlugin(
        name="verdict", target="glasshouse_sample.verdict:main", summary="print the verdict of a finished run"
    )
