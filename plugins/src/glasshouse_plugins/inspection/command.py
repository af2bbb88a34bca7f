"""The command `glasshouse inspect`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from glasshouse import UserError

from glasshouse_plugins.data.column_facts import ColumnFacts, facts_of
from glasshouse_plugins.data.tables import TableFile
from glasshouse_plugins.inspection.first_run import first_run
from glasshouse_plugins.inspection.roles import InspectedColumn, guess_target, role_of

WHO = "glasshouse inspect"

_MOST_LEVELS = 50


def inspect(argv: list[str]) -> int:
    """Print what is in a table, and write a first configuration.

    Raises:
        UserError: for a file that cannot be read, an unknown target, or a configuration that exists.
    """
    asked = _parser().parse_args(argv)
    out = Path(asked.out)
    if out.exists() and not asked.force:
        raise UserError(WHO, f"{out} exists.", "Choose another with --out FILE, or replace it with --force.")
    file = TableFile(path=Path(asked.file), who=WHO, delimiter=asked.delimiter)
    names = file.names()
    file.require([("--target", asked.target)] if asked.target else [], names)
    table = file.read(names)
    if not table.num_rows:
        raise UserError(WHO, f"{asked.file} has no rows.")
    columns = inspect_table(table, asked.target)
    print(f"{asked.file}: {table.num_rows:,} rows, {len(names)} columns\n")
    print("\n".join(summary(columns)))
    _write(out, first_run(_path_from(out, Path(asked.file)), columns, guessed=asked.target is None))
    print(f"\nWrote {out}. Review it, then: glasshouse run --config {out}")
    return 0


def inspect_table(table: pa.Table, target: str | None) -> list[InspectedColumn]:
    """The columns of a table with their probable roles.

    Args:
        table: at least one row and one column.
        target: the target column; None guesses it.
    """
    facts = [facts_of(name, table[name]) for name in table.column_names]
    chosen = target or guess_target(facts)
    return [
        role_of(each, target=chosen, levels=_levels(each, table[each.name]), quantiles=_thirds(each, table[each.name]))
        for each in facts
    ]


def summary(columns: Sequence[InspectedColumn]) -> list[str]:
    """The columns as an aligned table of text."""
    rows = [("column", "kind", "missing", "distinct", "role", "remark")]
    rows += [
        (
            column.name,
            "code" if column.categorical else column.facts.kind,
            f"{column.facts.missing:,}",
            f"{column.facts.distinct:,}",
            column.role,
            column.remark or (", ".join(column.levels) if 0 < len(column.levels) <= 4 else ""),
        )
        for column in columns
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(5)]
    return [
        f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {missing:>{widths[2]}}  {distinct:>{widths[3]}}  "
        f"{role:<{widths[4]}}  {remark}".rstrip()
        for name, kind, missing, distinct, role, remark in rows
    ]


def _levels(facts: ColumnFacts, values: pa.ChunkedArray) -> list[str]:
    """The values of a column with few of them, sorted; numbers by size."""
    if facts.kind in ("other", "date") or not 0 < facts.distinct <= _MOST_LEVELS:
        return []
    distinct = pc.drop_null(values.unique())
    ordered = distinct.take(pc.sort_indices(distinct)).to_pylist()
    return [
        str(level).lower() if isinstance(level, bool) else f"{level:.15g}" if isinstance(level, float) else str(level)
        for level in ordered
    ]


def _thirds(facts: ColumnFacts, values: pa.ChunkedArray) -> list[float]:
    if facts.kind != "number" or facts.missing == facts.rows:
        return []
    found: list[float] = pc.quantile(values.cast(pa.float64()), q=[1 / 3, 2 / 3]).to_pylist()
    return found


def _path_from(out: Path, file: Path) -> str:
    """The table's path as the configuration names it: relative to the current folder, as a run reads it."""
    return os.path.relpath(file) if not file.is_absolute() else str(file)


def _write(out: Path, text: str) -> None:
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(out)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UserError(WHO, f"{out} cannot be written: {error.strerror or error}.") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="glasshouse inspect", description="Show what is in a table, and write a first run.yaml to review."
    )
    parser.add_argument("file", metavar="FILE", help="a CSV, Parquet or Arrow file")
    parser.add_argument("--target", metavar="COL", help="the column to predict (default: guessed)")
    parser.add_argument("--delimiter", metavar="CHAR", help="column separator of a CSV file")
    parser.add_argument(
        "--out", metavar="FILE", default="run.yaml", help="the configuration to write (default: run.yaml)"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing configuration")
    return parser
