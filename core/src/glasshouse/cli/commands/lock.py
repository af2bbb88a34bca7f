"""``glasshouse plugins lock``: versions and file hashes of the installed plugins, for ``--only-locked``."""

from __future__ import annotations

import json
from pathlib import Path

from glasshouse.errors import UserError
from glasshouse.plugins import registry
from glasshouse.plugins.lock.lock_file import SCHEMA, lock_of


def write_lock(out: Path | None) -> int:
    """Print the lock, or write it to a file.

    Raises:
        UserError: if a plugin is broken, since the lock would not contain it, or if the file cannot be written.
    """
    plugins = registry()
    if plugins.check_all():
        broken = ", ".join(sorted({f"{broken.distribution} {broken.version}" for broken in plugins.broken}))
        remedy = "Fix them (`glasshouse plugins doctor`) or exclude them with --no-plugin."
        raise UserError("plugins lock", f"some plugins are broken: {broken}.", remedy)
    text = json.dumps({"schema": SCHEMA, **lock_of(plugins.loaded).to_dict()}, indent=1, ensure_ascii=False) + "\n"
    if out is None:
        print(text, end="")
        return 0
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError("--out", f"{out} cannot be written: {error.strerror}.") from None
    return 0
