"""A record with everything that a suite may assert on, and pytest in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from glasshouse import AuditResult, DataInfo, Measurement, Target
from glasshouse.record.record import build_record
from glasshouse.run_record import RunRecord
from glasshouse.system.atomic_files import write_json

RUN = {
    "id": "20261122-101500-3fa9c1",
    "name": "loans",
    "created": "2026-11-22T10:15:00+00:00",
    "glasshouse_version": "0.1.0",
    "command": "glasshouse run",
    "seed": 1,
    "config": {},
    "provenance": {},
    "data": DataInfo(
        name="loans",
        modality="tabular",
        target=Target(name="repaid", kind="binary", classes=("no", "yes")),
        input_shape=(3,),
    ).to_dict(),
    "model": {"name": "line"},
}
WILSON = {"level": 0.95, "interval_method": "wilson"}


@pytest.fixture
def loans(tmp_path: Path) -> RunRecord:
    """Accuracy 0.8, a parity difference of 0.12 from 0.05 to 0.19 in 400 rows, and a recall of nobody."""
    measurements = [
        Measurement(name="accuracy", value=0.8, low=0.75, high=0.84, n=400, split="test", **WILSON),
        Measurement(name="accuracy", value=0.7, n=180, split="test", group={"sex": "f"}),
        Measurement(
            name="demographic_parity_difference",
            value=0.12,
            low=0.05,
            high=0.19,
            level=0.95,
            interval_method="miettinen_nurminen",
            n=400,
            over=("sex",),
            split="test",
        ),
        Measurement(
            name="recall", value=None, undefined="there is no positive", n=0, low=0.0, high=1.0, split="test", **WILSON
        ),
    ]
    found = AuditResult(name="fairness", family="fairness", measurements=measurements)
    record = build_record(RUN, [found])
    write_json(tmp_path / "record.json", record.to_dict())
    return RunRecord.read(tmp_path)


@pytest.fixture
def suite(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`suite(tests, *arguments)`: pytest on a file of tests, with few of its plugins."""
    folder = tmp_path / "suite"

    def run(tests: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        folder.mkdir(exist_ok=True)
        (folder / "test_suite.py").write_text(dedent(tests), encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
        off = ("cacheprovider", "hypothesispytest", "anyio", "xdist")
        return subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "--rootdir", str(folder)),
                *(word for plugin in off for word in ("-p", f"no:{plugin}")),
                *map(str, arguments),
            ],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
