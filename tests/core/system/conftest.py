"""Two processes that meet over gloo on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def together(tmp_path: Path) -> Callable[..., list[str]]:
    """`together(script, processes)`: what each process prints that runs a script after all have met."""

    def run(script: str, processes: int = 2) -> list[str]:
        path = tmp_path / "script.py"
        meet = "import torch\ntorch.distributed.init_process_group('gloo')"
        path.write_text(f"{meet}\n{script}\ntorch.distributed.destroy_process_group()\n")
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(processes)}
        started = [
            subprocess.Popen(
                [sys.executable, str(path)],
                env={**os.environ, **meeting, "RANK": str(rank), "OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(processes)
        ]
        printed = []
        for process in started:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
            printed.append(out)
        return printed

    return run
