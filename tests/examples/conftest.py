"""Examples run once, as a user runs them: the real command line, an empty working folder, and no network."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from glasshouse.record.record import Record, read_record

if sys.platform != "win32":
    from resource import RUSAGE_CHILDREN, getrusage

REPOSITORY = Path(__file__).resolve().parents[2]
NEEDS_FILES = {"adult", "adult_mitigated", "mnist", "mnist_generated", "sms_spam"}
"""Examples on data that somebody has to fetch first."""

NO_NETWORK = """
import socket

def refuse(*arguments, **options):
    raise OSError("an example reached for the network")

socket.getaddrinfo = socket.create_connection = socket.socket.connect = socket.socket.connect_ex = refuse
"""


@dataclass(frozen=True)
class Finished:
    """An example that has run."""

    folder: Path
    """What the command printed last: where the run left its files."""
    seconds: float
    """Processor time. On an idle machine a run on one thread takes as long; on a busy one only the clock goes on."""

    @property
    def record(self) -> Record:
        return read_record(self.folder / "record.json")


@pytest.fixture(scope="session")
def run_again(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Callable[[str], Finished]:
    """Run an example by its folder's name, each time into the same parent folder of runs."""
    here = tmp_path_factory.mktemp("examples")
    sealed = tmp_path_factory.mktemp("sealed")
    (sealed / "sitecustomize.py").write_text(NO_NETWORK, encoding="utf-8")

    def run(name: str) -> Finished:
        environment = {**os.environ, "PYTHONPATH": str(sealed)}
        if name in NEEDS_FILES:
            environment["GLASSHOUSE_DATA"] = str(request.getfixturevalue("real_data"))
        config = REPOSITORY / "examples" / name / "run.yaml"
        before = _processor_seconds()
        done = subprocess.run(
            [sys.executable, "-m", "glasshouse", "run", "--config", str(config), "--run_dir", "runs"],
            cwd=here,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Finished(here / done.stdout.splitlines()[-1], _processor_seconds() - before)

    return run


@pytest.fixture(scope="session")
def finished(run_again: Callable[[str], Finished]) -> Callable[[str], Finished]:
    """An example's first run; it is run when it is first asked for."""
    known: dict[str, Finished] = {}

    def first_run(name: str) -> Finished:
        if name not in known:
            known[name] = run_again(name)
        return known[name]

    return first_run


def _processor_seconds() -> float:
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
