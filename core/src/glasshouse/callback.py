"""One callback added to a Trainer: when training is over, the model is audited."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args
from weakref import ref

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.strategies import DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy
from pytorch_lightning.utilities import rank_zero_warn
from pytorch_lightning.utilities.model_helpers import is_overridden
from pytorch_lightning.utilities.seed import isolate_rng

from glasshouse.config.yaml_files import MADE_BY
from glasshouse.data.auditable import WithDefaults, declares_info, is_auditable
from glasshouse.data.batch import Batch
from glasshouse.data.data_info import SPLITS
from glasshouse.errors import UserError
from glasshouse.external_data.adapter import BatchHook, LoaderAdapter, as_auditable, loaders_from, transfer_hooks
from glasshouse.external_data.evaluation_sets import named_loaders, same_rows
from glasshouse.external_data.reading import refuse_unknown_sets
from glasshouse.pipeline.existing_model import (
    Request,
    audit_existing,
    class_path,
    make_request,
    weights_digest,
)
from glasshouse.run_record import RunRecord
from glasshouse.system import distributed

if TYPE_CHECKING:
    from glasshouse.data.data_info import DataInfo
    from glasshouse.evidence.model_outputs import OutputKind

Stage = Literal["fit", "test"]


class AuditCallback(Callback):
    """Audits the model after `Trainer.fit`, and after `Trainer.test` where that tested other weights or other rows.

    ::

        trainer = Trainer(max_epochs=10, callbacks=[glasshouse.AuditCallback(sensitive={"test": "people.csv"})])

    Each audit writes RUN_DIR/NAME/TIME-ID/ with config.yaml, record.json, the reports and predictions, as `glasshouse
    run` does, and logs to the Trainer's loggers. Training is identical with and without it, to the last bit. What
    cannot be used is refused when the callback is constructed or training begins, as far as it is known then.

    Several test loaders, in a list or by name, give a record each; their names are part of the runs' names, and may
    have attributes of their own: ``sensitive={"clean": "clean.csv", "shifted": "shifted.csv"}``. Training
    and validation rows are those of the model's last fit, also after `Trainer.test`, or else those of the data module.

    With several processes rank 0 audits, on all rows. A model that is sharded over processes (FSDP, DeepSpeed) is
    not audited, with a warning.

    Args:
        sensitive: names of attributes to audit by, where the data module declares some; or the attributes themselves,
            which are not part of the data: see `glasshouse.audit`.
        bins: edges for attributes that are numbers, by name: ``{"age": (40, 60)}``.
        info: what is known of the data: a `DataInfo` or some of the keys of `data_info:`; the rest is looked up.
        batch: which part of a batch is what, where it is neither ``(x, y)`` nor named so: see `glasshouse.audit`.
        audits: names, or mappings of a name with its options; all that fit by default.
        evaluate_on: the split that is judged.
        output_kind: ``logits``, ``probabilities`` or ``values``: what the model returns; looked up by default.
        after: the stages after which to audit.
        name: names the run; the data's name by default.
        run_dir: parent folder.
        policy: thresholds: a name or a file.
        report: report formats.
        show_examples: whether reports may show single examples of the data.
        small_group_limit: reports hide cells about fewer people than this.
        seed: of everything random in the audits.

    Raises:
        UserError: for what cannot be used.
    """

    def __init__(
        self,
        *,
        sensitive: Any = None,
        bins: Mapping[str, Sequence[float]] | None = None,
        info: DataInfo | Mapping[str, Any] | None = None,
        batch: Any = None,
        audits: Sequence[Any] | str | None = None,
        evaluate_on: Literal["train", "validate", "test"] = "test",
        output_kind: OutputKind | None = None,
        after: Sequence[Stage] = ("fit", "test"),
        name: str | None = None,
        run_dir: str = "runs",
        policy: str = "default",
        report: Sequence[str] = ("html", "json"),
        show_examples: bool = False,
        small_group_limit: int = 10,
        seed: int = 42,
    ) -> None:
        unknown = set(after) - set(get_args(Stage)) if not isinstance(after, str) else {after}
        if unknown or not after:
            raise UserError("AuditCallback", f"after is {after!r}; expected ('fit',), ('test',) or both.")
        self._request: Request = make_request(
            sensitive=sensitive,
            bins=bins,
            info=info,
            batch=batch,
            audits=audits,
            evaluate_on=evaluate_on,
            output_kind=output_kind,
            name=name,
            run_dir=str(run_dir),
            policy=str(policy),
            report=report,
            show_examples=show_examples,
            small_group_limit=small_group_limit,
            seed=seed,
        )
        self.after = tuple(after)
        self.records: list[RunRecord] = []
        """The record of each audit, in order."""
        self._audited: list[tuple[str, EvaluationSet]] = []
        self._fitted: tuple[Callable[[], LightningModule | None], dict[str, Loaders | None]] | None = None
        """The model of the last fit, and its loaders, which the Trainer forgets when it tests."""

    @property
    def record(self) -> RunRecord | None:
        """The last audit's record; None before the first."""
        return self.records[-1] if self.records else None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse before hours of training what could not be audited after them."""
        split = self._request.options.evaluate_on
        if self.after == ("fit",) and split == "test" and not _has_test(_datamodule(trainer), pl_module):
            raise UserError(
                "AuditCallback",
                "neither data module nor model has a test_dataloader, and evaluate_on is 'test'.",
                "Set evaluate_on='validate', or after=('test',) to audit what `Trainer.test` is given.",
            )

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Audit what was trained; Lightning has taken the model from its device by now."""
        self._fitted = (ref(pl_module), {split: used_loaders(trainer, split) for split in ("train", "validate")})
        waits = self._request.options.evaluate_on == "test" and not _has_test(_datamodule(trainer), pl_module)
        if "fit" in self.after and not waits:  # else the rows come with Trainer.test
            self._audit(trainer, pl_module, "fit")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Audit what was tested, unless these weights were audited on these rows."""
        if "test" in self.after:
            self._audit(trainer, pl_module, "test")

    def _audit(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        if getattr(trainer, "fast_dev_run", False):
            return
        if isinstance(trainer.strategy, (FSDPStrategy, ModelParallelStrategy, DeepSpeedStrategy)):
            rank_zero_warn(
                "AuditCallback: a sharded model is not audited; load it in one process and call glasshouse.audit"
            )
            return
        try:
            if trainer.is_global_zero:
                with isolate_rng():  # also a look at the first batch of a loader draws a number
                    self._audit_here(trainer, module, stage)
        finally:
            # the other ranks wait here until rank 0 has finished, also after an error
            distributed.broadcast_from_rank0("")

    def _audit_here(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        digest, split = weights_digest(module), self._request.options.evaluate_on
        found = self._loaders(trainer, module, split)
        if found is None:
            raise UserError("AuditCallback", f"there is no loader for the split '{split}'.", "Set another evaluate_on.")
        named = named_loaders(found.loaders)
        refuse_unknown_sets(self._request.reading, named)
        for position, (name, loader) in enumerate(named.items()):
            judged = EvaluationSet(name, loader, position, found.owner)
            if not any(digest == weights and judged.has_rows_of(known) for weights, known in self._audited):
                self._audit_set(trainer, module, stage, judged)
                self._audited.append((digest, judged))

    def _audit_set(self, trainer: Trainer, module: LightningModule, stage: Stage, judged: EvaluationSet) -> None:
        request, owner = self._request, judged.owner
        how = {
            MADE_BY: f"glasshouse.AuditCallback after Trainer.{stage}",
            "trainer": {"epochs": trainer.current_epoch, "steps": trainer.global_step, "precision": trainer.precision},
            "data": "loaders" if owner is None else {"class_path": class_path(owner)},
        }
        with _on_device(module, trainer.strategy.root_device):
            concluded = audit_existing(
                module,
                self._data(trainer, module, judged),
                request,
                how=how,
                data_name=type(module if owner is None else owner).__name__.lower(),
                set_name=judged.name,
                trainer=trainer,
            )
        self.records.append(RunRecord(concluded.record, concluded.folder))

    def _data(self, trainer: Trainer, module: LightningModule, judged: EvaluationSet) -> WithDefaults:
        """The data as audits read them: the data module's own split, or loaders that it may describe."""
        split, reading = self._request.options.evaluate_on, self._request.reading

        def loader_of(wanted: str) -> Any:
            return judged.loader if wanted == split else self._other_loader(trainer, module, wanted)

        if judged.owner is not None and not judged.name:
            return as_auditable(judged.owner, module, judged=split, reading=reading, loader_of=loader_of)
        datamodule = _datamodule(trainer)
        describes = judged.owner is not None or _gives_our_batches(judged.loader)
        declared = getattr(datamodule, "info", None) if describes and declares_info(datamodule) else None
        hooks: dict[str, BatchHook] = {split: transfer_hooks(judged.owner, module, judged.position)}
        for other in set(SPLITS) - {split}:
            found = self._loaders(trainer, module, other)
            hooks[other] = transfer_hooks(None if found is None else found.owner, module)
        return LoaderAdapter(
            loader_of, judged=split, reading=reading, prepare_batch=hooks, declared=declared, set_name=judged.name
        )

    def _other_loader(self, trainer: Trainer, module: LightningModule, split: str) -> Any:
        """The loader of a split that is not evaluated; None where there is none, or several."""
        found = self._loaders(trainer, module, split)
        named = {} if found is None else named_loaders(found.loaders)
        if len(named) > 1:
            rank_zero_warn(f"AuditCallback: the split '{split}' has {len(named)} loaders; audits do without it")
        return next(iter(named.values())) if len(named) == 1 else None

    def _loaders(self, trainer: Trainer, module: LightningModule, split: str) -> Loaders | None:
        """A split's loaders: those that the Trainer uses, those of the model's last fit, or new ones of its data."""
        if (used := used_loaders(trainer, split)) is not None:
            return used
        if self._fitted is not None and self._fitted[0]() is module and self._fitted[1].get(split) is not None:
            return self._fitted[1][split]
        for owner in (_datamodule(trainer), module):
            made = None if owner is None else loaders_from(owner, split)
            if made is not None:
                return Loaders(made, None if owner is module else owner)
        return None


@dataclass(frozen=True)
class Loaders:
    """The loader or loaders of a split, and the data module that made them; None if they were given or the model's."""

    loaders: Any
    owner: Any


@dataclass(frozen=True)
class EvaluationSet:
    """One of the loaders of the evaluated split; `name` is empty for the only one."""

    name: str
    loader: Any
    position: int
    owner: Any

    def has_rows_of(self, other: EvaluationSet) -> bool:
        """Whether its rows are those of another set."""
        own_split = self.owner is not None and self.owner is other.owner and is_auditable(self.owner)
        return (own_split and self.name == other.name) or same_rows(self.loader, other.loader)


def used_loaders(trainer: Trainer, split: str) -> Loaders | None:
    """The loaders that the Trainer has used for a split since it was last given data; None before."""
    fit = trainer.fit_loop
    of: dict[str, tuple[Any, Any]] = {
        "train": (trainer.train_dataloader, fit),
        "validate": (trainer.val_dataloaders, fit.epoch_loop.val_loop),
        "test": (trainer.test_dataloaders, trainer.test_loop),
    }
    loaders, loop = of[split]
    if loaders is None:
        return None
    source = getattr(getattr(loop, "_data_source", None), "instance", None)
    return Loaders(loaders, source if source is not None and source is _datamodule(trainer) else None)


def _gives_our_batches(loader: Any) -> bool:
    return isinstance(next(iter(loader), None), Batch)


def _datamodule(trainer: Trainer) -> Any:
    return getattr(trainer, "datamodule", None)


def _has_test(datamodule: Any, module: LightningModule) -> bool:
    return any(owner is not None and is_overridden("test_dataloader", owner) for owner in (datamodule, module))


@contextmanager
def _on_device(module: LightningModule, device: torch.device) -> Iterator[None]:
    """The model on the device that it was trained on, and back where it was."""
    before = module.device
    if before == device:
        yield
        return
    module.to(device)
    try:
        yield
    finally:
        module.to(before)
