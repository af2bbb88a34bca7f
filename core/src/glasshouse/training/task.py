"""Any `nn.Module` as a LightningModule: loss, metrics and output follow from the data's target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from glasshouse.data.batch import unpack
from glasshouse.data.batch_layout import BatchLayout
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
from glasshouse.training.batch_transforms import BatchTransform, Parts, apply_transforms
from glasshouse.training.closures import FullBatch, StepClosure
from glasshouse.training.lightning_speedups import FastLightningModule, with_fixed_signature
from glasshouse.training.optimization import OptimizerFactory, ParameterGroups, SchedulerConfig, configure_optimizers

RowWeights = Callable[[Any], Tensor]
"""batch -> row weights in the training loss, (n,); their mean over the training rows is 1."""
LossTerm = Callable[[Tensor, Any], Tensor]
"""(differentiable scores (n, K), batch) -> a scalar that is added to the batch's training loss."""
Penalty = Callable[[], Tensor]
"""A scalar function of the weights that is added to the training loss of each batch."""


class Task(FastLightningModule):
    """Trains `network` to predict `target`; a self-scoring network is trained by its own loss.

    Losses and correct predictions are summed on the device and logged once an epoch; the training loss is also logged
    every `Trainer.log_every_n_steps` steps. With a small network, a metric object or a `self.log` at every step costs
    more than the step itself.

    Techniques may set `row_weights` and `parameter_groups`, and append to `loss_terms`, `penalties` and
    `batch_transforms`. All of them affect training only. The logged training loss includes the row weights, but neither
    loss terms nor penalties.

    A network with `members`, each a network with its own output (`ensemble`), is trained by the sum of the members'
    losses; their mean is logged. Its `set_target` receives the target, and its `average` combines the members' outputs.

    Args:
        network: (n, ...) -> (n, K) raw output; its attribute `output_kind` is the kind of output, default: logits.
        target: the target to predict.
    """

    only_holds_network = True
    """`network` is the whole model: the task adds nothing to its forward pass."""

    def __init__(self, network: nn.Module, target: Target) -> None:
        super().__init__()
        self.network = network
        self.target = target
        self._members = members_of(network, target)
        self.output_kind = trained_output_kind(network, target)
        self._trained_kind = trained_output_kind(self._members[0], target) if self._members else self.output_kind
        # A squared error in the units of the target would scale the gradients with the square of those units.
        self._loss_unit = target.scale**2 if self._trained_kind == "standardized" else 1.0
        self.optimizer_factory: OptimizerFactory | None = None
        self.scheduler: SchedulerConfig | None = None
        self.row_weights: RowWeights | None = None
        self.loss_terms: list[LossTerm] = []
        self.penalties: list[Penalty] = []
        self.batch_transforms: list[BatchTransform] = []
        self.parameter_groups: ParameterGroups | None = None
        self.full_batch: FullBatch | None = None
        self.layout: BatchLayout | None = None
        """Which part of a batch is what, if the configuration names the parts."""
        self.logs_loss = True
        """Whether an evaluation of the training loss is logged: only the first one of each step is."""
        self._transformed: tuple[Tensor, Parts | None] | None = None
        self._sums: dict[str, Tensor] = {}
        self._rows: dict[str, int] = {}

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)  # type: ignore[no-any-return]

    @with_fixed_signature
    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        x, y = self._read(batch)
        x, parts = self._transform(x)
        outputs = self._training_outputs(x)
        if self.row_weights is None and parts is None and len(outputs) == 1 and not self._members:
            loss = mean_loss(outputs[0], y, self.target, self.output_kind)
        else:
            weights = None if self.row_weights is None else self.row_weights(batch)
            loss = self._training_losses(x, y, outputs, parts, weights).mean()
        if self.logs_loss:
            self._log_training_loss(loss.detach(), len(y))
        loss = loss if self._loss_unit == 1.0 else loss / self._loss_unit
        if self.loss_terms:
            output = self._model_output(x, outputs)
            scores = to_scores(as_columns(output, self.target), self.target, self.output_kind)
            for term in self.loss_terms:
                loss = loss + term(scores, batch)
        for penalty in self.penalties:
            loss = loss + penalty()
        return loss if self.full_batch is None else self.full_batch.add(loss, len(y))

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self._evaluate(batch, "validate")

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self._evaluate(batch, "test")

    def predict_step(self, batch: Any, batch_idx: int) -> Tensor:
        x, _ = self._read(batch)
        return to_scores(self.network(x), self.target, self.output_kind)

    def on_train_epoch_start(self) -> None:
        self._reset("train")

    def on_validation_epoch_start(self) -> None:
        self._reset("validate")

    def on_test_epoch_start(self) -> None:
        self._reset("test")

    def on_train_epoch_end(self) -> None:
        self._log_means("train")
        self._refuse_undefined_training_loss()

    def on_validation_epoch_end(self) -> None:
        self._log_means("validate")
        self._refuse_undefined_validation_loss()

    def on_test_epoch_end(self) -> None:
        self._log_means("test")

    def configure_optimizers(self) -> Any:
        return configure_optimizers(self)

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        super().optimizer_step(epoch, batch_idx, optimizer, StepClosure(self, optimizer_closure))

    def _read(self, batch: Any) -> tuple[Any, Any]:
        """Inputs and targets of a batch."""
        if self.layout is None:
            return unpack(batch)
        parts = self.layout.read(batch)
        return parts.x, parts.y

    def _transform(self, x: Tensor) -> tuple[Tensor, Parts | None]:
        """The transformed inputs of a batch; repeated evaluations of one batch get the same transformed inputs."""
        if not self.batch_transforms:
            return x, None
        if self.logs_loss or self.full_batch is not None or self._transformed is None:
            self._transformed = apply_transforms(x, self.batch_transforms)
        return self._transformed

    def _training_outputs(self, x: Tensor) -> list[Tensor]:
        """The outputs to compare with the targets: the network's or each member's; none if it scores itself."""
        if not self.target.observed:
            return []
        return [member(x) for member in self._members] if self._members else [self.network(x)]

    def _model_output(self, x: Tensor, outputs: list[Tensor]) -> Tensor:
        if not outputs:
            return self.network(x)  # type: ignore[no-any-return]
        return self.network.average(outputs) if self._members else outputs[0]  # type: ignore[operator]

    def _training_losses(
        self, x: Tensor, y: Tensor, outputs: list[Tensor], parts: Parts | None, weights: Tensor | None
    ) -> Tensor:
        """(n,) losses, summed over members; of mixed rows, weighted means over the rows they were mixed from."""
        if not outputs:
            losses = self_score_loss(self.network, x)
            return losses if weights is None else losses * weights
        if parts is None:
            losses = self._summed_losses(outputs, y)
            return losses if weights is None else losses * weights
        mixed = [
            self._summed_losses(outputs, y[rows]) * (share if weights is None else share * weights[rows])
            for rows, share in parts
        ]
        return torch.stack(mixed).sum(dim=0)

    def _summed_losses(self, outputs: list[Tensor], y: Tensor) -> Tensor:
        losses = [loss_per_row(output, y, self.target, self._trained_kind) for output in outputs]
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum(dim=0)

    def _log_training_loss(self, loss: Tensor, rows: int) -> None:
        loss = loss / len(self._members) if self._members else loss
        self._add("train_loss", loss, rows, times=rows)
        # Lightning counts the interval in optimizer steps over all epochs; 0 switches logging off.
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and (self.global_step + 1) % every == 0:
            self.log("train_loss_step", loss, batch_size=rows)

    def _evaluate(self, batch: Any, split: str) -> None:
        x, y = self._read(batch)
        output = self.network(x) if self.target.observed else None
        self._add(f"{split}_loss", self._losses(x, y, output).sum(), len(y))
        if output is not None and self.target.kind in ("binary", "multiclass"):
            predicted = to_scores(as_columns(output, self.target), self.target, self.output_kind).argmax(dim=1)
            correct = predicted == as_targets(y, predicted, self.target)
            self._add(f"{split}_accuracy", correct.sum(), len(y))

    def _losses(self, x: Tensor, y: Tensor, output: Tensor | None) -> Tensor:
        """(n,) losses of the output against the targets; without output, the loss of the self-scoring network."""
        if output is None:
            return self_score_loss(self.network, x)
        return loss_per_row(output, y, self.target, self.output_kind)

    def _refuse_undefined_training_loss(self) -> None:
        if "train_loss" in self._sums and not torch.isfinite(self._sums["train_loss"]):
            raise UserError(
                "training",
                f"the loss became {float(self._sums['train_loss'])} in epoch {self.current_epoch}.",
                "Lower the learning rate (`optimizer.lr`), or set `trainer: {gradient_clip_val: 1}`.",
            )

    def _refuse_undefined_validation_loss(self) -> None:
        """Refuse a loss by which the first checkpoint would stay the best one: nothing is less than NaN."""
        loss, chooser = self._sums.get("validate_loss"), self.trainer.checkpoint_callback
        chooses = getattr(chooser, "monitor", None) == "validate_loss" and chooser.best_model_score is None  # type: ignore[union-attr]
        if loss is None or torch.isfinite(loss) or not chooses:
            return
        self._refuse_undefined_training_loss()
        when = "before training" if self.trainer.sanity_checking else f"in epoch {self.current_epoch}"
        raise UserError(
            "training",
            f"the validation loss is {float(loss)} {when}, so no best checkpoint can be chosen.",
            "Look for missing or infinite numbers in the validation rows.",
        )

    def _add(self, name: str, value: Tensor, rows: int, *, times: int = 1) -> None:
        if name not in self._sums:
            # A sum in single precision stops growing at about 100 million rows, in half precision much earlier.
            precision = torch.float32 if value.device.type == "mps" else torch.float64
            self._sums[name] = torch.zeros((), dtype=precision, device=value.device)
            self._rows[name] = 0
        self._sums[name].add_(value, alpha=times)
        self._rows[name] += rows

    def _reset(self, split: str) -> None:
        for name in [name for name in self._sums if name.startswith(f"{split}_")]:
            del self._sums[name], self._rows[name]

    def _log_means(self, split: str) -> None:
        means = {name: total / self._rows[name] for name, total in self._sums.items() if name.startswith(f"{split}_")}
        # Each rank has its own rows, so the means are averaged over ranks.
        self.log_dict(means, prog_bar=True, batch_size=1, sync_dist=self.trainer.world_size > 1)


def members_of(network: Any, target: Target) -> list[nn.Module]:
    """The members of an ensemble, which are trained independently; empty for other networks. Sets their target."""
    if not hasattr(network, "set_target"):
        return []
    network.set_target(target)
    return list(network.members) if target.observed else []
