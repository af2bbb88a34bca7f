"""Target, sensitive attributes and split of every row of a data set, coded from its columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.data.column_coding import code_sensitive, code_target
from glasshouse.data.data_info import Sensitive, Target
from glasshouse.data.raw_table import Coded, Column, RawTable, fingerprint
from glasshouse.data.split_option import SplitPlan
from glasshouse.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from glasshouse.data.batch import Batch


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """Target and sensitive attributes of n rows, and the rows of each split.

    `y` (n,) int64 class codes or float32 values, `codes` (n, a) int32 level codes of the attributes in `sensitive`,
    `rows` the row positions of each split, ascending.
    """

    target: Target
    y: NDArray[Any]
    sensitive: tuple[Sensitive, ...]
    codes: NDArray[np.int32]
    rows: Mapping[str, NDArray[np.int64]]

    @classmethod
    def read(
        cls,
        table: RawTable,
        columns: Mapping[str, Column],
        plan: SplitPlan,
        *,
        given: NDArray[Any] | None = None,
        by: Any = None,
        seen: Sequence[str] = (),
        labels: Callable[[str], Coded] | None = None,
        who: str,
    ) -> Labelled:
        """Code the target and the sensitive attributes of a table, and split its rows.

        Args:
            table: declares the target column and the sensitive columns.
            columns: these columns.
            plan: how the rows are split.
            given: the split of each row, if the data have a predefined split.
            by: the column of the split plan.
            seen: columns that are features of the model.
            labels: the names of classes and groups in a column of `table`; by default those of its numbers.
            who: the data's name in error messages.

        Raises:
            UserError: for an unusable target, an empty split, or a training split with a single class.
        """
        target, y = code_target(table, columns[table.target], labels=labels, who=who)
        strata = np.zeros(len(y), dtype=np.int64) if target.kind == "regression" else y
        rows = plan.rows(strata=strata, given=given, values=by, who=who)
        if target.classes and len(np.unique(y[rows["train"]])) < 2:
            only = target.classes[int(y[rows["train"][0]])]
            raise UserError(who, f"the training split has only one class of '{target.name}': '{only}'.")
        if target.kind == "regression":
            known = y[rows["train"]].astype(np.float64)
            target = replace(target, center=float(known.mean()), scale=float(known.std()) or 1.0)
        groups = [code_sensitive(each, columns[each.column], labels=labels, who=who) for each in table.sensitive]
        return cls(
            target=target,
            y=y,
            sensitive=tuple(
                Sensitive(name=each.name, levels=group.levels, seen_by_model=each.column in seen)
                for each, group in zip(table.sensitive, groups, strict=True)
            ),
            codes=np.stack([group.codes for group in groups], axis=1) if groups else np.empty((len(y), 0), np.int32),
            rows=rows,
        )

    @classmethod
    def for_inputs(cls, table: RawTable, n: int, plan: SplitPlan, *, who: str) -> tuple[Labelled, str]:
        """As `read`, for n images or texts whose labels are in `table`; also returns the fingerprint of the columns.

        Raises:
            UserError: for a column whose length is not `n`, a missing label, and as `read`.
        """
        roles = {
            **{each.column: f"sensitive attribute '{each.name}'" for each in table.sensitive},
            table.target: "target",
        }
        columns = {name: table.column(name, role=role, who=who) for name, role in roles.items()}
        given = None if table.split is None else np.asarray(table.split)
        by = None if plan.column is None else table.raw(plan.column, role="split", who=who)
        aligned: list[tuple[str, Any]] = [*columns.items(), ("split", given), (str(plan.column), by)]
        for name, values in aligned:
            if values is not None and len(values) != n:
                raise UserError(who, f"column '{name}' has {len(values):,} rows, but there are {n:,} inputs.")
        labels = columns[table.target]
        absent = int((labels.codes < 0).sum() if isinstance(labels, Coded) else np.isnan(labels).sum())
        if absent:
            raise UserError(
                who, f"the target '{table.target}' is missing in {absent:,} of {n:,} rows.", "Leave these rows out."
            )
        found = cls.read(
            table, columns, plan, given=given, by=by, labels=lambda name: table.labels(name, who=who), who=who
        )
        return found, fingerprint({**columns, "": found.parts()})

    def parts(self) -> NDArray[np.float64]:
        """(n,) the split of each row: 0 train, 1 validate, 2 test."""
        parts = np.zeros(len(self.y))
        parts[self.rows["validate"]], parts[self.rows["test"]] = 1, 2
        return parts

    def batch(self, split: str, x: Tensor) -> Batch:
        """The rows of one split with their inputs `x` (m, ...), as one batch."""
        import torch

        from glasshouse.data.batch import Batch

        chosen = self.rows[split]
        return Batch(
            x,
            torch.from_numpy(self.y[chosen]),
            torch.from_numpy(self.codes[chosen].astype(np.int64)),
            torch.arange(len(chosen)),
        )

    def counts(self) -> dict[str, int]:
        """Number of rows of each split."""
        return {split: len(chosen) for split, chosen in self.rows.items()}
