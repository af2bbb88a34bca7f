"""glasshouse: train a model, look through it, act on what is seen.

Importing this package imports neither torch nor any plugin; every public name is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from glasshouse._lazy_names import lazy_names
from glasshouse._moved import alias_moved_modules
from glasshouse._version import __version__

if TYPE_CHECKING:
    from glasshouse.api import audit, audit_predictions, run
    from glasshouse.callback import AuditCallback
    from glasshouse.data.auditable import AuditableData
    from glasshouse.data.batch import Batch
    from glasshouse.data.data_info import DataInfo, Feature, Sensitive, Target
    from glasshouse.data.raw_table import RawTable, SensitiveColumn
    from glasshouse.datamodules.images import ImageDataModule, RawImages
    from glasshouse.datamodules.loader import InMemoryLoader
    from glasshouse.datamodules.tabular import TabularDataModule
    from glasshouse.datamodules.texts import RawTexts, TextDataModule
    from glasshouse.errors import Fault, PluginWarning, UserError, did_you_mean
    from glasshouse.evidence.evidence import Audit, Evidence, chosen_inputs
    from glasshouse.evidence.explanations import Explainer, Explanation, NotExplainableError, Question, in_batches
    from glasshouse.evidence.model_handle import ModelHandle
    from glasshouse.evidence.predictions import Groups, Predictions
    from glasshouse.pipeline.run import Run
    from glasshouse.plugins.declarations import (
        AuditPlugin,
        CommandPlugin,
        DataPlugin,
        ExplainerPlugin,
        HookPlugin,
        ModelPlugin,
        OptimizerPlugin,
        ReportFormatPlugin,
        SchedulerPlugin,
        TechniquePlugin,
    )
    from glasshouse.plugins.hookspecs import SPEC_VERSION, hookimpl
    from glasshouse.record.measurements import AuditResult, Cell, Column, Figure, Measurement, Section, Table
    from glasshouse.record.record import Record, build_record, read_record
    from glasshouse.report.suppression import suppress_small_groups
    from glasshouse.run_record import RunRecord

__all__ = [
    "SPEC_VERSION",
    "Audit",
    "AuditCallback",
    "AuditPlugin",
    "AuditResult",
    "AuditableData",
    "Batch",
    "Cell",
    "Column",
    "CommandPlugin",
    "DataInfo",
    "DataPlugin",
    "Evidence",
    "Explainer",
    "ExplainerPlugin",
    "Explanation",
    "Fault",
    "Feature",
    "Figure",
    "Groups",
    "HookPlugin",
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
    "RawImages",
    "RawTable",
    "RawTexts",
    "Record",
    "ReportFormatPlugin",
    "Run",
    "RunRecord",
    "SchedulerPlugin",
    "Section",
    "Sensitive",
    "SensitiveColumn",
    "Table",
    "TabularDataModule",
    "Target",
    "TechniquePlugin",
    "TextDataModule",
    "UserError",
    "__version__",
    "audit",
    "audit_predictions",
    "build_record",
    "chosen_inputs",
    "did_you_mean",
    "hookimpl",
    "in_batches",
    "read_record",
    "run",
    "suppress_small_groups",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "glasshouse.api": ("audit", "audit_predictions", "run"),
        "glasshouse.callback": ("AuditCallback",),
        "glasshouse.run_record": ("RunRecord",),
        "glasshouse.data.auditable": ("AuditableData",),
        "glasshouse.data.batch": ("Batch",),
        "glasshouse.data.data_info": ("DataInfo", "Feature", "Sensitive", "Target"),
        "glasshouse.data.raw_table": ("RawTable", "SensitiveColumn"),
        "glasshouse.datamodules.images": ("ImageDataModule", "RawImages"),
        "glasshouse.datamodules.loader": ("InMemoryLoader",),
        "glasshouse.datamodules.tabular": ("TabularDataModule",),
        "glasshouse.datamodules.texts": ("RawTexts", "TextDataModule"),
        "glasshouse.errors": ("Fault", "PluginWarning", "UserError", "did_you_mean"),
        "glasshouse.evidence.evidence": ("Audit", "Evidence", "chosen_inputs"),
        "glasshouse.evidence.explanations": (
            "Explainer",
            "Explanation",
            "NotExplainableError",
            "Question",
            "in_batches",
        ),
        "glasshouse.evidence.model_handle": ("ModelHandle",),
        "glasshouse.evidence.predictions": ("Groups", "Predictions"),
        "glasshouse.pipeline.run": ("Run",),
        "glasshouse.plugins.declarations": (
            "AuditPlugin",
            "CommandPlugin",
            "DataPlugin",
            "ExplainerPlugin",
            "HookPlugin",
            "ModelPlugin",
            "OptimizerPlugin",
            "ReportFormatPlugin",
            "SchedulerPlugin",
            "TechniquePlugin",
        ),
        "glasshouse.plugins.hookspecs": ("SPEC_VERSION", "hookimpl"),
        "glasshouse.record.measurements": (
            "AuditResult",
            "Cell",
            "Column",
            "Figure",
            "Measurement",
            "Section",
            "Table",
        ),
        "glasshouse.record.record": ("Record", "build_record", "read_record"),
        "glasshouse.report.suppression": ("suppress_small_groups",),
    },
)

alias_moved_modules()
