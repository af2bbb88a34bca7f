"""A plugin that breaks costs only itself: every way to break, each beside a healthy plugin in the same process."""

from __future__ import annotations

import pytest
from glasshouse.errors import UserError
from glasshouse.plugins import Registry

HEALTHY = """
    from glasshouse import ModelPlugin, hookimpl

    @hookimpl
    def glasshouse_models():
        yield ModelPlugin(name="line", target="healthy.net:Line", summary="one layer")
"""

BROKEN = {
    "import_error": (
        "import no_such_library",
        None,
        "cannot be imported: ModuleNotFoundError: No module named 'no_such_library'",
    ),
    "syntax_error": ("def (", None, "cannot be imported: SyntaxError: invalid syntax"),
    "exit_on_import": ("import sys; sys.exit('bye')", None, "cannot be imported: SystemExit: bye"),
    "hook_raises": (
        "@hookimpl\ndef glasshouse_models():\n    raise RuntimeError('no disk')",
        "glasshouse_models",
        "RuntimeError: no disk",
    ),
    "generator_raises_half_way": (
        "@hookimpl\ndef glasshouse_models():\n    yield ModelPlugin(name='first', target='a:B', summary='')\n    1 / 0",
        "glasshouse_models",
        "ZeroDivisionError: division by zero",
    ),
    "wrong_argument": (
        "@hookimpl\ndef glasshouse_models(config):\n    return []",
        None,
        "Argument(s) {'config'} are declared in the hookimpl but can not be found in the hookspec",
    ),
    "misspelt_hook": (
        "@hookimpl\ndef glasshouse_modles():\n    return []",
        "glasshouse_modles",
        "there is no such hook; did you mean 'glasshouse_models'?",
    ),
    "forgotten_marker": (
        "@hookimpl\ndef glasshouse_data():\n    return []\ndef glasshouse_models():\n    return []",
        "glasshouse_models",
        "the function is not marked with @hookimpl",
    ),
    "no_hook_at_all": ("models = []", None, "implements no glasshouse hook; is @hookimpl missing?"),
    "wrong_type": (
        "@hookimpl\ndef glasshouse_models():\n    yield 'line'",
        "glasshouse_models",
        "TypeError: expected ModelPlugin, got str",
    ),
    "declaration_of_another_kind": (
        "@hookimpl\ndef glasshouse_models():\n    yield OptimizerPlugin(name='sgd', target='a:B', summary='')",
        "glasshouse_models",
        "TypeError: expected ModelPlugin, got OptimizerPlugin",
    ),
    "nothing_returned": (
        "@hookimpl\ndef glasshouse_models():\n    ModelPlugin(name='a', target='a:B', summary='')",
        "glasshouse_models",
        "TypeError: 'NoneType' object is not iterable",
    ),
    "malformed_name": (
        "@hookimpl\ndef glasshouse_models():\n    yield ModelPlugin(name='My-Net', target='a:B', summary='')",
        "glasshouse_models",
        "ValueError: ModelPlugin name 'My-Net' does not match [a-z][a-z0-9_]*",
    ),
    "one_name_twice": (
        "@hookimpl\ndef glasshouse_models():\n    return 2 * [ModelPlugin(name='net', target='a:B', summary='')]",
        "glasshouse_models",
        "ValueError: 'net' is declared twice",
    ),
    "registration_as_wrapper": (
        "@hookimpl(wrapper=True)\ndef glasshouse_models():\n    return (yield)",
        "glasshouse_models",
        "TypeError: a registration hook cannot be a wrapper: it is called for each plugin separately",
    ),
}


def install_broken(site, case: str) -> None:
    code = f"from glasshouse import ModelPlugin, OptimizerPlugin, hookimpl\n{BROKEN[case][0]}\n"
    site.install("broken-lab", {f"broken_{case}.py": code}, version="0.9")


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_listed_with_its_reason_and_the_others_work(site, case):
    _, hook, reason = BROKEN[case]
    install_broken(site, case)
    site.install("healthy-lab", {"healthy/__init__.py": HEALTHY})
    plugins = Registry(only=["broken-lab", "healthy-lab"])
    assert [component.qualified_name for component in plugins.components("model")] == ["healthy-lab/line"]
    [broken] = plugins.broken
    assert (broken.entry_point, broken.distribution, broken.version) == ("broken-lab:plugin", "broken-lab", "0.9")
    assert broken.hook == hook
    assert reason in broken.reason


@pytest.mark.parametrize("case", BROKEN)
def test_strict_makes_a_broken_plugin_fatal_whatever_is_asked_first(site, case):
    install_broken(site, case)
    environment = {"GLASSHOUSE_LOAD_PLUGINS": "broken-lab", "GLASSHOUSE_STRICT_PLUGINS": "1"}
    plugins = Registry.from_environment(environment=environment)
    for _ in range(2):  # and again for whoever asks again
        with pytest.raises(UserError, match=r"plugin 'broken-lab:plugin': .* GLASSHOUSE_STRICT_PLUGINS=1"):
            plugins.components("data")


def test_other_hooks_of_a_plugin_with_a_misspelt_one_still_work(site):
    code = HEALTHY + "\n    @hookimpl\n    def glasshouse_optimisers():\n        return []\n"
    site.install("mixed-lab", {"mixed.py": code})
    plugins = Registry(only=["mixed-lab"])
    assert [component.name for component in plugins.components("model")] == ["line"]
    assert [(broken.hook, broken.reason) for broken in plugins.broken] == [
        ("glasshouse_optimisers", "there is no such hook; did you mean 'glasshouse_optimizers'?")
    ]


def test_a_hook_of_a_later_glasshouse_may_be_marked_optional(site):
    code = HEALTHY + "\n    @hookimpl(optionalhook=True)\n    def glasshouse_teleport():\n        return []\n"
    site.install("early-lab", {"early.py": code})
    plugins = Registry(only=["early-lab"])
    assert plugins.check_all() == ()


def test_two_entry_points_of_one_name_in_two_distributions_both_load(site):
    for lab in ("first", "second"):
        code = HEALTHY.replace('"line"', f'"line_{lab}"')
        site.install(f"{lab}-lab", {f"{lab}_lab.py": code}, entry_points={"plugin": f"{lab}_lab"})
    plugins = Registry(only=["first-lab", "second-lab"])
    assert [component.entry_point for component in plugins.components("model")] == [
        "first-lab:plugin",
        "second-lab:plugin",
    ]


def test_two_entry_points_to_one_module_are_reported_not_dropped(site):
    site.install("double-lab", {"double.py": HEALTHY}, entry_points={"a": "double", "b": "double"})
    plugins = Registry(only=["double-lab"])
    assert [component.name for component in plugins.components("model")] == ["line"]
    [broken] = plugins.broken
    assert broken.entry_point == "double-lab:b"
    assert (
        broken.reason == "its entry point is the same object as that of double-lab:a; is it installed under two names?"
    )


def test_a_plugin_may_be_an_object(site):
    code = """
        from glasshouse import ModelPlugin, hookimpl

        class Lab:
            def __init__(self, names):
                self.names = names

            @hookimpl
            def glasshouse_models(self):
                return [ModelPlugin(name=name, target="a:B", summary="") for name in self.names]

        class Labs:
            mine = Lab(["one", "two"])
    """
    site.install("object-lab", {"object_lab.py": code}, entry_points={"plugin": "object_lab:Labs.mine"})
    plugins = Registry(only=["object-lab"])
    assert [component.name for component in plugins.components("model")] == ["one", "two"]
    assert plugins.check_all() == ()


def test_what_a_plugin_imports_to_say_what_it_brings_is_noted(site):
    site.install("heavy-lab", {"heavy_lab.py": "import jax\n" + "from glasshouse import hookimpl\n"})
    site.install("fake-jax", {"jax.py": ""}, entry_points={})
    plugins = Registry(only=["heavy-lab"])
    plugins.check_all()
    assert [broken.reason for broken in plugins.broken] == ["implements no glasshouse hook; is @hookimpl missing?"]
    heavy = {plugin.entry_point: plugin for plugin in plugins.loaded}["heavy-lab:plugin"]
    assert heavy.heavy == ("jax",)
    assert heavy.seconds > 0
