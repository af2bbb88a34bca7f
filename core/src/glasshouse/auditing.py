"""Call audits one after another and keep their failures: a crashed audit is an entry in the record, never a pass."""

from __future__ import annotations

import inspect
import time
import traceback
from collections.abc import Collection, Sequence
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
from glasshouse.randomness import seeded
from glasshouse.record import Record, read_record, result_from_dict, result_to_dict
from glasshouse.redaction import redact
from glasshouse.storage import read_json, write_json, write_whole
from glasshouse.time_limit import TimeLimitPassed, can_limit, time_limit

if TYPE_CHECKING:
    from glasshouse.plugins import Registry
    from glasshouse.run_state import Run


def choose_audits(registry: Registry, asked: Sequence[Choice] | None, *, seconds: float | None = None) -> list[Choice]:
    """The audits of a run: those asked for, or every installed one, by name.

    Args:
        registry: of plugins.
        asked: names with options; beside its own options each may have a limit, `seconds`.
        seconds: the limit of those that name none.

    Raises:
        UserError: for an unknown audit, an option that an audit does not have, or a limit that is none.
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


def run_audits(run: Run, *, only: Collection[str] | None = None, force: bool = False) -> list[AuditResult]:
    """The results of a run's audits, in the order of its configuration, and then of audits that it had before.

    Each is written to audits/NAME.json as soon as it is there.

    Args:
        run: the run, with its evidence.
        only: the audits to run; of the others the results that they had stay. None runs all.
        force: measure again; otherwise an audit that finished earlier with the same options is taken from its file.
    """
    folder = run.folder / "audits"
    folder.mkdir(exist_ok=True)
    earlier = earlier_results(run.folder) if only is not None else {}
    if not can_limit() and any(choice.seconds for choice in run.audits):
        run.say("audits run without their time limits: they need a main thread, and an alarm")
    results = []
    for choice in run.audits:
        if only is not None and choice.name not in only:
            results += [earlier[choice.name]] if choice.name in earlier else []
            continue
        path = folder / f"{file_stem(choice)}.json"
        kept = None if force else finished(path, choice)
        result = kept or _run_one(run, choice, folder)
        if kept is None and result.status == "completed":
            write_json(path, result_to_dict(result))
            run.send()
        run.say(f"audit {choice.name}: {result.status}" + (f" ({result.reason})" if result.reason else ""))
        results.append(result)
    ranks.from_first("")  # the other processes may go
    named = {choice.name for choice in run.audits}
    return results + [result for name, result in sorted(earlier_results(run.folder).items()) if name not in named]


def help_with_audits(run: Run) -> None:
    """What processes other than the first do while it audits: measure with it where it calls on them."""
    while audit := ranks.from_first(""):
        with suppress(Exception), seeded(run.seed, audit):  # the first process has heard of it, and says it
            measure(run, audit)


def finished(path: Path, choice: Choice) -> AuditResult | None:
    """The stored result of an audit that ran with these options, or None."""
    if not path.is_file():
        return None
    result = result_from_dict(read_json(path), source=str(path))
    same = all(result.parameters.get(name) == value for name, value in choice.options.items())
    return result if same and result.status == "completed" else None


def earlier_results(folder: Path) -> dict[str, AuditResult]:
    """What audits of a run came to before, by name: as the record says, or a file that is newer than it."""
    record = earlier_record(folder)
    earlier = {result.name: result for result in record.audits} if record is not None else {}
    for path in (folder / "audits").glob("*.json"):
        result = result_from_dict(read_json(path), source=str(path))
        earlier[result.name] = result
    return earlier


def earlier_record(folder: Path) -> Record | None:
    """A run's record as it is; None where there is none, or none that this version reads."""
    try:
        return read_record(folder / "record.json")
    except UserError:
        return None


def file_stem(choice: Choice) -> str:
    """How an audit's files are called: its name, ``distribution.name`` where it was asked for so."""
    return choice.name.replace("/", ".")


def _run_one(run: Run, choice: Choice, folder: Path) -> AuditResult:
    plugin = declaration(run.registry, choice)
    blank = AuditResult(name=choice.name, family=plugin.family, parameters=dict(choice.options))
    reason = run.no_evidence or why_not(plugin, run.evidence)
    if reason is not None:
        return replace(blank, status="skipped", reason=reason)
    failed = folder / f"{file_stem(choice)}.error.txt"
    failed.unlink(missing_ok=True)  # of an earlier time
    shared = plugin.shares_work and ranks.position()[1] > 1
    started = time.perf_counter()
    try:
        # one process that stops in the middle would leave the others waiting
        with time_limit(None if shared else choice.seconds), seeded(run.seed, choice.name):
            result = run.registry.hook.glasshouse_run_audit(run=run, audit=choice.name)
        if not isinstance(result, AuditResult):
            raise TypeError(f"audit '{choice.name}' returned {type(result).__name__}; expected AuditResult")
        result_to_dict(result)  # what cannot be stored is the audit's failure, not the run's
    except (Exception, TimeLimitPassed) as error:
        (folder / f"{file_stem(choice)}.json").unlink(missing_ok=True)
        write_whole(failed, redact(traceback.format_exc()))
        seconds = time.perf_counter() - started
        reason = str(error) if isinstance(error, TimeLimitPassed) else f"{type(error).__name__}: {error}"
        return replace(blank, status="error", reason=redact(reason), seconds=seconds)
    return replace(result, name=choice.name, family=plugin.family).timed(time.perf_counter() - started)


def measure(run: Run, audit: str) -> AuditResult:
    """Instantiate an audit with its options and let it measure: core's own `glasshouse_run_audit`."""
    options: dict[str, Any] = next(dict(choice.options) for choice in run.audits if choice.name == audit)
    cls = run.registry.load(run.registry.find("audit", audit))
    shared = declaration(run.registry, Choice(audit)).shares_work
    if shared and ranks.is_first():
        ranks.from_first(audit)  # the other processes measure with this one
    with ranks.working_together(shared):
        result: AuditResult = cls(**options).measure(run.evidence)
    return result
