"""Statlog German Credit: 1,000 borrowers, good or bad credit risk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from glasshouse import RawTable, SensitiveColumn, TabularDataModule, UserError
from glasshouse.data import Coded, SplitOption
from pyarrow import csv

from glasshouse_plugins.data.published_files import check_published, data_folder

_FILE = "german.data"
_ROWS = 1_000
_SIZE = 79_793
_DIGESTS = (
    "sha256:b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871",
    "sha256:3d775b09661d6d62efc72ca93b90bb6a79e6f733136c34580efcde87d91a5715",
)
"""Of the published file, and of a copy with tabs instead of spaces."""
_CLASSES = ("bad", "good")

_COLUMNS: dict[str, dict[str, str]] = {
    "checking account": {"A11": "below 0 DM", "A12": "0 to 200 DM", "A13": "200 DM or salary", "A14": "none"},
    "months": {},
    "credit history": {
        "A30": "no credits, or all paid back",
        "A31": "all here paid back",
        "A32": "existing paid back till now",
        "A33": "delay in the past",
        "A34": "critical, or credits elsewhere",
    },
    "purpose": {
        "A40": "new car",
        "A41": "used car",
        "A42": "furniture",
        "A43": "radio or television",
        "A44": "domestic appliances",
        "A45": "repairs",
        "A46": "education",
        "A47": "vacation",
        "A48": "retraining",
        "A49": "business",
        "A410": "others",
    },
    "amount": {},
    "savings": {
        "A61": "below 100 DM",
        "A62": "100 to 500 DM",
        "A63": "500 to 1000 DM",
        "A64": "1000 DM or more",
        "A65": "unknown or none",
    },
    "employed for": {
        "A71": "unemployed",
        "A72": "under 1 year",
        "A73": "1 to 4 years",
        "A74": "4 to 7 years",
        "A75": "7 years or more",
    },
    "instalment rate": {},
    "personal status": {
        "A91": "divorced or separated",
        "A92": "divorced, separated or married",
        "A93": "single",
        "A94": "married or widowed",
        "A95": "single",
    },
    "other debtors": {"A101": "none", "A102": "co-applicant", "A103": "guarantor"},
    "residence since": {},
    "property": {"A121": "real estate", "A122": "savings or life insurance", "A123": "car or other", "A124": "none"},
    "age": {},
    "other instalments": {"A141": "bank", "A142": "stores", "A143": "none"},
    "housing": {"A151": "rent", "A152": "own", "A153": "for free"},
    "credits here": {},
    "job": {
        "A171": "unemployed or unskilled, non-resident",
        "A172": "unskilled, resident",
        "A173": "skilled",
        "A174": "management, self-employed or highly qualified",
    },
    "people liable": {},
    "telephone": {"A191": "none", "A192": "registered"},
    "foreign worker": {"A201": "yes", "A202": "no"},
    "risk": {"1": "good", "2": "bad"},
}
"""Columns in the order of the file, with the meaning of their codes in `german.doc`; empty: numeric."""

_SEX = {"A91": "male", "A92": "female", "A93": "male", "A94": "male", "A95": "female"}


class GermanCredit(TabularDataModule):
    """Statlog German Credit: 1,000 borrowers of the 1970s, 700 of them good credit risks (favourable).

    The published attribute 9 is split into `sex` and `personal status`. Its categories differ between women and men, so
    a model can infer sex even without the column `sex`. Use results by sex to compare methods only: several published
    codes are wrong, attribute 9 among them, and women who are not single cannot be distinguished from single men
    (Grömping 2019, South German Credit Data: Correcting a Widely Used Data Set).

    Args:
        path: folder with ``german.data``; default: ``$GLASSHOUSE_DATA/german`` if that variable is set, else
            ``../shared/data/german``.
        features: columns used as model inputs; default: all.
        check_files: refuse a file that is not the published one, by size and SHA-256.
        batch_size: rows per batch.
        fractions: fractions of rows in the train, validate and test splits.
        split_seed: seed of the random split.
        seed: seed of the order of training batches; default: that of `seed_everything`.
        split: another split, e.g. ``{by: stratified | random | group | time, column: ..., folds: 5, fold: 0}``.
    """

    name = "german_credit"

    def __init__(
        self,
        path: str | None = None,
        features: Sequence[str] | None = None,
        check_files: bool = True,
        batch_size: int = 64,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        split_seed: int = 0,
        seed: int | None = None,
        split: SplitOption = None,
    ) -> None:
        super().__init__(batch_size=batch_size, fractions=fractions, split_seed=split_seed, seed=seed, split=split)
        self.path = path
        self.features = features
        self.check_files = check_files

    def load(self) -> RawTable:
        """The table, with codes replaced by their meaning."""
        columns = self._columns()
        chosen = [name for name in columns if name != "risk"] if self.features is None else self.features
        return RawTable(
            columns=columns,
            target="risk",
            task="binary",
            classes=_CLASSES,
            favourable="good",
            features=tuple(chosen),
            immutable=("age", "sex", "foreign worker"),
            sensitive=(
                SensitiveColumn(name="sex", column="sex"),
                SensitiveColumn(name="age_group", column="age", edges=(25, 45, 65)),
            ),
            source="Hofmann (1994), Statlog (German Credit Data), UCI Machine Learning Repository, "
            "https://doi.org/10.24432/C5NC77",
            licence="CC BY 4.0",
        )

    def _columns(self) -> dict[str, Any]:
        path = data_folder(self.path, "german") / _FILE
        if not path.is_file():
            raise UserError(
                self.who,
                f"there is no file {path.absolute()}.",
                "Unpack https://archive.ics.uci.edu/static/public/144/statlog+german+credit+data.zip there, or set "
                "`path:` to its folder or GLASSHOUSE_DATA to the folder above `german`.",
            )
        if self.check_files:
            check_published(path, path.read_bytes(), *_DIGESTS, size=_SIZE, who=self.who)
        try:
            table = csv.read_csv(
                pa.BufferReader(path.read_bytes().replace(b"\t", b" ")),
                read_options=csv.ReadOptions(column_names=list(_COLUMNS)),
                parse_options=csv.ParseOptions(delimiter=" "),
                convert_options=csv.ConvertOptions(
                    column_types={name: pa.string() if names else pa.float64() for name, names in _COLUMNS.items()}
                ),
            )
        except pa.ArrowInvalid as error:
            raise UserError(self.who, f"{path} cannot be read: {error}") from error
        coded = {n: self._decode(table[n], n, names) if names else table[n] for n, names in _COLUMNS.items()}
        unordered = {**coded, "sex": self._decode(table["personal status"], "sex", _SEX)}
        order = [*list(coded)[:8], "sex", *list(coded)[8:]]  # `sex` at the position of the published attribute
        return {name: unordered[name] for name in order}

    def _decode(self, codes: pa.ChunkedArray, column: str, names: dict[str, str]) -> Coded:
        indices = pc.index_in(codes, value_set=pa.array(list(names)))
        if indices.null_count:
            unknown = codes.filter(pc.is_null(indices))[0].as_py()
            raise UserError(self.who, f"column '{column}' has the code {unknown!r}; expected one of {list(names)}.")
        levels = tuple(dict.fromkeys(names.values()))
        level_of = np.array([levels.index(name) for name in names.values()], dtype=np.int32)
        return Coded(level_of[indices.to_numpy()], levels)
