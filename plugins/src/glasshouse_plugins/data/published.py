"""Whether a file is the one that its publisher released."""

from __future__ import annotations

import hashlib
from pathlib import Path

from glasshouse import UserError


def check_published(path: Path, content: bytes, *digests: str, size: int | None = None, who: str) -> None:
    """Compare what is in a file with the published size and hash.

    Args:
        path: where `content` was read; for the message.
        content: the file's bytes, unpacked where the hash is that of the unpacked file.
        digests: algorithm and hexadecimal hash, ``sha256:...`` or ``md5:...``: as published first, then those of copies
            that are known to say the same.
        size: bytes, where known.
        who: how error messages call the data.

    Raises:
        UserError: where one differs, with both.
    """
    accept = "Fetch it again, or set `check_files: false` to use it as it is."
    if size is not None and len(content) != size:
        raise UserError(who, f"{path} has {len(content):,} bytes; expected {size:,} as published.", accept)
    algorithm, _, expected = digests[0].partition(":")
    # a check against damage and mix-ups, for which MD5, which is all that some publishers give, is good enough
    found = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
    if f"{algorithm}:{found}" not in digests:
        raise UserError(
            who, f"{path} is not the published file: its {algorithm.upper()} is {found}; expected {expected}.", accept
        )
