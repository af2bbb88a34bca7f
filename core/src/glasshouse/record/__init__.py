"""The results of a run: measurements, findings, and the record that contains both."""

from typing import TYPE_CHECKING

from glasshouse._lazy_names import lazy_names

if TYPE_CHECKING:
    from glasshouse.record.findings import Finding, Threshold
    from glasshouse.record.measurements import (
        AuditResult,
        Cell,
        Column,
        Figure,
        Measurement,
        Section,
        Table,
        measurement_id,
    )
    from glasshouse.record.record import Record, build_record, read_record

__all__ = [
    "AuditResult",
    "Cell",
    "Column",
    "Figure",
    "Finding",
    "Measurement",
    "Record",
    "Section",
    "Table",
    "Threshold",
    "build_record",
    "measurement_id",
    "read_record",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "glasshouse.record.findings": ("Finding", "Threshold"),
        "glasshouse.record.measurements": (
            "AuditResult",
            "Cell",
            "Column",
            "Figure",
            "Measurement",
            "Section",
            "Table",
            "measurement_id",
        ),
        "glasshouse.record.record": ("Record", "build_record", "read_record"),
    },
)
