"""The American Community Survey, with the tasks of folktables."""

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
from glasshouse_plugins.data.folders import data_folder
from glasshouse_plugins.data.tables import TableFile

TaskName = Literal["income", "employment", "public_coverage", "mobility", "travel_time"]
_ENDINGS = (".csv", ".csv.gz", ".parquet", ".pq")
_WEIGHT = "PWGTP"


class ACS(TabularDataModule):
    """People in the American Community Survey: income, employment, public health insurance, moving, or way to work.

    Features, people and targets are those that folktables defines for ACSIncome (favourable: above 50,000 dollars),
    ACSEmployment (employed), ACSPublicCoverage (covered), ACSMobility (none is favourable) and ACSTravelTime (at most
    20 minutes). Sensitive are race (`RAC1P`), sex and age. Files are the person files of the Census Bureau, which
    folktables downloads (``psam_p06.csv``), or its tables written as CSV or Parquet; only the columns in use are read.
    From 2019 on `RELP` and `JWTR` are called `RELSHIPP` and `JWTRNS`: either is taken.

    Two things differ from folktables, which sets what is missing to 0 and takes codes for numbers: a missing number is
    the training median, with a column that says so, and codes of occupations, places and the like become one-hot
    blocks. A state at a time keeps these within memory: all people of 2018 have some 500 occupations.

    Args:
        path: a file, or a folder of files, also in folders below it; default: ``$GLASSHOUSE_DATA/acs`` where that
            variable is set, else ``../shared/data/acs``.
        task: ``income``, ``employment``, ``public_coverage``, ``mobility`` or ``travel_time``.
        features: columns the model sees; default: those of the task.
        weighted: whether audits count a row as the people it stands for (`PWGTP`).
        batch_size: rows per batch.
        fractions: shares of train, validate and test.
        split_seed: where the split comes from.
        seed: order of training batches; default: the seed of `seed_everything`.
        split: to split otherwise, ``{by: stratified | random | group | time, column: ..., folds: 5, fold: 0}``; a
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
        """The people whom the task is about."""
        task = TASKS[self.task]
        features = task.features if self.features is None else tuple(self.features)
        table = self._read([*features, task.target])
        for bounds in task.people:
            table = table.filter(_within(table, bounds))
        if not len(table):
            raise UserError(
                self.who, f"none of the people in {self._root()} is one that the task '{self.task}' is about."
            )
        answer = _within(table, task.yes).fill_null(False).to_numpy(zero_copy_only=False)
        columns = {name: _column(table, name) for name in table.column_names}
        columns[task.asks] = Coded(answer.astype(np.int32), ("no", "yes"))
        columns["race"] = _named(table["RAC1P"], RACES)
        columns["sex"] = _named(table["SEX"], SEXES)
        kept = ("RAC1P", "SEX", "AGEP")
        named = {"RAC1P": "race", "SEX": "sex"}
        return RawTable(
            columns=columns,
            target=task.asks,
            task="binary",
            classes=("no", "yes"),
            favourable=task.favourable,
            features=tuple(named.get(name, name) for name in features),
            immutable=tuple(named.get(name, name) for name in IMMUTABLE if name in (*features, *kept)),
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
        # households lie beside people where both were downloaded, and the codebook beside both
        people = [path for path in found if not path.name.startswith(("psam_h", "definition"))]
        if not people:
            raise UserError(
                self.who,
                f"there is no CSV or Parquet file in {root.absolute()}.",
                "Unpack csv_pca.zip (or another state) of https://www2.census.gov/programs-surveys/acs/data/pums/2018/"
                "1-Year/ there, or name a file or folder with `path:` or the folder above `acs` with GLASSHOUSE_DATA.",
            )
        return people

    def _read(self, asked: Sequence[str]) -> pa.Table:
        by = self.split_plan.column
        people = [column for column, _, _ in TASKS[self.task].people]
        weight = [_WEIGHT] if self.weighted else []
        needed = list(dict.fromkeys((*asked, *people, "AGEP", "RAC1P", "SEX", *weight, *([by] if by else []))))
        parts = []
        for path in self._files():
            file = TableFile(path=path, who=self.who)
            names = file.names()
            stored = {name: _stored(name, names) for name in needed}
            for name, there in stored.items():
                if there not in names:
                    raise UserError(self.who, f"{path} has no column '{name}'.", did_you_mean(name, names))
            table = file.read(
                list(stored.values()), {s: "categorical" for n, s in stored.items() if n == by not in asked}
            )
            parts.append(table.select(list(stored.values())).rename_columns(needed))
        return pa.concat_tables(parts, promote_options="permissive")


def _stored(name: str, names: Sequence[str]) -> str:
    later = LATER_NAMES.get(name, name)
    return later if name not in names and later in names else name


def _within(table: pa.Table, bounds: Bounds) -> pa.ChunkedArray:
    """Whether each row's value lies between bounds; missing where it is missing."""
    name, low, high = bounds
    values = table[name].cast(pa.float64())
    inside = None
    for bound, compare in ((low, pc.greater_equal), (high, pc.less_equal)):
        if bound is not None:
            met = compare(values, bound)
            inside = met if inside is None else pc.and_(inside, met)
    return inside


def _column(table: pa.Table, name: str) -> NDArray[np.float64] | Coded | pa.ChunkedArray:
    values = table[name]
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_null(values.type)):
        return values
    numbers: NDArray[np.float64] = values.cast(pa.float64()).to_numpy()
    return numbers if name in NUMERIC else _coded(numbers)


def _named(values: pa.ChunkedArray, names: Mapping[int, str]) -> Coded:
    """Codes with the names that the survey's dictionary gives them; others are missing."""
    numbers = values.cast(pa.float64()).to_numpy()
    codes = np.full(len(numbers), -1, dtype=np.int32)
    for place, code in enumerate(names):
        codes[numbers == code] = place
    return Coded(codes, tuple(names.values()))


def _coded(numbers: NDArray[np.float64]) -> Coded:
    present = ~np.isnan(numbers)
    levels, inverse = np.unique(numbers[present], return_inverse=True)
    codes = np.full(len(numbers), -1, dtype=np.int32)
    codes[present] = inverse
    return Coded(codes, tuple(f"{level:.15g}" for level in levels))
