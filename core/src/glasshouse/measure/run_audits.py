"""Run audits one after another and keep their failures: a crashed audit is an entry in the record, never a pass."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasshouse.config.run_options import Choice
from glasshouse.evidence.own_copies import OwnCopies
from glasshouse.measure.selection import declaration, unmet_requirement
from glasshouse.measure.stored_results import earlier_results, file_stem, finished
from glasshouse.record.measurements import AuditResult
from glasshouse.record.record_io import result_to_dict
from glasshouse.system import distributed
from glasshouse.system.atomic_files import write_atomic, write_json
from glasshouse.system.exception_text import text_of, traceback_of
from glasshouse.system.interrupts import noticed_interrupts
from glasshouse.system.random_state import seeded
from glasshouse.system.redaction import redact
from glasshouse.system.time_limit import TimeLimitPassed, can_limit_time, time_limit

if TYPE_CHECKING:
    from glasshouse.plugins.hookspecs import RunView


def run_audits(
    run: RunView, *, missing: str | None = None, only: Collection[str] | None = None, force: bool = False
) -> list[AuditResult]:
    """The results of a run's audits, in the order of its configuration, followed by those of audits that it had before.

    Each is written to audits/NAME.json as soon as it is complete.

    Args:
        run: the run, with its evidence.
        missing: why the run has no evidence; then every audit is skipped with this reason.
        only: names of the audits to run; the others keep the results that they have. None runs all.
        force: measure again; otherwise an audit that finished earlier with the same options is read from its file.
    """
    folder = run.folder / "audits"
    folder.mkdir(exist_ok=True)
    earlier = earlier_results(run.folder) if only is not None else {}
    if not can_limit_time() and any(choice.seconds for choice in run.audits):
        run.say("audits run without their time limits, which need the main thread and SIGALRM")
    results = []
    for choice in run.audits:
        if only is not None and choice.name not in only:
            results += [earlier[choice.name]] if choice.name in earlier else []
            continue
        path = folder / f"{file_stem(choice)}.json"
        kept = None if force else finished(path, choice)
        result = kept or _run_one(run, choice, folder, missing)
        if kept is None and result.status == "completed":
            write_json(path, result_to_dict(result), levels=2)
            run.send()
        run.say(f"audit {choice.name}: {result.status}" + (f" ({result.reason})" if result.reason else ""))
        results.append(result)
    distributed.broadcast_from_rank0("")  # the other processes stop waiting
    named = {choice.name for choice in run.audits}
    others = earlier_results(run.folder, without={file_stem(choice) for choice in run.audits})
    return results + [result for name, result in sorted(others.items()) if name not in named]


def run_shared_audits(run: RunView) -> None:
    """What every rank but 0 does while rank 0 audits: measure with it when it asks."""
    while audit := distributed.broadcast_from_rank0(""):
        with suppress(Exception, SystemExit), seeded(run.seed, audit):  # rank 0 meets the same error, and reports it
            measure(run, audit)


def _run_one(run: RunView, choice: Choice, folder: Path, missing: str | None) -> AuditResult:
    plugin = declaration(run.registry, choice)
    blank = AuditResult(name=choice.name, family=plugin.family, parameters=dict(choice.options))
    reason = missing or unmet_requirement(plugin, run.evidence)
    if reason is not None:
        return replace(blank, status="skipped", reason=reason)
    failed = folder / f"{file_stem(choice)}.error.txt"
    failed.unlink(missing_ok=True)  # left by an earlier attempt
    started = time.perf_counter()
    with noticed_interrupts() as interrupts:
        result, error = _attempt(run, choice)
    if interrupts.received or (isinstance(error, KeyboardInterrupt) and not interrupts.certain):
        raise KeyboardInterrupt from error  # also where the audit caught it
    seconds = time.perf_counter() - started
    if error is not None:
        (folder / f"{file_stem(choice)}.json").unlink(missing_ok=True)
        write_atomic(failed, redact(traceback_of(error)))
        name, text = type(error).__name__, text_of(error)
        reason = text if isinstance(error, TimeLimitPassed) else f"{name}: {text}" if text else name
        return replace(blank, status="error", reason=redact(reason), seconds=seconds)
    assert result is not None
    return replace(result, name=choice.name, family=plugin.family).timed(seconds)


def _attempt(run: RunView, choice: Choice) -> tuple[AuditResult | None, BaseException | None]:
    """The audit's result, or the exception that ended it: any, since `sys.exit` in an audit must not end the run."""
    shared = declaration(run.registry, choice).shares_work and distributed.rank_and_world_size()[1] > 1
    try:
        # a process that stops in the middle of shared work would leave the others waiting
        with time_limit(None if shared else choice.seconds), seeded(run.seed, choice.name):
            result = run.registry.hook.glasshouse_run_audit(run=run, audit=choice.name)
        if not isinstance(result, AuditResult):
            raise TypeError(f"audit '{choice.name}' returned {type(result).__name__}; expected AuditResult")
        result_to_dict(result)  # a result that cannot be stored is the audit's failure, not the run's
    except BaseException as error:
        return None, error
    return result, None


def measure(run: RunView, audit: str) -> AuditResult:
    """Build an audit with its options and let it measure: core's own `glasshouse_run_audit`."""
    options: dict[str, Any] = next(dict(choice.options) for choice in run.audits if choice.name == audit)
    cls = run.registry.load(run.registry.find("audit", audit))
    shared = declaration(run.registry, Choice(audit)).shares_work
    if shared and distributed.is_rank_zero():
        distributed.broadcast_from_rank0(audit)  # the other ranks measure with this one
    own = OwnCopies(run.evidence)
    with distributed.shared_work(shared):
        result: AuditResult = cls(**options).measure(own.evidence)
    written = own.written()
    return _noted(result, written) if written and isinstance(result, AuditResult) else result


def _noted(result: AuditResult, written: list[str]) -> AuditResult:
    note = f"The audit wrote into the evidence ({', '.join(written)}). It has copies, so no other audit is affected."
    return replace(result, notes=(*result.notes, note))
