"""The only place where a Trainer is made."""

from __future__ import annotations

import logging
import sys
import warnings
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.profilers import PassThroughProfiler
from pytorch_lightning.strategies import FSDPStrategy, ModelParallelStrategy

from glasshouse.training.metrics_csv import MetricsFile
from glasshouse.training.resume_checkpoint import AtomicCheckpointIO, ResumeCheckpoint

LAST = "last.ckpt"
"""What a killed training goes on from."""

_NOT_NEWS = (
    ".*does not have many workers.*",  # in-memory batches need none
    ".*is smaller than the logging interval.*",  # epoch means are logged all the same
    ".*[Yy]ou defined a `validation_step` but have no `val_dataloader`.*",
    ".*isinstance.treespec, LeafSpec.*",  # Lightning's own call of torch
    ".*Checkpoint directory .* exists and is not empty.*",  # of a run that goes on
    ".*The dirpath has changed from.*",  # every run has a folder of its own, also one that goes on from a checkpoint
    ".*You have overridden `transfer_batch_to_device` in `LightningModule`.*",
)
"""Warnings of Lightning about what is meant to be so."""


def make_trainer(
    options: dict[str, Any],
    *,
    folder: Path,
    monitor: str | None,
    callbacks: list[Callback],
    loggers: list[Any],
) -> Trainer:
    """A Trainer that writes best and last checkpoint and metrics.csv into `folder`, and goes on with what is there.

    Args:
        options: Trainer arguments as the user gave them; what they leave out gets our defaults.
        folder: the run's folder.
        monitor: the metric whose lowest value tells the best checkpoint; None keeps the last one.
        callbacks: added to the user's own.
        loggers: added to the user's own, or to metrics.csv.
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
        chosen["enable_checkpointing"] = bool(monitor)  # otherwise Lightning adds a checkpoint of its own
    if metrics is not None:
        chosen["logger"] = [metrics, *loggers]
    elif loggers and chosen["logger"] is not False:
        given_loggers = chosen["logger"]
        chosen["logger"] = [*(given_loggers if isinstance(given_loggers, list) else [given_loggers]), *loggers]
    if chosen.get("profiler") is None:
        chosen["profiler"] = NoProfiler()
    if chosen.get("default_root_dir") is None:
        chosen["default_root_dir"] = str(folder)
    for message in _NOT_NEWS:
        warnings.filterwarnings("ignore", message=message)
    trainer = Trainer(**chosen)
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:  # the one that nobody chose
        trainer.strategy.checkpoint_io = AtomicCheckpointIO()
    return trainer


def best_epoch_checkpoint(folder: Path, monitor: str) -> EpochCheckpoint:
    """checkpoints/best.ckpt, of the epoch where `monitor` was lowest."""
    options: dict[str, Any] = {"dirpath": folder / "checkpoints", "mode": "min", "enable_version_counter": False}
    return EpochCheckpoint(filename="best", monitor=monitor, **options)


class EpochCheckpoint(ModelCheckpoint):
    """Saves when epochs end, and costs the steps in between nothing."""

    @cached_property
    def state_key(self) -> str:
        # Lightning asks for it at each of six hooks a step, and each time writes out the callback's options.
        return super().state_key

    def on_train_batch_end(self, *_: Any, **__: Any) -> None:
        """Nothing: Lightning's own asks the trainer, at every step, whether it is time."""


def best_checkpoint(trainer: Trainer, folder: Path) -> Path:
    """The checkpoint to judge: the best one, the last where nothing tells which is best, or the weights as they are."""
    callback = trainer.checkpoint_callback
    best = getattr(callback, "best_model_path", "")
    if best and Path(best).is_file():
        return Path(best)
    if (last := folder / "checkpoints" / LAST).is_file():
        return last
    path = folder / "checkpoints" / "final.ckpt"
    trainer.save_checkpoint(path)
    return path


def shards_weights(trainer: Trainer) -> bool:
    """Whether the strategy leaves every process with a part of the weights, in a module wrapped beyond recognition."""
    return isinstance(trainer.strategy, (FSDPStrategy, ModelParallelStrategy))


def load_weights(model: LightningModule, path: Path) -> None:
    """Put a checkpoint's weights into a model built from the saved configuration; never unpickles."""
    checkpoint = torch.load(path, weights_only=True, map_location="cpu")
    model.load_state_dict(checkpoint["state_dict"])


class NoProfiler(PassThroughProfiler):
    """Profiles nothing, like Lightning's default, but without making a context some 36 times a step to do so."""

    _nothing: AbstractContextManager[None] = nullcontext()

    def profile(self, action_name: str) -> AbstractContextManager[None]:  # type: ignore[override]
        return self._nothing
