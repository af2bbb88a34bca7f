"""A finished run on tiny data, for tests of report formats, audits and commands."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasshouse.testing.pytest.command import run_command

if TYPE_CHECKING:
    from glasshouse.run_record import RunRecord

CONFIG: dict[str, Any] = {
    "name": "tiny",
    "seed_everything": 0,
    "trainer": {
        "max_epochs": 15,
        "accelerator": "cpu",
        "enable_progress_bar": False,
        "enable_model_summary": False,
    },
    "model": "glasshouse.testing.pytest.fixtures.TinyNet",
    "data": "glasshouse.testing.pytest.fixtures.TinyTable",
    "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.1}},
}
"""The configuration without its audits."""


def tiny_run(folder: Path) -> RunRecord:
    """Run `CONFIG` in a new process and return its record."""
    audits = ["performance", "fairness"] if find_spec("glasshouse_audits") is not None else []
    return run_command(folder, ["run"], config={**CONFIG, "audits": audits}).record
