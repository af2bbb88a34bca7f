"""Promises about hooks and declarations that plugins rely on."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import get_args, get_type_hints

import pytest
from glasshouse import PluginWarning
from glasshouse.plugins import hookspecs
from glasshouse.plugins.declarations import PLUGIN_TYPES

HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("glasshouse_")}
REGISTRATION = {plugin_type.hook: plugin_type for plugin_type in PLUGIN_TYPES}


def test_every_kind_has_its_hook_and_its_own_name():
    assert REGISTRATION.keys() <= HOOKS.keys()
    assert len({plugin_type.kind for plugin_type in PLUGIN_TYPES}) == len(REGISTRATION) == len(PLUGIN_TYPES)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_a_specification_and_says_when_it_fires(name):
    assert hasattr(HOOKS[name], "glasshouse_spec")
    assert inspect.getdoc(HOOKS[name])


@pytest.mark.parametrize("name", REGISTRATION)
def test_registration_hooks_take_nothing_and_yield_their_own_kind(name):
    assert not inspect.signature(HOOKS[name]).parameters
    assert not HOOKS[name].glasshouse_spec["firstresult"]
    assert get_args(get_type_hints(HOOKS[name])["return"]) == (REGISTRATION[name],)


@pytest.mark.parametrize("name", sorted(HOOKS.keys() - REGISTRATION.keys() - {"glasshouse_startup"}))
def test_lifecycle_hooks_take_the_run_first_so_that_it_alone_grows(name):
    assert next(iter(inspect.signature(HOOKS[name]).parameters)) == "run"


@pytest.mark.parametrize("plugin_type", PLUGIN_TYPES, ids=lambda plugin_type: plugin_type.__name__)
def test_declarations_are_frozen_and_take_keywords_only(plugin_type):
    declared = plugin_type(name="a", target="b.c:D", summary="e")
    with pytest.raises(AttributeError, match="cannot assign to field 'name'"):
        declared.name = "f"
    with pytest.raises(TypeError, match="positional argument"):
        plugin_type("a", "b.c:D", "e")


def test_a_hook_that_is_given_up_warns_in_a_way_that_is_shown():
    for name, hook in HOOKS.items():
        options = hook.glasshouse_spec
        warnings = [options["warn_on_impl"], *(options.get("warn_on_impl_args") or {}).values()]
        assert all(isinstance(warning, PluginWarning) for warning in warnings if warning is not None), name


GIVEN_UP = """
import pluggy
from glasshouse import PluginWarning
spec, impl = pluggy.HookspecMarker("host"), pluggy.HookimplMarker("host")

class Specifications:
    @spec(warn_on_impl={warning}("use the new hook"))
    def old(self): ...

class Plugin:
    @impl
    def old(self): ...

manager = pluggy.PluginManager("host")
manager.add_hookspecs(Specifications)
manager.register(Plugin())
"""


@pytest.mark.parametrize(("warning", "shown"), [("PluginWarning", True), ("DeprecationWarning", False)])
def test_why_the_warning_has_a_type_of_its_own(warning, shown):
    code = GIVEN_UP.format(warning=warning)
    # as a module: Python shows a DeprecationWarning where it arises in __main__, and a plugin never is that
    loading = f"import types; exec(compile({code!r}, 'plugin.py', 'exec'), types.ModuleType('plugin').__dict__)"
    done = subprocess.run([sys.executable, "-c", loading], capture_output=True, text=True, timeout=60, check=True)
    assert ("use the new hook" in done.stderr) is shown
