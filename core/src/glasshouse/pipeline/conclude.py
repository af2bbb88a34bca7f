"""After the evidence: audits, judgement, record, reports."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from glasshouse._version import __version__
from glasshouse.measure.run_audits import run_audits
from glasshouse.measure.stored_results import earlier_record
from glasshouse.pipeline.loggers import log_record
from glasshouse.pipeline.run import Run
from glasshouse.pipeline.stages import Audited, Concluded, WithEvidence
from glasshouse.policy.judging import judge
from glasshouse.record.findings import VERDICT_LABELS
from glasshouse.record.measurements import AuditResult, Section, measurement_id
from glasshouse.record.record import build_record
from glasshouse.record.seed_repeats import Repeats, only_measurements, spread_of
from glasshouse.report.writing import write_reports
from glasshouse.run_folder.provenance import command_line, provenance
from glasshouse.system.atomic_files import write_json
from glasshouse.system.garbage import no_collection
from glasshouse.system.interrupts import noticed_interrupts
from glasshouse.system.redaction import redact
from glasshouse.system.threads import threads_for

if TYPE_CHECKING:
    from glasshouse.evidence.model_handle import ModelHandle

ResultsBySeed = dict[int, list[AuditResult]]


def audit_and_conclude(
    found: WithEvidence,
    *,
    only: Collection[str] | None = None,
    force: bool = False,
    others: ResultsBySeed | None = None,
) -> Concluded:
    """Audits, judgement, record, reports: everything after the evidence, for every kind of run.

    Args:
        found: the run's evidence.
        only: names of the audits to run; None runs all of the run's.
        force: measure again what was measured before.
        others: the results of the same run with other seeds.
    """
    with noticed_interrupts():
        return conclude(audit(found, only=only, force=force, others=others or {}))


def audit(found: WithEvidence, *, only: Collection[str] | None, force: bool, others: ResultsBySeed) -> Audited:
    """Run the audits."""
    run = found.run
    with threads_for(None if run.handle is None else _work(run.handle)):
        run.results = run_audits(run, missing=found.missing, only=only, force=force)
    run.announce("audit")
    repeats = _spread(run, run.results, others)
    return Audited(run=run, info=found.info, model=found.model, results=run.results, repeats=repeats)


def _work(model: ModelHandle) -> int | None:
    from glasshouse.evidence.network_work import work_of_audits  # imports torch, which predictions alone do not need

    return work_of_audits(model)


def conclude(audited: Audited) -> Concluded:
    """Judge the results; write provenance, record and reports; log them."""
    run, results = audited.run, audited.results
    findings, _ = judge(results, run.policy, target_kind=audited.info.target.kind)
    answers = run.registry.call("glasshouse_report_sections", run=run)
    sections: list[Section] = [section for answer in answers for section in answer]
    write_json(run.folder / "provenance.json", run.provenance)
    with no_collection():
        record = build_record(_header(audited), results, findings, sections, audited.repeats)
        write_json(run.folder / "record.json", record.to_dict())
    run.record = record
    write_reports(record, run.folder, run.options.report)
    if run.trainer is not None:
        log_record(record, run.folder, run.trainer.loggers, step=run.trainer.global_step)
    run.say(f"verdict: {VERDICT_LABELS[record.verdict].lower()}")
    run.announce("report")
    return Concluded(run=run, results=results, record=record)


def current_provenance(run: Run, data_fingerprint: str | None = None) -> dict[str, Any]:
    """Versions, plugins, command, commit, hardware and the data's fingerprint, as they are now."""
    return provenance(run.registry, command=command_line(), seed=run.seed, data_fingerprint=data_fingerprint)


def _header(audited: Audited) -> dict[str, Any]:
    """The record's `run`: what was run, on which data, with which model."""
    run = audited.run
    return {
        "id": run.folder.name,
        "name": run.config.get("name") or run.folder.parent.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "glasshouse_version": __version__,
        "command": run.provenance["command"],
        "seed": run.seed,
        "config": redact({key: value for key, value in run.config.items() if key != "data_info"}),
        "provenance": run.provenance,
        "data": audited.info.to_dict(),
        "model": audited.model,
    }


def _spread(run: Run, results: list[AuditResult], others: ResultsBySeed) -> Repeats | None:
    """The spread of each measurement over seeds; where the run was not repeated now, the one in its record."""
    if not others:
        record = earlier_record(run.folder)
        earlier = None if record is None else record.repeats
        return only_measurements(earlier, {measurement_id(a.name, m) for a in results for m in a.measurements})
    return spread_of(
        {
            seed: {measurement_id(a.name, m): m.value for a in seed_results for m in a.measurements}
            for seed, seed_results in {run.seed: results, **others}.items()
        }
    )
