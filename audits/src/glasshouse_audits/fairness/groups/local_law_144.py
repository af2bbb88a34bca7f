"""The numbers of a bias audit under New York City's Local Law 144; `regulation` builds its tables.

Source: 6 RCNY 5-300 (definitions) and 5-301 (bias audit). Selection rate: the share of a category that is selected;
scoring rate: the share with a score above the median of the full sample; impact ratio: a category's rate divided by the
highest rate, separately for sex, for race/ethnicity and for their intersection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from glasshouse import Measurement
from glasshouse.statistics import MISSING, Estimate, GroupCounts, group_rates, impact_ratio_intervals, only_groups

from glasshouse_audits.fairness.groups.study import PartialResult, Study

SEX_NAMES = ("sex", "gender")
RACE_NAMES = ("race", "ethnicity", "race_ethnicity", "race/ethnicity", "ethnic_group", "ethnic_origin")
UNKNOWN = (MISSING, f'"{MISSING}"', "unknown", "not specified", "prefer not to say", "decline to answer", "?", "")
SMALL_SHARE = 0.02
"""A category below this share of the data may be excluded from the impact ratios (6 RCNY 5-301(d))."""

Rate = Literal["selection_rate", "scoring_rate"]


@dataclass(frozen=True, kw_only=True)
class Category:
    """One category: number of people, rate, and ratio to the highest category's rate."""

    group: Mapping[str, str]
    rate: Estimate
    impact_ratio: Estimate
    rows: int


def measure(study: Study) -> PartialResult:
    """Rates and impact ratios, if there are attributes of sex and race/ethnicity, and a favourable class or a score."""
    found = PartialResult()
    attributes = find_attributes(study)
    if attributes is None:
        return found
    counts, selected, rate = decisions(study, attributes)
    if counts is None:
        return found
    known = known_categories(counts)
    unknown = int(counts.sizes.sum() - known.sizes.sum())
    justification = study.options.exclude_under_2_percent
    for over in ((attributes[0],), (attributes[1],), attributes):
        found_categories = categories(known.marginal(over), positive=selected, exclude_small=justification is not None)
        for category in found_categories:
            common = {"group": category.group, "split": study.split}
            found.measurements += [
                Measurement(name=f"ll144_{rate}", **common, **category.rate.fields()),  # type: ignore[arg-type]
                Measurement(name="ll144_impact_ratio", **common, **category.impact_ratio.fields()),  # type: ignore[arg-type]
            ]
    found.measurements.append(
        Measurement(
            name="ll144_unknown_category_count",
            value=float(unknown),
            n=int(counts.sizes.sum()),
            over=attributes,
            split=study.split,
        )
    )
    return found


def find_attributes(study: Study) -> tuple[str, str] | None:
    """The attributes of sex and of race/ethnicity: those in the options, or recognised by their names."""

    def attribute_named(option: str | None, known_names: tuple[str, ...]) -> str | None:
        if option is not None:
            return option
        return next((name for name in study.attributes if name.lower() in known_names), None)

    sex, race = attribute_named(study.options.sex, SEX_NAMES), attribute_named(study.options.race, RACE_NAMES)
    return None if sex is None or race is None else (sex, race)


def decisions(study: Study, attributes: tuple[str, str]) -> tuple[GroupCounts | None, int, Rate]:
    """Counts by both attributes, the class code that counts as selected, and the name of the resulting rate.

    Selected means the favourable class, or a score above the median of the full sample.
    """
    tables = study.tables
    if tables.kind == "binary" and tables.counts is not None and tables.positive is not None:
        return tables.counts.marginal(attributes), tables.positive, "selection_rate"
    if study.above_median is not None:
        return study.above_median.marginal(attributes), 1, "scoring_rate"
    return None, 1, "selection_rate"


def known_categories(counts: GroupCounts) -> GroupCounts:
    """The table without groups of an unknown category."""
    kept = np.array([not any(level.lower() in UNKNOWN for level in group.values()) for group in counts.groups], bool)
    return only_groups(counts, kept)


def categories(counts: GroupCounts, *, positive: int = 1, exclude_small: bool = False) -> list[Category]:
    """Every category with people, with its rate and impact ratio; undefined for excluded small categories."""
    rates = group_rates(counts, "selection_rate", positive=positive)
    total = int(counts.sizes.sum())
    small = counts.sizes < SMALL_SHARE * total if exclude_small else np.zeros(len(counts), dtype=bool)
    kept = only_groups(counts, ~small)
    intervals = impact_ratio_intervals(kept, positive=positive)
    highest = max((r.value for r, out in zip(rates, small, strict=True) if r.value is not None and not out), default=0)
    place = np.cumsum(~small) - 1
    found_categories = []
    for k, (group, found) in enumerate(zip(counts.groups, rates, strict=True)):
        rows = int(counts.sizes[k])
        if small[k]:
            ratio = Estimate(None, rows, undefined="excluded: less than 2 % of the data")
        elif found.value is None:
            ratio = Estimate(None, rows, undefined=found.undefined)
        elif not highest:
            ratio = Estimate(None, rows, undefined="nobody is selected in any category")
        else:
            ratio = Estimate(found.value / highest, rows, intervals.item(int(place[k])))
        found_categories.append(Category(group=group, rate=found, impact_ratio=ratio, rows=rows))
    return found_categories
