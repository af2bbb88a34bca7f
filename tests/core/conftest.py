"""Real installed distributions made in a moment, and the command line as a user types it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from glasshouse.cli.main import main
from glasshouse.config.allowed_packages import allow
from glasshouse.plugins import set_registry


class Site:
    """A folder of installed distributions, as pip leaves them: packages beside ``*.dist-info``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self,
        name: str,
        files: Mapping[str, str],
        *,
        version: str = "1.0",
        entry_points: Mapping[str, str] | None = None,
        direct_url: Mapping[str, object] | None = None,
    ) -> None:
        """Install a distribution; its one entry point is its first file's module unless others are given.

        `direct_url` is what an installer writes down of a distribution that came from no index (PEP 610).
        """
        module = next(iter(files), "").removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        entries = {"plugin": module} if entry_points is None else entry_points
        metadata = f"{name.replace('-', '_')}-{version}.dist-info"
        lines = "".join(f"{entry} = {value}\n" for entry, value in entries.items())
        contents = {path: dedent(text) for path, text in files.items()}
        contents[f"{metadata}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        contents[f"{metadata}/WHEEL"] = (
            "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        contents[f"{metadata}/entry_points.txt"] = f"[console_scripts]\nunrelated = a:b\n\n[glasshouse]\n{lines}"
        if direct_url is not None:
            contents[f"{metadata}/direct_url.json"] = json.dumps(direct_url)
        record = []
        for path, text in contents.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(text.encode())}")
        record.append(f"{metadata}/RECORD,,")
        (self.folder / metadata / "RECORD").write_text("\n".join(record) + "\n", encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty site folder that comes first on the path, here and in the commands that a test starts."""
    folder = tmp_path / "site"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    yield Site(folder)
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[module]


class Finished:
    """What a command left: exit code, output, and which modules it imported."""

    def __init__(self, process: subprocess.CompletedProcess[str]) -> None:
        timed = [line for line in process.stderr.splitlines() if line.startswith("import time:")]
        self.code = process.returncode
        self.out = process.stdout
        self.err = "".join(f"{line}\n" for line in process.stderr.splitlines() if not line.startswith("import time:"))
        self.imported = {line.rpartition("|")[2].strip() for line in timed}

    @property
    def json(self) -> object:
        return json.loads(self.out)


@pytest.fixture
def glasshouse(tmp_path: Path) -> Callable[..., Finished]:
    """Run ``glasshouse ARGUMENTS`` in an empty folder; `python` goes to the interpreter."""
    folder = tmp_path / "here"
    folder.mkdir()

    def run(*arguments: str, python: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Finished:
        process = subprocess.run(
            [sys.executable, *python, "-m", "glasshouse", *arguments],
            cwd=folder,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Finished(process)

    return run


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


@pytest.fixture
def fresh_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
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
def command(fresh_process: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Glasshouse:
    """Run ``glasshouse ARGUMENTS`` in this process: a new one takes seconds to import torch, parsing a tenth of one."""

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
def write_config(fresh_process: None, tmp_path: Path) -> Callable[..., str]:
    """Write `RUN` with other values, or text, to a file and return its name."""

    def write(changes: dict[str, Any] | str, name: str = "run.yaml") -> str:
        text = changes if isinstance(changes, str) else yaml.safe_dump({**RUN, **changes}, sort_keys=False)
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return write
