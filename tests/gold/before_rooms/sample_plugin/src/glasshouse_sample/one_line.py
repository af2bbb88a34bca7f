"""A report of one line."""

from glasshouse.record import Record


def render(record: Record) -> str:
    """The run's name and verdict."""
    return f"{record.run['name']}: {record.verdict}\n"
