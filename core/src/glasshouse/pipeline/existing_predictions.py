"""Audit predictions that were made elsewhere: files or a frame in, tables, audits, judgement, record and report out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasshouse._version import __version__
from glasshouse.config.run_options import Choice
from glasshouse.data.data_info import DataInfo, Sensitive, Target
from glasshouse.errors import UserError
from glasshouse.evidence.evidence import Evidence
from glasshouse.frames import PredictionColumns, tables_from_files, tables_from_frame
from glasshouse.measure.run_audits import run_audits
from glasshouse.measure.selection import choose_audits
from glasshouse.policy.judging import judge
from glasshouse.policy.rules import load_policy
from glasshouse.record.findings import VERDICT_LABELS
from glasshouse.record.measurements import AuditResult, Section
from glasshouse.record.record import Record, build_record
from glasshouse.report.writing import check_formats, write_reports
from glasshouse.run_folder.folders import new_folder, writable_parent
from glasshouse.run_folder.manifest import write_manifest
from glasshouse.run_folder.provenance import command_line, provenance
from glasshouse.system.atomic_files import write_json
from glasshouse.system.redaction import redact

if TYPE_CHECKING:
    from glasshouse.plugins import Registry
    from glasshouse.statistics import PredictionTables

FORMATS = ("html", "json")


@dataclass(kw_only=True)
class PredictionsRun:
    """An audit of predictions as plugins see it: the attributes of a `Run` that there are without a model."""

    registry: Registry
    folder: Path
    audits: list[Choice]
    evidence: Evidence
    config: dict[str, Any]
    command: str = "audit"
    seed: int = 0
    results: list[AuditResult] = field(default_factory=list)
    record: Record | None = None
    model: None = None
    handle: None = None
    no_evidence: str | None = None

    @property
    def info(self) -> DataInfo:
        """What is known of the data."""
        return self.evidence.info

    def send(self) -> None:
        """Nothing: what is read from files is audited in a folder here, which has no mirror."""

    def say(self, line: str) -> None:
        """A line of progress, on stderr: the last line of stdout is the folder."""
        print(line, file=sys.stderr, flush=True)


def audit_predictions(
    source: Sequence[Path] | Any,
    columns: PredictionColumns,
    *,
    registry: Registry,
    audits: Sequence[Choice] | None = None,
    out: Path = Path("runs"),
) -> PredictionsRun:
    """Audit the predictions in files or in a frame and write OUT/predictions/TIME-ID/ with record.json and the reports.

    Args:
        source: CSV and Parquet files, or folders of them; or a frame of any engine that narwhals knows.
        columns: what the columns hold.
        registry: the plugins.
        audits: all that are installed by default; those that need more than predictions are skipped.
        out: parent folder.

    Raises:
        UserError: for files, columns, values, audits or a folder that cannot be used; then nothing is written.
    """
    chosen = choose_audits(registry, audits)
    check_formats(FORMATS, registry)
    parent = writable_parent(out)
    tables = tables_of_source(source, columns)
    run = PredictionsRun(
        registry=registry,
        folder=new_folder(parent, "predictions"),
        audits=chosen,
        evidence=Evidence(info=data_info(tables, columns, source), predictions={}, tables=tables),
        config=configuration(source, columns, chosen),
    )
    for reason, rows in tables.left_out.items():
        run.say(f"left out: {rows:,} rows with {reason}")
    run.results = run_audits(run)  # type: ignore[arg-type]
    finish(run)
    return run


def finish(run: PredictionsRun) -> None:
    """Judge, and write provenance, record and reports."""
    findings, _ = judge(run.results, load_policy("default"), target_kind=run.info.target.kind)
    sections: list[Section] = [
        section for found in run.registry.call("glasshouse_report_sections", run=run) for section in found
    ]
    about = provenance(run.registry, command=command_line(), seed=run.seed, data_fingerprint=None)
    write_json(run.folder / "provenance.json", about)
    header = {
        "id": run.folder.name,
        "name": run.folder.parent.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "glasshouse_version": __version__,
        "command": redact(command_line()),
        "seed": run.seed,
        "config": redact(run.config),
        "provenance": about,
        "data": run.info.to_dict(),
        "model": None,
    }
    run.record = build_record(header, run.results, findings, sections)
    write_json(run.folder / "record.json", run.record.to_dict())
    write_reports(run.record, run.folder, FORMATS)
    write_manifest(run.folder)
    run.say(f"verdict: {VERDICT_LABELS[run.record.verdict].lower()}")


def tables_of_source(source: Sequence[Path] | Any, columns: PredictionColumns) -> PredictionTables:
    """The tables of files or of a frame.

    Raises:
        UserError: for what is neither, or does not fit.
    """
    if isinstance(source, (list, tuple)):
        return tables_from_files(source, columns)
    try:
        return tables_from_frame(source, columns)
    except TypeError as error:
        raise UserError(
            "frame",
            f"expected a frame or paths of files, received {type(source).__name__}.",
            "Frames of pandas, Polars, PyArrow, DuckDB, Dask and PySpark will do.",
        ) from error


def names_of(source: Sequence[Path] | Any) -> list[str]:
    """Files by their names, a frame by its type."""
    if isinstance(source, (list, tuple)):
        return [str(path) for path in source]
    return [f"{type(source).__module__.partition('.')[0]}.{type(source).__qualname__}"]


def data_info(tables: PredictionTables, columns: PredictionColumns, source: Sequence[Path] | Any) -> DataInfo:
    """What predictions say of the data: the target, the attributes and the rows; there are no features."""
    names = names_of(source)
    target = Target(
        name=columns.target or columns.prediction or "labels",
        kind=tables.kind,  # type: ignore[arg-type]
        classes=tables.classes,
        favourable=None if tables.positive is None else tables.classes[tables.positive],
    )
    return DataInfo(
        name=Path(names[0]).stem if isinstance(source, (list, tuple)) else "predictions",
        modality="tabular",
        target=target,
        input_shape=(),
        sensitive=tuple(Sensitive(name=a.name, levels=a.levels) for a in tables.attributes),
        rows={tables.split: len(tables)},
        source=", ".join(Path(name).name for name in names[:5]) + (f" and {len(names) - 5} more" if names[5:] else ""),
    )


def configuration(source: Sequence[Path] | Any, columns: PredictionColumns, audits: Sequence[Choice]) -> dict[str, Any]:
    """What was asked, as the record keeps it."""
    return {
        "predictions": names_of(source),
        "target": _named(columns, "target"),
        "prediction": _named(columns, "prediction"),
        "score": dict(columns.scores) or _named(columns, "score"),
        "weights": columns.weights,
        "clusters": columns.clusters,
        "favourable": columns.favourable,
        "threshold": columns.threshold,
        "sensitive": [
            {"column": a.column, "name": a.name, **({"edges": list(a.edges)} if a.edges else {})}
            for a in columns.sensitive
        ],
        "audits": [choice.name for choice in audits],
        "policy": "default",
    }


def _named(columns: PredictionColumns, role: str) -> str | dict[str, str | None] | None:
    """The column of a role, or those of all labels."""
    if columns.labels:
        return {label.name: getattr(label, role) for label in columns.labels}
    found: str | None = getattr(columns, role)
    return found
