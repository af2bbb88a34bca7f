"""After the evidence: audits, judgement, record, reports, exit code."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from glasshouse._version import __version__
from glasshouse.measure.run_audits import run_audits
from glasshouse.measure.stored_results import earlier_record
from glasshouse.pipeline.loggers import hand_over
from glasshouse.pipeline.run import Run
from glasshouse.policy.judging import judge
from glasshouse.record.findings import VERDICT_LABELS
from glasshouse.record.measurements import Section, measurement_id
from glasshouse.record.record import build_record
from glasshouse.record.seed_repeats import Repeats, only_measurements, spread_of
from glasshouse.report.writing import write_reports
from glasshouse.run_folder.provenance import command_line, provenance
from glasshouse.system.atomic_files import write_json
from glasshouse.system.redaction import redact


def audit_and_report(run: Run, *, only: Collection[str] | None = None, force: bool = False) -> None:
    """Audits, judgement, record, reports: everything after the evidence.

    Args:
        run: the run, with its evidence.
        only: the audits to run; None runs all of the run's.
        force: measure again what was measured before.
    """
    run.results = run_audits(run, only=only, force=force)
    run.announce("audit")
    findings, _ = judge(run.results, run.policy, target_kind=run.info.target.kind if run.info else None)
    answers = run.registry.call("glasshouse_report_sections", run=run)
    sections: list[Section] = [section for answer in answers for section in answer]
    run.provenance = run.provenance or run_provenance(run)
    write_json(run.folder / "provenance.json", run.provenance)
    run.record = build_record(header(run), run.results, findings, sections, spread(run))
    write_json(run.folder / "record.json", run.record.to_dict())
    write_reports(run.record, run.folder, run.options.report)
    if run.trainer is not None:
        hand_over(run.record, run.folder, run.trainer.loggers, step=run.trainer.global_step)
    run.say(f"verdict: {VERDICT_LABELS[run.record.verdict].lower()}")
    run.announce("report")


def spread(run: Run) -> Repeats | None:
    """What other seeds gave for the run's measurements; a run that is audited again keeps those of its record."""
    if not run.repeats:
        record = earlier_record(run.folder)
        earlier = None if record is None else record.repeats
        return only_measurements(earlier, {measurement_id(a.name, m) for a in run.results for m in a.measurements})
    by_seed = {run.seed: run.results, **run.repeats}
    return spread_of(
        {
            seed: {measurement_id(a.name, m): m.value for a in results for m in a.measurements}
            for seed, results in by_seed.items()
        }
    )


def exit_code(run: Run, *, gate: bool) -> int:
    """0 done, 1 the policy was violated and the run was asked to gate, 3 an audit ended in error."""
    if gate and run.record is not None and run.record.verdict == "fail":
        return 1
    return 3 if any(result.status == "error" for result in run.results) else 0


def header(run: Run) -> dict[str, Any]:
    """The record's `run`: what was run, on what, with which model."""
    assert run.info is not None
    assert run.handle is not None
    return {
        "id": run.folder.name,
        "name": run.config.get("name") or run.folder.parent.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "glasshouse_version": __version__,
        "command": run.provenance["command"],
        "seed": run.seed,
        "config": redact({key: value for key, value in run.config.items() if key != "data_info"}),
        "provenance": run.provenance,
        "data": run.info.to_dict(),
        "model": {
            "name": run.handle.name,
            "class_path": run.config["model"]["class_path"],
            "parameters": run.handle.parameters,
            "output_kind": run.handle.output_kind,
        },
    }


def run_provenance(run: Run) -> dict[str, Any]:
    """Versions, plugins, command, commit, hardware and the data's fingerprint, as they are now."""
    fingerprint = getattr(run.datamodule, "table_fingerprint", None) or None
    return provenance(run.registry, command=command_line(), seed=run.seed, data_fingerprint=fingerprint)
