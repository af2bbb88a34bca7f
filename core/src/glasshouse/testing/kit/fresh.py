"""Calls in a fresh process, which shares no state with this one.

A server process is started once. It imports torch and glasshouse, but no plugin, and runs each call in a fork of
itself, so that sixty components cost one import of torch. Without `os.fork`, each call starts a new process.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from glasshouse.plugins.loading import one_line

SECONDS = 120
"""The time limit of a call."""

_server: subprocess.Popen[str] | None = None
_owner = 0


class FreshProcessError(RuntimeError):
    """The error of the other process, in one line."""


def in_fresh_process(function: Callable[..., Any], **arguments: Any) -> Any:
    """Call a function in another process.

    Args:
        function: a module-level function that the other process can import.
        arguments: JSON values.

    Returns:
        The function's result, as JSON values.

    Raises:
        FreshProcessError: if the function raises, or the process ends without a result.
    """
    request = {
        "function": f"{function.__module__}:{function.__qualname__}",
        "arguments": arguments,
        "path": [os.path.abspath(entry) for entry in sys.path],
        "files": _single_files(),
        "folder": os.getcwd(),
        "environment": dict(os.environ),
    }
    with TemporaryDirectory(prefix="glasshouse-fresh-") as folder:
        request["answer"] = answer = str(Path(folder, "answer.json"))
        _ask(json.dumps(request))
        try:
            found = json.loads(Path(answer).read_text(encoding="utf-8"))
        except OSError as error:
            raise FreshProcessError(f"the process ended without a result, or took more than {SECONDS} s") from error
    if "error" in found:
        raise FreshProcessError(found["error"])
    return found["value"]


def _single_files() -> list[str]:
    """The single-file plugins of this process, which cannot be imported by name."""
    from glasshouse.plugins import registry

    modules = (plugin.plugin for plugin in registry().loaded if plugin.version.startswith("sha256:"))
    return [str(module.__file__) for module in modules]


def _ask(line: str) -> None:
    for _ in range(2):  # a server without fork ends after one call
        server = _running()
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            server.stdin.write(line + "\n")
            server.stdin.flush()
            if server.stdout.readline():
                return
        except BrokenPipeError:
            pass
        _stop()
    raise FreshProcessError("cannot start another process")


def _running() -> subprocess.Popen[str]:
    global _server, _owner
    if _server is None or _server.poll() is not None or _owner != os.getpid():
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        _server = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        if _owner == 0:
            atexit.register(_stop)
        _owner = os.getpid()
    return _server


def _stop() -> None:
    global _server
    if _server is not None and _owner == os.getpid():
        for pipe in (_server.stdin, _server.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        _server.wait()
    _server = None


def _serve(requests: IO[str], done: IO[str]) -> None:
    import glasshouse.training.model_building  # noqa: F401  (torch, Lightning and jsonargparse, which every call needs)

    for line in requests:
        if not hasattr(os, "fork"):
            _answer(json.loads(line))
            done.write("done\n")
            done.flush()
            return
        child = os.fork()
        if child == 0:
            signal.alarm(SECONDS)
            _answer(json.loads(line))
            os._exit(0)
        os.waitpid(child, 0)
        done.write("done\n")
        done.flush()


def _answer(request: dict[str, Any]) -> None:
    try:
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        sys.path[:] = request["path"]
        importlib.invalidate_caches()
        from glasshouse.plugins import Registry, set_registry

        if request["files"]:
            set_registry(Registry.from_environment(files=map(Path, request["files"])))
        module, _, name = request["function"].partition(":")
        answer = {"value": getattr(importlib.import_module(module), name)(**request["arguments"])}
    except (Exception, SystemExit) as error:
        answer = {"error": one_line(error)}
    Path(request["answer"]).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    # The output of plugins goes to stderr, because stdout signals finished calls.
    finished = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _serve(sys.stdin, finished)
