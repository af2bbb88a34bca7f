"""Policies: the rules with thresholds, and the only code that turns measurements into verdicts."""

from typing import TYPE_CHECKING

from glasshouse._lazy_names import lazy_names

if TYPE_CHECKING:
    from glasshouse.policy.judging import judge
    from glasshouse.policy.rules import Policy, Rule, load_policy

__all__ = [
    "Policy",
    "Rule",
    "judge",
    "load_policy",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "glasshouse.policy.judging": ("judge",),
        "glasshouse.policy.rules": ("Policy", "Rule", "load_policy"),
    },
)
