"""``glasshouse verify RUN_DIR``: are the files those that the run wrote?"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from glasshouse.cli.commands.output import print_json
from glasshouse.run_folder.manifest import differences


def main(argv: list[str]) -> int:
    """Compare a run's files with its manifest.

    Returns:
        The exit code: 0 all are as they were written, 1 some are not.

    Raises:
        UserError: if the folder has no manifest.
    """
    parser = argparse.ArgumentParser(
        prog="glasshouse verify",
        description="Compare a run's files with manifest.json: changed, missing and added ones, a line each. "
        "It tells accidents; whoever can change a file can change the manifest as well.",
    )
    parser.add_argument("run_dir", metavar="RUN_DIR", type=Path, help="the folder of a finished run")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args(argv)
    found = differences(options.run_dir)
    if options.json:
        print_json(asdict(found))
    else:
        for kind, names in asdict(found).items():
            for name in names:
                print(f"{kind:<8} {name}")
        if not found:
            print("every file is as the run wrote it")
    return 1 if found else 0
