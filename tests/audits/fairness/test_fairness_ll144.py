"""The tables of Local Law 144 on the examples of 6 RCNY 5-301, whose counts and ratios are copied from the rule."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse import Groups, Target, UserError
from glasshouse.statistics import count
from glasshouse_audits.fairness.groups.audit import FairnessAudit
from glasshouse_audits.fairness.groups.local_law_144 import categories
from glasshouse_audits.fairness.groups.regulation import sections

QUICK = {"replicates": 100, "permutations": 99, "cross_check": False, "intersections": False}
SEXES = ("Male", "Female")
RACES = ("Hispanic", "White", "Black", "Pacific", "Asian", "Native", "Two or more")
# Applicants, selected and impact ratio of each intersectional category.
RULE = {
    ("Male", "Hispanic"): (205, 90, 0.841),
    ("Female", "Hispanic"): (190, 82, 0.827),
    ("Male", "White"): (412, 215, 1.000),
    ("Male", "Black"): (226, 95, 0.806),
    ("Male", "Pacific"): (87, 37, 0.815),
    ("Male", "Asian"): (321, 167, 0.997),
    ("Male", "Native"): (24, 11, 0.878),
    ("Male", "Two or more"): (115, 52, 0.866),
    ("Female", "White"): (385, 197, 0.981),
    ("Female", "Black"): (164, 75, 0.876),
    ("Female", "Pacific"): (32, 15, 0.898),
    ("Female", "Asian"): (295, 135, 0.877),
    ("Female", "Native"): (17, 7, 0.789),
    ("Female", "Two or more"): (98, 44, 0.860),
}
UNKNOWN = 250


@pytest.fixture
def applicants(make_predictions, binary_target):
    sex, race, selected = [], [], []
    for (one, other), (people, chosen, _) in RULE.items():
        sex += [SEXES.index(one)] * people
        race += [RACES.index(other)] * people
        selected += [1] * chosen + [0] * (people - chosen)
    # 250 people of unknown sex or race, all selected, so that counting them would show
    sex += [-1] * 150 + [0] * 100
    race += [0] * 150 + [-1] * 100
    selected += [1] * UNKNOWN
    scores = np.where(selected, 0.9, 0.1)
    groups = {"sex": (SEXES, sex), "race": (RACES, race)}
    return make_predictions(binary_target, scores, np.zeros(len(sex)), groups=groups)


def test_the_rules_own_example(applicants, make_evidence, find) -> None:
    result = FairnessAudit(**QUICK).measure(make_evidence(applicants))
    found = find(result)
    for level, people, rate, ratio in (("Male", 1390, 0.48, 1.0), ("Female", 1181, 0.47, 0.979)):
        measured = found.one("ll144_selection_rate", group={"sex": level})
        assert (measured.n, round(measured.value, 2)) == (people, rate)
        assert found.one("ll144_impact_ratio", group={"sex": level}).value == pytest.approx(ratio, abs=5e-4)
    for (sex, race), (people, chosen, ratio) in RULE.items():
        group = {"sex": sex, "race": race}
        measured = found.one("ll144_selection_rate", group=group)
        assert (measured.n, measured.value) == (people, chosen / people)
        assert found.one("ll144_impact_ratio", group=group).value == pytest.approx(ratio, abs=1e-3)
    # The rule's table by race, but for Hispanic, whose counts there do not add up with those above.
    for race, people, chosen, ratio in (
        ("White", 797, 412, 1.00),
        ("Black", 390, 170, 0.84),
        ("Pacific", 119, 52, 0.85),
        ("Asian", 616, 302, 0.95),
        ("Native", 41, 18, 0.85),
        ("Two or more", 213, 96, 0.87),
    ):
        measured = found.one("ll144_selection_rate", group={"race": race})
        assert (measured.n, measured.value) == (people, chosen / people)
        assert found.one("ll144_impact_ratio", group={"race": race}).value == pytest.approx(ratio, abs=5e-3)
    assert found.one("ll144_unknown_category_count").value == UNKNOWN
    (section,) = sections([result])
    assert section.title == "Local Law 144 and the four-fifths rule"
    assert "The tables exclude 250 people of unknown sex or race." in section.text
    assert [table.title for table in section.tables] == [
        "Four-fifths rule",
        "Local Law 144: selection rate by sex",
        "Local Law 144: selection rate by race",
        "Local Law 144: selection rate by sex and race",
    ]
    of_both = {row[:2]: row[2:] for row in section.tables[-1].rows}
    for group, (people, chosen, ratio) in RULE.items():
        assert of_both[group] == (people, chosen / people, pytest.approx(ratio, abs=1e-3))


def test_small_categories_are_left_out_only_with_a_justification(applicants, make_evidence, find) -> None:
    """41 of 2,571 are Native American: 1.6 %."""
    result = FairnessAudit(exclude_under_2_percent="too few to tell", **QUICK).measure(make_evidence(applicants))
    found = find(result)
    out = found.one("ll144_impact_ratio", group={"race": "Native"})
    assert (out.value, out.undefined) == (None, "excluded: less than 2 % of the data")
    kept = found.one("ll144_selection_rate", group={"race": "Native"})
    assert (kept.value, kept.n) == (18 / 41, 41)
    assert found.one("ll144_impact_ratio", group={"race": "Asian"}).value == pytest.approx(0.95, abs=5e-3)
    (section,) = sections([result])
    assert section.text.endswith("Justification: too few to tell")
    (row,) = [row for row in section.tables[2].rows if row[0] == "Native"]
    assert row == ("Native", 41, 18 / 41, None)
    with pytest.raises(UserError, match="exclude_under_2_percent is ''; expected text"):
        FairnessAudit(exclude_under_2_percent="")


def test_an_excluded_category_is_not_the_most_favoured_one() -> None:
    """One of 100 people is selected at 100 % and excluded: the ratios are to the next."""
    table = count(
        [Groups(name="race", levels=("a", "b", "c"), codes=np.repeat([0, 1, 2], [1, 60, 39]).astype(np.int32))],
        None,
        np.concatenate([[1], np.arange(60) < 30, np.arange(39) < 13]).astype(int),
        classes=("no", "yes"),
    )
    assert [c.impact_ratio.value for c in categories(table, exclude_small=True)] == pytest.approx([None, 1, 2 / 3])
    assert [c.impact_ratio.value for c in categories(table)] == pytest.approx([1, 1 / 2, 1 / 3])


def test_scores_are_judged_by_the_median_of_the_full_sample(
    make_predictions, make_evidence, find, regression_target
) -> None:
    """The rule's example of scores: 92 men at 54.3 % and 76 women at 44.7 % above the median; impact ratio .82."""
    sex = np.repeat([0, 1], [92, 76])
    above = np.concatenate([np.arange(92) < 50, np.arange(76) < 34])
    scores = np.where(above, 60.0, 40.0) + np.arange(168) / 1000
    groups = {"gender": (SEXES, sex), "Ethnicity": (("a", "b"), np.arange(168) % 2)}
    judged = make_predictions(regression_target, scores, scores, groups=groups)
    result = FairnessAudit(**QUICK).measure(make_evidence(judged))
    found = find(result)
    (section,) = sections([result])
    assert section.title == "Local Law 144"
    assert section.tables[0].title == "Local Law 144: scoring rate by gender"
    for level, rate, ratio in (("Male", 0.543, 1.0), ("Female", 0.447, 0.82)):
        assert found.one("ll144_scoring_rate", group={"gender": level}).value == pytest.approx(rate, abs=5e-4)
        assert found.one("ll144_impact_ratio", group={"gender": level}).value == pytest.approx(ratio, abs=5e-3)
        assert found.one("scoring_rate", group={"gender": level}).value == pytest.approx(rate, abs=5e-4)


def test_attributes_may_be_named_and_are_needed_both(applicants, make_evidence, find) -> None:
    from dataclasses import replace

    groups = applicants.groups
    one = replace(applicants, groups={"sex": groups["sex"]})
    without = FairnessAudit(**QUICK).measure(make_evidence(one))
    assert find(without).all("ll144_impact_ratio") == []
    assert [section.title for section in sections([without])] == ["The four-fifths rule"]
    assert list(sections([])) == []
    renamed = {"q1": replace(groups["sex"], name="q1"), "q2": replace(groups["race"], name="q2")}
    named = replace(applicants, groups=renamed)
    found = find(FairnessAudit(sex="q1", race="q2", **QUICK).measure(make_evidence(named)))
    assert found.one("ll144_selection_rate", group={"q1": "Male"}).n == 1390
    with pytest.raises(UserError, match="race names the attribute 'colour'; available: sex, race"):
        FairnessAudit(race="colour", **QUICK).measure(make_evidence(applicants))


def test_a_class_that_is_not_the_second_may_be_the_favourable_one(make_predictions, make_evidence, find) -> None:
    target = Target(name="stop", kind="binary", classes=("let go", "stopped"), favourable="let go")
    groups = {"sex": (SEXES, [0, 0, 1, 1]), "race": (("a", "b"), [0, 1, 0, 1])}
    judged = make_predictions(target, [0.1, 0.2, 0.1, 0.9], [0, 0, 0, 1], groups=groups)
    found = find(FairnessAudit(**QUICK).measure(make_evidence(judged)))
    assert found.one("ll144_selection_rate", group={"sex": "Male"}).value == 1
    assert found.one("ll144_impact_ratio", group={"sex": "Female"}).value == 0.5
    assert found.one("impact_ratio", group={"sex": "Female"}).value == 0.5
