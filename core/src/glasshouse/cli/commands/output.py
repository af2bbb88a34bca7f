"""Output as aligned columns (a rich table on a terminal, plain text elsewhere) or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def print_columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; outside a terminal, one complete line per row."""
    if sys.stdout.isatty():
        _print_table(header, rows)
        return
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in header:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))  # Text: the texts of plugins are not markup
    Console().print(table)


def print_json(values: object) -> None:
    """Print plain values as JSON."""
    import json

    print(json.dumps(values, indent=2, ensure_ascii=False))
