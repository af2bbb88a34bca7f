"""Audits of people among whom the bias is known: each recovers what the population's closed form says."""

from __future__ import annotations

from typing import Any

import glasshouse
import numpy as np
import pytest
import torch
from glasshouse import Measurement
from glasshouse.statistics import clopper_pearson
from glasshouse_audits.explain.shapley import shapley_values
from glasshouse_plugins.data.bias_truth import INTERCEPT, WEIGHTS, BiasTruth
from glasshouse_plugins.data.synthetic_bias import SyntheticBias
from sklearn.metrics import roc_auc_score
from torch import nn

ROWS = 6_000


def ready(**options: Any) -> SyntheticBias:
    data = SyntheticBias(**{"rows": ROWS, "fractions": (0.2, 0.3, 0.5), "batch_size": 10_000, **options})
    data.setup()
    return data


class TrueScore(nn.Module):
    """The true score from encoded inputs: one linear layer that needs no training, as two logits or as a value."""

    def __init__(self, data: SyntheticBias) -> None:
        super().__init__()
        binary = data.info.target.kind == "binary"
        self.line = nn.Linear(data.info.input_shape[0], 2 if binary else 1)
        with torch.no_grad():
            self.line.weight.zero_()
            self.line.bias.zero_()
            self.line.bias[-1] = INTERCEPT
            for feature in data.info.features:
                weight = WEIGHTS.get(feature.name, 0.0)
                if weight:
                    self.line.weight[-1, feature.columns[0]] = weight * feature.scale
                    self.line.bias[-1] += weight * feature.center

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.line(x)


def audited(data: SyntheticBias, audits: list[Any], tmp_path: Any) -> glasshouse.RunRecord:
    kind = "logits" if data.info.target.kind == "binary" else "values"
    return glasshouse.audit(
        TrueScore(data), data, audits=audits, output_kind=kind, run_dir=str(tmp_path), report=("json",)
    )


def found(record: glasshouse.RunRecord, audit: str, name: str) -> list[Measurement]:
    assert record.audits[audit].status == "completed", record.audits[audit].reason
    return record.measurements(name, audit=audit)


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> tuple[SyntheticBias, Any]:
    data = ready(group_gap=0.8)
    audits = ["fairness", {"name": "subgroups", "bins": 3}, {"name": "counterfactual_flip"}]
    return data, audited(data, audits, tmp_path_factory.mktemp("run"))


def test_selection_rates_and_their_gap_lie_within_their_intervals(binary: Any) -> None:
    data, record = binary
    rates = {
        each.group["group"]: each
        for each in found(record, "fairness", "selection_rate")
        if set(each.group) == {"group"}
    }
    for group, expected in data.truth.selection_rates.items():
        assert rates[group].low <= expected <= rates[group].high
    (gap,) = found(record, "fairness", "demographic_parity_difference")
    assert gap.low <= data.truth.selection_gap <= gap.high
    assert gap.low > 0.1  # and none that a fair rule would have


def test_without_a_gap_none_is_found(tmp_path: Any) -> None:
    data = ready(group_gap=0.0)
    assert data.truth.selection_gap == 0
    (gap,) = found(audited(data, ["fairness"], tmp_path), "fairness", "demographic_parity_difference")
    assert gap.low == 0.0


def test_the_subgroup_with_turned_labels_is_the_first_that_is_found(binary: Any) -> None:
    data, record = binary
    rates = found(record, "subgroups", "error_rate")
    first = rates[0]
    assert {"region": "south", "shift": "night"}.items() <= first.group.items()
    whole = [each for each in rates if dict(each.group) == {"region": "south", "shift": "night"}]
    assert whole, [each.group for each in rates]
    assert whole[0].low <= data.truth.overall_error_rate(inside=True) <= whole[0].high


def test_the_proxy_is_what_tells_the_group(binary: Any) -> None:
    """Ten bins of a number tell less than it does; merit tells what the gap in it lets it."""
    data, record = binary
    told = {m.parameters["features"]: m for m in found(record, "counterfactual_flip", "proxy_roc_auc")}
    assert [name for name in told if name != "all together"][:2] == ["proxy", "merit"]
    assert told["proxy"].value == pytest.approx(data.truth.proxy_auc, abs=0.03)
    assert told["proxy"].low <= data.truth.proxy_auc
    assert told["all together"].value == pytest.approx(data.truth.features_auc, abs=0.03)
    for blind in ("effort", "noise", "region", "shift"):
        assert told[blind].low <= 0.5 <= told[blind].high + 0.01


def test_attributions_are_the_known_shapley_values(tmp_path: Any) -> None:
    data = ready(task="regression", sees_group=True)
    rows, background = data.inputs("test")[:40], data.inputs("train")[:60]
    owner = np.concatenate([np.full(len(f.columns), k) for k, f in enumerate(data.info.features)])
    values = shapley_values(TrueScore(data), rows, background, owner=owner).values
    plain = [
        {f.name: x[:, f.columns[0]].double().numpy() * f.scale + f.center for f in data.info.features}
        for x in (rows, background)
    ]
    expected = data.truth.shapley_values(*plain)
    for k, feature in enumerate(data.info.features):
        np.testing.assert_allclose(values[:, k].reshape(40), expected[feature.name], atol=1e-5)
    record = audited(data, [{"name": "feature_attribution", "rows": 200, "checks": False}], tmp_path)
    table = record.audits["feature_attribution"].tables[0]
    assert [row[0] for row in table.rows[:2]] == ["merit", "effort"]


@pytest.mark.parametrize("leakage", [0.3, 1.0])
def test_labels_and_leaks_follow_their_closed_forms(leakage: float) -> None:
    data = ready(rows=20_000, leakage=leakage, label_bias=0.25, subgroup_noise=0.4, data_seed=1)
    rows = [data.loader(split).rows for split in data.info.rows]
    x, y, group = (torch.cat([getattr(r, n) for r in rows]).numpy() for n in ("x", "y", "sensitive"))
    for code, (_, expected) in enumerate(data.truth.label_rates.items()):
        labels = y[group[:, 0] == code]
        interval = clopper_pearson(int(labels.sum()), len(labels), level=0.99)
        assert interval.low <= expected <= interval.high
    columns = {f.name: x[:, f.columns[0]] for f in data.info.features}
    assert roc_auc_score(y, columns["leak"]) == pytest.approx(data.truth.leak_auc, abs=0.02)
    assert roc_auc_score(group[:, 0], columns["proxy"]) == pytest.approx(data.truth.proxy_auc, abs=0.02)


def test_error_rates_of_the_true_rule_by_simulation() -> None:
    """A million people drawn anew from the sentences of the docstring."""
    truth = BiasTruth(group_gap=0.7, label_bias=0.2, proxy_strength=1.0, leakage=0.0, subgroup_noise=0.3, share=0.5)
    rng, n = np.random.default_rng(5), 1_000_000
    for group, gap, denied in (("a", 0.0, 0.0), ("b", 0.7, 0.2)):
        s = 0.3 + rng.normal(size=n) - gap + 0.8 * rng.normal(size=n)
        label = (s + 0.6 * rng.normal(size=n) > 0) & (rng.random(n) >= denied)
        assert truth.selection_rates[group] == pytest.approx((s > 0).mean(), abs=0.002)
        assert truth.error_rate(group, inside=False) == pytest.approx(((s > 0) != label).mean(), abs=0.002)
        turned = label ^ (rng.random(n) < 0.3)
        assert truth.error_rate(group, inside=True) == pytest.approx(((s > 0) != turned).mean(), abs=0.002)


def test_options_that_are_refused() -> None:
    for option, value in (("label_bias", 1.5), ("leakage", -0.1), ("subgroup_noise", 0.6), ("share", 2.0)):
        with pytest.raises(glasshouse.UserError, match=rf"{option} is {value}; expected a fraction from 0 to"):
            SyntheticBias(**{option: value})
    with pytest.raises(glasshouse.UserError, match="rows is 0; expected at least 1"):
        SyntheticBias(rows=0)
