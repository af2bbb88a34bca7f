"""Any CSV, Parquet or Arrow file with a text column and a target column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
from glasshouse import RawTable, RawTexts, SensitiveColumn, TextDataModule, UserError, did_you_mean
from glasshouse.data import SplitOption, level_name

from glasshouse_plugins.data.tables import TableFile


class TextTable(TextDataModule):
    """A CSV (with a header), Parquet or Arrow file with one text and its target per row.

    Texts are split into words; the vocabulary is built from the training split only. A missing text is treated as
    empty; a missing target is an error. In CSV files, texts with commas or line breaks must be quoted.

    Args:
        path: the file; its name ends in .csv, .tsv, .txt (also .gz), .parquet, .pq, .arrow or .feather.
        text: column with the texts.
        target: the column to predict.
        sensitive: columns with sensitive attributes, whose groups the fairness audits compare.
        bins: bin edges that turn a numeric sensitive column into groups, e.g. ``{age: [30, 50]}``.
        task: ``binary``, ``multiclass`` or ``regression``; default: classification for text and for at most ten
            distinct whole numbers, else regression.
        favourable: the class that is the better outcome for the person; fairness audits compare its rates.
        split: a column with ``train``, ``validate`` and ``test``; or how to split, e.g. ``{by: time, column: day}``: by
            ``stratified`` (the default), ``random``, ``group`` or ``time``, with ``folds: 5, fold: 0`` to test on one
            of five folds.
        fractions: fractions of rows in the train, validate and test splits.
        delimiter: column separator of a CSV file; default: tab for .tsv, else comma.
        batch_size: texts per batch.
        split_seed: seed of the random split.
        max_words: maximum number of words in the vocabulary; the most frequent ones are kept.
        min_count: minimum occurrences of a word in the training split; rarer words are the unknown token.
        sequence_length: length in tokens that texts are truncated to; default: long enough for 99 % of the training
            texts, at most 512.
        seed: seed of the order of training batches; default: that of `seed_everything`.
        tokenizer: folder of a pretrained tokenizer to use instead, which a pretrained model requires; `max_words` and
            `min_count` are then ignored.
    """

    name = "text_table"

    def __init__(
        self,
        path: str,
        text: str,
        target: str,
        sensitive: Sequence[str] = (),
        bins: Mapping[str, Sequence[float]] | None = None,
        task: Literal["binary", "multiclass", "regression"] | None = None,
        favourable: str | int | bool | None = None,
        split: SplitOption = None,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        delimiter: str | None = None,
        batch_size: int = 64,
        split_seed: int = 0,
        max_words: int = 20_000,
        min_count: int = 2,
        sequence_length: int | None = None,
        seed: int | None = None,
        tokenizer: str | None = None,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            fractions=fractions,
            split_seed=split_seed,
            max_words=max_words,
            min_count=min_count,
            sequence_length=sequence_length,
            seed=seed,
            split=split,
            tokenizer=tokenizer,
        )
        self.path = path
        self.text = text
        self.target = target
        self.sensitive = sensitive
        self.bins = dict(bins or {})
        self.task = task
        self.favourable = favourable
        self.delimiter = delimiter
        for column in self.bins:
            if column not in sensitive:
                raise UserError(
                    self.who, f"`bins` names '{column}', which is not in `sensitive`.", did_you_mean(column, sensitive)
                )

    def load(self) -> RawTexts:
        """The texts and the columns in use."""
        file = TableFile(path=Path(self.path).expanduser(), who=self.who, delimiter=self.delimiter, texts=(self.text,))
        extra = [] if self.split_plan.column is None else [self.split_plan.column]
        file.require(
            (
                ("text", self.text),
                ("target", self.target),
                *(("sensitive", name) for name in self.sensitive),
                *(("split", name) for name in extra),
            ),
            file.names(),
        )
        read = file.read_columns(list(dict.fromkeys((self.target, *self.sensitive, *extra, self.text))))
        table = read.table
        texts = table[self.text]
        if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
            raise UserError(
                self.who,
                f"column '{self.text}' has type {texts.type}; expected text.",
                "Set `text:` to another column.",
            )
        return RawTexts(
            texts=texts,
            table=RawTable(
                columns={name: table[name] for name in (self.target, *self.sensitive, *extra)},
                target=self.target,
                task=self.task,
                favourable=level_name(self.favourable),
                sensitive=tuple(SensitiveColumn.binned(name, self.bins) for name in self.sensitive),
                as_written=read.written((self.target, *self.sensitive)),
                source=file.path.name,
            ),
        )
