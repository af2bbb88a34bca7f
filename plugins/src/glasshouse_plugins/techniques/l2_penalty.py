"""L2 penalty on the weights."""

from __future__ import annotations

from torch import Tensor

from glasshouse_plugins.techniques.weights import WeightPenalty


class L2Penalty(WeightPenalty):
    """Adds `strength` times the sum of squared weights to the training loss (Hoerl and Kennard 1970).

    With `sgd` this equals a `weight_decay` of twice the strength. With adaptive optimizers such as `adam` it differs
    from weight decay, because the penalty's gradient is rescaled like the loss's (Loshchilov and Hutter 2019).
    """

    who = "technique 'l2_penalty'"

    def norm(self, weight: Tensor) -> Tensor:
        """Sum of squares."""
        return weight.square().sum()
