"""COMPAS: defendants in Broward County, Florida, and whether they were arrested again within two years."""

from __future__ import annotations

import csv as lines
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from glasshouse import RawTable, SensitiveColumn, TabularDataModule, UserError, did_you_mean
from glasshouse.data import Coded, SplitOption
from pyarrow import csv

from glasshouse_plugins.data.folders import data_folder
from glasshouse_plugins.data.published import check_published

_FILE = "compas-scores-two-years.csv"
_SIZE = 2_546_489
_DIGEST = "sha256:c451db85908b2f7fef1d83203bedf6b71ecda0d5af468d82ae62178f91d0cc7d"
_CLASSES = ("recidivism", "no recidivism")
_TARGET = "two_year_recid"

_FEATURES = (
    "sex",
    "age",
    "race",
    "juv_fel_count",
    "juv_misd_count",
    "juv_other_count",
    "priors_count",
    "c_charge_degree",
)
_TEXTS = ("sex", "race", "age_cat", "c_charge_degree", "score_text")
_NUMBERS = ("age", "juv_fel_count", "juv_misd_count", "juv_other_count", "priors_count", _TARGET, "is_recid")


class Compas(TabularDataModule):
    """ProPublica's two-year file: 6,172 defendants of 2013 and 2014; no new arrest within two years is favourable.

    Of the file's 7,214 rows those are kept that ProPublica kept: charge and COMPAS score no more than 30 days apart,
    a case found (`is_recid` is not -1), a charge that may lead to prison (degree other than O), a score that is not
    N/A. Age and race are immutable, and sex; the score itself is no feature, since the question is what a model does
    without it.

    Barenstein (2019, ProPublica's COMPAS Data Revisited) shows that the file holds too many who were arrested again:
    those screened after 1 April 2014 were kept only if they were. Rates of recidivism are too high in it.

    Args:
        path: ``compas-scores-two-years.csv`` or its folder; default: ``$GLASSHOUSE_DATA/compas`` where that variable
            is set, else ``../shared/data/compas``.
        features: columns the model sees; default: sex, age, race, counts of earlier offences and the charge's degree.
        filtered: whether to leave out the rows that ProPublica left out.
        check_files: whether to refuse a file that is not the published one, by size and SHA-256.
        batch_size: rows per batch.
        fractions: shares of train, validate and test.
        split_seed: where the split comes from.
        seed: order of training batches; default: the seed of `seed_everything`.
        split: to split otherwise, ``{by: stratified | random | group | time, column: ..., folds: 5, fold: 0}``; a
            `column` is any of the file's, e.g. ``{by: time, column: compas_screening_date}``.
    """

    name = "compas"

    def __init__(
        self,
        path: str | None = None,
        features: Sequence[str] | None = None,
        filtered: bool = True,
        check_files: bool = True,
        batch_size: int = 128,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        split_seed: int = 0,
        seed: int | None = None,
        split: SplitOption = None,
    ) -> None:
        super().__init__(batch_size=batch_size, fractions=fractions, split_seed=split_seed, seed=seed, split=split)
        self.path = path
        self.features = _FEATURES if features is None else tuple(features)
        self.filtered = filtered
        self.check_files = check_files

    def load(self) -> RawTable:
        """The rows that ProPublica analysed."""
        table = self._read()
        if self.filtered:
            days = pc.abs(table["days_b_screening_arrest"])
            kept = pc.less_equal(days, 30)
            for name, unwanted in (("is_recid", -1), ("c_charge_degree", "O"), ("score_text", "N/A")):
                kept = pc.and_(kept, pc.not_equal(table[name], unwanted))
            table = table.filter(kept)  # a comparison with a missing value is missing, and no reason to keep a row
        again = (table[_TARGET].to_numpy() == 1).astype(np.int32)
        own = {name: table[name] for name in table.column_names if name != _TARGET}
        return RawTable(
            columns={**own, _TARGET: Coded(1 - again, _CLASSES)},
            target=_TARGET,
            task="binary",
            classes=_CLASSES,
            favourable="no recidivism",
            features=self.features,
            immutable=("sex", "age", "race"),
            sensitive=tuple(SensitiveColumn(name=name, column=name) for name in ("race", "sex", "age_cat")),
            source="Larson, Mattu, Kirchner and Angwin (2016), How we analyzed the COMPAS recidivism algorithm, "
            "ProPublica, https://github.com/propublica/compas-analysis" + ("" if self.filtered else "; all rows"),
            licence="none stated",
        )

    def _file(self) -> Path:
        given = data_folder(self.path, "compas")
        path = given if given.suffix == ".csv" else given / _FILE
        if not path.is_file():
            raise UserError(
                self.who,
                f"there is no file {path.absolute()}.",
                f"Put https://raw.githubusercontent.com/propublica/compas-analysis/master/{_FILE} there, or name it "
                "with `path:` or the folder above `compas` with GLASSHOUSE_DATA.",
            )
        return path

    def _read(self) -> pa.Table:
        path = self._file()
        if self.check_files:
            check_published(path, path.read_bytes(), _DIGEST, size=_SIZE, who=self.who)
        asked = [name for name in (*self.features, self.split_plan.column) if name is not None]
        needed = list(dict.fromkeys((*_TEXTS, *_NUMBERS, "days_b_screening_arrest", *asked)))
        try:
            with path.open(encoding="utf-8", newline="") as file:
                header = next(lines.reader(file), [])
            for name in needed:
                if name not in header:
                    raise UserError(self.who, f"{path} has no column '{name}'.", did_you_mean(name, header))
            # two names stand twice in the published header: the first of each is meant
            names = [name if name not in header[:i] else f"{name} {i}" for i, name in enumerate(header)]
            types = dict.fromkeys(_TEXTS, pa.string()) | dict.fromkeys(
                (*_NUMBERS, "days_b_screening_arrest"), pa.float64()
            )
            table = csv.read_csv(
                path,
                read_options=csv.ReadOptions(column_names=names, skip_rows=1),
                parse_options=csv.ParseOptions(newlines_in_values=True),
                # "N/A" is a value of score_text, and what ProPublica filters by
                convert_options=csv.ConvertOptions(include_columns=needed, column_types=types),
            )
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            raise UserError(self.who, f"{path} cannot be read: {str(error).splitlines()[0]}") from error
        return table
