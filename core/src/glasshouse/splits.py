"""Who trains, who validates, who tests: one code a row, reproducible from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.data import SPLITS
from glasshouse.errors import UserError, did_you_mean

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


def split_rows(
    given: NDArray[Any] | None, strata: NDArray[np.int64], fractions: Sequence[float], *, seed: int, who: str
) -> dict[str, NDArray[np.int64]]:
    """Row numbers of train, validate and test, each ascending.

    A given split is followed; if it names no ``validate``, that is cut from its ``train`` in the proportion of the
    first two fractions.

    Raises:
        UserError: for fractions that do not sum to 1, unknown split names, or an empty split.
    """
    if len(fractions) != 3 or min(fractions) < 0 or not np.isclose(sum(fractions), 1.0):
        raise UserError(
            who, f"fractions are {list(fractions)}; expected three shares (train, validate, test) that sum to 1."
        )
    if given is None:
        codes = draw_split(strata, fractions, seed=seed)
    else:
        codes = _given_codes(given, who=who)
        if not np.any(codes == 1):
            train = np.flatnonzero(codes == 0)
            keep = fractions[0] / max(fractions[0] + fractions[1], 1e-12)
            codes[train] = draw_split(strata[train], (keep, 1 - keep), seed=seed)
    rows = {name: np.flatnonzero(codes == code) for code, name in enumerate(SPLITS)}
    for name, chosen in rows.items():
        if not len(chosen):
            counts = ", ".join(f"{other} {len(rows[other])}" for other in SPLITS)
            raise UserError(
                who,
                f"split '{name}' is empty ({counts} rows).",
                "Give more rows, or other `fractions` or split column.",
            )
    return rows


def _given_codes(given: NDArray[Any], *, who: str) -> NDArray[np.int64]:
    names, inverse = np.unique(np.asarray(given).astype(str), return_inverse=True)
    aliases = {"val": "validate", "valid": "validate", "validation": "validate"}
    known = [aliases.get(name, name) for name in names.tolist()]
    for name in known:
        if name not in SPLITS:
            raise UserError(who, f"the split column holds '{name}'.", did_you_mean(name, SPLITS))
    return np.array([SPLITS.index(name) for name in known], dtype=np.int64)[inverse]
