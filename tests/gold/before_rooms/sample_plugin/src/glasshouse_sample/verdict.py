"""``glasshouse verdict RUN_DIR``."""

from pathlib import Path

from glasshouse import UserError
from glasshouse.record import read_record


def main(argv: list[str]) -> int:
    """Print a finished run's verdict."""
    if len(argv) != 1:
        raise UserError("verdict", f"expected one folder, received {len(argv)}.", "Write: glasshouse verdict RUN_DIR")
    print(read_record(Path(argv[0], "record.json")).verdict)
    return 0
