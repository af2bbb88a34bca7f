"""The gaps of every rate and score, to everyone and to a reference group, against fairlearn's MetricFrame."""

from __future__ import annotations

from dataclasses import replace

import fairlearn.metrics as fairlearn
import numpy as np
import pytest
from fairlearn.metrics import MetricFrame
from glasshouse import Target
from glasshouse_audits.fairness.groups.audit import FairnessAudit
from glasshouse_audits.fairness.groups.gaps import smallest_ratio
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    mean_absolute_error,
    precision_score,
    roc_auc_score,
)

QUICK = {"replicates": 100, "permutations": 99, "cross_check": False, "intersections": False}
DECISIONS = {
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
    "f1": f1_score,
    "precision": precision_score,
    "false_positive_rate": fairlearn.false_positive_rate,
    "true_negative_rate": fairlearn.true_negative_rate,
    "false_negative_rate": fairlearn.false_negative_rate,
    "true_positive_rate": fairlearn.true_positive_rate,
    "selection_rate": fairlearn.selection_rate,
}
SCORES = {"roc_auc": roc_auc_score, "log_loss": log_loss, "brier_score": brier_score_loss}
NAMED = {"selection_rate", "true_positive_rate", "precision"}


@pytest.fixture
def judged(make_predictions, binary_target):
    rng = np.random.default_rng(0)
    age, targets = rng.integers(0, 3, 700), rng.integers(0, 2, 700)
    scores = np.clip(0.4 * targets + 0.05 * age + rng.uniform(0, 0.5, 700), 0.001, 0.999)
    return make_predictions(binary_target, scores, targets, groups={"age": (("young", "middle", "old"), age)})


@pytest.fixture
def found(judged, make_evidence, find):
    return find(FairnessAudit(reference={"age": "middle"}, **QUICK).measure(make_evidence(judged)))


def frame(judged, metrics, predicted):
    levels = np.array(judged.groups["age"].levels)[judged.groups["age"].codes]
    return MetricFrame(metrics=metrics, y_true=judged.targets, y_pred=predicted, sensitive_features=levels)


def test_decisions(judged, found) -> None:
    theirs = frame(judged, DECISIONS, judged.predicted)
    for name in DECISIONS:
        if name not in NAMED:  # those have names of their own, compared elsewhere
            assert found.one(f"{name}_difference", over=("age",)).value == pytest.approx(theirs.difference()[name])
            assert found.one(f"{name}_ratio", over=("age",)).value == pytest.approx(theirs.ratio()[name])
        for level in ("young", "middle", "old"):
            group, own = {"age": level}, theirs.by_group[name][level]
            for base, to in ((theirs.overall[name], "overall"), (theirs.by_group[name]["middle"], "reference")):
                if to == "reference" and level == "middle":
                    continue
                apart = found.one(f"{name}_difference_to_{to}", group=group)
                assert apart.value == pytest.approx(own - base), apart.id
                assert found.one(f"{name}_ratio_to_{to}", group=group).value == pytest.approx(own / base)
                if name not in ("balanced_accuracy", "f1"):
                    assert apart.low <= apart.value <= apart.high


def test_scores(judged, found) -> None:
    theirs = frame(judged, SCORES, judged.scores[:, 1].astype(float))
    for name in SCORES:
        for kind, gap in (("difference", theirs.difference()), ("ratio", theirs.ratio())):
            measured = found.one(f"{name}_{kind}", over=("age",))
            assert measured.value == pytest.approx(gap[name], abs=1e-6)
            assert measured.low <= measured.value <= measured.high
            assert measured.interval_method.startswith("simultaneous_")
        for level in ("young", "middle", "old"):
            measured = found.one(f"{name}_difference_to_overall", group={"age": level})
            assert measured.value == pytest.approx(theirs.by_group[name][level] - theirs.overall[name], abs=1e-6)


def test_several_classes_have_the_gaps_of_macro_means_once(make_predictions, make_evidence, find) -> None:
    rng = np.random.default_rng(1)
    target = Target(name="kind", kind="multiclass", classes=("a", "b", "c"))
    scores, targets = rng.dirichlet([1, 1, 1], 600), rng.integers(0, 3, 600)
    groups = {"age": (("young", "old"), rng.integers(0, 2, 600))}
    judged = make_predictions(target, scores, targets, groups=groups)
    found = find(FairnessAudit(**QUICK).measure(make_evidence(judged)))
    by_group = [
        f1_score(targets[k], judged.predicted[k], average="macro")
        for k in (groups["age"][1] == code for code in (0, 1))
    ]
    measured = found.one("macro_f1_difference", over=("age",))
    assert (measured.output, measured.value) == (None, pytest.approx(abs(by_group[0] - by_group[1])))
    assert found.one("accuracy_ratio", over=("age",)).output is None
    assert {m.output for m in found.all("f1_difference", over=("age",))} == {"a", "b", "c"}
    assert found.all("macro_f1_difference_to_overall", output="a") == []


def test_numbers(make_predictions, make_evidence, find, regression_target) -> None:
    rng = np.random.default_rng(2)
    y, sex = rng.normal(size=300), rng.integers(0, 2, 300)
    judged = make_predictions(regression_target, y + rng.normal(size=300), y, groups={"sex": (("F", "M"), sex)})
    found = find(FairnessAudit(**QUICK).measure(make_evidence(judged)))
    errors = [mean_absolute_error(y[k], judged.predicted[k]) for k in (sex == 0, sex == 1, sex >= 0)]
    assert found.one("mean_absolute_error_ratio", over=("sex",)).value == pytest.approx(
        min(errors[:2]) / max(errors[:2])
    )
    apart = found.one("mean_absolute_error_difference_to_overall", group={"sex": "F"})
    assert apart.value == pytest.approx(errors[0] - errors[2])
    assert found.all("mean_error_ratio") == []  # a bias may be below 0


def test_a_ratio_of_nothing_is_undefined(judged, make_evidence, find) -> None:
    assert smallest_ratio(lambda level: []).undefined == "defined in fewer than two groups"
    blind = replace(judged, targets=None)
    found = find(FairnessAudit(**QUICK).measure(make_evidence(blind)))
    assert found.all("roc_auc_ratio") == found.all("accuracy_difference_to_overall") == []
    assert found.one("mean_score_ratio", over=("age",)).value is not None
