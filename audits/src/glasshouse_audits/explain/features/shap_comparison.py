"""Shapley values of features by the shap library: an independent check of our own.

The game of one row: the players are features, not encoded columns, and the value of a coalition is the model's mean
output with the coalition's features from the row and the others from a background row (the interventional value
function of Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", 2017, and Janzing et al.,
"Feature relevance quantification in explainable AI", 2020). shap chooses the coalitions and combines their values;
this module computes the values in blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Score = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""From encoded rows (m, width) to the explained outputs (m, k)."""

EXACT_EVALUATIONS = 1_500_000
"""All 2^d coalitions are evaluated if that takes at most this many model evaluations (a second or two)."""

PERMUTATION_EVALUATIONS = 4_000_000
"""Otherwise as many orders are drawn as take at most this many model evaluations, and at least `LEAST_PERMUTATIONS`."""

LEAST_PERMUTATIONS = 2

# Model evaluations per block: larger ones fall out of the processor's cache and are several times slower.
_BLOCK = 8192


@dataclass(frozen=True)
class CoalitionGame:
    """Values of coalitions of features, for every explained row.

    `rows` (n, width) are explained against `background` (b, width), both float32; `owner` (width,) is the number of
    each column's feature; `score` is the model.
    """

    score: Score
    rows: NDArray[np.float32]
    background: NDArray[np.float32]
    owner: NDArray[np.intp]

    @property
    def features(self) -> int:
        """Number of players."""
        return int(self.owner.max()) + 1

    def coalition_value(self, row: int, coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Mean outputs (m, k) for m coalitions of features, (m, d), of one row."""
        per_block = max(1, _BLOCK // len(self.background))
        differs = self._differs(row)
        return np.concatenate(
            [
                self._block(row, differs, coalitions[start : start + per_block])
                for start in range(0, len(coalitions), per_block)
            ]
        )

    def _differs(self, row: int) -> NDArray[np.bool_]:
        """(b, d) whether a feature of the row and of a background row have different values."""
        columns = self.rows[row] != self.background
        differs = np.zeros((len(columns), self.features), dtype=bool)
        np.logical_or.at(differs.T, self.owner, columns.T)
        return differs

    def _block(self, row: int, differs: NDArray[np.bool_], coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Values of a sequence of coalitions that differ in about one feature from one to the next.

        If the row and a background row have the same value of that feature, the mixed input does not change and is not
        evaluated again. This is frequent in tables: the same sex, no capital gain.
        """
        swapped = coalitions[:, None, :] & differs
        fresh = np.ones(swapped.shape[:2], dtype=bool)
        fresh[1:] = (swapped[1:] != swapped[:-1]).any(axis=2)
        coalition, other = np.nonzero(fresh)
        outputs = self.score(np.where(coalitions[coalition][:, self.owner], self.rows[row], self.background[other]))
        # Evaluated inputs are numbered in the order of `nonzero`; each entry takes the last one at or above it.
        number = np.where(fresh, np.cumsum(fresh).reshape(fresh.shape) - 1, 0)
        coalition_values: NDArray[np.float64] = outputs[np.maximum.accumulate(number, axis=0)].mean(axis=1)
        return coalition_values


class _CoalitionMasker:
    """Passes shap's coalitions to the model unchanged, with the number of the explained row.

    shap masks arrays one coalition at a time in Python; here its delta protocol (each entry flips one feature, or
    none) is decoded for all coalitions at once.
    """

    supports_delta_masking = True
    immutable_outputs = True

    def __init__(self, features: int) -> None:
        self.features = features

    def shape(self, row: NDArray[np.intp]) -> tuple[int, int]:
        return 1, self.features

    def mask_shapes(self, row: NDArray[np.intp]) -> list[tuple[int]]:
        return [(self.features,)]

    def __call__(
        self, flips: NDArray[np.int_], row: NDArray[np.intp]
    ) -> tuple[list[NDArray[np.int_]], NDArray[np.bool_]]:
        flipped = flips[:, None] == np.arange(self.features)
        coalitions = np.cumsum(flipped, axis=0) % 2
        rows = np.broadcast_to(row, (len(flips), 1))
        return [np.hstack([rows, coalitions])], np.ones((len(flips), 1), dtype=bool)


@dataclass(frozen=True)
class ShapleyValues:
    """`values` (n, d, k) attributions; `expected` (k,) the mean output over the background; the algorithm used."""

    values: NDArray[np.float64]
    expected: NDArray[np.float64]
    algorithm: Literal["exact", "permutation"]


def shapley_values(game: CoalitionGame, *, permutations: int, seed: int) -> ShapleyValues:
    """Shapley values of every row of a game.

    Exact within `EXACT_EVALUATIONS` (KernelExplainer's regression on all coalitions, which is exact); beyond, the mean
    over at most `permutations` random orders, each forwards and backwards, which is exact for interactions of up to two
    features. In both cases the values of a row add up to its output minus the mean output over the background.
    """
    d = game.features
    exact = 2**d * len(game.rows) * len(game.background) <= EXACT_EVALUATIONS
    each = len(game.rows) * len(game.background) * (2 * d + 1)
    permutations = max(LEAST_PERMUTATIONS, min(permutations, PERMUTATION_EVALUATIONS // each))
    # shap draws its orders from NumPy's global generator, whose state is restored.
    state = np.random.get_state()
    try:
        values = _by_all_coalitions(game) if exact else _by_permutations(game, permutations, seed)
    finally:
        np.random.set_state(state)
    nobody = np.zeros((1, d), dtype=bool)
    return ShapleyValues(values, game.coalition_value(0, nobody)[0], "exact" if exact else "permutation")


def _by_all_coalitions(game: CoalitionGame) -> NDArray[np.float64]:
    # Not shap.explainers.Exact: like Permutation it compiles code on first use, which takes ten seconds.
    import shap

    d = game.features
    everyone, nobody = np.ones((1, d)), np.zeros((1, d))
    values = []
    for row in range(len(game.rows)):
        explainer = shap.KernelExplainer(lambda c, row=row: game.coalition_value(row, c.astype(bool)), nobody)
        found = explainer.shap_values(everyone, nsamples=2**d, l1_reg=False, silent=True)
        values.append(np.asarray(found, dtype=np.float64).reshape(d, -1))
    return np.stack(values)


def _by_permutations(game: CoalitionGame, permutations: int, seed: int) -> NDArray[np.float64]:
    import shap

    def model(rows_and_coalitions: NDArray[np.int_]) -> NDArray[np.float64]:
        return game.coalition_value(int(rows_and_coalitions[0, 0]), rows_and_coalitions[:, 1:].astype(bool))

    d = game.features
    explainer = shap.explainers.Permutation(model, _CoalitionMasker(d), seed=seed)
    rows = np.arange(len(game.rows))[:, None]
    found = explainer(rows, max_evals=permutations * (2 * d + 1), silent=True)
    return np.asarray(found.values, dtype=np.float64).reshape(len(game.rows), d, -1)
