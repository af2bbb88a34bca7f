"""Every question glasshouse asks a plugin, on one page.

Registration hooks take no argument, run once per kind on first use, must not import torch, and yield
the declarations of `glasshouse.plugins.declarations`. Lifecycle hooks take one `run` (`glasshouse.pipeline.run.Run`),
which only ever gains attributes, so a plugin written today keeps working.
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

SPEC_VERSION = "1.0"
"""The version of what this page and `glasshouse.plugins.declarations` ask of plugins, as ``MAJOR.MINOR``.

- MINOR grows where plugins written before keep working: a new hook, a new argument of a hook, a new kind, a new field
  of a declaration with a default, a new word that a field may hold.
- MAJOR grows, and MINOR begins at 0, where one of them may stop: a hook, an argument, a field or a word goes, gets
  another name, type, default or meaning, or a hook becomes one of which the first result counts.
- What is to go is given up first, for one minor version at least: `warn_on_impl` or `warn_on_impl_args` of its
  specification hold a `glasshouse.errors.PluginWarning` that says since when and what to do instead. Plugins that use
  it are warned at their own line and named by ``glasshouse plugins doctor``.

A plugin may say which version it was written for, ``glasshouse_spec = "1.0"`` in its module. Another major version than
ours: the plugin is left out and listed as broken. A later minor version: it is loaded, and the doctor mentions it.
A text file of each version is kept with the tests (``tests/gold/specification-1.0.json``): a change without a new
version fails there.
"""

hookspec = HookspecMarker("glasshouse")
hookimpl = HookimplMarker("glasshouse")


class RunView(Protocol):
    """A run as plugins see it: one that trains, one of a model that exists, or one of predictions alone.

    It only ever gains attributes. What does not exist yet, or not in this kind of run, is None.
    """

    command: str
    """``run``, ``fit``, ``validate``, ``test``, ``predict`` or ``audit``."""
    seed: int
    registry: Any
    """Looks up components by name: a `glasshouse.plugins.Registry`."""
    audits: list[Any]
    """The audits of the run, each with `name`, `options` and a limit of `seconds`."""
    policy: Policy
    """The thresholds that the run is judged by."""
    config: dict[str, Any]
    """The resolved configuration, as config.yaml has it."""
    provenance: dict[str, Any]
    """Versions, command, git commit, hardware and data fingerprint, as provenance.json has them."""
    options: Any
    """The options of the run: `evaluate_on`, `sensitive`, `report`, `small_group_limit` and others."""
    datamodule: Any
    model: Any
    """The LightningModule, or the module that was given; None for predictions alone."""
    trainer: Any
    info: DataInfo | None
    handle: ModelHandle | None
    results: list[AuditResult]
    """The audits' results, from the stage ``audit`` on."""
    record: Record | None
    """From the stage ``report`` on."""

    @property
    def folder(self) -> Path:
        """Where the run writes."""

    @property
    def evidence(self) -> Evidence:
        """What audits receive, from the stage ``evidence`` on."""

    def say(self, line: str) -> None:
        """Print a line of progress on stderr."""

    def send(self) -> None:
        """Copy what is new in the folder to its URL, if `run_dir` is one."""


# ---------------------------------------------------------------- what a plugin brings


@hookspec
def glasshouse_models() -> Iterable[ModelPlugin]:  # type: ignore[empty-body]
    """Models, by short name."""


@hookspec
def glasshouse_data() -> Iterable[DataPlugin]:  # type: ignore[empty-body]
    """Data sets, by short name."""


@hookspec
def glasshouse_optimizers() -> Iterable[OptimizerPlugin]:  # type: ignore[empty-body]
    """Optimizers, by short name."""


@hookspec
def glasshouse_lr_schedulers() -> Iterable[SchedulerPlugin]:  # type: ignore[empty-body]
    """Learning-rate schedules, by short name."""


@hookspec
def glasshouse_techniques() -> Iterable[TechniquePlugin]:  # type: ignore[empty-body]
    """Named callbacks that compose under `techniques:`."""


@hookspec
def glasshouse_audits() -> Iterable[AuditPlugin]:  # type: ignore[empty-body]
    """Audits, by short name."""


@hookspec
def glasshouse_explainers() -> Iterable[ExplainerPlugin]:  # type: ignore[empty-body]
    """Ways to explain a model, by short name."""


@hookspec
def glasshouse_report_formats() -> Iterable[ReportFormatPlugin]:  # type: ignore[empty-body]
    """Report formats, by short name."""


@hookspec
def glasshouse_commands() -> Iterable[CommandPlugin]:  # type: ignore[empty-body]
    """Further words of the command line."""


# ---------------------------------------------------------------- what happens in a run


@hookspec
def glasshouse_startup() -> None:
    """The command line has started and plugins are loaded; nothing heavy may happen here."""


@hookspec
def glasshouse_check_run(run: RunView) -> None:
    """The configuration is read and the data are set up; raise `UserError` to refuse the run."""


@hookspec(firstresult=True)
def glasshouse_adapt_model(run: RunView) -> Any | None:
    """Return the module that takes the place of `run.model` (a LightningModule), or None to leave it."""


@hookspec
def glasshouse_callbacks(run: RunView) -> Iterable[Any]:  # type: ignore[empty-body]
    """Lightning callbacks to add to the Trainer."""


@hookspec
def glasshouse_loggers(run: RunView) -> Iterable[Any]:  # type: ignore[empty-body]
    """Lightning loggers to add to the Trainer."""


@hookspec
def glasshouse_trainer_ready(run: RunView) -> None:
    """`run.trainer` exists; training has not begun."""


@hookspec
def glasshouse_stage_finished(run: RunView, stage: str) -> None:
    """A stage ended well: ``fit``, ``validate``, ``test``, ``predict``, ``evidence``, ``audit`` or ``report``."""


@hookspec
def glasshouse_run_failed(run: RunView, error: BaseException) -> None:
    """The run ends with an error, which is raised again afterwards."""


@hookspec(firstresult=True)
def glasshouse_run_audit(run: RunView, audit: str) -> AuditResult | None:
    """Run one audit. Core's own implementation comes last; return a result to replace it, or wrap it."""


@hookspec
def glasshouse_report_sections(run: RunView) -> Iterable[Section]:  # type: ignore[empty-body]
    """Further sections (title, tables, figures) that end up in the record and so in every report."""


@hookspec
def glasshouse_run_finished(run: RunView) -> None:
    """Record and reports are written."""
