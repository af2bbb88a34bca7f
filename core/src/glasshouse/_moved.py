"""Modules that have moved into rooms: their old names work for one minor version, with a warning.

`CHANGELOG.md` has the same table.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from glasshouse.errors import PluginWarning

GONE_IN = "0.3"
MOVED = {
    "aligned": "external_data.side_attributes",
    "allowed": "config.allowed_packages",
    "audit_predictions": "pipeline.existing_predictions",
    "auditing": "measure.run_audits",
    "builtin": "builtin_plugins",
    "checkpoints": "training.checkpoint_checks",
    "collecting": "evidence.collect",
    "compact": "datamodules.base",
    "components": "plugins.declarations",
    "concluding": "pipeline.conclude",
    "config_files": "config.yaml_files",
    "early_checks": "config.validation",
    "encoding": "data.table_encoder",
    "evaluations": "training.closures",
    "existing": "pipeline.existing_model",
    "explanations": "evidence.explanations",
    "failures": "pipeline.failures",
    "findings": "record.findings",
    "fixed_order": "external_data.ordered_loader",
    "folders": "run_folder.folders",
    "foreign_data": "external_data.adapter",
    "foreign_info": "external_data.infer_info",
    "gathering": "pipeline.gather_evidence",
    "hookspecs": "plugins.hookspecs",
    "images": "datamodules.images",
    "in_memory": "datamodules.base",
    "labelled": "data.labels",
    "lightning_cli": "cli.training_commands",
    "loaders": "datamodules.loader",
    "manifest": "run_folder.manifest",
    "measurements": "record.measurements",
    "members": "config.member_models",
    "metrics_file": "training.metrics_csv",
    "model": "evidence.model_handle",
    "outputs": "evidence.model_outputs",
    "own_score": "evidence.self_scoring",
    "parse_errors": "config.parser_errors",
    "parser": "config.lightning_parser",
    "plugins.complaints": "plugins.doctor.complaints",
    "plugins.diagnosis": "plugins.doctor.diagnosis",
    "plugins.lookup": "plugins.component_registry",
    "plugins.origin": "plugins.lock.origin",
    "plugins.signatures": "plugins.option_signatures",
    "plugins.specification": "plugins.spec_version",
    "plugins.surroundings": "plugins.doctor.surroundings",
    "predictions": "evidence.predictions",
    "preparing": "pipeline.prepare",
    "pretrained": "data.tokenizer",
    "provenance": "run_folder.provenance",
    "randomness": "system.random_state",
    "ranks": "system.distributed",
    "rebuilding": "training.model_building",
    "records": "run_record",
    "redaction": "system.redaction",
    "refusals": "system.library_errors",
    "remote": "run_folder.mirror",
    "repeats": "record.seed_repeats",
    "resume_point": "training.resume_checkpoint",
    "resuming": "pipeline.progress",
    "roles": "data.column_coding",
    "run_state": "pipeline.run",
    "running": "pipeline.pipeline",
    "short_names": "config.short_names",
    "sizes": "config.model_sizes",
    "split_plan": "data.split_option",
    "splits": "data.split_assignment",
    "statistics.bin_numbers": "statistics.scores.bin_numbers",
    "statistics.bin_tables": "statistics.scores.bin_tables",
    "statistics.binning": "statistics.scores.binning",
    "statistics.calibration": "statistics.scores.calibration",
    "statistics.calibration_resampling": "statistics.scores.calibration_resampling",
    "statistics.clustered_scores": "statistics.scores.clustered_scores",
    "statistics.clusters": "statistics.counts.clusters",
    "statistics.estimates": "statistics.intervals.estimates",
    "statistics.gaps": "statistics.counts.gaps",
    "statistics.histogram_rows": "statistics.scores.histogram_rows",
    "statistics.histograms": "statistics.scores.histograms",
    "statistics.inequality": "statistics.counts.inequality",
    "statistics.means": "statistics.intervals.means",
    "statistics.multiple": "statistics.intervals.multiplicity",
    "statistics.pairwise": "statistics.counts.pairwise",
    "statistics.permutation": "statistics.counts.permutation",
    "statistics.power": "statistics.intervals.power",
    "statistics.ranking": "statistics.scores.ranking",
    "statistics.rates": "statistics.counts.rates",
    "statistics.recalibration": "statistics.scores.recalibration",
    "statistics.reference": "statistics.counts.reference",
    "statistics.regression": "statistics.numbers.regression",
    "statistics.resampling": "statistics.counts.resampling",
    "statistics.roc": "statistics.scores.roc",
    "statistics.simultaneous": "statistics.counts.simultaneous",
    "statistics.sums": "statistics.numbers.sums",
    "statistics.two_proportions": "statistics.intervals.two_proportions",
    "statistics.units": "statistics.counts.units",
    "storage": "system.atomic_files",
    "tables": "data.raw_table",
    "tabular": "datamodules.tabular",
    "task": "training.task",
    "testing.audit_behaviour": "testing.checks.audits.behaviour",
    "testing.audit_evidence": "testing.checks.audits.evidence",
    "testing.audit_extremes": "testing.checks.audits.extremes",
    "testing.audit_record": "testing.pytest.audit_record",
    "testing.audit_results": "testing.checks.audits.results",
    "testing.audit_subject": "testing.checks.audits.subject",
    "testing.command": "testing.pytest.command",
    "testing.common": "testing.kit.common",
    "testing.data_subject": "testing.checks.data.subject",
    "testing.explainer_checks": "testing.checks.explainers.answers",
    "testing.explainer_subject": "testing.checks.explainers.subject",
    "testing.fixtures": "testing.pytest.fixtures",
    "testing.fresh": "testing.kit.fresh",
    "testing.kinds": "testing.kit.kinds",
    "testing.model_answers": "testing.checks.models.answers",
    "testing.model_keeping": "testing.checks.models.keeping",
    "testing.model_subject": "testing.checks.models.subject",
    "testing.model_training": "testing.checks.models.training",
    "testing.optimizers": "testing.checks.training.optimizers",
    "testing.option_checks": "testing.kit.option_checks",
    "testing.parametrizing": "testing.kit.parametrizing",
    "testing.pytest_plugin": "testing.pytest.plugin",
    "testing.report_formats": "testing.checks.reports.report_formats",
    "testing.report_records": "testing.checks.reports.records",
    "testing.states": "testing.kit.states",
    "testing.subjects": "testing.kit.subjects",
    "testing.techniques": "testing.checks.training.techniques",
    "testing.tensors": "testing.checks.training.tensors",
    "testing.tiny": "testing.kit.tiny",
    "testing.tiny_run": "testing.pytest.tiny_run",
    "testing.training": "testing.checks.training.steps",
    "texts": "datamodules.texts",
    "time_limit": "system.time_limit",
    "tracking": "pipeline.loggers",
    "transforms": "training.batch_transforms",
    "words": "data.vocabulary",
}
"""Old module -> new module, both below ``glasshouse``."""


class _MovedModules(MetaPathFinder, Loader):
    """Imports a module's new name where its old one is asked for."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        return ModuleSpec(fullname, self) if package == "glasshouse" and name in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        old = module.__name__
        new = f"glasshouse.{MOVED[old.partition('.')[2]]}"
        message = f"{old} is now {new}; the old name goes in glasshouse {GONE_IN}."
        warnings.warn(PluginWarning(message), stacklevel=2)
        # the import system takes whatever stands here after a module was executed
        sys.modules[old] = import_module(new)


def alias_moved_modules() -> None:
    """Let old module names be imported; a second call changes nothing."""
    if not any(isinstance(finder, _MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(_MovedModules())
