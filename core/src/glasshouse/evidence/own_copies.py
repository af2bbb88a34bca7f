"""Each audit receives copies of the evidence, so that what one audit writes reaches no other.

The arrays of `Predictions` and of tables are read-only, but torch has no read-only tensors, and a tensor made from a
read-only array can be written to. Where there is a model, both are therefore copied for each audit: arrays of a split
when it is first read, inputs whenever they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from glasshouse.evidence.evidence import Evidence
from glasshouse.evidence.predictions import ARRAYS, Predictions

FIRST_ROWS = 256
"""The rows of inputs that are compared to find out whether an audit wrote into them."""

KEPT_BYTES = 1 << 26
"""Inputs of more bytes are not kept until the end of the audit, so writing into them is not reported."""


class OwnCopies:
    """The copies that one audit receives.

    `evidence` is the audit's; `written()` names what the audit has written into.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._splits = _CopiedSplits(evidence.predictions)
        self._given: list[tuple[str, Any, Any]] = []
        self._inputs = evidence.inputs
        self._inputs_at = evidence.inputs_at
        make_read_only(evidence.tables)
        self.evidence = replace(
            evidence,
            predictions=self._splits,
            inputs=None if evidence.inputs is None else self._own_inputs,
            inputs_at=None if evidence.inputs_at is None else self._own_inputs_at,
        )

    def written(self) -> list[str]:
        """What was written into, such as ``inputs of test``; each once."""
        changed = [split for split, now, before in self._given if not _same_tensor(now[:FIRST_ROWS], before)]
        return list(dict.fromkeys([*self._splits.written(), *(f"inputs of {split}" for split in changed)]))

    def _own_inputs(self, split: str) -> Any:
        assert self._inputs is not None
        own = self._inputs(split).clone()
        if own.nbytes <= KEPT_BYTES:
            self._given.append((split, own, own[:FIRST_ROWS].clone()))
        return own

    def _own_inputs_at(self, split: str, rows: Any) -> Any:
        assert self._inputs_at is not None
        found = self._inputs_at(split, rows)
        return found.clone() if isinstance(rows, slice) else found  # rows by number are copies already


class _CopiedSplits(Mapping[str, Predictions]):
    """Predictions by split, each copied when it is first read."""

    def __init__(self, splits: Mapping[str, Predictions]) -> None:
        self._splits = splits
        self._copies: dict[str, Predictions] = {}

    def __getitem__(self, split: str) -> Predictions:
        if split not in self._copies:
            self._copies[split] = copied(self._splits[split])
        return self._copies[split]

    def __contains__(self, split: object) -> bool:
        return split in self._splits

    def __iter__(self) -> Iterator[str]:
        return iter(self._splits)

    def __len__(self) -> int:
        return len(self._splits)

    def written(self) -> Iterator[str]:
        for split, copy in self._copies.items():
            given = self._splits[split]
            pairs = {name: (getattr(copy, name), getattr(given, name)) for name in ARRAYS}
            pairs |= {name: (one.codes, given.groups[name].codes) for name, one in copy.groups.items()}
            yield from (f"{name} of {split}" for name, pair in pairs.items() if not _same_array(*pair))


def make_read_only(value: Any) -> None:
    """Make the arrays in a dataclass, a mapping or a sequence, however deep, read-only."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, Mapping):
        for part in value.values():
            make_read_only(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            make_read_only(part)
    elif is_dataclass(value):
        for one in fields(value):
            make_read_only(getattr(value, one.name))


def copied(predictions: Predictions) -> Predictions:
    """The same predictions in arrays of their own."""
    groups = {name: replace(one, codes=one.codes.copy()) for name, one in predictions.groups.items()}
    arrays = {name: getattr(predictions, name) for name in ARRAYS}
    own: dict[str, Any] = {name: None if array is None else array.copy() for name, array in arrays.items()}
    return replace(predictions, groups=groups, **own)


def _same_tensor(first: Any, second: Any) -> bool:
    from glasshouse.evidence.comparing import same_values  # imports torch, which predictions alone do without

    return same_values(first, second)


def _same_array(first: Any, second: Any) -> bool:
    if first is None or second is None:
        return first is second
    return bool(np.array_equal(first, second, equal_nan=first.dtype.kind == "f"))
