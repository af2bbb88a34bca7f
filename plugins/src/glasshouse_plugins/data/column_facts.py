"""What is in the columns of a table: their kind, and counts of missing, distinct and infinite values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

Kind = Literal["number", "text", "boolean", "date", "other"]

_IDENTIFIER = re.compile(r"(^|[_\W])(ids?|uuid|guid|key|identifier|ssn|iban|e?_?mail|phone)($|[_\W])", re.IGNORECASE)
_FEWEST = 20
"""With fewer rows, distinct values say nothing about identifiers."""


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """Facts of one column of `rows` rows."""

    name: str
    kind: Kind
    type: str
    """The Arrow type."""
    rows: int
    missing: int
    """Rows that are null or NaN."""
    infinite: int
    distinct: int
    """Distinct values, missing ones left out."""
    consecutive: bool
    """Whether the values are whole numbers without a gap, each once."""

    @property
    def constant(self) -> bool:
        """Whether at most one value occurs, missing ones counted as a value."""
        return self.distinct + bool(self.missing) <= 1

    @property
    def identifier(self) -> bool:
        """Whether the column identifies rows: text that differs in every row, or numbers that count the rows or that
        differ in every row and have the name of an identifier."""
        present = self.rows - self.missing
        if present < _FEWEST or self.distinct < present:
            return False
        named = _IDENTIFIER.search(self.name) is not None
        return self.kind == "text" or (self.kind == "number" and (self.consecutive or named))


def facts_of(name: str, values: pa.ChunkedArray) -> ColumnFacts:
    """The facts of one column."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kind = kind_of(values.type)
    infinite, missing, consecutive = 0, values.null_count, False
    if kind == "other":
        return ColumnFacts(
            name=name,
            kind=kind,
            type=str(values.type),
            rows=len(values),
            missing=missing,
            infinite=0,
            distinct=len(values) - missing,
            consecutive=False,
        )
    if pa.types.is_floating(values.type):
        not_a_number = pc.sum(pc.is_nan(values)).as_py() or 0
        missing += not_a_number
        infinite = pc.sum(pc.is_inf(values)).as_py() or 0
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values) if not_a_number else values
    distinct = pc.count_distinct(values, mode="only_valid").as_py()
    if kind == "number" and distinct and distinct == len(values) - missing and not infinite:
        ends = pc.min_max(values).as_py()
        whole = pa.types.is_integer(values.type) or pc.all(pc.equal(values, pc.round(values))).as_py()
        consecutive = bool(whole) and ends["max"] - ends["min"] == distinct - 1
    return ColumnFacts(
        name=name,
        kind=kind,
        type=str(values.type),
        rows=len(values),
        missing=missing,
        infinite=infinite,
        distinct=distinct,
        consecutive=consecutive,
    )


def kind_of(arrow_type: pa.DataType) -> Kind:
    """The kind of an Arrow type."""
    if pa.types.is_dictionary(arrow_type):
        return kind_of(arrow_type.value_type)
    tests: Sequence[tuple[Kind, bool]] = (
        (
            "number",
            pa.types.is_integer(arrow_type) or pa.types.is_floating(arrow_type) or pa.types.is_decimal(arrow_type),
        ),
        ("text", pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type)),
        ("boolean", pa.types.is_boolean(arrow_type)),
        ("date", pa.types.is_date(arrow_type) or pa.types.is_timestamp(arrow_type)),
    )
    return next((kind for kind, holds in tests if holds), "other")
