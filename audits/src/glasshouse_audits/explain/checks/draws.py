"""Random numbers that depend on a row's content, not its position: the same in any order and batch."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

# The increment and the two multipliers of SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number
# generators", OOPSLA 2014, figure 17.
_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def uniforms(rows: NDArray[np.generic], count: int, *, seed: int, use: str = "") -> NDArray[np.float64]:
    """`count` independent uniform numbers in [0, 1) for each of `rows` (n, width): (n, count).

    Numbers for different purposes (`use`) are independent under the same seed. A row's bits are hashed to the state of
    a SplitMix64 generator, so equal rows get equal numbers.
    """
    bits = _bits(rows)
    multipliers = np.random.default_rng([seed, crc32(use.encode())]).integers(
        2**64, size=bits.shape[1] + 1, dtype=np.uint64
    )
    with np.errstate(over="ignore"):
        # multilinear hashing, modulo 2^64
        state = (bits * multipliers[1:]).sum(axis=1, dtype=np.uint64) + multipliers[0]
        mixed = state[:, None] + _INCREMENT * np.arange(1, count + 1, dtype=np.uint64)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
        mixed ^= mixed >> np.uint64(31)
    found: NDArray[np.float64] = (mixed >> np.uint64(11)) * 2.0**-53
    return found


def systematic(rows: NDArray[np.generic], count: int, of: int, *, seed: int) -> NDArray[np.int64]:
    """Systematic sampling: `count` different numbers below `of` for each row, evenly spaced from a random start.

    (n, count), ascending; every number has the same probability. All numbers if `count` is `of` or more.
    """
    count = min(count, of)
    start = uniforms(rows, 1, seed=seed, use="background")
    found: NDArray[np.int64] = ((np.arange(count) + start) * of / count).astype(np.int64)
    return np.minimum(found, of - 1)


def _bits(rows: NDArray[np.generic]) -> NDArray[np.uint64]:
    """The rows' numbers as unsigned integers; -0 becomes 0."""
    numbers = np.ascontiguousarray(rows.reshape(len(rows), -1))
    if numbers.dtype.kind == "f":
        return (numbers.astype(np.float64) + 0.0).view(np.uint64)
    return numbers.astype(np.int64).view(np.uint64)
