"""glasshouse: train a model, look through it, act on what is seen.

Importing this package imports neither torch nor any plugin; every public name is loaded on first use.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOMES = {
    "glasshouse.api": ("audit", "audit_predictions", "run"),
    "glasshouse.callback": ("AuditCallback",),
    "glasshouse.components": (
        "AuditPlugin",
        "CommandPlugin",
        "DataPlugin",
        "ExplainerPlugin",
        "ModelPlugin",
        "OptimizerPlugin",
        "ReportFormatPlugin",
        "SchedulerPlugin",
        "TechniquePlugin",
    ),
    "glasshouse.data": ("Batch", "DataInfo", "Feature", "Sensitive", "Target"),
    "glasshouse.errors": ("PluginWarning", "UserError"),
    "glasshouse.evidence": ("Audit", "Evidence"),
    "glasshouse.explanations": ("Explainer", "Explanation", "NotExplainableError", "Question", "in_batches"),
    "glasshouse.hookspecs": ("SPEC_VERSION", "hookimpl"),
    "glasshouse.images": ("ImageDataModule",),
    "glasshouse.measurements": ("AuditResult", "Column", "Figure", "Measurement", "Section", "Table"),
    "glasshouse.model": ("ModelHandle",),
    "glasshouse.predictions": ("Groups", "Predictions"),
    "glasshouse.records": ("RunRecord",),
    "glasshouse.tabular": ("InMemoryLoader", "TabularDataModule"),
    "glasshouse.texts": ("TextDataModule",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "SPEC_VERSION",
    "Audit",
    "AuditCallback",
    "AuditPlugin",
    "AuditResult",
    "Batch",
    "Column",
    "CommandPlugin",
    "DataInfo",
    "DataPlugin",
    "Evidence",
    "Explainer",
    "ExplainerPlugin",
    "Explanation",
    "Feature",
    "Figure",
    "Groups",
    "ImageDataModule",
    "InMemoryLoader",
    "Measurement",
    "ModelHandle",
    "ModelPlugin",
    "NotExplainableError",
    "OptimizerPlugin",
    "PluginWarning",
    "Predictions",
    "Question",
    "ReportFormatPlugin",
    "RunRecord",
    "SchedulerPlugin",
    "Section",
    "Sensitive",
    "Table",
    "TabularDataModule",
    "Target",
    "TechniquePlugin",
    "TextDataModule",
    "UserError",
    "__version__",
    "audit",
    "audit_predictions",
    "hookimpl",
    "in_batches",
    "run",
]

if TYPE_CHECKING:
    from glasshouse.api import audit, audit_predictions, run
    from glasshouse.callback import AuditCallback
    from glasshouse.components import (
        AuditPlugin,
        CommandPlugin,
        DataPlugin,
        ExplainerPlugin,
        ModelPlugin,
        OptimizerPlugin,
        ReportFormatPlugin,
        SchedulerPlugin,
        TechniquePlugin,
    )
    from glasshouse.data import Batch, DataInfo, Feature, Sensitive, Target
    from glasshouse.errors import PluginWarning, UserError
    from glasshouse.evidence import Audit, Evidence
    from glasshouse.explanations import Explainer, Explanation, NotExplainableError, Question, in_batches
    from glasshouse.hookspecs import SPEC_VERSION, hookimpl
    from glasshouse.images import ImageDataModule
    from glasshouse.measurements import AuditResult, Column, Figure, Measurement, Section, Table
    from glasshouse.model import ModelHandle
    from glasshouse.predictions import Groups, Predictions
    from glasshouse.records import RunRecord
    from glasshouse.tabular import InMemoryLoader, TabularDataModule
    from glasshouse.texts import TextDataModule


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'glasshouse' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """This package, in which a function keeps its name when a module of the same name is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES["glasshouse.api"] and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
