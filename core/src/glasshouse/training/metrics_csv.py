"""metrics.csv: the logged losses and metrics, also of a run that is interrupted and resumed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning_fabric.utilities.rank_zero import rank_zero_only
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.loggers.csv_logs import ExperimentWriter

from glasshouse.system.atomic_files import write_atomic


class MetricsFile(CSVLogger):
    """Writes metrics.csv in the run's folder and appends to an existing one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(save_dir=str(folder), name="", version="")

    @property
    def experiment(self) -> Any:
        if self._experiment is None and rank_zero_only.rank == 0:  # type: ignore[attr-defined]
            self._experiment = _Rows(self.log_dir)
        return super().experiment

    @property
    def rows(self) -> int:
        """Number of rows written so far."""
        return self._experiment.rows if isinstance(self._experiment, _Rows) else 0

    def save(self) -> None:
        self.experiment.save()  # without hparams.yaml: config.yaml has its content


class _Rows(ExperimentWriter):
    """Lightning's writer, which here continues an existing file, and replaces it atomically."""

    def __init__(self, log_dir: str) -> None:
        super().__init__(log_dir)
        columns, rows = _read(Path(self.metrics_file_path))
        self.metrics_keys = columns
        self.rows = len(rows)

    def save(self) -> None:
        self.rows += len(self.metrics)
        super().save()

    def _check_log_dir_exists(self) -> None:
        """Override Lightning's method, which warns that the folder is not empty and deletes the logged rows."""

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        path = Path(self.metrics_file_path)
        _write(path, fieldnames, _read(path)[1])


def truncate_rows(path: Path, number: int) -> None:
    """Keep the first `number` rows of a metrics.csv: the resumed training logs the later ones again."""
    if path.is_file():
        columns, rows = _read(path)
        used = [column for column in columns if any(row[column] for row in rows[:number])]
        _write(path, used, rows[:number]) if number else path.unlink()


def _read(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    if not path.is_file():
        return [], []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        return list(reader.fieldnames or ()), rows


def _write(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, text.getvalue())
