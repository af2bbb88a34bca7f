"""The kit itself: what becomes of a check, in a list of results, in pytest, and beside installed plugins."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from glasshouse import ModelPlugin, UserError
from glasshouse.errors import PluginWarning
from glasshouse.plugins import Registry, set_registry
from glasshouse.testing import (
    Check,
    CheckFailed,
    NotApplicable,
    check_model,
    checks_of,
    common,
    expect,
    parametrize_with_checks,
    subject,
)
from glasshouse.testing.kit.checks import assert_check, run_check, run_checks
from glasshouse.testing.kit.fresh import FreshProcessError, in_fresh_process
from glasshouse.testing.kit.kinds import MODULES
from glasshouse.testing.kit.parametrizing import _RENAMED, TestableCheck

SOUND = ModelPlugin(name="sound", target="broken_models:Sound", summary="one linear layer")


def kept(subject: Any) -> None:
    """It is kept."""


def broken(subject: Any) -> None:
    """It is broken."""
    expect(False, "expected 1, received 2")


def crashing(subject: Any) -> None:
    """It crashes."""
    raise ZeroDivisionError("division by zero")


def leaving(subject: Any) -> None:
    """It ends the program."""
    raise SystemExit(3)


def unbound(subject: Any) -> None:
    """It does not bind."""
    raise NotApplicable("not this one")


KEPT, BROKEN, CRASHING, LEAVING, UNBOUND = map(Check.of, (kept, broken, crashing, leaving, unbound))


def test_a_check_is_named_after_its_function_and_promises_what_its_docstring_says() -> None:
    assert (KEPT.name, KEPT.promise) == ("kept", "It is kept.")


def test_one_result_a_check_and_none_stops_the_others() -> None:
    results = run_checks((BROKEN, CRASHING, LEAVING, UNBOUND, KEPT), subject(SOUND, kind="model"))
    assert [(r.check, r.status, r.reason) for r in results] == [
        ("broken", "failed", "expected 1, received 2"),
        ("crashing", "failed", "raised ZeroDivisionError: division by zero"),
        ("leaving", "failed", "raised SystemExit: 3"),
        ("unbound", "skipped", "not this one"),
        ("kept", "passed", ""),
    ]
    assert all(r.seconds >= 0 for r in results)


def test_the_cause_of_a_crash_is_kept() -> None:
    with pytest.raises(CheckFailed) as caught:
        assert_check(CRASHING, subject(SOUND, kind="model"))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_what_needs_something_that_is_not_installed_is_skipped_with_the_command() -> None:
    plugin = ModelPlugin(name="it", target="nowhere:Net", summary="-", requires_import=("no_such_module",))
    result = run_check(KEPT, subject(plugin, kind="model"))
    assert (result.status, result.reason) == (
        "skipped",
        "requires no_such_module, which is not installed: pip install no_such_module",
    )


def test_unknown_names_kinds_and_checks_are_refused_with_what_may_be_meant() -> None:
    with pytest.raises(UserError, match=r"model 'liner': is not known. Did you mean 'linear'\?"):
        check_model("liner")
    with pytest.raises(UserError, match=r"there are no checks .*kind 'modle'. Did you mean 'model'\?"):
        checks_of("modle")
    with pytest.raises(
        UserError, match=r"there is no check 'output_shap' of kind model. Did you mean 'output_shape'\?"
    ):
        parametrize_with_checks(["linear"], kind="model", expected_failures={"output_shap": "why"})
    with pytest.raises(UserError, match="model 'sound': cannot be checked as data"):
        subject(SOUND, kind="data")


def test_a_target_that_is_not_there_fails() -> None:
    plugin = ModelPlugin(name="it", target="broken_models:Nothing", summary="-")
    (check,) = [check for check in checks_of("model") if check.name == "builds_from_sizes"]
    result = run_check(check, subject(plugin, kind="model"))
    assert result.status == "failed"
    assert "broken_models:Nothing has no 'Nothing'" in result.reason


def test_all_kinds_have_distinct_checks_with_a_promise() -> None:
    for kind in ("model", "data", "optimizer", "lr_scheduler", "technique"):
        checks = checks_of(kind)
        assert len({check.name for check in checks}) == len(checks) > 4, kind
        assert [c.name for c in checks if not re.fullmatch(r"[A-Z`].*\.", c.promise)] == []
        assert [c.name for c in checks if not re.fullmatch(r"[a-z][a-z0-9_]*", c.name)] == []


# ------------------------------------------------------------------ in pytest


def test_every_check_becomes_a_test() -> None:
    mark = parametrize_with_checks([SOUND, "mlp"], kind="model").mark
    assert mark.args[0] == ("component", "check")
    ids = [parameter.id for parameter in mark.args[1]]
    names = [check.name for check in checks_of("model")]
    assert ids == [f"{name}-{check}" for name in ("sound", "mlp") for check in names]
    first, second = (parameter.values[0] for parameter in mark.args[1][:2])
    assert first is second  # what is costly is shared by the checks of a component


@pytest.mark.parametrize(
    ("check", "expected", "outcome", "message"),
    [
        (KEPT, None, None, ""),
        (BROKEN, None, CheckFailed, r"model 'sound': expected 1, received 2\n\(promised: It is broken.\)"),
        (UNBOUND, None, pytest.skip.Exception, "not this one"),
        (BROKEN, "known", pytest.xfail.Exception, r"known \(expected 1, received 2\)"),
        (KEPT, "known", CheckFailed, r"keeps 'kept', which expected_failures says it breaks \(known\): remove"),
    ],
)
def test_what_becomes_of_a_check_in_pytest(check: Check, expected: Any, outcome: Any, message: str) -> None:
    testable = TestableCheck(check, expected)
    if outcome is None:
        testable(subject(SOUND, kind="model"))
    else:
        with pytest.raises(outcome, match=message):
            testable(subject(SOUND, kind="model"))


@parametrize_with_checks([SOUND], kind="model")
def test_as_an_author_writes_it(component: Any, check: Any) -> None:
    if check.check.name in ("output_shape", "output_dtype", "listing_imports_nothing_heavy"):
        check(component)


# ------------------------------------------------------------------ other processes


def test_importing_the_kit_imports_no_torch() -> None:
    program = "import sys, glasshouse.testing; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"


def test_another_process_answers_or_says_why_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    import elsewhere  # beside this file, importable there too

    monkeypatch.chdir(tmp_path)
    import broken_models  # noqa: F401

    first, second = in_fresh_process(elsewhere.answer, how=""), in_fresh_process(elsewhere.answer, how="")
    assert first["process"] != second["process"]
    assert first["folder"] == str(tmp_path)
    assert not first["knows_what_this_one_imported"]
    with pytest.raises(FreshProcessError, match="KeyError: 'in there'"):
        in_fresh_process(elsewhere.answer, how="raise")
    with pytest.raises(FreshProcessError, match="ended without a result"):
        in_fresh_process(elsewhere.answer, how="exit")
    assert in_fresh_process(elsewhere.answer, how="")["process"] > 0


DECLARATIONS = """
    {imports}
    from glasshouse import ModelPlugin, hookimpl

    @hookimpl
    def glasshouse_models():
        yield ModelPlugin(name="theirs", target="broken_models:Sound", summary="one linear layer")
"""


@pytest.mark.parametrize("imports", ["", "import jax"])
def test_listing_imports_nothing_heavy(site: Any, imports: str) -> None:
    site.install("heavy-one", {"heavy_one.py": DECLARATIONS.format(imports=imports), "jax.py": ""})
    common._listed.cache_clear()
    set_registry(Registry(only=["heavy-one"]))
    try:
        check = next(c for c in checks_of("model") if c.name == "listing_imports_nothing_heavy")
        result = run_check(check, subject("theirs", kind="model"))
    finally:
        set_registry(None)
    if imports:
        assert result.status == "failed"
        assert "expected plugin 'heavy-one:plugin' to import none, received jax" in result.reason
    else:
        assert result.status == "passed", result


def test_former_names_of_checks_are_accepted_with_a_warning() -> None:
    with pytest.warns(PluginWarning, match="the check nan_is_not_hidden is now nan_propagates") as warned:
        mark = parametrize_with_checks(["linear"], kind="model", expected_failures={"nan_is_not_hidden": "known"})
    assert warned[0].filename == __file__
    expected = {check.check.name: check.why_it_fails for check in (case.values[1] for case in mark.args[1])}
    assert {name for name, why in expected.items() if why} == {"nan_propagates"}


def test_former_names_of_checks_lead_to_checks() -> None:
    names = {check.name for kind in MODULES for check in checks_of(kind)}
    assert set(_RENAMED.values()) <= names
    assert not names & _RENAMED.keys()
