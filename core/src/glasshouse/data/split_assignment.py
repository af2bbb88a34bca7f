"""Who trains, who validates, who tests: one code a row, reproducible from a seed. Pure arithmetic on arrays.

`glasshouse.data.split_option` says which of these a data module uses.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_GOLDEN = (5**0.5 - 1) / 2


def draw_split(strata: NDArray[np.int64], fractions: Sequence[float], *, seed: int) -> NDArray[np.int64]:
    """Codes into `fractions` for every row, in the given shares within every stratum.

    Systematic sampling: within a stratum of m rows the r-th in random order (r = 0 ... m - 1) gets the part in whose
    share of [0, 1) the point (r + u) / m lies, so each part's size is its exact share to within one row. The start u
    in [0, 1) differs between strata by multiples of the golden ratio, which spread evenly, so that many small strata
    do not all round the same way.

    Args:
        strata: (n,) integer codes; one value throughout means no stratification.
        fractions: shares that sum to 1.
        seed: where the random order comes from.
    """
    n = len(strata)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(n)
    by_stratum = shuffled[np.argsort(strata[shuffled], kind="stable")]
    _, sizes = np.unique(strata, return_counts=True)
    place = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    start = (rng.random() + _GOLDEN * np.arange(len(sizes))) % 1
    points = (place + np.repeat(start, sizes)) / np.repeat(sizes, sizes)
    # the last part takes what rounding leaves, so the bound 1.0 (or 0.9999...) is not looked at
    parts = np.searchsorted(np.cumsum(fractions)[:-1], points, side="right")
    codes = np.empty(n, dtype=np.int64)
    codes[by_stratum] = parts
    return codes


def split_groups(groups: NDArray[np.int64], fractions: Sequence[float], *, seed: int) -> NDArray[np.int64]:
    """Codes into `fractions` for every row, the same for all rows of a group.

    The largest group comes first, and each goes to the part that lacks most rows, as in scikit-learn's `GroupKFold`;
    no part gets more than its share plus the largest group. Groups of one size are dealt out together, in random
    order, so that the time goes with the number of different sizes and not of groups. A part that would be left
    without a group gets the smallest of the part with most rows too many. The order of the rows does not matter.

    Args:
        groups: (n,) integer codes; which integers they are does not matter, but their order does.
        fractions: shares that sum to 1.
        seed: which of several groups of one size goes where.
    """
    _, group_of, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    lacking = np.asarray(fractions) * len(groups)
    different, counts = np.unique(sizes, return_counts=True)
    parts = [np.empty(0, dtype=np.int64)]
    for size, count in zip(different[::-1].tolist(), counts[::-1].tolist(), strict=True):
        dealt = _dealt(lacking, size, count)
        parts.append(np.repeat(np.arange(len(lacking)), dealt))
        lacking = lacking - size * dealt
    part_of = np.empty(len(sizes), dtype=np.int64)
    part_of[order] = np.concatenate(parts)
    return _none_empty(part_of, sizes, np.asarray(fractions))[group_of]


def _dealt(lacking: NDArray[np.float64], size: int, count: int) -> NDArray[np.int64]:
    """How many of `count` groups of `size` rows each part gets, where each goes to the part that lacks most.

    Poured in like water, they would bring all parts that get any to one level; what whole groups do not fill of that,
    fewer groups than parts, is dealt out one by one.
    """
    falling = np.sort(lacking)[::-1]
    levels = (np.cumsum(falling) - size * count) / np.arange(1, len(falling) + 1)
    level = levels[np.flatnonzero(levels < falling)[-1]]
    dealt: NDArray[np.int64] = np.maximum(np.floor((lacking - level) / size), 0).astype(np.int64)
    for _ in range(count - int(dealt.sum())):
        dealt[np.argmax(lacking - size * dealt)] += 1
    return dealt


def _none_empty(
    part_of: NDArray[np.int64], sizes: NDArray[np.int64], fractions: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The same parts of groups, but none without a group that is to have a share, where there are groups enough."""
    for empty in np.flatnonzero(fractions > 0):
        groups = np.bincount(part_of, minlength=len(fractions))
        if groups[empty] or groups.max() < 2:
            continue
        surplus = np.bincount(part_of, weights=sizes, minlength=len(fractions)) - fractions * sizes.sum()
        giving = np.flatnonzero(part_of == np.argmax(np.where(groups > 1, surplus, -np.inf)))
        part_of[giving[np.argmin(sizes[giving])]] = empty
    return part_of


def split_times(times: NDArray[np.int64], fractions: Sequence[float]) -> NDArray[np.int64]:
    """Codes into `fractions` for every row: the first part holds the earliest times, the last the latest.

    Rows of one time stay together. Each cut lies between the two times nearest to where the shares ask for it, and
    every part gets one time at least. The order of the rows does not matter.

    Args:
        times: (n,) integers that grow with time.
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
