"""Call audits one after another and keep their failures: a crashed audit is an entry in the record, never a pass."""

from __future__ import annotations

import inspect
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasshouse import ranks
from glasshouse.components import AuditPlugin
from glasshouse.config import Choice
from glasshouse.errors import UserError, did_you_mean
from glasshouse.evidence import why_not
from glasshouse.measurements import AuditResult
from glasshouse.record import result_from_dict, result_to_dict
from glasshouse.storage import read_json, write_json, write_whole

if TYPE_CHECKING:
    from glasshouse.plugins import Registry
    from glasshouse.run_state import Run


def choose_audits(registry: Registry, asked: Sequence[Choice] | None) -> list[Choice]:
    """The audits of a run: those asked for, or every installed one, by name.

    Raises:
        UserError: for an unknown audit, or an option that an audit does not have.
    """
    if asked is None:
        return [Choice(registry.shortest_name(component)) for component in registry.components("audit")]
    for choice in asked:
        cls = registry.load(registry.find("audit", choice.name))
        accepted = inspect.signature(cls).parameters
        for option in choice.options:
            if option not in accepted:
                raise UserError(f"audit '{choice.name}'", f"has no option '{option}'.", did_you_mean(option, accepted))
        try:
            cls(**choice.options)  # an audit refuses contradictory options here, before anything is trained
        except (TypeError, ValueError) as error:
            raise UserError(f"audit '{choice.name}'", f"cannot be set up: {error}.") from error
    return list(asked)


def required_splits(registry: Registry, audits: Sequence[Choice], evaluate_on: str) -> list[str]:
    """The splits whose predictions the audits need: the judged one, and others that an audit asks for by name."""
    asked = [declaration(registry, choice) for choice in audits]
    needs = {need for plugin in asked for need in (*plugin.requires, *plugin.uses)}
    others = [split for split in ("train", "validate") if f"{split}_predictions" in needs and split != evaluate_on]
    return [evaluate_on, *others]


def declaration(registry: Registry, choice: Choice) -> AuditPlugin:
    """What an audit's plugin says of it."""
    plugin = registry.find("audit", choice.name).plugin
    assert isinstance(plugin, AuditPlugin)
    return plugin


def run_audits(run: Run, *, force: bool = False) -> list[AuditResult]:
    """Every chosen audit's result, in order; each is written to audits/NAME.json as soon as it is there.

    Args:
        run: the run, with its evidence.
        force: measure again; otherwise an audit that finished earlier with the same options is taken from its file.
    """
    folder = run.folder / "audits"
    folder.mkdir(exist_ok=True)
    results = []
    for choice in run.audits:
        path = folder / f"{file_stem(choice)}.json"
        kept = None if force else finished(path, choice)
        result = kept or _run_one(run, choice, folder)
        if kept is None and result.status == "completed":
            write_json(path, result_to_dict(result))
        run.say(f"audit {choice.name}: {result.status}" + (f" ({result.reason})" if result.reason else ""))
        results.append(result)
    return results


def help_with_audits(run: Run) -> None:
    """What processes other than the first do while it audits: measure with it where an audit shares its work."""
    for choice in run.audits:
        plugin = declaration(run.registry, choice)
        if plugin.shares_work and not run.no_evidence and why_not(plugin, run.evidence) is None:
            with suppress(Exception):  # the first process has heard of it, and says it
                measure(run, choice.name)


def finished(path: Path, choice: Choice) -> AuditResult | None:
    """The stored result of an audit that ran with these options, or None."""
    if not path.is_file():
        return None
    result = result_from_dict(read_json(path), source=str(path))
    same = all(result.parameters.get(name) == value for name, value in choice.options.items())
    return result if same and result.status == "completed" else None


def earlier_results(folder: Path, *, but_not: Sequence[Choice]) -> list[AuditResult]:
    """Results that earlier audits left in a run's folder, without those of the given audits."""
    left_out = {file_stem(choice) for choice in but_not}
    paths = sorted(path for path in folder.glob("*.json") if path.stem not in left_out)
    return [result_from_dict(read_json(path), source=str(path)) for path in paths]


def file_stem(choice: Choice) -> str:
    """How an audit's files are called: its name, ``distribution.name`` where it was asked for so."""
    return choice.name.replace("/", ".")


def _run_one(run: Run, choice: Choice, folder: Path) -> AuditResult:
    plugin = declaration(run.registry, choice)
    blank = AuditResult(name=choice.name, family=plugin.family, parameters=dict(choice.options))
    reason = run.no_evidence or why_not(plugin, run.evidence)
    if reason is not None:
        return replace(blank, status="skipped", reason=reason)
    started = time.perf_counter()
    try:
        result = run.registry.hook.glasshouse_run_audit(run=run, audit=choice.name)
        if not isinstance(result, AuditResult):
            raise TypeError(f"audit '{choice.name}' returned {type(result).__name__}; expected AuditResult")
        result_to_dict(result)  # what cannot be stored is the audit's failure, not the run's
    except Exception as error:
        (folder / f"{file_stem(choice)}.json").unlink(missing_ok=True)
        write_whole(folder / f"{file_stem(choice)}.error.txt", traceback.format_exc())
        seconds = time.perf_counter() - started
        return replace(blank, status="error", reason=f"{type(error).__name__}: {error}", seconds=seconds)
    return replace(result, name=choice.name, family=plugin.family).timed(time.perf_counter() - started)


def measure(run: Run, audit: str) -> AuditResult:
    """Instantiate an audit with its options and let it measure: core's own `glasshouse_run_audit`."""
    options: dict[str, Any] = next(dict(choice.options) for choice in run.audits if choice.name == audit)
    cls = run.registry.load(run.registry.find("audit", audit))
    with ranks.working_together(declaration(run.registry, Choice(audit)).shares_work):
        result: AuditResult = cls(**options).measure(run.evidence)
    return result
