"""One run as plugins see it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasshouse.config.run_options import Choice, RunOptions
from glasshouse.data.data_info import DataInfo
from glasshouse.evidence.evidence import Evidence
from glasshouse.policy.rules import Policy
from glasshouse.record.measurements import AuditResult
from glasshouse.record.record import Record
from glasshouse.system import distributed
from glasshouse.system.redaction import redact

if TYPE_CHECKING:
    from pytorch_lightning import LightningDataModule, LightningModule, Trainer

    from glasshouse.evidence.model_handle import ModelHandle
    from glasshouse.external_data.adapter import ForeignData
    from glasshouse.external_data.side_attributes import Aligned
    from glasshouse.pipeline.progress import Progress
    from glasshouse.plugins import Registry
    from glasshouse.run_folder.mirror import Mirror


@dataclass(kw_only=True)
class Run:
    """One run as plugins see it. It only ever gains attributes; what is not there yet is None."""

    registry: Registry
    command: str
    options: RunOptions
    policy: Policy
    audits: list[Choice]
    techniques: list[Choice]
    seed: int
    datamodule: LightningDataModule | None = None
    info: DataInfo | None = None
    aligned: Aligned | None = None
    """Sensitive attributes that stand in a file beside the data."""
    config: dict[str, Any] = field(default_factory=dict)
    """The resolved configuration, as config.yaml holds it."""
    model: LightningModule | None = None
    trainer: Trainer | None = None
    handle: ModelHandle | None = None
    results: list[AuditResult] = field(default_factory=list)
    record: Record | None = None
    repeats: dict[int, list[AuditResult]] = field(default_factory=dict)
    """Seed -> results, of the same training with other seeds."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """What the run rests on, as provenance.json holds it."""
    resume_from: Path | None = None
    """The checkpoint that a killed run's training goes on from."""
    progress: Progress | None = None
    """How far the run has come; None where a finished run is audited again."""
    mirror: Mirror | None = None
    """Where the folder is sent to, if `run_dir` is a URL."""
    no_evidence: str | None = None
    """Why the model's predictions could not be collected."""
    foreign: ForeignData | None = None
    """The data module as audits ask for it, where it knows nothing of glasshouse."""
    _folder: Path | None = None
    _evidence: Evidence | None = None

    @property
    def folder(self) -> Path:
        """Where this run writes."""
        assert self._folder is not None, "the run has no folder yet"
        return self._folder

    @property
    def evidence(self) -> Evidence:
        """What audits are given."""
        assert self._evidence is not None, "the evidence is not collected yet"
        return self._evidence

    @property
    def place(self) -> str:
        """Where the run's folder is for its user: the URL that it is sent to, or its path."""
        return redact(self.mirror.url) if self.mirror else str(self.folder)

    def announce(self, stage: str) -> None:
        """Tell plugins that a stage ended well; of several processes the first does."""
        if distributed.is_rank_zero():
            self.registry.call("glasshouse_stage_finished", run=self, stage=stage)
            self.send()

    def send(self) -> None:
        """Send what is new in the folder to where it is mirrored, if it is."""
        if self.mirror:
            self.mirror.send()

    def say(self, line: str) -> None:
        """A line of progress, on stderr: the last line of stdout is the run's folder. The first process speaks."""
        if distributed.is_rank_zero():
            print(line, file=sys.stderr, flush=True)
