"""What the code before the rooms made is verified, reported, judged, audited, resumed and loaded by this code.

`make_old_run` made the files of ``tests/gold/before_rooms`` with commit fff9128.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from glasshouse import read_record

from compat.compare_records import differences
from compat.make_old_run import PLACE

OLD = Path(__file__).resolve().parents[1] / "gold/before_rooms"
QUICK = "performance,fairness,counterfactual_flip,memorisation"
"""Audits of the finished run that are done again: one of predictions alone, two of the data, one that is skipped."""


def glasshouse(*arguments: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "glasshouse", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def unpacked(name: str, to: Path) -> Path:
    """The folder of an old run below another."""
    with tarfile.open(OLD / f"{name}.tar.xz") as archive:
        archive.extractall(to, filter="data")
    (run_dir,) = to.iterdir()
    return run_dir


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    return unpacked("finished", tmp_path)


def record(run_dir: Path) -> dict[str, Any]:
    return json.loads((run_dir / "record.json").read_text(encoding="utf-8"))


def test_a_finished_run_is_verified_read_reported_and_judged(finished):
    before = record(finished)
    assert glasshouse("verify", finished, cwd=finished.parent).returncode == 0
    assert read_record(finished / "record.json").verdict == before["verdict"] == "fail"
    done = glasshouse("report", finished, "--format", "html,md,json", cwd=finished.parent)
    assert done.returncode == 0, done.stderr
    assert json.loads((finished / "report.json").read_text(encoding="utf-8"))["run"]["id"] == finished.name
    assert glasshouse("check", finished, "--policy", "default", cwd=finished.parent).returncode == 1
    assert record(finished) == before
    assert glasshouse("verify", finished, cwd=finished.parent).returncode == 0


def test_a_finished_run_is_audited_again_and_measures_the_same(finished):
    before = record(finished)
    done = glasshouse("audit", finished, "--audits", QUICK, "--force", cwd=finished.parent)
    assert done.returncode == 0, done.stderr
    after = record(finished)
    again = set(QUICK.split(","))
    for key in ("audits", "performance"):
        old = [each for each in before[key] if key == "performance" or each["name"] in again]
        new = [each for each in after[key] if key == "performance" or each["name"] in again]
        assert list(differences(old, new, key, key)) == []
    assert glasshouse("verify", finished, cwd=finished.parent).returncode == 0


def test_an_old_audit_file_is_kept_without_force(finished):
    written = {path.name: path.read_bytes() for path in (finished / "audits").iterdir()}
    assert len(written) > 5
    done = glasshouse("audit", finished, cwd=finished.parent)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in (finished / "audits").iterdir()} == written


@pytest.fixture
def interrupted() -> Iterator[Path]:
    """The killed run's folder, where it was made."""
    with FileLock(f"{PLACE}.lock"):
        shutil.rmtree(PLACE, ignore_errors=True)
        yield unpacked("interrupted", PLACE / "runs" / "interrupted")
        shutil.rmtree(PLACE)


def test_an_interrupted_run_ends_as_if_nothing_had_happened(interrupted):
    assert not (interrupted / "record.json").exists()
    done = glasshouse("run", "--resume", interrupted, cwd=PLACE)
    assert done.returncode == 0, done.stderr
    whole = json.loads((OLD / "uninterrupted.json").read_text(encoding="utf-8"))
    assert list(differences(whole, record(interrupted))) == []
    assert glasshouse("verify", interrupted, cwd=PLACE).returncode == 0


def test_the_old_sample_plugin_works_with_warnings_only(tmp_path):
    """Built and installed by pip from the old sources; its components are found, loaded and used."""
    sources, site = tmp_path / "sources", tmp_path / "site"
    shutil.copytree(OLD / "sample_plugin", sources)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(site), str(sources)], check=True, timeout=120)
    path = {"PYTHONPATH": str(site)}
    listed = json.loads(glasshouse("plugins", "list", "--json", cwd=tmp_path, **path).stdout)
    ours = {each["name"] for each in listed["components"] if each["distribution"] == "glasshouse-sample"}
    assert ours == {"line", "doubt", "exchange", "one_line", "verdict"}
    assert listed["broken"] == []
    code = (
        "from glasshouse.plugins import registry\n"
        "for kind in ('model', 'audit', 'explainer', 'report_format', 'command'):\n"
        "    for each in registry().components(kind):\n"
        "        if each.distribution == 'glasshouse-sample':\n"
        "            assert callable(registry().load(each))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "default::UserWarning", "-c", code],
        env={**os.environ, **path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run_dir = unpacked("finished", tmp_path / "runs")
    done = glasshouse("verdict", run_dir, cwd=tmp_path, **path)
    assert (done.returncode, done.stdout) == (0, "fail\n")
    assert glasshouse("report", run_dir, "--format", "one_line", cwd=tmp_path, **path).returncode == 0
    assert (run_dir / "report.txt").read_text(encoding="utf-8") == "finished: fail\n"
    done = glasshouse("audit", run_dir, "--audits", "doubt", cwd=tmp_path, **path)
    assert done.returncode == 0, done.stderr
    (doubt,) = [audit for audit in record(run_dir)["audits"] if audit["name"] == "doubt"]
    assert doubt["status"] == "completed"
