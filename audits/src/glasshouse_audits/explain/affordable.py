"""How often a model may be asked about each row, so that a large one is explained in minutes as well."""

from __future__ import annotations

from glasshouse import Question

MOST = 500_000
"""Evaluations for each row."""

_OPERATIONS = 1e12
"""Floating-point operations for all rows together: half a minute or two of a processor's core."""


def evaluations(question: Question) -> int:
    """Evaluations for each row of a question: `MOST`, or what `_OPERATIONS` pay for, but enough for two random orders.

    Counted, not timed: the same on every machine.
    """
    paid = _OPERATIONS / (max(1, len(question.rows)) * operations(question))
    return min(MOST, max(two_orders(question), int(paid)))


def two_orders(question: Question) -> int:
    """Evaluations for a row that two random orders of its features take, forwards and backwards, and one more."""
    features = question.rows.shape[1] if question.features is None else question.features
    return 4 * features * len(question.background) + 1


def operations(question: Question) -> int:
    """Floating-point operations of the model for a row: those of its matrix products, convolutions and attention.

    At least two for each parameter, since not every operation is counted.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counted:
        question.scores(question.rows[:1])
    return max(1, int(counted.get_total_flops()), 2 * question.model.parameters)
