"""One process at a time works in a run's folder, and a process that dies leaves it usable."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from glasshouse.errors import UserError
from glasshouse.run_folder.folders import LOCK, lock_folder
from glasshouse.run_folder.manifest import differences, write_manifest
from glasshouse.run_folder.mirror import Mirror

HOLDER = """
import sys, time
from pathlib import Path
from glasshouse.run_folder.folders import lock_folder
with lock_folder(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


def test_a_second_process_is_refused_and_a_killed_one_releases_the_folder(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(UserError) as refused, lock_folder(tmp_path):
            raise AssertionError("the folder is locked by another process")
        assert str(refused.value) == (
            f"{tmp_path}: another process is using this folder. Wait until it ends, or stop it."
        )
        holder.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        holder.wait()
        with lock_folder(tmp_path):
            pass
    finally:
        holder.kill()
        holder.wait()
        if holder.stdout:
            holder.stdout.close()


def test_one_process_locks_a_folder_once(tmp_path: Path) -> None:
    with lock_folder(tmp_path), pytest.raises(UserError, match="another process is using"), lock_folder(tmp_path):
        raise AssertionError("the folder is locked already")
    with lock_folder(tmp_path):
        pass


def test_only_rank_zero_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with lock_folder(tmp_path):
        monkeypatch.setenv("RANK", "1")
        with lock_folder(tmp_path):
            pass


def test_the_lock_is_no_part_of_the_run(tmp_path: Path) -> None:
    run, copy = tmp_path / "run", tmp_path / "copy"
    run.mkdir()
    (run / "config.yaml").write_text("name: toy\n")
    with lock_folder(run):
        write_manifest(run)
        assert not differences(run)
        Mirror(run, f"file://{copy}").send()
    assert not differences(run)
    assert LOCK not in (run / "manifest.json").read_text()
    assert sorted(path.name for path in copy.iterdir()) == ["config.yaml", "manifest.json"]


@pytest.mark.parametrize(
    "error", [PermissionError(13, "denied"), OSError(30, "read-only"), NotImplementedError("flock")]
)
def test_a_folder_that_cannot_be_locked_is_used_without_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """On a read-only file system, or one without locks."""

    def acquire(self: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("filelock.FileLock.acquire", acquire)
    entered = False
    with lock_folder(tmp_path):
        entered = True
    assert entered


def test_errors_of_the_block_are_not_taken_for_errors_of_the_lock(tmp_path: Path) -> None:
    with pytest.raises(PermissionError, match="of the block"), lock_folder(tmp_path):
        raise PermissionError("of the block")
