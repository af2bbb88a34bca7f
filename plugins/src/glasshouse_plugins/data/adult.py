"""UCI Adult: people of the 1994 US census, and whether they earn more than 50,000 dollars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from glasshouse import RawTable, SensitiveColumn, TabularDataModule, UserError
from glasshouse.data import SplitOption
from pyarrow import csv

from glasshouse_plugins.data.published_files import check_published, data_folder

COLUMNS = (
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "native-country",
    "income",
)
_NUMBERS = ("age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week")
_LEFT_OUT = ("fnlwgt", "education", "income")
_ROWS = {"adult.data": 32_561, "adult.test": 16_281}
"""Rows of the two files as published."""

_SIZES = {"adult.data": 3_974_305, "adult.test": 2_003_153}
_DIGESTS = {
    "adult.data": "sha256:5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
    "adult.test": "sha256:a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
}


class Adult(TabularDataModule):
    """UCI Adult: 48,842 people, income above 50K (favourable), with the published split into train and test.

    The validation split is taken from the training file. Missing values (``?``, in three categorical columns) are a
    separate category. Two columns are not features by default: `fnlwgt`, the sampling weight of a row, which is not a
    property of the person; and `education`, which repeats `education-num` as text, so that the two would share their
    attribution.

    Args:
        path: folder with ``adult.data`` and ``adult.test``; default: ``$GLASSHOUSE_DATA/adult`` if that variable is
            set, else ``../shared/data/adult``.
        features: columns used as model inputs; default: all but `fnlwgt` and `education`.
        validate: fraction of the training file used as validation split, between 0 and 1.
        check_files: refuse files that are not the published ones, by size and SHA-256.
        batch_size: rows per batch.
        split_seed: seed of the random validation split.
        seed: seed of the order of training batches; default: that of `seed_everything`.
        split: another split, e.g. ``{by: stratified | random | group | time, column: ..., folds: 5, fold: 0}``.
    """

    name = "adult"

    def __init__(
        self,
        path: str | None = None,
        features: Sequence[str] | None = None,
        validate: float = 0.1,
        check_files: bool = True,
        batch_size: int = 256,
        split_seed: int = 0,
        seed: int | None = None,
        split: SplitOption = None,
    ) -> None:
        if not 0 < validate < 1:
            raise UserError("data 'adult'", f"validate is {validate}; expected a fraction between 0 and 1.")
        super().__init__(
            batch_size=batch_size,
            fractions=(1 - validate, validate, 0.0),
            split_seed=split_seed,
            seed=seed,
            split=split,
        )
        self.path = path
        self.check_files = check_files
        self.features = (
            tuple(name for name in COLUMNS if name not in _LEFT_OUT) if features is None else tuple(features)
        )

    @property
    def folder(self) -> Path:
        """The folder that the files are read from."""
        return data_folder(self.path, "adult")

    def load(self) -> RawTable:
        """Both files as one table."""
        table = pa.concat_tables([_read(self._file(name), skip=name == "adult.test") for name in _ROWS])
        return RawTable(
            columns={name: table[name] for name in COLUMNS},
            target="income",
            task="binary",
            favourable=">50K",
            features=self.features,
            immutable=("age", "race", "sex", "native-country"),
            sensitive=(
                SensitiveColumn(name="sex", column="sex"),
                SensitiveColumn(name="race", column="race"),
                SensitiveColumn(name="age_group", column="age", edges=(25, 45, 65)),
            ),
            split=np.repeat(["train", "test"], list(_ROWS.values())),
            source="Becker and Kohavi (1996), Adult, UCI Machine Learning Repository, https://doi.org/10.24432/C5XW20",
            licence="CC BY 4.0",
        )

    def _file(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise UserError(
                self.who,
                f"there is no file {path.absolute()}.",
                "Unpack https://archive.ics.uci.edu/static/public/2/adult.zip there, or set `path:` to its folder or "
                "GLASSHOUSE_DATA to the folder above `adult`.",
            )
        if self.check_files:
            check_published(path, path.read_bytes(), _DIGESTS[name], size=_SIZES[name], who=self.who)
        return path


def _read(path: Path, *, skip: bool) -> pa.Table:
    """One file as an Arrow table; spaces and full stops around values are removed.

    Raises:
        UserError: if the number of rows is not the published one.
    """
    texts = {name: pa.string() for name in COLUMNS if name not in _NUMBERS}
    try:
        table = csv.read_csv(
            path,
            read_options=csv.ReadOptions(column_names=COLUMNS, skip_rows=int(skip)),
            convert_options=csv.ConvertOptions(column_types={**texts, **dict.fromkeys(_NUMBERS, pa.float64())}),
        )
    except pa.ArrowInvalid as error:
        raise UserError("data 'adult'", f"{path} cannot be read: {error}") from error
    if len(table) != _ROWS[path.name]:
        raise UserError(
            "data 'adult'",
            f"{path} has {len(table):,} rows; expected {_ROWS[path.name]:,} as published.",
            "The file is truncated or changed: download it again.",
        )
    for position, name in enumerate(COLUMNS):
        if name in texts:
            words = pc.utf8_trim(table[name], " .")  # labels of adult.test end in a full stop
            present = pc.not_equal(words, "?")
            table = table.set_column(position, name, pc.if_else(present, words, None))
    return table
