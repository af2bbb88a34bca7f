"""The report as JSON: the structure of the record with small groups suppressed, safe to pass on."""

from __future__ import annotations

import json

from glasshouse.record.record import Record
from glasshouse.report.suppression import suppress_small_groups


def render_json(record: Record) -> str:
    """Indented JSON that follows the record's schema."""
    values = suppress_small_groups(record).to_dict()
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
