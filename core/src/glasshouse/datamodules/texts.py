"""Base class of data plugins for texts: split, fit a vocabulary or use a tokenizer, number the words, pad."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glasshouse.data.data_info import SPLITS, DataInfo
from glasshouse.data.labels import Labelled
from glasshouse.data.raw_table import RawTable
from glasshouse.data.split_option import SplitOption
from glasshouse.data.tokenizer import FolderTokenizer
from glasshouse.data.vocabulary import SplitTexts, Vocabulary, sequence_length_covering, split_words
from glasshouse.datamodules.base import CompactDataModule
from glasshouse.errors import UserError

_LONGEST = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class RawTexts:
    """The result of `TextDataModule.load`: n `texts` (strings or an Arrow array), and the labels.

    `table` has no features: its columns are the target and the sensitive attributes, in the order of the texts.
    """

    texts: Any
    table: RawTable


class TextDataModule(CompactDataModule):
    """Base class of data plugins for texts that fit in memory: a subclass implements `load` and may set `name`.

    The model receives int64 token numbers (n, sequence_length), padded with 0 at the end
    (`glasshouse.data.vocabulary`). The vocabulary is fitted on the training split only and is part of every checkpoint,
    so that texts of other files get the same numbers as the training texts.

    Args:
        batch_size: rows per batch.
        fractions: shares of train, validate and test.
        split_seed: seed of the split.
        max_words: maximum size of the vocabulary; the most frequent words are kept.
        min_count: words that occur less often in the training split are unknown.
        sequence_length: words of a text that the model receives; default: enough for 99 % of the training texts to be
            complete, at most 512.
        seed: seed of the order of training batches; default: the seed of `seed_everything`.
        split: how to split the texts (`glasshouse.data.split_option.SplitOption`).
        tokenizer: folder of a pretrained tokenizer to use instead of a vocabulary, as a pretrained model requires;
            `max_words` and `min_count` then have no effect.
    """

    def __init__(
        self,
        batch_size: int = 64,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        split_seed: int = 0,
        max_words: int = 20_000,
        min_count: int = 2,
        sequence_length: int | None = None,
        seed: int | None = None,
        split: SplitOption = None,
        tokenizer: str | None = None,
    ) -> None:
        super().__init__(batch_size=batch_size, fractions=fractions, split_seed=split_seed, seed=seed, split=split)
        for option, value in (("max_words", max_words), ("min_count", min_count), ("sequence_length", sequence_length)):
            if value is not None and value < 1:
                raise UserError(self.who, f"{option} is {value}; expected at least 1.")
        self.max_words = max_words
        self.min_count = min_count
        self.sequence_length = sequence_length
        self.tokenizer = tokenizer
        self._learned: tuple[Vocabulary | FolderTokenizer, int] | None = None

    @abstractmethod
    def load(self) -> RawTexts:
        """The texts, all splits together."""

    def setup(self, stage: str | None = None) -> None:
        """Load, split and number; further calls do nothing."""
        if self._rows:
            return
        raw = self.load()
        self._table = raw.table
        self._texts = split_words(raw.texts) if self._given is None else self._given.split(raw.texts)
        self._labelled, columns = Labelled.for_inputs(raw.table, len(self._texts), self.split_plan, who=self.who)
        self._digest = _fingerprint(self._texts, columns)
        self._number()

    @cached_property
    def _given(self) -> FolderTokenizer | None:
        return None if self.tokenizer is None else FolderTokenizer(self.tokenizer, who=self.who)

    @property
    def vocabulary(self) -> Vocabulary | FolderTokenizer:
        """The fitted vocabulary or the tokenizer; valid after `setup`."""
        self._require_setup()
        assert self._learned is not None
        return self._learned[0]

    def words(self, split: str, rows: NDArray[np.int64]) -> list[list[str]]:
        """The words of some rows of a split by position, as the model receives them."""
        self._split(split)
        assert self._learned is not None
        length = self._learned[1]
        if self._given is not None:  # it keeps the special tokens at the end of a truncated text
            return self.spelled(self._given.encode(self._texts, self._labelled.rows[split][rows], length))
        return [self._texts.of(row)[:length] for row in self._labelled.rows[split][rows].tolist()]

    def spelled(self, numbers: NDArray[np.integer]) -> list[list[str]]:
        """The words of token numbers (n, k), one list for each text, without padding."""
        return [self.vocabulary.spelled(row) for row in numbers.tolist()]

    def encode(self, x: Tensor) -> Tensor:
        """Stored int32 numbers as int64, which every layer accepts."""
        return x.long()

    def state_dict(self) -> dict[str, Any]:
        """State in a checkpoint: the vocabulary, or the digest of the tokenizer, and the sequence length."""
        if self._learned is None:
            return {}
        vocabulary, length = self._learned
        if isinstance(vocabulary, FolderTokenizer):
            return {"tokenizer": vocabulary.digest, "sequence_length": length}
        return {"vocabulary": list(vocabulary.words), "sequence_length": length}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Use the numbers of the checkpoint's vocabulary instead of fitting one on this file's training split.

        Raises:
            UserError: if the checkpoint belongs to another tokenizer.
        """
        if state_dict.get("tokenizer") != (self._given and self._given.digest):
            raise UserError(
                self.who,
                "the checkpoint's model was trained with another tokenizer.",
                "Set `tokenizer:` to the one that it was trained with, or leave it out if there was none.",
            )
        known = self._given or Vocabulary(tuple(state_dict["vocabulary"])), int(state_dict["sequence_length"])
        if known != self._learned:
            self._learned = known
            if self._rows:
                self._number()

    def _number(self) -> None:
        texts, labelled, table = self._texts, self._labelled, self._table
        if self._learned is None:
            train = labelled.rows["train"]
            most = _LONGEST if self._given is None else min(_LONGEST, self._given.longest)
            self._learned = (
                self._given or Vocabulary.learn(texts, train, most=self.max_words, min_count=self.min_count),
                self.sequence_length or sequence_length_covering(texts.lengths[train], most=most),
            )
        vocabulary, length = self._learned
        outputs = labelled.target.num_outputs
        info = DataInfo(
            name=self._name,
            modality="text",
            target=labelled.target,
            input_shape=(length,),
            sensitive=labelled.sensitive,
            sizes={
                "vocab_size": vocabulary.size,
                "sequence_length": length,
                "input_shape": [length],
                "num_classes": outputs,
                "out_features": outputs,
            },
            rows=labelled.counts(),
            source=table.source,
            licence=table.licence,
            synthetic=table.synthetic,
        )
        rows = {
            split: labelled.batch(split, torch.from_numpy(vocabulary.encode(texts, labelled.rows[split], length)))
            for split in SPLITS
        }
        self._keep(rows, info, self._digest)


def _fingerprint(texts: SplitTexts, columns: str) -> str:
    """SHA-256 of the words of all texts and of their labels."""
    digest = hashlib.sha256(columns.encode())
    digest.update("\n".join(texts.words).encode())
    digest.update(texts.codes.data)
    digest.update(texts.offsets.data)
    return digest.hexdigest()
