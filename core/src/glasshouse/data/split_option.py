"""The argument `split` of a data module: validation, and the resulting rows of train, validate and test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.data.arrow_columns import as_text
from glasshouse.data.data_info import SPLITS
from glasshouse.data.raw_table import Coded
from glasshouse.data.split_assignment import draw_split, split_groups, split_times
from glasshouse.errors import UserError, did_you_mean

SplitOption = Mapping[str, Any] | str | None
"""The argument `split` of a data module.

A text is the name of a column with the values ``train``, ``validate`` and ``test``. A mapping has the keys

- ``by``: ``given`` (predefined by the data or by `column`), ``stratified`` (the same class shares in every part, and
  the same shares of the values of `column` if there is one; for regression only of the column), ``random``, ``group``
  (all rows of a value of `column` in one part) or ``time`` (train before validate before test, by `column`; rows of the
  same time stay together);
- ``column``: the column to split by;
- ``folds``, ``fold``: the number of folds, and the fold (from 0) that is the test split; not with given or time.

None: the predefined split of the data, or stratified if there is none.
"""

SPLIT_METHODS = ("given", "stratified", "random", "group", "time")
_KEYS = ("by", "column", "folds", "fold")
_EXAMPLE = "e.g. `split: {by: group, column: household}` or `split: {by: stratified, folds: 5, fold: 0}`"


@dataclass(frozen=True, kw_only=True)
class SplitPlan:
    """A validated `SplitOption` with the shares and the seed.

    `by` is one of `SPLIT_METHODS`; None: the predefined split of the data, or stratified if there is none.
    """

    fractions: tuple[float, ...]
    seed: int
    by: str | None = None
    column: str | None = None
    folds: int | None = None
    fold: int = 0

    @classmethod
    def read(cls, option: SplitOption, fractions: Sequence[float], *, seed: int, who: str) -> SplitPlan:
        """Validate the argument `split`.

        Raises:
            UserError: for an unknown key or method, and for keys that cannot be combined.
        """
        settings: Mapping[str, Any]
        settings = {"by": "given", "column": option} if isinstance(option, str) else {} if option is None else option
        for key in settings:
            if key not in _KEYS:
                raise UserError(who, f"`split` has a key '{key}'.", did_you_mean(str(key), _KEYS))
        by, column, folds, fold = (settings.get(key) for key in _KEYS)
        if by is None and settings:
            by = "stratified"
        if by is not None and by not in SPLIT_METHODS:
            raise UserError(
                who, f"`split` is by {by!r}; expected one of {', '.join(SPLIT_METHODS)}.", f"Write {_EXAMPLE}."
            )
        if column is not None and not isinstance(column, str):
            raise UserError(who, f"`split` has the column {column!r}; expected the name of a column.")
        if by in ("group", "time") and column is None:
            raise UserError(who, f"`split` is by {by} and names no column.", f"Write `{{by: {by}, column: NAME}}`.")
        if by == "random" and column is not None:
            raise UserError(who, "`split` is by random and names a column.", "Did you mean stratified, group or time?")
        _check_folds(by, folds, fold, who=who)
        return cls(fractions=tuple(fractions), seed=seed, by=by, column=column, folds=folds, fold=fold or 0)

    def rows(
        self, *, strata: NDArray[np.int64], given: NDArray[Any] | None = None, values: Any = None, who: str
    ) -> dict[str, NDArray[np.int64]]:
        """Row numbers of train, validate and test, each ascending.

        If a predefined split has no ``validate``, or a fold is the test split, the validation rows are drawn from the
        others in the proportion of the first two fractions. If the fractions leave no test share and the data have a
        predefined split, a drawn split uses its test share.

        Args:
            strata: (n,) class codes, or a single value.
            given: (n,) the predefined split of the data, if any.
            values: (n,) the values of `column`; any 1-D array, including Arrow arrays.
            who: the data's name in error messages.

        Raises:
            UserError: for fractions that do not sum to 1, unknown split names, an empty split, and an unsuitable
                column.
        """
        fractions = self.fractions
        if len(fractions) != 3 or min(fractions) < 0 or not np.isclose(sum(fractions), 1.0):
            raise UserError(
                who, f"fractions are {list(fractions)}; expected three shares (train, validate, test) that sum to 1."
            )
        codes = self._codes(strata, given, values, who=who)
        rows = {name: np.flatnonzero(codes == code) for code, name in enumerate(SPLITS)}
        for name, chosen in rows.items():
            if not len(chosen):
                counts = ", ".join(f"{other} {len(rows[other])}" for other in SPLITS)
                raise UserError(
                    who,
                    f"split '{name}' is empty ({counts} rows).",
                    "Give more rows, or other `fractions` or split column.",
                )
        return rows

    def _codes(
        self, strata: NDArray[np.int64], given: NDArray[Any] | None, values: Any, *, who: str
    ) -> NDArray[np.int64]:
        by = self.by or ("stratified" if given is None else "given")
        if by == "given":
            return self._given(strata, given if self.column is None else _as_texts(values), who=who)
        fractions = self._with_a_test_share(given)
        if by == "time":
            times = time_codes(values, str(self.column), who=who)
            if len(np.unique(times)) < len(SPLITS):
                raise UserError(
                    who, f"column '{self.column}' has fewer than three different times.", "Split by something else."
                )
            return split_times(times, fractions)
        if by == "group":
            return self._drawn(group_codes(values, str(self.column), who=who), fractions, split_groups)
        if by == "random":
            strata = np.zeros(len(strata), dtype=np.int64)
        elif self.column is not None:
            within = group_codes(values, self.column, who=who)
            strata = strata * (within.max(initial=0) + 1) + within
        return self._drawn(strata, fractions, draw_split)

    def _drawn(self, units: NDArray[np.int64], fractions: Sequence[float], draw: Any) -> NDArray[np.int64]:
        """Split codes by strata or groups; with folds, one is the test split and the others are train and validate."""
        codes: NDArray[np.int64]
        if self.folds is None:
            codes = draw(units, fractions, seed=self.seed)
            return codes
        held_out = draw(units, [1 / self.folds] * self.folds, seed=self.seed) == self.fold
        codes = np.full(len(units), 2, dtype=np.int64)
        codes[~held_out] = draw(units[~held_out], self._train_and_validate(), seed=self.seed)
        return codes

    def _given(self, strata: NDArray[np.int64], given: NDArray[Any] | None, *, who: str) -> NDArray[np.int64]:
        if given is None:
            raise UserError(who, "these data have no predefined split.", f"Name a column, or write {_EXAMPLE}.")
        codes = _given_codes(given, who=who)
        if not np.any(codes == 1):
            train = np.flatnonzero(codes == 0)
            codes[train] = draw_split(strata[train], self._train_and_validate(), seed=self.seed)
        return codes

    def _train_and_validate(self) -> tuple[float, float]:
        train, validate, _ = self.fractions
        keep = train / max(train + validate, 1e-12)
        return keep, 1 - keep

    def _with_a_test_share(self, given: NDArray[Any] | None) -> tuple[float, ...]:
        if given is None or self.fractions[2] > 0:
            return self.fractions
        test = float(np.mean(np.asarray(given) == "test"))
        return (*(share * (1 - test) for share in self._train_and_validate()), test)


def _check_folds(by: str | None, folds: Any, fold: Any, *, who: str) -> None:
    if folds is None:
        if fold is not None:
            raise UserError(who, "`split` names a fold and not how many `folds` there are.", f"Write {_EXAMPLE}.")
        return
    if by in ("given", "time"):
        raise UserError(who, f"`split` has folds and is by {by}.", "Folds go with stratified, random and group.")
    if not isinstance(folds, int) or folds < 2:
        raise UserError(who, f"`split` has {folds!r} folds; expected a whole number from 2 on.")
    if fold is not None and (not isinstance(fold, int) or not 0 <= fold < folds):
        raise UserError(who, f"`split` holds out fold {fold!r} of {folds}; they are counted from 0 to {folds - 1}.")


def _given_codes(given: NDArray[Any], *, who: str) -> NDArray[np.int64]:
    names, inverse = np.unique(np.asarray(given).astype(str), return_inverse=True)
    aliases = {"val": "validate", "valid": "validate", "validation": "validate"}
    known = [aliases.get(name, name) for name in names.tolist()]
    for name in known:
        if name not in SPLITS:
            raise UserError(who, f"the split column contains '{name}'.", did_you_mean(name, SPLITS))
    return np.array([SPLITS.index(name) for name in known], dtype=np.int64)[inverse]


def _as_texts(values: Any) -> NDArray[Any]:
    return np.asarray(_arrow(values).to_pylist(), dtype=object)


def group_codes(values: Any, name: str, *, who: str) -> NDArray[np.int64]:
    """(n,) codes of any values, in sorted order of the values, so that the order of the rows has no effect.

    Raises:
        UserError: for missing values.
    """
    import pyarrow.compute as pc

    if isinstance(values, Coded):
        _refuse_missing(int((values.codes < 0).sum()), len(values), name, who=who)
        return values.codes.astype(np.int64)
    array = _arrow(values)
    _refuse_missing(array.null_count, len(array), name, who=who)
    if not _has_order(array.type):
        array = as_text(array, name)
    coded = array.dictionary_encode().unify_dictionaries().combine_chunks()
    rank = np.empty(len(coded.dictionary), dtype=np.int64)
    rank[pc.sort_indices(coded.dictionary).to_numpy()] = np.arange(len(rank))
    codes: NDArray[np.int64] = rank[coded.indices.to_numpy()]
    return codes


def _has_order(kind: Any) -> bool:
    """Whether Arrow sorts values of a type as the values are ordered."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _has_order(kind.value_type)
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_float32(kind)
        or pa.types.is_float64(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_date(kind)
        or pa.types.is_timestamp(kind)
    )


def time_codes(values: Any, name: str, *, who: str) -> NDArray[np.int64]:
    """(n,) ranks of numbers, dates, or texts with ISO 8601 dates.

    Raises:
        UserError: for missing values, and for texts that are not dates.
    """
    import pyarrow as pa

    array = _arrow(values)
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        array = _dates(array, name, who=who)
    if not (pa.types.is_temporal(array.type) or pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        raise UserError(who, f"column '{name}' contains {array.type}; a split by time needs numbers or dates.")
    return group_codes(array, name, who=who)


def _dates(texts: Any, name: str, *, who: str) -> Any:
    import pyarrow as pa

    for kind in (pa.timestamp("ns"), pa.timestamp("ns", "UTC")):
        try:
            return texts.cast(kind)
        except pa.ArrowInvalid:
            continue
    raise UserError(
        who,
        f"column '{name}' has texts that are not ISO 8601 dates (2024-05-31, 2024-05-31T08:00:00).",
        "Convert them to ISO 8601, whose order is the order of time.",
    )


def _arrow(values: Any) -> Any:
    """Any 1-D array as an Arrow chunked array; NaN is missing."""
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        return values
    if isinstance(values, Coded):
        codes = pa.array(values.codes, mask=values.codes < 0)
        return pa.chunked_array([pa.DictionaryArray.from_arrays(codes, pa.array(values.levels, pa.string()))])
    array = values if isinstance(values, pa.Array) else pa.array(np.asarray(values), from_pandas=True)
    return pa.chunked_array([array])


def _refuse_missing(absent: int, n: int, name: str, *, who: str) -> None:
    if absent:
        raise UserError(
            who,
            f"the split column '{name}' is missing in {absent:,} of {n:,} rows.",
            "Fill it in, or leave these rows out.",
        )
