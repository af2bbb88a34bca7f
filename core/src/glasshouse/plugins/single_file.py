"""Plugins that are a single Python file: ``--plugin path.py``."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from glasshouse.errors import UserError

_WHO = "--plugin"


def import_file(path: Path) -> ModuleType:
    """Import a file as a module with the name of its stem (``my_plugin.py`` -> ``my_plugin.Net``).

    Unlike for an installed plugin, a failed import is an error, because the user asked for this file.

    Raises:
        UserError: if there is no such file, its stem is not a free module name, or the import fails.
    """
    path = path.expanduser().resolve()
    if not path.is_file():
        raise UserError(_WHO, f"there is no file {path}.", "Give the path of a Python file.")
    name = path.stem
    if path.suffix != ".py" or not name.isidentifier():
        raise UserError(_WHO, f"'{path.name}' is not a module name.", "Rename it to letters, digits and _, with .py.")
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    _check_free(name, path)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before execution, as import does: dataclasses and pickle look it up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        if isinstance(error, UserError):
            raise
        raise UserError(
            f"{_WHO} {path.name}",
            f"cannot be imported: {type(error).__name__}: {error}.",
            "See the traceback with --debug.",
        ) from error
    return module


def fingerprint(path: Path) -> str:
    """The version of a file: the beginning of its SHA-256."""
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _check_free(name: str, path: Path) -> None:
    spec = None
    if name not in sys.modules:
        spec = importlib.util.find_spec(name)
        if spec is None or (spec.origin is not None and Path(spec.origin).resolve() == path):
            return
    owner = getattr(sys.modules.get(name), "__file__", None) or (spec.origin if spec else None) or "built in"
    raise UserError(
        f"{_WHO} {path.name}",
        f"another importable module has the name '{name}' ({owner}).",
        "Rename the file.",
    )
