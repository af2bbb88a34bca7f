"""Modules and names that have moved into rooms: the old ones work for one minor version, with a warning.

``CHANGELOG.md`` has the same tables.
"""

from __future__ import annotations

import sys
import warnings
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader

GONE_IN = "0.3"
MOVED = {
    "aligned": "external_data.side_attributes",
    "allowed": "config.allowed_packages",
    "audit_predictions": "pipeline.existing_predictions",
    "auditing": "measure.run_audits",
    "builtin": "builtin_plugins",
    "checkpoints": "training.checkpoint_checks",
    "collecting": "evidence.collect",
    "commands": "cli.commands",
    "commands.audit": "cli.commands.audit",
    "commands.check": "cli.commands.check",
    "commands.check_plugins": "cli.commands.check_plugins",
    "commands.doctor": "cli.commands.doctor",
    "commands.list_plugins": "cli.commands.list_plugins",
    "commands.lock": "cli.commands.lock",
    "commands.new": "cli.commands.new",
    "commands.output": "cli.commands.output",
    "commands.plugins": "cli.commands.plugins",
    "commands.report": "cli.commands.report",
    "commands.runs": "cli.commands.runs",
    "commands.show_plugin": "cli.commands.show_plugin",
    "commands.verify": "cli.commands.verify",
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
    "plugins.complaints": "plugins.doctor.problems",
    "plugins.diagnosis": "plugins.doctor.diagnosis",
    "plugins.lookup": "plugins.component_registry",
    "plugins.origin": "plugins.lock.origin",
    "plugins.signatures": "plugins.option_signatures",
    "plugins.specification": "plugins.spec_version",
    "plugins.surroundings": "plugins.doctor.installation",
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
    "report.figure_tables": "report.figures.tables",
    "report.scale": "report.figures.scale",
    "report.svg": "report.figures.svg",
    "resume_point": "training.resume_checkpoint",
    "resuming": "pipeline.progress",
    "roles": "data.column_coding",
    "run_state": "pipeline.run",
    "running": "pipeline.pipeline",
    "scaffold": "cli.scaffold",
    "scaffold.kinds": "cli.scaffold.kinds",
    "scaffold.names": "cli.scaffold.names",
    "scaffold.writing": "cli.scaffold.writing",
    "short_names": "config.short_names",
    "sizes": "config.model_sizes",
    "split_plan": "data.split_option",
    "splits": "data.split_assignment",
    "statistics.bin_numbers": "statistics.scores.bin_numbers",
    "statistics.bin_tables": "statistics.scores.bin_tables",
    "statistics.binning": "statistics.scores.binning",
    "statistics.calibration": "statistics.scores.calibration",
    "statistics.calibration_resampling": "statistics.scores.calibration_deviations",
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
    "statistics.units": "statistics.counts.clusters",
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
    "testing.audits": "testing.checks.audits.suite",
    "testing.command": "testing.pytest.command",
    "testing.common": "testing.kit.common",
    "testing.data": "testing.checks.data.suite",
    "testing.data_subject": "testing.checks.data.subject",
    "testing.explainer_checks": "testing.checks.explainers.answers",
    "testing.explainer_subject": "testing.checks.explainers.subject",
    "testing.explainers": "testing.checks.explainers.suite",
    "testing.fixtures": "testing.pytest.fixtures",
    "testing.fresh": "testing.kit.fresh",
    "testing.kinds": "testing.kit.kinds",
    "testing.model_answers": "testing.checks.models.answers",
    "testing.model_keeping": "testing.checks.models.keeping",
    "testing.model_subject": "testing.checks.models.subject",
    "testing.model_training": "testing.checks.models.training",
    "testing.models": "testing.checks.models.suite",
    "testing.optimizers": "testing.checks.training.optimizers",
    "testing.option_checks": "testing.kit.option_checks",
    "testing.parametrizing": "testing.kit.parametrizing",
    "testing.pytest_plugin": "testing.pytest.plugin",
    "testing.report_formats": "testing.checks.reports.report_formats",
    "testing.report_records": "testing.checks.reports.records",
    "testing.schedules": "testing.checks.training.schedules",
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

MOVED_NAMES = {
    "cli": {
        "COMMANDS": "config.global_options.COMMANDS",
        "OPTIONS": "config.global_options.OPTIONS",
        "TRAINING": "config.global_options.TRAINING",
        "split_options": "config.global_options.split_options",
        "main": "cli.main.main",
    },
    "compact": {
        "EncodedLoader": "datamodules.loader.EncodedLoader",
    },
    "data": {
        "SIZE_NAMES": "data.data_info.SIZE_NAMES",
        "Modality": "data.kinds.Modality",
        "TargetKind": "data.kinds.TargetKind",
    },
    "plugins.lock": {
        "Difference": "plugins.lock.lock_file.Difference",
        "Lock": "plugins.lock.lock_file.Lock",
        "LockedPlugin": "plugins.lock.lock_file.LockedPlugin",
        "SCHEMA": "plugins.lock.lock_file.SCHEMA",
        "differences": "plugins.lock.lock_file.differences",
        "lock_of": "plugins.lock.lock_file.lock_of",
        "read_lock": "plugins.lock.lock_file.read_lock",
    },
    "pretrained": {
        "swapped": "data.tokenizer.swap_padding_id",
    },
    "record": {
        "SCHEMA": "record.record.SCHEMA",
        "result_from_dict": "record.record_io.result_from_dict",
        "result_to_dict": "record.record_io.result_to_dict",
        "schema": "record.record_io.schema",
    },
    "statistics.counts": {
        "Attribute": "statistics.counts.table.Attribute",
        "Cells": "statistics.counts.table.Cells",
        "GroupColumn": "statistics.counts.table.GroupColumn",
        "GroupCounts": "statistics.counts.table.GroupCounts",
        "MISSING": "statistics.counts.table.MISSING",
        "count": "statistics.counts.table.count",
        "marginal_groups": "statistics.counts.table.marginal_groups",
    },
    "statistics.gaps": {
        "Kind": "statistics.counts.gaps.GapKind",
    },
    "statistics.intervals": {
        "clopper_pearson": "statistics.intervals.proportions.clopper_pearson",
        "newcombe": "statistics.intervals.two_proportions.newcombe",
        "normal_interval": "statistics.intervals.means.normal_interval",
        "normal_quantile": "statistics.intervals.means.normal_quantile",
        "t_interval": "statistics.intervals.means.t_interval",
        "wilson": "statistics.intervals.proportions.wilson",
    },
    "task": {
        "unpack": "data.batch.unpack",
    },
    "testing.checks": {
        "Check": "testing.kit.checks.Check",
        "CheckResult": "testing.kit.checks.CheckResult",
        "Status": "testing.kit.checks.Status",
        "expect": "testing.kit.checks.expect",
        "run_check": "testing.kit.checks.run_check",
        "run_checks": "testing.kit.checks.run_checks",
        "CheckFailed": "testing.kit.outcomes.CheckFailed",
        "NotApplicable": "testing.kit.outcomes.NotApplicable",
    },
    "training": {
        "best_checkpoint": "training.trainer.best_checkpoint",
        "load_weights": "training.trainer.load_weights",
        "make_trainer": "training.trainer.make_trainer",
    },
}
"""Old module -> its names that are now in another module than the old module's new one, and where each is."""


class _MovedModules:
    """Imports a module's new name where its old one is asked for.

    A finder and a loader without the base classes of `importlib.abc`, whose import takes a fifth of ``--help``.
    """

    @staticmethod
    def find_spec(fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        return _spec(fullname) if package == "glasshouse" and name in MOVED else None

    @staticmethod
    def create_module(spec: ModuleSpec) -> None:
        """Let the import system make an empty module."""

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        from importlib import import_module

        old = module.__name__.partition(".")[2]
        _warn(old, MOVED[old], stacklevel=3)
        new = import_module(f"glasshouse.{MOVED[old]}")
        for name, place in MOVED_NAMES.get(old, {}).items():
            setattr(new, name, _look_up(place))
        # the import system takes whatever stands here after a module was executed
        sys.modules[module.__name__] = new


def _spec(name: str) -> ModuleSpec:
    return ModuleSpec(name, cast("Loader", _MovedModules))


class _Package(ModuleType):
    """The package itself, whose function keeps its name when the old module `audit_predictions` is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name == "audit_predictions" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


def alias_moved_modules() -> None:
    """Let old module names be imported; a second call changes nothing."""
    if _MovedModules not in sys.meta_path:
        # before the finder of files: a moved package would find its old submodules' files at their new place
        sys.meta_path.insert(0, _MovedModules)
    sys.modules["glasshouse"].__class__ = _Package


def moved_name(package: str, name: str) -> object:
    """A name that a package had when it was a module, with a warning; for its `__getattr__`.

    Raises:
        AttributeError: for a name that it never had.
    """
    old = package.partition(".")[2]
    place = MOVED_NAMES.get(old, {}).get(name)
    if place is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    _warn(f"{old}.{name}", place, stacklevel=4)
    value = _look_up(place)
    setattr(sys.modules[package], name, value)
    return value


def _look_up(place: str) -> object:
    from importlib import import_module

    module, _, name = place.rpartition(".")
    return getattr(import_module(f"glasshouse.{module}"), name)


def _warn(old: str, new: str, stacklevel: int) -> None:
    from glasshouse.errors import PluginWarning

    message = f"glasshouse.{old} is now glasshouse.{new}; the old name goes in glasshouse {GONE_IN}."
    warnings.warn(PluginWarning(message), stacklevel=stacklevel)
