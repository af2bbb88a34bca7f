"""Declares the plugins of this distribution. Imported whenever plugins are listed, so it imports no heavy library."""

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
        summary="network with one hidden layer that is monotone in chosen columns",
        targets=("binary", "regression"),
    )


@hookimpl
def glasshouse_data() -> Iterator[DataPlugin]:
    yield DataPlugin(
        name="invented_loans",
        target="glasshouse_monotone.loans:InventedLoans",
        summary="800 synthetic loans with a known probability of repayment",
        targets=("binary",),
    )


@hookimpl
def glasshouse_audits() -> Iterator[AuditPlugin]:
    yield AuditPlugin(
        name="monotonicity",
        target="glasshouse_monotone.audit:MonotonicityAudit",
        summary="fraction of people whose score violates monotonicity",
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
        summary="centred partial dependence of the score on each feature",
        requires=("features",),
    )


@hookimpl
def glasshouse_report_sections(run: Run) -> Iterable[Section]:
    from glasshouse_monotone.section import monotonicity_sections

    return monotonicity_sections(run.results or ())
