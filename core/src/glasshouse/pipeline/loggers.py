"""A finished record for Lightning's loggers: its numbers as metrics under stable names, its report as an artifact.

Trackers are often shared, so they get what reports show: small groups are hidden, and record.json, which has them,
stays in the run's folder.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from glasshouse.record.measurements import Measurement, measurement_id
from glasshouse.record.record import Record
from glasshouse.report.suppression import suppress_small_groups

MOST_AT_ONCE = 500
"""MLflow takes 1,000 metrics in one call."""

_SPELLED = {
    "<": " lt ",
    ">": " gt ",
    "=": " eq ",
    "≤": " le ",
    "≥": " ge ",
    "%": " percent ",
    "&": " and ",
    "+": " plus ",
}
_UNSAFE = re.compile(r"[^A-Za-z0-9_\-. ]+")


def log_record(record: Record, folder: Path, loggers: Iterable[Any], *, step: int = 0) -> None:
    """Log the measurements of a finished record to every logger, and the reports to those that store files.

    A logger that fails is named in a warning: the record is written, and nothing is lost.

    Args:
        record: as it is; what leaves here has small groups hidden.
        folder: the run's folder, with its reports.
        loggers: Lightning's.
        step: the number of optimizer steps that the metrics are put at.
    """
    found = list(loggers)
    if not found:
        return
    shown = suppress_small_groups(record)
    metrics = scalars(shown)
    reports = sorted(folder.glob("report.*"))
    for logger in found:
        try:
            _tell(logger, shown, metrics, reports, step)
        except Exception as error:  # trackers are programs of others, often at the end of a network
            warnings.warn(
                f"{type(logger).__name__} did not take all measurements of the audits: {type(error).__name__}: {error}",
                stacklevel=2,
            )


def scalars(record: Record) -> dict[str, float]:
    """Metric name -> value of every measurement that has one.

    Names hold audit, metric, group and whatever else distinguishes a measurement, in characters that all trackers take:
    ``fairness/selection_rate/sex.Female/test``. They depend on nothing but the measurement, except where two would be
    spelled alike: then each has the beginning of a digest of its identifier behind it.
    """
    measured = [(result.name, m) for result in record.audits for m in result.measurements if m.value is not None]
    names = [metric_name(audit, measurement) for audit, measurement in measured]
    times = Counter(names)
    found = {}
    for name, (audit, measurement) in zip(names, measured, strict=True):
        assert measurement.value is not None
        if times[name] > 1:
            digest = hashlib.sha256(measurement_id(audit, measurement).encode()).hexdigest()
            name = f"{name}/{digest[:8]}"
        found[name] = float(measurement.value)
    return found


def metric_name(audit: str, measurement: Measurement) -> str:
    """The name of a measurement in trackers.

    >>> metric_name("fairness", Measurement(name="selection_rate", value=0.5, group={"pay": "<=50K"}, split="test"))
    'fairness/selection_rate/pay.lt eq 50K/test'
    """
    parts = [audit, measurement.name]
    parts += [f"{attribute}.{level}" for attribute, level in sorted(measurement.group.items())]
    if measurement.over:
        parts.append("over." + ".".join(measurement.over))
    if measurement.output is not None:
        parts.append(f"output.{measurement.output}")
    parts += [f"{key}.{value}" for key, value in sorted(measurement.parameters.items())]
    if measurement.split is not None:
        parts.append(measurement.split)
    return "/".join(_plain(part) for part in parts)


def _plain(text: str) -> str:
    for character, word in _SPELLED.items():
        text = text.replace(character, word)
    text = re.sub(r"\s+", " ", _UNSAFE.sub("_", text)).strip()
    return re.sub(r"(?<=[.]) | (?=[.])", "", text)


def _tell(logger: Any, record: Record, metrics: Mapping[str, float], reports: Sequence[Path], step: int) -> None:
    from pytorch_lightning.loggers import CSVLogger, MLFlowLogger, TensorBoardLogger, WandbLogger

    entries = list(metrics.items())
    at_once = MOST_AT_ONCE if isinstance(logger, MLFlowLogger) else max(1, len(entries))
    for start in range(0, len(entries), at_once):
        logger.log_metrics(dict(entries[start : start + at_once]), step=step)
    if isinstance(logger, MLFlowLogger):
        _tell_mlflow(logger, record, reports)
    elif isinstance(logger, WandbLogger):
        _tell_wandb(logger, record, reports)
    elif isinstance(logger, TensorBoardLogger):
        _tell_tensorboard(logger, record, step)
    elif isinstance(logger, CSVLogger):
        logger.save()


def _tell_mlflow(logger: Any, record: Record, reports: Sequence[Path]) -> None:
    logger.experiment.set_tag(logger.run_id, "glasshouse.verdict", record.verdict)
    for path in reports:
        logger.experiment.log_artifact(logger.run_id, str(path), "glasshouse")


def _tell_wandb(logger: Any, record: Record, reports: Sequence[Path]) -> None:
    logger.experiment.summary["glasshouse_verdict"] = record.verdict
    for path in reports:
        logger.experiment.log_artifact(str(path), name=path.name, type="report")


def _tell_tensorboard(logger: Any, record: Record, step: int) -> None:
    from glasshouse.report.markdown import render_markdown

    logger.experiment.add_text("glasshouse/report", render_markdown(record), step)
    logger.experiment.flush()
