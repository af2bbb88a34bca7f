"""Runs the examples with the code of an earlier commit and with this one, and compares their records.

    python tests/compat/compare_records.py /tmp/old.venv/bin/python /tmp/old [--examples adult mnist] [-- OPTIONS]

``/tmp/old`` is a work tree of the earlier commit and ``/tmp/old.venv`` its environment, as `make_old_run` describes
them. OPTIONS go to both runs, e.g. ``--trainer.max_epochs=2``. Two records that exist already are compared by
``--records OLD NEW``. Exit code 1 where they differ; the first differences are printed.

Everything in a record has to be equal, numbers bit by bit, but for the keys of `ELSEWHERE`, `TEXTS` and `HEADINGS`, for
intervals (`ENDS`), whose methods have changed (decisions 0059 and 0060), and for new measurements (`NEW_MEASUREMENTS`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
ELSEWHERE = {
    "run.id": "identifier",
    "run.created": "time",
    "run.command": "names the folder of the results",
    "run.glasshouse_version": "version",
    "run.provenance.git": "version",
    "run.provenance.plugin_contents": "hashes of the code itself",
    "run.provenance.plugin_specification": "version",
    "run.provenance.versions": "version",
    "run.provenance.command": "names the folder of the results",
    "run.config.run_dir": "names the folder of the results",
    "run.config.hooks": "an option that old runs do not have",
    "audits.seconds": "time",
}
"""What is not compared, by its path without the places in lists, and why."""

TEXTS = {
    "description",
    "explanation",
    "level_label",
    "notes",
    "reason",
    "source",
    "text",
    "title",
    "undefined",
    "x_label",
    "y_label",
}
"""Keys of sentences, which may be put in other words: both records have one, or neither has."""

NEW_MEASUREMENTS = {"squared_calibration_error", "calibration_p_value"}
"""Names of measurements that old records do not have."""

ENDS = {
    f"{where}.{end}"
    for where in ("audits.measurements", "performance", "audits.figures.data")
    for end in ("low", "high", "level", "interval_method")
}
"""Intervals, by path. That they cover is tested by simulation."""

HEADINGS = {
    "audits.figures.data.images.label",
    "audits.figures.data.series.name",
    "audits.tables.columns.name",
    "audits.tables.count_column",
    "sections.tables.columns.name",
    "sections.tables.count_column",
}
"""Headings of columns, names of legends and captions of images, whose keys have another meaning elsewhere, by path."""


def differences(old: Any, new: Any, path: str = "", where: str = "") -> Iterator[str]:
    """Each difference between two records that counts, as a line that begins with its place.

    Args:
        old: the record, or a part of it, as read from JSON.
        new: the other one.
        path: keys that lead to the part, without places in lists.
        where: the same with them.
    """
    if path in ELSEWHERE:
        return
    if path.rpartition(".")[2] in TEXTS or path in HEADINGS:
        if bool(old) != bool(new):
            yield f"{where}: {old!r} is now {new!r}"
    elif path in ENDS:
        return
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            inner, at = (f"{path}.{key}" if path else key), (f"{where}.{key}" if where else key)
            if inner not in ELSEWHERE and (key in old) != (key in new):
                yield f"{at}: only in the {'old' if key in old else 'new'} record"
            else:
                yield from differences(old.get(key), new.get(key), inner, at)
    elif isinstance(old, list) and isinstance(new, list):
        if path in ("audits.measurements", "performance"):
            new = [each for each in new if each["name"] not in NEW_MEASUREMENTS]
        if len(old) != len(new):
            yield f"{where}: {len(old)} entries are now {len(new)}"
        for at, pair in enumerate(zip(old, new, strict=False)):
            yield from differences(*pair, path, f"{where}[{at}]")
    elif old != new or type(old) is not type(new):
        yield f"{where}: {old!r} is now {new!r}"


def run(python: Path | str, checkout: Path, name: str, options: list[str], to: Path) -> Path:
    """Run an example, one thread for torch, and return its record's file."""
    done = subprocess.run(
        [python, "-m", "glasshouse", "run", "--config", f"examples/{name}/run.yaml", "--run_dir", str(to), *options],
        cwd=checkout,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "PYTHONPATH": "",
            "GLASSHOUSE_DATA": os.environ.get("GLASSHOUSE_DATA", str(REPOSITORY.parent / "shared" / "data")),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{checkout}: example {name} ended with {done.returncode}\n{done.stderr[-2000:]}")
    return Path(checkout, done.stdout.splitlines()[-1]) / "record.json"


def compare(name: str, old: Path, new: Path) -> bool:
    """Print how two records' files differ; True if they do not."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in (old, new)]
    found = list(differences(*records))
    numbers = sum(len(audit["measurements"]) for audit in records[0]["audits"])
    print(f"{name}: {numbers} measurements, {f'{len(found)} differences' if found else 'equal'}", flush=True)
    for line in found[:20]:
        print(f"  {line[:300]}")
    return not found


def main() -> int:
    """Compare what the command line asks for."""
    examples = sorted(
        path.parent.name
        for path in REPOSITORY.glob("examples/*/run.yaml")
        if not path.with_name("pyproject.toml").exists()
    )
    parser = argparse.ArgumentParser(description="Records of the examples, by earlier code and by this.")
    parser.add_argument("python", nargs="?", type=Path, help="an interpreter with the earlier code installed")
    parser.add_argument("checkout", nargs="?", type=Path, help="a work tree of the earlier commit")
    parser.add_argument("--examples", nargs="+", default=examples, choices=examples, help="default: all")
    parser.add_argument("--records", nargs=2, type=Path, metavar=("OLD", "NEW"), help="two record.json that exist")
    own = sys.argv[1 : sys.argv.index("--")] if "--" in sys.argv else sys.argv[1:]
    options = parser.parse_args(own)
    if options.records:
        return 0 if compare("records", *options.records) else 1
    if options.checkout is None:
        parser.error("an interpreter and a work tree of the earlier code, or --records")
    passed = sys.argv[len(own) + 2 :]
    equal = True
    for name in options.examples:
        with tempfile.TemporaryDirectory() as folder:
            old = run(options.python.absolute(), options.checkout, name, passed, Path(folder, "old"))
            new = run(sys.executable, REPOSITORY, name, passed, Path(folder, "new"))
            equal &= compare(name, old, new)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
