"""``glasshouse runs [DIR]``: list the runs in a folder, newest first."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from glasshouse.cli.commands.output import print_columns, print_json
from glasshouse.errors import UserError
from glasshouse.record.findings import VERDICT_LABELS
from glasshouse.run_folder.folders import display_path


def main(argv: list[str]) -> int:
    """List finished and unfinished runs under DIR/NAME/RUN and DIR/RUN."""
    parser = argparse.ArgumentParser(
        prog="glasshouse runs", description="List the runs in a folder, newest first, including unfinished ones."
    )
    parser.add_argument("folder", metavar="DIR", nargs="?", type=Path, default=Path("runs"), help="default: runs")
    parser.add_argument("--json", action="store_true", help="write JSON")
    options = parser.parse_args(argv)
    folder: Path = options.folder
    if not folder.is_dir():
        raise UserError("runs", f"there is no folder {folder}.", "Give the folder of `run_dir:`.")
    runs = sorted((summary(run_dir) for run_dir in run_folders(folder)), key=_age, reverse=True)
    if options.json:
        print_json(runs)
    elif runs:
        print_columns(("RUN", "CREATED", "MODEL", "DATA", "VERDICT", "PERFORMANCE"), [_row(run) for run in runs])
    else:
        print(f"no runs in {display_path(folder)}", file=sys.stderr)
    return 0


def run_folders(folder: Path) -> list[Path]:
    """Folders one or two levels below that contain a run's configuration or record."""
    marked = [path.parent for depth in ("*", "*/*") for name in ("config.yaml", "record.json")
              for path in folder.glob(f"{depth}/{name}")]  # fmt: skip
    return sorted(set(marked))


def summary(run_dir: Path) -> dict[str, Any]:
    """A summary of one run; `status` is finished, unfinished (no record) or unreadable."""
    path = run_dir / "record.json"
    known: dict[str, Any] = dict.fromkeys(("id", "name", "created", "model", "data", "verdict", "performance"))
    if not path.is_file():
        begun = datetime.fromtimestamp((run_dir / "config.yaml").stat().st_mtime, UTC)
        known["created"] = begun.isoformat(timespec="seconds")
        return {"folder": display_path(run_dir), "status": "unfinished", **known}
    try:
        record = json.loads(path.read_bytes())
        run = record["run"]
        known |= {key: run[key] for key in ("id", "name", "created")}
        known["model"] = (run["model"] or {}).get("name")
        known["data"] = run["data"]["name"]
        known["verdict"] = record["verdict"]
        known["performance"] = main_measurement(record["performance"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {"folder": display_path(run_dir), "status": "unreadable", **known}
    return {"folder": display_path(run_dir), "status": "finished", **known}


def main_measurement(performance: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The first measurement over all rows; performance audits put their main metric first."""
    for measurement in performance:
        if measurement["value"] is not None and not measurement["group"] and not measurement["over"]:
            return {key: measurement[key] for key in ("name", "value", "low", "high", "n", "split")}
    return None


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    created = (run["created"] or "")[:19].replace("T", " ")
    verdict = VERDICT_LABELS.get(run["verdict"], run["verdict"] or "").lower() or f"({run['status']})"
    best = run["performance"]
    performance = f"{best['name']} {best['value']:.3g}" if best else ""
    return run["folder"], created, run["model"] or "", run["data"] or "", verdict, performance


def _age(run: dict[str, Any]) -> tuple[float, str]:
    try:
        return datetime.fromisoformat(run["created"]).timestamp(), run["folder"]
    except (TypeError, ValueError):
        return 0.0, run["folder"]
