"""Rules of a policy: what is accepted of which measurements, read from YAML and validated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from glasshouse.data.kinds import TARGET_KINDS
from glasshouse.errors import UserError, did_you_mean
from glasshouse.record.findings import BOUNDS, SEVERITIES, Bound, Evidence, Severity
from glasshouse.record.measurements import Cell, Measurement
from glasshouse.system.yaml_text import read_yaml_text

Required = Literal["always", "if_audited", "never"]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Which measurements a rule selects and what it accepts; ``policies/default.yaml`` explains each field."""

    title: str
    audit: str
    measurement: str
    attributes: int | None = None
    over: tuple[str, ...] | None = None
    group: Mapping[str, str] | None = None
    output: str | None = None
    parameters: Mapping[str, Cell] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    bound: Bound | None = None
    limit: float | str | None = None
    """A number, or the name of a measurement of the same audit whose value is the bound."""
    source: str = ""
    evidence: Evidence = "interval"
    minimum_n: int | None = None
    required: Required = "always"
    severity: Severity
    explanation: str

    def selects(self, measurement: Measurement) -> bool:
        """Whether the rule applies to this measurement."""
        return (
            measurement.name == self.measurement
            and (self.attributes is None or len(measurement.over) == self.attributes)
            and (self.over is None or set(measurement.over) == set(self.over))
            and (self.group is None or dict(measurement.group) == dict(self.group))
            and (self.output is None or measurement.output == self.output)
            and all(
                name in measurement.parameters and measurement.parameters[name] == value
                for name, value in self.parameters.items()
            )
        )


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A named list of rules."""

    name: str
    rules: tuple[Rule, ...]
    is_packaged: bool = False
    """Whether it is part of glasshouse; its rules may be about audits that are not installed."""


def load_policy(name_or_path: str | Path) -> Policy:
    """A policy that is part of glasshouse, by its name, or one from a YAML file.

    Raises:
        UserError: if there is no such policy, or a key or value of it is invalid; the message names file and key.
    """
    import yaml

    packaged = files("glasshouse.policy").joinpath("policies")
    names = sorted(entry.name.removesuffix(".yaml") for entry in packaged.iterdir() if entry.name.endswith(".yaml"))
    who = f"policy '{name_or_path}'"
    try:
        if str(name_or_path) in names:
            text = packaged.joinpath(f"{name_or_path}.yaml").read_text(encoding="utf-8")
        else:
            text = Path(name_or_path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(
            who, "no such file, and no policy of that name.", did_you_mean(str(name_or_path), names)
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(who, f"cannot be read: {error}.") from None
    try:
        values = read_yaml_text(text)
    except yaml.YAMLError as error:
        raise UserError(who, "is not YAML: " + " ".join(str(error).split()) + ".") from None
    return _policy(values, who, is_packaged=str(name_or_path) in names)


def _policy(values: Any, who: str, *, is_packaged: bool) -> Policy:
    values = _mapping(values, who, "a mapping with the keys name and rules")
    _refuse_unknown(values, ("name", "rules"), who)
    rules = values.get("rules")
    if not isinstance(values.get("name"), str) or not isinstance(rules, list):
        raise UserError(who, "expected `name:` (text) and `rules:` (a list).", "See the policy 'default'.")
    if not rules:
        raise UserError(f"{who}.rules", "is empty: such a policy would pass every run.", "Write at least one rule.")
    read = tuple(_rule(rule, f"{who}, rules[{at}]") for at, rule in enumerate(rules))
    return Policy(name=values["name"], rules=read, is_packaged=is_packaged)


def _rule(values: Any, who: str) -> Rule:
    values = _mapping(values, who, "a mapping")
    plain = [f.name for f in fields(Rule) if f.name not in ("bound", "limit")]
    _refuse_unknown(values, (*plain, "optional", *BOUNDS), who)
    absent = [key for key in ("title", "audit", "measurement", "severity", "explanation") if key not in values]
    if absent:
        raise UserError(who, f"lacks {', '.join(absent)}.", "See the policy 'default'.")
    for key, value in values.items():
        if expected := _expected(key, value):
            raise UserError(f"{who}.{key}", f"expected {expected}, got {value!r}.")
    bounds = [key for key in BOUNDS if key in values]
    if len(bounds) > 1:
        raise UserError(who, f"has {' and '.join(bounds)}; a rule has one bound.", "Write two rules.")
    if bounds and not values.get("source"):
        raise UserError(f"{who}.source", "a threshold needs its source.", "Name the law, standard or paper.")
    if "optional" in values and "required" in values:
        raise UserError(f"{who}.optional", "is given together with `required`.", "Keep one of them.")
    given = {key: value for key, value in values.items() if key not in (*BOUNDS, "optional")}
    if values.get("optional"):
        given["required"] = "never"
    for key in ("over", "targets"):
        if key in given:
            given[key] = tuple(given[key])
    if bounds:
        limit = values[bounds[0]]
        given |= {"bound": bounds[0], "limit": limit if isinstance(limit, str) else float(limit)}
    return Rule(**given)


def _expected(key: str, value: Any) -> str:
    """The kind of value that a rule's key expects; empty if `value` is valid."""
    choices: Mapping[str, Sequence[str]] = {
        "severity": SEVERITIES,
        "evidence": ("interval", "value"),
        "required": ("always", "if_audited", "never"),
    }
    if key in choices:
        return "" if value in choices[key] else f"one of {', '.join(choices[key])}"
    if key in BOUNDS:
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        return "" if number or isinstance(value, str) else "a number, or the name of a measurement"
    if key in ("attributes", "minimum_n"):
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return "" if whole else "a whole number"
    if key in ("over", "targets"):
        texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
        if key == "targets" and texts and not set(value) <= set(TARGET_KINDS):
            texts = False
        return "" if texts else "a list of " + (", ".join(TARGET_KINDS) if key == "targets" else "attributes")
    if key == "group":
        texts = isinstance(value, dict) and all(isinstance(x, str) for pair in value.items() for x in pair)
        return "" if texts else "a mapping from attribute to level, both in quotes where they look like numbers"
    if key == "optional":
        return "" if isinstance(value, bool) else "true or false"
    if key == "parameters":
        return "" if isinstance(value, dict) else "a mapping from parameter to value"
    return "" if isinstance(value, str) else "text"


def _mapping(values: Any, who: str, expected: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise UserError(who, f"expected {expected}, got {type(values).__name__}.", "See the policy 'default'.")
    return values


def _refuse_unknown(values: Mapping[str, Any], known: Iterable[str], who: str) -> None:
    known = tuple(known)
    for key in values:
        if key not in known:
            raise UserError(f"{who}.{key}", "unknown key.", did_you_mean(str(key), known, most=len(known)))
