"""Several loaders of one split (a list, a mapping, or nested ones), each by its name, and whether two are the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

import numpy as np
import torch

from glasshouse.data.batch_layout import named_fields
from glasshouse.evidence.comparing import same_values
from glasshouse.external_data.ordered_loader import in_dataset_order


def named_loaders(loaders: Any) -> dict[str, Any]:
    """Name -> loader, in the order of Lightning's `dataloader_idx`; the name of a single loader without key is empty.

    The names are the keys of a mapping, and ``dataloader_idx_0``, ... in a list, as Lightning logs them; those of
    nested collections are joined by a hyphen.
    """
    found = list(_flat(loaders))
    if len(found) == 1:
        return {"-".join(found[0][0]): found[0][1]}
    return {"-".join(path) if path else f"dataloader_idx_{k}": loader for k, (path, loader) in enumerate(found)}


def _flat(loaders: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(loaders, Mapping):
        for name, inner in loaders.items():
            yield from (((str(name), *path), loader) for path, loader in _numbered(inner))
    elif isinstance(loaders, (list, tuple)):
        for inner in loaders:
            yield from _flat(inner)
    else:
        yield (), loaders


def _numbered(loaders: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """As `_flat`; loaders of a list within a mapping are numbered, since their names would be the mapping's key."""
    inner = list(_flat(loaders))
    many = len(inner) > 1
    yield from (((*path, str(k)) if many and not path else path, loader) for k, (path, loader) in enumerate(inner))


def same_rows(first: Any, second: Any) -> bool:
    """Whether two loaders visit the same rows: of one data set, or with equal content, batch by batch."""
    if first is second:
        return True
    one, other = in_dataset_order(first), in_dataset_order(second)
    if one.rows is not None and other.rows is not None:
        if one.dataset is other.dataset:
            return np.array_equal(one.rows, other.rows)
        if len(one.rows) != len(other.rows):
            return False
    if not (one.known and other.known):
        return False
    return _equal(one.batches, other.batches)


def _equal(first: Iterable[Any], second: Iterable[Any]) -> bool:
    end = object()
    return all(a is not end and b is not end and _same_part(a, b) for a, b in zip_longest(first, second, fillvalue=end))


def _same_part(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        same_kind = first.shape == second.shape and first.dtype == second.dtype
        return same_kind and same_values(first.cpu(), second.cpu())
    fields, others = named_fields(first), named_fields(second)
    if fields is not None and others is not None:
        return set(fields) == set(others) and all(_same_part(fields[name], others[name]) for name in fields)
    if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)):
        return len(first) == len(second) and all(map(_same_part, first, second))
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return bool(np.array_equal(first, second))
    return type(first) is type(second) and bool(first == second)
