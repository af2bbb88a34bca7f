"""The command line in this process: parsing takes a tenth of a second once torch is imported, a new process seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from glasshouse.cli.main import main
from glasshouse.config.allowed_packages import allow
from glasshouse.plugins import set_registry

RUN = {"model": "mlp", "data": "diabetes", "optimizer": "adamw", "audits": [], "run_dir": "runs"}
"""The smallest configuration of a run, without audits."""


@dataclass(frozen=True)
class Answer:
    """What a command left: exit code, output, and what it added to runs/."""

    code: int
    out: str
    err: str
    written: list[Path]

    @property
    def folder(self) -> Path:
        """The run's folder: the last line of stdout."""
        assert self.code == 0, self.err
        return Path(self.out.splitlines()[-1])

    @property
    def config(self) -> dict[str, Any]:
        """What ``--print_config`` printed."""
        assert self.code == 0, self.err
        printed: dict[str, Any] = yaml.safe_load(self.out)
        return printed

    def refused(self) -> str:
        """The error, after a look at its form: exit code 2, a line or two, no traceback, nothing written."""
        assert self.code == 2, (self.code, self.out, self.err)
        lines = self.err.splitlines()
        assert lines[0].startswith("error: "), lines
        assert len(lines) <= 2, lines
        assert not self.written
        for scaffolding in ("Union subtypes", "NestedArg", "Namespace(", "<class", "Traceback", "Parser key"):
            assert scaffolding not in self.err
        return self.err


@pytest.fixture(autouse=True)
def _fresh_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder, and none of the plugins and packages of the test before."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GLASSHOUSE_ALLOW", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    set_registry(None)
    allow(())
    yield
    set_registry(None)
    allow(())


Glasshouse = Callable[..., Answer]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Glasshouse:
    """Run ``glasshouse ARGUMENTS``."""

    def run(*arguments: str) -> Answer:
        set_registry(None)
        before = set(Path("runs").rglob("*"))
        monkeypatch.setattr(sys, "argv", ["glasshouse", *arguments])
        capsys.readouterr()
        code = main(list(arguments))
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err, sorted({*Path("runs").rglob("*")} - before))

    return run


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[..., str]:
    """Write `RUN` with other values, or text, to a file and return its name."""

    def write(changes: dict[str, Any] | str, name: str = "run.yaml") -> str:
        text = changes if isinstance(changes, str) else yaml.safe_dump({**RUN, **changes}, sort_keys=False)
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return write
