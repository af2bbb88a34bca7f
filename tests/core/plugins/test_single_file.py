"""``--plugin path.py``: hooks at module level, classes importable under the file's stem."""

from __future__ import annotations

import hashlib
import sys

import pytest
from glasshouse.errors import UserError
from glasshouse.plugins import Registry

CODE = """
from dataclasses import dataclass

from glasshouse import ModelPlugin, hookimpl


@dataclass
class OwnNet:
    width: int = 3


@hookimpl
def glasshouse_models():
    yield ModelPlugin(name="own", target="own_lab:OwnNet", summary="mine")
"""


@pytest.fixture
def own_lab(site, tmp_path):
    file = tmp_path / "own_lab.py"
    file.write_text(CODE)
    return file


def test_its_components_and_classes_are_there_under_the_stem(own_lab):
    plugins = Registry(files=[own_lab])
    component = plugins.find("model", "own")
    assert component.class_path == "own_lab.OwnNet"
    assert plugins.load(component) is sys.modules["own_lab"].OwnNet
    assert component.qualified_name == "own_lab.py/own"
    digest = hashlib.sha256(CODE.encode()).hexdigest()
    assert plugins.distributions["own_lab.py"] == f"sha256:{digest[:12]}"


def test_loading_it_again_does_not_run_it_twice(own_lab):
    first = Registry(files=[own_lab])
    second = Registry(files=[own_lab])
    assert first.load(first.find("model", "own")) is second.load(second.find("model", "own"))


def test_it_can_be_blocked_by_its_name(own_lab):
    with pytest.raises(UserError, match="model 'own': is not known"):
        Registry(files=[own_lab], blocked=["own_lab.py"]).find("model", "own")


def test_its_hooks_are_checked_like_any_plugins(own_lab):
    own_lab.write_text(CODE.replace("glasshouse_models", "glasshouse_model"))
    plugins = Registry(files=[own_lab])
    assert [(broken.entry_point, broken.hook) for broken in plugins.check_all()] == [
        ("own_lab.py:own_lab", "glasshouse_model")
    ]


@pytest.mark.parametrize("name", ["json", "numpy"])
def test_a_name_that_another_module_has_is_refused(site, tmp_path, name):
    (tmp_path / f"{name}.py").write_text("")
    with pytest.raises(UserError, match=rf"--plugin {name}.py: another importable module has the name '{name}'"):
        Registry(files=[tmp_path / f"{name}.py"]).check_all()
    assert sys.modules["json"].loads("1") == 1


def test_a_file_that_is_importable_anyway_is_no_conflict(site):
    file = site.folder / "own_lab.py"
    file.write_text(CODE)
    assert Registry(files=[file]).find("model", "own")


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        (
            "half_lab.py",
            "1 / 0",
            r"--plugin half_lab.py: cannot be imported: ZeroDivisionError: division by zero\. See",
        ),
        ("half-lab.py", "", "'half-lab.py' is not a module name. Rename"),
        ("half_lab.txt", "", "'half_lab.txt' is not a module name. Rename"),
    ],
)
def test_a_file_that_cannot_be_imported_is_an_error_at_once(site, tmp_path, name, code, message):
    (tmp_path / name).write_text(code)
    with pytest.raises(UserError, match=message):
        Registry(files=[tmp_path / name]).components("model")
    assert "half_lab" not in sys.modules
