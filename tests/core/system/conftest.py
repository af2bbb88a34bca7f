"""Several processes that meet over gloo on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.forks import Forks
from helpers.ports import free_port


@pytest.fixture
def together(tmp_path: Path, forks: Forks) -> Callable[..., list[str]]:
    """`together(script, processes)`: what each process prints that runs a script after all have met."""

    def run(script: str, processes: int = 2) -> list[str]:
        path = tmp_path / "script.py"
        meet = "import torch\ntorch.distributed.init_process_group('gloo')"
        path.write_text(f"{meet}\n{script}\ntorch.distributed.destroy_process_group()\n")
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(processes)}
        started = [
            forks.start(str(path), cwd=tmp_path, env={**meeting, "RANK": str(rank)}) for rank in range(processes)
        ]
        printed = []
        for process in started:
            done = process.wait()
            assert done.returncode == 0, done.stderr
            printed.append(done.stdout)
        return printed

    return run
