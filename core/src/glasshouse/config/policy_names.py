"""The names that policies may use: those of installed audits and their measurements."""

from __future__ import annotations

from collections.abc import Iterable

from glasshouse.data.data_info import DataInfo
from glasshouse.plugins import Registry
from glasshouse.plugins.declarations import AuditPlugin
from glasshouse.policy.known_names import check_names
from glasshouse.policy.rules import Policy, load_policy
from glasshouse.record.measurements import AuditResult


def load_checked_policy(name_or_path: str, registry: Registry) -> Policy:
    """A policy whose audits and measurements exist.

    Raises:
        UserError: as `load_policy` and `check_names`.
    """
    policy = load_policy(name_or_path)
    check_names(policy, known_measurements(registry))
    return policy


def check_attributes(policy: Policy, registry: Registry, info: DataInfo) -> None:
    """Refuse rules about attributes that the data do not have.

    Raises:
        UserError: for the first.
    """
    check_names(policy, known_measurements(registry), {each.name: each.levels for each in info.sensitive})


def known_measurements(registry: Registry, results: Iterable[AuditResult] = ()) -> dict[str, frozenset[str] | None]:
    """Audit -> the names that its measurements can have; None where neither its plugin nor a result says so.

    Args:
        registry: of plugins, whose audits have their declared names.
        results: of a record, whose audits have their measured names as well.
    """
    known: dict[str, frozenset[str] | None] = {}
    for component in registry.components("audit"):
        assert isinstance(component.plugin, AuditPlugin)
        names = frozenset(component.plugin.measurements) or None
        known |= dict.fromkeys((component.name, component.qualified_name, *component.plugin.aliases), names)
    for result in results:
        declared = known.get(result.name) or frozenset()
        measured = frozenset(measurement.name for measurement in result.measurements)
        known[result.name] = declared | measured or None
    return known
