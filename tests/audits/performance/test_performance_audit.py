"""Overall metrics against scikit-learn on the same arrays, numbers by hand, and cases with nothing to measure."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse import Target, UserError
from glasshouse_audits.performance.audit import PerformanceAudit
from glasshouse_audits.performance.figures import thinned
from scipy.stats import norm
from sklearn import metrics

THREE = Target(name="kind", kind="multiclass", classes=("a", "b", "c"))


def noisy(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Targets with 30 % positives and probabilities that know something of them."""
    targets = (rng.random(n) < 0.3).astype(np.int64)
    return targets, np.clip(0.35 + 0.3 * (targets - 0.5) + 0.2 * rng.normal(size=n), 0.01, 0.99).astype(np.float32)


def test_binary_metrics_are_those_of_scikit_learn(make_predictions, make_evidence, find, binary_target) -> None:
    targets, scores = noisy(np.random.default_rng(0), 400)
    found = find(PerformanceAudit().measure(make_evidence(make_predictions(binary_target, scores, targets))))
    decided = (scores > 0.5).astype(int)
    expected = {
        "accuracy": metrics.accuracy_score(targets, decided),
        "balanced_accuracy": metrics.balanced_accuracy_score(targets, decided),
        "precision": metrics.precision_score(targets, decided),
        "recall": metrics.recall_score(targets, decided),
        "f1": metrics.f1_score(targets, decided),
        "roc_auc": metrics.roc_auc_score(targets, scores),
        "log_loss": metrics.log_loss(targets, scores.astype(np.float64)),
        "brier_score": metrics.brier_score_loss(targets, scores),
    }
    for name, value in expected.items():
        measured = found.one(name)
        assert measured.value == pytest.approx(value, abs=1e-6), name
        assert measured.low < measured.value < measured.high, name
        assert measured.split == "test"
    assert found.one("accuracy").interval_method == "wilson"
    assert found.one("balanced_accuracy").interval_method == "mover"
    assert found.one("recall").n == targets.sum()
    assert found.one("precision").n == decided.sum()


def test_metrics_are_about_the_favourable_class(make_predictions, make_evidence, find) -> None:
    """The first class is the favourable one: its precision, by hand, is 1 of 2, and its recall 1 of 1."""
    target = Target(name="alarm", kind="binary", classes=("quiet", "alarm"), favourable="quiet")
    judged = make_predictions(target, [0.1, 0.2, 0.9], [0, 1, 1])
    found = find(PerformanceAudit().measure(make_evidence(judged)))
    assert found.one("precision").value == 0.5
    assert found.one("recall").value == 1
    assert found.one("roc_auc").value == 1
    assert found.one("brier_score").value == pytest.approx((0.1**2 + 0.8**2 + 0.1**2) / 3, abs=1e-6)


def test_multiclass_metrics_are_those_of_scikit_learn(make_predictions, make_evidence, find) -> None:
    rng = np.random.default_rng(1)
    targets = rng.integers(0, 3, 300)
    raw = rng.normal(size=(300, 3)) + 1.2 * np.eye(3)[targets]
    scores = (np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)).astype(np.float32)
    result = PerformanceAudit().measure(make_evidence(make_predictions(THREE, scores, targets)))
    found = find(result)
    decided = scores.argmax(axis=1)
    macro = {"average": "macro"}
    for name, function in (
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("f1", metrics.f1_score),
    ):
        assert found.one(name, parameters=macro).value == pytest.approx(function(targets, decided, average="macro"))
        each = function(targets, decided, average=None)
        for k, label in enumerate(THREE.classes):
            assert found.one(name, output=label).value == pytest.approx(each[k])
    exact = scores.astype(np.float64) / scores.astype(np.float64).sum(axis=1, keepdims=True)
    auc = metrics.roc_auc_score(targets, exact, multi_class="ovr", average="macro")
    assert found.one("roc_auc", parameters=macro).value == pytest.approx(auc, abs=1e-6)
    assert found.one("log_loss").value == pytest.approx(metrics.log_loss(targets, exact), abs=1e-6)
    assert {figure.title for figure in result.figures} == {"Confusion matrix", "Calibration", "ROC curve"}
    (table,) = result.tables
    assert [list(row[2:]) for row in table.rows] == metrics.confusion_matrix(targets, decided).tolist()


def test_regression_metrics_are_those_of_scikit_learn(make_predictions, make_evidence, find, regression_target) -> None:
    rng = np.random.default_rng(2)
    targets = rng.normal(10, 3, 200)
    predicted = (targets + rng.normal(0.5, 1, 200)).astype(np.float32)
    train = make_predictions(regression_target, [0.0, 0.0], [8.0, 10.0], split="train")
    judged = make_predictions(regression_target, predicted, targets)
    result = PerformanceAudit().measure(make_evidence(train, judged))
    found = find(result)
    expected = {
        "mean_absolute_error": metrics.mean_absolute_error(targets, predicted),
        "root_mean_squared_error": metrics.root_mean_squared_error(targets, predicted),
        "r2": metrics.r2_score(targets, predicted),
        "mean_error": float(np.mean(predicted - targets)),
        "baseline_mean_absolute_error": float(np.abs(targets - 9.0).mean()),  # the mean of the training targets
    }
    for name, value in expected.items():
        measured = found.one(name)
        assert measured.value == pytest.approx(value, abs=1e-5), name
        assert measured.low < measured.value < measured.high, name
    (figure,) = result.figures
    assert np.sum(figure.data["values"]) == 200


def test_the_baseline_is_the_most_frequent_training_class(make_predictions, make_evidence, find, binary_target) -> None:
    """Training says low; 1 of 4 judged rows is low. The judged rows alone would say high, which is 3 of 4."""
    train = make_predictions(binary_target, [0.9, 0.1, 0.2], [0, 0, 1], split="train")
    judged = make_predictions(binary_target, [0.9, 0.9, 0.9, 0.1], [1, 1, 1, 0])
    both = find(PerformanceAudit().measure(make_evidence(train, judged)))
    assert both.one("majority_accuracy").value == 0.25
    assert both.one("generalization_gap").value == pytest.approx(1 / 3 - 1)
    alone = find(PerformanceAudit().measure(make_evidence(judged)))
    assert alone.one("majority_accuracy").value == 0.75
    assert alone.all("generalization_gap") == []


def test_wilsons_interval_by_hand(make_predictions, make_evidence, find, binary_target) -> None:
    """8 of 10 right: (8 + z²/2 ± z sqrt(8 · 2 / 10 + z²/4)) / (10 + z²), Wilson 1927."""
    judged = make_predictions(binary_target, [0.9] * 8 + [0.1] * 2, [1] * 10)
    measured = find(PerformanceAudit().measure(make_evidence(judged))).one("accuracy")
    z = norm.ppf(0.975)
    half = z * np.sqrt(1.6 + z * z / 4)
    assert measured.low == pytest.approx((8 + z * z / 2 - half) / (10 + z * z))
    assert measured.high == pytest.approx((8 + z * z / 2 + half) / (10 + z * z))


def test_undefined_is_not_zero(make_predictions, make_evidence, find, binary_target) -> None:
    """One class and one prediction only."""
    result = PerformanceAudit().measure(make_evidence(make_predictions(binary_target, [0.1, 0.2], [0, 0])))
    found = find(result)
    for name, reason in (
        ("recall", "no rows with target 'high'"),
        ("precision", "no rows predicted 'high'"),
        ("f1", "no rows with target or prediction 'high'"),
        ("roc_auc", "no rows with target 1"),
        ("balanced_accuracy", "no rows with target high"),
    ):
        assert found.one(name).value is None
        assert found.one(name).undefined == reason
    assert found.one("accuracy").value == 1
    assert "ROC curve" not in {figure.title for figure in result.figures}
    assert result.figures[0].data["values"] == [[1, 0], [None, None]]


def test_a_class_that_is_never_predicted_leaves_macro_precision_undefined(
    make_predictions, make_evidence, find
) -> None:
    scores = np.eye(3)[[0, 1, 1]]
    found = find(PerformanceAudit().measure(make_evidence(make_predictions(THREE, scores, [0, 1, 2]))))
    macro = {"average": "macro"}
    assert found.one("precision", parameters=macro).undefined == "undefined for c"
    assert found.one("recall", parameters=macro).value == pytest.approx(2 / 3)
    assert found.one("f1", output="c").value == 0  # it has a target, so that its f1 is defined


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_a_single_row(kind, make_predictions, make_evidence, find, binary_target, regression_target) -> None:
    target = binary_target if kind == "binary" else regression_target
    found = find(PerformanceAudit().measure(make_evidence(make_predictions(target, [0.75], [1]))))
    if kind == "binary":
        assert found.one("accuracy").value == 1
        assert found.one("log_loss").low is None
    else:
        assert found.one("mean_error").value == -0.25
        assert found.one("r2").undefined == "the targets do not vary"


def test_scores_that_are_not_numbers_are_refused(make_predictions, make_evidence, binary_target) -> None:
    judged = make_predictions(binary_target, [0.5, np.nan, 0.1], [0, 1, 0])
    with pytest.raises(UserError, match=r"audit 'performance': expected finite scores; 1 of 3 rows of the test split"):
        PerformanceAudit().measure(make_evidence(judged))
    with pytest.raises(UserError, match="replicates is 5; expected a whole number >= 100"):
        PerformanceAudit(replicates=5)


def test_the_order_of_rows_changes_nothing_and_the_seed_fixes_the_rest(
    make_predictions, make_evidence, binary_target
) -> None:
    rng = np.random.default_rng(3)
    targets, scores = noisy(rng, 250)
    order = rng.permutation(250)
    one = PerformanceAudit().measure(make_evidence(make_predictions(binary_target, scores, targets)))
    other = PerformanceAudit().measure(make_evidence(make_predictions(binary_target, scores[order], targets[order])))
    assert [m.id for m in one.measurements] == [m.id for m in other.measurements]
    for a, b in zip(one.measurements, other.measurements, strict=True):
        for field in ("value", "low", "high"):
            assert getattr(a, field) == pytest.approx(getattr(b, field), abs=1e-12), a.id
    reseeded = PerformanceAudit().measure(make_evidence(make_predictions(binary_target, scores, targets), seed=1))
    assert reseeded.measurements != one.measurements


def test_a_roc_curve_is_thinned_without_losing_its_ends(make_predictions, make_evidence, binary_target) -> None:
    from glasshouse.statistics import roc_curve

    targets, scores = noisy(np.random.default_rng(4), 5000)
    curve = roc_curve(targets, scores)
    kept = thinned(curve)
    assert len(kept) <= 200 < len(curve.thresholds)
    assert kept[0] == 0
    assert kept[-1] == len(curve.thresholds) - 1
    area = np.trapezoid(curve.true_positive_rate[kept], curve.false_positive_rate[kept])
    assert area == pytest.approx(metrics.roc_auc_score(targets, scores), abs=1e-3)


def test_losses_are_used_where_probabilities_have_lost_their_digits(
    make_predictions, make_evidence, find, binary_target
) -> None:
    """A float32 probability of a hopeless row is exactly 0; its loss, from the logit, is 200 nats."""
    judged = make_predictions(binary_target, [1.0, 1.0], [0, 1], losses=[200.0, 0.0])
    assert find(PerformanceAudit().measure(make_evidence(judged))).one("log_loss").value == 100
