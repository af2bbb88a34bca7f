"""Flips on a network whose decisions can be counted by hand, and what features tell, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from glasshouse import DataInfo, Feature, ModelHandle, Sensitive, UserError
from glasshouse_audits.fairness import feature_codes
from glasshouse_audits.fairness.counterfactuals import proxies
from glasshouse_audits.fairness.counterfactuals.audit import CounterfactualFlipAudit
from glasshouse_audits.fairness.counterfactuals.flips import proportion
from sklearn.metrics import roc_auc_score

FEATURES = (
    Feature(name="income", kind="numeric", columns=(0,)),
    Feature(name="age", kind="numeric", columns=(1,)),
    Feature(name="sex", kind="categorical", columns=(2, 3), categories=("F", "M")),
)


def network(weights: list[float]) -> torch.nn.Module:
    """A logit that is the sum of weights times columns."""
    layer = torch.nn.Linear(len(weights), 1, bias=False)
    layer.weight.data = torch.tensor([weights])
    return layer


def evidence_of(x, layer, target, targets, groups, make_predictions, make_evidence, features=FEATURES):
    holder = torch.nn.Module()
    holder.network = layer
    info = DataInfo(
        name="toy",
        modality="tabular",
        target=target,
        input_shape=(x.shape[1],),
        features=features,
        sensitive=tuple(Sensitive(name=name, levels=levels) for name, (levels, _) in groups.items()),
    )
    handle = ModelHandle(holder, info)
    inputs = torch.as_tensor(x, dtype=torch.float32)
    judged = make_predictions(target, handle.scores(inputs).numpy(), targets, groups=groups)
    return make_evidence(judged, info=info, model=handle, inputs=lambda split: inputs)


def test_flips_by_hand(make_predictions, make_evidence, find, binary_target) -> None:
    """logit = income + 2 [M] - 1 [F]: told M, those F with -2 < income <= 1 gain; told F, M with -2 < income <= 1 lose.

    F incomes -3 -1.5 0 2 (logits -4 -2.5 -1 1): -1.5 and 0 gain. M incomes -3 -1 0.5 2: -1 and 0.5 lose.
    """
    income = np.array([-3, -1.5, 0, 2, -3, -1, 0.5, 2])
    sex = np.repeat([0, 1], 4)
    x = np.column_stack([income, np.arange(8.0), np.eye(2)[sex]])
    whole = evidence_of(
        x,
        network([1.0, 0.0, -1.0, 2.0]),
        binary_target,
        np.zeros(8),
        {"sex": (("F", "M"), sex)},
        make_predictions,
        make_evidence,
    )
    found = find(CounterfactualFlipAudit().measure(whole))
    everyone = found.one("flip_rate", parameters={})
    assert (everyone.value, everyone.n, everyone.over) == (4 / 8, 8, ("sex",))
    assert everyone.interval_method == "wilson"
    to_m, to_f = {"first": "F", "second": "M"}, {"first": "M", "second": "F"}
    assert found.one("flip_rate", parameters=to_m).value == 2 / 4
    assert found.one("flip_to_favourable_rate", parameters=to_m).value == 2 / 4
    assert found.one("flip_from_favourable_rate", parameters=to_m).value == 0
    assert found.one("flip_to_favourable_rate", parameters=to_f).value == 0
    assert found.one("flip_from_favourable_rate", parameters=to_f).value == 2 / 4
    sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    expected = np.mean(sigmoid(income[:4] + 2) - sigmoid(income[:4] - 1))
    assert found.one("flip_mean_change", parameters=to_m).value == pytest.approx(expected, abs=1e-6)


def test_a_model_that_ignores_the_attribute_changes_nothing(
    make_predictions, make_evidence, find, binary_target
) -> None:
    rng = np.random.default_rng(0)
    sex = rng.integers(0, 2, 200)
    x = np.column_stack([rng.normal(size=(200, 2)), np.eye(2)[sex]])
    whole = evidence_of(
        x,
        network([1.0, 1.0, 0.0, 0.0]),
        binary_target,
        np.zeros(200),
        {"sex": (("F", "M"), sex)},
        make_predictions,
        make_evidence,
    )
    found = find(CounterfactualFlipAudit().measure(whole))
    assert [m.value for m in found.all("flip_rate")] == [0, 0, 0]
    assert found.one("flip_rate", parameters={}).high < 0.02  # not proven to be 0, and said so


def test_a_binned_number_is_told_by_the_median_of_the_other_bin(
    make_predictions, make_evidence, find, binary_target
) -> None:
    """logit = age - 50 in units of 1: everyone under 50 is refused, and would be selected at the others' median."""
    rng = np.random.default_rng(1)
    age = rng.integers(20, 80, 300)
    group = (age >= 50).astype(int)
    x = np.column_stack([rng.normal(size=300), age - 50 + 0.5, np.eye(2)[rng.integers(0, 2, 300)]])
    whole = evidence_of(
        x,
        network([0.0, 1.0, 0.0, 0.0]),
        binary_target,
        np.zeros(300),
        {"age_group": (("young", "old"), group)},
        make_predictions,
        make_evidence,
    )
    result = CounterfactualFlipAudit().measure(whole)
    assert find(result).one("flip_rate", parameters={}).value == 1
    assert any("setting age to its median" in note for note in result.notes)
    features = {m.parameters["features"] for m in find(result).all("proxy_roc_auc")}
    assert features == {"all together", "income", "sex"}  # age itself is no proxy


def test_what_the_model_does_not_see_has_proxies_and_no_flip(
    make_predictions, make_evidence, find, binary_target
) -> None:
    """Religion is not among the features; income follows it, age and sex do not."""
    rng = np.random.default_rng(2)
    religion = rng.integers(0, 2, 2000)
    x = np.column_stack(
        [religion + 0.5 * rng.normal(size=2000), rng.normal(size=2000), np.eye(2)[rng.integers(0, 2, 2000)]]
    )
    whole = evidence_of(
        x,
        network([1.0, 1.0, 0.0, 0.0]),
        binary_target,
        np.zeros(2000),
        {"religion": (("a", "b"), religion)},
        make_predictions,
        make_evidence,
    )
    result = CounterfactualFlipAudit().measure(whole)
    found = find(result)
    assert found.all("flip_rate") == []
    assert any(note.startswith("religion is not an input of the model") for note in result.notes)
    by = {m.parameters["features"]: m for m in found.all("proxy_roc_auc")}
    # two normals one apart with spread 1/2: the area is Phi(1 / (0.5 sqrt 2)) = .9214; tenths lose a little
    assert by["income"].value == pytest.approx(0.9214, abs=0.02)
    assert by["all together"].value == pytest.approx(0.9214, abs=0.03)
    for name in ("age", "sex"):
        assert by[name].low < 0.5 < by[name].high
        assert by[name].interval_method == "delong_score"
    (figure,) = result.figures
    assert figure.data["labels"][:2] == ["all together", "income"]


def test_the_area_is_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    levels = rng.integers(0, 3, 300)
    probabilities = rng.dirichlet(np.ones(3), 300) + 0.3 * np.eye(3)[levels]
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    found = proxies.proxy_auc(levels, probabilities)
    assert found.value == pytest.approx(roc_auc_score(levels, probabilities, multi_class="ovr", average="macro"))
    assert found.interval.low < found.value < found.interval.high
    assert found.interval.method == "delong_mean"
    assert proxies.proxy_auc(levels == 1, probabilities[:, :2]).value == pytest.approx(
        roc_auc_score(levels == 1, probabilities[:, 1])
    )


@pytest.mark.parametrize("many", [2, 3])
def test_intervals_of_what_is_told_cover_a_half_where_nothing_is(many) -> None:
    """400 features without a meaning: 95 % intervals cover .5, .917 being three standard errors below."""
    rng = np.random.default_rng(4)
    covered, values = 0, []
    for _ in range(400):
        levels, codes = rng.integers(0, many, 400), rng.integers(0, 5, 400).astype(np.int16)
        in_training = proxies.training_rows(levels, rng)
        found = proxies.proxy_auc(levels[~in_training], proxies.probabilities_from_codes(codes, levels, in_training))
        covered += found.interval.low <= 0.5 <= found.interval.high
        values.append(found.value)
    assert covered / 400 >= 0.917
    assert np.mean(values) == pytest.approx(0.5, abs=4 * np.std(values) / 20)


def test_a_row_does_not_tell_itself() -> None:
    """A feature with a code of its own for every row tells nothing of rows that were not seen."""
    rng = np.random.default_rng(5)
    levels = rng.integers(0, 2, 200)
    in_training = proxies.training_rows(levels, rng)
    probabilities = proxies.probabilities_from_codes(np.arange(200, dtype=np.int16), levels, in_training)
    shares = np.bincount(levels[in_training], minlength=2) / np.sum(in_training)
    np.testing.assert_allclose(probabilities, np.tile(shares, (np.sum(~in_training), 1)))


def test_half_of_every_level_is_learned_from() -> None:
    levels = np.repeat([0, 1, 2], [30, 7, 100])
    in_training = proxies.training_rows(levels, np.random.default_rng(0))
    assert np.bincount(levels[in_training]).tolist() == [15, 4, 50]


def test_too_small_levels_are_left_out_and_one_level_alone_is_not_told() -> None:
    codes = np.repeat([0, 1, 2, -1], [20, 5, 6, 9])
    assert np.bincount(codes[proxies.in_large_levels(codes)]).tolist() == [20, 0, 6]
    assert not proxies.in_large_levels(np.full(5, -1)).any()
    alone = proxies.proxy_auc(np.zeros(9, np.int64), np.ones((9, 1)))
    assert (alone.value, alone.undefined) == (None, "fewer than two levels with enough rows")


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([0, 0, 1, 1, -1, 1], "age"),  # ranges 1-2 and 3-9 do not overlap
        ([0, 1, 0, 1, 0, 1], "kind"),  # each category belongs to one level
        ([0, 0, 1, 0, 1, 1], None),
        ([0, 0, 0, 0, -1, 0], None),  # one level alone is no attribute to tell
    ],
)
def test_the_feature_that_an_attribute_is_made_from(codes, expected) -> None:
    from glasshouse import Groups

    features = (
        Feature(name="age", kind="numeric", columns=(0,)),
        Feature(name="kind", kind="categorical", columns=(1, 2, 3), categories=("a", "b", "c")),
    )
    x = np.column_stack([[1, 2, 3, 4, 2.5, 9], np.eye(3)[[0, 1, 0, 1, 0, 2]]]).astype(np.float32)
    groups = Groups(name="group", levels=("x", "y"), codes=np.array(codes, dtype=np.int32))
    found = feature_codes.feature_of_attribute(groups, features, x)
    assert (None if found is None else found.name) == expected


def test_a_regression_has_changes_and_no_decisions(make_predictions, make_evidence, find, regression_target) -> None:
    sex = np.repeat([0, 1], 20)
    x = np.column_stack([np.arange(40.0), np.arange(40.0)[::-1], np.eye(2)[sex]])
    whole = evidence_of(
        x,
        network([1.0, 0.0, 0.0, 3.0]),
        regression_target,
        np.zeros(40),
        {"sex": (("F", "M"), sex)},
        make_predictions,
        make_evidence,
    )
    found = find(CounterfactualFlipAudit().measure(whole))
    assert found.all("flip_rate") == []
    change = found.one("flip_mean_change", parameters={"first": "F", "second": "M"})
    assert change.value == pytest.approx(3.0, abs=1e-5)


def test_options_are_checked() -> None:
    with pytest.raises(UserError, match="audit 'counterfactual_flip': rows is 10; expected a whole number >= 50"):
        CounterfactualFlipAudit(rows=10)


def test_weights_and_clusters_enter_the_shares_of_flips() -> None:
    """Rows of one cluster are one observation: the share three times as wide as that of ninefold rows; weights of 2 and
    0 are rows twice and not at all."""
    hits = np.tile([True, False, False, True, False], 40)
    once, ninefold = proportion(hits), proportion(np.repeat(hits, 9))
    clustered = proportion(np.repeat(hits, 9), None, np.repeat(np.arange(200), 9))
    assert clustered.value == once.value == ninefold.value
    assert clustered.interval.method == "student_t_clustered"
    width = clustered.interval.high - clustered.interval.low
    assert width == pytest.approx(3 * (ninefold.interval.high - ninefold.interval.low), rel=0.03)
    weights = np.where(np.arange(200) % 2, 2.0, 0.0)
    assert proportion(hits, weights).value == proportion(hits[1::2]).value
