"""Checks of techniques: they change the training, and nothing that remains after it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn

from glasshouse.errors import UserError
from glasshouse.evidence.model_handle import ModelHandle
from glasshouse.system import library_errors
from glasshouse.system.random_state import get_random_states, seeded
from glasshouse.testing.checks.training.steps import fit, quiet, small_task
from glasshouse.testing.checks.training.tensors import difference, weights_of
from glasshouse.testing.kit.checks import Check, expect
from glasshouse.testing.kit.common import COMMON_CHECKS
from glasshouse.testing.kit.outcomes import CheckFailed
from glasshouse.testing.kit.subjects import Subject
from glasshouse.testing.kit.tiny import tiny
from glasshouse.training.task import Task
from glasshouse.training.trainer import LAST, make_trainer

EPOCHS = 4


class TechniqueSubject(Subject):
    """A technique and tiny data for it; `data` replaces them by another data module."""

    def make(self) -> Callback:
        """The technique, created as in a run.

        Raises:
            UserError: if the constructor refuses its options.
        """
        with library_errors.user_errors_from_constructor(self.who):
            return self.target(**self.options)  # type: ignore[no-any-return]

    @cached_property
    def ready(self) -> Any:
        """Data of the first modality that the technique accepts.

        Raises:
            UserError: the technique's error for tables, if it accepts none.
        """
        if self.data is not None:
            self.data.setup()
            return self.data
        refused: list[UserError] = []
        for modality in ("tabular", "image", "text"):
            data = tiny(modality, "binary")
            try:
                fit(small_task(data.info), data, callbacks=[self.make()], epochs=1)
            except UserError as error:
                refused.append(error)
            else:
                return data
        raise refused[0]

    def trained(self, *techniques: Callback, epochs: int = 2) -> tuple[Task, Trainer]:
        """A small task, trained with the given techniques."""
        task = small_task(self.ready.info)
        return task, fit(task, self.ready, callbacks=techniques, epochs=epochs)


SUBJECT = TechniqueSubject


def trains(subject: TechniqueSubject) -> None:
    """A small network that is trained with it has changed and finite weights."""
    task, _ = subject.trained(subject.make())
    after = weights_of(task)
    bad = [name for name, tensor in after.items() if not torch.isfinite(tensor).all()]
    expect(not bad, f"expected finite weights, received others in {', '.join(bad)}")
    before = weights_of(small_task(subject.ready.info))
    expect(difference(before, after) is not None, "expected changed weights, received the initial ones")


def leaves_no_changes_in_the_model(subject: TechniqueSubject) -> None:
    """After training, no hook, row weight, loss term, replaced `forward` or new parameter remains in the model."""
    before = small_task(subject.ready.info)
    task, _ = subject.trained(subject.make())
    for (name, part), (_, untouched) in zip(_parts(task), _parts(before), strict=False):
        for kind in _HOOKS:
            left = len(getattr(part, kind)) - len(getattr(untouched, kind))
            expect(not left, f"expected no hook, received {left} in {kind} of '{name or 'the task'}'")
        expect(
            "forward" not in vars(part),
            f"expected the original `forward`, received another one in '{name or 'the task'}'",
        )
        compiled = getattr(part, "_compiled_call_impl", None)
        expect(compiled is None, f"expected '{name or 'the task'}' not to remain compiled")
    expected, received = set(dict(before.named_parameters())), set(dict(task.named_parameters()))
    expect(expected == received, f"expected parameters {sorted(expected)}, received {sorted(received)}")
    expect(task.row_weights is None, "expected `row_weights` to be None again")
    expect(not task.loss_terms, f"expected no `loss_terms`, received {len(task.loss_terms)}")


def same_seed_same_training(subject: TechniqueSubject) -> None:
    """Two trainings with it and one seed have bit-identical weights."""
    first, second = (weights_of(subject.trained(subject.make())[0]) for _ in range(2))
    changed = difference(first, second)
    expect(changed is None, f"expected the same weights twice; {changed}")


def resumes_as_if_not_interrupted(subject: TechniqueSubject) -> None:
    """A training that is interrupted after two epochs and resumed has the weights of an uninterrupted one."""
    with TemporaryDirectory(prefix="glasshouse-testing-") as folder:
        whole = _train_in(Path(folder, "whole"), subject)
        interrupted = Path(folder, "interrupted")
        try:
            _train_in(interrupted, subject, _Interruption())
        except _Interrupted:
            pass
        else:
            return  # the training ended before the interruption
        resumed = _train_in(interrupted, subject, ckpt_path=str(interrupted / "checkpoints" / LAST))
    changed = difference(weights_of(whole), weights_of(resumed))
    expect(
        changed is None,
        f"expected the same weights as without interruption; {changed}: put everything the technique learns into its "
        "`state_dict`",
    )


def validation_uses_the_plain_model(subject: TechniqueSubject) -> None:
    """The logged validation loss is that of the model's own predictions, without the technique's changes."""
    task, trainer = subject.trained(subject.make())
    if "validate_loss" not in trainer.callback_metrics:
        raise CheckFailed("expected validate_loss to be logged, received none")
    logged = float(trainer.callback_metrics["validate_loss"])
    rows = subject.ready.loader("validate").rows
    x = subject.ready.inputs("validate")
    expected = float(ModelHandle(task, subject.ready.info).loss(x, rows.y).double().mean())
    expect(
        abs(logged - expected) <= 1e-4 * max(1.0, abs(expected)),
        f"expected a validate_loss of {expected:.6g}, that of the trained model, received {logged:.6g}",
    )


def construction_has_no_side_effects(subject: TechniqueSubject) -> None:
    """The constructor draws no random number, and does not change a later training without the technique."""
    data = tiny("tabular", "binary")  # not `ready`, which creates techniques
    trained = []
    for make in (lambda: None, subject.make):
        with seeded(0, "made"):
            before = _generators()
            make()
            expect(_generators() == before, "expected unchanged random states, received others")
        task = small_task(data.info)
        fit(task, data, epochs=1)
        trained.append(weights_of(task))
    changed = difference(*trained)
    expect(changed is None, f"expected the same training without it; {changed}")


TECHNIQUE_CHECKS = (
    *COMMON_CHECKS,
    *map(
        Check.of,
        (
            construction_has_no_side_effects,
            trains,
            leaves_no_changes_in_the_model,
            same_seed_same_training,
            resumes_as_if_not_interrupted,
            validation_uses_the_plain_model,
        ),
    ),
)

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
)


class _Interrupted(Exception):  # noqa: N818
    pass


class _Interruption(Callback):
    """Ends the training in its third epoch, as if the process were killed."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if trainer.current_epoch == 2:
            raise _Interrupted


def _train_in(folder: Path, subject: TechniqueSubject, *others: Callback, ckpt_path: str | None = None) -> Task:
    """Train with the technique in a folder from which training can resume, as in a run."""
    folder.mkdir(exist_ok=True)
    task = small_task(subject.ready.info)
    options = {
        "max_epochs": EPOCHS,
        "accelerator": "cpu",
        "devices": 1,
        "enable_progress_bar": False,
        "num_sanity_val_steps": 0,
    }
    with quiet(), seeded(0, "training"):
        trainer = make_trainer(
            options, folder=folder, monitor="validate_loss", callbacks=[subject.make(), *others], loggers=[]
        )
        trainer.fit(task, datamodule=subject.ready, ckpt_path=ckpt_path, weights_only=True if ckpt_path else None)
    return task


def _parts(task: Task) -> list[tuple[str, nn.Module]]:
    return list(task.named_modules())


def _generators() -> str:
    states = get_random_states()
    return repr({**states, "torch": states["torch"].tolist()})
