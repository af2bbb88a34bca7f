"""What the record and the report say of the error of AUCs from bins, against scikit-learn on the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from glasshouse import AuditResult, DataInfo, Evidence, Sensitive, Target
from glasshouse.data.raw_table import SensitiveColumn
from glasshouse.frames import PredictionColumns, tables_from_frame
from glasshouse_audits.fairness.groups.audit import FairnessAudit
from sklearn.metrics import roc_auc_score

COLUMNS = PredictionColumns(
    prediction="said", target="y", score="p", sensitive=(SensitiveColumn(name="sex", column="sex"),)
)


def people(rows: int, *, shift: float = 0.0, width: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    p = 1 / (1 + np.exp(-(rng.normal(size=rows) * 1.5 * width + shift)))
    y = (rng.random(rows) < 1 / (1 + np.exp(-(rng.normal(size=rows) + shift)))).astype(int)
    return pd.DataFrame({"p": p, "y": y, "said": (p > 0.5).astype(int), "sex": rng.choice(["F", "M"], rows)})


def measured(frame: pd.DataFrame, **options: Any) -> AuditResult:
    tables = tables_from_frame(frame, COLUMNS)
    info = DataInfo(
        name="people",
        modality="tabular",
        target=Target(name="y", kind="binary", classes=("0", "1")),
        input_shape=(),
        sensitive=(Sensitive(name="sex", levels=("F", "M")),),
    )
    audit = FairnessAudit(permutations=99, replicates=100, **options)
    return audit.measure(Evidence(info=info, predictions={}, tables=tables))


def bound(result: AuditResult) -> float:
    (found,) = [m for m in result.measurements if m.name == "roc_auc_error_bound"]
    assert found.over == ("sex",)
    assert found.value is not None
    return found.value


@pytest.mark.parametrize("shift", [0.0, -5.0])
def test_the_bound_holds_and_is_said(shift: float) -> None:
    frame = people(40_000, shift=shift)
    result = measured(frame)
    assert 0 < bound(result) < 1e-4
    areas = {m.group["sex"]: m.value for m in result.measurements if m.name == "roc_auc" and m.group}
    for sex, rows in frame.groupby("sex"):
        assert areas[sex] == pytest.approx(roc_auc_score(rows["y"], rows["p"]), abs=bound(result))
    assert any(
        f"2,048 for each doubling of the odds, with an error of at most {bound(result):.1e}." in n for n in result.notes
    )


def test_a_second_look_is_exact() -> None:
    result = measured(people(3_000, width=1e-6))
    assert bound(result) == 0
    assert "ROC AUC by group is exact: every distinct score has its own bin." in result.notes


def test_a_bound_beyond_what_is_aimed_at_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glasshouse.frames.tally.MAX_FINE_BINS", 300)
    result = measured(people(30_000, width=1e-4))
    assert bound(result) > 1e-4
    (note,) = [note for note in result.notes if note.startswith("ROC AUC by group")]
    assert "refined in a second pass over the rows" in note
    assert note.endswith("This exceeds the intended 0.0001.")
