"""Short trainings on the CPU, without output and without files."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn

from glasshouse.data.data_info import DataInfo
from glasshouse.system.random_state import seeded
from glasshouse.training.task import Task


def small_task(info: DataInfo, *, seed: int = 0, lr: float = 0.05) -> Task:
    """A task with one hidden layer on flattened inputs, and Adam; its initial weights depend on `seed` only."""
    width = int(torch.Size(info.input_shape).numel())
    outputs = info.target.num_outputs
    with seeded(seed, "small task"):
        words = [nn.Embedding(info.sizes["vocab_size"], 4)] if info.modality == "text" else []
        hidden = nn.Linear(width * (4 if words else 1), 8)
        network = nn.Sequential(*words, nn.Flatten(), hidden, nn.Tanh(), nn.Linear(8, outputs))
    task = Task(network, info.target)
    task.optimizer_factory = lambda parameters: torch.optim.Adam(parameters, lr=lr)
    return task


def fit(
    module: LightningModule,
    data: Any,
    *,
    epochs: int | None = None,
    steps: int = -1,
    callbacks: Sequence[Callback] = (),
    seed: int = 0,
    ckpt_path: str | None = None,
    **options: Any,
) -> Trainer:
    """Train `module` on `data` for some epochs or steps; all random numbers depend on `seed`."""
    chosen: dict[str, Any] = {
        "max_epochs": epochs if epochs is not None else -1,
        "max_steps": steps,
        "callbacks": list(callbacks),
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        **options,
    }
    with quiet(), seeded(seed, "training"):
        trainer = Trainer(**chosen)
        trainer.fit(module, datamodule=data, ckpt_path=ckpt_path, weights_only=True if ckpt_path else None)
    return trainer


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress warnings and Lightning's messages during the block."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
