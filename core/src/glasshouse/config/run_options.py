"""What a run is asked to do beside training: the keys that LightningCLI does not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from glasshouse.errors import UserError


class Verbatim:
    """A mapping that reaches its reader as YAML has it.

    jsonargparse reads the text in a value of type Any as YAML once more, whenever it parses or dumps: a class called
    "1" would become a number, and one called ">50K" an error.
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
    """One run's own keys, as the command line and YAML have them; what is said of each is the help of its option.

    Args:
        name: names the run; the data's name where it is left out.
        run_dir: parent folder; each run makes RUN_DIR/NAME/TIME-ID/.
        techniques: named callbacks that compose, e.g. early_stopping.
        evaluate_on: the split that audits look at.
        sensitive: sensitive attributes to audit by; all that the data declares where it is left out.
        audits: names, or mappings of a name with its options; all that fit where it is left out.
        audit_seconds: what each audit may take; an audit that takes longer ends in error, and the others go on.
        policy: thresholds: a name or a file.
        repeats: how many seeds to train with, seed_everything the first; the spread of every measurement is reported.
        report: report formats to write.
        data_info: what is known of data that do not say it themselves.
        show_examples: whether reports may show single examples of the data.
        small_group_limit: reports suppress cells about fewer people than this.
    """

    name: str | None = None
    run_dir: str = "runs"
    techniques: list[str | Verbatim] = field(default_factory=list)
    evaluate_on: Literal["train", "validate", "test"] = "test"
    sensitive: list[str] | None = None
    audits: list[str | Verbatim] | None = None
    audit_seconds: float | None = None
    policy: str = "default"
    repeats: int = 1
    report: list[str] = field(default_factory=lambda: ["html", "json"])
    data_info: Verbatim | None = None
    show_examples: bool = False
    small_group_limit: int = 10

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
