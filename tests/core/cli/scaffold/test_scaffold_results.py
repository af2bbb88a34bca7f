"""What ``plugins new`` writes is clean, typed, found and green; tests/wheels asks it again in a clean environment.

The distributions are built as pip would build them, by their own build backend, and unpacked into a folder on the path:
installing them would take pip two seconds each.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import hatchling.build
import pytest
from glasshouse.cli.scaffold import KINDS, read_names, render_files, write_distribution

REPOSITORY = Path(__file__).resolve().parents[4]
LONGEST = "a" * 31
"""With a letter for the kind, the longest name that is allowed: no line may depend on its length."""


@pytest.fixture(scope="module")
def begun(tmp_path_factory) -> Path:
    """A folder with a distribution of each kind, whole (``my_model``) and minimal (``small_model``)."""
    folder = tmp_path_factory.mktemp("begun")
    for kind in KINDS.values():
        for word, minimal in ((f"my_{kind.name}", False), (f"small_{kind.name}", True)):
            write_distribution(folder / word, render_files(read_names(word, kind), kind, minimal=minimal))
    return folder


@pytest.fixture(scope="module")
def installed(begun, tmp_path_factory) -> Path:
    """A folder on the path that holds them all."""
    site = tmp_path_factory.mktemp("site")
    here = Path.cwd()
    for project in sorted(begun.iterdir()):
        os.chdir(project)
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


def test_they_are_linted_and_formatted(begun):
    assert_clean(*begun.glob("my_*"))
    assert_clean(*begun.glob("small_*"), rules=REPOSITORY / "ruff.toml")  # these bring no rules of their own


@pytest.mark.parametrize("minimal", [False, True], ids=["full", "minimal"])
def test_the_longest_names_break_no_line(minimal, tmp_path):
    for kind in KINDS.values():
        files = render_files(read_names(f"{LONGEST}{kind.name[0]}", kind), kind, minimal=minimal)
        write_distribution(tmp_path / kind.name, files)
    assert_clean(*tmp_path.iterdir(), rules=REPOSITORY / "ruff.toml" if minimal else None)


def assert_clean(*projects: Path, rules: Path | None = None) -> None:
    options = ["--no-cache", "--quiet", *(() if rules is None else ("--config", rules)), *projects]
    assert len(projects) == len(KINDS)
    run("ruff", "check", *options)
    run("ruff", "format", "--check", *options)


def test_they_are_typed_strictly_tests_included(begun):
    """The example of a stranger as well: in one process of mypy, which shares what it knows of torch."""
    example = REPOSITORY / "examples" / "third_party_plugin"
    sources = [*sorted(begun.glob("my_*/src")), *sorted(begun.glob("small_*")), example / "src"]
    checked = [*sources, *sorted(begun.glob("my_*/tests")), example / "tests"]
    said = run("mypy", "--strict", *checked, MYPYPATH=os.pathsep.join(map(str, sources)))
    # package, declarations, component and tests of the whole ones; two modules of the minimal ones
    count = len(KINDS) * (4 + 2) + len([*example.glob("src/**/*.py"), *example.glob("tests/*.py")])
    assert f"no issues found in {count} source files" in said


def test_they_are_listed_and_the_doctor_has_nothing_to_say_of_them(begun, installed):
    listed = json.loads(run("glasshouse", "plugins", "list", "--json", PYTHONPATH=str(installed)))
    assert listed["broken"] == []
    found = {(each["name"], each["kind"]): each["distribution"] for each in listed["components"]}
    for project in begun.iterdir():
        kind = re.sub("^(my|small)_", "", project.name)
        assert found[project.name, kind] == project.name
    troubles = json.loads(run("glasshouse", "plugins", "doctor", "--json", PYTHONPATH=str(installed)))
    assert not [project.name for project in begun.iterdir() if project.name in json.dumps(troubles)]


def test_their_own_tests_are_green(forks, begun, installed):
    """All kinds in one process, but for the two checks that take longest, a fresh process and a training."""
    tests = sorted(begun.glob("my_*/tests"))
    quick = "not fresh_process and not learns"
    pytest_ = ("-m", "pytest", "-q", f"--rootdir={begun}", *map(str, tests), "-k", quick)
    done = forks.run(*pytest_, cwd=begun, env={"PYTHONPATH": str(installed)})
    said = done.stdout
    assert done.returncode == 0, said + done.stderr
    passed = re.search(r"(\d+) passed", said)
    assert passed is not None
    assert int(passed[1]) > 100
    assert "failed" not in said
