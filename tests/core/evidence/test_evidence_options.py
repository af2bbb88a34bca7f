"""What the configuration says of small groups and of examples reaches the audits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from glasshouse import DataInfo, ModelHandle, Predictions, Run, Target
from glasshouse.config import RunOptions
from glasshouse.external_data.adapter import as_auditable
from glasshouse.pipeline.gather_evidence import gather_evidence
from glasshouse.pipeline.stages import Trained
from glasshouse.plugins import Registry
from glasshouse.policy import Policy


@pytest.mark.parametrize("limit", [0, 25])
def test_the_limit_for_small_groups_and_the_wish_for_examples(limit: int, tmp_path: Path) -> None:
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
    info = DataInfo(name="toy", modality="tabular", target=target, input_shape=(1,))
    network = torch.nn.Linear(1, 1)
    run = Run(
        registry=Registry(only=[]),
        command="audit",
        options=RunOptions(show_examples=True, small_group_limit=limit),
        policy=Policy(name="none", rules=()),
        audits=[],
        seed=0,
        config={"model": {"class_path": "torch.nn.Linear"}},
    )
    run.folder = tmp_path
    handle = ModelHandle(network, info, name="Linear")
    rows = [(torch.zeros(3, 1), torch.zeros(3))]
    data = as_auditable(None, network, judged="test", loader_of={"test": rows}.get)
    data.info = info
    found = gather_evidence(Trained(run=run, info=info, handle=handle, data=data)).evidence
    assert found is not None
    assert run.evidence is found
    assert found.small_group_limit == limit
    assert found.show_examples
    assert len(found.evaluated) == 3
