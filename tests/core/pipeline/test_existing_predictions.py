"""`glasshouse audit --predictions` as a user types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

Command = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    n = 400
    sex = rng.choice(["F", "M"], n)
    score = np.clip(rng.random(n) + 0.1 * (sex == "M"), 0, 1)
    table = pa.table(
        {
            "sex": pa.array(sex, mask=np.arange(n) % 20 == 0),
            "age": rng.integers(18, 80, n),
            "label": np.where(rng.random(n) < score, "hire", "reject"),
            "pred": np.where(score > 0.5, "hire", "reject"),
            "score": score,
            "text": ["x"] * n,
        }
    )
    path = tmp_path / "people.parquet"
    pq.write_table(table, path)
    return path


def record(finished: Any, folder: Path) -> dict[str, Any]:
    assert finished.code == 0, finished.err
    found: dict[str, Any] = json.loads((folder / finished.out.splitlines()[-1] / "record.json").read_text())
    return found


def values(found: dict[str, Any], name: str) -> dict[str, float]:
    audits = {audit["name"]: audit for audit in found["audits"]}
    return {
        ",".join(m["group"].values()): m["value"]
        for m in audits["fairness"]["measurements"]
        if m["name"] == name and len(m["group"]) == 1 and not m["parameters"]
    }


def test_files_become_a_record_and_a_report_without_torch(glasshouse: Command, file: Path, tmp_path: Path) -> None:
    done = glasshouse(
        *("audit", "--predictions", str(file), "--prediction", "pred", "--target", "label", "--score", "score"),
        *("--sensitive", "sex", "--sensitive", "age=40,60", "--favourable", "hire"),
        python=("-X", "importtime"),
    )
    found = record(done, tmp_path / "here")
    folder = tmp_path / "here" / done.out.splitlines()[-1]
    assert folder.parent == tmp_path / "here" / "runs" / "predictions"
    assert "<html" in (folder / "report.html").read_text()
    assert not {"torch", "pytorch_lightning"} & done.imported
    status = {audit["name"]: audit["status"] for audit in found["audits"]}
    assert (status["fairness"], status["performance"]) == ("completed", "completed")
    assert status["membership_inference"] == "skipped"
    assert found["run"]["model"] is None
    assert found["run"]["data"]["rows"] == {"test": 400}
    table = pq.read_table(file).to_pandas()
    expected = table.assign(hired=table["pred"] == "hire").groupby("sex")["hired"].mean().to_dict()
    rates = values(found, "selection_rate")
    assert {level: rates[level] for level in expected} == pytest.approx(expected)
    assert set(rates) == {"F", "M", "missing", "under 40", "40 to under 60", "60 and over"}


def test_without_labels_selection_rates_alone(glasshouse: Command, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "elsewhere"
    done = glasshouse(
        *("audit", "--predictions", str(file), "--prediction", "pred", "--sensitive", "sex", "--out", str(out)),
        *("--favourable", "hire", "--audits", "fairness"),
    )
    found = record(done, tmp_path)
    assert Path(done.out.splitlines()[-1]).parent == out / "predictions"
    assert values(found, "selection_rate").keys() == {"F", "M", "missing"}
    assert values(found, "true_positive_rate") == {}
    assert [audit["name"] for audit in found["audits"]] == ["fairness"]


def test_splitting_files_changes_nothing(glasshouse: Command, file: Path, tmp_path: Path) -> None:
    table = pq.read_table(file)
    folder = tmp_path / "parts"
    folder.mkdir()
    for k, start in enumerate(range(0, 400, 90)):
        pq.write_table(table.slice(start, 90), folder / f"{9 - k}.parquet")
    asked = ("--prediction", "pred", "--target", "label", "--sensitive", "sex", "--audits", "fairness")
    asked = (*asked, "--favourable", str(table["label"][0]))
    audits = [
        record(glasshouse("audit", "--predictions", str(path), *asked), tmp_path / "here")["audits"][0]
        for path in (file, folder)
    ]
    assert audits[0]["measurements"] == audits[1]["measurements"]


def decisions(tmp_path: Path) -> str:
    """Approved: 5 % of 200 women, 10 % of 200 men; the ratio of selection rates is .5."""
    lines = ["sex,decision,score,income"]
    for sex, approved in (("f", 10), ("m", 20)):
        for row in range(200):
            chosen = row < approved
            lines.append(f"{sex},{'approved' if chosen else 'denied'},{0.9 if chosen else 0.1},{row}.5")
    (tmp_path / "decisions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(tmp_path / "decisions.csv")


def test_the_better_class_is_asked_for_where_a_verdict_depends_on_it(glasshouse: Command, tmp_path: Path) -> None:
    asked = ("audit", "--predictions", decisions(tmp_path), "--prediction", "decision", "--sensitive", "sex")
    refused = glasshouse(*asked)
    assert refused.code == 2
    assert "--favourable: is needed: the classes are 'approved' and 'denied'" in refused.err
    for favourable, ratio in (("approved", 0.5), ("denied", 0.9 / 0.95)):
        found = record(glasshouse(*asked, "--favourable", favourable), tmp_path / "here")
        fairness = next(audit for audit in found["audits"] if audit["name"] == "fairness")
        (value,) = [m["value"] for m in fairness["measurements"] if m["name"] == "demographic_parity_ratio"]
        assert value == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--prediction", "decision", "--score", "score", "--threshold", "0.5"),
            "decides by the score 'score', so the",
        ),
        (("--prediction", "income", "--favourable", "1"), "--favourable: is for classes; the predictions are numbers"),
        (("--prediction", "income", "--classes", "1,2"), "--classes: is for classes; the predictions are numbers"),
        (("--prediction", "decision", "--threshold", "0.5"), "column 'decision'"),
    ],
)
def test_an_option_without_effect_is_refused(glasshouse: Command, tmp_path: Path, arguments: Any, message: str) -> None:
    refused = glasshouse("audit", "--predictions", decisions(tmp_path), *arguments)
    assert refused.code == 2
    assert message in refused.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--predictions", "gone.csv", "--prediction", "p"], "no file 'gone.csv'"),
        (["--predictions", "FILE"], "expected the column with the decisions"),
        (["--predictions", "FILE", "--prediction", "prde"], "there is no column 'prde'"),
        (["--predictions", "FILE", "--prediction", "pred", "--score", "text"], "row 1: 'x' is not a number"),
        (["--predictions", "FILE", "--prediction", "pred", "--favourable", "hier"], "Did you mean 'hire'?"),
        (["--predictions", "FILE", "--prediction", "pred", "--sensitive", "age=a"], "expected numbers after '='"),
        (["--predictions", "FILE", "--prediction", "score", "--target", "label"], "--threshold 0.5"),
        (["--predictions", "FILE", "--prediction", "pred", "--audits", "fairnes"], "Did you mean 'fairness'?"),
        (["RUN", "--predictions", "FILE", "--prediction", "pred"], "received both"),
        (["RUN", "--prediction", "pred"], "applies to files of predictions"),
        ([], "expected the folder of a run, or --predictions FILE"),
    ],
)
def test_mistakes_are_said_in_two_lines(
    command: Command, file: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = command("audit", *(str(file) if argument == "FILE" else argument for argument in arguments))
    assert message in done.refused()
    assert not (tmp_path / "runs").exists()


def test_rows_without_a_target_are_named_with_what_they_bias(glasshouse: Command, tmp_path: Path) -> None:
    """Outcomes known only for those selected: men 60 %, women 20 %; over the known rows both rates are 1."""
    lines = ["sex,decision,repaid"]
    for sex, selected in (("f", 20), ("m", 60)):
        for row in range(100):
            lines.append(f"{sex},{int(row < selected)},{row % 2 if row < selected else ''}")
    (tmp_path / "loans.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    asked = ("audit", "--predictions", str(tmp_path / "loans.csv"), "--prediction", "decision", "--sensitive", "sex")
    done = glasshouse(*asked, "--target", "repaid")
    assert "120 rows with no target are left out of every measure, selection rates and their gaps included" in done.err
    assert "120 rows with no target" in record(done, tmp_path / "here")["run"]["data"]["notes"][0]
    whole = record(glasshouse(*asked), tmp_path / "here")
    fairness = next(audit for audit in whole["audits"] if audit["name"] == "fairness")
    (ratio,) = [m["value"] for m in fairness["measurements"] if m["name"] == "demographic_parity_ratio"]
    assert ratio == pytest.approx(0.2 / 0.6)
    assert whole["verdict"] == "fail"
