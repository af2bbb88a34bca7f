"""The Trainer of a run: the only place where one is created."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.strategies import FSDPStrategy, ModelParallelStrategy

from glasshouse.errors import UserError
from glasshouse.training.lightning_speedups import NoProfiler
from glasshouse.training.metrics_csv import MetricsFile
from glasshouse.training.resume_checkpoint import AtomicCheckpointIO, ResumeCheckpoint

LAST = "last.ckpt"
"""The checkpoint from which a killed training resumes."""

_EXPECTED_WARNINGS = (
    ".*does not have many workers.*",  # in-memory batches need none
    ".*is smaller than the logging interval.*",  # epoch means are logged in any case
    ".*[Yy]ou defined a `validation_step` but have no `val_dataloader`.*",
    ".*isinstance.treespec, LeafSpec.*",  # Lightning's own call of torch
    ".*Checkpoint directory .* exists and is not empty.*",  # of a resumed run
    ".*The dirpath has changed from.*",  # each run has its own folder, also one that starts from a checkpoint
    ".*You have overridden `transfer_batch_to_device` in `LightningModule`.*",
)
"""Warnings of Lightning about intended settings."""


def make_trainer(
    options: dict[str, Any],
    *,
    folder: Path,
    monitor: str | None,
    callbacks: list[Callback],
    loggers: list[Any],
) -> Trainer:
    """A Trainer that writes the best and the last checkpoint and metrics.csv into `folder`, or continues those.

    Args:
        options: the user's Trainer arguments; glasshouse's defaults fill the rest.
        folder: the run's folder.
        monitor: the metric whose lowest value selects the best checkpoint; None writes the last one only.
        callbacks: in addition to the user's.
        loggers: in addition to the user's, or to metrics.csv.
    """
    chosen = dict(options)
    quiet = not sys.stderr.isatty()
    if quiet:
        chosen["enable_progress_bar"] = chosen.get("enable_progress_bar") or False
        logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    if chosen.get("enable_model_summary") is None:
        chosen["enable_model_summary"] = False
    given = chosen.get("callbacks") or []
    chosen["callbacks"] = [*(given if isinstance(given, list) else [given]), *callbacks]
    metrics = MetricsFile(folder) if chosen.get("logger") in (None, True) else None
    kept = chosen.get("enable_checkpointing") is not False and not chosen.get("fast_dev_run")
    chosen["callbacks"].insert(0, ResumeCheckpoint(folder / "checkpoints" / LAST if kept else None, metrics))
    if kept and not any(isinstance(callback, ModelCheckpoint) for callback in chosen["callbacks"]):
        chosen["callbacks"] += [best_epoch_checkpoint(folder, monitor)] if monitor else []
        chosen["enable_checkpointing"] = bool(monitor)  # True makes Lightning add its own checkpoint callback
    if metrics is not None:
        chosen["logger"] = [metrics, *loggers]
    elif loggers and chosen["logger"] is not False:
        given_loggers = chosen["logger"]
        chosen["logger"] = [*(given_loggers if isinstance(given_loggers, list) else [given_loggers]), *loggers]
    if chosen.get("profiler") is None:
        chosen["profiler"] = NoProfiler()
    if chosen.get("default_root_dir") is None:
        chosen["default_root_dir"] = str(folder)
    for message in _EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message=message)
    trainer = Trainer(**chosen)
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:  # the default, not the user's choice
        trainer.strategy.checkpoint_io = AtomicCheckpointIO()
    return trainer


def best_epoch_checkpoint(folder: Path, monitor: str) -> EpochCheckpoint:
    """A callback that writes checkpoints/best.ckpt, of the epoch with the lowest `monitor`."""
    options: dict[str, Any] = {"dirpath": folder / "checkpoints", "mode": "min", "enable_version_counter": False}
    return EpochCheckpoint(filename="best", monitor=monitor, **options)


class EpochCheckpoint(ModelCheckpoint):
    """Lightning's ModelCheckpoint. Its class name is the key of its state, so that old checkpoints can be resumed."""


def best_checkpoint(trainer: Trainer, folder: Path) -> Path:
    """The checkpoint to audit: the best one, the last one without a monitored metric, or the present weights.

    Raises:
        UserError: if the metric by which the best one was chosen was never a number.
    """
    callback = trainer.checkpoint_callback
    best = getattr(callback, "best_model_path", "")
    score = getattr(callback, "best_model_score", None)
    if best and score is not None and not torch.isfinite(score):
        raise UserError(
            "training",
            f"{callback.monitor} is {float(score)} in every epoch, so no best checkpoint can be chosen.",  # type: ignore[union-attr]
            "Look for missing or infinite numbers in the validation rows, or monitor another metric.",
        )
    if best and Path(best).is_file():
        return Path(best)
    if (last := folder / "checkpoints" / LAST).is_file():
        return last
    path = folder / "checkpoints" / "final.ckpt"
    trainer.save_checkpoint(path)
    return path


def shards_weights(trainer: Trainer) -> bool:
    """Whether the strategy shards the weights, so that each process has a part of them in a wrapped module."""
    return isinstance(trainer.strategy, (FSDPStrategy, ModelParallelStrategy))


def load_weights(model: LightningModule, path: Path) -> None:
    """Load a checkpoint's weights into a model built from the saved configuration, with `weights_only=True`."""
    checkpoint = torch.load(path, weights_only=True, map_location="cpu")
    model.load_state_dict(checkpoint["state_dict"])
