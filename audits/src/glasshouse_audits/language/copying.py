"""Longest runs of consecutive words that texts share with training texts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ODD = np.uint64(0x9E3779B97F4A7C15)


def longest_copied(texts: NDArray[np.integer], training: NDArray[np.integer]) -> NDArray[np.int64]:
    """(n,) length of the longest run of words of each text (n, length) that also occurs in a training text (m, length).

    0 is padding and no word. Runs are compared by 64-bit hashes; the hash of a run of k words is computed from that of
    its first k - 1, so each length takes one pass over the training texts. A run of k words contains two of k - 1, so
    the search ends at the first length that no text shares.
    """
    longest = np.zeros(len(texts), dtype=np.int64)
    mine, theirs = (_Runs(words) for words in (texts, training))
    for length in range(1, 1 + min(texts.shape[1], training.shape[1])):
        mine.grow()
        theirs.grow()
        wanted = np.unique(mine.hashes[mine.whole])
        if not len(wanted):
            break
        there = theirs.hashes[theirs.whole]
        at = np.searchsorted(wanted, there).clip(max=len(wanted) - 1)
        found = np.zeros(len(wanted), dtype=bool)
        found[at[wanted[at] == there]] = True
        shared = mine.whole & found[np.searchsorted(wanted, mine.hashes).clip(max=len(wanted) - 1)]
        any_shared = shared.any(axis=1)
        if not any_shared.any():
            break
        longest[any_shared] = length
    return longest


class _Runs:
    """Hashes of all runs of words of one length: `hashes` (n, places) and whether a run is `whole`, without padding."""

    def __init__(self, words: NDArray[np.integer]) -> None:
        self._words = words.astype(np.uint64)
        self.hashes = np.zeros((len(words), words.shape[1] + 1), dtype=np.uint64)
        self.whole = np.ones(self.hashes.shape, dtype=bool)

    def grow(self) -> None:
        """Extend each run by one word."""
        words = self._words[:, self._words.shape[1] + 1 - self.hashes.shape[1] :]
        mixed = words * _ODD
        mixed ^= mixed >> np.uint64(29)
        self.hashes = (self.hashes[:, :-1] + mixed) * _ODD
        self.hashes ^= self.hashes >> np.uint64(32)
        self.whole = self.whole[:, :-1] & (words != 0)
