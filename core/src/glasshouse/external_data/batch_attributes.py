"""Sensitive attributes that batches carry (`BatchLayout`), as levels and codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glasshouse.data.batch_layout import described
from glasshouse.data.column_coding import code_sensitive
from glasshouse.data.data_info import Sensitive
from glasshouse.data.raw_table import SensitiveColumn, as_column
from glasshouse.errors import UserError

WHO = "`batch`"

Values = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Coding:
    """The code of each value of one attribute: `values` ascend, missing ones left out; `codes` belong to them."""

    values: Values
    codes: NDArray[np.int64]

    def of(self, given: Values) -> NDArray[np.int64]:
        """The codes (n,) of some values; -1 for missing ones.

        Raises:
            UserError: for a value that no earlier pass over the data showed.
        """
        missing = _missing(given)
        codes = np.full(len(given), -1, dtype=np.int64)
        known = given[~missing]
        place = np.searchsorted(self.values, known).clip(max=max(0, len(self.values) - 1))
        if len(known) and (not len(self.values) or (self.values[place] != known).any()):
            raise UserError(WHO, "an attribute has another value than in the pass before.", "Give fixed data.")
        codes[~missing] = self.codes[place]
        return codes


@dataclass(frozen=True, eq=False)
class BatchAttributes:
    """The attributes of a `BatchLayout`: their levels over all rows, and how their values are coded."""

    declared: tuple[Sensitive, ...]
    codings: tuple[Coding, ...]

    def codes(self, given: Mapping[str, Any], rows: int) -> Tensor:
        """Level codes (n, attributes) of one batch."""
        columns = columns_of(given, rows)
        coded = [coding.of(column) for coding, column in zip(self.codings, columns.values(), strict=True)]
        return torch.from_numpy(np.stack(coded, axis=1))


def find_attributes(
    batches: Iterable[Mapping[str, Values]],
    *,
    names: Sequence[str] | None,
    bins: Mapping[str, Sequence[float]],
    declared: Sequence[Sensitive],
) -> BatchAttributes:
    """Levels and codes of the attributes, from a pass over all batches' columns.

    Args:
        batches: the columns of each batch, as `columns_of` returns them.
        names: of the attributes, in the order of the columns; None: as declared, else as the batches name them.
        bins: edges for attributes that are numbers.
        declared: attributes that are described already: batches carry their levels or positions in them, -1 for a
            missing value.

    Raises:
        UserError: for another number of names, bins of an attribute that is not there, too many levels, or values that
            are neither declared levels nor positions in them.
    """
    seen: dict[str, list[Values]] = {}
    for columns in batches:
        for name, column in columns.items():
            seen.setdefault(name, []).append(np.unique(column[~_missing(column)]))
    called = _called(list(seen), [one.name for one in declared] if names is None and declared else names)
    for name in bins:
        if name not in called:
            raise UserError("`bins`", f"there is no attribute '{name}'.", f"Known: {', '.join(called)}.")
    by_name = {one.name: one for one in declared}
    attributes, codings = [], []
    for name, parts in zip(called, seen.values(), strict=True):
        values = np.unique(np.concatenate(parts))
        edges = SensitiveColumn.binned(name, bins)
        coded = code_sensitive(edges, as_column(values, name, who=WHO), who=WHO)
        codes = np.asarray(coded.codes, dtype=np.int64)
        attribute = by_name.get(name) or Sensitive(name=name, levels=coded.levels, seen_by_model=None)
        if name in by_name and attribute.levels != coded.levels:
            codes = _declared_codes(attribute, coded.levels, codes, values)
        attributes.append(attribute)
        codings.append(Coding(values, codes))
    return BatchAttributes(tuple(attributes), tuple(codings))


def _called(found: list[str], names: Sequence[str] | None) -> list[str]:
    if names is None or set(names) == set(found):
        return found
    if len(names) != len(found):
        raise UserError(
            "`sensitive`",
            f"names {len(names)} attributes; batches carry {len(found)}.",
            f"They are: {', '.join(found)}.",
        )
    return list(names)


def _declared_codes(
    declared: Sensitive, levels: tuple[str, ...], codes: NDArray[np.int64], values: Values
) -> NDArray[np.int64]:
    if set(levels) <= set(declared.levels):
        return np.array([declared.levels.index(level) for level in levels] or [-1], dtype=np.int64)[codes]
    if values.dtype.kind in "iuf" and set(values.tolist()) <= set(range(-1, len(declared.levels))):
        return values.astype(np.int64)
    raise UserError(
        WHO,
        f"the attribute '{declared.name}' has the values {', '.join(levels[:6])}; expected its levels "
        f"{', '.join(declared.levels[:6])}, or positions in them.",
    )


def columns_of(given: Mapping[str, Any], rows: int) -> dict[str, Values]:
    """The attributes' values by name, each (n,); the columns of a two-dimensional part are numbered.

    Raises:
        UserError: for another number of rows.
    """
    columns: dict[str, Values] = {}
    for name, part in given.items():
        values = part.detach().cpu().numpy() if isinstance(part, Tensor) else np.asarray(part)
        if values.ndim not in (1, 2) or len(values) != rows:
            raise UserError(
                WHO, f"expected an attribute with {rows} rows, received {described(part)}.", "Correct the parts' names."
            )
        if values.ndim == 1 or values.shape[1] == 1:
            columns[name] = values.reshape(rows)
        else:
            columns |= {f"{name} {k}": values[:, k] for k in range(values.shape[1])}
    return columns


def _missing(values: Values) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind == "O":
        return np.array([value is None for value in values], dtype=bool)
    return np.zeros(len(values), dtype=bool)
