"""What the configuration says about telling of few people reaches the audits."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from glasshouse import DataInfo, Predictions, Target
from glasshouse.pipeline import gather_evidence


@pytest.mark.parametrize("limit", [0, 25])
def test_the_limit_for_small_groups_and_the_wish_for_examples(limit: int, tmp_path: Path, monkeypatch) -> None:
    target = Target(name="price", kind="regression")
    (tmp_path / "predictions").mkdir()
    Predictions(
        split="test",
        target=target,
        index=np.arange(3),
        scores=np.zeros((3, 1), dtype=np.float32),
        targets=np.zeros(3),
        losses=None,
    ).save(tmp_path / "predictions" / "test.parquet")
    run = SimpleNamespace(
        model=object(),
        handle=object(),
        info=DataInfo(name="toy", modality="tabular", target=target, input_shape=(1,)),
        folder=tmp_path,
        audits=[],
        seed=0,
        datamodule=None,
        registry=SimpleNamespace(call=lambda *_, **__: []),
        announce=lambda stage: None,
        options=SimpleNamespace(evaluate_on="test", show_examples=True, small_group_limit=limit),
    )
    monkeypatch.setattr(gather_evidence, "split_inputs", lambda run: None)
    gather_evidence.collect_evidence(run)
    assert run._evidence.small_group_limit == limit
    assert run._evidence.show_examples
    assert len(run._evidence.evaluated) == 3
