"""Subgroups: planted ones are found and confirmed, none is where there is none; search and tests against oracles."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from glasshouse import DataInfo, Feature, UserError
from glasshouse_audits.fairness import feature_codes
from glasshouse_audits.fairness.subgroups.audit import SubgroupsAudit
from glasshouse_audits.fairness.subgroups.confirmation import confirm
from glasshouse_audits.fairness.subgroups.search import Condition, Subgroup, conditions, distinct, search
from scipy import stats

SIZES = ((3, 0), (4, 4), (2, 0))


def rows(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, size, n) for size, _ in SIZES]).astype(np.int16)


def standard_errors(inside: np.ndarray, loss: np.ndarray) -> float:
    """The mean test as it is defined."""
    n, m = inside.sum(), (~inside).sum()
    return (loss[inside].mean() - loss[~inside].mean()) / (loss.std() * np.sqrt(1 / n + 1 / m))


def test_conditions_are_every_range_but_the_whole_and_every_level() -> None:
    found = conditions([(2, 0), (4, 3)])
    assert found == [
        Condition(0, 0, 0),
        Condition(0, 1, 1),
        *(Condition(1, low, high) for low, high in ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2))),
        Condition(1, 3, 3),
    ]


@pytest.mark.parametrize("binary", [True, False])
def test_a_beam_that_keeps_all_finds_what_enumeration_finds(binary) -> None:
    codes = rows(500, 1)
    rng = np.random.default_rng(2)
    loss = rng.random(500) if not binary else (rng.random(500) < 0.2 + 0.1 * codes[0]).astype(float)
    known = conditions(SIZES)
    best = {}
    for depth in (1, 2, 3):
        for chosen in combinations(known, depth):
            one = Subgroup(chosen, 0, 0.0)
            inside = one.members(codes)
            if len({each.column for each in chosen}) == depth and 20 <= inside.sum() <= 480:
                best[chosen] = (standard_errors(inside, loss), int(inside.sum()))
    found = search(codes, loss, known, depth=3, width=10_000, minimum=20)
    top = max(best, key=lambda chosen: best[chosen][0])
    assert found[0].conditions == top
    for one in found:
        quality, size = best[one.conditions]
        assert one.size == size
        assert one.quality == pytest.approx(quality, abs=1e-4)  # sums of centred losses are in float32
    for single in (Subgroup((each,), 0, 0.0) for each in known):
        inside = single.members(codes)
        if standard_errors(inside, loss) > 0 and 20 <= inside.sum() <= 480:
            assert single.conditions in {one.conditions for one in found}


def test_blocks_of_rows_add_up(monkeypatch) -> None:
    from glasshouse_audits.fairness.subgroups import search as subgroups

    codes, loss = rows(1000, 3), np.random.default_rng(4).random(1000)
    whole = search(codes, loss, conditions(SIZES), depth=2, width=20, minimum=10)
    monkeypatch.setattr(subgroups, "_BLOCK", 77)
    parts = search(codes, loss, conditions(SIZES), depth=2, width=20, minimum=10)
    assert [one.conditions for one in parts] == [one.conditions for one in whole]
    assert [one.quality for one in parts] == pytest.approx([one.quality for one in whole], abs=1e-4)


def test_the_order_of_rows_changes_nothing() -> None:
    codes, loss = rows(400, 5), (np.random.default_rng(6).random(400) < 0.3).astype(float)
    order = np.random.default_rng(7).permutation(400)
    first = search(codes, loss, conditions(SIZES), depth=2, width=30, minimum=10)
    second = search(codes[:, order], loss[order], conditions(SIZES), depth=2, width=30, minimum=10)
    assert {one.conditions for one in first} == {one.conditions for one in second}


def test_columns_of_one_origin_never_meet() -> None:
    codes, loss = rows(400, 5), np.random.default_rng(6).random(400)
    found = search(codes, loss, conditions(SIZES), depth=3, width=500, minimum=5, origins=[0, 1, 0])
    assert any(len(one.conditions) == 2 for one in found)
    assert not any({0, 2} <= {each.column for each in one.conditions} for one in found)


def test_nothing_is_found_where_there_is_nothing() -> None:
    codes = rows(100, 0)
    assert search(codes, np.ones(100), conditions(SIZES), depth=2, width=5, minimum=5) == []
    assert search(codes, np.arange(100.0), conditions(SIZES), depth=2, width=5, minimum=60) == []
    assert search(codes[:, :0], np.empty(0), conditions(SIZES), depth=2, width=5, minimum=5) == []
    assert confirm([], codes, np.ones(100)) == []


def test_overlapping_ones_and_those_around_a_better_one_are_left_out() -> None:
    codes = np.array([np.repeat([0, 1, 2, 3], 25)], dtype=np.int16)
    core = Subgroup((Condition(0, 0, 0),), 25, 9.0)
    around = Subgroup((Condition(0, 0, 2),), 75, 8.0)
    apart = Subgroup((Condition(0, 3, 3),), 25, 7.0)
    assert distinct([core, around, apart], codes, most=5) == [core, apart]
    assert distinct([core, around, apart], codes, most=1) == [core]
    assert distinct([around, core], codes, most=5) == [around, core]  # a core within may be worse still


def test_error_rates_are_tested_as_scipy_does() -> None:
    codes, loss = rows(300, 8), (np.random.default_rng(9).random(300) < 0.3).astype(float)
    chosen = [Subgroup((each,), 0, 0.0) for each in conditions(SIZES)[:4]]
    raw = []
    for one, found in zip(chosen, confirm(chosen, codes, loss), strict=True):
        inside = one.members(codes)
        table = [[loss[inside].sum(), (1 - loss[inside]).sum()], [loss[~inside].sum(), (1 - loss[~inside]).sum()]]
        raw.append(stats.fisher_exact(table, alternative="greater").pvalue)
        exact = stats.binomtest(int(loss[inside].sum()), int(inside.sum())).proportion_ci(method="exact")
        assert (found.loss.interval.low, found.loss.interval.high) == pytest.approx((exact.low, exact.high))
        assert found.difference.value == pytest.approx(loss[inside].mean() - loss[~inside].mean())
        assert found.difference.interval.method == "newcombe"
    adjusted = [found.p_value for found in confirm(chosen, codes, loss)]
    steps = np.minimum(1, np.maximum.accumulate(np.sort(raw) * np.arange(len(raw), 0, -1)))
    assert np.sort(adjusted) == pytest.approx(steps)


def test_errors_of_numbers_are_tested_as_scipy_does() -> None:
    codes, loss = rows(300, 8), np.random.default_rng(9).exponential(size=300)
    one = Subgroup((Condition(0, 0, 0),), 0, 0.0)
    (found,) = confirm([one], codes, loss)
    inside = one.members(codes)
    welch = stats.ttest_ind(loss[inside], loss[~inside], equal_var=False, alternative="greater")
    assert found.p_value == pytest.approx(welch.pvalue)
    both = stats.ttest_ind(loss[inside], loss[~inside], equal_var=False).confidence_interval()
    assert (found.difference.interval.low, found.difference.interval.high) == pytest.approx((both.low, both.high))
    assert found.difference.interval.method == "welch"


def test_a_subgroup_without_rows_elsewhere_is_not_tested_and_counts_as_no_test() -> None:
    codes = np.zeros((1, 50), dtype=np.int16)
    loss = np.repeat([0.0, 1.0], 25)
    empty, everyone = (Subgroup((Condition(0, k, k),), 0, 0.0) for k in (1, 0))
    first, second = confirm([empty, everyone], codes, loss)
    assert (first.p_value, first.loss.undefined, first.loss.n) == (None, "no rows", 0)
    assert (second.p_value, second.difference.value) == (None, None)


def test_chance_is_confirmed_no_more_often_than_promised() -> None:
    """300 data sets in which errors do not depend on anything: .088 is three standard errors above 5 %."""
    rng = np.random.default_rng(11)
    confirmed, looked_bad = 0, []
    known = conditions(SIZES)
    for _ in range(300):
        codes = np.stack([rng.integers(0, size, 600) for size, _ in SIZES]).astype(np.int16)
        loss = (rng.random(600) < 0.25).astype(float)
        found = search(codes[:, :300], loss[:300], known, depth=3, width=20, minimum=15)
        candidates = distinct(found, codes[:, :300], most=10)
        looked_bad.append(candidates[0].quality)
        tested = confirm(candidates, codes[:, 300:], loss[300:])
        confirmed += any(one.p_value is not None and one.p_value <= 0.05 for one in tested)
    assert confirmed / 300 <= 0.088
    assert np.mean(looked_bad) > 1.96  # the search itself is fooled, or this would prove nothing


# ---------------------------------------------------------------- the audit


def company(n: int, seed: int, *, planted: float, make_predictions, target) -> tuple[np.ndarray, object]:
    """Encoded rows and predictions whose errors are 10 %, and `planted` for women over 60 in part-time work."""
    rng = np.random.default_rng(seed)
    sex, job = rng.integers(0, 2, n), rng.integers(0, 4, n)
    age, hours = rng.integers(18, 80, n), rng.integers(10, 50, n)
    worse = (sex == 0) & (age > 60) & (hours < 30)
    truth = rng.integers(0, 2, n)
    wrong = rng.random(n) < np.where(worse, planted, 0.1)
    x = np.column_stack([(age - 49) / 18, (hours - 30) / 11, np.eye(4)[job]]).astype(np.float32)
    groups = {"sex": (("F", "M"), sex)}
    return x, make_predictions(target, np.where(wrong, 1 - truth, truth), truth, groups=groups)


def company_evidence(x, judged, make_evidence, target, **more):
    features = (
        Feature(name="age", kind="numeric", columns=(0,), center=49.0, scale=18.0),
        Feature(name="hours", kind="numeric", columns=(1,), center=30.0, scale=11.0),
        Feature(name="job", kind="categorical", columns=(2, 3, 4, 5), categories=("a", "b", "c", "d")),
    )
    info = DataInfo(name="toy", modality="tabular", target=target, input_shape=(6,), features=features)
    return make_evidence(judged, info=info, inputs=lambda split: x, **more)


def test_women_over_sixty_in_part_time_work_are_found(make_predictions, make_evidence, find, binary_target) -> None:
    x, judged = company(6000, 1, planted=0.5, make_predictions=make_predictions, target=binary_target)
    result = SubgroupsAudit().measure(company_evidence(x, judged, make_evidence, binary_target))
    found = find(result)
    first = found.all("error_rate")[0]
    assert set(first.group) == {"sex", "age", "hours"}
    assert first.group["sex"] == "F"
    low = float(first.group["age"].removeprefix("above ").split(" to ")[0])
    assert 55 <= low <= 67  # an edge of fifths of 18 to 79 next to 60: 55, 67
    assert first.group["hours"].startswith("up to ")
    assert first.interval_method == "clopper_pearson"
    assert first.low <= first.value <= first.high
    assert found.one("holm_adjusted_p_value", group=first.group).value < 1e-6
    assert found.one("error_rate_difference_to_rest", group=first.group).low > 0.1
    assert found.one("confirmed_subgroups").value >= 1
    assert any("a random half of the test split (3,000 rows)" in note for note in result.notes)
    (table,), (figure,) = result.tables, result.figures
    assert table.rows[0][-1] is True
    assert figure.data["labels"][0] == table.rows[0][0]


def test_without_a_planted_one_none_is_confirmed(make_predictions, make_evidence, find, binary_target) -> None:
    x, judged = company(6000, 2, planted=0.1, make_predictions=make_predictions, target=binary_target)
    found = find(SubgroupsAudit().measure(company_evidence(x, judged, make_evidence, binary_target)))
    assert found.one("confirmed_subgroups").value == 0
    assert found.one("confirmed_subgroups").n > 0


def test_the_validation_split_is_searched_where_it_is_large_enough(
    make_predictions, make_evidence, find, binary_target
) -> None:
    from dataclasses import replace

    x, judged = company(2000, 3, planted=0.6, make_predictions=make_predictions, target=binary_target)
    z, other = company(2000, 4, planted=0.6, make_predictions=make_predictions, target=binary_target)
    whole = company_evidence(x, judged, make_evidence, binary_target)
    inputs = {"test": x, "validate": z}
    whole = replace(whole, predictions={"validate": replace(other, split="validate"), "test": judged})
    result = SubgroupsAudit().measure(replace(whole, inputs=inputs.__getitem__))
    assert "the validate split (2,000 rows)" in result.notes[0]
    assert "tested on the test split (2,000 rows)" in result.notes[0]
    first = find(result).all("error_rate")[0]
    inside = (z[:, 0] * 18 + 49 > 60) & (judged.groups["sex"].codes == 0)
    assert first.n < inside.sum()
    assert find(result).one("confirmed_subgroups").value >= 1


def test_attributes_alone_will_do_and_nothing_at_all_is_skipped(
    make_predictions, make_evidence, find, binary_target
) -> None:
    from dataclasses import replace

    _, judged = company(3000, 1, planted=0.9, make_predictions=make_predictions, target=binary_target)
    only = find(SubgroupsAudit(minimum_rows=20).measure(make_evidence(judged)))
    assert {tuple(m.group) for m in only.all("error_rate")} == {("sex",)}
    result = SubgroupsAudit().measure(make_evidence(replace(judged, groups={})))
    assert (result.status, result.reason.startswith("needs sensitive attributes, or")) == ("skipped", True)


def test_too_few_rows_say_so(make_predictions, make_evidence, find, binary_target) -> None:
    x, judged = company(40, 1, planted=0.5, make_predictions=make_predictions, target=binary_target)
    found = find(SubgroupsAudit().measure(company_evidence(x, judged, make_evidence, binary_target)))
    (measured,) = found.measurements
    assert measured.undefined.startswith("the search found no large enough subgroup")


def test_regression_looks_at_absolute_errors(make_predictions, make_evidence, find, regression_target) -> None:
    rng = np.random.default_rng(5)
    sex = rng.integers(0, 2, 1000)
    truth = rng.normal(size=1000)
    judged = make_predictions(
        regression_target, truth + rng.normal(size=1000) * (1 + sex), truth, groups={"sex": (("F", "M"), sex)}
    )
    found = find(SubgroupsAudit().measure(make_evidence(judged)))
    (worse,) = found.all("mean_absolute_error")
    assert worse.group == {"sex": "M"}
    assert worse.interval_method == "student_t"
    assert found.one("mean_absolute_error_difference_to_rest").interval_method == "welch"
    assert found.one("confirmed_subgroups").value == 1


@pytest.mark.parametrize("option", ["depth", "width", "minimum_rows", "bins"])
def test_options_are_checked(option) -> None:
    with pytest.raises(UserError, match=f"audit 'subgroups': {option} is 0; expected a whole number"):
        SubgroupsAudit(**{option: 0})


# ---------------------------------------------------------------- codes


def test_numbers_come_back_in_their_own_unit() -> None:
    ages = np.array([20, 30, 30, 40, 50, 60, 70, 80, 30, 40])
    feature = Feature(name="age", kind="numeric", columns=(0,), center=float(ages.mean()), scale=float(ages.std()))
    x = ((ages - ages.mean()) / ages.std()).astype(np.float32)[:, None]
    fitted = feature_codes.fit(feature, x, bins=4)
    assert fitted.edges == (30.0, 40.0, 60.0)
    assert feature_codes.encode(fitted, feature, x).tolist() == [0, 0, 0, 1, 2, 2, 3, 3, 0, 1]
    labels = [fitted.label(low, high) for low, high in ((0, 0), (0, 1), (1, 2), (2, 3), (3, 3))]
    assert labels == ["up to 30", "up to 40", "above 30 to 60", "above 40", "above 60"]


def test_missing_numbers_and_unknown_categories_have_codes_of_their_own() -> None:
    number = Feature(name="a", kind="numeric", columns=(0, 1))
    block = Feature(name="b", kind="categorical", columns=(2, 3), categories=("x", "y"))
    x = np.array([[0, 0, 1, 0], [1, 0, 0, 1], [0, 1, 0, 0]], dtype=np.float32)
    fitted = feature_codes.fit(number, x, bins=2)
    codes = feature_codes.encode(fitted, number, x)
    assert [fitted.label(code, code) for code in codes] == ["up to 0", "above 0", "missing"]
    assert feature_codes.encode(feature_codes.fit(block, x, bins=2), block, x).tolist() == [0, 1, -1]


@pytest.mark.real_data
def test_adult_in_its_own_words(real_data, make_evidence, make_predictions, find, monkeypatch) -> None:
    """Always answering <=50K fails where people earn more: among the married, the educated, those of middle age."""
    monkeypatch.setenv("GLASSHOUSE_DATA", str(real_data))
    from glasshouse_plugins.data.adult import Adult

    data = Adult(batch_size=20_000)
    data.setup()
    (batch,) = data.loader("test")
    groups = {s.name: (s.levels, batch.sensitive[:, k].numpy()) for k, s in enumerate(data.info.sensitive)}
    judged = make_predictions(data.info.target, np.full(len(batch.y), 0.1), batch.y.numpy(), groups=groups)
    found = find(SubgroupsAudit().measure(make_evidence(judged, info=data.info, inputs=data.inputs)))
    first = found.all("error_rate")[0]
    assert first.group["marital-status"] == "Married-civ-spouse"
    assert first.value > 0.5  # 24 % of all earn more, of the educated and married more than half
    assert found.one("confirmed_subgroups").value == found.one("confirmed_subgroups").n
