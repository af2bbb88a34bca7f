"""Runs that are killed at a given point, and others that go on; each is a process of its own that may die."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

HERE = Path(__file__).parent

SERVER = """
import json, os, sys, traceback
import torch, pytorch_lightning, pyarrow.parquet, scipy.stats, jsonschema
import glasshouse.pipeline.pipeline, glasshouse.config.lightning_parser
import glasshouse.cli.commands.audit, glasshouse.cli.training_commands
from glasshouse.cli.main import main

for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        for stream, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        os.chdir(asked["folder"])
        os.environ.update(asked["env"])
        sys.argv = ["glasshouse", *asked["arguments"]]
        code = 99
        try:
            code = main(asked["arguments"])
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""
"""Imports what takes seconds once, and forks a process for each command; it never trains anything itself."""


@dataclass(frozen=True)
class Ended:
    """How a command ended; a negative code is the signal that killed it."""

    code: int
    out: str
    err: str

    @property
    def folder(self) -> Path:
        """The run's folder: the last line of stdout."""
        assert self.code == 0, self.err
        return Path(self.out.splitlines()[-1])


@pytest.fixture(scope="session")
def server() -> Iterator[subprocess.Popen[str]]:
    """The process that commands are forked from."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="session")
def runner(server: subprocess.Popen[str]) -> Callable[..., Ended]:
    """Run ``glasshouse ARGUMENTS`` in a folder, as a process that may die."""

    def run(folder: Path, *arguments: str, **env: str) -> Ended:
        asked: dict[str, Any] = {"folder": str(folder), "arguments": arguments, "env": env}
        asked |= {name: str(folder / f"std{name}") for name in ("out", "err")}
        assert server.stdin is not None
        assert server.stdout is not None
        print(json.dumps(asked), file=server.stdin, flush=True)
        code = int(server.stdout.readline())
        return Ended(code, (folder / "stdout").read_text(), (folder / "stderr").read_text())

    return run


CONFIG: dict[str, Any] = {
    "name": "toy",
    "model": {"class_path": "mlp", "init_args": {"hidden": [6], "dropout": 0.3}},
    "data": {
        "class_path": "table",
        "init_args": {"path": "rows.csv", "target": "y", "favourable": "yes", "sensitive": ["g"], "batch_size": 16},
    },
    "optimizer": {"class_path": "adam", "init_args": {"lr": 0.05}},
    "lr_scheduler": {"class_path": "plateau", "init_args": {"patience": 0, "factor": 0.5}},
    "techniques": [{"name": "early_stopping", "patience": 2}],
    "trainer": {"max_epochs": 6, "accelerator": "cpu", "log_every_n_steps": 2},
    "audits": ["performance", "drawn"],
    "report": ["json"],
}
"""Random numbers in the model, in a callback and in an audit; a schedule that follows a metric; an early stop."""


@pytest.fixture(scope="session")
def furnish() -> Callable[..., Path]:
    """Put a table of 120 rows, a configuration and the plugin that kills into a folder."""
    return _furnish


def _furnish(folder: Path, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3))
    y = x[:, 0] + rng.normal(scale=0.8, size=120) > 0
    rows = [
        f"{a:.4f},{b:.4f},{c:.4f},{'ab'[i % 2]},{'yes' if t else 'no'}"
        for i, ((a, b, c), t) in enumerate(zip(x, y, strict=True))
    ]
    (folder / "rows.csv").write_text("x0,x1,x2,g,y\n" + "\n".join(rows) + "\n", encoding="utf-8")
    (folder / "run.yaml").write_text(yaml.safe_dump({**CONFIG, **changes}, sort_keys=False), encoding="utf-8")
    (folder / "killer.py").write_text((HERE / "killer.py").read_text(encoding="utf-8"), encoding="utf-8")
    return folder
