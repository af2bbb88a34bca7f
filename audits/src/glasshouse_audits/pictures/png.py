"""PNG files without a library: the part of the format that a small image needs."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray


def png(pixels: NDArray[np.uint8]) -> bytes:
    """An RGB image (height, width, 3) as a PNG file: W3C, Portable Network Graphics, third edition, section 5."""
    height, width, channels = pixels.shape
    assert channels == 3
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, true colour, one pass
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)  # filter type 0
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def as_base64(pixels: NDArray[np.uint8]) -> str:
    """The PNG file in base64, as figures of kind `image` store it."""
    return base64.b64encode(png(pixels)).decode("ascii")
