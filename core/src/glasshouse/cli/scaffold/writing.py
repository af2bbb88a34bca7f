"""Render templates and write the folder of a new distribution atomically."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from glasshouse._version import __version__
from glasshouse.cli.scaffold.kinds import Kind
from glasshouse.cli.scaffold.names import Names
from glasshouse.errors import UserError

_FULL = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "LICENSE": "LICENSE",
    "tox.ini": "tox.ini",
    ".gitignore": "gitignore",
    ".github/workflows/tests.yml": "tests.yml",
    "src/{package}/__init__.py": "__init__.py",
    "src/{package}/py.typed": "py.typed",
    "src/{package}/declarations.py": "declarations.py",
    "src/{package}/{kind}.py": "{kind}.py",
    "tests/test_{component}.py": "test_{kind}.py",
}
_MINIMAL = {
    "pyproject.toml": "pyproject.toml",
    "{package}/__init__.py": "__init__.py",
    "{package}/{kind}.py": "{kind}.py",
}
"""Path of each file -> its template."""


def render_files(names: Names, kind: Kind, *, minimal: bool = False) -> dict[str, str]:
    """Path in the distribution's folder -> text, for each file of a new distribution.

    With `minimal`: only a declaration, a component and `pyproject.toml`.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("glasshouse.cli.scaffold"),
        undefined=StrictUndefined,
        autoescape=False,  # Python, TOML and YAML, from validated names
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known = {
        "distribution": names.distribution,
        "package": names.package,
        "component": names.component,
        "attribute": names.attribute,
        "kind": kind.name,
        "noun": kind.noun,
        "article": "an" if kind.noun[0] in "aeiou" else "a",
        "hook": kind.plugin_type.hook,
        "plugin_type": kind.plugin_type.__name__,
        "summary": kind.summary_of(minimal=minimal),
        "declared": kind.declared_of(minimal=minimal),
        "use": kind.use.replace("NAME", names.component),
        "glasshouse_version": ".".join(__version__.split(".")[:2]),
    }
    folder, files = ("minimal", _MINIMAL) if minimal else ("full", _FULL)
    return {
        path.format_map(known): environment.get_template(f"{folder}/{template.format_map(known)}.jinja").render(known)
        for path, template in files.items()
    }


def write_distribution(folder: Path, files: Mapping[str, str]) -> None:
    """Write a new folder atomically, with its parents.

    Raises:
        UserError: if the path exists, or cannot be written.
    """
    if folder.exists() or folder.is_symlink():
        raise UserError(
            "plugins new", f"'{folder}' exists already.", "Choose another name, or another folder with --into DIR."
        )
    made = [parent for parent in folder.absolute().parents if not parent.exists()]  # the deepest first
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        for path, text in files.items():
            file = partial / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        partial.rename(folder)
    except OSError as error:
        raise UserError("plugins new", f"'{folder}' cannot be written: {error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        with suppress(OSError):  # of a parent that another process has written into meanwhile
            for parent in () if folder.exists() else made:
                parent.rmdir()
