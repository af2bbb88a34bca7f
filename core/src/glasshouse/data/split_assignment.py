"""Assignment of rows to parts: stratified, by group or by time, reproducible from a seed.

`glasshouse.data.split_option` selects the method of a data module.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_GOLDEN = (5**0.5 - 1) / 2


def draw_split(strata: NDArray[np.int64], fractions: Sequence[float], *, seed: int) -> NDArray[np.int64]:
    """The part of every row, as a position in `fractions`, with the given shares within every stratum.

    Systematic sampling: within a stratum of m rows the r-th in random order (r = 0 ... m - 1) gets the part in whose
    share of [0, 1) the point (r + u) / m lies, so each part's size is its exact share to within one row. The start u
    in [0, 1) differs between strata by multiples of the golden ratio, which spread evenly, so that many small strata
    do not all round the same way.

    Args:
        strata: (n,) integer codes; a single value means no stratification.
        fractions: shares that sum to 1.
        seed: of the random order.
    """
    n = len(strata)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(n)
    by_stratum = shuffled[np.argsort(strata[shuffled], kind="stable")]
    _, sizes = np.unique(strata, return_counts=True)
    place = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    start = (rng.random() + _GOLDEN * np.arange(len(sizes))) % 1
    points = (place + np.repeat(start, sizes)) / np.repeat(sizes, sizes)
    # without the last bound: rounding may make it 0.9999..., and the last part takes the rest
    parts = np.searchsorted(np.cumsum(fractions)[:-1], points, side="right")
    codes = np.empty(n, dtype=np.int64)
    codes[by_stratum] = parts
    return codes


def split_groups(groups: NDArray[np.int64], fractions: Sequence[float], *, seed: int) -> NDArray[np.int64]:
    """The part of every row, as a position in `fractions`, the same for all rows of a group.

    Groups are assigned from the largest to the smallest, each to the part that lacks most rows, as in scikit-learn's
    `GroupKFold`; no part exceeds its share by more than the largest group. Groups of the same size are assigned
    together, in random order, so that the time depends on the number of different sizes. A part without a group gets
    the smallest group of the part with the largest excess. The order of the rows has no effect.

    Args:
        groups: (n,) integer codes; only their order has an effect.
        fractions: shares that sum to 1.
        seed: of the order of groups of the same size.
    """
    _, group_of, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    lacking = np.asarray(fractions) * len(groups)
    different, counts = np.unique(sizes, return_counts=True)
    parts = [np.empty(0, dtype=np.int64)]
    for size, count in zip(different[::-1].tolist(), counts[::-1].tolist(), strict=True):
        allocated = _allocate_groups(lacking, size, count)
        parts.append(np.repeat(np.arange(len(lacking)), allocated))
        lacking = lacking - size * allocated
    part_of = np.empty(len(sizes), dtype=np.int64)
    part_of[order] = np.concatenate(parts)
    return _fill_empty_parts(part_of, sizes, np.asarray(fractions))[group_of]


def _allocate_groups(lacking: NDArray[np.float64], size: int, count: int) -> NDArray[np.int64]:
    """How many of `count` groups of `size` rows each part gets, if each group goes to the part that lacks most rows.

    Continuous assignment would reduce what the receiving parts lack to one common level (water-filling). Whole groups
    reach that level up to a remainder of fewer groups than parts, which are assigned one by one.
    """
    falling = np.sort(lacking)[::-1]
    levels = (np.cumsum(falling) - size * count) / np.arange(1, len(falling) + 1)
    level = levels[np.flatnonzero(levels < falling)[-1]]
    allocated: NDArray[np.int64] = np.maximum(np.floor((lacking - level) / size), 0).astype(np.int64)
    for _ in range(count - int(allocated.sum())):
        allocated[np.argmax(lacking - size * allocated)] += 1
    return allocated


def _fill_empty_parts(
    part_of: NDArray[np.int64], sizes: NDArray[np.int64], fractions: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The assignment, changed so that every part with a positive share has a group, if there are enough."""
    for empty in np.flatnonzero(fractions > 0):
        groups = np.bincount(part_of, minlength=len(fractions))
        if groups[empty] or groups.max() < 2:
            continue
        surplus = np.bincount(part_of, weights=sizes, minlength=len(fractions)) - fractions * sizes.sum()
        giving = np.flatnonzero(part_of == np.argmax(np.where(groups > 1, surplus, -np.inf)))
        part_of[giving[np.argmin(sizes[giving])]] = empty
    return part_of


def split_times(times: NDArray[np.int64], fractions: Sequence[float]) -> NDArray[np.int64]:
    """The part of every row, as a position in `fractions`: the first part has the earliest times, the last the latest.

    Rows of the same time stay together. Each cut is between the two times nearest to the requested share, and every
    part gets at least one time. The order of the rows has no effect.

    Args:
        times: (n,) integers that increase with time.
        fractions: shares that sum to 1.

    Raises:
        ValueError: for fewer different times than parts.
    """
    _, time_of, sizes = np.unique(times, return_inverse=True, return_counts=True)
    if len(sizes) < len(fractions):
        raise ValueError(f"{len(sizes)} different times cannot be cut into {len(fractions)} parts")
    rows_until = np.cumsum(sizes)
    wanted = np.cumsum(fractions)[:-1] * len(times)
    cuts: list[int] = []
    for place, rows in enumerate(wanted):
        first = cuts[-1] + 1 if cuts else 1
        last = len(sizes) - len(wanted) + place
        cuts.append(first + int(np.argmin(np.abs(rows_until[first - 1 : last] - rows))))
    return np.searchsorted(cuts, time_of, side="right")
