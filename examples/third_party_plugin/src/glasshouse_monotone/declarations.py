"""What this distribution brings. It is imported whenever plugins are listed, so nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from glasshouse import AuditPlugin, DataPlugin, ExplainerPlugin, ModelPlugin, hookimpl

if TYPE_CHECKING:
    from glasshouse import Run, Section


@hookimpl
def glasshouse_models() -> Iterator[ModelPlugin]:
    yield ModelPlugin(
        name="monotone_network",
        target="glasshouse_monotone.network:MonotoneNetwork",
        summary="one hidden layer whose output only rises, or only falls, with chosen columns",
        targets=("binary", "regression"),
    )


@hookimpl
def glasshouse_data() -> Iterator[DataPlugin]:
    yield DataPlugin(
        name="invented_loans",
        target="glasshouse_monotone.loans:InventedLoans",
        summary="800 invented loans, of which it is known who repays and why",
        targets=("binary",),
    )


@hookimpl
def glasshouse_audits() -> Iterator[AuditPlugin]:
    yield AuditPlugin(
        name="monotonicity",
        target="glasshouse_monotone.audit:MonotonicityAudit",
        summary="how many people's scores move against a promised direction",
        family="robustness",
        modalities=("tabular",),
        targets=("binary", "regression"),
        requires=("model", "inputs", "features"),
    )


@hookimpl
def glasshouse_explainers() -> Iterator[ExplainerPlugin]:
    yield ExplainerPlugin(
        name="main_effects",
        target="glasshouse_monotone.main_effects:MainEffects",
        title="Main effects",
        summary="how far a feature alone moves the score, on average over other rows",
        requires=("features",),
    )


@hookimpl
def glasshouse_report_sections(run: Run) -> Iterable[Section]:
    from glasshouse_monotone.section import promised_directions

    return promised_directions(run.results or ())
