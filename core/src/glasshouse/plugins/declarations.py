"""The declarations of components by plugins.

Each is a frozen, keyword-only dataclass. `target` is ``"package.module:Attribute"`` and imported on first use only, so
listing a hundred components takes milliseconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from glasshouse.data.kinds import MODALITIES, TARGET_KINDS
from glasshouse.record.families import FAMILIES

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One named component.

    Raises:
        ValueError: for a malformed name, alias or target, or an unknown modality, target kind or family.
    """

    kind: ClassVar[str]
    """The kind of component, as in `plugins list`."""
    hook: ClassVar[str]
    """The hook that yields it."""

    name: str
    """The short name, which can replace a class path in configurations: ``[a-z][a-z0-9_]*``."""
    target: str
    """The component's class or function: ``"package.module:Attribute"``."""
    summary: str
    """One line for lists."""
    aliases: tuple[str, ...] = ()
    """Other short names for the same component."""
    requires_import: tuple[str, ...] = ()
    """Modules that it requires; a missing one is reported with the command that installs it."""
    install_hint: str = ""
    """The command that installs a missing module of `requires_import`, e.g. ``pip install glasshouse-audits[dp]``."""

    def __post_init__(self) -> None:
        for name in (self.name, *self.aliases):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{type(self).__name__} name {name!r} does not match [a-z][a-z0-9_]*")
        if not _TARGET.fullmatch(self.target):
            raise ValueError(
                f"{type(self).__name__} '{self.name}': target {self.target!r} is not 'package.module:Attribute'"
            )
        for field, allowed in (("modalities", MODALITIES), ("targets", TARGET_KINDS), ("family", FAMILIES)):
            value = getattr(self, field, ())
            unknown = {value} - set(allowed) if isinstance(value, str) else set(value) - set(allowed)
            if unknown:
                raise ValueError(
                    f"{type(self).__name__} '{self.name}': {field} {sorted(unknown)} not in {', '.join(allowed)}"
                )


@dataclass(frozen=True, kw_only=True)
class ModelPlugin(Plugin):
    """A `torch.nn.Module` class (loss and metrics follow from the target) or a LightningModule class (used as is)."""

    kind = "model"
    hook = "glasshouse_models"
    modalities: tuple[str, ...] = ("tabular",)
    """The inputs that it accepts."""
    targets: tuple[str, ...] = TARGET_KINDS
    """The kinds of target that it supports."""
    provides: tuple[str, ...] = ()
    """Capabilities beyond those that are detected, e.g. ``("embed",)``."""
    members: tuple[str, ...] = ()
    """Its options that contain further models for the same data, one or a list: short names are resolved and sizes are
    filled from the data, as for the model itself."""


@dataclass(frozen=True, kw_only=True)
class DataPlugin(Plugin):
    """A LightningDataModule class with an `info` property (a `DataInfo`) that is valid after `setup()`."""

    kind = "data"
    hook = "glasshouse_data"
    modalities: tuple[str, ...] = ("tabular",)
    targets: tuple[str, ...] = TARGET_KINDS


@dataclass(frozen=True, kw_only=True)
class OptimizerPlugin(Plugin):
    """A `torch.optim.Optimizer` class."""

    kind = "optimizer"
    hook = "glasshouse_optimizers"


@dataclass(frozen=True, kw_only=True)
class SchedulerPlugin(Plugin):
    """A learning-rate scheduler class whose first argument is the optimizer.

    If the user does not set an argument named `total_steps` or `T_max`, it is filled with the number of optimizer steps
    (`interval="step"`) or epochs (`interval="epoch"`) of the training.
    """

    kind = "lr_scheduler"
    hook = "glasshouse_lr_schedulers"
    interval: str = "epoch"
    """``"epoch"`` or ``"step"``: how often Lightning steps it."""


@dataclass(frozen=True, kw_only=True)
class TechniquePlugin(Plugin):
    """A Lightning Callback class that changes how a model is trained."""

    kind = "technique"
    hook = "glasshouse_techniques"


@dataclass(frozen=True, kw_only=True)
class AuditPlugin(Plugin):
    """A class with `measure(evidence) -> AuditResult`; its constructor's keywords are its options."""

    kind = "audit"
    hook = "glasshouse_audits"
    family: str = "performance"
    modalities: tuple[str, ...] = MODALITIES
    targets: tuple[str, ...] = TARGET_KINDS
    requires: tuple[str, ...] = ()
    """The evidence that it requires: names of `glasshouse.evidence.evidence.REQUIREMENTS`."""
    uses: tuple[str, ...] = ()
    """The evidence that it uses if available, and does not require: names of `REQUIREMENTS`."""
    measurements: tuple[str, ...] = ()
    """The names that its measurements can have; a policy that names another one is refused. Without them, only the
    names in a record are known."""
    shares_work: bool = False
    """Whether all processes of a distributed run compute it together (`glasshouse.system.distributed`), without a time
    limit; otherwise rank 0 computes it."""


@dataclass(frozen=True, kw_only=True)
class ExplainerPlugin(Plugin):
    """A class with `explain(question) -> Explanation`; its constructor's keywords are its options."""

    kind = "explainer"
    hook = "glasshouse_explainers"
    title: str = ""
    """The name in reports; default: `name`."""
    family: str = "explainability"
    modalities: tuple[str, ...] = ("tabular",)
    targets: tuple[str, ...] = TARGET_KINDS
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReportFormatPlugin(Plugin):
    """A function `render(record) -> str | bytes`, with the suffix of the report's file."""

    kind = "report_format"
    hook = "glasshouse_report_formats"
    suffix: str = ".txt"


@dataclass(frozen=True, kw_only=True)
class HookPlugin(Plugin):
    """A class whose methods are lifecycle hooks; its constructor's keywords are its options.

    A run that names it under ``hooks:`` constructs it and calls its hooks. Hooks without options need no declaration:
    functions of the plugin's module are called for every run.
    """

    kind = "hook"
    hook = "glasshouse_hooks"


@dataclass(frozen=True, kw_only=True)
class CommandPlugin(Plugin):
    """A function `command(argv: list[str]) -> int` for ``glasshouse NAME``, which returns the exit code."""

    kind = "command"
    hook = "glasshouse_commands"


PLUGIN_TYPES: tuple[type[Plugin], ...] = (
    ModelPlugin,
    DataPlugin,
    OptimizerPlugin,
    SchedulerPlugin,
    TechniquePlugin,
    AuditPlugin,
    ExplainerPlugin,
    ReportFormatPlugin,
    HookPlugin,
    CommandPlugin,
)
