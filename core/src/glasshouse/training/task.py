"""Any `nn.Module` as a LightningModule: loss, metrics and output from the data's target."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from glasshouse.data.batch import Batch, unpack
from glasshouse.data.data_info import Target
from glasshouse.errors import UserError
from glasshouse.evidence.model_outputs import (
    as_columns,
    as_targets,
    loss_per_row,
    mean_loss,
    to_scores,
    trained_output_kind,
)
from glasshouse.evidence.self_scoring import self_score_loss
from glasshouse.system import library_errors
from glasshouse.training.batch_transforms import BatchTransform, Parts, apply_transforms
from glasshouse.training.closures import FullBatch, StepClosure, begin_full_batch

OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
SchedulerFactory = Callable[[torch.optim.Optimizer], Any]
RowWeights = Callable[[Any], Tensor]
"""A batch's row weights in the training loss, (n,); their mean over the training rows is 1."""
LossTerm = Callable[[Tensor, Any], Tensor]
"""What is added to a batch's training loss, a number, from its differentiable scores (n, K) and the batch."""
Penalty = Callable[[], Tensor]
"""What is added to every batch's training loss, a number, from the weights alone."""
ParameterGroups = Callable[[nn.Module], list[dict[str, Any]]]
"""A module's trainable parameters in groups with options of their own, as torch's optimizers take them."""


class Task(LightningModule):
    """Trains `network` to predict `target`; a network that scores itself by its own loss.

    Losses and correct answers are summed on the device and logged once an epoch; the training loss is logged every
    `Trainer.log_every_n_steps` steps. A metric object or a `self.log` on every step costs more than the step itself
    of a small network.

    Techniques may set `row_weights` and `parameter_groups`, and append to `loss_terms`, `penalties` and
    `batch_transforms`: all act on training alone. The logged training loss has the weights in it, and neither the terms
    nor the penalties.

    A network with `members`, each a network with its own output (`ensemble`), trains by the sum of the members' losses;
    the logged training loss is their mean. It is told the target by its `set_target`, and `average` makes its output of
    theirs.

    Args:
        network: (n, ...) -> (n, K) raw output; its attribute `output_kind` says what that is, logits by default.
        target: what is predicted.
    """

    only_holds_network = True
    """`network` is the whole model; there is no forward pass around it."""

    def __init__(self, network: nn.Module, target: Target) -> None:
        super().__init__()
        self.network = network
        self.target = target
        self._members = members_of(network, target)
        self.output_kind = trained_output_kind(network, target)
        self._trained_kind = trained_output_kind(self._members[0], target) if self._members else self.output_kind
        # A squared error in the target's own units would scale the gradients with the square of those units.
        self._loss_unit = target.scale**2 if self._trained_kind == "standardized" else 1.0
        self.optimizer_factory: OptimizerFactory | None = None
        self.scheduler: SchedulerConfig | None = None
        self.row_weights: RowWeights | None = None
        self.loss_terms: list[LossTerm] = []
        self.penalties: list[Penalty] = []
        self.batch_transforms: list[BatchTransform] = []
        self.parameter_groups: ParameterGroups | None = None
        self.full_batch: FullBatch | None = None
        self.counts = True
        """Whether an evaluation of the training loss is counted and logged: the first one of each step is."""
        self._transformed: tuple[Tensor, Parts | None] | None = None
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
        x, parts = self._transform(x)
        raws = self._outputs(x)
        if self.row_weights is None and parts is None and len(raws) == 1 and not self._members:
            loss = mean_loss(raws[0], y, self.target, self.output_kind)
        else:
            weights = None if self.row_weights is None else self.row_weights(batch)
            loss = self._training_losses(x, y, raws, parts, weights).mean()
        if self.counts:
            self._note(loss.detach(), len(y))
        loss = loss if self._loss_unit == 1.0 else loss / self._loss_unit
        if self.loss_terms:
            raw = self._one_output(x, raws)
            scores = to_scores(as_columns(raw, self.target), self.target, self.output_kind)
            for term in self.loss_terms:
                loss = loss + term(scores, batch)
        for penalty in self.penalties:
            loss = loss + penalty()
        return loss if self.full_batch is None else self.full_batch.add(loss, len(y))

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

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        super().optimizer_step(epoch, batch_idx, optimizer, StepClosure(self, optimizer_closure))

    def _transform(self, x: Tensor) -> tuple[Tensor, Parts | None]:
        """A batch's inputs as training sees them; evaluated again, the same batch is transformed as it was."""
        if not self.batch_transforms:
            return x, None
        if self.counts or self.full_batch is not None or self._transformed is None:
            self._transformed = apply_transforms(x, self.batch_transforms)
        return self._transformed

    def _outputs(self, x: Tensor) -> list[Tensor]:
        """What training compares with the targets: the network's output, every member's, or none of a score's own."""
        if not self.target.observed:
            return []
        return [member(x) for member in self._members] if self._members else [self.network(x)]

    def _one_output(self, x: Tensor, raws: list[Tensor]) -> Tensor:
        if not raws:
            return self.network(x)  # type: ignore[no-any-return]
        return self.network.average(raws) if self._members else raws[0]  # type: ignore[operator]

    def _training_losses(
        self, x: Tensor, y: Tensor, raws: list[Tensor], parts: Parts | None, weights: Tensor | None
    ) -> Tensor:
        """(n,) summed over members; of mixed rows, by the targets and the weights of what they are made of."""
        if not raws:
            losses = self_score_loss(self.network, x)
            return losses if weights is None else losses * weights
        if parts is None:
            losses = self._summed_losses(raws, y)
            return losses if weights is None else losses * weights
        mixed = [
            self._summed_losses(raws, y[rows]) * (share if weights is None else share * weights[rows])
            for rows, share in parts
        ]
        return torch.stack(mixed).sum(dim=0)

    def _summed_losses(self, raws: list[Tensor], y: Tensor) -> Tensor:
        losses = [loss_per_row(raw, y, self.target, self._trained_kind) for raw in raws]
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum(dim=0)

    def _note(self, loss: Tensor, rows: int) -> None:
        loss = loss / len(self._members) if self._members else loss
        self._add("train_loss", loss, rows, times=rows)
        # Counted as Lightning does when it writes to its loggers: in optimizer steps, through all epochs; 0 is never.
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and (self.global_step + 1) % every == 0:
            self.log("train_loss_step", loss, batch_size=rows)

    def _evaluate(self, batch: Any, split: str) -> None:
        x, y = unpack(batch)
        raw = self.network(x) if self.target.observed else None
        self._add(f"{split}_loss", self._losses(x, y, raw).sum(), len(y))
        if raw is not None and self.target.kind in ("binary", "multiclass"):
            predicted = to_scores(as_columns(raw, self.target), self.target, self.output_kind).argmax(dim=1)
            correct = predicted == as_targets(y, predicted, self.target)
            self._add(f"{split}_accuracy", correct.sum(), len(y))

    def _losses(self, x: Tensor, y: Tensor, raw: Tensor | None) -> Tensor:
        """(n,) from the network's output and the targets, or, without output, what the network says itself."""
        return self_score_loss(self.network, x) if raw is None else loss_per_row(raw, y, self.target, self.output_kind)

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


class SchedulerConfig:
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
        with library_errors.user_errors_from_constructor("lr_scheduler"):
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
    if module.optimizer_factory is None:
        raise UserError("optimizer", "none is given, and the model configures none itself.", "Set `optimizer: adamw`.")
    groups = getattr(module, "parameter_groups", None)
    optimizer = module.optimizer_factory(
        [p for p in module.parameters() if p.requires_grad] if groups is None else groups(module)
    )
    if getattr(optimizer, "full_batch", False):
        begin_full_batch(module, optimizer)
    refuse_clipping(module, optimizer)
    if module.scheduler is None:
        return optimizer
    return {"optimizer": optimizer, "lr_scheduler": module.scheduler.build(module, optimizer)}


def refuse_clipping(module: LightningModule, optimizer: torch.optim.Optimizer) -> None:
    """A line search compares losses by gradients; of clipped ones it would believe what is not so.

    Raises:
        UserError: for L-BFGS whose gradients are to be clipped.
    """
    if isinstance(optimizer, torch.optim.LBFGS) and module.trainer.gradient_clip_val:
        raise UserError(
            "optimizer 'lbfgs'",
            "measures curvature by gradients, which cannot be clipped.",
            "Leave out `trainer: {gradient_clip_val: ...}`, or take another optimizer.",
        )


def members_of(network: Any, target: Target) -> list[nn.Module]:
    """The networks that learn apart within `network`, which is told what they predict; none for most networks."""
    if not hasattr(network, "set_target"):
        return []
    network.set_target(target)
    return list(network.members) if target.observed else []
