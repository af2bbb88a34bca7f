from __future__ import annotations

import numpy as np
import pytest
import torch
from glasshouse_plugins.data.diabetes import Diabetes
from sklearn.datasets import load_diabetes


def whole(data: Diabetes) -> dict[str, torch.Tensor]:
    data.setup()
    rows = [data.loader(split).rows for split in ("train", "validate", "test")]
    return {name: torch.cat([getattr(r, name) for r in rows]) for name in ("x", "y", "sensitive")}


def test_what_it_is() -> None:
    data = Diabetes()
    data.setup()
    info = data.info
    assert sum(info.rows.values()) == 442
    assert (info.target.kind, info.target.classes, info.target.favourable) == ("binary", ("no", "yes"), "no")
    assert [(s.name, s.levels, s.seen_by_model) for s in info.sensitive] == [
        ("sex", ("code 1", "code 2"), True),
        ("age_group", ("under 40", "40 to under 60", "60 and over"), True),
    ]
    assert [f.name for f in info.features if f.immutable] == ["age", "sex"]
    assert info.sizes["cardinalities"] == [2]


def test_labels_and_groups_are_counted_as_in_the_published_table() -> None:
    raw = load_diabetes(scaled=False, as_frame=True).frame
    rows = whole(Diabetes())
    assert int(rows["y"].sum()) == int((raw["target"] > raw["target"].median()).sum())
    sex, age_group = rows["sensitive"].T
    assert torch.bincount(sex).tolist() == raw["sex"].value_counts().sort_index().tolist()
    by_hand = [(raw["age"] < 40).sum(), ((raw["age"] >= 40) & (raw["age"] < 60)).sum(), (raw["age"] >= 60).sum()]
    assert torch.bincount(age_group).tolist() == by_hand
    above = raw["target"] > raw["target"].median()
    assert int(rows["y"][sex == 1].sum()) == int(above[raw["sex"] == 2].sum())  # rows are still aligned


def test_regression_predicts_the_score_itself() -> None:
    data = Diabetes(task="regression")
    rows = whole(data)
    assert data.info.target.kind == "regression"
    np.testing.assert_array_equal(np.sort(rows["y"].numpy()), np.sort(load_diabetes().target.astype(np.float32)))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_two_instances_agree(task: str) -> None:
    first, second = Diabetes(task=task), Diabetes(task=task)  # type: ignore[arg-type]
    assert all(torch.equal(a, b) for a, b in zip(whole(first).values(), whole(second).values(), strict=True))
    assert first.table_fingerprint == second.table_fingerprint
