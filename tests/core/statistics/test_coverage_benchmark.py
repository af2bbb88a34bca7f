"""The benchmark of coverage, in small: its goals are met within three standard errors of 60 samples, fixed seed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def test_the_goals_of_coverage_are_met_in_small() -> None:
    parts = ("--samples", "60", "--parts", "errors", "scores", "calibration")
    done = subprocess.run(
        [sys.executable, "benchmarks/coverage.py", *parts], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n| ") == 12
