"""IDX, the format of the MNIST files: a magic number, the sizes, the values, all big-endian; gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
from glasshouse import UserError
from numpy.typing import NDArray

from glasshouse_plugins.data.published import check_published

_UNSIGNED_BYTE = 8
_GZIP = b"\x1f\x8b"


def read_idx(path: Path, *, dimensions: int, who: str, digest: str | None = None) -> NDArray[np.uint8]:
    """The array of unsigned bytes in an IDX file, whatever its name says about compression.

    Args:
        path: the file.
        dimensions: what its sizes must number.
        who: how error messages call the data.
        digest: hash of the unpacked file as published (`check_published`); None: not compared.

    Raises:
        UserError: for a file that is damaged, cut off, longer than its sizes say, of another type or dimension, or of
            another hash.
    """
    content = path.read_bytes()
    if content.startswith(_GZIP):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(who, f"{path} cannot be unpacked: {error}.", "Fetch it again.") from error
    start = 4 + 4 * dimensions
    if len(content) < start or content[:4] != bytes((0, 0, _UNSIGNED_BYTE, dimensions)):
        raise UserError(
            who,
            f"{path} is no IDX file of unsigned bytes in {dimensions} dimension{'s' if dimensions > 1 else ''}: "
            f"it begins with {content[:4].hex(' ') or 'nothing'}.",
            "Fetch it again.",
        )
    shape = tuple(np.frombuffer(content[4:start], dtype=">u4").astype(np.int64).tolist())
    expected = int(np.prod(shape, dtype=np.int64))
    if len(content) - start != expected:
        raise UserError(
            who,
            f"{path} holds {len(content) - start:,} values; its sizes {shape} ask for {expected:,}.",
            "The file is cut off or changed: fetch it again.",
        )
    if digest is not None:
        check_published(path, content, digest, who=who)
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
