"""The conformance kit: named checks of whether a plugin keeps the promises of its kind.

In pytest::

    from glasshouse.testing import parametrize_with_checks

    @parametrize_with_checks(["line"], kind="model")
    def test_line(component, check):
        check(component)

or anywhere: ``check_model("line")`` is a list of `CheckResult`. A component is a short name, ``distribution/name`` or a
declaration that need not be installed. Importing this package imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from glasshouse._lazy_names import lazy_names
from glasshouse.plugins.declarations import Plugin
from glasshouse.system.process_state import unchanged_process
from glasshouse.testing.kit.checks import Check, CheckResult, expect, run_checks
from glasshouse.testing.kit.kinds import checks_of
from glasshouse.testing.kit.kinds import subject_of as subject
from glasshouse.testing.kit.outcomes import CheckFailed, NotApplicable
from glasshouse.testing.kit.parametrizing import parametrize_with_checks
from glasshouse.testing.kit.subjects import Subject

if TYPE_CHECKING:
    from glasshouse.testing.pytest.command import Finished
    from glasshouse.testing.pytest.fixtures import TinyTable

__all__ = [
    "Check",
    "CheckFailed",
    "CheckResult",
    "Finished",
    "NotApplicable",
    "Subject",
    "TinyTable",
    "check_audit",
    "check_data",
    "check_explainer",
    "check_model",
    "check_optimizer",
    "check_report_format",
    "check_scheduler",
    "check_technique",
    "checks_of",
    "expect",
    "parametrize_with_checks",
    "subject",
]

__getattr__, _ = lazy_names(
    __name__, {"glasshouse.testing.pytest.command": ("Finished",), "glasshouse.testing.pytest.fixtures": ("TinyTable",)}
)

Given = str | Plugin | Subject
Options = Mapping[str, Any] | None


def check_model(component: Given, *, options: Options = None, data: Any = None) -> list[CheckResult]:
    """Run all checks of a model."""
    return _checked("model", component, options, data)


def check_data(component: Given, *, options: Options = None, data: Any = None) -> list[CheckResult]:
    """Run all checks of data; set the paths of files in `options`."""
    return _checked("data", component, options, data)


def check_optimizer(component: Given, *, options: Options = None, data: Any = None) -> list[CheckResult]:
    """Run all checks of an optimizer."""
    return _checked("optimizer", component, options, data)


def check_scheduler(component: Given, *, options: Options = None, data: Any = None) -> list[CheckResult]:
    """Run all checks of a learning-rate schedule."""
    return _checked("lr_scheduler", component, options, data)


def check_technique(component: Given, *, options: Options = None, data: Any = None) -> list[CheckResult]:
    """Run all checks of a technique."""
    return _checked("technique", component, options, data)


def check_audit(component: Given, *, options: Options = None, data: Any = None) -> list[CheckResult]:
    """Run all checks of an audit."""
    return _checked("audit", component, options, data)


def check_explainer(component: Given, *, options: Options = None, data: Any = None) -> list[CheckResult]:
    """Run all checks of an explainer."""
    return _checked("explainer", component, options, data)


def check_report_format(component: Given, *, options: Options = None, data: Any = None) -> list[CheckResult]:
    """Run all checks of a report format."""
    return _checked("report_format", component, options, data)


def _checked(kind: str, component: Given, options: Options, data: Any) -> list[CheckResult]:
    with unchanged_process():
        return run_checks(checks_of(kind), subject(component, kind=kind, options=options, data=data))
