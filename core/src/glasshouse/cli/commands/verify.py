"""``glasshouse verify RUN_DIR``: compare a run's files with its manifest."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from glasshouse.cli.commands.output import print_json
from glasshouse.run_folder.manifest import differences


def main(argv: list[str]) -> int:
    """Compare a run's files with its manifest.

    Returns:
        The exit code: 0 if no file has changed, else 1.

    Raises:
        UserError: if the folder has no manifest.
    """
    parser = argparse.ArgumentParser(
        prog="glasshouse verify",
        description="Compare a run's files with manifest.json and list changed, missing and added files. "
        "This detects accidents, not attacks: who can change a file can also change the manifest.",
    )
    parser.add_argument("run_dir", metavar="RUN_DIR", type=Path, help="the folder of a finished run")
    parser.add_argument("--json", action="store_true", help="write JSON")
    options = parser.parse_args(argv)
    found = differences(options.run_dir)
    if options.json:
        print_json(asdict(found))
    else:
        for kind, names in asdict(found).items():
            for name in names:
                print(f"{kind:<8} {name}")
        if not found:
            print("no file has changed since the run")
    return 1 if found else 0
