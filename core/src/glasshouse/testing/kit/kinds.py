"""The checks of each kind, imported on first use."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from glasshouse.errors import UserError, did_you_mean
from glasshouse.plugins.declarations import Plugin
from glasshouse.testing.kit.checks import Check
from glasshouse.testing.kit.subjects import Subject

MODULES = {
    "model": "glasshouse.testing.checks.models.suite",
    "data": "glasshouse.testing.checks.data.suite",
    "optimizer": "glasshouse.testing.checks.training.optimizers",
    "lr_scheduler": "glasshouse.testing.checks.training.schedules",
    "technique": "glasshouse.testing.checks.training.techniques",
    "audit": "glasshouse.testing.checks.audits.suite",
    "explainer": "glasshouse.testing.checks.explainers.suite",
    "report_format": "glasshouse.testing.checks.reports.report_formats",
}
"""Kind -> module with the tuple ``KIND_CHECKS`` (``MODEL_CHECKS``, ...) and, optionally, a subclass ``SUBJECT`` of
`Subject`."""


def checks_of(kind: str) -> tuple[Check, ...]:
    """All checks of a kind, in the order of execution.

    Raises:
        UserError: for a kind without checks.
    """
    checks: tuple[Check, ...] = getattr(_module(kind), f"{kind.upper()}_CHECKS")
    return checks


def subject_of(
    component: str | Plugin | Subject, *, kind: str, options: Mapping[str, Any] | None = None, data: Any = None
) -> Subject:
    """The subject of a component to check; a `Subject` is returned as it is.

    Raises:
        UserError: for a kind without checks, or a declaration of another kind.
    """
    if isinstance(component, Subject):
        return component
    made: Subject = getattr(_module(kind), "SUBJECT", Subject)(component, kind=kind, options=options, data=data)
    return made


def _module(kind: str) -> ModuleType:
    if kind not in MODULES:
        raise UserError(
            "glasshouse.testing", f"there are no checks for the kind '{kind}'.", did_you_mean(kind, MODULES)
        )
    return importlib.import_module(MODULES[kind])
