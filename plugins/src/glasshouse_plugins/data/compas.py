"""COMPAS: defendants in Broward County, Florida, and whether they were rearrested within two years."""

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

from glasshouse_plugins.data.published_files import check_published, data_folder

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
    """ProPublica's two-year file: 6,172 defendants of 2013 and 2014; no rearrest within two years is favourable.

    Of the file's 7,214 rows, those of ProPublica's analysis are kept: charge and COMPAS score at most 30 days apart, a
    case found (`is_recid` is not -1), a charge that can lead to prison (degree other than O), and a score other than
    N/A. Sex, age and race are immutable. The COMPAS score is not a feature, because the question is what a model does
    without it.

    Recidivism rates in the file are too high: people screened after 1 April 2014 are in it only if they were rearrested
    (Barenstein 2019, ProPublica's COMPAS Data Revisited).

    Args:
        path: ``compas-scores-two-years.csv`` or its folder; default: ``$GLASSHOUSE_DATA/compas`` if that variable is
            set, else ``../shared/data/compas``.
        features: columns used as model inputs; default: sex, age, race, counts of prior offences and the
            degree of the charge.
        filtered: keep only the rows of ProPublica's analysis.
        check_files: refuse a file that is not the published one, by size and SHA-256.
        batch_size: rows per batch.
        fractions: fractions of rows in the train, validate and test splits.
        split_seed: seed of the random split.
        seed: seed of the order of training batches; default: that of `seed_everything`.
        split: another split, e.g. ``{by: stratified | random | group | time, column: ..., folds: 5, fold: 0}``; a
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
        """The rows of ProPublica's analysis, or all rows."""
        table = self._read()
        if self.filtered:
            days = pc.abs(table["days_b_screening_arrest"])
            kept = pc.less_equal(days, 30)
            for name, unwanted in (("is_recid", -1), ("c_charge_degree", "O"), ("score_text", "N/A")):
                kept = pc.and_(kept, pc.not_equal(table[name], unwanted))
            table = table.filter(kept)  # a comparison with a missing value is null, and drops the row
        rearrested = (table[_TARGET].to_numpy() == 1).astype(np.int32)
        others = {name: table[name] for name in table.column_names if name != _TARGET}
        return RawTable(
            columns={**others, _TARGET: Coded(1 - rearrested, _CLASSES)},
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
        folder = data_folder(self.path, "compas")
        path = folder if folder.suffix == ".csv" else folder / _FILE
        if not path.is_file():
            raise UserError(
                self.who,
                f"there is no file {path.absolute()}.",
                f"Put https://raw.githubusercontent.com/propublica/compas-analysis/master/{_FILE} there, or set "
                "`path:` to its folder or GLASSHOUSE_DATA to the folder above `compas`.",
            )
        return path

    def _read(self) -> pa.Table:
        path = self._file()
        if self.check_files:
            check_published(path, path.read_bytes(), _DIGEST, size=_SIZE, who=self.who)
        wanted = [name for name in (*self.features, self.split_plan.column) if name is not None]
        needed = list(dict.fromkeys((*_TEXTS, *_NUMBERS, "days_b_screening_arrest", *wanted)))
        try:
            with path.open(encoding="utf-8", newline="") as file:
                header = next(lines.reader(file), [])
            for name in needed:
                if name not in header:
                    raise UserError(self.who, f"{path} has no column '{name}'.", did_you_mean(name, header))
            # two names occur twice in the published header: use the first of each
            names = [name if name not in header[:i] else f"{name} {i}" for i, name in enumerate(header)]
            types = dict.fromkeys(_TEXTS, pa.string()) | dict.fromkeys(
                (*_NUMBERS, "days_b_screening_arrest"), pa.float64()
            )
            table = csv.read_csv(
                path,
                read_options=csv.ReadOptions(column_names=names, skip_rows=1),
                parse_options=csv.ParseOptions(newlines_in_values=True),
                # strings stay as they are: ProPublica filters by the value "N/A" of score_text
                convert_options=csv.ConvertOptions(include_columns=needed, column_types=types),
            )
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            raise UserError(self.who, f"{path} cannot be read: {str(error).splitlines()[0]}") from error
        return table
