"""Runs that are killed at a given point, and others that go on; each is a process of its own that may die."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from helpers.forks import Forks

HERE = Path(__file__).parent


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
def runner(forks: Forks) -> Callable[..., Ended]:
    """Run ``glasshouse ARGUMENTS`` in a folder, as a process that may die."""

    def run(folder: Path, *arguments: str, **env: str) -> Ended:
        done = forks.run("-m", "glasshouse", *arguments, cwd=folder, env=env)
        return Ended(done.returncode, done.stdout, done.stderr)

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
