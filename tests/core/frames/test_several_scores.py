"""Predictions of several classes and labels from files: scikit-learn one against the rest, and each label alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from glasshouse.cli.main import main
from glasshouse.data.raw_table import SensitiveColumn
from glasshouse.errors import UserError
from glasshouse.frames import LabelColumns, PredictionColumns, tables_from_files, tables_from_frame
from sklearn.metrics import recall_score, roc_auc_score

CLASSES = ("setosa", "versicolor", "virginica")
SEX = (SensitiveColumn(name="sex", column="sex"),)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 3_000
    truth = rng.integers(0, 3, n)
    scores = rng.dirichlet(np.ones(3), n) + 0.5 * np.eye(3)[truth]
    scores /= scores.sum(axis=1, keepdims=True)
    columns = {f"p_{name}": scores[:, k] for k, name in enumerate(CLASSES)}
    named = np.array(CLASSES, dtype=object)
    made = pd.DataFrame({"y": named[truth], "pred": named[scores.argmax(axis=1)], **columns})
    made["sex"] = rng.choice(["f", "m"], n)
    made["weight"] = rng.integers(1, 4, n)
    for label in ("a", "b"):
        made[f"p_{label}"] = rng.random(n)
        made[f"is_{label}"] = (rng.random(n) < made[f"p_{label}"]).astype(int)
        made[f"said_{label}"] = (made[f"p_{label}"] > 0.4).astype(int)
    return made


@pytest.fixture
def file(frame: pd.DataFrame, tmp_path: Path) -> Path:
    frame.to_parquet(tmp_path / "scored.parquet")
    return tmp_path / "scored.parquet"


def multiclass(**options: object) -> PredictionColumns:
    scores = tuple((name, f"p_{name}") for name in CLASSES)
    return PredictionColumns(prediction="pred", target="y", scores=scores, sensitive=SEX, **options)


@pytest.mark.parametrize("weights", [None, "weight"])
def test_each_class_against_the_rest(frame: pd.DataFrame, file: Path, weights: str | None) -> None:
    found = tables_from_files([file], multiclass(weights=weights))
    assert found.kind == "multiclass"
    assert tuple(found.scores) == CLASSES
    for name, histogram in found.scores.items():
        assert histogram.roc_auc_error().max() < 1e-4
        for group, estimate in zip(histogram.groups, histogram.roc_auc(), strict=True):
            rows = frame[frame["sex"] == group["sex"]]
            weight = None if weights is None else rows[weights]
            wanted = roc_auc_score(rows["y"] == name, rows[f"p_{name}"], sample_weight=weight)
            assert estimate.value == pytest.approx(wanted, abs=1e-4)


def test_frames_give_the_same_as_files(frame: pd.DataFrame, file: Path) -> None:
    from_file, from_frame = tables_from_files([file], multiclass()), tables_from_frame(frame, multiclass())
    for name in CLASSES:
        one, other = from_file.scores[name], from_frame.scores[name]
        np.testing.assert_array_equal(one.occupied.rows, other.occupied.rows)
        np.testing.assert_array_equal(one.occupied.number, other.occupied.number)


def test_of_two_classes_the_favourable_one_is_scored(frame: pd.DataFrame) -> None:
    two = frame.assign(y=np.where(frame["is_a"], "yes", "no"), pred=np.where(frame["said_a"], "yes", "no"))
    two["other"] = 1 - two["p_a"]
    both = PredictionColumns(prediction="pred", target="y", scores=(("no", "other"), ("yes", "p_a")))
    assert tuple(tables_from_frame(two, both).scores) == ("yes",)


def labels(*, score: bool = True, target: bool = True) -> PredictionColumns:
    return PredictionColumns(
        labels=tuple(
            LabelColumns(
                name=name,
                prediction=f"said_{name}",
                target=f"is_{name}" if target else None,
                score=f"p_{name}" if score else None,
            )
            for name in ("a", "b")
        ),
        sensitive=SEX,
    )


def test_every_label_is_a_question_of_its_own(frame: pd.DataFrame, file: Path) -> None:
    found = tables_from_files([file], labels())
    assert (found.kind, found.classes, found.positive) == ("multilabel", ("a", "b"), None)
    for name in ("a", "b"):
        alone = PredictionColumns(prediction=f"said_{name}", target=f"is_{name}", score=f"p_{name}", sensitive=SEX)
        single = tables_from_files([file], alone)
        assert single.counts is not None
        np.testing.assert_array_equal(found.labels[name].cells, single.counts.cells)
        np.testing.assert_array_equal(found.scores[name].occupied.rows, single.scores["1"].occupied.rows)
        cells = found.labels[name].overall().cells[0]
        assert cells[1, 1] / cells[1].sum() == recall_score(frame[f"is_{name}"], frame[f"said_{name}"])


def test_labels_without_scores_or_truth(file: Path) -> None:
    found = tables_from_files([file], labels(score=False, target=False))
    assert not found.scores
    assert not found.has_targets
    assert found.labels["a"].cells.shape == (2, 1, 2)


def test_a_missing_value_leaves_out_one_label_alone(frame: pd.DataFrame) -> None:
    holes = frame.assign(said_a=frame["said_a"].where(frame.index > 4))
    found = tables_from_frame(holes, labels())
    assert found.left_out == {"no prediction of 'a'": 5}
    assert [int(table.sizes.sum()) for table in found.labels.values()] == [len(frame) - 5, len(frame)]


def audited(capsys: pytest.CaptureFixture[str], file: Path, *asked: str) -> dict[str, list[dict[str, object]]]:
    out = str(file.parent / "runs")
    code = main(["audit", "--predictions", str(file), "--sensitive", "sex", "--out", out, *asked])
    said = capsys.readouterr()
    assert code == 0, said.err
    record = json.loads((Path(said.out.splitlines()[-1]) / "record.json").read_text())
    assert [audit["reason"] for audit in record["audits"] if audit["status"] == "error"] == []
    return {audit["name"]: audit["measurements"] for audit in record["audits"]}


def test_the_command_line_takes_classes(frame: pd.DataFrame, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [f"--score={name}=p_{name}" for name in CLASSES]
    found = audited(capsys, file, "--prediction", "pred", "--target", "y", *asked)["fairness"]
    areas = {m["output"]: m["value"] for m in found if m["name"] == "roc_auc" and m["group"] == {"sex": "f"}}
    women = frame[frame["sex"] == "f"]
    for name in CLASSES:
        assert areas[name] == pytest.approx(roc_auc_score(women["y"] == name, women[f"p_{name}"]), abs=1e-4)


def test_the_command_line_takes_labels(frame: pd.DataFrame, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [f"--{role}={name}={column}_{name}" for name in "ab" for role, column in ROLES.items()]
    found = audited(capsys, file, *asked)["fairness"]
    rates = {m["output"]: m["value"] for m in found if m["name"] == "selection_rate" and m["group"] == {"sex": "f"}}
    women = frame[frame["sex"] == "f"]
    assert rates == {name: pytest.approx(women[f"said_{name}"].mean()) for name in "ab"}


ROLES = {"prediction": "said", "target": "is", "score": "p"}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--prediction", "pred", "--target", "y", "--score", "p_setosa"], "one of 3 classes; expected the class"),
        (["--prediction", "pred", "--target", "y", "--score", "setsa=p_setosa"], "no row has the class 'setsa'"),
        (["--prediction", "pred", "--score", "p_a", "--score", "p_b"], "'p_a' is the probability of which class"),
        (["--prediction", "pred", "--target", "y", "--target", "sex"], "names more than one column"),
        (["--prediction", "said_a", "--prediction", "said_b", "--target", "y"], "'y' is of which label?"),
        (["--prediction", "a=said_a", "--prediction", "b=said_b", "--target", "a=is_a"], "label 'b' has none"),
        (["--prediction", "a=said_a", "--prediction", "y=y"], "label 'y': has 3 classes; expected two"),
        (["--prediction", "a=p_a", "--prediction", "b=p_b"], "is for classes; the predictions are numbers"),
        (["--target", "y"], "expected the column with the decisions"),
    ],
)
def test_misfits_are_said(file: Path, capsys: pytest.CaptureFixture[str], asked: list[str], message: str) -> None:
    assert main(["audit", "--predictions", str(file), "--out", str(file.parent / "runs"), *asked]) == 2
    assert message in capsys.readouterr().err


def test_columns_contradict_each_other() -> None:
    with pytest.raises(UserError, match="received both"):
        PredictionColumns(prediction="pred", score="p", scores=(("a", "p"),))
    with pytest.raises(UserError, match="names a more than once"):
        PredictionColumns(prediction="pred", scores=(("a", "p"), ("a", "q")))
