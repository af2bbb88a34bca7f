"""A first run.yaml for a table, with comments where it has to be reviewed. Pure; returns text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from glasshouse_plugins.inspection.roles import MOST_CLASSES, InspectedColumn, favourable_of

_NOT_FEATURES = ("sensitive", "identifier", "constant", "unusable")


def first_run(path: str, columns: Sequence[InspectedColumn], *, guessed: bool) -> str:
    """The text of a configuration that trains and audits a small network on a table.

    Args:
        path: the table, as the configuration names it.
        columns: all columns with their roles.
        guessed: whether the target was guessed.
    """
    target = next(column for column in columns if column.role == "target")
    by_role = {role: [column.name for column in columns if column.role == role] for role in ("weights", "split")}
    clusters = [column.name for column in columns if column.role == "clusters"]
    dropped = [column.name for column in columns if column.role in _NOT_FEATURES] + clusters[1:]
    sensitive = [column for column in columns if column.role == "sensitive"]
    dates = [column.name for column in columns if column.role == "feature" and column.facts.kind == "date"]
    codes = [column.name for column in columns if column.role == "feature" and column.categorical]
    impute = [
        column.name
        for column in columns
        if column.role == "feature"
        and column.facts.missing
        and column.facts.kind == "number"
        and not column.categorical
    ]
    missing = {**dict.fromkeys(impute, "impute"), **({target.name: "drop"} if target.facts.missing else {})}
    options = [
        _line("path", path),
        _line("target", target.name, "guessed: is this what the model shall predict?" if guessed else ""),
        *_favourable(target),
        *([_line("drop", dropped, "not features; remove what the model may use")] if dropped else []),
        *([_line("sensitive", [column.name for column in sensitive])] if sensitive else _no_sensitive()),
        *_when("bins", {column.name: list(column.edges) for column in sensitive if column.edges}, "review the edges"),
        *_when("types", dict.fromkeys(codes, "categorical")),
        *_when("dates", dict.fromkeys(dates, "days"), "or `parts`: year, month, weekday"),
        *_when("missing", missing, "or median, mode, drop"),
        *([_line("weights", by_role["weights"][0])] if by_role["weights"] else []),
        *([_line("clusters", clusters[0], "rows of one value belong together")] if clusters else []),
        *([_line("split", by_role["split"][0])] if by_role["split"] else []),
    ]
    return "\n".join(
        (
            "# Written by `glasshouse inspect`. Review the comments, then: glasshouse run --config run.yaml",
            "model: {class_path: mlp, init_args: {hidden: [64, 64]}}",
            "data:",
            "  class_path: table",
            "  init_args:",
            *(f"    {line}" for line in options),
            "optimizer: {class_path: adamw, init_args: {lr: 0.003}}",
            "trainer: {max_epochs: 30}",
            "techniques: [early_stopping]",
            "",
        )
    )


def _favourable(target: InspectedColumn) -> list[str]:
    if not 2 <= target.facts.distinct <= MOST_CLASSES or not target.levels:
        return []
    good = favourable_of(target.levels)
    if good is not None:
        return [_line("favourable", good, "the better outcome for a person: review")]
    classes = ", ".join(_value(level) for level in target.levels)
    return [f"# favourable: which class is the better outcome for a person? One of {classes}"]


def _no_sensitive() -> list[str]:
    return ["# sensitive: []  attributes whose groups the fairness audits compare; none was recognised by its name"]


def _when(key: str, values: Mapping[str, object], comment: str = "") -> list[str]:
    return [_line(key, dict(values), comment)] if values else []


def _line(key: str, value: object, comment: str = "") -> str:
    return f"{key}: {_value(value)}" + (f"  # {comment}" if comment else "")


def _value(value: object) -> str:
    """A value as YAML, which JSON is a part of; text that needs no quotation marks has none."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_value(key)}: {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, str) and value.replace("_", "").replace("-", "").isalpha() and value.isascii():
        plain = value.lower() not in ("yes", "no", "true", "false", "on", "off", "null", "y", "n")
        return value if plain else json.dumps(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False)
