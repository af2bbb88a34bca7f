"""Checkpoints from which a killed run resumes exactly: written atomically, with all states of the training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from pytorch_lightning import Callback, LightningModule, Trainer

from glasshouse.system.atomic_files import atomic_replace
from glasshouse.system.random_state import get_random_states, set_random_states
from glasshouse.system.redaction import redact
from glasshouse.training.metrics_csv import MetricsFile

STATE_KEY = "glasshouse.resume_point"
"""The key of `ResumeCheckpoint` in a checkpoint; it keeps its old name, so that old checkpoints resume."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints on a local disk atomically; remote ones are left to fsspec's transactions.

    Lightning's own class writes to the folder for temporary files and copies from there if it is on another disk: a
    killed process then leaves half a checkpoint under the final name.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        if "://" in str(path) or storage_options is not None:
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        target = Path(path)
        target.parent.mkdir(exist_ok=True)  # not its parents: a deleted run folder is not created again
        with atomic_replace(target) as partial, partial.open("wb") as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as error:  # torch's writer hides the system's error
                file.flush()
                raise OSError(f"{target}: {error}") from error


class ResumeCheckpoint(Callback):
    """Writes checkpoints/last.ckpt, from which training resumes as if it had not been interrupted.

    It is written at the start of an epoch, before any other callback or the module is called: by then the previous
    epoch is complete. Lightning saves at the end of an epoch, before schedules that follow a metric are stepped and
    the epoch's metrics are logged. After the training it is written once more, marked as finished.

    Each checkpoint also contains the random states, and hyper-parameters as plain values without secrets: a single
    Path among them would prevent loading with `weights_only=True`.

    It has to be the first callback.

    Args:
        path: of last.ckpt; None writes none.
        metrics: the run's metrics.csv, if there is one; a checkpoint stores the number of its rows.
    """

    def __init__(self, path: Path | None, metrics: MetricsFile | None = None) -> None:
        self.path = path
        self.metrics = metrics
        self.finished = False
        self._between_epochs = False
        self._began = False
        self._restored: dict[str, Any] | None = None

    state_key = STATE_KEY

    def state_dict(self) -> dict[str, Any]:
        return {
            "finished": self.finished,
            "between_epochs": self._between_epochs,
            "metrics_rows": self.metrics.rows if self.metrics else 0,
            "random": get_random_states(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._restored = state_dict

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Only in the run's own folder: the last checkpoint of another run is a starting point for more training.
        if self._restored is not None and self._restored["finished"] and self._is_own(trainer.ckpt_path):
            self.finished = True
            trainer.should_stop = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._restored is not None and not self._restored["between_epochs"]:
            set_random_states(self._restored["random"])  # a checkpoint within an epoch: approximate
            self._restored = None

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        for key in ("hyper_parameters", "datamodule_hyper_parameters"):
            if key in checkpoint:
                checkpoint[key] = redact(plain_values(checkpoint[key]))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._restored is not None:
            set_random_states(self._restored["random"])
            self._restored = None
            # Lightning created this epoch's iterator before the random states were restored: let it create a new
            # one, as in an uninterrupted run. With `max_steps` it treats every epoch as interrupted.
            trainer.fit_loop._resuming_from_checkpoint = False
            trainer.fit_loop._restarting = trainer.fit_loop.epoch_loop.restarting = False
        elif self._began and self.path is not None:
            self._save_as_between_epochs(trainer, self.path)
        self._began = True

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.path is not None and not self.finished:
            self.finished = True
            trainer.save_checkpoint(self.path)

    def _is_own(self, checkpoint: Any) -> bool:
        return self.path is not None and bool(checkpoint) and self.path.resolve() == Path(checkpoint).resolve()

    def _save_as_between_epochs(self, trainer: Trainer, path: Path) -> None:
        # Lightning has counted the coming epoch as ready already, and would treat it as interrupted.
        progress = trainer.fit_loop.epoch_progress
        progress.total.ready -= 1
        progress.current.ready -= 1
        self._between_epochs = True
        try:
            trainer.save_checkpoint(path)
        finally:
            progress.total.ready += 1
            progress.current.ready += 1
            self._between_epochs = False


def plain_values(value: Any) -> Any:
    """A copy of nested dictionaries and lists in which everything but primitives and tensors is converted to text."""
    if isinstance(value, dict):
        return {str(key): plain_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_values(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None), torch.Tensor)) else str(value)
