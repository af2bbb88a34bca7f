"""The example of a stranger's distribution: documented, clean, built, and found. `tox -e wheels` runs it as well."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import hatchling.build
import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "examples" / "third_party_plugin"
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")
BROUGHT = {
    "monotone_network": "model",
    "invented_loans": "data",
    "monotonicity": "audit",
    "main_effects": "explainer",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder on the path that holds the example, as its wheel has it."""
    site, copy = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("copy") / "example"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    here = Path.cwd()
    os.chdir(copy)
    try:
        wheel = site / hatchling.build.build_wheel(str(site))
    finally:
        os.chdir(here)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    wheel.unlink()
    return site


def run(*command: str | Path, cwd: Path = REPOSITORY, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **variables},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_readme_names_its_files_its_components_and_its_command():
    sources = {path.name for path in (EXAMPLE / "src" / "glasshouse_monotone").glob("*.py")} - {"__init__.py"}
    assert sources == set(re.findall(r"`(\w+\.py)`", README))
    for name, kind in BROUGHT.items():
        assert f"{kind} `{name}`" in README
    assert "glasshouse run --config examples/third_party_plugin/run.yaml" in README


def test_its_configuration_uses_all_that_it_brings():
    config = yaml.safe_load((EXAMPLE / "run.yaml").read_text(encoding="utf-8"))
    used = json.dumps(config)
    for name in BROUGHT:
        assert f'"{name}"' in used


def test_its_tests_run_the_kit_on_all_that_it_brings():
    conformance = (EXAMPLE / "tests" / "test_conformance.py").read_text(encoding="utf-8")
    for name, kind in BROUGHT.items():
        assert f'@parametrize_with_checks(["{name}"], kind="{kind}")' in conformance


def test_it_is_linted_and_formatted_by_its_own_rules():
    run("ruff", "check", "--no-cache", "--quiet", EXAMPLE)
    run("ruff", "format", "--check", "--no-cache", "--quiet", EXAMPLE)


def test_what_it_brings_is_found_and_nothing_heavy_is_imported(installed):
    listing = (
        "import sys; from glasshouse.cli.commands.plugins import main; main(['list', '--json']); "
        "assert not {'torch', 'numpy'} & sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", listing],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    assert listed["broken"] == []
    ours = [each for each in listed["components"] if each["distribution"] == "glasshouse-monotone"]
    assert {each["name"]: each["kind"] for each in ours} == BROUGHT


def test_its_own_tests_are_green_but_for_the_kit_which_the_wheels_run(forks, installed, tmp_path):
    tests = tmp_path / "tests"
    shutil.copytree(EXAMPLE / "tests", tests, ignore=shutil.ignore_patterns("__pycache__"))
    options = ("-q", "-p", "no:cacheprovider", f"--ignore={tests / 'test_conformance.py'}")
    done = forks.run("-m", "pytest", *options, str(tests), cwd=tmp_path, env={"PYTHONPATH": str(installed)})
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 20
