"""Where downloaded data are looked for."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder(given: str | None, name: str) -> Path:
    """The folder given, else ``$GLASSHOUSE_DATA/NAME`` where that variable is set, else ``../shared/data/NAME``."""
    if given is not None:
        return Path(given).expanduser()
    root = os.environ.get("GLASSHOUSE_DATA")
    return Path(root, name) if root else Path("..", "shared", "data", name)
