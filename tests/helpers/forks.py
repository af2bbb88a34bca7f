"""Processes as good as new, in a moment.

Importing torch and Lightning takes seconds of every new process, and most tests that start one want to know what a
process does that knows nothing of theirs. One server imports those libraries and core, nothing of any plugin, and
forks a process for each request; it never builds, trains or reads anything itself. Where there is no fork, or where
the start of a process is what is tested, `subprocess` starts a real one.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IMPORTED = (
    *("torch", "pytorch_lightning", "pandas", "pyarrow.parquet", "pyarrow.compute", "scipy.stats", "jsonschema"),
    *("glasshouse.pipeline.pipeline", "glasshouse.config.lightning_parser"),
    *("glasshouse.cli.commands.audit", "glasshouse.cli.training_commands"),
)
"""What every request finds imported."""

SECONDS = 300
"""A process that takes longer is killed."""


@dataclass(frozen=True)
class Forked:
    """A process on its way."""

    arguments: tuple[str, ...]
    forks: Forks
    pid: int
    folder: Path

    def wait(self) -> subprocess.CompletedProcess[str]:
        """Its exit code (of a signal: negative), stdout and stderr."""
        code = self.forks.ask({"wait": self.pid})
        out, err = ((self.folder / name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(self.arguments, code, out, err)


class Forks:
    """The server, as the process sees it that asks."""

    def __init__(self, server: subprocess.Popen[str], folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._count = 0

    def start(self, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Forked:
        """`python ARGUMENTS`, which begin with ``-m MODULE``, ``-c CODE`` or a script, in a folder.

        Args:
            arguments: what the interpreter would get.
            cwd: the working folder.
            env: variables beside those of this process; `PYTHONPATH` is heeded.
        """
        folder = self._folder / str(self._count)
        folder.mkdir()
        self._count += 1
        asked = {"arguments": arguments, "cwd": str(cwd), "env": {**os.environ, **(env or {})}, "folder": str(folder)}
        return Forked(arguments, self, self.ask(asked), folder)

    def run(self, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Start a process and wait for its end."""
        return self.start(*arguments, cwd=cwd, env=env).wait()

    def ask(self, request: Mapping[str, Any]) -> int:
        """The server's answer: the number of a process, or how it ended."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        print(json.dumps(request), file=self._server.stdin, flush=True)
        return int(self._server.stdout.readline())


@contextmanager
def forking() -> Iterator[Forks]:
    """A server until the end of the block."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with (
        tempfile.TemporaryDirectory(prefix="glasshouse-forks-") as folder,
        subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as server,
    ):
        yield Forks(server, Path(folder))
        assert server.stdin is not None
        server.stdin.close()


def serve() -> None:
    """Answer each line of stdin with a line on stdout."""
    for name in IMPORTED:
        importlib.import_module(name)

    for line in sys.stdin:
        request = json.loads(line)
        print(_ended(request["wait"]) if "wait" in request else _forked(request), flush=True)


def _ended(pid: int) -> int:
    deadline = time.monotonic() + SECONDS
    while (found := os.waitpid(pid, os.WNOHANG))[0] == 0:
        if time.monotonic() > deadline:
            os.kill(pid, 9)
            deadline += SECONDS
        time.sleep(0.005)
    return os.waitstatus_to_exitcode(found[1])


def _forked(request: dict[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        for stream, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(f"{request['folder']}/{name}", os.O_WRONLY | os.O_CREAT), stream)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        code = _interpret(*request["arguments"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _interpret(first: str, *rest: str) -> int:
    """What the interpreter does with its arguments."""
    on_path = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    place = os.getcwd() if first in ("-m", "-c") else str(Path(first).resolve().parent)
    sys.path[0:1] = [place, *on_path]
    importlib.invalidate_caches()
    if first == "-m":
        sys.argv = [rest[0], *rest[1:]]
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")
    return 0


if __name__ == "__main__":
    serve()
