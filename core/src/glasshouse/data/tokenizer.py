"""A pretrained tokenizer from a local folder, read by the transformers library."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.data.vocabulary import PADDING, SplitTexts, padded
from glasshouse.errors import UserError


def swap_padding_id(numbers: Any, pad: int) -> Any:
    """Convert token numbers between the data, where padding is 0, and a tokenizer whose padding is `pad`.

    The two numbers are exchanged, so the same call converts in both directions. `numbers` (...) is an array or a tensor
    of integers.
    """
    if pad == PADDING:
        return numbers
    return numbers + (numbers == PADDING) * pad - (numbers == pad) * pad


class FolderTokenizer:
    """Splits texts into the tokens of a pretrained tokenizer, with its numbers except for padding, which is 0.

    A "word" is a token here: a piece of a word, or a special token such as the beginning of a text. A truncated text
    keeps the special tokens at its end.

    Args:
        folder: the folder of the tokenizer, with its ``tokenizer.json``.
        who: the data's name in error messages.

    Raises:
        UserError: for a folder without a fast tokenizer, a tokenizer without padding, or if transformers is missing.
    """

    def __init__(self, folder: str, *, who: str) -> None:
        path = Path(folder).expanduser()
        if not (path / "tokenizer.json").is_file():
            raise UserError(
                who,
                f"there is no tokenizer.json in the folder {path.absolute()}; nothing is downloaded.",
                "Name the folder of a model that has one with `tokenizer:`.",
            )
        try:
            from transformers import AutoTokenizer
        except ImportError:
            raise UserError(
                who, "a tokenizer needs transformers.", "pip install glasshouse-plugins[transformers]"
            ) from None
        self._tokenizer: Any
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
        except (ValueError, OSError, KeyError) as error:
            raise UserError(who, f"the tokenizer in {path} cannot be read: {str(error).splitlines()[0]}") from error
        if not self._tokenizer.is_fast:
            raise UserError(who, f"the tokenizer in {path} is not a fast one.", "Name one with a tokenizer.json.")
        if self._tokenizer.pad_token_id is None:
            raise UserError(
                who, f"the tokenizer in {path} has no padding.", "Name a `pad_token` in its tokenizer_config.json."
            )
        self._pad = int(self._tokenizer.pad_token_id)
        self.digest = hashlib.sha256((path / "tokenizer.json").read_bytes()).hexdigest()
        self.size: int = len(self._tokenizer)
        special = self._tokenizer("a", return_special_tokens_mask=True)["special_tokens_mask"]
        self._trailing_special = next((place for place, mark in enumerate(reversed(special)) if not mark), len(special))

    @property
    def longest(self) -> int:
        """The maximum number of tokens of the tokenizer's model."""
        return int(min(self._tokenizer.model_max_length, np.iinfo(np.int32).max))

    def split(self, texts: Any) -> SplitTexts:
        """Texts (a sequence of str, or an Arrow array; None is an empty text) as numbered tokens."""
        rows = [text or "" for text in (texts.to_pylist() if hasattr(texts, "to_pylist") else texts)]
        found = self._tokenizer(rows, verbose=False, return_attention_mask=False)["input_ids"] if rows else []
        offsets = np.cumsum([0, *map(len, found)], dtype=np.int64)
        codes = np.fromiter((number for row in found for number in row), dtype=np.int32, count=int(offsets[-1]))
        names = self._tokenizer.convert_ids_to_tokens(swap_padding_id(np.arange(self.size), self._pad).tolist())
        return SplitTexts(tuple(names), swap_padding_id(codes, self._pad), offsets)

    def encode(self, texts: SplitTexts, rows: NDArray[np.int64], length: int) -> NDArray[np.int32]:
        """The given rows as numbers (len(rows), length), truncated before the special tokens at their end."""
        encoded = padded(texts, rows, length, texts.codes)
        trailing = min(self._trailing_special, length)
        cut = np.flatnonzero(texts.lengths[rows] > length)
        if trailing and len(cut):
            ends = texts.offsets[rows[cut] + 1]
            encoded[cut, length - trailing :] = texts.codes[ends[:, None] + np.arange(-trailing, 0)]
        return encoded

    def spelled(self, numbers: list[int]) -> list[str]:
        """The tokens of numbers, without padding."""
        kept = np.array([number for number in numbers if number != PADDING], dtype=np.int64)
        return list(self._tokenizer.convert_ids_to_tokens(swap_padding_id(kept, self._pad).tolist()))
