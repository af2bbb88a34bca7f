"""Which audits a run has, which splits they need, and why an audit is skipped."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING

from glasshouse.config.run_options import Choice
from glasshouse.errors import UserError, did_you_mean
from glasshouse.evidence.evidence import REQUIREMENTS, Evidence
from glasshouse.plugins.declarations import AuditPlugin

if TYPE_CHECKING:
    from glasshouse.plugins import Registry


def choose_audits(registry: Registry, asked: Sequence[Choice] | None, *, seconds: float | None = None) -> list[Choice]:
    """The audits of a run: the requested ones, or all that are installed.

    Args:
        registry: of plugins.
        asked: names with options; in addition to its own options each may have a time limit, `seconds`.
        seconds: the limit of those that name none.

    Raises:
        UserError: for an unknown audit, an option that an audit does not have, or an invalid time limit.
    """
    if asked is None:
        names = [registry.shortest_name(component) for component in registry.components("audit")]
        return [Choice(name, seconds=seconds) for name in names]
    return [_checked(registry, choice, seconds) for choice in asked]


def _checked(registry: Registry, choice: Choice, seconds: float | None) -> Choice:
    who = f"audit '{choice.name}'"
    cls = registry.load(registry.find("audit", choice.name))
    accepted = inspect.signature(cls).parameters
    options = dict(choice.options)
    limit = options.pop("seconds", seconds)
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, (int, float)) or not limit > 0):
        raise UserError(who, f"expected a positive number of seconds, received {limit!r}.", "Write e.g. `seconds: 60`.")
    for option in options:
        if option not in accepted:
            raise UserError(who, f"has no option '{option}'.", did_you_mean(option, [*accepted, "seconds"]))
    try:
        cls(**options)  # an audit refuses contradictory options here, before anything is trained
    except (TypeError, ValueError) as error:
        raise UserError(who, f"cannot be set up: {error}.") from error
    return Choice(choice.name, options, limit)


def required_splits(registry: Registry, audits: Sequence[Choice], evaluate_on: str) -> list[str]:
    """The splits whose predictions the audits need: the evaluated one, and those that an audit names."""
    asked = [declaration(registry, choice) for choice in audits]
    needs = {need for plugin in asked for need in (*plugin.requires, *plugin.uses)}
    others = [split for split in ("train", "validate") if f"{split}_predictions" in needs and split != evaluate_on]
    return [evaluate_on, *others]


def declaration(registry: Registry, choice: Choice) -> AuditPlugin:
    """The declaration of an audit."""
    plugin = registry.find("audit", choice.name).plugin
    assert isinstance(plugin, AuditPlugin)
    return plugin


def unmet_requirement(plugin: AuditPlugin, evidence: Evidence) -> str | None:
    """Why an audit does not fit the evidence, or None where it does."""
    if evidence.info.modality not in plugin.modalities:
        return f"made for {', '.join(plugin.modalities)} data, not {evidence.info.modality}"
    if evidence.info.target.kind not in plugin.targets:
        return f"made for {', '.join(plugin.targets)} targets, not {evidence.info.target.kind}"
    if evidence.tables is not None and not evidence.predictions and "tables" not in plugin.requires:
        return "needs the predictions of every row; only aggregated tables are available"
    if not evidence.info.target.observed and "targets" in plugin.requires:
        return f"no data hold the truth of the model's own score, {evidence.info.target.name}"
    missing = [REQUIREMENTS.get(need, need) for need in plugin.requires if not evidence.has(need)]
    return f"needs {'; '.join(missing)}" if missing else None
