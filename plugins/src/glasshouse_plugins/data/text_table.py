"""Any CSV or Parquet file with a column of text and a target column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
from glasshouse import RawTable, RawTexts, SensitiveColumn, TextDataModule, UserError, did_you_mean
from glasshouse.data import SplitOption

from glasshouse_plugins.data.tables import TableFile


class TextTable(TextDataModule):
    """A CSV file (with a header) or a Parquet file: one row a text and what is to be predicted of it.

    Texts are cut into words; the vocabulary is learned on the training split alone. A missing text is an empty one, a
    missing target is an error. In CSV files texts with commas or line breaks stand in quotes.

    Args:
        path: the file; its name ends in .csv, .tsv, .txt (also .gz), .parquet or .pq.
        text: the column of texts.
        target: the column to predict.
        sensitive: columns by whose values people must not be treated worse.
        bins: edges that turn a numeric sensitive column into groups, e.g. ``{age: [30, 50]}``.
        task: ``binary``, ``multiclass`` or ``regression``; default: classes for text and up to ten distinct whole
            numbers, else regression.
        favourable: the class that is good for the person concerned.
        split: a column that says ``train``, ``validate`` or ``test``; or how to split, as ``{by: time, column: day}``:
            by ``stratified`` (the default), ``random``, ``group`` or ``time``, with ``folds: 5, fold: 0`` to hold out
            one of five folds. The column is no feature unless it is named as one.
        fractions: shares of train, validate and test.
        delimiter: between the cells of a CSV file; default: a tab for .tsv, else a comma.
        batch_size: texts per batch.
        split_seed: where the split comes from.
        max_words: words in the vocabulary, the most frequent.
        min_count: a word that occurs less often in the training split is unknown.
        sequence_length: words of a text that the model is given; default: enough for 99 of 100 training texts to be
            whole, at most 512.
        seed: order of training batches; default: the seed of `seed_everything`.
        tokenizer: folder of a tokenizer that cuts and numbers the texts instead, as a model from elsewhere needs it;
            `max_words` and `min_count` then say nothing.
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
        favourable: str | None = None,
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
        table = file.read(list(dict.fromkeys((self.target, *self.sensitive, *extra, self.text))))
        texts = table[self.text]
        if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
            raise UserError(
                self.who,
                f"column '{self.text}' holds {texts.type}; expected text.",
                "Name another column with `text:`.",
            )
        return RawTexts(
            texts=texts,
            table=RawTable(
                columns={name: table[name] for name in (self.target, *self.sensitive, *extra)},
                target=self.target,
                task=self.task,
                favourable=self.favourable,
                sensitive=tuple(
                    SensitiveColumn(name=name, column=name, edges=tuple(self.bins.get(name, ())))
                    for name in self.sensitive
                ),
                source=file.path.name,
            ),
        )
