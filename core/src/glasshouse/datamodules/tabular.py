"""Base class of data plugins for tables: split, encode, batch and describe."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from glasshouse.data.data_info import DataInfo
from glasshouse.data.labels import Labelled
from glasshouse.data.missing_values import Missing, MissingPlan
from glasshouse.data.raw_table import Coded, Column, RawTable, SensitiveColumn, fingerprint, has_large_integers
from glasshouse.data.split_option import SplitOption
from glasshouse.data.table_encoder import TableEncoder
from glasshouse.datamodules.base import InMemoryDataModule
from glasshouse.datamodules.loader import InMemoryLoader
from glasshouse.errors import UserError

__all__ = ["Coded", "InMemoryLoader", "RawTable", "SensitiveColumn", "SplitOption", "TabularDataModule"]


class TabularDataModule(InMemoryDataModule):
    """Base class of data plugins for tables: a subclass implements `load` and may set `name`.

    Numeric columns are standardised, categorical ones become one-hot blocks, the last columns
    of `x` (`glasshouse.data.table_encoder`); both are fitted on the training split only. Missing categories are a
    separate level.

    Args:
        batch_size: rows per batch.
        fractions: shares of train, validate and test. If the data have a predefined split without validation rows,
            these are drawn from train in the proportion of the first two.
        split_seed: seed of the split; separate from the training seed, so that runs with different seeds are
            evaluated on the same rows.
        missing: how to treat missing values of features: ``error`` refuses missing numbers; ``impute`` fills in the
            training median and adds an indicator column; ``median`` fills in the training median alone; ``mode`` the
            most frequent training value, also of categories; ``drop`` omits rows with a missing feature or target.
            Or the same by column: ``{income: median, city: mode}``; other columns are then ``error``. A missing
            category is a level of its own except under ``mode`` and ``drop``; a missing target is an error except
            under ``drop``.
        seed: seed of the order of training batches; default: the seed of `seed_everything`.
        split: how to split the rows (`glasshouse.data.split_option.SplitOption`); its column is a feature only if
            `load` declares it as one.
    """

    def __init__(
        self,
        batch_size: int = 256,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        split_seed: int = 0,
        missing: Missing = "error",
        seed: int | None = None,
        split: SplitOption = None,
    ) -> None:
        super().__init__(batch_size=batch_size, fractions=fractions, split_seed=split_seed, seed=seed, split=split)
        self._missing = MissingPlan.read(missing, who=self.who)
        self.missing = missing
        self._row_weights: dict[str, NDArray[np.float64] | None] = {}
        self._row_clusters: dict[str, NDArray[np.int64] | None] = {}

    @abstractmethod
    def load(self) -> RawTable:
        """The table, all splits together."""

    def setup(self, stage: str | None = None) -> None:
        """Load, split and encode; further calls do nothing."""
        if self._rows:
            return
        table = self.load()
        features = self._features(table)
        roles = {
            **dict.fromkeys(features, "feature"),
            **{s.column: f"sensitive attribute '{s.name}'" for s in table.sensitive},
            table.target: "target",
            **({} if table.weights is None else {table.weights: "weights"}),
            **({} if table.clusters is None else {table.clusters: "clusters"}),
        }
        columns = {name: table.column(name, role=role, who=self.who) for name, role in roles.items()}
        given = None if table.split is None else np.asarray(table.split)
        by = None if self.split_plan.column is None else table.raw(self.split_plan.column, role="split", who=self.who)
        self._check_lengths(columns, given, by)
        categorical = [name for name in features if isinstance(columns[name], Coded)]
        self._missing.check_columns((*features, table.target), categorical, who=self.who)
        kept = self._complete_rows(columns, features, table.target)
        if kept is not None:
            columns = {name: column[kept] for name, column in columns.items()}
            given = None if given is None else given[kept]
            by = None if by is None else by[kept] if isinstance(by, (np.ndarray, Coded)) else by.take(kept)

        def labels(name: str) -> Coded:
            found = table.labels(name, who=self.who)
            return found if kept is None else found[kept]

        labelled = Labelled.read(
            table, columns, self.split_plan, given=given, by=by, seen=features, labels=labels, who=self.who
        )
        rows, target = labelled.rows, labelled.target
        weights = None if table.weights is None else self._weights(table.weights, columns[table.weights])
        clusters = None if table.clusters is None else self._clusters(table.clusters, labels(table.clusters))
        for split, chosen in rows.items():
            self._row_weights[split] = None if weights is None else weights[chosen]
            self._row_clusters[split] = None if clusters is None else clusters[chosen]
        encoder = TableEncoder.fit(columns, features, rows["train"], who=self.who, missing=self._missing)
        encoded = {
            split: labelled.batch(split, torch.from_numpy(encoder.encode(columns, chosen)))
            for split, chosen in rows.items()
        }
        info = DataInfo(
            name=self._name,
            modality="tabular",
            target=target,
            input_shape=(encoder.width,),
            features=encoder.features(table.immutable),
            sensitive=labelled.sensitive,
            sizes={
                "in_features": encoder.width,
                "input_shape": [encoder.width],
                "num_classes": target.num_outputs,
                "out_features": target.num_outputs,
                "cardinalities": encoder.cardinalities,
            },
            rows=labelled.counts(),
            source=table.source,
            licence=table.licence,
            synthetic=table.synthetic,
            notes=(*table.notes, *self._large_integers(table, features)),
        )
        self.notes = (*self.notes, *info.notes)
        # a column cannot have the empty name, so it marks the split
        self._keep(encoded, info, fingerprint({**columns, "": labelled.parts()}))

    def row_weights(self, split: str) -> NDArray[np.float64] | None:
        """(n,) weight of each row of a split in audits; None: every row counts once."""
        self._split(split)
        return self._row_weights[split]

    def row_clusters(self, split: str) -> NDArray[np.int64] | None:
        """(n,) cluster code of each row of a split; None: rows are independent."""
        self._split(split)
        return self._row_clusters[split]

    def _weights(self, name: str, column: Column) -> NDArray[np.float64]:
        if isinstance(column, Coded) or not np.all(np.isfinite(column)) or (column < 0).any():
            raise UserError(self.who, f"the weights '{name}' are not numbers of 0 or more in every row.")
        return column

    def _clusters(self, name: str, column: Coded) -> NDArray[np.int64]:
        codes = column.codes.astype(np.int64)
        absent = int((codes < 0).sum())
        if absent:
            raise UserError(
                self.who,
                f"the cluster '{name}' is missing in {absent:,} of {len(codes):,} rows.",
                "Give each of them a value of its own, or leave them out.",
            )
        return codes

    @staticmethod
    def _large_integers(table: RawTable, features: Sequence[str]) -> list[str]:
        return [
            f"Column '{name}' has integers beyond 2^53 and is read as categories, because as numbers some are equal."
            for name in features
            if has_large_integers(table.columns[name])
        ]

    def _features(self, table: RawTable) -> tuple[str, ...]:
        hidden = (table.target, table.weights, table.clusters, self.split_plan.column)
        features = tuple(n for n in table.columns if n not in hidden) if table.features is None else table.features
        if not features:
            raise UserError(self.who, "there is no feature column.")
        if table.target in features:
            raise UserError(self.who, f"the target '{table.target}' is among the features.", "Leave it out of them.")
        return features

    def _check_lengths(self, columns: Mapping[str, Column], given: NDArray[Any] | None, by: Any) -> None:
        lengths = {name: len(column) for name, column in columns.items()}
        for name, values in (("split", given), (str(self.split_plan.column), by)):
            if values is not None:
                lengths[name] = len(values)
        if len(set(lengths.values())) > 1:
            raise UserError(self.who, f"columns differ in length: {lengths}.")
        if not all(lengths.values()):
            raise UserError(self.who, "the table has no rows.")

    def _complete_rows(
        self, columns: Mapping[str, Column], features: Sequence[str], target: str
    ) -> NDArray[np.int64] | None:
        """Positions of the rows to keep under `missing`; None: all.

        Raises:
            UserError: for infinite numbers, and for missing ones that `missing` does not allow.
        """
        incomplete = np.zeros(len(columns[target]), dtype=bool)
        for name in (*features, target):
            column = columns[name]
            if isinstance(column, Coded):
                absent = column.codes < 0
            else:
                absent = np.isnan(column)
                self._refuse_infinite(name, column)
            if not absent.any():
                continue
            count = f"{int(absent.sum()):,} of {len(absent):,} rows"
            treatment = self._missing.treatment(name)
            if treatment == "drop":
                incomplete |= absent
            elif name == target:
                raise UserError(
                    self.who, f"the target '{name}' is missing in {count}.", "Set `missing: drop` to leave them out."
                )
            elif treatment == "error" and not isinstance(column, Coded):
                raise UserError(
                    self.who,
                    f"column '{name}' is missing (NaN) in {count}.",
                    "Set `missing: impute` (training median and indicator), `median`, `mode` or `drop` (omits rows).",
                )
        return np.flatnonzero(~incomplete) if incomplete.any() else None

    def _refuse_infinite(self, name: str, column: NDArray[np.float64]) -> None:
        infinite = int(np.isinf(column).sum())
        if infinite:
            raise UserError(
                self.who,
                f"column '{name}' is infinite in {infinite:,} of {len(column):,} rows.",
                "Correct the values in the source, or leave the column out.",
            )
