"""What each stage of a run returns and the next one takes: Prepared -> Trained -> WithEvidence -> Audited -> Concluded.

A model that exists begins as `Trained`; predictions alone begin as `WithEvidence`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasshouse.data.auditable import AuditableData
from glasshouse.data.data_info import DataInfo
from glasshouse.evidence.evidence import Evidence
from glasshouse.pipeline.run import Run
from glasshouse.policy.gate import gate_code
from glasshouse.record.measurements import AuditResult
from glasshouse.record.record import Record
from glasshouse.record.seed_repeats import Repeats

if TYPE_CHECKING:
    from pytorch_lightning import LightningDataModule, LightningModule, Trainer

    from glasshouse.evidence.model_handle import ModelHandle
    from glasshouse.external_data.reading import Reading
    from glasshouse.pipeline.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A configured command that may begin: whatever can be refused has been refused, and its folder exists."""

    run: Run
    model: LightningModule
    trainer: Trainer
    datamodule: LightningDataModule | None
    progress: Progress
    resume_from: Path | None
    """The last checkpoint of an interrupted run, which training continues from."""


@dataclass(frozen=True, kw_only=True)
class PreparedRun(Prepared):
    """A prepared `glasshouse run`: what is predicted is known, so that the model can be audited after training."""

    info: DataInfo
    reading: Reading
    """What `data_info:` says about data that do not describe themselves."""
    ckpt_path: str | None
    """The checkpoint that the configuration names to train from."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A trained model, and the data to audit it on."""

    run: Run
    info: DataInfo
    handle: ModelHandle
    data: AuditableData


@dataclass(frozen=True, kw_only=True)
class WithEvidence:
    """Predictions, and handles on model and inputs where they exist."""

    run: Run
    info: DataInfo
    model: dict[str, Any] | None
    """The model as the record describes it; None for predictions alone."""
    evidence: Evidence | None
    missing: str | None = None
    """Why there is no evidence: then every audit is skipped with this reason."""


@dataclass(frozen=True, kw_only=True)
class Audited:
    """The results of the audits, and their spread over other seeds where the run was repeated."""

    run: Run
    info: DataInfo
    model: dict[str, Any] | None
    results: list[AuditResult]
    repeats: Repeats | None


@dataclass(frozen=True, kw_only=True)
class Concluded:
    """A run with its record, which is written to the folder together with the reports."""

    run: Run
    results: list[AuditResult]
    record: Record

    @property
    def folder(self) -> Path:
        """Where the record is."""
        return self.run.folder

    def exit_code(self, *, gate: bool) -> int:
        """The exit code: that of `gate_code` if the run was asked to gate, else 3 if an audit ended in error, or 0."""
        return gate_code(self.record.findings if gate else (), self.results)
