"""The audit counts violations of monotonicity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from glasshouse import DataInfo, Evidence, Feature, ModelHandle, Predictions, Target, UserError
from pytorch_lightning import LightningModule
from scipy.stats import binomtest

from glasshouse_monotone.audit import MonotonicityAudit, violation_rate


class Bent(LightningModule):
    """|a| - b: it falls with a below 0."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :1].abs() - x[:, 1:]


def evidence(rows: list[list[float]]) -> Evidence:
    target = Target(name="y", kind="regression")
    features = tuple(Feature(name=name, kind="numeric", columns=(k,)) for k, name in enumerate("ab"))
    info = DataInfo(name="toy", modality="tabular", target=target, input_shape=(2,), features=features)
    x = torch.tensor(rows).reshape(-1, 2)
    model = ModelHandle(Bent(), info)
    test = Predictions(
        split="test", target=target, index=np.arange(len(x)), scores=model.scores(x).numpy(), targets=None, losses=None
    )
    return Evidence(info=info, predictions={"test": test}, model=model, inputs=lambda split: x)


def rates(audit: MonotonicityAudit, rows: list[list[float]]) -> dict[Any, tuple[float | None, int | None]]:
    return {m.parameters["feature"]: (m.value, m.n) for m in audit.measure(evidence(rows)).measurements}


def test_four_rows_worked_by_hand() -> None:
    # a step of 0.5 lowers |a| for -2 and -1, not for -0.25 (both 0.25 from 0) nor for 1
    rows = [[-2.0, 0.0], [-1.0, 0.0], [-0.25, 0.0], [1.0, 0.0]]
    assert rates(MonotonicityAudit(rising=["a"], falling=["b"]), rows) == {"a": (0.5, 4), "b": (0.0, 4)}
    assert rates(MonotonicityAudit(rising=["b"]), rows) == {"b": (1.0, 4)}
    assert rates(MonotonicityAudit(), rows) == {"a": (0.5, 4), "b": (1.0, 4)}
    assert rates(MonotonicityAudit(rows=2), rows)["b"] == (1.0, 2)


def test_the_interval_is_scipys() -> None:
    found = violation_rate(np.array([-1.0, 0.0, 0.0, 1.0]), 1).fields()
    expected = binomtest(1, 4).proportion_ci(method="wilson")
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))


def test_without_rows_nothing_is_defined() -> None:
    assert rates(MonotonicityAudit(rising=["a"]), []) == {"a": (None, 0)}


def test_what_contradicts_itself_or_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="a cannot both rise and fall"):
        MonotonicityAudit(rising=["a"], falling=["a"])
    with pytest.raises(UserError, match="step is 0"):
        MonotonicityAudit(step=0)
    with pytest.raises(UserError, match="there is no numeric feature 'c'"):
        MonotonicityAudit(rising=["c"]).measure(evidence([[0.0, 0.0]]))
