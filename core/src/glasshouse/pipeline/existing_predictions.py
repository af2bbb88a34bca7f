"""Audit predictions that were made elsewhere: files or a frame in, tables, audits, judgement, record and report out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasshouse.config.policy_names import check_attributes, load_checked_policy
from glasshouse.config.run_options import RunOptions, parse_choices
from glasshouse.data.data_info import DataInfo, Sensitive, Target
from glasshouse.evidence.evidence import Evidence
from glasshouse.evidence.group_sizes import notes_on_small_groups
from glasshouse.frames import PredictionColumns, tables_from_files, tables_from_frame
from glasshouse.measure.selection import choose_audits
from glasshouse.pipeline.conclude import audit_and_conclude, current_provenance
from glasshouse.pipeline.lifecycle import lifecycle
from glasshouse.pipeline.run import Run
from glasshouse.pipeline.stages import Concluded, WithEvidence
from glasshouse.plugins import registry
from glasshouse.report.writing import check_formats
from glasshouse.run_folder.folders import fresh_folder
from glasshouse.run_folder.mirror import mirror_of, parent_of_runs

if TYPE_CHECKING:
    from glasshouse.statistics import PredictionTables


def audit_predictions(source: Sequence[Path] | Any, columns: PredictionColumns, options: RunOptions) -> Concluded:
    """Audit the predictions in files or in a frame, and write RUN_DIR/NAME/TIME-ID/ with record.json and the reports.

    Args:
        source: CSV and Parquet files, or folders of them; or a frame of any engine that narwhals knows.
        columns: the role of each column.
        options: `audits` are all that are installed by default, and those that need more than predictions are skipped;
            `name` is ``predictions`` by default.

    Raises:
        UserError: for files, columns, values, audits, a policy or a folder that cannot be used; then nothing is
            written.
    """
    known = registry()
    run = Run(
        registry=known,
        command="audit",
        options=options,
        policy=load_checked_policy(options.policy, known),
        audits=choose_audits(known, None if options.audits is None else parse_choices("audits", options.audits)),
        seed=0,
    )
    check_formats(options.report, known)
    parent = parent_of_runs(options.run_dir)
    tables = tables_of_source(source, columns)
    info = run.info = data_info(tables, columns, source)
    check_attributes(run.policy, known, info)
    known.call("glasshouse_check_run", run=run)
    with fresh_folder(parent, options.name or "predictions") as run.folder:
        run.mirror = mirror_of(options.run_dir, run.folder)
        run.config = configuration(source, columns, run)
        run.provenance = current_provenance(run)
        run.evidence = Evidence(info=info, predictions={}, tables=tables, small_group_limit=options.small_group_limit)
    for reason, rows in tables.left_out.items():
        run.say(f"left out: {rows:,} rows with {reason}")
    for note in (*info.notes, *notes_on_small_groups(run.evidence)):
        run.say(note)
    with lifecycle(run, new=True):
        run.announce("evidence")
        return audit_and_conclude(WithEvidence(run=run, info=info, model=None, evidence=run.evidence))


def tables_of_source(source: Sequence[Path] | Any, columns: PredictionColumns) -> PredictionTables:
    """The tables of files or of a frame.

    Raises:
        UserError: for what is neither, or does not fit.
    """
    if isinstance(source, (list, tuple)):
        return tables_from_files(source, columns)
    return tables_from_frame(source, columns)


def names_of(source: Sequence[Path] | Any) -> list[str]:
    """Files by their names, a frame by its type."""
    if isinstance(source, (list, tuple)):
        return [str(path) for path in source]
    return [f"{type(source).__module__.partition('.')[0]}.{type(source).__qualname__}"]


def data_info(tables: PredictionTables, columns: PredictionColumns, source: Sequence[Path] | Any) -> DataInfo:
    """A description of the data from predictions: target, attributes and rows, without features."""
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
        notes=(*_respelled(tables), *_left_out(tables)),
        source=", ".join(Path(name).name for name in names[:5]) + (f" and {len(names) - 5} more" if names[5:] else ""),
    )


def _respelled(tables: PredictionTables) -> list[str]:
    return [
        f"Column '{column}' is written differently from the classes and read as them: "
        + ", ".join(f"{word!r} as {name!r}" for word, name in words.items())
        + "."
        for column, words in tables.read_as.items()
    ]


def _left_out(tables: PredictionTables) -> list[str]:
    """What rows without a target or score mean for measures that need neither, such as selection rates."""
    rows = {reason: n for reason, n in tables.left_out.items() if reason.startswith(("no target", "no score"))}
    if not rows or not tables.attributes:
        return []
    counted = " and ".join(f"{n:,} rows with {reason}" for reason, n in rows.items())
    return [
        f"{counted} are left out of every measure, selection rates and their gaps included. Where outcomes are known "
        "mainly for those who were selected, selection rates of the other rows are biased: audit the decisions of all "
        "rows without --target and --score as well."
    ]


def configuration(source: Sequence[Path] | Any, columns: PredictionColumns, run: Run) -> dict[str, Any]:
    """The options of the audit, as the record stores them."""
    return {
        "predictions": names_of(source),
        "target": _named(columns, "target"),
        "prediction": _named(columns, "prediction"),
        "score": dict(columns.scores) or _named(columns, "score"),
        "weights": columns.weights,
        "clusters": columns.clusters,
        **({"classes": list(columns.classes)} if columns.classes else {}),
        "favourable": columns.favourable,
        "threshold": columns.threshold,
        "sensitive": [
            {"column": a.column, "name": a.name, **({"edges": list(a.edges)} if a.edges else {})}
            for a in columns.sensitive
        ],
        "audits": [choice.name for choice in run.audits],
        "policy": run.options.policy,
    }


def _named(columns: PredictionColumns, role: str) -> str | dict[str, str | None] | None:
    """The column of a role, or those of all labels."""
    if columns.labels:
        return {label.name: getattr(label, role) for label in columns.labels}
    found: str | None = getattr(columns, role)
    return found
