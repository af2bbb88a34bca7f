from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module

import pytest
from glasshouse import ModelPlugin
from glasshouse.data.data_info import SIZE_NAMES
from glasshouse.plugins import Component
from glasshouse.plugins.declarations import Plugin
from glasshouse.plugins.option_signatures import read_signature
from glasshouse_plugins import declarations

HOOKS = (
    "glasshouse_models",
    "glasshouse_data",
    "glasshouse_optimizers",
    "glasshouse_lr_schedulers",
    "glasshouse_techniques",
)
DECLARED = [plugin for hook in HOOKS for plugin in getattr(declarations, hook)()]
PRIMITIVE = (int, float, str, bool, tuple, type(None))


def test_names_are_unique() -> None:
    names = [(plugin.kind, name) for plugin in DECLARED for name in (plugin.name, *plugin.aliases)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("plugin", DECLARED, ids=lambda plugin: f"{plugin.kind} {plugin.name}")
def test_shown_options_are_those_of_the_constructor_with_plain_defaults(plugin: Plugin) -> None:
    """`plugins show` and `--help` read options from the source; that each has a description is a contract test."""
    component = Component(plugin=plugin, distribution="glasshouse-plugins", version="0", entry_point="ours")
    module, _, attribute = plugin.target.partition(":")
    parameters = list(inspect.signature(getattr(import_module(module), attribute)).parameters.values())
    if plugin.kind in ("optimizer", "lr_scheduler"):
        parameters = parameters[1:]  # model parameters, or the optimizer, which the framework passes
    shown = read_signature(component).options
    assert [option.name for option in shown] == [parameter.name for parameter in parameters]
    assert [option.name for option in shown if len(option.doc.split()) < 2] == []
    for parameter in parameters:
        assert parameter.default is inspect.Parameter.empty or isinstance(parameter.default, PRIMITIVE)


@pytest.mark.parametrize("plugin", list(declarations.glasshouse_models()), ids=lambda plugin: plugin.name)
def test_sizes_can_be_left_out(plugin: ModelPlugin) -> None:
    """A size with another default than None would count as given, and would not be filled from the data."""
    module, _, attribute = plugin.target.partition(":")
    for option in inspect.signature(getattr(import_module(module), attribute)).parameters.values():
        if option.name in SIZE_NAMES:
            assert option.default in (inspect.Parameter.empty, None)


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from glasshouse_plugins import declarations as d; "
        f"[list(getattr(d, hook)()) for hook in {HOOKS!r}]; "
        "print(sorted({'torch', 'sklearn', 'pyarrow', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
