"""Any CSV, Parquet or Arrow file, or the answer of a database, with a target column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from glasshouse import RawTable, SensitiveColumn, TabularDataModule, UserError, did_you_mean
from glasshouse.data import SplitOption

from glasshouse_plugins.data.sql_tables import SqlTable
from glasshouse_plugins.data.tables import TYPES, TableFile


class Table(TabularDataModule):
    """A CSV file (with a header), a Parquet or an Arrow file, or a query: one row an example, one column the target.

    Numbers are numeric features, text and true/false categorical ones; `types` overrides that. In CSV files an empty
    cell, ``NA``, ``NaN``, ``null``, ``n/a`` and ``?`` are missing. A missing category is a level of its own, a missing
    number an error unless `missing` says otherwise.

    Args:
        path: the file; its name ends in .csv, .tsv, .txt (also .gz), .parquet, .pq, .arrow or .feather. Or the URL of
            a database, as SQLAlchemy has it (``sqlite:///people.db``), in which ``$NAME`` is an environment variable.
        target: the column to predict.
        features: columns the model sees; default: all but the target and the split column.
        drop: columns the model does not see, e.g. identifiers; they may still be sensitive attributes.
        sensitive: columns by whose values people must not be treated worse.
        bins: edges that turn a numeric sensitive column into groups, e.g. ``{age: [30, 50]}``.
        types: ``numeric`` or ``categorical`` by column, where the guess is wrong, e.g. ``{zip: categorical}``.
        task: ``binary``, ``multiclass`` or ``regression``; default: classes for text and up to ten distinct whole
            numbers, else regression.
        favourable: the class that is good for the person concerned.
        immutable: columns that nobody can change about themselves.
        weights: a column with what each row counts for in audits; no feature unless it is named as one.
        clusters: a column that names what rows belong together, such as a household or a patient, so that audits do
            not take them for independent; no feature unless it is named as one.
        split: a column that says ``train``, ``validate`` or ``test``; or how to split, as ``{by: time, column: day}``:
            by ``stratified`` (the default), ``random``, ``group`` or ``time``, with ``folds: 5, fold: 0`` to hold out
            one of five folds. The column is no feature unless it is named as one.
        fractions: shares of train, validate and test.
        missing: ``error``, ``impute`` (training median and a marker column) or ``drop`` (rows where a feature or the
            target is missing).
        delimiter: between the cells of a CSV file; default: a tab for .tsv, else a comma.
        query: what a database is asked: one SELECT.
        batch_size: rows per batch.
        split_seed: where the split comes from.
        seed: order of training batches; default: the seed of `seed_everything`.
    """

    name = "table"

    def __init__(
        self,
        path: str,
        target: str,
        features: Sequence[str] | None = None,
        drop: Sequence[str] = (),
        sensitive: Sequence[str] = (),
        bins: Mapping[str, Sequence[float]] | None = None,
        types: Mapping[str, Literal["numeric", "categorical"]] | None = None,
        task: Literal["binary", "multiclass", "regression"] | None = None,
        favourable: str | None = None,
        immutable: Sequence[str] = (),
        weights: str | None = None,
        clusters: str | None = None,
        split: SplitOption = None,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        missing: Literal["error", "impute", "drop"] = "error",
        delimiter: str | None = None,
        query: str | None = None,
        batch_size: int = 256,
        split_seed: int = 0,
        seed: int | None = None,
    ) -> None:
        super().__init__(
            batch_size=batch_size, fractions=fractions, split_seed=split_seed, missing=missing, seed=seed, split=split
        )
        self.path = path
        self.target = target
        self.features = features
        self.drop = drop
        self.sensitive = sensitive
        self.bins = dict(bins or {})
        self.types = dict(types or {})
        self.task = task
        self.favourable = favourable
        self.immutable = immutable
        self.weights = weights
        self.clusters = clusters
        self.delimiter = delimiter
        self.query = query
        if ("://" in path) != (query is not None):
            raise UserError(
                self.who, "`path` of a database and `query` go together.", "Give both, or a file's path alone."
            )
        for column in self.bins:
            if column not in sensitive:
                raise UserError(
                    self.who, f"`bins` names '{column}', which is not in `sensitive`.", did_you_mean(column, sensitive)
                )
        for column, kind in self.types.items():
            if kind not in TYPES:
                raise UserError(self.who, f"type of column '{column}' is {kind!r}; expected one of {', '.join(TYPES)}.")

    def load(self) -> RawTable:
        """The columns in use."""
        file = self._opened()
        features = self._chosen_features(file)
        extra = [name for name in (self.split_plan.column, self.weights, self.clusters) if name is not None]
        needed = list(dict.fromkeys((*features, self.target, *self.sensitive, *extra)))
        table = file.read(needed, self.types)
        return RawTable(
            columns={name: table[name] for name in needed},
            target=self.target,
            task=self.task,
            favourable=self.favourable,
            features=features,
            immutable=tuple(self.immutable),
            sensitive=tuple(
                SensitiveColumn(name=name, column=name, edges=tuple(self.bins.get(name, ()))) for name in self.sensitive
            ),
            weights=self.weights,
            clusters=self.clusters,
            source=file.source,
        )

    def _opened(self) -> TableFile | SqlTable:
        if self.query is not None:
            return SqlTable(self.path, self.query, who=self.who)
        return TableFile(path=Path(self.path).expanduser(), who=self.who, delimiter=self.delimiter)

    def _chosen_features(self, file: TableFile | SqlTable) -> tuple[str, ...]:
        """Feature columns, after checking that every column the user names exists."""
        names = file.names()
        asked: Iterable[tuple[str, str]] = (
            ("target", self.target),
            *(("features", name) for name in self.features or ()),
            *(("drop", name) for name in self.drop),
            *(("sensitive", name) for name in self.sensitive),
            *(("types", name) for name in self.types),
            *(("immutable", name) for name in self.immutable),
            *(
                (role, name)
                for role, name in (
                    ("split", self.split_plan.column),
                    ("weights", self.weights),
                    ("clusters", self.clusters),
                )
                if name is not None
            ),
        )
        file.require(asked, names)
        candidates = names if self.features is None else self.features
        beside = {self.target, self.weights, self.clusters, self.split_plan.column} if self.features is None else set()
        return tuple(name for name in candidates if name not in {*self.drop, *beside})
