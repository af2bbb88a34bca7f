from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module

import pytest
from glasshouse import ModelPlugin
from glasshouse.data.data_info import SIZE_NAMES
from glasshouse_plugins import declarations

HOOKS = ("glasshouse_models", "glasshouse_data", "glasshouse_optimizers", "glasshouse_lr_schedulers")
DECLARED = [plugin for hook in HOOKS for plugin in getattr(declarations, hook)()]
PRIMITIVE = (int, float, str, bool, tuple, type(None))


def test_names_are_unique() -> None:
    names = [(plugin.kind, name) for plugin in DECLARED for name in (plugin.name, *plugin.aliases)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("plugin", DECLARED, ids=lambda plugin: f"{plugin.kind} {plugin.name}")
def test_targets_exist_and_document_their_options(plugin: object) -> None:
    module, _, attribute = plugin.target.partition(":")  # type: ignore[attr-defined]
    component = getattr(import_module(module), attribute)
    options = list(inspect.signature(component).parameters.values())
    if plugin.kind in ("optimizer", "lr_scheduler"):  # type: ignore[attr-defined]
        options = options[1:]  # parameters, or the optimizer, which the framework gives
    for option in options:
        documented = f"\n    {option.name}: " in (inspect.getdoc(component) or "")
        assert documented, f"{component.__name__} does not document {option.name}, so the command line cannot"
        assert option.default is inspect.Parameter.empty or isinstance(option.default, PRIMITIVE)


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
