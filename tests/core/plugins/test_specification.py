"""The version of the specification that a plugin states, and what it is told of hooks that are given up."""

from __future__ import annotations

import linecache
import re
import warnings

import pluggy
import pytest
from glasshouse import SPEC_VERSION, PluginWarning
from glasshouse.errors import UserError
from glasshouse.plugins import Registry, hookspecs

MAJOR, MINOR = map(int, SPEC_VERSION.split("."))
LINE = """
    from glasshouse import ModelPlugin, hookimpl

    glasshouse_spec = {stated!r}

    @hookimpl
    def glasshouse_models():
        yield ModelPlugin(name="line", target="a:B", summary="one layer")
"""


def registry(site, stated: object, further: str = "") -> Registry:
    site.install("our-lab", {"our_lab.py": LINE.format(stated=stated) + further}, version="2.5")
    return Registry(only=["our-lab"])


@pytest.mark.parametrize("stated", [None, SPEC_VERSION, f"{MAJOR}.0"])
def test_a_plugin_for_ours_or_an_earlier_minor_version_is_used_without_a_word(site, stated):
    plugins = registry(site, stated)
    assert [component.name for component in plugins.components("model")] == ["line"]
    assert plugins.check_all() == ()
    assert {plugin.distribution: plugin.spec for plugin in plugins.loaded}["our-lab"] == stated


@pytest.mark.parametrize("stated", [f"{MAJOR + 1}.0", f"{MAJOR - 1}.9"])
def test_a_plugin_for_another_major_version_is_left_out_with_both_versions(site, stated):
    plugins = registry(site, stated)
    assert plugins.components("model") == ()
    [broken] = plugins.broken
    assert (broken.entry_point, broken.hook) == ("our-lab:plugin", None)
    assert broken.reason == f"is written for specification {stated} of the hooks; this glasshouse has {SPEC_VERSION}"


@pytest.mark.parametrize("stated", [1.0, "1", "1.0.0", "v1.0", "", True])
def test_what_is_no_version_is_said_to_be_none(site, stated):
    plugins = registry(site, stated)
    assert [b.reason for b in plugins.broken] == [
        f'glasshouse_spec = {stated!r} is not a version: expected text such as "{SPEC_VERSION}"'
    ]


def test_a_plugin_for_a_later_minor_version_is_used_and_what_is_not_here_is_explained(site):
    later = f"{MAJOR}.{MINOR + 10}"
    hook = "\n    @hookimpl\n    def glasshouse_teleport():\n        return []\n"
    plugins = registry(site, later, hook)
    assert [component.name for component in plugins.components("model")] == ["line"]
    assert [(broken.hook, broken.reason) for broken in plugins.broken] == [
        (
            "glasshouse_teleport",
            f"there is no such hook (it is written for specification {later}; this glasshouse has {SPEC_VERSION})",
        )
    ]


def test_an_object_says_it_itself_or_its_module_does(site):
    code = f"""
        from glasshouse import hookimpl

        glasshouse_spec = "99.0"

        class Lab:
            @hookimpl
            def glasshouse_models(self):
                return []

        class Modern(Lab):
            glasshouse_spec = {SPEC_VERSION!r}

        silent, modern = Lab(), Modern()
    """
    site.install("two-lab", {"two.py": code}, entry_points={"silent": "two:silent", "modern": "two:modern"})
    plugins = Registry(only=["two-lab"])
    assert [broken.entry_point for broken in plugins.broken] == ["two-lab:silent"]
    assert {plugin.entry_point: plugin.spec for plugin in plugins.loaded}["two-lab:modern"] == SPEC_VERSION


def test_strict_makes_a_wrong_version_fatal(site):
    site.install("our-lab", {"our_lab.py": LINE.format(stated="99.0")})
    with pytest.raises(UserError, match=r"plugin 'our-lab:plugin': is written for specification 99\.0 of the hooks"):
        Registry(only=["our-lab"], strict=True).components("model")


# ---------------------------------------------------------------- what is given up

GIVEN_UP = """
    import functools
    from glasshouse import hookimpl

    def counted(function):
        @functools.wraps(function)
        def inner(*given, **named):
            return function(*given, **named)
        return inner

    @hookimpl
    def glasshouse_old_hook(run):
        return []

    @hookimpl
    @counted
    def glasshouse_grown_hook(run, old_name):
        return []

    @hookimpl
    def glasshouse_models():
        return []
"""
ADVICE = {
    "glasshouse_old_hook": "since 1.1; implement glasshouse_new_hook, this one goes in 2.0",
    "old_name": "since 1.1; take `name`",
}


class OldSpecifications:
    """Two hooks that the real specification does not have, one given up whole and one in an argument."""

    @hookspecs.hookspec(warn_on_impl=PluginWarning(ADVICE["glasshouse_old_hook"]))
    def glasshouse_old_hook(self, run):
        """Given up."""

    @hookspecs.hookspec(warn_on_impl_args={"old_name": PluginWarning(ADVICE["old_name"])})
    def glasshouse_grown_hook(self, run, name, old_name):
        """Its argument is."""


@pytest.fixture
def with_old_hooks(monkeypatch):
    make = pluggy.PluginManager.add_hookspecs

    def add(manager, specifications):
        make(manager, specifications)
        if specifications is hookspecs:
            make(manager, OldSpecifications)

    monkeypatch.setattr(pluggy.PluginManager, "add_hookspecs", add)


def test_warnings_point_at_the_plugins_own_lines_and_name_it(site, with_old_hooks):
    site.install("late-lab", {"late_lab.py": GIVEN_UP}, version="0.3")
    plugins = Registry(only=["late-lab"])
    with pytest.warns(PluginWarning) as caught:
        assert plugins.check_all() == ()
    hook, argument = sorted(caught, key=lambda warning: warning.lineno)
    who = "plugin 'late-lab:plugin' (0.3): "
    assert str(hook.message) == f"{who}glasshouse_old_hook is deprecated: {ADVICE['glasshouse_old_hook']}"
    expected = f"{who}argument 'old_name' of glasshouse_grown_hook is deprecated: {ADVICE['old_name']}"
    assert str(argument.message) == expected
    for warning, name in ((hook, "glasshouse_old_hook"), (argument, "glasshouse_grown_hook")):
        assert warning.filename == str(site.folder / "late_lab.py")
        beneath = [linecache.getline(warning.filename, warning.lineno + further) for further in range(3)]
        assert beneath[0].strip() in ("@hookimpl", "@counted")  # not the decorator's own function, far above
        assert any(f"def {name}(" in line for line in beneath)
    late = {plugin.distribution: plugin for plugin in plugins.loaded}["late-lab"]
    assert [(used.hook, used.argument) for used in late.deprecated_uses] == [
        ("glasshouse_grown_hook", "old_name"),
        ("glasshouse_old_hook", None),
    ]


def test_pluggys_own_warning_would_point_at_a_decorator(site, with_old_hooks):
    """Why the warnings are ours: remove them once this fails."""
    site.install("late-lab", {"late_lab.py": GIVEN_UP})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        manager = pluggy.PluginManager("glasshouse")
        manager.add_hookspecs(hookspecs)
        import late_lab  # type: ignore[import-not-found]

        manager.register(late_lab)
    lines = [linecache.getline(str(warning.filename), warning.lineno).strip() for warning in caught]
    assert sorted(lines) == ["@functools.wraps(function)", "@hookimpl"]


def test_where_warnings_are_errors_the_plugin_alone_is_broken(site, with_old_hooks):
    site.install("late-lab", {"late_lab.py": GIVEN_UP})
    site.install("our-lab", {"our_lab.py": LINE.format(stated=SPEC_VERSION)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plugins = Registry(only=["late-lab", "our-lab"])
        assert [component.name for component in plugins.components("model")] == ["line"]
    [broken] = plugins.broken
    assert broken.entry_point == "late-lab:plugin"
    assert re.search(r"glasshouse_\w+_hook is deprecated", broken.reason)


def test_ours_use_nothing_that_is_given_up():
    plugins = Registry(only=["glasshouse-audits", "glasshouse-plugins"])
    assert len(plugins.loaded) == 3
    assert [plugin.deprecated_uses for plugin in plugins.loaded] == 3 * [()]
