"""Call audits one after another and keep their failures: a crashed audit is an entry in the record, never a pass."""

from __future__ import annotations

import time
import traceback
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasshouse.config.run_options import Choice
from glasshouse.measure.selection import declaration, unmet_requirement
from glasshouse.measure.stored_results import earlier_results, file_stem, finished
from glasshouse.record.measurements import AuditResult
from glasshouse.record.record_io import result_to_dict
from glasshouse.system import distributed
from glasshouse.system.atomic_files import write_atomic, write_json
from glasshouse.system.random_state import seeded
from glasshouse.system.redaction import redact
from glasshouse.system.time_limit import TimeLimitPassed, can_limit_time, time_limit

if TYPE_CHECKING:
    from glasshouse.pipeline.run import Run


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
    if not can_limit_time() and any(choice.seconds for choice in run.audits):
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
    distributed.broadcast_from_rank0("")  # the other processes may go
    named = {choice.name for choice in run.audits}
    return results + [result for name, result in sorted(earlier_results(run.folder).items()) if name not in named]


def help_with_audits(run: Run) -> None:
    """What processes other than the first do while it audits: measure with it where it calls on them."""
    while audit := distributed.broadcast_from_rank0(""):
        with suppress(Exception), seeded(run.seed, audit):  # the first process has heard of it, and says it
            measure(run, audit)


def _run_one(run: Run, choice: Choice, folder: Path) -> AuditResult:
    plugin = declaration(run.registry, choice)
    blank = AuditResult(name=choice.name, family=plugin.family, parameters=dict(choice.options))
    reason = run.no_evidence or unmet_requirement(plugin, run.evidence)
    if reason is not None:
        return replace(blank, status="skipped", reason=reason)
    failed = folder / f"{file_stem(choice)}.error.txt"
    failed.unlink(missing_ok=True)  # of an earlier time
    shared = plugin.shares_work and distributed.rank_and_world_size()[1] > 1
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
        write_atomic(failed, redact(traceback.format_exc()))
        seconds = time.perf_counter() - started
        reason = str(error) if isinstance(error, TimeLimitPassed) else f"{type(error).__name__}: {error}"
        return replace(blank, status="error", reason=redact(reason), seconds=seconds)
    return replace(result, name=choice.name, family=plugin.family).timed(time.perf_counter() - started)


def measure(run: Run, audit: str) -> AuditResult:
    """Instantiate an audit with its options and let it measure: core's own `glasshouse_run_audit`."""
    options: dict[str, Any] = next(dict(choice.options) for choice in run.audits if choice.name == audit)
    cls = run.registry.load(run.registry.find("audit", audit))
    shared = declaration(run.registry, Choice(audit)).shares_work
    if shared and distributed.is_rank_zero():
        distributed.broadcast_from_rank0(audit)  # the other processes measure with this one
    with distributed.shared_work(shared):
        result: AuditResult = cls(**options).measure(run.evidence)
    return result
