"""Files of published data sets: the folder to read them from, and a check that they are the published ones."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from glasshouse import UserError


def data_folder(path: str | None, name: str) -> Path:
    """`path` if given, else ``$GLASSHOUSE_DATA/NAME`` if that variable is set, else ``../shared/data/NAME``."""
    if path is not None:
        return Path(path).expanduser()
    root = os.environ.get("GLASSHOUSE_DATA")
    return Path(root, name) if root else Path("..", "shared", "data", name)


def check_published(path: Path, content: bytes, *digests: str, size: int | None = None, who: str) -> None:
    """Compare a file's content with the published size and hash.

    Args:
        path: where `content` was read from, for the error message.
        content: the file's bytes, decompressed if the hash is that of the decompressed file.
        digests: algorithm and hexadecimal hash, ``sha256:...`` or ``md5:...``: the published one first, then those of
            known copies with the same data.
        size: number of bytes, if known.
        who: name of the data set in error messages.

    Raises:
        UserError: if the size or the hash differs; the message shows both values.
    """
    accept = "Download it again, or set `check_files: false` to use it as it is."
    if size is not None and len(content) != size:
        raise UserError(who, f"{path} has {len(content):,} bytes; expected {size:,} as published.", accept)
    algorithm, _, expected = digests[0].partition(":")
    # The hash detects damage and mix-ups, not attacks. MD5, the only hash that some publishers give, suffices for that.
    found = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
    if f"{algorithm}:{found}" not in digests:
        raise UserError(
            who, f"{path} is not the published file: its {algorithm.upper()} is {found}; expected {expected}.", accept
        )
