"""Encoding of named columns as one float32 matrix, fitted on the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasshouse.data.data_info import Feature
from glasshouse.data.missing_values import MissingPlan, Treatment
from glasshouse.data.raw_table import Coded, Column
from glasshouse.errors import UserError

MAX_LEVELS = 1000
"""Maximum number of one-hot columns of a feature."""


@dataclass(frozen=True)
class Numeric:
    """(value - mean) / scale, `fill` for missing values, and an optional indicator column for them."""

    name: str
    fill: float
    mean: float
    scale: float
    indicator: bool

    @property
    def width(self) -> int:
        return 2 if self.indicator else 1

    @classmethod
    def fit(cls, name: str, values: NDArray[np.float64], treatment: Treatment = "impute") -> Numeric:
        """Fit to training values; a constant column has scale 1, so that its encoding is 0.

        A column is constant if it varies by no more than rounding errors: n machine epsilons of the mean. Missing
        values are filled with the training median, or under ``mode`` with the most frequent value, of several the
        smallest; only ``impute`` adds the indicator, if a training value is missing.
        """
        missing = np.isnan(values)
        any_missing = bool(missing.any())
        fill = _fill(values[~missing], treatment)
        filled = np.where(missing, fill, values) if any_missing else values
        mean, scale = float(filled.mean()), float(filled.std())
        constant = scale <= len(filled) * np.finfo(np.float64).eps * abs(mean)
        return cls(name, fill, mean, 1.0 if constant else scale, any_missing and treatment == "impute")

    def write(self, values: NDArray[np.float64], out: NDArray[np.float32]) -> None:
        """Encode `values` (n,) into `out` (n, width)."""
        missing = np.isnan(values)
        out[:, 0] = (np.where(missing, self.fill, values) - self.mean) / self.scale
        if self.indicator:
            out[:, 1] = missing


def _fill(known: NDArray[np.float64], treatment: Treatment) -> float:
    if not len(known):
        return 0.0
    if treatment != "mode":
        return float(np.median(known))
    values, counts = np.unique(known, return_counts=True)
    return float(values[counts.argmax()])


@dataclass(frozen=True, eq=False)
class OneHot:
    """One column for each level. Rare levels share the column "other", missing values have the column "missing", or
    under ``mode`` that of the most frequent level.

    A level that does not occur in training is encoded as "other". Without that column the whole block is zero, because
    a column that no training row uses would have untrained weights. Missing values are treated the same way.
    """

    name: str
    columns: tuple[str, ...]
    column_of: NDArray[np.int64]
    """Column of each level code in the block, the last for a missing value (code -1); -1 leaves the block zero."""

    @property
    def width(self) -> int:
        return len(self.columns)

    @classmethod
    def fit(cls, name: str, values: Coded, *, who: str, treatment: Treatment = "impute") -> OneHot:
        """Fit to training values. A level is rare with fewer than ten training rows and less than 1 % of them.

        Raises:
            UserError: for more than `MAX_LEVELS` columns.
        """
        counts = np.bincount(values.codes + 1, minlength=len(values.levels) + 1)
        missing, counts = counts[0], counts[1:]
        rare = (counts > 0) & (counts < min(10.0, len(values) / 100))
        kept = np.flatnonzero((counts > 0) & ~rare)
        if len(kept) > MAX_LEVELS:
            raise UserError(
                who,
                f"column '{name}' has {len(kept):,} levels; expected at most {MAX_LEVELS:,}.",
                "Leave it out of the features, or group its levels.",
            )
        columns = [values.levels[code] for code in kept]
        other = len(columns) if rare.any() else -1
        if rare.any():
            columns.append(_unused_name("other", columns))
        column_of = np.full(len(values.levels) + 1, other, dtype=np.int64)
        column_of[kept] = np.arange(len(kept))
        if treatment == "mode" and counts.any():
            column_of[-1] = column_of[counts.argmax()]
        elif missing:
            column_of[-1] = len(columns)
            columns.append(_unused_name("missing", columns))
        return cls(name, tuple(columns), column_of)

    def write(self, values: Coded, out: NDArray[np.float32]) -> None:
        """Encode `values` (n,) into `out` (n, width), which must be zero."""
        column = self.column_of[values.codes]
        rows = np.flatnonzero(column >= 0)
        out[rows, column[rows]] = 1.0


def _unused_name(name: str, taken: Sequence[str]) -> str:
    """`name`, with underscores appended if the data have a level of that name."""
    return name if name not in taken else _unused_name(f"{name}_", taken)


@dataclass(frozen=True, eq=False)
class TableEncoder:
    """Encodes numeric features first, then one-hot blocks, each in the order of the features."""

    parts: tuple[Numeric | OneHot, ...]

    @classmethod
    def fit(
        cls,
        columns: Mapping[str, Column],
        features: Sequence[str],
        rows: NDArray[np.int64],
        *,
        who: str,
        missing: MissingPlan | None = None,
    ) -> TableEncoder:
        """Fit to the training `rows` only."""
        plan = missing or MissingPlan("impute")
        numeric: list[Numeric | OneHot] = []
        one_hot: list[Numeric | OneHot] = []
        for name in features:
            column = columns[name]
            if isinstance(column, Coded):
                one_hot.append(OneHot.fit(name, column[rows], who=who, treatment=plan.treatment(name)))
            else:
                numeric.append(Numeric.fit(name, column[rows], plan.treatment(name)))
        return cls((*numeric, *one_hot))

    @property
    def width(self) -> int:
        """Number of encoded columns."""
        return sum(part.width for part in self.parts)

    @property
    def cardinalities(self) -> list[int]:
        """Widths of the one-hot blocks, which come last."""
        return [part.width for part in self.parts if isinstance(part, OneHot)]

    def features(self, immutable: Sequence[str] = ()) -> tuple[Feature, ...]:
        """The features with their encoded columns."""
        found, start = [], 0
        for part in self.parts:
            found.append(
                Feature(
                    name=part.name,
                    kind="categorical" if isinstance(part, OneHot) else "numeric",
                    columns=tuple(range(start, start + part.width)),
                    categories=part.columns if isinstance(part, OneHot) else (),
                    immutable=part.name in immutable,
                    center=0.0 if isinstance(part, OneHot) else part.mean,
                    scale=1.0 if isinstance(part, OneHot) else part.scale,
                )
            )
            start += part.width
        return tuple(found)

    def encode(self, columns: Mapping[str, Column], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The encoded rows (len(rows), width)."""
        encoded = np.zeros((len(rows), self.width), dtype=np.float32)
        start = 0
        for part in self.parts:
            part.write(columns[part.name][rows], encoded[:, start : start + part.width])  # type: ignore[arg-type]
            start += part.width
        return encoded
