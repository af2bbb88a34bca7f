"""The American Community Survey with the folktables tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from glasshouse import RawTable, SensitiveColumn, TabularDataModule, UserError, did_you_mean
from glasshouse.data import Coded, SplitOption
from numpy.typing import NDArray

from glasshouse_plugins.data.acs_tasks import IMMUTABLE, LATER_NAMES, NUMERIC, RACES, SEXES, TASKS, Bounds
from glasshouse_plugins.data.published_files import data_folder
from glasshouse_plugins.data.tables import TableFile

TaskName = Literal["income", "employment", "public_coverage", "mobility", "travel_time"]
_ENDINGS = (".csv", ".csv.gz", ".parquet", ".pq")
_WEIGHT = "PWGTP"


class ACS(TabularDataModule):
    """American Community Survey with the folktables tasks on income, employment, insurance, mobility and travel time.

    Features, filters and targets are those of folktables' ACSIncome (favourable: above 50,000 dollars), ACSEmployment
    (employed), ACSPublicCoverage (covered), ACSMobility (no favourable class) and ACSTravelTime (at most 20 minutes).
    Sensitive attributes are race (`RAC1P`), sex and age. Reads the person files of the Census Bureau, as downloaded by
    folktables (``psam_p06.csv``), or such tables as CSV or Parquet; only the columns in use are read. The columns
    `RELP` and `JWTR`, called `RELSHIPP` and `JWTRNS` from 2019 on, are accepted under both names.

    Two things differ from folktables, which sets missing values to 0 and treats all codes as numbers: missing numbers
    are set to the training median, with a missing indicator, and codes of occupations, places and the like become
    one-hot blocks. Use one state at a time to limit memory: the people of 2018 have some 500 occupations.

    Args:
        path: a file, or a folder that is searched recursively; default: ``$GLASSHOUSE_DATA/acs`` where that
            variable is set, else ``../shared/data/acs``.
        task: ``income``, ``employment``, ``public_coverage``, ``mobility`` or ``travel_time``.
        features: columns used as model inputs; default: those of the task.
        weighted: use the survey weights (`PWGTP`) as row weights in audits.
        batch_size: rows per batch.
        fractions: fractions of rows in the train, validate and test splits.
        split_seed: seed of the random split.
        seed: seed of the order of training batches; default: that of `seed_everything`.
        split: another split, e.g. ``{by: stratified | random | group | time, column: ..., folds: 5, fold: 0}``; a
            `column` is any of the files', e.g. ``{by: group, column: SERIALNO}`` for households.
    """

    name = "acs"

    def __init__(
        self,
        path: str | None = None,
        task: TaskName = "income",
        features: Sequence[str] | None = None,
        weighted: bool = False,
        batch_size: int = 512,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        split_seed: int = 0,
        seed: int | None = None,
        split: SplitOption = None,
    ) -> None:
        super().__init__(
            batch_size=batch_size, fractions=fractions, split_seed=split_seed, missing="impute", seed=seed, split=split
        )
        if task not in TASKS:
            raise UserError(self.who, f"task is {task!r}; expected one of {', '.join(get_args(TaskName))}.")
        self.path = path
        self.task = task
        self.features = features
        self.weighted = weighted

    def load(self) -> RawTable:
        """The rows and columns of the task."""
        task = TASKS[self.task]
        features = task.features if self.features is None else tuple(self.features)
        table = self._read([*features, task.target])
        for bounds in task.filters:
            table = table.filter(_in_bounds(table, bounds))
        if not len(table):
            raise UserError(self.who, f"no row of {self._root()} passes the filters of task '{self.task}'.")
        label = _in_bounds(table, task.positive).fill_null(False).to_numpy(zero_copy_only=False)
        columns = {name: _column(table, name) for name in table.column_names}
        columns[task.label] = Coded(label.astype(np.int32), ("no", "yes"))
        columns["race"] = _decode(table["RAC1P"], RACES)
        columns["sex"] = _decode(table["SEX"], SEXES)
        always = ("RAC1P", "SEX", "AGEP")
        renamed = {"RAC1P": "race", "SEX": "sex"}
        return RawTable(
            columns=columns,
            target=task.label,
            task="binary",
            classes=("no", "yes"),
            favourable=task.favourable,
            features=tuple(renamed.get(name, name) for name in features),
            immutable=tuple(renamed.get(name, name) for name in IMMUTABLE if name in (*features, *always)),
            sensitive=(
                SensitiveColumn(name="race", column="race"),
                SensitiveColumn(name="sex", column="sex"),
                SensitiveColumn(name="age_group", column="AGEP", edges=(25, 45, 65)),
            ),
            weights=_WEIGHT if self.weighted else None,
            source=f"US Census Bureau, American Community Survey, PUMS person files ({self._root().name}); task "
            f"'{self.task}' after Ding, Hardt, Miller and Schmidt (2021), Retiring Adult, NeurIPS",
            licence="terms of the US Census Bureau",
        )

    def _root(self) -> Path:
        return data_folder(self.path, "acs")

    def _files(self) -> list[Path]:
        root = self._root()
        if root.is_file():
            return [root]
        found = sorted(path for path in root.rglob("*") if path.name.endswith(_ENDINGS)) if root.is_dir() else []
        # folktables downloads household files and the codebook into the same folder
        people = [path for path in found if not path.name.startswith(("psam_h", "definition"))]
        if not people:
            raise UserError(
                self.who,
                f"there is no CSV or Parquet file in {root.absolute()}.",
                "Unpack csv_pca.zip (or another state) of https://www2.census.gov/programs-surveys/acs/data/pums/2018/"
                "1-Year/ there, or set `path:` to a file or folder or GLASSHOUSE_DATA to the folder above `acs`.",
            )
        return people

    def _read(self, wanted: Sequence[str]) -> pa.Table:
        by = self.split_plan.column
        filtered = [column for column, _, _ in TASKS[self.task].filters]
        weight = [_WEIGHT] if self.weighted else []
        needed = list(dict.fromkeys((*wanted, *filtered, "AGEP", "RAC1P", "SEX", *weight, *([by] if by else []))))
        parts = []
        for path in self._files():
            file = TableFile(path=path, who=self.who)
            names = file.names()
            stored = {name: _stored_name(name, names) for name in needed}
            for name, stored_name in stored.items():
                if stored_name not in names:
                    raise UserError(self.who, f"{path} has no column '{name}'.", did_you_mean(name, names))
            table = file.read(
                list(stored.values()), {s: "categorical" for n, s in stored.items() if n == by not in wanted}
            )
            parts.append(table.select(list(stored.values())).rename_columns(needed))
        return pa.concat_tables(parts, promote_options="permissive")


def _stored_name(name: str, names: Sequence[str]) -> str:
    later = LATER_NAMES.get(name, name)
    return later if name not in names and later in names else name


def _in_bounds(table: pa.Table, bounds: Bounds) -> pa.ChunkedArray:
    """Whether each row's value is within the bounds; null if the value is missing."""
    name, low, high = bounds
    values = table[name].cast(pa.float64())
    inside = None
    for bound, compare in ((low, pc.greater_equal), (high, pc.less_equal)):
        if bound is not None:
            meets = compare(values, bound)
            inside = meets if inside is None else pc.and_(inside, meets)
    return inside


def _column(table: pa.Table, name: str) -> NDArray[np.float64] | Coded | pa.ChunkedArray:
    values = table[name]
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_null(values.type)):
        return values
    numbers: NDArray[np.float64] = values.cast(pa.float64()).to_numpy()
    return numbers if name in NUMERIC else _coded(numbers)


def _decode(values: pa.ChunkedArray, names: Mapping[int, str]) -> Coded:
    """A column of codes with their names from the survey's data dictionary; other codes are missing."""
    numbers = values.cast(pa.float64()).to_numpy()
    codes = np.full(len(numbers), -1, dtype=np.int32)
    for level, code in enumerate(names):
        codes[numbers == code] = level
    return Coded(codes, tuple(names.values()))


def _coded(numbers: NDArray[np.float64]) -> Coded:
    present = ~np.isnan(numbers)
    levels, inverse = np.unique(numbers[present], return_inverse=True)
    codes = np.full(len(numbers), -1, dtype=np.int32)
    codes[present] = inverse
    return Coded(codes, tuple(f"{level:.15g}" for level in levels))
