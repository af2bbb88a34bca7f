"""The report as JSON: the structure of the record with small groups suppressed, safe to pass on."""

from __future__ import annotations

from glasshouse.record.record import Record
from glasshouse.report.suppression import suppress_small_groups
from glasshouse.system.atomic_files import json_text


def render_json(record: Record) -> str:
    """JSON that follows the record's schema, a line for each measurement and figure."""
    return json_text(suppress_small_groups(record).to_dict()) + "\n"
