"""A project that knows nothing of glasshouse (`helpers.their_project`), and a Trainer for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytorch_lightning import Trainer
from torch import Tensor

from helpers.their_project import Classifier, Project, people


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are written below the test's own folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def project() -> type[Project]:
    return Project


@pytest.fixture
def classifier() -> type[Classifier]:
    return Classifier


@pytest.fixture
def table() -> tuple[Tensor, Tensor, np.ndarray]:
    return people()


@pytest.fixture
def quiet_trainer() -> Callable[..., Trainer]:
    """A Trainer of two epochs on the CPU that prints nothing."""

    def make(**options: Any) -> Trainer:
        silent = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
        kept = {"enable_checkpointing": False, "accelerator": "cpu", "max_epochs": 2}
        return Trainer(**{**silent, **kept, **options})

    return make
