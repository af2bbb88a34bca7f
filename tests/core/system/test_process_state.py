"""Public functions leave the process as they found it."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import glasshouse
import numpy as np
import pytest
import torch
from glasshouse.system.process_state import unchanged_process
from torch.utils.data import DataLoader, TensorDataset

from helpers.process_state import logger_state, standard_state


def whole_state() -> dict[str, Any]:
    import jsonargparse._common as jsonargparse

    return {
        **standard_state(),
        "numpy": [part.tolist() if isinstance(part, np.ndarray) else part for part in np.random.get_state()],
        "torch": torch.get_rng_state().tolist(),
        "threads": torch.get_num_threads(),
        "gradients": torch.is_grad_enabled(),
        "type": torch.get_default_dtype(),
        "precision": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "cudnn": (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark),
        "imports": str(jsonargparse.parsing_settings),
    }


QUIET = {"max_epochs": 1, "logger": False, "enable_progress_bar": False, "enable_model_summary": False}


def a_run() -> None:
    glasshouse.run(
        model="linear", data="diabetes", optimizer="sgd", trainer={**QUIET, "deterministic": True}, seed_everything=3
    )


def a_model() -> None:
    with torch.random.fork_rng():
        x = torch.randn(40, 3)
        network = torch.nn.Linear(3, 2)
    loader = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=8)
    glasshouse.audit(network, {"train": loader, "test": loader})


def predictions() -> None:
    import pandas as pd

    frame = pd.DataFrame({"decision": ["no", "yes"] * 20, "truth": ["no", "no", "yes", "yes"] * 10})
    glasshouse.audit_predictions(frame, prediction="decision", target="truth", favourable="yes", sensitive="truth")


def a_failing_run() -> None:
    with pytest.raises(glasshouse.UserError):
        glasshouse.run(model="linear", data="diabetes", optimizer={"class_path": "sgd", "init_args": {"lr": -1.0}})


def reading() -> None:
    glasshouse.run(model="linear", data="diabetes", optimizer="sgd", trainer=QUIET, audits=["performance"])
    (folder,) = Path("runs/diabetes").iterdir()
    record = glasshouse.RunRecord.read(folder)
    assert record._repr_html_()
    assert glasshouse.read_record(folder / "record.json")


def checks() -> None:
    from glasshouse.testing import check_audit, check_model, check_optimizer

    assert {result.status for result in check_optimizer("sgd")} <= {"passed", "skipped"}
    assert check_model("linear")
    assert check_audit("performance")


PUBLIC: dict[str, Callable[[], None]] = {
    "run": a_run,
    "audit": a_model,
    "audit_predictions": predictions,
    "a run that is refused": a_failing_run,
    "RunRecord": reading,
    "testing": checks,
}


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_function_leaves_the_process_as_it_was(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    import glasshouse.pipeline.existing_model
    import glasshouse.pipeline.pipeline  # noqa: F401  (libraries set their loggers up when they are imported)

    torch.set_grad_enabled(True)
    random.seed(7), np.random.seed(7), torch.manual_seed(7)
    before, logs = whole_state(), logger_state()
    PUBLIC[name]()
    after, logs_after = whole_state(), logger_state()
    assert {key: value for key, value in after.items() if before[key] != value} == {}
    assert {key: logs_after[key] for key in logs} == logs


FRESH = """
import json
import glasshouse
from helpers.process_state import standard_state
before = standard_state()
quiet = {"max_epochs": 1, "logger": False, "enable_progress_bar": False, "enable_model_summary": False}
for _ in range(2):
    record = glasshouse.run(model="linear", data="diabetes", optimizer="sgd", trainer=quiet, audits=["performance"])
after = standard_state()
print(json.dumps([key for key in before if before[key] != after[key]]))
"""
TESTS = Path(__file__).parents[2]


def test_a_run_in_a_process_that_had_imported_no_library_leaves_it_as_it_was(tmp_path: Path) -> None:
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-c", FRESH]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
    assert "UserWarning" not in done.stderr, done.stderr


def test_what_a_block_changes_is_restored_even_when_it_raises() -> None:
    logger = logging.getLogger("glasshouse.tests.process_state")
    logger.setLevel(logging.ERROR)
    before, logs = whole_state(), logger_state()
    threads = torch.get_num_threads()
    with suppress(ZeroDivisionError), unchanged_process():
        warnings.simplefilter("ignore")
        warnings.formatwarning = str  # type: ignore[assignment]
        os.environ["GLASSHOUSE_NEW"] = "1"
        os.environ.pop("PATH")
        sys.path.append("/nowhere")
        signal.signal(signal.SIGUSR1, lambda *_: None)
        random.seed(1), np.random.seed(1), torch.manual_seed(1)
        torch.set_num_threads(threads + 1)
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        torch.set_float32_matmul_precision("medium")
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.deterministic = True
        logger.setLevel(logging.DEBUG)
        logger.addHandler(logging.NullHandler())
        1 / 0  # noqa: B018
    assert whole_state() == before
    assert logger_state()["glasshouse.tests.process_state"] == logs["glasshouse.tests.process_state"]
