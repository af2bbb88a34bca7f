"""Conformance checks of every component."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from glasshouse.testing import Finished, parametrize_with_checks


@parametrize_with_checks(["monotone_network"], kind="model")
def test_model(component: Any, check: Any) -> None:
    check(component)


@parametrize_with_checks(["invented_loans"], kind="data")
def test_data(component: Any, check: Any) -> None:
    check(component)


@parametrize_with_checks(["monotonicity"], kind="audit")
def test_audit(component: Any, check: Any) -> None:
    check(component)


@parametrize_with_checks(["main_effects"], kind="explainer")
def test_explainer(component: Any, check: Any) -> None:
    check(component)


def test_all_are_listed_and_the_doctor_is_content(run_glasshouse: Callable[..., Finished]) -> None:
    listed = run_glasshouse("plugins", "list").stdout
    for name in ("monotone_network", "invented_loans", "monotonicity", "main_effects"):
        assert name in listed
    assert "glasshouse-monotone" not in run_glasshouse("plugins", "doctor", exit_code=None).stdout
