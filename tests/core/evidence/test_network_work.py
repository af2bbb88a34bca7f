"""Multiply-adds of networks, counted by hand."""

from __future__ import annotations

import pytest
from glasshouse.data.data_info import DataInfo, Target
from glasshouse.evidence.network_work import multiply_adds
from torch import nn


def info(modality, shape):
    target = Target(name="y", kind="binary", classes=("no", "yes"))
    return DataInfo(name="data", modality=modality, target=target, input_shape=shape)


@pytest.mark.parametrize(
    ("network", "modality", "shape", "one_row"),
    [
        (nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 2)), "tabular", (10,), 10 * 20 + 20 + 20 * 2 + 2),
        (nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.Flatten()), "image", (3, 28, 28), 8 * 3 * 9 * 28 * 28),
        (nn.Sequential(nn.Embedding(1000, 16), nn.Linear(16, 4)), "text", (50,), 50 * (16 * 4 + 4)),
    ],
)
def test_a_weight_counts_once_for_each_place(network, modality, shape, one_row):
    assert multiply_adds(network, info(modality, shape), rows=7) == 7 * one_row
