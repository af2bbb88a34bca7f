"""One method's answer, with the means to ask it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from glasshouse import Explanation, Question


@dataclass(frozen=True, kw_only=True, eq=False)
class Explained:
    """What a method answered to an audit's question.

    `explain` asks it anew: other rows, another background, seed or model (see `dataclasses.replace`). It raises
    `NotExplainableError` where the method cannot answer, and `UserError` where the answer has not the form that
    `Explanation` promises. `error` is the largest relative completeness error of a method that promises completeness;
    `failed` whether that was too large for the explanation to be used.
    """

    name: str
    """The short name by which the method was asked for."""
    title: str
    """How reports call it."""
    explain: Callable[[Question], Explanation]
    explanation: Explanation
    seconds: float = 0.0
    error: float | None = None
    failed: bool = False
