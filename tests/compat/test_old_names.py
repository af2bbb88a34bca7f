"""Modules and names of the code before the rooms still work: with a warning, once, and as the same objects."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from glasshouse import PluginWarning
from glasshouse._moved import GONE_IN, MOVED, MOVED_NAMES

from helpers.forks import Forks

REPOSITORY = Path(__file__).resolve().parents[2]
KEPT = REPOSITORY / "tests/gold/before_rooms/names.json"
NAMES = json.loads(KEPT.read_text(encoding="utf-8"))
PACKAGES = sorted(old for old in MOVED_NAMES if old not in MOVED)
"""Modules that have become packages of the same name."""

EVERYTHING = """
import importlib, json, sys, warnings
from pathlib import Path

from glasshouse._moved import MOVED

NAMES = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
result = {"warned": {}, "same": [], "public": []}
for old in NAMES["modules"]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        module = importlib.import_module("glasshouse." + old)
        again = importlib.import_module("glasshouse." + old)
    result["warned"][old] = [str(each.message) for each in caught if each.category.__name__ == "PluginWarning"]
    if module is again is importlib.import_module("glasshouse." + MOVED.get(old, old)):
        result["same"].append(old)
for public in NAMES["public"]:
    module, name = public.split(":")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(f"from {module} import {name}")
        except ImportError:
            continue
    result["public"].append(public)
print(json.dumps(result))
"""
"""Imports every old name in a process where none has been imported before."""


@pytest.fixture(scope="module")
def imported(forks: Forks) -> dict[str, Any]:
    done = forks.run("-c", EVERYTHING, str(KEPT), cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_every_old_module_is_its_new_one(imported):
    assert imported["same"] == NAMES["modules"]


def test_each_moved_module_warns_once_and_names_its_new_place(imported):
    for old, messages in imported["warned"].items():
        message = f"glasshouse.{old} is now glasshouse.{MOVED.get(old)}; the old name goes in glasshouse {GONE_IN}."
        assert messages == ([message] if old in MOVED else []), old


def test_every_name_that_users_saw_is_imported_from_where_it_was(imported):
    assert imported["public"] == NAMES["public"]


@pytest.mark.parametrize("target", NAMES["targets"])
def test_a_class_path_that_a_configuration_stored_still_names_a_class(target):
    assert isinstance(pkgutil.resolve_name(target), type) or target.startswith("torch.")


def test_nothing_that_exists_is_shadowed():
    root = REPOSITORY / "core/src/glasshouse"
    for old, new in MOVED.items():
        assert not (root / old.replace(".", "/")).with_suffix(".py").exists(), old
        assert not (root / old.replace(".", "/") / "__init__.py").exists(), old
        target = root / new.replace(".", "/")
        assert target.with_suffix(".py").is_file() or (target / "__init__.py").is_file(), new


def found(place: str) -> object:
    module, _, name = place.rpartition(".")
    return getattr(importlib.import_module(f"glasshouse.{module}"), name)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_module_that_became_a_package_has_its_names(package, monkeypatch):
    module: ModuleType = importlib.import_module(f"glasshouse.{package}")
    for name, place in MOVED_NAMES[package].items():
        monkeypatch.delitem(vars(module), name, raising=False)
        with pytest.warns(
            PluginWarning, match=rf"^glasshouse\.{package}\.{name} is now glasshouse\.{place}; "
        ) as caught:
            value = getattr(module, name)
        assert value is found(place)
        assert caught[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert getattr(module, name) is value
        monkeypatch.delitem(vars(module), name)


def test_a_name_that_never_was_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'glasshouse\.statistics\.counts' has no attribute 'nothing'$"):
        _ = importlib.import_module("glasshouse.statistics.counts").nothing


def test_the_command_that_an_earlier_installation_made_still_starts():
    """Its script imports the function `main` of what was the module `glasshouse.cli`."""
    code = "import sys; from glasshouse.cli import main; sys.exit(main(['--version']))"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("glasshouse ")


def moved_table() -> str:
    """What CHANGELOG.md lists under "Moved"."""
    names = {f"{old}.{name}": place for old, names in MOVED_NAMES.items() for name, place in names.items()}
    rows = [f"| `glasshouse.{old}` | `glasshouse.{new}` |" for old, new in sorted({**MOVED, **names}.items())]
    return "\n".join(["| old | new |", "|---|---|", *rows])


def test_the_changes_list_every_moved_module_and_name():
    """``GLASSHOUSE_BLESS=1`` writes the table anew."""
    file = REPOSITORY / "CHANGELOG.md"
    before, table, after = re.split(
        r"^(\| old \| new \|\n(?:\|.*\n)*)", file.read_text("utf-8"), maxsplit=1, flags=re.MULTILINE
    )
    if os.environ.get("GLASSHOUSE_BLESS") == "1":
        file.write_text(f"{before}{moved_table()}\n{after}", encoding="utf-8")
        pytest.fail("wrote CHANGELOG.md anew: look at `git diff`, then run without GLASSHOUSE_BLESS")
    assert table.rstrip("\n").splitlines() == moved_table().splitlines()
