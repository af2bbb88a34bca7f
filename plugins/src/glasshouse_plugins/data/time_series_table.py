"""Sliding windows over time series in a table with one row per entity and time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import torch
from glasshouse import DataInfo, RawTable, SensitiveColumn, UserError, did_you_mean
from glasshouse.data import (
    SPLITS,
    Coded,
    Labelled,
    SplitOption,
    SplitPlan,
    as_column,
    fingerprint,
    group_codes,
    level_name,
    time_codes,
)
from glasshouse.datamodules import CompactDataModule
from numpy.typing import NDArray
from torch import Tensor

from glasshouse_plugins.data.tables import TableColumns, TableFile
from glasshouse_plugins.data.windows import forward_fill, standardise, window_starts


class TimeSeriesTable(CompactDataModule):
    """Sliding windows over a CSV, Parquet or Arrow file in which each row is one entity at one time.

    Inputs are (n, length, features) float32: `length` consecutive rows of one entity, with each feature standardised by
    the training rows. Equal time steps are not checked. The target is that of the row `ahead` rows after the window's
    last row.

    Rows are split before windows are built, by time (the default: earliest rows train, latest rows test) or by entity
    (``{by: group, column: ENTITY}``). All rows of a window, including its target row, are in one split; windows that
    cross a boundary are left out. Windows overlap, so they cannot be split at random. Rows are stored once, and windows
    are built per batch.

    Args:
        path: the file; its name ends in .csv, .tsv, .txt (also .gz), .parquet, .pq, .arrow or .feather.
        entity: column with the id of each row's series; default: the file is one series.
        time: column with times: numbers, or ISO 8601 dates.
        target: the column to predict.
        length: rows per window, at least 1.
        features: numeric columns used as model inputs; default: all numeric columns except entity, time, the split
            column, sensitive attributes and, with `ahead` 0, the target.
        ahead: number of rows between the window's last row and the target row, at least 0; 0: the last row itself.
        stride: rows from the start of one window to the next, at least 1.
        sensitive: columns with sensitive attributes, read from the target row; fairness audits compare their groups.
        bins: bin edges that turn a numeric sensitive column into groups, e.g. ``{age: [30, 50]}``.
        task: ``binary``, ``multiclass`` or ``regression``; default: classification for text and for at most ten
            distinct whole numbers, else regression.
        favourable: the class that is the better outcome for the person; fairness audits compare its rates.
        missing: what to do with missing feature values: ``error``, or ``forward``: use the entity's last known value,
            or the training mean if there is none.
        split: how to split rows: ``{by: time, column: TIME}``, ``{by: group, column: ..., folds: 5, fold: 0}``, or a
            column with ``train``, ``validate`` and ``test``; default: by time.
        fractions: fractions of rows in the train, validate and test splits.
        batch_size: windows per batch.
        split_seed: seed of a random split by group.
        seed: seed of the order of training batches; default: that of `seed_everything`.
    """

    name = "time_series_table"

    def __init__(
        self,
        path: str,
        time: str,
        target: str,
        entity: str | None = None,
        length: int = 24,
        features: Sequence[str] | None = None,
        ahead: int = 1,
        stride: int = 1,
        sensitive: Sequence[str] = (),
        bins: Mapping[str, Sequence[float]] | None = None,
        task: Literal["binary", "multiclass", "regression"] | None = None,
        favourable: str | int | bool | None = None,
        missing: Literal["error", "forward"] = "error",
        split: SplitOption = None,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        batch_size: int = 64,
        split_seed: int = 0,
        seed: int | None = None,
    ) -> None:
        super().__init__(batch_size=batch_size, fractions=fractions, split_seed=split_seed, seed=seed, split=split)
        for option, value, least in (("length", length, 1), ("ahead", ahead, 0), ("stride", stride, 1)):
            if value < least:
                raise UserError(self.who, f"{option} is {value}; expected at least {least}.")
        if missing not in ("error", "forward"):
            raise UserError(self.who, f"missing is {missing!r}; expected error or forward.")
        if split is None:
            by_time = {"by": "time", "column": time}
            self.split_plan = SplitPlan.read(by_time, fractions, seed=split_seed, who=self.who)
        if self.split_plan.by not in ("time", "group", "given"):
            raise UserError(
                self.who,
                f"`split` is by {self.split_plan.by}; windows overlap, so rows would leak between splits.",
                "Split by time or group, or give a column with the splits.",
            )
        self.bins = dict(bins or {})
        for column in self.bins:
            if column not in sensitive:
                raise UserError(
                    self.who, f"`bins` names '{column}', which is not in `sensitive`.", did_you_mean(column, sensitive)
                )
        self.path = path
        self.entity = entity
        self.time = time
        self.target = target
        self.length = length
        self.features = features
        self.ahead = ahead
        self.stride = stride
        self.sensitive = sensitive
        self.task = task
        self.favourable = favourable
        self.missing = missing

    def setup(self, stage: str | None = None) -> None:
        """Read, sort and split the rows, and find the windows; does nothing when called again."""
        if self._rows:
            return
        read = self._sorted(self._read())
        table = read.table
        n = len(table)
        entity = self._entities(table)
        part = self._parts(table)
        values = self._values(table, entity, part == 0)
        starts = window_starts(entity, part, span=self.length + self.ahead, stride=self.stride)
        target_rows = starts + self.length - 1 + self.ahead
        labelled, digest = self._labelled(read.take(target_rows), part[starts])
        self._series = {torch.device("cpu"): torch.from_numpy(values)}
        rows = {s: labelled.batch(s, torch.from_numpy(starts[labelled.rows[s]].astype(np.int64))) for s in SPLITS}
        shape, outputs = (self.length, values.shape[1]), labelled.target.num_outputs
        info = DataInfo(
            name=self._name,
            modality="sequence",
            target=labelled.target,
            input_shape=shape,
            sensitive=labelled.sensitive,
            sizes={
                "in_features": shape[1],
                "sequence_length": shape[0],
                "input_shape": list(shape),
                "num_classes": outputs,
                "out_features": outputs,
            },
            rows=labelled.counts(),
            source=f"{Path(self.path).name}; {len(starts):,} windows of {n:,} rows",
        )
        whole = hashlib.sha256(digest.encode())
        whole.update(values.data)
        whole.update(starts.data)
        self._keep(rows, info, whole.hexdigest())

    def encode(self, x: Tensor) -> Tensor:
        """Windows (m, length, features) from the indices of their first rows (m,), on the device of the indices."""
        if x.device not in self._series:
            self._series[x.device] = self._series[torch.device("cpu")].to(x.device)
        steps = torch.arange(self.length, device=x.device)
        return self._series[x.device][x[:, None] + steps]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in the order of the inputs; available after `setup`."""
        self._require_setup()
        return self._names

    def _read(self) -> TableColumns:
        file = TableFile(path=Path(self.path).expanduser(), who=self.who)
        names = file.names()
        column = self.split_plan.column
        used = [("time", self.time), ("target", self.target), *(("features", f) for f in self.features or ())]
        used += [("sensitive", name) for name in self.sensitive]
        used += [(option, name) for option, name in (("entity", self.entity), ("split", column)) if name is not None]
        file.require(used, names)
        read = file.read_columns(list(dict.fromkeys(name for _, name in used)) if self.features is not None else names)
        table = read.table
        if not len(table):
            raise UserError(self.who, f"{file.path} has no rows.")
        if self.features is None:
            others = {self.entity, self.time, column, *self.sensitive, *([self.target] if self.ahead == 0 else [])}
            self._names = tuple(name for name in names if name not in others and _is_number(table[name].type))
        else:
            self._names = tuple(self.features)
        if not self._names:
            raise UserError(self.who, f"{file.path} has no numeric column for features.", "Set `features:`.")
        return read

    def _sorted(self, read: TableColumns) -> TableColumns:
        """The rows sorted by entity, then by time.

        Raises:
            UserError: if an entity has two rows with the same time.
        """
        table = read.table
        times = time_codes(table[self.time], self.time, who=self.who)
        entity = self._entities(table)
        order = np.lexsort((times, entity))
        repeated = (np.diff(times[order]) == 0) & (np.diff(entity[order]) == 0)
        if repeated.any():
            whose = f" of '{table[self.entity][int(order[np.argmax(repeated)])].as_py()}'" if self.entity else ""
            raise UserError(
                self.who,
                f"{int(repeated.sum()):,} rows{whose} have the same time as the row before.",
                "Set `entity:` to the column with the id of each series, or keep one row per time.",
            )
        return read.take(order)

    def _entities(self, table: pa.Table) -> NDArray[np.int64]:
        if self.entity is None:
            return np.zeros(len(table), dtype=np.int64)
        return group_codes(table[self.entity], self.entity, who=self.who)

    def _parts(self, table: pa.Table) -> NDArray[np.int64]:
        """(n,) split of each row, as its index in `SPLITS`."""
        by = None if self.split_plan.column is None else table[self.split_plan.column]
        rows = self.split_plan.rows(strata=np.zeros(len(table), dtype=np.int64), values=by, who=self.who)
        part = np.empty(len(table), dtype=np.int64)
        for code, split in enumerate(SPLITS):
            part[rows[split]] = code
        return part

    def _values(self, table: pa.Table, entity: NDArray[np.int64], train: NDArray[np.bool_]) -> NDArray[np.float32]:
        columns = []
        for name in self._names:
            column = as_column(table[name], name, who=self.who)
            if isinstance(column, Coded):
                raise UserError(self.who, f"column '{name}' has text; expected numbers.", "Remove it from `features:`.")
            absent = int((~np.isfinite(column)).sum())
            if absent and self.missing == "error":
                raise UserError(
                    self.who,
                    f"column '{name}' is missing or infinite in {absent:,} of {len(column):,} rows.",
                    "Set `missing: forward` to use the last known value, or leave the column out.",
                )
            columns.append(forward_fill(column, entity) if absent else column)
        return standardise(np.stack(columns, axis=1), train)

    def _labelled(self, read: TableColumns, part: NDArray[np.int64]) -> tuple[Labelled, str]:
        counts = np.bincount(part, minlength=len(SPLITS))
        if not counts.all():
            listed = ", ".join(f"{split} {count}" for split, count in zip(SPLITS, counts, strict=True))
            raise UserError(
                self.who,
                f"split '{SPLITS[int(np.argmin(counts))]}' has no window of {self.length} rows (windows: {listed}).",
                "Set a smaller `length` or `ahead`, or other `fractions`.",
            )
        names = tuple(dict.fromkeys((self.target, *self.sensitive)))
        columns = {name: read.table[name] for name in names}
        table = RawTable(
            columns=columns,
            as_written=read.written(names),
            target=self.target,
            task=self.task,
            favourable=level_name(self.favourable),
            sensitive=tuple(SensitiveColumn.binned(name, self.bins) for name in self.sensitive),
            split=np.asarray(SPLITS)[part],
        )
        given = SplitPlan.read({"by": "given"}, self.fractions, seed=self.split_seed, who=self.who)
        labelled, _ = Labelled.for_inputs(table, len(part), given, who=self.who)
        coded = {name: as_column(values, name, who=self.who) for name, values in columns.items()}
        return labelled, fingerprint({**coded, "": labelled.parts()})


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
