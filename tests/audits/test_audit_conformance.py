"""Our own audits, explainers and report formats keep what the kit asks of everybody's."""

from __future__ import annotations

import logging
import warnings

import pytest
from glasshouse.plugins import Registry
from glasshouse.testing import parametrize_with_checks, subject

OURS = Registry(only=["glasshouse-audits"])

# Few samples: what is checked is what the results are like, not how exact they are.
OF_AUDITS = {
    "performance": {"replicates": 100},
    "fairness": {"replicates": 100, "permutations": 99, "cross_check": False, "intersections": False},
    "feature_attribution": {"rows": 6, "background": 8, "budget": 2000, "local": 1, "methods": ["shapley"]},
    "feature_effects": {"rows": 60, "background": 8, "repeats": 2},
    "image_attribution": {"rows": 3, "examples": 2, "methods": ["integrated_gradients"], "checks": False},
    "text_attribution": {"rows": 4, "examples": 2},
    "membership_inference": {"permutations": 99},
    "subgroups": {"permutations": 19, "minimum_rows": 10, "depth": 2},
}
OF_EXPLAINERS = {
    "lime": {"samples": 40},
    "shap_sampling": {"samples": 200, "repeats": 8},
    "gradient_shap": {"samples": 10},
    "shap_gradient": {"samples": 10},
}


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """captum says at length that a part of one row cannot be exchanged."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    yield
    logging.disable(logging.NOTSET)


def subjects(kind, options):
    return [subject(c.qualified_name, kind=kind, options=options.get(c.name)) for c in OURS.components(kind)]


def but(subjects, *names):
    return [each for each in subjects if each.name.rpartition("/")[2] not in names]


def only(subjects, *names):
    return [each for each in subjects if each.name.rpartition("/")[2] in names]


AUDITS = subjects("audit", OF_AUDITS)
EXPLAINERS = subjects("explainer", OF_EXPLAINERS)


@parametrize_with_checks(AUDITS, kind="audit")
def test_audits(component, check) -> None:
    check(component)


@parametrize_with_checks(but(EXPLAINERS, "feature_permutation", "lrp"), kind="explainer")
def test_explainers(component, check) -> None:
    check(component)


@parametrize_with_checks(
    only(EXPLAINERS, "feature_permutation"),
    kind="explainer",
    expected_failures={"batch_size_does_not_matter": "rows are exchanged with those that are evaluated beside them"},
)
def test_feature_permutation(component, check) -> None:
    check(component)


@parametrize_with_checks(
    only(EXPLAINERS, "lrp"),
    kind="explainer",
    expected_failures={
        "satisfies_completeness": "LRP loses the relevance of biases; the audit measures this and excludes the method"
    },
)
def test_lrp(component, check) -> None:
    check(component)


@parametrize_with_checks(["glasshouse/html", "glasshouse/md", "glasshouse/json"], kind="report_format")
def test_report_formats(component, check) -> None:
    check(component)
