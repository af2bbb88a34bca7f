"""Users and items: ratings, clicks or implicit feedback from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from glasshouse import DataInfo, RawTable, SensitiveColumn, UserError
from glasshouse.data import SPLITS, Coded, Column, Labelled, SplitOption, SplitPlan, fingerprint, level_name
from glasshouse.datamodules import InMemoryDataModule
from numpy.typing import NDArray

from glasshouse_plugins.data.negatives import sample_negatives
from glasshouse_plugins.data.tables import TableColumns, TableFile

_TARGET = "interaction"


class Interactions(InMemoryDataModule):
    """A CSV, Parquet or Arrow file with one row per interaction of a user and an item, for models like `recommender`.

    Inputs are int64 codes (n, a + b): the user and `user_features`, then the item and `item_features`. Codes start at
    1, in the order of the values in the training split; 0 is a value that is not in the training split, or a missing
    feature. The rows of one user are a cluster, so that confidence intervals do not treat them as independent, and one
    ranking for the audit `exposure`.

    Without a `target`, the data is implicit feedback: every row is a positive example (a click, a purchase), and for
    each of them `negatives` items that the user has not interacted with are sampled as negative examples, each once per
    user, uniformly from the items of the training split. Ranking metrics over such samples are higher than over all
    items, and can order models differently (Krichene and Rendle, "On Sampled Metrics for Item Recommendation", KDD
    2020).

    Args:
        path: the file; its name ends in .csv, .tsv, .txt (also .gz), .parquet, .pq, .arrow or .feather.
        user: column with user ids.
        item: column with item ids.
        target: column with ratings or clicks (two values); default: none, implicit feedback (see above).
        task: ``binary`` or ``regression``; default: binary for two values, else regression.
        favourable: the favourable class; default: the second one.
        negatives: sampled items per row without a `target`, at least 1.
        user_features: categorical columns that describe users; numbers count as categories.
        item_features: categorical columns that describe items; numbers count as categories.
        sensitive: columns with sensitive attributes of users, whose groups the fairness audits compare.
        item_groups: columns with groups of items, e.g. their providers, which fairness audits compare.
        split: how to split, as for `table`; default: the rows of each user by `fractions`.
        fractions: fractions of rows in the train, validate and test splits.
        delimiter: column separator of a CSV file; default: tab for .tsv, else comma.
        batch_size: rows per batch.
        split_seed: seed of the random split and of the sampled items.
        seed: seed of the order of training batches; default: that of `seed_everything`.
    """

    name = "interactions"

    def __init__(
        self,
        path: str,
        user: str = "user",
        item: str = "item",
        target: str | None = None,
        task: Literal["binary", "regression"] | None = None,
        favourable: str | int | bool | None = None,
        negatives: int = 4,
        user_features: Sequence[str] = (),
        item_features: Sequence[str] = (),
        sensitive: Sequence[str] = (),
        item_groups: Sequence[str] = (),
        split: SplitOption = None,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        delimiter: str | None = None,
        batch_size: int = 1024,
        split_seed: int = 0,
        seed: int | None = None,
    ) -> None:
        super().__init__(batch_size=batch_size, fractions=fractions, split_seed=split_seed, seed=seed, split=split)
        if split is None:
            self.split_plan = SplitPlan.read(
                {"by": "stratified", "column": user}, self.fractions, seed=split_seed, who=self.who
            )
        if negatives < 1:
            raise UserError(self.who, f"negatives is {negatives}; expected at least 1.")
        if target is None and (task == "regression" or favourable is not None):
            raise UserError(self.who, "`task: regression` and `favourable` require a `target`.", "Set it to a column.")
        self.path = path
        self.user = user
        self.item = item
        self.target = target
        self.task = task
        self.favourable = favourable
        self.negatives = negatives
        self.user_features = list(user_features)
        self.item_features = list(item_features)
        self.sensitive = list(sensitive)
        self.item_groups = list(item_groups)
        self.delimiter = delimiter
        self._clusters: dict[str, NDArray[np.int64]] = {}

    def setup(self, stage: str | None = None) -> None:
        """Load, split, sample negatives and encode; does nothing when called again."""
        if self._rows:
            return
        file, read = self._read()
        table = read.table
        users, items = self._ids(table, self.user), self._ids(table, self.item)
        by = table[self.split_plan.column] if self.split_plan.column else None
        no_strata = np.zeros(len(users), dtype=np.int64)
        parts = np.empty(len(users), dtype=np.int64)
        for code, chosen in enumerate(self.split_plan.rows(strata=no_strata, values=by, who=self.who).values()):
            parts[chosen] = code
        # Rows of the file with the user, and with the item, of each example.
        user_row = item_row = np.arange(len(users))
        if self.target is None:
            sampled_for, sampled = sample_negatives(
                users, items, np.unique(items[parts == 0]), each=self.negatives, seed=self.split_seed
            )
            first_row = np.unique(items, return_index=True)[1]
            user_row = np.concatenate([user_row, sampled_for])
            item_row = np.concatenate([item_row, first_row[sampled]])
            parts = parts[user_row]
        raw, columns = self._labels(read, user_row, item_row, file.source)
        plan = SplitPlan.read(None, self.fractions, seed=self.split_seed, who=self.who)
        features = (*self.user_features, *self.item_features)
        labelled = Labelled.read(
            raw,
            columns,
            plan,
            given=np.array(SPLITS)[parts],
            seen=features,
            labels=lambda name: raw.labels(name, who=self.who),
            who=self.who,
        )
        train = labelled.rows["train"]
        sides = [
            [
                _encode(users[user_row], train),
                *(self._feature(table, name, user_row, train) for name in self.user_features),
            ],
            [
                _encode(items[item_row], train),
                *(self._feature(table, name, item_row, train) for name in self.item_features),
            ],
        ]
        x = torch.from_numpy(np.stack([codes for side in sides for codes, _ in side], axis=1))
        outputs = labelled.target.num_outputs
        info = DataInfo(
            name=self._name,
            modality="sequence",
            target=labelled.target,
            input_shape=(x.shape[1],),
            sensitive=labelled.sensitive,
            sizes={
                "cardinalities": [[count for _, count in side] for side in sides],
                "input_shape": [x.shape[1]],
                "num_classes": outputs,
                "out_features": outputs,
            },
            rows=labelled.counts(),
            source=file.source,
        )
        for split, chosen in labelled.rows.items():
            self._clusters[split] = users[user_row][chosen]
        digest = {f"input {column}": x[:, column].double().numpy() for column in range(x.shape[1])}
        rows = {split: labelled.batch(split, x[torch.from_numpy(labelled.rows[split])]) for split in SPLITS}
        self._keep(rows, info, fingerprint({**digest, **columns, "": labelled.parts()}))

    def row_clusters(self, split: str) -> NDArray[np.int64]:
        """(n,) the user of each row of a split."""
        self._split(split)
        return self._clusters[split]

    def _read(self) -> tuple[TableFile, TableColumns]:
        file = TableFile(path=Path(self.path).expanduser(), who=self.who, delimiter=self.delimiter)
        options = [("user", self.user), ("item", self.item), ("target", self.target), ("split", self.split_plan.column)]
        for option in ("user_features", "item_features", "sensitive", "item_groups"):
            options += [(option, name) for name in getattr(self, option)]
        used = [(option, name) for option, name in options if name is not None]
        file.require(used, file.names())
        read = file.read_columns(list(dict.fromkeys(name for _, name in used)))
        if not len(read.table):
            raise UserError(self.who, f"{file.path} has no rows.")
        return file, read

    def _ids(self, table: pa.Table, name: str) -> NDArray[np.int64]:
        """(n,) users or items as ranks of their ids, so that the order of the rows does not matter."""
        absent = table[name].null_count
        if absent:
            raise UserError(self.who, f"column '{name}' is missing in {absent:,} of {len(table):,} rows.")
        coded = pc.dictionary_encode(table[name].combine_chunks())
        rank = np.empty(len(coded.dictionary), dtype=np.int64)
        rank[pc.sort_indices(coded.dictionary).to_numpy()] = np.arange(len(rank))
        ranks: NDArray[np.int64] = rank[coded.indices.to_numpy()]
        return ranks

    def _labels(
        self, read: TableColumns, user_row: NDArray[np.int64], item_row: NDArray[np.int64], source: str
    ) -> tuple[RawTable, dict[str, Column]]:
        """Targets and sensitive attributes of each example, raw and encoded."""
        table = read.table
        values: dict[str, Any] = {name: table[name].take(user_row) for name in self.sensitive}
        values |= {name: table[name].take(item_row) for name in self.item_groups}
        written = {name: text.take(pa.array(user_row)) for name, text in read.written(self.sensitive).items()}
        written |= {name: text.take(pa.array(item_row)) for name, text in read.written(self.item_groups).items()}
        task: str | None = self.task
        if self.target is None:
            positive = (np.arange(len(user_row)) < len(table)).astype(np.int32)
            values[_TARGET] = Coded(positive, ("no", "yes"))
        else:
            values[self.target] = table[self.target]
            written |= read.written([self.target])
            task = task or ("binary" if len(pc.unique(table[self.target])) <= 2 else "regression")
        target = self.target or _TARGET
        raw = RawTable(
            columns=values,
            as_written=written,
            target=target,
            task=task or "binary",
            classes=("no", "yes") if self.target is None else (),
            favourable=level_name(self.favourable),
            sensitive=tuple(SensitiveColumn(name=name, column=name) for name in (*self.sensitive, *self.item_groups)),
            source=source,
        )
        columns = {name: raw.column(name, role="column", who=self.who) for name in values}
        labels = columns[target]
        absent = int((labels.codes < 0).sum() if isinstance(labels, Coded) else np.isnan(labels).sum())
        if absent:
            raise UserError(self.who, f"the target '{target}' is missing in {absent:,} of {len(user_row):,} rows.")
        return raw, columns

    def _feature(
        self, table: pa.Table, name: str, rows: NDArray[np.int64], train: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], int]:
        """(n,) codes of a feature and the number of codes."""
        coded = pc.dictionary_encode(table[name].combine_chunks())
        rank = np.empty(len(coded.dictionary) + 1, dtype=np.int64)
        rank[pc.sort_indices(coded.dictionary).to_numpy()] = np.arange(len(coded.dictionary))
        rank[-1] = -1  # missing
        return _encode(rank[coded.indices.fill_null(-1).to_numpy()][rows], train)


def _encode(ranks: NDArray[np.int64], train: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """(n,) codes from 1 for ranks in the training rows, 0 for others and for rank -1; and the number of codes."""
    known = np.unique(ranks[train])
    known = known[known >= 0]
    lookup = np.zeros(max(int(ranks.max()), 0) + 2, dtype=np.int64)  # the last entry, reached by -1, stays 0
    lookup[known] = np.arange(1, len(known) + 1)
    return lookup[ranks], len(known) + 1
