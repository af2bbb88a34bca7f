"""The role that each column of a table probably has, from its name and its facts. Pure; nothing is read here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from glasshouse_plugins.data.column_facts import ColumnFacts

Role = Literal["target", "feature", "sensitive", "identifier", "clusters", "weights", "split", "constant", "unusable"]

MOST_CLASSES = 10
"""A number with at most so many whole values is taken for a class."""

_SENSITIVE = re.compile(
    r"(^|_)(sex|gender|age|race|racial|ethnic\w*|nationality|citizen\w*|religi\w*|disab\w*|marital\w*|pregnan\w*|"
    r"sexual_orientation|birth\w*|dob|geschlecht|alter|sexe|sexo|genero|edad)($|_)"
)
_TARGET = re.compile(
    r"(^|_)(target|label|class|outcome|y|default|repaid|hired|approved|granted|churn\w*|decision)($|_)"
)
_WEIGHT = re.compile(r"(^|_)(weights?|fnlwgt|pwgtp)($|_)")
_CODE = re.compile(r"(^|_)(zip|zipcode|postcode|postal|plz|fips|area_code|code)($|_)")
_CLUSTER = re.compile(r"(^|_)(id|patient|household|person|customer|user|subject|client|school|hospital)($|_)")
_SPLITS = {"train", "training", "validate", "validation", "valid", "test"}
_FAVOURABLE = ("1", "true", "yes")
_UNFAVOURABLE = ("0", "false", "no")


@dataclass(frozen=True, kw_only=True)
class InspectedColumn:
    """A column with its probable role and how it would be read."""

    facts: ColumnFacts
    role: Role
    remark: str
    """What a reader should review; empty if nothing."""
    categorical: bool = False
    """Whether numbers are codes, to be read as categories."""
    levels: tuple[str, ...] = ()
    """The values of a column with few of them, sorted."""
    edges: tuple[float, ...] = ()
    """Bin edges of a sensitive attribute that is a number."""

    @property
    def name(self) -> str:
        """The column's name."""
        return self.facts.name


def words(name: str) -> str:
    """A column name in lower case with underscores, so that ``Marital-Status`` and ``maritalStatus`` are one."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1_\2", name)
    return re.sub(r"\W+", "_", spaced).strip("_").lower()


def guess_target(facts: Sequence[ColumnFacts]) -> str:
    """The probable target: a column with such a name, else the last one with few values, else the last.

    Args:
        facts: of every column; not empty.
    """
    usable = [column for column in facts if column.kind not in ("date", "other") and not column.identifier]
    named = [column.name for column in usable if _TARGET.search(words(column.name))]
    few = [column.name for column in usable if 2 <= column.distinct <= MOST_CLASSES]
    return (named or few or [facts[-1].name])[-1]


def role_of(
    column: ColumnFacts, *, target: str, levels: Sequence[str], quantiles: Sequence[float] = ()
) -> InspectedColumn:
    """The probable role of a column.

    Args:
        column: its facts.
        target: the target column.
        levels: its values, if they are few.
        quantiles: the first and second third of a column of numbers.
    """
    name = words(column.name)
    known = tuple(levels)
    if column.name == target:
        return InspectedColumn(facts=column, role="target", remark="", levels=known)
    if column.kind == "other":
        return InspectedColumn(facts=column, role="unusable", remark=f"contains {column.type}; dropped")
    if column.constant:
        return InspectedColumn(facts=column, role="constant", remark="one value; dropped", levels=known)
    if known and {level.lower() for level in known} <= _SPLITS:
        return InspectedColumn(facts=column, role="split", remark="names the split of each row", levels=known)
    if column.kind == "number" and _WEIGHT.search(name):
        return InspectedColumn(facts=column, role="weights", remark="a weight by its name")
    if column.identifier:
        return InspectedColumn(facts=column, role="identifier", remark="differs in every row; dropped")
    if _SENSITIVE.search(name) and column.kind != "date":
        if column.kind == "number" and column.distinct > MOST_CLASSES:
            edges = tuple(dict.fromkeys(nice_edge(value) for value in quantiles))
            return InspectedColumn(facts=column, role="sensitive", remark="in bins; not a feature", edges=edges)
        return InspectedColumn(facts=column, role="sensitive", remark="not a feature", levels=known)
    if _CLUSTER.search(name) and column.kind in ("number", "text") and column.distinct > MOST_CLASSES:
        remark = "identifies rows that belong together; not a feature"
        return InspectedColumn(facts=column, role="clusters", remark=remark)
    return _feature(column, known, name)


def _feature(column: ColumnFacts, levels: tuple[str, ...], name: str) -> InspectedColumn:
    code = column.kind == "number" and _CODE.search(name) is not None
    if (code or column.kind == "text") and column.distinct > max(MOST_CLASSES, column.rows // 2):
        return InspectedColumn(facts=column, role="identifier", remark="a value for every one or two rows; dropped")
    remarks = []
    if column.kind == "date":
        remarks.append("days since 1970-01-01")
    if code:
        remarks.append("a code: categories, not numbers")
    if column.missing and column.kind == "number" and not code:
        remarks.append("missing values are filled with the median, and marked")
    return InspectedColumn(facts=column, role="feature", remark="; ".join(remarks), categorical=code, levels=levels)


def nice_edge(value: float) -> float:
    """A number rounded to the multiple of 1, 2 or 5 times a power of ten that is nearest to a seventh of it."""
    if value == 0:
        return 0.0
    size = abs(value) / 7
    power = 10.0 ** math.floor(math.log10(size))
    step = min((power, 2 * power, 5 * power, 10 * power), key=lambda each: abs(each - size))
    return float(f"{round(value / step) * step:.12g}")


def favourable_of(levels: Sequence[str]) -> str | None:
    """The better class of a target whose two classes say so themselves: 1 of 0 and 1, yes of no and yes; else None."""
    by_word: Mapping[str, str] = {level.lower(): level for level in levels}
    for good, bad in zip(_FAVOURABLE, _UNFAVOURABLE, strict=True):
        if set(by_word) == {good, bad}:
            return by_word[good]
    return None
