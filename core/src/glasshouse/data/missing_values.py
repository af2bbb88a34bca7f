"""What to do with missing values among the features: one way for all columns, or one for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from glasshouse.errors import UserError, did_you_mean

Treatment = Literal["error", "impute", "median", "mode", "drop"]
"""``error``; ``impute``: the training median and an indicator column, for categories a level of its own; ``median``:
the training median alone; ``mode``: the most frequent training value; ``drop``: omit rows with a missing value."""

Missing = Treatment | Mapping[str, Treatment]
"""One treatment for all columns, or column -> treatment; in columns without one a missing number is an ``error``."""


@dataclass(frozen=True)
class MissingPlan:
    """The treatment of each column."""

    default: Treatment = "error"
    by_column: Mapping[str, Treatment] = field(default_factory=dict)

    @classmethod
    def read(cls, missing: Missing, *, who: str) -> MissingPlan:
        """The plan of an option `missing`.

        Raises:
            UserError: for an unknown treatment.
        """
        plan = cls(by_column=dict(missing)) if isinstance(missing, Mapping) else cls(default=missing)
        for name, treatment in {"": plan.default, **plan.by_column}.items():
            if treatment not in get_args(Treatment):
                where = f" of column '{name}'" if name else ""
                raise UserError(
                    who, f"missing{where} is {treatment!r}; expected one of {', '.join(get_args(Treatment))}."
                )
        return plan

    def treatment(self, column: str) -> Treatment:
        """The treatment of a column."""
        return self.by_column.get(column, self.default)

    def check_columns(self, features: Collection[str], categorical: Collection[str], *, who: str) -> None:
        """Refuse treatments that have no effect.

        Raises:
            UserError: for a column that is no feature, or the median of a category.
        """
        for name, treatment in self.by_column.items():
            if name not in features:
                raise UserError(who, f"`missing` names '{name}', which is no feature.", did_you_mean(name, features))
            if treatment == "median" and name in categorical:
                raise UserError(
                    who, f"column '{name}' has categories; they have no median.", f"Write `missing: {{{name}: mode}}`."
                )
