"""L1 penalty on the weights."""

from __future__ import annotations

from torch import Tensor

from glasshouse_plugins.techniques.weights import WeightPenalty


class L1Penalty(WeightPenalty):
    """Adds `strength` times the sum of absolute weights to the training loss (Tibshirani 1996).

    With gradient steps, small weights come close to 0 (within a step length) but do not become exactly 0.
    """

    who = "technique 'l1_penalty'"

    def norm(self, weight: Tensor) -> Tensor:
        """Sum of absolute values."""
        return weight.abs().sum()
