"""A word tokenizer, and a vocabulary fitted on the training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PADDING = 0
"""The number that fills positions after the last word of a text."""
UNKNOWN = 1
"""The number of every word that is not in the vocabulary."""
_FIRST_WORD = 2

_DIGIT = r"\p{Nd}"
_SIGN = r"([^\s\pL\pM\pN'’])"
_QUOTE = r"(?:^|\s)['’]+|['’]+(?:\s|$)"


@dataclass(frozen=True, eq=False)
class SplitTexts:
    """n tokenized texts: the words of text i are `words[code]` for `codes[offsets[i] : offsets[i + 1]]`.

    `codes` (m,) int32, `offsets` (n + 1,) int64.
    """

    words: tuple[str, ...]
    codes: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(n,) number of words of each text."""
        return np.diff(self.offsets)

    def of(self, row: int) -> list[str]:
        """The words of one text."""
        return [self.words[code] for code in self.codes[self.offsets[row] : self.offsets[row + 1]]]


def split_words(texts: Any) -> SplitTexts:
    """Texts (a sequence of str, or an Arrow array; None is an empty text) in lower case, split at spaces.

    Every character that is neither letter nor digit is a separate word, except apostrophes within a word. Digits become
    0, so that a number is represented by its length: otherwise most telephone numbers would be words that occur once
    (as in Lample et al. 2016 for named entities).

    >>> split_words(["Call 0800-123 NOW!"]).of(0)
    ['call', '0000', '-', '000', 'now', '!']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    array = texts if isinstance(texts, (pa.Array, pa.ChunkedArray)) else pa.array(texts, pa.string())
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    array = pc.utf8_lower(array.cast(pa.large_string()).fill_null(""))
    for pattern, put in ((_DIGIT, "0"), (_SIGN, r" \1 "), (_QUOTE, " ")):
        array = pc.replace_substring_regex(array, pattern, put)
    found = pc.utf8_split_whitespace(array)
    coded = found.flatten().dictionary_encode()
    names = coded.dictionary.to_pylist()
    codes = coded.indices.to_numpy()
    offsets = found.offsets.to_numpy().astype(np.int64)
    # leading and trailing spaces, and texts without words, give empty words
    empty = codes == names.index("") if "" in names else np.zeros(len(codes), dtype=bool)
    kept_before = np.concatenate([[0], np.cumsum(~empty)])
    return SplitTexts(tuple(names), codes[~empty].astype(np.int32), kept_before[offsets - offsets[0]])


@dataclass(frozen=True)
class Vocabulary:
    """The words of a model, the most frequent first: word i has the number i + 2."""

    words: tuple[str, ...]

    @property
    def size(self) -> int:
        """The number of token numbers: a model's `vocab_size`."""
        return _FIRST_WORD + len(self.words)

    @classmethod
    def learn(cls, texts: SplitTexts, rows: NDArray[np.int64], *, most: int, min_count: int) -> Vocabulary:
        """The `most` frequent words with at least `min_count` occurrences in the rows; ties in alphabetical order."""
        inside = np.zeros(len(texts), dtype=bool)
        inside[rows] = True
        counts = np.bincount(texts.codes[np.repeat(inside, texts.lengths)], minlength=len(texts.words))
        often = [code for code in np.flatnonzero(counts >= min_count).tolist() if texts.words[code]]
        often.sort(key=lambda code: (-counts[code], texts.words[code]))
        return cls(tuple(texts.words[code] for code in often[:most]))

    def spelled(self, numbers: list[int]) -> list[str]:
        """The words of token numbers, without padding; … for unknown words."""
        return ["…" if number == UNKNOWN else self.words[number - _FIRST_WORD] for number in numbers if number]

    def encode(self, texts: SplitTexts, rows: NDArray[np.int64], length: int) -> NDArray[np.int32]:
        """The first `length` words of the given rows as numbers (len(rows), length), padded at the end."""
        numbers = {word: number for number, word in enumerate(self.words, start=_FIRST_WORD)}
        number_of = np.array([numbers.get(word, UNKNOWN) for word in texts.words] or [UNKNOWN], dtype=np.int32)
        return padded(texts, rows, length, number_of[texts.codes])


def padded(texts: SplitTexts, rows: NDArray[np.int64], length: int, numbers: NDArray[np.int32]) -> NDArray[np.int32]:
    """The first `length` of each row's `numbers` (m,), which are aligned with the texts' codes, padded at the end."""
    within = np.arange(length) < texts.lengths[rows][:, None]
    positions = (texts.offsets[rows][:, None] + np.arange(length))[within]
    encoded = np.full((len(rows), length), PADDING, dtype=np.int32)
    encoded[within] = numbers[positions]
    return encoded


def sequence_length_covering(lengths: NDArray[np.int64], *, most: int, share: float = 0.99) -> int:
    """The length that covers `share` of the texts completely, from 1 to `most`."""
    if not len(lengths):
        return 1
    return int(np.clip(np.quantile(lengths, share, method="inverted_cdf"), 1, most))
