"""The declarations by which a plugin says what it brings.

Each is a frozen, keyword-only dataclass: nothing here imports what it names, so listing a hundred
plugins costs milliseconds. `target` is ``"package.module:Attribute"`` and is imported on first use.
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
    """What the component is, as `plugins list` shows it."""
    hook: ClassVar[str]
    """The hook that yields it."""

    name: str
    """The short name that may stand wherever a class path may: ``[a-z][a-z0-9_]*``."""
    target: str
    """Where the component lives: ``"package.module:Attribute"``."""
    summary: str
    """One line for lists."""
    aliases: tuple[str, ...] = ()
    """Other short names for the same component."""
    requires_import: tuple[str, ...] = ()
    """Modules that must be importable for it to work; a missing one is reported with the command that installs it."""
    install_hint: str = ""
    """What to type when one of `requires_import` is missing, e.g. ``pip install glasshouse-audits[dp]``."""

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
    """A `torch.nn.Module` class (loss and metrics come from the target) or a LightningModule class (used as it is)."""

    kind = "model"
    hook = "glasshouse_models"
    modalities: tuple[str, ...] = ("tabular",)
    """Which inputs it accepts."""
    targets: tuple[str, ...] = TARGET_KINDS
    """Which kinds of target it can learn."""
    provides: tuple[str, ...] = ()
    """Capabilities beyond those found by looking, e.g. ``("embed",)``."""
    members: tuple[str, ...] = ()
    """Its options that hold further models, one or a list, which see the same data: a name will do for each, and sizes
    that it leaves out are filled as the model's own."""


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

    An argument named `total_steps` or `T_max` that the user leaves out is filled with the number of optimizer
    steps (`interval="step"`) or epochs (`interval="epoch"`) of the whole training.
    """

    kind = "lr_scheduler"
    hook = "glasshouse_lr_schedulers"
    interval: str = "epoch"
    """``"epoch"`` or ``"step"``: how often Lightning advances it."""


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
    """What must be at hand: names of `glasshouse.evidence.evidence.REQUIREMENTS`."""
    uses: tuple[str, ...] = ()
    """What it makes use of where it can be had, and does without elsewhere: names of the same."""
    shares_work: bool = False
    """Whether all processes of a distributed run measure together (`glasshouse.system.distributed`), without a time
    limit; otherwise the first one measures."""


@dataclass(frozen=True, kw_only=True)
class ExplainerPlugin(Plugin):
    """A class with `explain(question) -> Explanation`; its constructor's keywords are its options."""

    kind = "explainer"
    hook = "glasshouse_explainers"
    title: str = ""
    """How reports call it; the name where it is left out."""
    family: str = "explainability"
    modalities: tuple[str, ...] = ("tabular",)
    targets: tuple[str, ...] = TARGET_KINDS
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReportFormatPlugin(Plugin):
    """A function `render(record) -> str | bytes`, with the suffix of the file that holds what it returns."""

    kind = "report_format"
    hook = "glasshouse_report_formats"
    suffix: str = ".txt"


@dataclass(frozen=True, kw_only=True)
class CommandPlugin(Plugin):
    """A function `command(argv: list[str]) -> int` reached as ``glasshouse NAME``."""

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
    CommandPlugin,
)
