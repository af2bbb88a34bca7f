"""What Lightning's loggers are told when audits are finished: metrics under stable names, and reports.

MLflow and Weights & Biases are tested in an environment of their own: tests/loggers.
"""

from __future__ import annotations

import csv
import string
import warnings
from pathlib import Path
from typing import Any

import pytest
from glasshouse import AuditResult, Measurement
from glasshouse.pipeline.loggers import log_record, metric_name, scalars
from glasshouse.record.measurements import measurement_id
from glasshouse.record.record import Record, build_record
from hypothesis import given
from hypothesis import strategies as st
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger

SAFE = set(string.ascii_letters + string.digits + "_-. /")
"""What MLflow takes, the strictest of them."""


def rate(value: float | None, group: dict[str, str], n: int = 100, **rest: Any) -> Measurement:
    undefined = {"undefined": "no rows"} if value is None else {}
    return Measurement(name="selection_rate", value=value, n=n, group=group, split="test", **undefined, **rest)


def record_of(*measurements: Measurement) -> Record:
    header: dict[str, Any] = {
        "id": "r1",
        "name": "hiring",
        "created": "2026-01-01T00:00:00+00:00",
        "glasshouse_version": "0",
        "command": ["glasshouse"],
        "seed": 1,
        "config": {},
        "provenance": {},
        "data": {"name": "d", "modality": "tabular", "target": {"name": "y", "kind": "binary", "classes": ["n", "y"]}},
        "model": None,
    }
    return build_record(header, [AuditResult(name="fairness", family="fairness", measurements=measurements)])


def test_names_say_what_tells_measurements_apart() -> None:
    gap = Measurement(name="gap", value=1, over=("sex", "age"), output="yes", parameters={"at": 0.01}, split="test")
    assert metric_name("fairness", gap) == "fairness/gap/over.sex.age/output.yes/at.0.01/test"
    assert metric_name("fairness", rate(1, {"b": "x", "a": ">50K"})) == (
        "fairness/selection_rate/a.gt 50K/b.x/test"  # attributes in order, whoever grouped them
    )


def test_names_that_would_be_spelled_alike_stay_apart_and_are_stable() -> None:
    alike = [rate(0.1, {"town": "Köln"}), rate(0.2, {"town": "Kéln"}), rate(0.3, {"town": "Bonn"})]
    found = scalars(record_of(*alike))
    assert sorted(found.values()) == [0.1, 0.2, 0.3]
    assert [name.count("/") for name, value in found.items() if value == 0.3] == [3]
    assert found == scalars(record_of(*alike[::-1]))


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=8, unique=True))
def test_every_measurement_has_a_name_of_its_own_that_trackers_take(levels: list[str]) -> None:
    found = scalars(record_of(*(rate(k / 10, {"level": level}) for k, level in enumerate(levels))))
    assert len(found) == len(levels)
    assert set("".join(found)) <= SAFE


def test_undefined_values_are_no_metrics() -> None:
    assert scalars(record_of(rate(None, {"sex": "x"}, n=0))) == {}


class Notes(Logger):
    """A logger of somebody's own."""

    def __init__(self, *, broken: bool = False) -> None:
        super().__init__()
        self.broken = broken
        self.told: list[tuple[dict[str, float], int | None]] = []

    name = version = "notes"

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        if self.broken:
            raise ConnectionError("no route to host")
        self.told.append((dict(metrics), step))

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError


WOMEN, FEW = rate(0.5, {"sex": "f"}), rate(0.9, {"sex": "x"}, n=3)
MEN = rate(0.4, {"sex": "m"})
NAME = "fairness/selection_rate/sex.f/test"


def test_any_logger_gets_the_metrics_without_small_groups(tmp_path: Path) -> None:
    notes = Notes()
    log_record(record_of(WOMEN, MEN, FEW), tmp_path, [notes], step=12)
    ((metrics, step),) = notes.told
    assert metrics[NAME] == 0.5
    assert 0.9 not in metrics.values()
    assert step == 12


def test_a_logger_that_fails_is_named_and_the_others_are_told(tmp_path: Path) -> None:
    notes = Notes()
    with pytest.warns(UserWarning, match="Notes did not take all measurements .*: ConnectionError: no route"):
        log_record(record_of(WOMEN), tmp_path, [Notes(broken=True), notes])
    assert len(notes.told) == 1


def test_nobody_to_tell(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log_record(record_of(WOMEN), tmp_path, [])


def test_csv(tmp_path: Path) -> None:
    logger = CSVLogger(str(tmp_path), name="log")
    logger.log_metrics({"train_loss": 1.0}, step=0)
    log_record(record_of(WOMEN), tmp_path, [logger], step=7)
    rows = list(csv.DictReader((Path(logger.log_dir) / "metrics.csv").open()))
    assert [row["train_loss"] for row in rows] == ["1.0", ""]
    assert (rows[1][NAME], rows[1]["step"]) == ("0.5", "7")


def test_tensorboard(tmp_path: Path) -> None:
    """Read again by TensorBoard itself."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(str(tmp_path), name="log")
    logger.log_metrics({"train_loss": 1.0}, step=0)
    logger.finalize("success")  # as Lightning does when training is over
    log_record(record_of(WOMEN), tmp_path, [logger], step=7)
    events = EventAccumulator(logger.log_dir)
    events.Reload()
    (scalar,) = events.Scalars(NAME)
    assert (scalar.step, scalar.value) == (7, 0.5)
    (text,) = [tag for tag in events.Tags()["tensors"] if "glasshouse" in tag]
    (report,) = events.Tensors(text)
    assert "hiring" in report.tensor_proto.string_val[0].decode()


def test_whole_runs_tell_their_loggers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import glasshouse

    monkeypatch.chdir(tmp_path)
    record = glasshouse.run(
        model="linear", data="diabetes", optimizer="sgd", audits=["performance"], trainer={"max_epochs": 1}
    )
    rows = list(csv.DictReader((record.folder / "metrics.csv").open()))
    accuracy = record.measurement("accuracy")
    assert float(rows[-1]["performance/accuracy/test"]) == accuracy.value
    assert measurement_id("performance", accuracy) == "performance/accuracy@test"
