"""Lifecycle hooks through the registry: who raised is always said, and what is lazy fails inside the call."""

from __future__ import annotations

import pytest
from glasshouse.errors import UserError
from glasshouse.plugins import Registry


def install(site, name: str, code: str) -> None:
    imports = "from glasshouse import UserError, hookimpl\n"
    site.install(f"{name}-lab", {f"{name}_lab.py": imports + code})


def calling(*names: str) -> Registry:
    return Registry(only=[f"{name}-lab" for name in names])


def test_answers_come_from_all_plugins_and_generators_are_collected(site):
    install(site, "first", "@hookimpl\ndef glasshouse_callbacks(run):\n    yield run + '1'\n    yield run + '2'\n")
    install(site, "second", "@hookimpl\ndef glasshouse_callbacks():\n    return ['3']\n")
    answers = calling("first", "second").call("glasshouse_callbacks", run="r")
    assert sorted(answers) == [["3"], ["r1", "r2"]]


def test_a_hook_that_nobody_implements_gives_nothing(site):
    assert Registry(only=[]).call("glasshouse_callbacks", run=None) == []
    assert Registry(only=[]).call("glasshouse_adapt_model", run=None) is None


def test_the_first_result_counts_and_wrappers_wrap(site):
    install(site, "first", "@hookimpl\ndef glasshouse_run_audit(run, audit):\n    return audit\n")
    install(
        site,
        "second",
        "@hookimpl(wrapper=True)\ndef glasshouse_run_audit(audit):\n    result = yield\n    return result * 2\n",
    )
    assert calling("first", "second").call("glasshouse_run_audit", run=None, audit="a") == "aa"


def test_a_user_error_reaches_the_user_as_it_was_raised(site):
    install(
        site, "strict", "@hookimpl\ndef glasshouse_check_run(run):\n    raise UserError('data', 'has no licence.')\n"
    )
    with pytest.raises(UserError, match=r"^data: has no licence\.$"):
        calling("strict").call("glasshouse_check_run", run=None)


@pytest.mark.parametrize(
    "body",
    ["return [1 / 0]", "yield 1\n    yield 1 / 0", "return helper()"],
    ids=["at once", "half-way through a generator", "in a function of its own"],
)
def test_any_other_exception_names_the_plugin_and_how_to_go_on_without_it(site, body):
    install(site, "fine", "@hookimpl\ndef glasshouse_callbacks(run):\n    return []\n")
    install(site, "bad", f"def helper():\n    1 / 0\n@hookimpl\ndef glasshouse_callbacks(run):\n    {body}\n")
    with pytest.raises(UserError) as caught:
        calling("fine", "bad").call("glasshouse_callbacks", run=None)
    assert str(caught.value) == (
        "plugin 'bad-lab:plugin': glasshouse_callbacks raised ZeroDivisionError: division by zero. "
        "Exclude it with --no-plugin bad-lab, or see the traceback with --debug."
    )
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_behind_a_wrapper_the_plugin_that_raised_is_named_not_the_wrapper(site):
    install(site, "bad", "@hookimpl\ndef glasshouse_run_audit(run, audit):\n    raise RuntimeError(audit)\n")
    install(site, "outer", "@hookimpl(wrapper=True)\ndef glasshouse_run_audit():\n    return (yield)\n")
    with pytest.raises(UserError, match="plugin 'bad-lab:plugin': glasshouse_run_audit raised RuntimeError: fairness"):
        calling("bad", "outer").call("glasshouse_run_audit", run=None, audit="fairness")


def test_the_relay_leaves_exceptions_alone_for_callers_that_handle_them(site):
    install(site, "bad", "@hookimpl\ndef glasshouse_run_audit(run, audit):\n    raise RuntimeError(audit)\n")
    with pytest.raises(RuntimeError, match="fairness"):
        calling("bad").hook.glasshouse_run_audit(run=None, audit="fairness")
