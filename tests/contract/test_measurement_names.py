"""Declared names of measurements are complete: what audits measure in small runs of each kind of target is declared."""

from __future__ import annotations

from pathlib import Path

import glasshouse
import numpy as np
import pandas as pd
import pytest
from glasshouse.plugins import registry


def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    score = random.random(400)
    return pd.DataFrame(
        {
            "sex": random.choice(["f", "m", "x"], 400),
            "score": score,
            "decision": np.where(score > 0.5, "yes", "no"),
            "truth": random.choice(["no", "yes"], 400),
            "kind": random.choice(["a", "b", "c"], 400),
            "true_kind": random.choice(["a", "b", "c"], 400),
            "value": random.normal(size=400),
            "true_value": random.normal(size=400),
        }
    )


@pytest.mark.parametrize(
    "roles",
    [
        {"prediction": "decision", "target": "truth", "score": "score", "favourable": "yes"},
        {"prediction": "decision", "favourable": "yes"},
        {"prediction": "kind", "target": "true_kind", "favourable": "a"},
        {"prediction": "value", "target": "true_value"},
    ],
)
def test_what_predictions_are_measured_by_is_declared(roles: dict[str, str], tmp_path: Path) -> None:
    check(glasshouse.audit_predictions(frame(), sensitive=["sex"], run_dir=tmp_path, **roles))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_what_a_run_is_measured_by_is_declared(task: str, tmp_path: Path) -> None:
    run = {"model": "linear", "data": {"class_path": "diabetes", "init_args": {"task": task}}, "optimizer": "adamw"}
    audits = ["performance", "fairness", "membership_inference"] + (["fairness_what_if"] if task == "binary" else [])
    check(glasshouse.run(run, audits=audits, trainer={"max_epochs": 1}, run_dir=str(tmp_path)))


def check(record: glasshouse.RunRecord) -> None:
    completed = [result for result in record.record.audits if result.status == "completed"]
    assert completed
    for result in completed:
        declared = registry().find("audit", result.name).plugin.measurements  # type: ignore[attr-defined]
        if declared:
            assert {measurement.name for measurement in result.measurements} <= set(declared), result.name
