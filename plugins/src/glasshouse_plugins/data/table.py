"""Any CSV, Parquet or Arrow file, or the result of an SQL query, with a target column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
from glasshouse import RawTable, SensitiveColumn, TabularDataModule, UserError, did_you_mean
from glasshouse.data import MissingPlan, SplitOption, level_name

from glasshouse_plugins.data.column_facts import facts_of
from glasshouse_plugins.data.date_columns import columns_of_date, read_dates
from glasshouse_plugins.data.sql_tables import SqlTable
from glasshouse_plugins.data.table_faults import faults_of_kind, faults_of_values, notes_of
from glasshouse_plugins.data.tables import TYPES, TableFile


class Table(TabularDataModule):
    """A CSV (with a header), Parquet or Arrow file, or an SQL query, with one row per example and a target column.

    Columns of numbers are numeric features, columns of text or true/false categorical ones; `types` overrides that.
    Codes with leading zeros (``01234``) and integers beyond 2^53 are categories, because as numbers different ones
    would be equal, and the report says so. Classes, groups and clusters of a CSV file are named as it writes them.

    In CSV files an empty cell, ``NA``, ``NaN``, ``null``, ``None``, ``n/a`` and ``?`` are missing values. A missing
    category is a separate level; a missing number is an error unless `missing` is set.

    Args:
        path: the file; its name ends in .csv, .tsv, .txt (also .gz), .parquet, .pq, .arrow or .feather. Or, with
            `query`, the URL of a database for SQLAlchemy (``sqlite:///people.db``); environment variables such as
            ``$PASSWORD`` in it are expanded.
        target: the column to predict.
        features: columns used as model inputs; default: all but the target and the split column.
        drop: columns not used as model inputs, e.g. ids; they may still be sensitive attributes.
        sensitive: columns with sensitive attributes, whose groups the fairness audits compare.
        bins: bin edges that turn a numeric sensitive column into groups, e.g. ``{age: [30, 50]}``.
        types: ``numeric`` or ``categorical`` by column, to override the inferred type, e.g. ``{zip: categorical}``.
        task: ``binary``, ``multiclass`` or ``regression``; default: classification for text and for at most ten
            distinct whole numbers, else regression.
        favourable: the class that is the better outcome for the person; fairness audits compare its rates.
        immutable: columns that a person cannot change, e.g. age.
        weights: column with row weights for audits; not a feature unless listed in `features`.
        clusters: column with ids of dependent rows, such as a household or a patient, which audits do not treat as
            independent; not a feature unless listed in `features`.
        split: a column with ``train``, ``validate`` and ``test``; or how to split, e.g. ``{by: time, column: day}``: by
            ``stratified`` (the default), ``random``, ``group`` or ``time``, with ``folds: 5, fold: 0`` to test on one
            of five folds. The column is not a feature unless listed in `features`.
        fractions: fractions of rows in the train, validate and test splits.
        missing: what to do with missing values: ``error`` refuses missing numbers, ``impute`` fills in the training
            median and adds an indicator, ``median`` the training median alone, ``mode`` the most frequent training
            value, also of categories; ``drop`` omits rows with a missing feature or target. Or one by column:
            ``{income: median, city: mode}``.
        dates: columns with dates as features: ``days`` since 1970-01-01, or their ``parts`` (year, month, weekday and,
            of times, hour): ``{signup: days}``.
        date_formats: the format of dates that are text, as for ``strptime``: ``{signup: "%d.%m.%Y"}``.
        delimiter: column separator of a CSV file; default: the one of comma, semicolon, tab and bar in its header.
        query: SQL query of the database in `path`, one SELECT.
        batch_size: rows per batch.
        split_seed: seed of the random split.
        seed: seed of the order of training batches; default: that of `seed_everything`.
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
        favourable: str | int | bool | None = None,
        immutable: Sequence[str] = (),
        weights: str | None = None,
        clusters: str | None = None,
        split: SplitOption = None,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        missing: Literal["error", "impute", "median", "mode", "drop"]
        | Mapping[str, Literal["error", "impute", "median", "mode", "drop"]] = "error",
        dates: Mapping[str, Literal["days", "parts"]] | None = None,
        date_formats: Mapping[str, str] | None = None,
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
        self.dates = dict(dates or {})
        self.date_formats = dict(date_formats or {})
        self.delimiter = delimiter
        self.query = query
        if ("://" in path) != (query is not None):
            raise UserError(
                self.who, "`query` requires the URL of a database in `path`, and vice versa.", "Set both, or a file."
            )
        for column in self.bins:
            if column not in sensitive:
                raise UserError(
                    self.who, f"`bins` names '{column}', which is not in `sensitive`.", did_you_mean(column, sensitive)
                )
        for column in self.date_formats:
            if column not in self.dates:
                problem = f"`date_formats` names '{column}', which is not in `dates`."
                raise UserError(self.who, problem, did_you_mean(column, self.dates))
        for column, kind in self.types.items():
            if kind not in TYPES:
                raise UserError(self.who, f"type of column '{column}' is {kind!r}; expected one of {', '.join(TYPES)}.")

    def load(self) -> RawTable:
        """The columns in use."""
        file = self._open()
        features = self._chosen_features(file)
        extra = [name for name in (self.split_plan.column, self.weights, self.clusters) if name is not None]
        needed = list(dict.fromkeys((*features, self.target, *self.sensitive, *extra)))
        read = file.read_columns(needed, {**self.types, **dict.fromkeys(self.date_formats, "categorical")})
        columns = {name: read.table[name] for name in needed}
        read_features = [name for name in features if name not in self.dates]
        features, immutable = self._with_dates(columns, features)
        self._check(columns, features, read_features)
        return RawTable(
            columns=columns,
            target=self.target,
            task=self.task,
            favourable=level_name(self.favourable),
            features=features,
            immutable=immutable,
            sensitive=tuple(SensitiveColumn.binned(name, self.bins) for name in self.sensitive),
            weights=self.weights,
            clusters=self.clusters,
            as_written=read.written(needed),
            source=file.source,
            notes=tuple(
                f"Column '{name}' has {reason} and is read as categories. For numbers: `types: {{{name}: numeric}}`."
                for name, reason in read.codes.items()
                if name in features
            ),
        )

    def _with_dates(
        self, columns: dict[str, pa.ChunkedArray], features: Sequence[str]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Add the features of dates to `columns`; returns the features and the immutable columns with them."""
        made: dict[str, tuple[str, ...]] = {}
        for name, option in self.dates.items():
            if name not in features:
                raise UserError(self.who, f"`dates` names '{name}', which is no feature.", did_you_mean(name, features))
            values = read_dates(name, columns[name], self.date_formats.get(name), who=self.who)
            new = columns_of_date(name, values, option)
            taken = [each for each in new if each in columns]
            if taken:
                raise UserError(self.who, f"`dates` makes a column '{taken[0]}', which exists.", "Rename that column.")
            columns.update(new)
            made[name] = tuple(new)

        def replaced(names: Iterable[str]) -> tuple[str, ...]:
            return tuple(each for name in names for each in made.get(name, (name,)))

        return replaced(features), replaced(self.immutable)

    def _check(
        self, columns: Mapping[str, pa.ChunkedArray], features: Sequence[str], read_features: Sequence[str]
    ) -> None:
        """Refuse everything in the table that needs a decision, at once, and note what the user should know.

        Args:
            columns: all columns in use.
            features: the columns that the model receives.
            read_features: those of them that are columns of the file.

        Raises:
            UserError: with all faults.
        """
        facts = [facts_of(name, columns[name]) for name in dict.fromkeys((*features, self.target))]
        if facts[0].rows == 0:
            return
        plan = MissingPlan.read(self.missing, who=self.who)
        of_kind = faults_of_kind(facts, read_features, listed=self.features is not None)
        faults = [*of_kind, *faults_of_values(facts, features, target=self.target, plan=plan)]
        if len(faults) == 1 and of_kind:
            [fault] = faults
            raise UserError(self.who, f"column '{fault.place}' {fault.problem}.", f"Set {fault.remedy}.")
        if len(faults) > 1:
            raise UserError(self.who, f"{len(faults)} columns cannot be used as they are:", faults=faults)
        self.notes = tuple(notes_of(facts, columns, target=self.target, features=features, sensitive=self.sensitive))

    def _open(self) -> TableFile | SqlTable:
        if self.query is not None:
            return SqlTable(self.path, self.query, who=self.who)
        return TableFile(path=Path(self.path).expanduser(), who=self.who, delimiter=self.delimiter)

    def _chosen_features(self, file: TableFile | SqlTable) -> tuple[str, ...]:
        """Feature columns, after checking that all columns named in options exist."""
        names = file.names()
        used: Iterable[tuple[str, str]] = (
            ("target", self.target),
            *(("features", name) for name in self.features or ()),
            *(("drop", name) for name in self.drop),
            *(("sensitive", name) for name in self.sensitive),
            *(("types", name) for name in self.types),
            *(("immutable", name) for name in self.immutable),
            *(
                (option, name)
                for option, name in (
                    ("split", self.split_plan.column),
                    ("weights", self.weights),
                    ("clusters", self.clusters),
                )
                if name is not None
            ),
        )
        file.require(used, names)
        candidates = names if self.features is None else self.features
        others = {self.target, self.weights, self.clusters, self.split_plan.column} if self.features is None else set()
        return tuple(name for name in candidates if name not in {*self.drop, *others})
