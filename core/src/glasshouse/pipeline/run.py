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
    from glasshouse.evidence.model_handle import ModelHandle
    from glasshouse.plugins import Registry
    from glasshouse.run_folder.mirror import Mirror


@dataclass(kw_only=True)
class Run:
    """One run as plugins see it (`glasshouse.plugins.hookspecs.RunView`), the same for all kinds of run.

    It only ever gains attributes; what does not exist yet, or not in this kind of run, is None. The pipeline itself
    passes the typed results of `glasshouse.pipeline.stages` from one stage to the next.
    """

    registry: Registry
    command: str
    options: RunOptions
    policy: Policy
    audits: list[Choice]
    seed: int
    techniques: list[Choice] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    """The resolved configuration, as config.yaml has it."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Reproducibility metadata: versions, git commit, hardware, data fingerprint, as provenance.json has them."""
    datamodule: Any = None
    info: DataInfo | None = None
    model: Any = None
    """The LightningModule, or the module that was given."""
    trainer: Any = None
    handle: ModelHandle | None = None
    results: list[AuditResult] = field(default_factory=list)
    record: Record | None = None
    mirror: Mirror | None = None
    """Copies the folder to a URL, if `run_dir` is one."""
    _folder: Path | None = None
    _evidence: Evidence | None = None

    @property
    def folder(self) -> Path:
        """Where this run writes.

        Raises:
            RuntimeError: before the folder exists, as in `glasshouse_check_run`.
        """
        if self._folder is None:
            raise RuntimeError("the run has no folder yet")
        return self._folder

    @folder.setter
    def folder(self, folder: Path) -> None:
        self._folder = folder

    @property
    def evidence(self) -> Evidence:
        """What audits receive.

        Raises:
            RuntimeError: before the stage ``evidence``, or if the model gave no predictions.
        """
        if self._evidence is None:
            raise RuntimeError("the run has no evidence yet")
        return self._evidence

    @evidence.setter
    def evidence(self, evidence: Evidence) -> None:
        self._evidence = evidence

    @property
    def place(self) -> str:
        """Where the user finds the run's folder: the URL that it is copied to, or its path."""
        return redact(self.mirror.url) if self.mirror else str(self.folder)

    def announce(self, stage: str) -> None:
        """Tell plugins that a stage ended; rank 0 does, for all processes."""
        if distributed.is_rank_zero():
            self.registry.call("glasshouse_stage_finished", run=self, stage=stage)
            self.send()

    def send(self) -> None:
        """Copy what is new in the folder to its URL, if it has one."""
        if self.mirror:
            self.mirror.send()

    def say(self, line: str) -> None:
        """Print a line of progress on stderr, from rank 0: the last line of stdout is the run's folder."""
        if distributed.is_rank_zero():
            print(line, file=sys.stderr, flush=True)
