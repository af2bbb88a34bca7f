"""The results of audits that a run's folder keeps: one file for each finished audit, and the record."""

from __future__ import annotations

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
