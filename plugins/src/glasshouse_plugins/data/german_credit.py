"""Statlog German Credit: 1,000 borrowers, good or bad risks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from glasshouse import RawTable, SensitiveColumn, TabularDataModule, UserError
from glasshouse.data import Coded, SplitOption
from pyarrow import csv

from glasshouse_plugins.data.folders import data_folder
from glasshouse_plugins.data.published import check_published

_FILE = "german.data"
_ROWS = 1_000
_SIZE = 79_793
_DIGESTS = (
    "sha256:b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871",
    "sha256:3d775b09661d6d62efc72ca93b90bb6a79e6f733136c34580efcde87d91a5715",
)
"""As published, and with tabs in place of spaces."""
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
"""Columns in the order of the file, with the words of `german.doc` for their codes; none: numbers."""

_SEX = {"A91": "male", "A92": "female", "A93": "male", "A94": "male", "A95": "female"}


class GermanCredit(TabularDataModule):
    """Statlog German Credit: 1,000 borrowers of the 1970s, 700 of them good risks (favourable).

    The published attribute 9 is split into `sex` and `personal status`, whose words are others for women than for men:
    leaving out `sex` alone hides it from no model. Grömping (2019, South German Credit Data: Correcting a Widely Used
    Data Set) shows that the published codes of several attributes, 9 among them, are wrong, and that women who are not
    single cannot be told from men who are: what is found by sex here is of worth for comparing methods only.

    Args:
        path: folder with ``german.data``; default: ``$GLASSHOUSE_DATA/german`` where that variable is set, else
            ``../shared/data/german``.
        features: columns the model sees; default: all.
        check_files: whether to refuse a file that is not the published one, by size and SHA-256.
        batch_size: rows per batch.
        fractions: shares of train, validate and test.
        split_seed: where the split comes from.
        seed: order of training batches; default: the seed of `seed_everything`.
        split: to split otherwise, ``{by: stratified | random | group | time, column: ..., folds: 5, fold: 0}``.
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
        """The file with words in place of codes."""
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
                "Unpack https://archive.ics.uci.edu/static/public/144/statlog+german+credit+data.zip there, or name "
                "its folder with `path:` or the folder above `german` with GLASSHOUSE_DATA.",
            )
        if self.check_files:
            check_published(path, path.read_bytes(), *_DIGESTS, size=_SIZE, who=self.who)
        try:
            table = csv.read_csv(
                pa.BufferReader(path.read_bytes().replace(b"\t", b" ")),
                read_options=csv.ReadOptions(column_names=list(_COLUMNS)),
                parse_options=csv.ParseOptions(delimiter=" "),
                convert_options=csv.ConvertOptions(
                    column_types={name: pa.string() if words else pa.float64() for name, words in _COLUMNS.items()}
                ),
            )
        except pa.ArrowInvalid as error:
            raise UserError(self.who, f"{path} cannot be read: {error}") from error
        coded = {n: self._in_words(table[n], n, words) if words else table[n] for n, words in _COLUMNS.items()}
        before = {**coded, "sex": self._in_words(table["personal status"], "sex", _SEX)}
        order = [*list(coded)[:8], "sex", *list(coded)[8:]]  # where the published attribute stands
        return {name: before[name] for name in order}

    def _in_words(self, codes: pa.ChunkedArray, name: str, words: dict[str, str]) -> Coded:
        known = pa.array(list(words))
        places = pc.index_in(codes, value_set=known)
        if places.null_count:
            strange = codes.filter(pc.is_null(places))[0].as_py()
            raise UserError(self.who, f"column '{name}' holds the code {strange!r}; expected one of {list(words)}.")
        levels = tuple(dict.fromkeys(words.values()))
        level_of = np.array([levels.index(word) for word in words.values()], dtype=np.int32)
        return Coded(level_of[places.to_numpy()], levels)
