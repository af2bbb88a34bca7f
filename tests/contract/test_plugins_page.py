"""docs/plugins.md: every field of a declaration has its place, and the tutorial does what it says, line for line."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import glasshouse.testing
import pytest
from glasshouse.cli.scaffold import KINDS, read_names, render_files
from glasshouse.data.kinds import MODALITIES
from glasshouse.evidence.evidence import REQUIREMENTS
from glasshouse.plugins import hookspecs
from glasshouse.plugins.declarations import PLUGIN_TYPES, Plugin
from glasshouse.plugins.hookspecs import SPEC_VERSION
from glasshouse.record.families import FAMILIES
from glasshouse.testing.pytest import plugin as pytest_plugin

from helpers.forks import Forks

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "plugins.md").read_text(encoding="utf-8")
SMALLEST = {"The smallest model": ("my_model", "model"), "The smallest audit": ("my_audit", "audit")}


def part(heading: str) -> str:
    """What stands under a heading of the page, up to the next heading of its rank."""
    found = re.search(rf"^(#+) {heading}\n(.*?)(?=^\1 |^##? |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None, f"docs/plugins.md has no heading '{heading}'"
    return found[2]


def table(text: str, head: str) -> list[tuple[str, ...]]:
    """The cells of the table that begins with a head, without backticks around them."""
    found = re.search(rf"^\| {head} \|\n\|[-|]+\|\n((?:\|.*\|\n)+)", text, re.MULTILINE)
    if found is None:
        return []
    rows = [line.strip("|\n").split(" | ") for line in found[1].splitlines()]
    return [tuple(cell.strip().strip("`") for cell in row) for row in rows]


def said(field: dataclasses.Field[object]) -> str:
    """A field's default as the page writes it."""
    return "required" if field.default is dataclasses.MISSING else repr(field.default).replace("'", '"')


def fields_of(plugin_type: type[Plugin]) -> list[tuple[str, str]]:
    """(name, default) of the fields that a declaration adds to those of all."""
    known = {field.name for field in dataclasses.fields(Plugin)} if plugin_type is not Plugin else set()
    return [(field.name, said(field)) for field in dataclasses.fields(plugin_type) if field.name not in known]


# ---------------------------------------------------------------- declarations


@pytest.mark.parametrize("plugin_type", [Plugin, *PLUGIN_TYPES], ids=lambda each: each.__name__)
def test_every_field_of_a_declaration_has_its_row_and_its_default(plugin_type):
    text = part("Common to all plugins" if plugin_type is Plugin else plugin_type.hook)
    rows = table(text, r"field \| default \| meaning")
    assert [row[:2] for row in rows] == fields_of(plugin_type)
    assert all(row[2] for row in rows)
    assert bool(rows) is ("no fields beyond [the common ones]" not in text)


def test_the_words_that_fields_may_hold_are_all_there():
    assert table(part("glasshouse_audits"), r"name \| meaning") == [*REQUIREMENTS.items()]
    for word in MODALITIES:
        assert f'`"{word}"`' in part("glasshouse_models")
    for word in FAMILIES:
        assert f'`"{word}"`' in part("glasshouse_audits")


def test_the_version_of_the_specification_is_the_one_that_holds():
    assert re.findall(r'glasshouse_spec = "(.*?)"', PAGE) == [SPEC_VERSION]


# ---------------------------------------------------------------- the tutorial


def shown(heading: str) -> dict[str, str]:
    """Path -> text of the files that stand under a heading, each after its path."""
    return dict(re.findall(r"^`([\w./]+)`:\n\n```(?:toml|python)\n(.*?)```", part(heading), re.DOTALL | re.MULTILINE))


def test_every_block_of_code_is_one_that_a_test_runs():
    """A signature and a plugin for each hook (tests/contract/test_docs.py), files, and a test of the kit."""
    hooks = [name for name in vars(hookspecs) if name.startswith("glasshouse_")]
    files = [file for heading in SMALLEST for file in shown(heading)]
    assert len(re.findall("^```python$", PAGE, re.MULTILINE)) == 2 * len(hooks) + len(files) - 2 + 1
    assert len(re.findall("^```toml$", PAGE, re.MULTILINE)) == 2
    assert set(re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)) == {"python", "toml", "text"}


@pytest.mark.parametrize("heading", SMALLEST)
def test_the_smallest_plugins_are_what_plugins_new_writes(heading):
    name, kind = SMALLEST[heading]
    files = render_files(read_names(name, KINDS[kind]), KINDS[kind], minimal=True)
    assert shown(heading) == {f"{name}/{path}": text for path, text in files.items()}


@pytest.mark.parametrize("heading", SMALLEST)
def test_the_smallest_plugins_are_small(heading):
    lines = {path: sum(1 for line in text.splitlines() if line.strip()) for path, text in shown(heading).items()}
    python = {path: count for path, count in lines.items() if path.endswith(".py")}
    (project,) = lines.keys() - python.keys()
    assert len(python) == 2
    assert sum(python.values()) <= 20
    assert project.endswith("/pyproject.toml")
    assert lines[project] <= 12
    assert all(len(line) <= 120 for text in shown(heading).values() for line in text.splitlines())


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder that pip installed the page's own two distributions into."""
    written, site = tmp_path_factory.mktemp("written"), tmp_path_factory.mktemp("site")
    for heading in SMALLEST:
        for path, text in shown(heading).items():
            file = written / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    projects = [str(written / name) for name, _ in SMALLEST.values()]
    subprocess.run([*pip, "--no-compile", "--target", str(site), *projects], check=True, timeout=120)
    return site


@pytest.fixture
def python(forks: Forks, installed: Path, tmp_path: Path) -> Callable[..., str]:
    """What ``python -m ARGUMENTS`` prints where the distributions are installed."""

    def run(*arguments: str) -> str:
        done = forks.run("-m", *arguments, cwd=tmp_path, env={"PYTHONPATH": str(installed)})
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_smallest_plugins_are_installed_and_listed(python):
    listed = json.loads(python("glasshouse", "plugins", "list", "--json"))
    found = {(each["name"], each["kind"], each["distribution"]) for each in listed["components"]}
    assert {(name, kind, name) for name, kind in SMALLEST.values()} <= found
    assert listed["broken"] == []


def test_the_smallest_model_is_trained_and_the_smallest_audit_measures_it(python, tmp_path):
    config = {
        "seed_everything": 1,
        "trainer": {"max_epochs": 4, "enable_progress_bar": False},
        "model": "my_model",
        "data": "glasshouse.testing.pytest.fixtures.TinyTable",
        "optimizer": {"class_path": "adamw", "init_args": {"lr": 0.02}},
        "audits": ["performance", "my_audit"],
        "report": ["json"],
    }
    (tmp_path / "run.yaml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    folder = tmp_path / python("glasshouse", "run", "--config", "run.yaml").splitlines()[-1]
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    found = {m["name"]: m for audit in record["audits"] for m in audit["measurements"]}
    # the answer is a straight line in the features, with nobody near the border
    assert found["accuracy"]["value"] > 0.9
    sure = found["sure_rate"]
    assert 0 <= sure["low"] < sure["value"] < sure["high"] <= 1
    assert sure["n"] == found["accuracy"]["n"]
    assert sure["interval_method"] == "wilson"


def test_the_page_s_own_test_runs_the_checks(python, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", part("4. The conformance checks"), re.DOTALL)
    (tmp_path / "test_it.py").write_text(code, encoding="utf-8")
    said = python("pytest", "-q", "-p", "no:cacheprovider", "-k", "output_shape", "test_it.py")
    assert re.search(r"[1-9]\d* passed, \d+ deselected", said), said


# ---------------------------------------------------------------- what the tutorial names


def test_the_kinds_and_files_of_plugins_new_are_named():
    two = part("2. Generate a package")
    (sentence,) = re.findall(r"^`--kind` is one of (.*?);", two, re.MULTILINE | re.DOTALL)
    assert re.findall(r"`(\w+)`", sentence) == [*KINDS]
    files = render_files(read_names("my_model", KINDS["model"]), KINDS["model"])
    named = re.findall(r"`([\w./]+)`", "\n".join(row[0] for row in _cells(part("3. The files"))))
    assert set(named) == files.keys() - {"src/my_model/__init__.py", ".gitignore"}
    project = tomllib.loads(files["pyproject.toml"])["project"]
    assert list(project["entry-points"]) == ["glasshouse"]


def test_the_kit_has_what_the_page_names():
    text = part("4. The conformance checks")
    checks = set(re.findall(r"`(check_\w+)[(`]", text))
    assert checks == {name for name in glasshouse.testing.__all__ if name.startswith("check_")}
    (fixtures,) = re.findall(r"pytest has fixtures for .*?: (.*?)\. A test with", text, re.DOTALL)
    for name in re.findall(r"`(\w+)`", fixtures):
        assert hasattr(pytest_plugin, name), name
    assert "expected_failures" in inspect.signature(glasshouse.testing.parametrize_with_checks).parameters


def _cells(text: str) -> list[list[str]]:
    return [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
