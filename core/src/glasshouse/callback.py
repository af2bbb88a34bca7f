"""One callback added to a Trainer: when training is over, the model is audited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.strategies import DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy
from pytorch_lightning.utilities import rank_zero_warn
from pytorch_lightning.utilities.model_helpers import is_overridden

from glasshouse.config.yaml_files import MADE_BY
from glasshouse.errors import UserError
from glasshouse.external_data.adapter import as_auditable, loader_from, single
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
    """Audits the model after `Trainer.fit`, and after `Trainer.test` where that tested other weights.

    ::

        trainer = Trainer(max_epochs=10, callbacks=[glasshouse.AuditCallback(sensitive={"test": "people.csv"})])

    Each audit writes RUN_DIR/NAME/TIME-ID/ with config.yaml, record.json, the reports and predictions, as `glasshouse
    run` does, and logs to the Trainer's loggers. Training is identical with and without it, to the last bit. What
    cannot be used is refused when the callback is constructed or training begins, as far as it is known then.

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
        self._audited: str | None = None

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
        waits = self._request.options.evaluate_on == "test" and not _has_test(_datamodule(trainer), pl_module)
        if "fit" in self.after and not waits:  # else the rows come with Trainer.test
            self._audit(trainer, pl_module, "fit")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Audit what was tested, unless it has been."""
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
                self._audit_here(trainer, module, stage)
        finally:
            # the other ranks wait here until rank 0 has finished, also after an error
            distributed.broadcast_from_rank0("")

    def _audit_here(self, trainer: Trainer, module: LightningModule, stage: Stage) -> None:
        digest = weights_digest(module)
        if digest == self._audited:
            return
        data, name, described = _data(trainer, module, self._request)
        how = {
            MADE_BY: f"glasshouse.AuditCallback after Trainer.{stage}",
            "trainer": {"epochs": trainer.current_epoch, "steps": trainer.global_step, "precision": trainer.precision},
            "data": described,
        }
        with _on_device(module, trainer.strategy.root_device):
            concluded = audit_existing(module, data, self._request, how=how, data_name=name, trainer=trainer)
        self.records.append(RunRecord(concluded.record, concluded.folder))
        self._audited = digest


def _datamodule(trainer: Trainer) -> Any:
    return getattr(trainer, "datamodule", None)


def _data(trainer: Trainer, module: LightningModule, request: Request) -> tuple[Any, str, dict[str, Any] | str]:
    """The Trainer's data as audits read them, their name, and how config.yaml names them."""
    datamodule = _datamodule(trainer)
    described: dict[str, Any] | str = "loaders" if datamodule is None else {"class_path": class_path(datamodule)}
    name = type(module if datamodule is None else datamodule).__name__.lower()
    data = as_auditable(
        datamodule,
        module,
        judged=request.options.evaluate_on,
        reading=request.reading,
        loader_of=lambda split: loader_of(trainer, module, split),
    )
    return data, name, described


def loader_of(trainer: Trainer, module: LightningModule, split: str) -> Any:
    """A split's loader: the very one that the Trainer used; for the test split also one that it has not used yet."""
    used = {"train": trainer.train_dataloader, "validate": trainer.val_dataloaders, "test": trainer.test_dataloaders}
    if used[split] is not None:
        return single(used[split], split)
    if split != "test":
        return None
    datamodule = _datamodule(trainer)
    found = None if datamodule is None else loader_from(datamodule, split)
    return single(module.test_dataloader(), split) if found is None and _has_test(None, module) else found


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
