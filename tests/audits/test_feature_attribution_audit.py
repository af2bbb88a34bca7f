"""The attribution audit on small networks whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from glasshouse import Target, UserError
from glasshouse_audits.explain.audit import FeatureAttributionAudit, explained_outputs

WIDTHS = {"age": 1, "job": 3, "noise": 1}
THREE = Target(name="kind", kind="multiclass", classes=("a", "b", "c", "d"))


class Linear(torch.nn.Module):
    """x w, with fixed weights."""

    def __init__(self, weights: list[float]) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(weights))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weights


def rows(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    jobs = np.eye(3)[rng.integers(0, 3, n)]
    return np.column_stack([rng.normal(size=n), jobs, rng.normal(size=n)]).astype(np.float32)


def test_a_linear_model_has_the_closed_form_by_both_methods(tabular_evidence, regression_target, find) -> None:
    """Both give w (x - mean of the background) summed over a feature's columns."""
    w = np.array([2.0, 1.0, -1.0, 0.5, 0.0])
    train, test = rows(50, 0), rows(40, 1)
    judged = tabular_evidence(Linear(w.tolist()), regression_target, WIDTHS, train=train, test=test)
    found = find(FeatureAttributionAudit().measure(judged))
    columns = w * (test - train.mean(axis=0))
    expected = {
        "age": np.abs(columns[:, 0]).mean(),
        "job": np.abs(columns[:, 1:4].sum(axis=1)).mean(),
        "noise": 0.0,
    }
    for method in ("shap", "integrated_gradients"):
        for feature, value in expected.items():
            measured = found.one("mean_absolute_attribution", parameters={"feature": feature, "method": method})
            assert measured.value == pytest.approx(value, abs=1e-5), measured.id
            assert measured.n == 40
            assert measured.output is None
        for statistic in ("max", "mean"):
            error = found.one("completeness_error", parameters={"method": method, "statistic": statistic})
            assert 0 <= error.value < 1e-4
    assert found.one("attribution_rank_agreement").value == pytest.approx(1)


def test_the_favourable_class_is_explained(tabular_evidence, find) -> None:
    """The model sees age alone; the favourable class is the first one."""
    target = Target(name="alarm", kind="binary", classes=("quiet", "alarm"), favourable="quiet")
    judged = tabular_evidence(Linear([3.0, 0, 0, 0, 0]), target, WIDTHS, train=rows(30, 2), test=rows(30, 3))
    result = FeatureAttributionAudit(rows=20, background=10).measure(judged)
    found = find(result)
    for method in ("shap", "integrated_gradients"):
        values = {
            m.parameters["feature"]: m.value
            for m in found.all("mean_absolute_attribution", output="quiet")
            if m.parameters["method"] == method
        }
        assert values["age"] > 0.1
        assert values["job"] == pytest.approx(0, abs=1e-6)
        assert (
            found.one("completeness_error", output="quiet", parameters={"method": method, "statistic": "max"}).value
            < 0.01
        )
    assert [figure.data["labels"][0] for figure in result.figures] == ["age", "age"]
    (table,) = result.tables
    assert table.rows[0][0] == "age"
    assert len(table.rows) == 3
    assert "Explained: 20 of 30 rows of the test split, drawn with seed 0, against 10 rows" in result.notes[0]
    assert result.parameters == {
        "rows": 20,
        "background": 10,
        "budget": 500_000,
        "tolerance": 0.05,
        "cross_check": True,
    }
    assert found.one("shap_largest_difference", output="quiet").value < 1e-6  # both are exact for three features
    assert found.one("sampling_error", output="quiet").value == 0


def test_a_multiclass_target_is_explained_for_the_classes_predicted_most(tabular_evidence, find) -> None:
    torch.manual_seed(0)
    network = torch.nn.Linear(5, 4)
    judged = tabular_evidence(network, THREE, WIDTHS, train=rows(40, 4), test=rows(60, 5))
    often = np.bincount(judged.evaluated.predicted, minlength=4)
    outputs = explained_outputs(judged)
    assert len(outputs) == 3
    assert [label for _, label in outputs] == [THREE.classes[k] for k, _ in outputs]
    assert {k for k, _ in outputs} == set(np.argsort(-often, kind="stable")[:3])
    found = find(FeatureAttributionAudit(rows=10, background=5).measure(judged))
    assert {m.output for m in found.measurements} == {label for _, label in outputs}


def test_rough_networks_get_more_steps_until_complete(tabular_evidence, binary_target, find) -> None:
    """A steep network, whose integral 64 steps miss, still comes out complete within the tolerance of 1 %."""
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Linear(5, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    with torch.no_grad():
        network[0].weight.mul_(6)
        network[2].weight.mul_(6)
    judged = tabular_evidence(network, binary_target, WIDTHS, train=rows(50, 6), test=rows(50, 7))
    result = FeatureAttributionAudit(background=20).measure(judged)
    worst = find(result).one("completeness_error", parameters={"method": "integrated_gradients", "statistic": "max"})
    assert worst.value < 0.05
    (steps,) = [note for note in result.notes if note.startswith("Integrated gradients took up to")]
    assert int(steps.split()[-2]) > 64


def test_the_seed_fixes_everything(tabular_evidence, binary_target) -> None:
    torch.manual_seed(2)
    network = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))

    def measure(seed: int) -> object:
        judged = tabular_evidence(network, binary_target, WIDTHS, train=rows(40, 8), test=rows(40, 9), seed=seed)
        return FeatureAttributionAudit(rows=10, background=10).measure(judged)

    assert measure(0) == measure(0)
    assert measure(0) != measure(1)


def test_a_constant_model_and_a_single_row(tabular_evidence, binary_target, find) -> None:
    judged = tabular_evidence(Linear([0.0] * 5), binary_target, WIDTHS, train=rows(5, 10), test=rows(1, 11))
    found = find(FeatureAttributionAudit().measure(judged))
    for m in found.all("completeness_error"):
        assert m.undefined == "the model's output is the same for every explained row"
    assert found.one("attribution_rank_agreement").undefined == "a method ranks no feature above another"
    for m in found.all("mean_absolute_attribution"):
        assert (m.value, m.low, m.n) == (0, None, 1)


def test_no_row_of_the_data_leaves_the_audit(tabular_evidence, regression_target) -> None:
    """A value that only one row has does not turn up in the result."""
    test = rows(30, 12)
    test[3, 0] = 12345.678
    judged = tabular_evidence(Linear([1.0, 0, 0, 0, 0]), regression_target, WIDTHS, train=rows(30, 13), test=test)
    result = FeatureAttributionAudit().measure(judged)
    assert "12345.6" not in repr(result)


def test_refusals(tabular_evidence, binary_target) -> None:
    broken = rows(10, 14)
    broken[2, 0] = np.nan
    network = Linear([1.0, 0, 0, 0, 0])
    with pytest.raises(UserError, match="the encoded test split holds NaN or infinite values"):
        FeatureAttributionAudit().measure(
            tabular_evidence(network, binary_target, WIDTHS, train=rows(10, 15), test=broken)
        )
    diverged = Linear([float("nan")] * 5)
    with pytest.raises(UserError, match="some explained rows have NaN or infinite ones"):
        FeatureAttributionAudit().measure(
            tabular_evidence(diverged, binary_target, WIDTHS, train=rows(10, 16), test=rows(10, 17))
        )
    with pytest.raises(UserError, match="rows is 0; expected a whole number >= 1"):
        FeatureAttributionAudit(rows=0)
