"""The results that a run's folder stores: one file for each finished audit, and the record."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from glasshouse.config.run_options import Choice
from glasshouse.errors import UserError
from glasshouse.record.measurements import AuditResult
from glasshouse.record.record import Record, read_record
from glasshouse.record.record_io import result_from_dict
from glasshouse.system.atomic_files import read_json


def finished(path: Path, choice: Choice) -> AuditResult | None:
    """The stored result of an audit that ran with these options, or None."""
    if not path.is_file():
        return None
    result = result_from_dict(read_json(path), source=str(path))
    same = all(result.parameters.get(name) == value for name, value in choice.options.items())
    return result if same and result.status == "completed" else None


def earlier_results(folder: Path, *, without: Collection[str] = ()) -> dict[str, AuditResult]:
    """Earlier results of a run's audits, by name: from the record, or from a newer file of the audit.

    Args:
        folder: the run's folder.
        without: stems of the files of audits that are not asked for, and not read.
    """
    record = earlier_record(folder)
    earlier = {result.name: result for result in record.audits} if record is not None else {}
    for path in (folder / "audits").glob("*.json"):
        if path.stem in without:
            continue
        result = result_from_dict(read_json(path), source=str(path))
        earlier[result.name] = result
    return earlier


def earlier_record(folder: Path) -> Record | None:
    """A run's record; None where there is none, or none that this version reads."""
    try:
        return read_record(folder / "record.json")
    except UserError:
        return None


def file_stem(choice: Choice) -> str:
    """The stem of an audit's file names: its name, or ``distribution.name`` where it was requested so."""
    return choice.name.replace("/", ".")
