"""Optimizers that evaluate the loss more than once a step, and optimizers that use all rows in one step.

An optimizer class with an attribute ``full_batch = True`` takes one step per epoch, by the gradient of the mean loss
over all training rows; the batch size only limits memory. Any optimizer may call its closure repeatedly, as SAM and
L-BFGS do: only the first evaluation of a step is logged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from glasshouse.errors import UserError

Closure = Callable[[], Any]


class FullBatchModule(Protocol):
    """What `StepClosure` and `FullBatch` need of a LightningModule."""

    trainer: Any
    network: nn.Module
    full_batch: FullBatch | None
    logs_loss: bool
    """Whether losses and correct predictions are logged."""

    @property
    def device(self) -> torch.device:
        """The device that it is trained on."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """All parameters."""


class FullBatch:
    """Accumulates batches of any size to the value and the gradient of the mean loss over all their rows."""

    def __init__(self) -> None:
        self._rows = 0
        self._loss_sum: Tensor | None = None

    def add(self, loss: Tensor, rows: int) -> Tensor:
        """The sum of a batch's losses, from their mean; it is this sum that has to be differentiated."""
        total = loss * rows
        self._rows += rows
        self._loss_sum = total.detach() if self._loss_sum is None else self._loss_sum + total.detach()
        return total

    def finish(self, module: FullBatchModule) -> Tensor:
        """Divide the accumulated gradients by the number of rows, in place, and reset; returns the mean loss."""
        trainer = module.trainer
        rows = float(self._rows)
        if trainer.world_size > 1:  # DDP averages gradients over ranks, which may have different numbers of rows
            rows = float(trainer.strategy.reduce(torch.tensor(rows, device=module.device), reduce_op="mean"))
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        if gradients:  # Lightning divides by the number of batches
            torch._foreach_mul_(gradients, trainer.accumulate_grad_batches / rows)
        assert self._loss_sum is not None, "a step follows batches"
        mean = self._loss_sum / self._rows
        self._rows, self._loss_sum = 0, None
        return mean


def begin_full_batch(module: Any, optimizer: torch.optim.Optimizer) -> None:
    """Let a full-batch optimizer step once per epoch.

    Raises:
        UserError: for a LightningModule with its own training step, for `accumulate_grad_batches`, and for data of
            unknown length.
    """
    who = f"optimizer '{type(optimizer).__name__}'"
    if not hasattr(module, "full_batch"):
        raise UserError(
            who,
            f"uses all rows in one step, but model '{type(module).__name__}' has its own training step.",
            "Pass the network as a plain torch.nn.Module, or choose another optimizer.",
        )
    trainer = module.trainer
    if trainer.accumulate_grad_batches != 1:
        raise UserError(who, "uses all rows in one step already.", "Remove `accumulate_grad_batches`.")
    trainer.fit_loop.setup_data()
    if trainer.num_training_batches == float("inf"):
        raise UserError(who, "requires a known number of batches.", "Set `trainer: {limit_train_batches: ...}`.")
    trainer.accumulate_grad_batches = max(1, trainer.num_training_batches)
    module.full_batch = FullBatch()


class StepClosure:
    """The closure of one step: the first call evaluates Lightning's closure, each further call repeats the evaluation.

    Args:
        module: the LightningModule whose loss is evaluated.
        first: Lightning's closure for the current batch.
    """

    def __init__(self, module: FullBatchModule, first: Closure) -> None:
        self._module = module
        self._first = first
        self._calls = 0

    def __call__(self) -> Any:
        self._calls += 1
        full = self._module.full_batch
        if self._calls == 1:
            loss = self._first()
        elif full is None:
            self._refuse_accumulation()
            with repeat_evaluation(self._module):
                loss = self._first()
        else:
            with repeat_evaluation(self._module):
                self._all_batches()
        return loss if full is None else full.finish(self._module)

    def _all_batches(self) -> None:
        """Repeat the pass over all training batches, in the same order."""
        trainer = self._module.trainer
        if trainer.world_size > 1:
            raise UserError("optimizer", "reads the data several times per step and supports one process only.")
        trainer.optimizers[0].zero_grad()
        loader: Any = trainer.train_dataloader
        if callable(set_epoch := getattr(getattr(loader, "sampler", None), "set_epoch", None)):
            set_epoch(trainer.current_epoch)
        for number, batch in enumerate(islice(loader, trainer.num_training_batches)):
            there = trainer.strategy.batch_to_device(trainer.precision_plugin.convert_input(batch), dataloader_idx=0)
            loss: Any = trainer.strategy.training_step(there, number)
            trainer.strategy.backward(loss / trainer.accumulate_grad_batches, trainer.optimizers[0])

    def _refuse_accumulation(self) -> None:
        if self._module.trainer.accumulate_grad_batches != 1:
            raise UserError(
                "optimizer",
                "evaluates each batch several times, which cannot be combined with accumulated gradients.",
                "Set `trainer: {accumulate_grad_batches: 1}`, and a larger `batch_size`.",
            )


@contextmanager
def repeat_evaluation(module: FullBatchModule) -> Iterator[None]:
    """During the block nothing is logged, and batch norm does not update its running statistics."""
    norms = [m for m in module.network.modules() if isinstance(m, nn.modules.batchnorm._NormBase)]
    norms = [norm for norm in norms if norm.track_running_stats]
    module.logs_loss = False
    for norm in norms:
        norm.track_running_stats = False  # use the statistics of the batch without storing them
    try:
        yield
    finally:
        module.logs_loss = True
        for norm in norms:
            norm.track_running_stats = True
