"""The options of a run that LightningCLI does not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from glasshouse.errors import UserError
from glasshouse.plugins.option_signatures import Option, read_signature_at


class Verbatim:
    """A mapping whose values stay as YAML has them.

    jsonargparse reads text in values of type Any as YAML again, whenever it parses or dumps: a class named "1" would
    become a number, and one named ">50K" an error.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Verbatim) and self.values == other.values

    def __hash__(self) -> int:
        return hash(tuple(self.values))

    def __repr__(self) -> str:
        return repr(self.values)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of a run besides training; the docstring under each field is its text in ``--help``."""

    name: str | None = None
    """Name of the run; default: the data's name."""

    run_dir: str = "runs"
    """Parent folder; each run makes RUN_DIR/NAME/TIME-ID/."""

    techniques: list[str | Verbatim] = field(default_factory=list)
    """Callbacks by name, e.g. early_stopping, or mappings of `name` and the callback's options."""

    hooks: Verbatim | None = None
    """Hook plugins by name, each with its options, e.g. {my_plugin: {limit: 3}}."""

    evaluate_on: Literal["train", "validate", "test"] = "test"
    """The split that audits evaluate."""

    sensitive: list[str] | None = None
    """Sensitive attributes to audit by; default: all that the data declare."""

    audits: list[str | Verbatim] | None = None
    """Audits by name, or mappings of `name` and the audit's options; default: all that fit the data and the model."""

    audit_seconds: float | None = None
    """Time limit of each audit in seconds; an audit that exceeds it ends in error, the others run."""

    policy: str = "default"
    """Thresholds for pass and fail: the name of a policy or a YAML file."""

    repeats: int = 1
    """Number of seeds to train with, starting at seed_everything; reports show how measurements vary over them."""

    report: list[str] = field(default_factory=lambda: ["html", "json"])
    """Report formats to write."""

    data_info: Verbatim | None = None
    """Description of data that do not describe themselves: name, modality, target, input_shape and more."""

    show_examples: bool = False
    """Whether reports may show single examples of the data."""

    small_group_limit: int = 10
    """Reports suppress cells that count fewer people than this."""

    def __post_init__(self) -> None:
        if self.evaluate_on not in ("train", "validate", "test"):
            raise UserError(
                "evaluate_on",
                f"expected train, validate or test, received {self.evaluate_on!r}.",
                "Set `evaluate_on:`.",
            )
        if self.small_group_limit < 0:
            raise UserError("small_group_limit", f"expected 0 or more, received {self.small_group_limit}.")
        if self.repeats < 1:
            raise UserError("repeats", f"expected 1 or more, received {self.repeats}.")
        if self.audit_seconds is not None and not self.audit_seconds > 0:
            raise UserError("audit_seconds", f"expected a positive number, received {self.audit_seconds}.")
        for part in (self.name or "").split("/"):
            if part in (".", ".."):
                raise UserError("name", f"{self.name!r} would leave the parent folder.", "Use letters and digits.")


KEYS = (
    *("seed_everything", "trainer", "model", "data", "optimizer", "lr_scheduler", "ckpt_path"),
    *(each.name for each in fields(RunOptions)),
    *("no_audits", "gate", "resume", "verbose", "weights_only", "return_predictions"),
)
"""Every key of a configuration; one YAML serves all commands, and each ignores the keys that are not its own."""


def run_options() -> tuple[Option, ...]:
    """The fields of `RunOptions` with types and docs, as the source has them."""
    return read_signature_at(f"{RunOptions.__module__}.{RunOptions.__qualname__}", "").options


LIST_KEYS = {"audits": "audit", "techniques": "technique", "report": "report_format"}
"""Keys that list components by name -> kind of component."""


@dataclass(frozen=True)
class Choice:
    """A component chosen by name, with its options; an audit may have a limit of `seconds`."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None


def parse_choices(key: str, entries: Sequence[str | Verbatim | Mapping[str, Any]]) -> list[Choice]:
    """`audits:` or `techniques:` as choices.

    Raises:
        UserError: for an entry that is neither a name nor a mapping with `name`, or a name that comes twice.
    """
    choices = []
    for entry in entries:
        values = entry.values if isinstance(entry, Verbatim) else entry
        if isinstance(values, str):
            choices.append(Choice(values))
        elif isinstance(values, Mapping) and isinstance(values.get("name"), str):
            choices.append(Choice(values["name"], {k: v for k, v in values.items() if k != "name"}))
        else:
            raise UserError(
                f"`{key}:`",
                f"expected a name, or a mapping with `name`, received {values!r}.",
                f"Write `{key}: [a, {{name: b, option: 1}}]`.",
            )
    names = [choice.name for choice in choices]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"`{key}:`", f"names {', '.join(twice)} more than once.", "Name each once.")
    return choices


def parse_hooks(entries: Verbatim | Mapping[str, Any] | None) -> list[Choice]:
    """`hooks:` as choices.

    Raises:
        UserError: for anything but a mapping of names to mappings of options.
    """
    values: Any = entries.values if isinstance(entries, Verbatim) else entries or {}
    if not isinstance(values, Mapping):
        raise UserError("`hooks:`", f"expected a mapping of names, received {values!r}.", _HOOKS_EXAMPLE)
    for name, options in values.items():
        if not isinstance(name, str) or not isinstance(options, Mapping | None):
            problem = f"expected options of '{name}', received {options!r}."
            raise UserError("`hooks:`", problem, _HOOKS_EXAMPLE)
    return [Choice(name, options or {}) for name, options in values.items()]


_HOOKS_EXAMPLE = "Write e.g. `hooks: {my_plugin: {limit: 3}}`."
