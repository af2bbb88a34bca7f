"""Permutation importance of one feature, by every metric available for the target."""

from __future__ import annotations

from typing import Any

import numpy as np
from glasshouse import Target
from glasshouse.statistics import Estimate
from numpy.typing import NDArray

from glasshouse_audits.effects import permutation
from glasshouse_audits.effects.grids import Floats, Inputs, Score, scores_of, scores_with


class Importance:
    """The model's metrics on some rows, to compare with those after permuting a feature.

    Args:
        score: all scores (m, K) of encoded rows, as `Predictions.scores` has them.
        x: (n, width) encoded rows.
        targets: (n,) class codes or numbers; with None the change of the output is the only metric.
        target: the target, which determines the metrics.
        explained: columns of the scores whose change is measured.
        permutations: (r, n) the row whose value each row receives, in each of r repeats.
    """

    def __init__(
        self,
        score: Score,
        x: Inputs,
        targets: NDArray[Any] | None,
        target: Target,
        *,
        explained: list[int],
        permutations: permutation.Permutations,
    ) -> None:
        self._score = score
        self._x = x
        self._targets = targets
        self._kind = target.kind
        self._explained = explained
        self._givers = permutations
        self._before = self._rowwise(scores_of(score, x))

    def of(self, columns: tuple[int, ...]) -> dict[str, Estimate]:
        """Importance of the feature in these columns, by metric: the loss first, else the change of the output."""
        shuffled = (self._x[np.ix_(order, columns)] for order in self._givers)
        by_repeat = [self._rowwise(scores) for scores in scores_with(self._score, self._x, columns, *shuffled)]
        after = {name: np.stack([repeat[name] for repeat in by_repeat]) for name in self._before}
        return self._measured(after)

    def _rowwise(self, scores: Floats) -> dict[str, NDArray[Any]]:
        """What the metrics need of each row, (n, ...); nothing else of a repeat is stored."""
        kept: dict[str, NDArray[Any]] = {"outputs": scores[:, self._explained]}
        if self._targets is None:
            return kept
        if self._kind == "regression":
            return kept | {"squared_error": (scores[:, 0] - self._targets) ** 2}
        kept["log_loss"] = permutation.cross_entropy(scores, self._targets)
        kept["right"] = scores.argmax(axis=1) == self._targets
        return kept | {"positive": scores[:, 1]} if self._kind == "binary" else kept

    def _measured(self, after: dict[str, NDArray[Any]]) -> dict[str, Estimate]:
        before, permutations = self._before, self._givers
        found: dict[str, Estimate] = {}
        for loss in ("log_loss", "squared_error"):
            if loss in before:
                found[loss] = permutation.loss_increase(before[loss], after[loss], permutations)
        if "right" in before:
            found["accuracy"] = permutation.accuracy_drop(before["right"], after["right"], permutations)
        if "positive" in before and self._targets is not None:
            positive = np.asarray(self._targets == 1)
            found["roc_auc"] = permutation.auc_drop(positive, before["positive"], after["positive"], permutations)
        if "squared_error" in before and self._targets is not None:
            found["r2"] = permutation.r2_drop(
                self._targets, before["squared_error"], after["squared_error"], permutations
            )
        return found | {"output_change": permutation.output_change(before["outputs"], after["outputs"], permutations)}
