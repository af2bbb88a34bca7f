"""What the code before the rooms made is verified, reported, judged, audited, resumed and loaded by this code.

`make_old_run` made the files of ``tests/gold/before_rooms`` with commit fff9128.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from glasshouse import read_record
from glasshouse.cli.main import main

from compat.compare_records import differences
from compat.make_old_run import PLACE

OLD = Path(__file__).resolve().parents[1] / "gold/before_rooms"
AGAIN = ("performance", "fairness_what_if", "counterfactual_flip")
"""Audits of the finished run that are done again: two of stored predictions, and one that asks the model."""


@pytest.fixture
def glasshouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """``glasshouse ARGUMENTS`` in this process, in an empty folder; returns the exit code."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: main([*map(str, arguments)])


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


def test_a_finished_run_is_verified_read_reported_and_judged(finished, glasshouse):
    before = record(finished)
    assert glasshouse("verify", finished) == 0
    assert read_record(finished / "record.json").verdict == before["verdict"] == "fail"
    assert glasshouse("report", finished, "--format", "html,md,json") == 0
    assert json.loads((finished / "report.json").read_text(encoding="utf-8"))["run"]["id"] == finished.name
    assert glasshouse("check", finished, "--policy", "default") == 1
    assert record(finished) == before
    assert glasshouse("verify", finished) == 0


def test_a_finished_run_is_audited_again_and_measures_the_same(finished, glasshouse):
    before = record(finished)
    written = {path.name: path.read_bytes() for path in (finished / "audits").iterdir()}
    assert len(written) > 5
    assert glasshouse("audit", finished) == 0  # finished audits are kept
    assert {path.name: path.read_bytes() for path in (finished / "audits").iterdir()} == written
    assert glasshouse("audit", finished, "--audits", ",".join(AGAIN), "--force") == 0
    after = record(finished)
    for audit in AGAIN:
        old, new = (next(each for each in audits["audits"] if each["name"] == audit) for audits in (before, after))
        assert list(differences(old, new, "audits", audit)) == []
        assert (finished / "audits" / f"{audit}.json").read_bytes() != written[f"{audit}.json"]  # its time, at least
    assert glasshouse("verify", finished) == 0


@pytest.fixture
def interrupted() -> Iterator[Path]:
    """The killed run's folder, where it was made."""
    with FileLock(f"{PLACE}.lock"):
        shutil.rmtree(PLACE, ignore_errors=True)
        yield unpacked("interrupted", PLACE / "runs" / "interrupted")
        shutil.rmtree(PLACE)


def test_an_interrupted_run_ends_as_if_nothing_had_happened(interrupted, glasshouse):
    assert not (interrupted / "record.json").exists()
    assert glasshouse("run", "--resume", interrupted) == 0
    resumed = record(interrupted)
    (later,) = resumed["run"]["provenance"].pop("later")
    assert later["action"] == "resumed"
    whole = json.loads((OLD / "uninterrupted.json").read_text(encoding="utf-8"))
    assert list(differences(whole, resumed)) == []
    assert glasshouse("verify", interrupted) == 0


USE_THE_SAMPLE = """
import sys
import warnings

from glasshouse.cli.main import main
from glasshouse.plugins import registry

warnings.simplefilter("error")
warnings.simplefilter("default", UserWarning)
found = set()
for kind in ("model", "audit", "explainer", "report_format", "command"):
    for each in registry().components(kind):
        if each.distribution == "glasshouse-sample":
            assert callable(registry().load(each))
            found.add(each.name)
assert found == {"line", "doubt", "exchange", "one_line", "verdict"}
assert not registry().check_all(), registry().check_all()
assert main(["verdict", sys.argv[1]]) == 0
assert main(["report", sys.argv[1], "--format", "one_line"]) == 0
warnings.resetwarnings()  # other libraries' warnings are theirs
sys.exit(main(["audit", sys.argv[1], "--audits", "doubt"]))
"""


def test_the_old_sample_plugin_works_with_warnings_only(forks, tmp_path):
    """Built and installed by pip from the old sources; its components are found, loaded and used."""
    sources, site = tmp_path / "sources", tmp_path / "site"
    shutil.copytree(OLD / "sample_plugin", sources)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(site), str(sources)], check=True, timeout=120)
    run_dir = unpacked("finished", tmp_path / "runs")
    done = forks.run("-c", USE_THE_SAMPLE, str(run_dir), cwd=tmp_path, env={"PYTHONPATH": str(site)})
    assert done.returncode == 0, done.stderr
    assert "fail\n" in done.stdout
    assert (run_dir / "report.txt").read_text(encoding="utf-8") == "finished: fail\n"
    (doubt,) = [audit for audit in record(run_dir)["audits"] if audit["name"] == "doubt"]
    assert doubt["status"] == "completed"
