"""Other file systems: fsspec's in memory, and a real FTP server on this machine."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest
from glasshouse.cli.main import main
from glasshouse.plugins import set_registry
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder, a cache and a memory of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]
    set_registry(None)
    yield
    set_registry(None)


@pytest.fixture
def glasshouse(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run ``glasshouse ARGUMENTS`` in this process: the memory's file system is there alone."""

    def run(*arguments: str) -> tuple[int, str, str]:
        set_registry(None)
        monkeypatch.setattr(sys, "argv", ["glasshouse", *arguments])
        capsys.readouterr()
        code = main(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def ftp(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(URL with its password, the folder that is served)."""
    served = tmp_path / "served"
    served.mkdir()
    authorizer = DummyAuthorizer()
    authorizer.add_user("ann", "s3same", str(served), perm="elradfmwMT")
    handler = type("Handler", (FTPHandler,), {"authorizer": authorizer})
    server = FTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"timeout": 0.02, "handle_exit": False})
    thread.start()
    try:
        yield f"ftp://ann:s3same@127.0.0.1:{server.address[1]}", served
    finally:
        server.close_all()
        server.ioloop.close()
        thread.join()
