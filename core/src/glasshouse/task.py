"""Any `nn.Module` as a LightningModule: loss, metrics and output from the data's target."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from glasshouse import refusals
from glasshouse.data import Batch, Target
from glasshouse.errors import UserError
from glasshouse.outputs import as_columns, as_targets, loss_per_row, mean_loss, to_scores, trained_output_kind

OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
SchedulerFactory = Callable[[torch.optim.Optimizer], Any]
RowWeights = Callable[[Any], Tensor]
"""A batch's row weights in the training loss, (n,); their mean over the training rows is 1."""
LossTerm = Callable[[Tensor, Any], Tensor]
"""What is added to a batch's training loss, a number, from its differentiable scores (n, K) and the batch."""


class Task(LightningModule):
    """Trains `network` to predict `target`.

    Losses and correct answers are summed on the device and logged once an epoch; the training loss is logged every
    `Trainer.log_every_n_steps` steps. A metric object or a `self.log` on every step costs more than the step itself
    of a small network.

    Techniques may set `row_weights`, and append to `loss_terms`: both act on the training loss alone. The logged
    training loss has the weights in it and not the terms.

    Args:
        network: (n, ...) -> (n, K) raw output; its attribute `output_kind` says what that is, logits by default.
        target: what is predicted.
    """

    def __init__(self, network: nn.Module, target: Target) -> None:
        super().__init__()
        self.network = network
        self.target = target
        self.output_kind = trained_output_kind(network, target)
        # A squared error in the target's own units would scale the gradients with the square of those units.
        self._loss_unit = target.scale**2 if self.output_kind == "standardized" else 1.0
        self.optimizer_factory: OptimizerFactory | None = None
        self.scheduler: SchedulerChoice | None = None
        self.row_weights: RowWeights | None = None
        self.loss_terms: list[LossTerm] = []
        self._sums: dict[str, Tensor] = {}
        self._rows: dict[str, int] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        # Lightning writes the name of the hook it is in to the module some 44 times a step, and each time nn.Module
        # looks whether that is a parameter, a buffer or a submodule: a fifth of all calls of a step. What is a plain
        # attribute already is none of them, and a text or None makes it none.
        if (value is None or type(value) is str) and name in self.__dict__:
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)  # type: ignore[no-any-return]

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        # Lightning would search a batch for tensors: for ours, which is four of them, six times as slow.
        if type(batch) is Batch and all(type(part) is Tensor for part in batch):
            return Batch(*(tensor.to(device, non_blocking=device.type == "cuda") for tensor in batch))
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        x, y = unpack(batch)
        raw = self.network(x)
        if self.row_weights is None:
            loss = mean_loss(raw, y, self.target, self.output_kind)
        else:
            loss = (loss_per_row(raw, y, self.target, self.output_kind) * self.row_weights(batch)).mean()
        self._add("train_loss", loss.detach(), len(y), times=len(y))
        # Counted as Lightning does when it writes to its loggers: in optimizer steps, through all epochs; 0 is never.
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and (self.global_step + 1) % every == 0:
            self.log("train_loss_step", loss.detach(), batch_size=len(y))
        loss = loss if self._loss_unit == 1.0 else loss / self._loss_unit
        if self.loss_terms:
            scores = to_scores(as_columns(raw, self.target), self.target, self.output_kind)
            for term in self.loss_terms:
                loss = loss + term(scores, batch)
        return loss

    # Lightning asks at every step which arguments `training_step` has; an answer at hand spares it the inspection.
    training_step.__signature__ = inspect.signature(training_step)  # type: ignore[attr-defined]

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self._evaluate(batch, "validate")

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self._evaluate(batch, "test")

    def predict_step(self, batch: Any, batch_idx: int) -> Tensor:
        x, _ = unpack(batch)
        return to_scores(self.network(x), self.target, self.output_kind)

    def on_train_epoch_start(self) -> None:
        self._forget("train")

    def on_validation_epoch_start(self) -> None:
        self._forget("validate")

    def on_test_epoch_start(self) -> None:
        self._forget("test")

    def on_train_epoch_end(self) -> None:
        self._log_means("train")
        if "train_loss" in self._sums and not torch.isfinite(self._sums["train_loss"]):
            raise UserError(
                "training",
                f"the loss became {float(self._sums['train_loss'])} in epoch {self.current_epoch}.",
                "Lower the learning rate (`optimizer.lr`), or set `trainer: {gradient_clip_val: 1}`.",
            )

    def on_validation_epoch_end(self) -> None:
        self._log_means("validate")

    def on_test_epoch_end(self) -> None:
        self._log_means("test")

    def configure_optimizers(self) -> Any:
        return configure_optimizers(self)

    def _evaluate(self, batch: Any, split: str) -> None:
        x, y = unpack(batch)
        raw = self.network(x)
        self._add(f"{split}_loss", loss_per_row(raw, y, self.target, self.output_kind).sum(), len(y))
        if self.target.kind in ("binary", "multiclass"):
            predicted = to_scores(as_columns(raw, self.target), self.target, self.output_kind).argmax(dim=1)
            correct = predicted == as_targets(y, predicted, self.target)
            self._add(f"{split}_accuracy", correct.sum(), len(y))

    def _add(self, name: str, value: Tensor, rows: int, *, times: int = 1) -> None:
        if name not in self._sums:
            # Single precision would stop counting somewhere among 100 million rows, half precision much earlier.
            precision = torch.float32 if value.device.type == "mps" else torch.float64
            self._sums[name] = torch.zeros((), dtype=precision, device=value.device)
            self._rows[name] = 0
        self._sums[name].add_(value, alpha=times)
        self._rows[name] += rows

    def _forget(self, split: str) -> None:
        for name in [name for name in self._sums if name.startswith(f"{split}_")]:
            del self._sums[name], self._rows[name]

    def _log_means(self, split: str) -> None:
        means = {name: total / self._rows[name] for name, total in self._sums.items() if name.startswith(f"{split}_")}
        # Each rank has its own rows, so their means are averaged; on one process this changes nothing.
        self.log_dict(means, prog_bar=True, batch_size=1, sync_dist=self.trainer.world_size > 1)


class SchedulerChoice:
    """A schedule to be built once the optimizer exists.

    Args:
        factory: builds the schedule; `total_steps` or `T_max` that the user left out are filled in.
        interval: ``"step"`` or ``"epoch"``.
    """

    def __init__(self, factory: Callable[..., Any], options: Mapping[str, Any], interval: str) -> None:
        self.factory = factory
        self.options = dict(options)
        self.interval = interval

    def build(self, module: LightningModule, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """What Lightning's `configure_optimizers` wants to know of a schedule."""
        scheduler = self._make(optimizer, lambda: self._length(module))
        config = {"scheduler": scheduler, "interval": self.interval}
        if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            config["monitor"] = getattr(scheduler, "monitor", "validate_loss")
        return config

    def try_out(self, optimizer: torch.optim.Optimizer) -> None:
        """Build the schedule of a training of some length, for an optimizer that nobody else uses.

        Raises:
            UserError: if it refuses its options.
        """
        self._make(optimizer, lambda: 1000)

    def _make(self, optimizer: torch.optim.Optimizer, length: Callable[[], int]) -> Any:
        options = dict(self.options)
        accepted = inspect.signature(self.factory).parameters
        for name in ("total_steps", "T_max"):
            if name in accepted and options.get(name) is None:
                options[name] = length()
        with refusals.of_constructor("lr_scheduler"):
            return self.factory(optimizer, **options)

    def _length(self, module: LightningModule) -> int:
        if self.interval == "step":
            return int(module.trainer.estimated_stepping_batches)
        epochs = module.trainer.max_epochs
        if epochs is None or epochs < 1:
            raise UserError(
                "lr_scheduler", "needs to know how long training lasts.", "Set `trainer: {max_epochs: ...}`."
            )
        return epochs


def configure_optimizers(module: Any) -> Any:
    """`configure_optimizers` of a module that carries `optimizer_factory` and, perhaps, `scheduler`."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    if module.optimizer_factory is None:
        raise UserError("optimizer", "none is given, and the model configures none itself.", "Set `optimizer: adamw`.")
    optimizer = module.optimizer_factory(parameters)
    if module.scheduler is None:
        return optimizer
    return {"optimizer": optimizer, "lr_scheduler": module.scheduler.build(module, optimizer)}


def unpack(batch: Any) -> tuple[Tensor, Tensor]:
    """Inputs and targets of a `Batch`, or of the `(x, y)` pairs that most projects use.

    Raises:
        UserError: for a batch of another form.
    """
    if isinstance(batch, Batch):
        return batch.x, batch.y
    if isinstance(batch, (tuple, list)) and len(batch) >= 2:
        return batch[0], batch[1]
    if isinstance(batch, Mapping) and {"x", "y"} <= set(batch):
        return batch["x"], batch["y"]
    raise UserError(
        "data",
        f"expected batches (x, y) or glasshouse.Batch, received {type(batch).__name__}.",
        "Return pairs of inputs and targets from the data loader.",
    )
