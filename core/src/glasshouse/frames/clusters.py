"""Contribution of each cluster of rows to the counts, summed batch by batch without storing rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse

from glasshouse.data.level_names import level_names
from glasshouse.errors import UserError


class _Part(NamedTuple):
    """One batch: names of clusters, provisional codes of cells, and the sum of weights of each pair of both."""

    names: pa.StringArray
    codes: NDArray[np.int64]
    cluster: NDArray[np.int64]
    cell: NDArray[np.int64]
    weight: NDArray[np.float64]


@dataclass(eq=False)
class ClusterTally:
    """Sums by cluster and cell so far; memory depends on the number of clusters, not of rows."""

    column: str
    parts: list[_Part] = field(default_factory=list)

    def add(
        self,
        batch: pa.RecordBatch,
        slot: NDArray[np.int64],
        codes: NDArray[np.int64],
        weights: NDArray[np.float64] | None,
    ) -> None:
        """Add a batch.

        Args:
            batch: rows with the column of clusters.
            slot: (n,) the cell of each row.
            codes: (m, a + 2) provisional codes of the cells.
            weights: (n,), or None.

        Raises:
            UserError: for rows without a cluster, or values that cannot be names.
        """
        encoded = _named(batch.column(self.column), self.column)
        if encoded.null_count:
            raise UserError(
                f"column '{self.column}'",
                f"expected a cluster for every row, found {encoded.null_count:,} without.",
                "Give each of them a value of its own, or leave them out.",
            )
        pair = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64) * len(codes) + slot
        pairs, place = np.unique(pair, return_inverse=True)
        summed = np.bincount(place, weights=weights, minlength=len(pairs)).astype(np.float64)
        cluster, cell = np.divmod(pairs, len(codes))
        self.parts.append(_Part(encoded.dictionary, codes, cluster, cell, summed))

    def sums(
        self, cell_of: Callable[[NDArray[np.int64]], NDArray[np.int64]], cells: int
    ) -> tuple[NDArray[Any], sparse.csr_array]:
        """Names of the u clusters, ascending, and their sums (u, cells).

        Args:
            cell_of: from provisional codes (m, a + 2) to positions in the flattened cells.
            cells: number of cells.
        """
        every = pa.chunked_array([part.names for part in self.parts]).unique()
        order = pc.sort_indices(every)
        names = every.take(order)
        places = [pc.index_in(part.names, names).to_numpy(zero_copy_only=False) for part in self.parts]
        rows = np.concatenate([place[part.cluster] for place, part in zip(places, self.parts, strict=True)])
        columns = np.concatenate([cell_of(part.codes)[part.cell] for part in self.parts])
        weights = np.concatenate([part.weight for part in self.parts])
        found = sparse.coo_array((weights, (rows, columns)), shape=(len(names), cells)).tocsr()
        return np.asarray(names.to_pylist(), dtype=object), found


def _named(values: pa.Array, column: str) -> pa.DictionaryArray:
    """The names of clusters, dictionary-encoded."""
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_large_string(kind):
        return values.cast(pa.string()).dictionary_encode()  # of which there may be millions
    try:
        encoded = values if pa.types.is_dictionary(kind) else values.dictionary_encode()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        raise UserError(f"column '{column}'", f"contains {kind}; expected names of clusters.") from None
    names = pa.array(level_names(encoded.dictionary, column), pa.string())
    return names.take(encoded.indices).dictionary_encode()
