"""Which rows an optimizer's step is about, and how often it may have their loss evaluated.

An optimizer class with an attribute ``full_batch = True`` takes one step an epoch, and finds in it the gradient of the
mean loss over all training rows; batches only say how many of them are in memory at once. Any optimizer may call its
closure again, as SAM and L-BFGS do: what is counted, logged and averaged over batches is that of the first evaluation.
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
    """What a module offers whose optimizer evaluates a loss more than once a step."""

    trainer: Any
    network: nn.Module
    full_batch: FullBatch | None
    counts: bool
    """Whether losses and correct answers are counted and logged."""

    @property
    def device(self) -> torch.device:
        """Where it is trained."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Its parameters."""


class FullBatch:
    """Adds batches up to the gradient and the value of the mean loss over their rows, whatever the batches' sizes."""

    def __init__(self) -> None:
        self._rows = 0
        self._sum: Tensor | None = None

    def add(self, loss: Tensor, rows: int) -> Tensor:
        """The sum of a batch's losses from their mean; what is to be differentiated."""
        whole = loss * rows
        self._rows += rows
        self._sum = whole.detach() if self._sum is None else self._sum + whole.detach()
        return whole

    def finish(self, task: FullBatchModule) -> Tensor:
        """Make the sum of gradients that of the mean, in place, and begin anew; returns the mean loss."""
        trainer = task.trainer
        rows = float(self._rows)
        if trainer.world_size > 1:  # gradients are averaged over ranks, whose shares need not be equal
            rows = float(trainer.strategy.reduce(torch.tensor(rows, device=task.device), reduce_op="mean"))
        gradients = [p.grad for p in task.parameters() if p.grad is not None]
        if gradients:  # Lightning divides by the number of batches
            torch._foreach_mul_(gradients, trainer.accumulate_grad_batches / rows)
        assert self._sum is not None, "a step follows batches"
        mean = self._sum / self._rows
        self._rows, self._sum = 0, None
        return mean


def begin_full_batch(module: Any, optimizer: torch.optim.Optimizer) -> None:
    """Have an optimizer that wants it step once an epoch.

    Raises:
        UserError: for a LightningModule with a training step of its own, accumulated gradients, or data without a
            length.
    """
    who = f"optimizer '{type(optimizer).__name__}'"
    if not hasattr(module, "full_batch"):
        raise UserError(
            who,
            f"looks at all rows at once, and model '{type(module).__name__}' has a training step of its own.",
            "Give the network as a plain torch.nn.Module, or take another optimizer.",
        )
    trainer = module.trainer
    if trainer.accumulate_grad_batches != 1:
        raise UserError(who, "looks at all rows at once already.", "Leave out `accumulate_grad_batches`.")
    trainer.fit_loop.setup_data()
    if trainer.num_training_batches == float("inf"):
        raise UserError(
            who, "needs data whose number of batches is known.", "Set `trainer: {limit_train_batches: ...}`."
        )
    trainer.accumulate_grad_batches = max(1, trainer.num_training_batches)
    module.full_batch = FullBatch()


class StepClosure:
    """The closure of one step: the first evaluation is Lightning's own, each further one is ours.

    Args:
        task: whose loss is evaluated.
        first: Lightning's closure, for the batch at hand.
    """

    def __init__(self, task: FullBatchModule, first: Closure) -> None:
        self._task = task
        self._first = first
        self._done = 0

    def __call__(self) -> Any:
        self._done += 1
        full = self._task.full_batch
        if self._done == 1:
            loss = self._first()
        elif full is None:
            self._refuse_accumulation()
            with repeat_evaluation(self._task):
                loss = self._first()
        else:
            with repeat_evaluation(self._task):
                self._all_batches()
        return loss if full is None else full.finish(self._task)

    def _all_batches(self) -> None:
        """Once more through the training rows, in the same order."""
        trainer = self._task.trainer
        if trainer.world_size > 1:
            raise UserError("optimizer", "goes through the data several times a step: made for one process.")
        trainer.optimizers[0].zero_grad()
        loader: Any = trainer.train_dataloader
        if callable(set_epoch := getattr(getattr(loader, "sampler", None), "set_epoch", None)):
            set_epoch(trainer.current_epoch)
        for number, batch in enumerate(islice(loader, trainer.num_training_batches)):
            there = trainer.strategy.batch_to_device(trainer.precision_plugin.convert_input(batch), dataloader_idx=0)
            loss: Any = trainer.strategy.training_step(there, number)
            trainer.strategy.backward(loss / trainer.accumulate_grad_batches, trainer.optimizers[0])

    def _refuse_accumulation(self) -> None:
        if self._task.trainer.accumulate_grad_batches != 1:
            raise UserError(
                "optimizer",
                "evaluates each batch several times, and gradients of several batches are to be accumulated.",
                "Set `trainer: {accumulate_grad_batches: 1}`, and a larger `batch_size`.",
            )


@contextmanager
def repeat_evaluation(task: FullBatchModule) -> Iterator[None]:
    """For the block nothing is counted or logged, and batch norm keeps its running statistics."""
    norms = [m for m in task.network.modules() if isinstance(m, nn.modules.batchnorm._NormBase)]
    norms = [norm for norm in norms if norm.track_running_stats]
    task.counts = False
    for norm in norms:
        norm.track_running_stats = False  # a batch's own statistics are used, and not kept
    try:
        yield
    finally:
        task.counts = True
        for norm in norms:
            norm.track_running_stats = True
