"""From a name to one component, or to a message that says what to write instead."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from glasshouse.errors import UserError
from glasshouse.plugins import Registry, registry, set_registry


def lab(name: str = "line", target: str = "lab.net:Line", more: str = "") -> str:
    return f"""
        from glasshouse import ModelPlugin, OptimizerPlugin, hookimpl
        asked = []

        @hookimpl
        def glasshouse_models():
            asked.append("model")
            yield ModelPlugin(name="{name}", target="{target}", summary="a line", {more})

        @hookimpl
        def glasshouse_optimizers():
            asked.append("optimizer")
            yield OptimizerPlugin(name="walk", target="lab.steps:Walk", summary="downhill")
    """


@pytest.fixture
def one_lab(site) -> Registry:
    site.install("My-Lab", {"lab/__init__.py": lab(more='aliases=("affine",)'), "lab/net.py": "class Line: ..."})
    return Registry(only=["my.lab"])


def test_found_by_name_alias_and_distribution_in_any_spelling(one_lab):
    for name in ("line", "affine", "My-Lab/line", "my_lab/affine"):
        component = one_lab.find("model", name)
        assert component.qualified_name == "My-Lab/line"
    assert str(component) == "model 'line' of My-Lab 1.0"
    assert one_lab.class_path("model", "affine") == "lab.net.Line"
    assert one_lab.load(component).__name__ == "Line"


def test_each_hook_runs_once_on_first_use_and_nothing_before(one_lab, monkeypatch):
    assert "lab" not in sys.modules
    one_lab.find("model", "line")
    one_lab.find("model", "affine")
    assert sys.modules["lab"].asked == ["model"]
    assert "lab.net" not in sys.modules
    one_lab.check_all()
    assert sys.modules["lab"].asked == ["model", "optimizer"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lien", "model 'lien': is not known. Did you mean 'line'? Known: line."),
        ("walk", "model 'walk': is not known. Known: line."),
        ("my_lab/lien", "model 'my_lab/lien': is not known. Did you mean 'My-Lab/line'? Known: My-Lab/line."),
    ],
)
def test_an_unknown_name_gets_a_suggestion_and_imports_nothing(one_lab, name, message):
    with pytest.raises(UserError) as caught:
        one_lab.class_path("model", name)
    assert str(caught.value) == message
    assert "lab.net" not in sys.modules


def test_an_unknown_name_may_be_that_of_a_broken_plugin(site):
    site.install("broken-lab", {"broken_lab.py": "import no_such_library"})
    with pytest.raises(UserError, match=r"None are installed\. 1 plugin is broken: see `glasshouse plugins doctor`\."):
        Registry(only=["broken-lab"]).find("model", "line")


def test_unknown_kind_is_a_defect_of_the_caller(one_lab):
    with pytest.raises(ValueError, match="unknown kind 'optimiser'; known: model, data, optimizer"):
        one_lab.components("optimiser")


def test_a_name_that_two_distributions_claim_fails_only_when_it_is_used(site):
    site.install("first-lab", {"first_lab.py": lab()}, version="1.0")
    site.install("second-lab", {"second_lab.py": lab("other", more='aliases=("line",)')}, version="2.1")
    plugins = Registry(only=["first-lab", "second-lab"])
    assert plugins.find("model", "other").distribution == "second-lab"
    assert plugins.find("model", "first-lab/line").distribution == "first-lab"
    assert plugins.find("model", "second-lab/line").name == "other"
    assert [plugins.shortest_name(component) for component in plugins.components("model")] == [
        "first-lab/line",
        "other",
    ]
    with pytest.raises(UserError) as caught:
        plugins.find("model", "line")
    assert str(caught.value) == (
        "model 'line': is declared by first-lab 1.0 and by second-lab 2.1. "
        "Write first-lab/line or second-lab/other, or block one with --no-plugin."
    )
    for name in ("second-lab", "second_lab/other"):
        blocking = Registry(only=["first-lab", "second-lab"], blocked=[name])
        assert blocking.find("model", "line").distribution == "first-lab"


def test_a_name_that_one_distribution_brings_twice_names_the_entry_points(site):
    site.install("twin-lab", {"twin_a.py": lab(), "twin_b.py": lab()}, entry_points={"a": "twin_a", "b": "twin_b"})
    with pytest.raises(UserError, match=r"declared by twin-lab:a \(1\.0\) and by twin-lab:b \(1\.0\)"):
        Registry(only=["twin-lab"]).find("model", "twin-lab/line")


@pytest.mark.parametrize(
    ("hint", "command"),
    [("", "pip install no_such_library"), ("pip install my-lab[nets]", "pip install my-lab[nets]")],
)
def test_a_missing_library_is_told_with_the_command_that_installs_it(site, hint, command):
    more = f'requires_import=("json", "no_such_library"), install_hint="{hint}"'
    site.install("needy-lab", {"needy_lab.py": lab(more=more)})
    plugins = Registry(only=["needy-lab"])
    component = plugins.find("model", "line")
    assert component.missing_imports == ("no_such_library",)
    for ask in (lambda: plugins.class_path("model", "line"), lambda: plugins.load(component)):
        with pytest.raises(UserError) as caught:
            ask()
        assert str(caught.value) == (
            f"model 'line' of needy-lab 1.0: requires no_such_library, which is not installed. Run: {command}"
        )


@pytest.mark.parametrize(
    ("code", "target", "message"),
    [
        ("", "lab_x.gone:Line", "lab_x.gone cannot be imported: ModuleNotFoundError: No module named 'lab_x.gone'."),
        ("1 / 0", "lab_x.net:Line", "lab_x.net cannot be imported: ZeroDivisionError: division by zero."),
        ("class Line: ...", "lab_x.net:Lien", "lab_x.net:Lien has no 'Lien'. Did you mean 'Line'? Known: Line."),
        ("class Line: ...", "lab_x.net:Line.Deep", "lab_x.net:Line.Deep has no 'Deep'."),
    ],
)
def test_a_target_that_is_not_there_is_the_plugins_fault_by_name(site, code, target, message):
    site.install("lab-x", {"lab_x/__init__.py": lab(target=target), "lab_x/net.py": code})
    plugins = Registry(only=["lab-x"])
    with pytest.raises(UserError) as caught:
        plugins.load(plugins.find("model", "line"))
    assert str(caught.value).startswith(f"model 'line' of lab-x 1.0: {message}")


def test_load_only_the_distributions_named_beside_core_itself(one_lab):
    assert set(one_lab.distributions) == {"glasshouse", "My-Lab"}
    assert one_lab.find("report_format", "json").distribution == "glasshouse"
    for listed, loaded in (("", {"glasshouse"}), (" my_lab , ", {"glasshouse", "My-Lab"})):
        plugins = Registry.from_environment(environment={"GLASSHOUSE_LOAD_PLUGINS": listed})
        assert set(plugins.distributions) == loaded
    assert {"glasshouse-audits", "glasshouse-plugins", "My-Lab"} <= set(
        Registry.from_environment(environment={}).distributions
    )


def test_a_distribution_to_load_that_is_not_installed(one_lab):
    plugins = Registry.from_environment(environment={"GLASSHOUSE_LOAD_PLUGINS": "my-lap"})
    with pytest.raises(UserError, match=r"^GLASSHOUSE_LOAD_PLUGINS: no plugin distribution 'my-lap' is installed\."):
        plugins.components("model")


def test_blocking_a_distribution_ours_included(one_lab):
    plugins = Registry(blocked=["Glasshouse_Audits", "glasshouse"])
    assert plugins.components("audit") == ()
    assert plugins.components("report_format") == ()
    assert "glasshouse" not in plugins.distributions


def test_blocking_one_component_leaves_its_neighbours(one_lab):
    plugins = Registry(blocked=["glasshouse-audits/fairness"])
    assert "fairness" not in {component.name for component in plugins.components("audit")}
    assert plugins.find("audit", "performance")
    for name in ("fairness", "glasshouse-audits/fairness"):
        with pytest.raises(UserError, match=f"audit '{name}': is blocked by --no-plugin"):
            plugins.find("audit", name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "glasshouse-audit",
            r"no plugin distribution 'glasshouse-audit' is installed\. Did you mean 'glasshouse-audits'",
        ),
        ("glasshouse-audits/fairnes", r"there is no component .* Did you mean 'glasshouse-audits/fairness'"),
    ],
)
def test_a_misspelt_block_is_told_and_never_ignored(name, message):
    plugins = Registry(blocked=[name])
    for _ in range(2):
        with pytest.raises(UserError, match=message):
            plugins.components("model")


def test_packages_that_a_configuration_may_instantiate(one_lab, tmp_path):
    file = tmp_path / "my_own.py"
    file.write_text("class Net: ...\n")
    plugins = Registry(only=["my-lab"], files=[file])
    assert plugins.packages == {"glasshouse", "lab", "my_own"}


def test_one_registry_for_the_process(one_lab, monkeypatch):
    monkeypatch.setenv("GLASSHOUSE_LOAD_PLUGINS", "my-lab")
    set_registry(None)
    try:
        assert registry() is registry()
        assert set(registry().distributions) == {"glasshouse", "My-Lab"}
        mine = Registry()
        set_registry(mine)
        assert registry() is mine
    finally:
        set_registry(None)


def test_a_path_of_files_is_not_opened_before_the_first_question():
    plugins = Registry(files=[Path("/no/such/plugin.py")])
    with pytest.raises(UserError, match=r"--plugin: there is no file /no/such/plugin\.py"):
        plugins.components("model")
