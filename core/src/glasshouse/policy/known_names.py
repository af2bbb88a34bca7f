"""Refuses policies that name what does not exist: such a rule would apply to nothing, and check nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from glasshouse.errors import UserError, did_you_mean
from glasshouse.policy.rules import Policy, Rule

NOWHERE = "is neither installed nor in the record."


def check_names(
    policy: Policy,
    audits: Mapping[str, Collection[str] | None],
    attributes: Mapping[str, Collection[str]] | None = None,
) -> None:
    """Refuse rules that name an audit, a measurement, an attribute or a level that does not exist.

    Rules of a packaged policy may: they are about audits that need not be installed.

    Args:
        policy: the policy.
        audits: name -> the names of its measurements; None where they are not known.
        attributes: sensitive attribute -> its levels; None where they are not known yet.

    Raises:
        UserError: for the first such name.
    """
    for at, rule in enumerate(() if policy.is_packaged else policy.rules):
        who = f"policy '{policy.name}', rules[{at}]"
        if rule.audit not in audits:
            problem = f"the audit '{rule.audit}' {NOWHERE}"
            raise UserError(f"{who}.audit", problem, did_you_mean(rule.audit, audits))
        known = audits[rule.audit]
        for key, name in (("measurement", rule.measurement), (str(rule.bound), rule.limit)):
            if known is not None and isinstance(name, str) and name not in known:
                problem = f"the measurement '{name}' of {rule.audit} {NOWHERE}"
                raise UserError(f"{who}.{key}", problem, did_you_mean(name, known))
        if attributes is not None:
            _check_attributes(rule, attributes, who)


def _check_attributes(rule: Rule, attributes: Mapping[str, Collection[str]], who: str) -> None:
    for key, names in (("over", rule.over or ()), ("group", rule.group or {})):
        for name in names:
            if name not in attributes:
                remedy = did_you_mean(name, attributes) if attributes else "The data have no sensitive attribute."
                raise UserError(f"{who}.{key}", f"the data have no sensitive attribute '{name}'.", remedy)
    for name, level in (rule.group or {}).items():
        if attributes[name] and level not in attributes[name]:
            problem = f"the attribute '{name}' has no level '{level}'."
            raise UserError(f"{who}.group", problem, did_you_mean(level, attributes[name]))
