"""The feature_effects audit on small networks whose answers are known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from glasshouse import DataInfo, Feature, ModelHandle, Target, UserError
from glasshouse_audits.effects import parts as module
from glasshouse_audits.effects.audit import FeatureEffectsAudit

WIDTHS = {"age": 1, "job": 3, "noise": 1}
THREE = Target(name="kind", kind="multiclass", classes=("a", "b", "c", "d"))


class Net(torch.nn.Module):
    """2 age + job (1, -1, 0.5) + age noise times `together`."""

    def __init__(self, together: float = 0.0, weights: tuple[float, ...] = (2.0, 1.0, -1.0, 0.5, 0.0)) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(weights))
        self.together = together

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weights + self.together * x[:, 0] * x[:, 4]


def rows(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    jobs = np.eye(3)[rng.integers(0, 3, n)]
    return np.column_stack([rng.normal(size=n), jobs, rng.normal(size=n)]).astype(np.float32)


def effects(judged, **options):
    return FeatureEffectsAudit(**options).measure(judged)


def test_a_linear_regression(tabular_evidence, regression_target, find) -> None:
    """Importance 2 w^2 var(age) for the squared error; curves and local effects with slope 2; nothing acts together."""
    train, test = rows(400, 0), rows(600, 1)
    y = test @ np.array([2, 1, -1, 0.5, 0]) + np.random.default_rng(2).normal(size=600)
    judged = tabular_evidence(Net(), regression_target, WIDTHS, train=train, test=test, targets=y)
    result = effects(judged)
    found = find(result)
    error = found.one("permutation_importance", parameters={"feature": "age", "metric": "squared_error"})
    assert error.low < 8 * test[:, 0].var() < error.high
    assert (error.n, error.interval_method, error.output) == (600, "student_t", None)
    share = found.one("permutation_importance", parameters={"feature": "age", "metric": "r2"})
    assert share.value == pytest.approx(error.value / y.var(), rel=1e-6)
    noise = found.one("permutation_importance", parameters={"feature": "noise", "metric": "squared_error"})
    assert (noise.value, noise.low, noise.high) == (0, 0, 0)
    partial = found.one("partial_dependence_range", parameters={"feature": "age"})
    local = found.one("ale_range", parameters={"feature": "age"})
    lines = next(f for f in result.figures if f.title == "age: mean effect")
    first, second = lines.data["series"]
    range_weights = 2 * (first["x"][-1] - first["x"][0])
    assert partial.value == pytest.approx(range_weights, rel=1e-3)
    assert local.value == pytest.approx(range_weights, rel=1e-3)
    np.testing.assert_allclose(second["y"], first["y"], atol=0.25)
    assert found.one("partial_dependence_range", parameters={"feature": "job"}).value == pytest.approx(2, rel=1e-5)
    assert all(m.value == 0 for m in found.all("shapley_interaction"))
    assert {frozenset((m.parameters["first"], m.parameters["second"])) for m in found.all("shapley_interaction")} == {
        frozenset(("age", "job")),
        frozenset(("age", "all others")),
        frozenset(("job", "all others")),
    }
    assert 0.7 < found.one("surrogate_fidelity", parameters={"metric": "r2"}).value < 1
    assert {m.parameters["feature"] for m in found.all("partial_dependence_range")} == {"age", "job"}


def test_values_are_shown_in_their_own_units(make_predictions, make_evidence, regression_target) -> None:
    ages = np.random.default_rng(3).integers(20, 60, 500)
    x = torch.tensor(((ages - 40) / 10)[:, None], dtype=torch.float32)
    features = (Feature(name="age", kind="numeric", columns=(0,), center=40.0, scale=10.0),)
    info = DataInfo(name="toy", modality="tabular", target=regression_target, input_shape=(1,), features=features)
    holder = torch.nn.Module()
    holder.network = Net(weights=(3.0,))
    holder.network.forward = lambda x: 3 * x[:, 0]
    handle = ModelHandle(holder, info)
    judged = make_predictions(regression_target, handle.scores(x).numpy()[:, 0], ages)
    result = effects(make_evidence(judged, info=info, model=handle, inputs=lambda split: x))
    (lines,) = [f for f in result.figures if f.title == "age: mean effect"]
    (partial, _) = lines.data["series"]
    assert lines.data["x_label"] == "age"
    assert 20 < partial["x"][0] < 25
    assert 55 < partial["x"][-1] < 59
    np.testing.assert_allclose(partial["y"], 3 * (np.array(partial["x"]) - 40) / 10, atol=1e-3)
    (tree,) = [t for t in result.tables if t.title.startswith("Surrogate decision tree")]
    bounds = [float(word) for row in tree.rows for word in row[0].split() if word.replace(".", "").isdigit()]
    assert all(20 < bound < 60 and bound % 1 == 0.5 for bound in bounds)
    assert any("No interactions: there is only one feature" in note for note in result.notes)


def test_features_that_act_together_are_found(tabular_evidence, regression_target, find) -> None:
    """f = 3 age noise: I = 3 (age - age')(noise - noise') for each background row."""
    net = Net(together=3.0, weights=(0.0, 0.0, 0.0, 0.0, 0.0))
    train, test = rows(60, 4), rows(150, 5)
    result = effects(tabular_evidence(net, regression_target, WIDTHS, train=train, test=test), background=60)
    found = find(result)
    apart = (test[:, None, :] - train[None]).astype(float)
    expected = np.abs(3 * (apart[:, :, 0] * apart[:, :, 4]).mean(axis=1))
    names = {"age", "noise"}
    (pair,) = [m for m in found.all("shapley_interaction") if set(m.parameters.values()) == names]
    assert pair.value == pytest.approx(expected.mean(), rel=1e-4)
    assert pair.n == 150
    (heatmap,) = [f for f in result.figures if f.kind == "heatmap"]
    assert heatmap.data["values"][0][1] == heatmap.data["values"][1][0] == pytest.approx(pair.value)
    assert heatmap.data["values"][0][0] is None
    (table,) = [t for t in result.tables if t.title.startswith("Main effects and interactions")]
    assert [row[2] for row in table.rows] == sorted((row[2] for row in table.rows), reverse=True)


def test_a_classifier_is_measured_by_loss_accuracy_and_area(tabular_evidence, binary_target, find) -> None:
    test = rows(300, 6)
    y = (np.random.default_rng(7).random(300) < 1 / (1 + np.exp(-2 * test[:, 0]))).astype(int)
    result = effects(tabular_evidence(Net(), binary_target, WIDTHS, train=rows(200, 8), test=test, targets=y))
    found = find(result)
    importance = {
        m.parameters["metric"]: m.value for m in found.all("permutation_importance") if m.parameters["feature"] == "age"
    }
    assert list(importance) == ["log_loss", "accuracy", "roc_auc", "output_change"]
    assert all(value > 0.05 for value in importance.values())
    assert {m.parameters["metric"] for m in found.all("surrogate_fidelity", output="high")} == {"r2", "accuracy"}
    assert {m.output for m in found.measurements} == {None, "high"}
    assert result.figures[0].data["labels"][0] == "age"
    assert result.figures[0].data["x_label"] == "increase of the log loss"


def test_the_favourable_class_is_looked_at_and_without_one_the_commonest(tabular_evidence, find) -> None:
    torch.manual_seed(0)
    judged = tabular_evidence(torch.nn.Linear(5, 4), THREE, WIDTHS, train=rows(40, 9), test=rows(120, 10))
    often = np.bincount(judged.evaluated.predicted, minlength=4)
    found = find(effects(judged, features=1))
    expected = {THREE.classes[k] for k in np.argsort(-often, kind="stable")[:3]}
    assert {m.output for m in found.all("partial_dependence_range")} == expected
    assert {m.parameters["metric"] for m in found.all("permutation_importance")} == {
        "log_loss",
        "accuracy",
        "output_change",
    }
    quiet = Target(name="alarm", kind="binary", classes=("quiet", "alarm"), favourable="quiet")
    found = find(effects(tabular_evidence(Net(), quiet, WIDTHS, train=rows(40, 9), test=rows(120, 10))))
    assert {m.output for m in found.all("ale_range")} == {"quiet"}


def test_more_rows_than_asked_are_drawn_from_and_the_seed_fixes_all(tabular_evidence, binary_target) -> None:
    def run(seed: int):
        return effects(
            tabular_evidence(Net(1.0), binary_target, WIDTHS, train=rows(80, 11), test=rows(300, 12), seed=seed),
            rows=100,
            background=10,
        )

    first, again, other = run(0), run(0), run(1)
    assert first.measurements == again.measurements
    assert [dict(f.data) for f in first.figures] == [dict(f.data) for f in again.figures]
    assert first.measurements != other.measurements
    assert "Measured on 100 of 300 rows of the test split, drawn with seed 0." in first.notes[0]
    assert all(m.n <= 100 for m in first.measurements)


@pytest.mark.parametrize("n", [1, 2, 12])
def test_few_rows_leave_undefined_what_they_cannot_tell(n: int, tabular_evidence, binary_target, find) -> None:
    result = effects(tabular_evidence(Net(), binary_target, WIDTHS, train=rows(3, 13), test=rows(n, 14)))
    found = find(result)
    if n == 1:  # nothing can be shuffled
        assert any("No feature moves the output" in note for note in result.notes)
        assert found.one("surrogate_fidelity", parameters={"metric": "r2"}).value is None
        return
    age = found.one("partial_dependence_range", parameters={"feature": "age"})
    assert (age.value, age.undefined) == (None, "fewer than two values have 10 rows")


def test_a_model_that_says_the_same_of_everyone(tabular_evidence, binary_target, find) -> None:
    net, y = Net(weights=(0.0,) * 5), np.arange(60) % 2
    result = effects(tabular_evidence(net, binary_target, WIDTHS, train=rows(50, 15), test=rows(60, 16), targets=y))
    found = find(result)
    assert len(found.all("permutation_importance")) == 3 * 4
    assert all(m.value == m.low == m.high == 0 for m in found.all("permutation_importance"))
    assert not found.all("shapley_interaction")
    assert found.one("surrogate_fidelity", parameters={"metric": "r2"}).undefined == (
        "the model's output is the same for every row"
    )


def test_a_feature_with_one_category_has_no_curve(tabular_evidence, regression_target, find) -> None:
    test = rows(100, 17)
    test[:, 1:4] = [0, 1, 0]
    found = find(effects(tabular_evidence(Net(), regression_target, WIDTHS, train=rows(50, 18), test=test)))
    assert found.one("permutation_importance", parameters={"feature": "job", "metric": "r2"}).value is None
    assert found.one("permutation_importance", parameters={"feature": "job", "metric": "output_change"}).value == 0
    assert {m.parameters["feature"] for m in found.all("partial_dependence_range")} == {"age"}


def test_without_training_rows_the_tree_is_judged_on_the_other_half(tabular_evidence, regression_target, find) -> None:
    judged = tabular_evidence(Net(), regression_target, WIDTHS, train=rows(50, 19), test=rows(201, 20))
    del judged.predictions["train"]
    result = effects(judged)
    assert find(result).one("surrogate_fidelity", parameters={"metric": "r2"}).n == 100
    assert any("fitted to 101 rows, and its fidelity measured on 100 others" in note for note in result.notes)


def test_without_targets_the_change_of_output_ranks(tabular_evidence, regression_target, find) -> None:
    judged = tabular_evidence(Net(), regression_target, WIDTHS, train=rows(50, 21), test=rows(80, 22))
    judged.predictions["test"] = replace(judged.predictions["test"], targets=None, losses=None)
    result = effects(judged)
    assert {m.parameters["metric"] for m in find(result).all("permutation_importance")} == {"output_change"}
    assert result.figures[0].data["x_label"] == "mean change of the output"


def test_no_extreme_value_of_a_row_is_in_the_result(tabular_evidence, regression_target) -> None:
    """The largest and smallest age belong to one row each: neither they nor their neighbours are shown."""
    test = rows(400, 23)
    test[0, 0], test[1, 0] = 77.25, -66.125
    result = effects(tabular_evidence(Net(), regression_target, WIDTHS, train=test, test=test))
    for figure in result.figures:
        for series in figure.data.get("series", ()):
            if figure.data["x_label"] == "age":
                assert max(series["x"]) < 15
                assert min(series["x"]) > -15


def test_the_model_is_left_as_it_was_and_blocks_are_bounded(tabular_evidence, binary_target) -> None:
    seen = []

    class Watched(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert not self.training
            assert not torch.is_grad_enabled()
            seen.append(len(x))
            return super().forward(x)

    network = Watched(0.5)
    judged = tabular_evidence(network, binary_target, WIDTHS, train=rows(9000, 24), test=rows(9000, 25))
    network.train()
    effects(judged, rows=9000, repeats=1, features=1)
    assert network.training
    assert not network._forward_hooks
    assert not network._forward_pre_hooks
    assert max(seen) <= 8192


def test_many_features_are_permuted_on_fewer_rows(tabular_evidence, regression_target, find, monkeypatch) -> None:
    monkeypatch.setattr(module, "_PERMUTED", 600)
    found = find(
        effects(tabular_evidence(Net(), regression_target, WIDTHS, train=rows(9, 26), test=rows(90, 27)), repeats=4)
    )
    assert {m.n for m in found.all("permutation_importance")} == {50}
    assert found.one("ale_range", parameters={"feature": "age"}).n == 90


def test_inputs_and_outputs_must_be_finite(tabular_evidence, binary_target) -> None:
    broken = rows(30, 28)
    judged = tabular_evidence(Net(), binary_target, WIDTHS, train=rows(9, 29), test=broken)
    judged.inputs("test")[3, 0] = float("nan")
    with pytest.raises(UserError, match="audit 'feature_effects': expected finite inputs; the encoded test split"):
        effects(judged)
    diverged = tabular_evidence(Net(), binary_target, WIDTHS, train=rows(9, 30), test=rows(30, 31))
    diverged.model.module.weights[0] = float("nan")
    with pytest.raises(UserError, match="expected finite model outputs"):
        effects(diverged)


def test_everything_is_plain_and_named_once(tabular_evidence, binary_target) -> None:
    result = effects(tabular_evidence(Net(1.0), binary_target, WIDTHS, train=rows(50, 32), test=rows(90, 33)))
    for figure in result.figures:
        json.dumps(dict(figure.data), allow_nan=False)
    titles = [figure.title for figure in result.figures]
    assert len(titles) == len(set(titles))
    assert result.parameters == {"rows": 5000, "background": 100, "features": 5, "repeats": 5}
    levels = next(f for f in result.figures if f.title == "job: partial dependence for high")
    assert sum(levels.data["n"]) == 90


def test_points_rest_on_as_many_rows_as_the_limit_for_small_groups(tabular_evidence, regression_target) -> None:
    test = rows(200, 34)
    judged = tabular_evidence(Net(), regression_target, WIDTHS, train=rows(50, 35), test=test)
    for limit, points in ((0, 20), (10, 20), (50, 4)):
        result = effects(replace(judged, small_group_limit=limit))
        (lines,) = [f for f in result.figures if f.title == "age: mean effect"]
        assert len(lines.data["series"][0]["x"]) == points


def test_weights_and_clusters_are_told_to_be_left_aside(tabular_evidence, regression_target) -> None:
    judged = tabular_evidence(Net(), regression_target, WIDTHS, train=rows(50, 36), test=rows(60, 37))
    left_aside = "This audit ignores the weights and clusters of rows: each row counts once and as independent."
    assert left_aside not in effects(judged).notes
    for more in ({"weights": np.ones(60)}, {"clusters": np.arange(60) // 2}):
        judged.predictions["test"] = replace(judged.predictions["test"], weights=None, clusters=None)
        judged.predictions["test"] = replace(judged.predictions["test"], **more)
        assert left_aside in effects(judged).notes
