"""``glasshouse plugins new NAME --kind KIND``: create a new distribution."""

from __future__ import annotations

import sys
from pathlib import Path

from glasshouse.cli.scaffold import KINDS, Kind, Names, clash, read_names, render_files, write_distribution
from glasshouse.errors import UserError
from glasshouse.plugins import registry


def new(word: str, kind_name: str, *, minimal: bool, into: str) -> int:
    """Write a new distribution, its parent folder included, and print the next steps; returns 0.

    Raises:
        UserError: for an invalid name, an existing folder, or one that cannot be written.
    """
    kind = KINDS[kind_name]
    parent = Path(into)
    if parent.exists() and not parent.is_dir():
        raise UserError(
            "plugins new", f"expected a folder, received '{into}', which is a file.", "Give --into a folder."
        )
    names = read_names(word, kind)
    folder = parent / word
    files = render_files(names, kind, minimal=minimal)
    write_distribution(folder, files)
    note = clash(names, kind, registry())
    print(f"Wrote {folder}: {kind.noun} '{names.component}', {kind.summary_of(minimal=minimal)}.")
    for file in files:
        print(f"  {folder / file}")
    print("\n".join(_next(folder, names, kind, minimal=minimal, called=names.qualified if note else names.component)))
    if note:
        sys.stdout.flush()
        print(f"note: {note}", file=sys.stderr)
    return 0


def _next(folder: Path, names: Names, kind: Kind, *, minimal: bool, called: str) -> list[str]:
    install = f"pip install -e {folder}" if minimal else f'pip install -e "{folder}[test]"'
    test = f"glasshouse plugins check {called}" if minimal else f"pytest {folder}"
    return [
        "Install and test it:",
        f"  {install} && {test}",
        "Then:",
        f"  glasshouse plugins show {called}",
        f"  {kind.use.replace('NAME', called)}",
    ]
