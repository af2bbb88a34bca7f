"""The command line in a new process, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glasshouse.run_record import RunRecord

ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Tests run in parallel: using every core for a tiny network slows down all of them."""


@dataclass(frozen=True)
class Finished:
    """A finished command: exit code, output and, if it made one, its run."""

    command: tuple[str, ...]
    folder: Path
    """The working folder."""
    returncode: int
    stdout: str
    stderr: str

    @property
    def run_dir(self) -> Path:
        """The run's folder: the last line that the command printed.

        Raises:
            AssertionError: if there is none.
        """
        lines = self.stdout.splitlines()
        if not lines or not (self.folder / lines[-1]).is_dir():
            raise AssertionError(f"the command made no run\n{self}")
        return self.folder / lines[-1]

    @property
    def record(self) -> RunRecord:
        """The record of the run.

        Raises:
            AssertionError: if there is no run.
            UserError: if it has no record.
        """
        from glasshouse.run_record import RunRecord

        return RunRecord.read(self.run_dir)

    def __str__(self) -> str:
        output = f"exit code {self.returncode}\nstdout:\n{self.stdout}\nstderr:\n{self.stderr}"
        return f"glasshouse {' '.join(self.command)}\n{output}"


def run_command(
    folder: Path,
    arguments: Sequence[str | Path],
    *,
    plugins: Sequence[str | Path] = (),
    config: Mapping[str, Any] | None = None,
    exit_code: int | None = 0,
    env: Mapping[str, str] | None = None,
    timeout: float = 300,
) -> Finished:
    """Run ``glasshouse ARGUMENTS`` in a folder, in a fresh process.

    Args:
        folder: the working folder.
        arguments: the command and its options.
        plugins: single-file plugins, passed as ``--plugin``.
        config: a configuration, which is written into the folder and passed as ``--config``.
        exit_code: the expected exit code; None accepts any.
        env: further environment variables.
        timeout: the time limit in seconds.

    Raises:
        AssertionError: for another exit code, with the command's output.
        subprocess.TimeoutExpired: after the time limit.
    """
    words = [str(argument) for argument in arguments]
    if config is not None:
        words += ["--config", str(_written(config, folder))]
    for plugin in plugins:
        words += ["--plugin", str(plugin)]
    threads = {name: "1" for name in ONE_THREAD if name not in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "glasshouse", *words],
        cwd=folder,
        env={**os.environ, **threads, **(env or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )
    finished = Finished(tuple(words), folder, done.returncode, done.stdout, done.stderr)
    if exit_code not in (None, done.returncode):
        raise AssertionError(f"expected exit code {exit_code}\n{finished}")
    return finished


def _written(config: Mapping[str, Any], folder: Path) -> Path:
    from glasshouse.system.yaml_text import write_yaml_text

    number = sum(1 for _ in folder.glob("config*.yaml"))
    path = folder / f"config{number or ''}.yaml"
    path.write_text(write_yaml_text(config), encoding="utf-8")
    return path
