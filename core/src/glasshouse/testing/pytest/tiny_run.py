"""A finished run on tiny data, as a starting point of tests of report formats, audits and commands."""

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
"""What is run, but for its audits."""


def tiny_run(folder: Path) -> RunRecord:
    """Run `CONFIG` in a folder, in a process of its own, and read what it found."""
    audits = ["performance", "fairness"] if find_spec("glasshouse_audits") is not None else []
    return run_command(folder, ["run"], config={**CONFIG, "audits": audits}).record
