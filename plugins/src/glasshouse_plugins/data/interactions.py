"""Who liked what: a file of users, items and ratings or clicks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from glasshouse import DataInfo, RawTable, SensitiveColumn, UserError
from glasshouse.data import SPLITS, Coded, Column, Labelled, SplitOption, SplitPlan, fingerprint
from glasshouse.datamodules import InMemoryDataModule
from numpy.typing import NDArray

from glasshouse_plugins.data.negatives import draw_negatives
from glasshouse_plugins.data.tables import TableFile

_TARGET = "interaction"


class Interactions(InMemoryDataModule):
    """A CSV or Parquet file with a row for each user and item that met, for models such as `recommender`.

    The model is given int64 codes, (n, a + b): the user and `user_features`, then the item and `item_features`. Codes
    count from 1 in the order of the values in the training split; 0 is what that does not hold, or a missing feature.
    Rows of one user are a cluster, so that intervals do not take them for independent, and one ranking for the audit
    `exposure`.

    Without a `target`, every row is something that happened (a click, a purchase), and for each of them `negatives`
    items are drawn, seeded, that the user has not met, each once: the target is whether it happened. They come from all
    items of the training split alike, so that ranking measures over them are higher than over all items, and may order
    models otherwise (Krichene and Rendle, "On Sampled Metrics for Item Recommendation", KDD 2020).

    Args:
        path: the file; its name ends in .csv, .tsv, .txt (also .gz), .parquet, .pq, .arrow or .feather.
        user: the column that names users.
        item: the column that names items.
        target: the column of ratings or of clicks (two values); default: every row happened, see above.
        task: ``binary`` or ``regression``; default: binary for two values, else regression.
        favourable: the class that is good; default: the second.
        negatives: without a `target`, items drawn beside each row.
        user_features: columns of categories that tell of the user; numbers count as categories.
        item_features: the same of the item.
        sensitive: columns of users by whose values these must not be treated worse.
        item_groups: columns of items by whose values the items' providers must not be treated worse.
        split: what is split by, as for `table`; default: shares of the rows of every user.
        fractions: shares of train, validate and test.
        delimiter: between the cells of a CSV file; default: a tab for .tsv, else a comma.
        batch_size: rows per batch.
        split_seed: where the split, and the items drawn, come from.
        seed: order of training batches; default: the seed of `seed_everything`.
    """

    name = "interactions"

    def __init__(
        self,
        path: str,
        user: str = "user",
        item: str = "item",
        target: str | None = None,
        task: Literal["binary", "regression"] | None = None,
        favourable: str | None = None,
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
            raise UserError(self.who, "`task: regression` and `favourable` need a `target`.", "Name its column.")
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
        """Load, split, draw what did not happen, and code; the second call and every later one does nothing."""
        if self._rows:
            return
        file, found = self._read()
        users, items = self._who(found, self.user), self._who(found, self.item)
        by = found[self.split_plan.column] if self.split_plan.column else None
        no_strata = np.zeros(len(users), dtype=np.int64)
        parts = np.empty(len(users), dtype=np.int64)
        for code, chosen in enumerate(self.split_plan.rows(strata=no_strata, values=by, who=self.who).values()):
            parts[chosen] = code
        # a row's user and what is known of it stand in row `of_user` of the file, its item's in row `of_item`
        of_user = of_item = np.arange(len(users))
        if self.target is None:
            drawn_for, drawn = draw_negatives(
                users, items, np.unique(items[parts == 0]), each=self.negatives, seed=self.split_seed
            )
            first_of = np.unique(items, return_index=True)[1]
            of_user = np.concatenate([of_user, drawn_for])
            of_item = np.concatenate([of_item, first_of[drawn]])
            parts = parts[of_user]
        raw, columns = self._labels(found, of_user, of_item, file.source)
        happens = SplitPlan.read(None, self.fractions, seed=self.split_seed, who=self.who)
        seen = (*self.user_features, *self.item_features)
        labelled = Labelled.read(raw, columns, happens, given=np.array(SPLITS)[parts], seen=seen, who=self.who)
        train = labelled.rows["train"]
        sides = [
            [
                _coded(users[of_user], train),
                *(self._feature(found, name, of_user, train) for name in self.user_features),
            ],
            [
                _coded(items[of_item], train),
                *(self._feature(found, name, of_item, train) for name in self.item_features),
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
            self._clusters[split] = users[of_user][chosen]
        digest = {f"input {column}": x[:, column].double().numpy() for column in range(x.shape[1])}
        rows = {split: labelled.batch(split, x[torch.from_numpy(labelled.rows[split])]) for split in SPLITS}
        self._keep(rows, info, fingerprint({**digest, **columns, "": labelled.parts()}))

    def row_clusters(self, split: str) -> NDArray[np.int64]:
        """(n,) the user of each row of a split."""
        self._split(split)
        return self._clusters[split]

    def _read(self) -> tuple[TableFile, pa.Table]:
        file = TableFile(path=Path(self.path).expanduser(), who=self.who, delimiter=self.delimiter)
        asked = [("user", self.user), ("item", self.item), ("target", self.target), ("split", self.split_plan.column)]
        for option in ("user_features", "item_features", "sensitive", "item_groups"):
            asked += [(option, name) for name in getattr(self, option)]
        named = [(option, name) for option, name in asked if name is not None]
        file.require(named, file.names())
        found = file.read(list(dict.fromkeys(name for _, name in named)))
        if not len(found):
            raise UserError(self.who, f"{file.path} has no rows.")
        return file, found

    def _who(self, found: pa.Table, name: str) -> NDArray[np.int64]:
        """(n,) users or items by the rank of their names, so that the order of the rows does not matter."""
        absent = found[name].null_count
        if absent:
            raise UserError(self.who, f"column '{name}' is missing in {absent:,} of {len(found):,} rows.")
        coded = pc.dictionary_encode(found[name].combine_chunks())
        rank = np.empty(len(coded.dictionary), dtype=np.int64)
        rank[pc.sort_indices(coded.dictionary).to_numpy()] = np.arange(len(rank))
        ranks: NDArray[np.int64] = rank[coded.indices.to_numpy()]
        return ranks

    def _labels(
        self, found: pa.Table, of_user: NDArray[np.int64], of_item: NDArray[np.int64], source: str
    ) -> tuple[RawTable, dict[str, Column]]:
        """What is known of each row, and the columns coded."""
        values: dict[str, Any] = {name: found[name].take(of_user) for name in self.sensitive}
        values |= {name: found[name].take(of_item) for name in self.item_groups}
        task: str | None = self.task
        if self.target is None:
            happened = (np.arange(len(of_user)) < len(found)).astype(np.int32)
            values[_TARGET] = Coded(happened, ("no", "yes"))
        else:
            values[self.target] = found[self.target]
            task = task or ("binary" if len(pc.unique(found[self.target])) <= 2 else "regression")
        target = self.target or _TARGET
        raw = RawTable(
            columns=values,
            target=target,
            task=task or "binary",
            classes=("no", "yes") if self.target is None else (),
            favourable=self.favourable,
            sensitive=tuple(SensitiveColumn(name=name, column=name) for name in (*self.sensitive, *self.item_groups)),
            source=source,
        )
        columns = {name: raw.column(name, role="column", who=self.who) for name in values}
        labels = columns[target]
        absent = int((labels.codes < 0).sum() if isinstance(labels, Coded) else np.isnan(labels).sum())
        if absent:
            raise UserError(self.who, f"the target '{target}' is missing in {absent:,} of {len(of_user):,} rows.")
        return raw, columns

    def _feature(
        self, found: pa.Table, name: str, rows: NDArray[np.int64], train: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], int]:
        coded = pc.dictionary_encode(found[name].combine_chunks())
        rank = np.empty(len(coded.dictionary) + 1, dtype=np.int64)
        rank[pc.sort_indices(coded.dictionary).to_numpy()] = np.arange(len(coded.dictionary))
        rank[-1] = -1  # missing
        return _coded(rank[coded.indices.fill_null(-1).to_numpy()][rows], train)


def _coded(ranks: NDArray[np.int64], train: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """(n,) codes from 1 on for what is in the training rows, 0 for the rest and for ranks of -1; and how many codes."""
    known = np.unique(ranks[train])
    known = known[known >= 0]
    lookup = np.zeros(max(int(ranks.max()), 0) + 2, dtype=np.int64)  # the last entry, reached by -1, stays 0
    lookup[known] = np.arange(1, len(known) + 1)
    return lookup[ranks], len(known) + 1
