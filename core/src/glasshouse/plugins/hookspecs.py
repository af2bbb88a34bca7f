"""All hooks of glasshouse.

Registration hooks take no argument, run once per kind on first use, must not import torch, and yield the declarations
of `glasshouse.plugins.declarations`. Lifecycle hooks take one `run` (`RunView`), whose attributes are never removed, so
that plugins keep working.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from pluggy import HookimplMarker, HookspecMarker

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

if TYPE_CHECKING:
    from pathlib import Path

    from glasshouse.data.data_info import DataInfo
    from glasshouse.evidence.evidence import Evidence
    from glasshouse.evidence.model_handle import ModelHandle
    from glasshouse.policy.rules import Policy
    from glasshouse.record.measurements import AuditResult, Section
    from glasshouse.record.record import Record

SPEC_VERSION = "1.1"
"""The version of the hooks and of `glasshouse.plugins.declarations`, as ``MAJOR.MINOR``.

- MINOR increases if existing plugins keep working: a new hook, a new argument of a hook, a new kind, a new field with a
  default, a new allowed value of a field.
- MAJOR increases, and MINOR returns to 0, if an existing plugin may stop working: a hook, an argument, a field or a
  value is removed, or gets another name, type, default or meaning, or a hook becomes `firstresult`.
- A removal is preceded by a deprecation of at least one minor version: `warn_on_impl` or `warn_on_impl_args` of the
  specification contain a `glasshouse.errors.PluginWarning` with the version and the replacement. Plugins that use it
  get a warning at their own line, and ``glasshouse plugins doctor`` reports them.

A plugin may state its version with ``glasshouse_spec = "1.0"`` in its module. With another major version, the plugin is
not loaded and listed as broken. With a later minor version, it is loaded and reported by the doctor. The tests contain
a file of each version (``tests/gold/specification-1.0.json``): a change without a new version fails.
"""

hookspec = HookspecMarker("glasshouse")
hookimpl = HookimplMarker("glasshouse")


class RunView(Protocol):
    """A run as hooks receive it: a training, an existing model, or files of predictions.

    Attributes are never removed. An attribute that does not exist yet, or not in this kind of run, is None.
    """

    command: str
    """``run``, ``fit``, ``validate``, ``test``, ``predict`` or ``audit``."""
    seed: int
    registry: Any
    """Looks up components by name: a `glasshouse.plugins.Registry`."""
    audits: list[Any]
    """The audits of the run, each with `name`, `options` and a limit of `seconds`."""
    policy: Policy
    """The policy that judges the run."""
    config: dict[str, Any]
    """The resolved configuration, as in config.yaml."""
    provenance: dict[str, Any]
    """Versions, command, git commit, hardware and data fingerprint, as in provenance.json."""
    options: Any
    """The run's options: `evaluate_on`, `sensitive`, `report`, `small_group_limit` and others."""
    datamodule: Any
    model: Any
    """The LightningModule or nn.Module; None for files of predictions."""
    trainer: Any
    info: DataInfo | None
    handle: ModelHandle | None
    results: list[AuditResult]
    """The results of the audits, from the stage ``audit`` on."""
    record: Record | None
    """From the stage ``report`` on."""

    @property
    def folder(self) -> Path:
        """The run's folder."""

    @property
    def evidence(self) -> Evidence:
        """The evidence for audits, from the stage ``evidence`` on."""

    def say(self, line: str) -> None:
        """Print a line of progress on stderr."""

    def send(self) -> None:
        """Copy what is new in the folder to its URL, if `run_dir` is one."""


# ---------------------------------------------------------------- registration hooks


@hookspec
def glasshouse_models() -> Iterable[ModelPlugin]:  # type: ignore[empty-body]
    """Declare models."""


@hookspec
def glasshouse_data() -> Iterable[DataPlugin]:  # type: ignore[empty-body]
    """Declare data sets."""


@hookspec
def glasshouse_optimizers() -> Iterable[OptimizerPlugin]:  # type: ignore[empty-body]
    """Declare optimizers."""


@hookspec
def glasshouse_lr_schedulers() -> Iterable[SchedulerPlugin]:  # type: ignore[empty-body]
    """Declare learning-rate schedules."""


@hookspec
def glasshouse_techniques() -> Iterable[TechniquePlugin]:  # type: ignore[empty-body]
    """Declare techniques: callbacks for `techniques:`."""


@hookspec
def glasshouse_audits() -> Iterable[AuditPlugin]:  # type: ignore[empty-body]
    """Declare audits."""


@hookspec
def glasshouse_explainers() -> Iterable[ExplainerPlugin]:  # type: ignore[empty-body]
    """Declare explainers: attribution methods."""


@hookspec
def glasshouse_report_formats() -> Iterable[ReportFormatPlugin]:  # type: ignore[empty-body]
    """Declare report formats."""


@hookspec
def glasshouse_hooks() -> Iterable[HookPlugin]:  # type: ignore[empty-body]
    """Declare hooks with options: classes that a run constructs with its options under `hooks:`."""


@hookspec
def glasshouse_commands() -> Iterable[CommandPlugin]:  # type: ignore[empty-body]
    """Declare commands of the command line."""


# ---------------------------------------------------------------- lifecycle hooks


@hookspec
def glasshouse_startup() -> None:
    """Called when a command starts and plugins are loaded; must be fast."""


@hookspec
def glasshouse_check_run(run: RunView) -> None:
    """Called after the configuration is read and the data are set up; raise `UserError` to refuse the run."""


@hookspec(firstresult=True)
def glasshouse_adapt_model(run: RunView) -> Any | None:
    """Return a LightningModule that replaces `run.model`, or None to keep it."""


@hookspec
def glasshouse_callbacks(run: RunView) -> Iterable[Any]:  # type: ignore[empty-body]
    """Return Lightning callbacks for the Trainer."""


@hookspec
def glasshouse_loggers(run: RunView) -> Iterable[Any]:  # type: ignore[empty-body]
    """Return Lightning loggers for the Trainer."""


@hookspec
def glasshouse_trainer_ready(run: RunView) -> None:
    """Called when `run.trainer` exists, before the training."""


@hookspec
def glasshouse_stage_finished(run: RunView, stage: str) -> None:
    """Called after a stage: ``fit``, ``validate``, ``test``, ``predict``, ``evidence``, ``audit`` or ``report``."""


@hookspec
def glasshouse_run_failed(run: RunView, error: BaseException) -> None:
    """Called when the run fails; the error is raised again afterwards."""


@hookspec(firstresult=True)
def glasshouse_run_audit(run: RunView, audit: str) -> AuditResult | None:
    """Run one audit. Core's implementation is called last: return a result to replace it, or use a wrapper."""


@hookspec
def glasshouse_report_sections(run: RunView) -> Iterable[Section]:  # type: ignore[empty-body]
    """Return further sections (title, tables, figures) of the record, and thus of every report."""


@hookspec
def glasshouse_run_finished(run: RunView) -> None:
    """Called after record and reports are written."""
