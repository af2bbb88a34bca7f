"""``glasshouse report RUN_DIR``: render a run's reports from its record."""

from __future__ import annotations

import argparse
from pathlib import Path

from glasshouse.errors import UserError
from glasshouse.run_folder.folders import display_path


def main(argv: list[str]) -> int:
    """Render a finished run's record; the last line of stdout is the run's folder."""
    parser = argparse.ArgumentParser(
        prog="glasshouse report", description="Render a run's report from its record.json."
    )
    parser.add_argument("run_dir", metavar="RUN_DIR", type=Path, help="the folder of a finished run")
    parser.add_argument(
        "--format", metavar="NAMES", default="html", help="html, md, json or a plugin's; several with commas (html)"
    )
    parser.add_argument("--unverified", action="store_true", help="render a record that its manifest does not confirm")
    options = parser.parse_args(argv)
    run_dir: Path = options.run_dir
    if not run_dir.is_dir():
        raise UserError("report", f"there is no folder {run_dir}.", "See `glasshouse runs` for the folders of runs.")
    formats = [name.strip() for name in options.format.split(",") if name.strip()]
    if not formats:
        raise UserError("--format", "expected at least one report format.", "Try --format html,md,json.")

    from glasshouse.plugins import registry
    from glasshouse.record.record import read_record
    from glasshouse.report.writing import check_formats, write_reports
    from glasshouse.run_folder.manifest import check_unchanged, stamps, update_manifest

    check_formats(formats, registry())  # report a misspelt name before reading a long record
    if not options.unverified:
        check_unchanged(run_dir, "record.json")
    before = stamps(run_dir)
    for path in write_reports(read_record(run_dir / "record.json"), run_dir, formats):
        print(display_path(path))
    update_manifest(run_dir, before)
    print(display_path(run_dir))
    return 0
