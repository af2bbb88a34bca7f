"""The trackers that need an environment of their own: `tox -e loggers`. A SQLite store and offline mode: no network."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import glasshouse
import pytest
from pytorch_lightning.loggers import MLFlowLogger

SMALL: dict[str, Any] = {
    "model": "linear",
    "data": "diabetes",
    "optimizer": "sgd",
    "audits": ["performance", "fairness"],
}


def needs(tracker: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(tracker) is None
    return pytest.mark.skipif(missing, reason=f"{tracker} has an environment of its own: tox -e loggers")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")


def run_with(logger: str, **options: Any) -> glasshouse.RunRecord:
    chosen = {"class_path": f"pytorch_lightning.loggers.{logger}", "init_args": options}
    return glasshouse.run(SMALL, trainer={"max_epochs": 1, "accelerator": "cpu", "logger": chosen})


@needs("mlflow")
def test_mlflow_keeps_measurements_verdict_and_report() -> None:
    """Read back through MLflow's own client."""
    from mlflow.tracking import MlflowClient

    store = "sqlite:///mlflow.db"
    record = run_with("MLFlowLogger", experiment_name="audits", tracking_uri=store)
    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("audits")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    metrics = run.data.metrics
    assert metrics["performance/accuracy/test"] == pytest.approx(
        record.measurement("accuracy", audit="performance").value
    )
    rate = record.measurement("selection_rate", sex="code 1")
    assert metrics["fairness/selection_rate/sex.code 1/test"] == pytest.approx(rate.value)
    assert "train_loss" in metrics  # and what training logged is there still
    assert run.data.tags["glasshouse.verdict"] == record.verdict
    assert run.info.status == "FINISHED"
    names = {artifact.path for artifact in client.list_artifacts(run.info.run_id, "glasshouse")}
    assert names == {"glasshouse/report.html", "glasshouse/report.json"}
    page = Path(client.download_artifacts(run.info.run_id, "glasshouse/report.html", "."))
    assert page.read_text() == (record.folder / "report.html").read_text()


@needs("mlflow")
def test_mlflow_takes_more_measurements_than_fit_in_one_call(tmp_path: Path) -> None:
    from glasshouse import AuditResult, Measurement
    from glasshouse.pipeline.loggers import log_record
    from glasshouse.record.record import build_record
    from mlflow.tracking import MlflowClient

    many = [Measurement(name="rate", value=k / 2000, n=50, parameters={"k": k}) for k in range(2000)]
    header = {"id": "r", "name": "many", "config": {}}
    record = build_record(header, [AuditResult(name="a", family="performance", measurements=many)])
    logger = MLFlowLogger("audits", tracking_uri="sqlite:///mlflow.db")
    log_record(record, tmp_path, [logger], step=3)
    run = MlflowClient(tracking_uri="sqlite:///mlflow.db").get_run(logger.run_id)
    assert len(run.data.metrics) == 2000
    assert run.data.metrics["a/rate/k.1999"] == pytest.approx(0.9995)


@needs("wandb")
def test_wandb_offline_keeps_measurements_and_report(recwarn: pytest.WarningsRecorder) -> None:
    import wandb

    record = run_with("WandbLogger", project="audits", save_dir=".", offline=True)
    assert wandb.run is not None
    kept = dict(wandb.run.summary)
    accuracy = record.measurement("accuracy", audit="performance")
    assert kept["performance/accuracy/test"] == pytest.approx(accuracy.value)
    assert kept["glasshouse_verdict"] == record.verdict
    wandb.finish()
    assert not [str(warning.message) for warning in recwarn if "was not told" in str(warning.message)]
    (file,) = Path("wandb").glob("offline-run-*/run-*.wandb")
    stored = file.read_bytes()
    assert b"report.html" in stored
    assert b"fairness/selection_rate/sex.code 1/test" in stored
