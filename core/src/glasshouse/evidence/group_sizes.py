"""Groups of a handful of rows: said before anything is measured, with a proposal of larger ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from glasshouse.evidence.evidence import Evidence

_MANY = 20
_HANDFUL = 10
_MOST_GROUPS = 50
_SHARES = (0.2, 0.4, 0.6, 0.8)


def notes_on_small_groups(evidence: Evidence) -> list[str]:
    """A sentence for each sensitive attribute with more than 20 groups, half of them of fewer than 10 rows."""
    return [note for name, levels, sizes in _sizes(evidence) if (note := note_on(name, levels, sizes)) is not None]


def note_on(name: str, levels: Sequence[str], sizes: NDArray[np.int64]) -> str | None:
    """What is wrong with an attribute's groups and what to do; None where most of them have enough rows.

    Args:
        name: the attribute.
        levels: its groups.
        sizes: (G,) rows of each.
    """
    sizes = np.asarray(sizes)
    occupied = sizes > 0
    if occupied.sum() <= _MANY or np.median(sizes[occupied]) >= _HANDFUL:
        return None
    proposal = _bins(name, levels, sizes) or _beginnings(levels, sizes) or "Merge them into fewer groups."
    return (
        f"'{name}' has {occupied.sum():,} groups, half of them of at most {int(np.median(sizes[occupied])):,} rows: "
        f"too few to compare. {proposal}"
    )


def _sizes(evidence: Evidence) -> Iterator[tuple[str, Sequence[str], NDArray[np.int64]]]:
    if evidence.predictions:
        for name, column in evidence.evaluated.groups.items():
            yield name, column.levels, np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
    elif evidence.tables is not None:
        for attribute in evidence.tables.attributes:
            tables = evidence.tables.over((attribute.name,))
            counted = next((one for one in (tables.counts, *tables.labels.values(), tables.values) if one), None)
            if counted is not None:
                yield attribute.name, [group[attribute.name] for group in counted.groups], counted.sizes


def _bins(name: str, levels: Sequence[str], sizes: NDArray[np.int64]) -> str | None:
    """Edges of bins with about equally many rows, where the levels are numbers."""
    try:
        numbers = np.array([float(level) for level in levels])
    except ValueError:
        return None
    order = np.argsort(numbers)
    running = np.cumsum(sizes[order]) / sizes.sum()
    edges = sorted({float(f"{numbers[order][np.searchsorted(running, share)]:.3g}") for share in _SHARES})
    shown = [f"{edge:g}" for edge in edges]
    written = f"--sensitive {name}={','.join(shown)}, or bins={{{name!r}: ({', '.join(shown)})}}"
    return f"Bins of about equally many rows: {written}."


def _beginnings(levels: Sequence[str], sizes: NDArray[np.int64]) -> str | None:
    """How many first characters make few groups, as of postcodes and codes of diseases."""
    for length in range(5, 0, -1):
        groups: dict[str, int] = {}
        for level, size in zip(levels, sizes, strict=True):
            groups[level[:length]] = groups.get(level[:length], 0) + int(size)
        if 1 < len(groups) <= _MOST_GROUPS and np.median(list(groups.values())) >= _HANDFUL:
            first = "The first character makes" if length == 1 else f"The first {length} characters make"
            return f"{first} {len(groups)} groups: write them into a column of their own."
    return None
