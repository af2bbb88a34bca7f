"""Which room imports which, by the contracts of ``.importlinter``; and what others import from the rooms."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LINT = f"""
import sys
from importlinter.cli import lint_imports

sys.exit(lint_imports(config_filename={str(REPOSITORY / ".importlinter")!r}, no_cache=True))
"""
CONTRACTS = [
    "A room of glasshouse imports only rooms below it",
    "Statistics: intervals, then counts, then sums and scores, then the tables that combine them",
    "A room of glasshouse_audits imports only rooms below it",
    "No cycle between rooms, nor between files",
    "The sibling distributions import glasshouse, and nothing imports them",
]


def lint(*sources: Path) -> subprocess.CompletedProcess[str]:
    """``lint-imports`` in a process of its own, on other sources where some are given."""
    path = os.pathsep.join(map(str, sources))
    env = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200"}
    return subprocess.run([sys.executable, "-c", LINT], env=env, capture_output=True, text=True, check=False)


def test_every_contract_is_kept():
    done = lint()
    assert done.returncode == 0, done.stdout
    assert [name for name in CONTRACTS if f"{name} KEPT" in done.stdout] == CONTRACTS
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in done.stdout


PLANTED = {
    "core/src/glasshouse/data/kinds.py": "if False:\n    from glasshouse.report.page import Page\n",
    "core/src/glasshouse/statistics/intervals/means.py": "def f():\n    import glasshouse.statistics.tables\n",
    "audits/src/glasshouse_audits/pictures/png.py": "def f():\n    from glasshouse_audits.explain import question\n",
    "core/src/glasshouse/report/writing.py": "import glasshouse.report.cycle\n",
    "core/src/glasshouse/report/cycle.py": "from glasshouse.report import writing\n",
    "core/src/glasshouse/system/random_state.py": "import glasshouse_plugins\n",
}
"""Code at a file's end that breaks a contract each, the last two but one together: for types, in functions, at once."""


def test_a_planted_violation_breaks_its_contract(tmp_path):
    sources = ["core/src", "audits/src", "plugins/src"]
    for source in sources:
        shutil.copytree(REPOSITORY / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
    for file, code in PLANTED.items():
        with (tmp_path / file).open("a", encoding="utf-8") as stream:
            stream.write(f"\n\n{code}")
    done = lint(*(tmp_path / source for source in sources))
    assert done.returncode == 1
    assert [name for name in CONTRACTS if f"{name} BROKEN" in done.stdout] == CONTRACTS
    for importer, imported in (
        ("glasshouse.data.kinds", "glasshouse.report.page"),
        ("glasshouse.statistics.intervals.means", "glasshouse.statistics.tables"),
        ("glasshouse_audits.pictures.png", "glasshouse_audits.explain.question"),
        ("glasshouse.system.random_state", "glasshouse_plugins"),
    ):
        assert f"{importer} -> {imported}" in done.stdout
    assert "No cycles are allowed in glasshouse.report." in done.stdout


# ---------------------------------------------------------------- what siblings, examples and documentation import

OUTSIDE = ("audits", "plugins", "examples", "docs", "tests/sample_plugin", "core/src/glasshouse/cli/scaffold/templates")
PAGES = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("*/README.md")]


def imported_names() -> Iterator[tuple[str, str, str | None]]:
    """(where, module, name or None) of each import of glasshouse in code, templates and pages, wherever it stands."""
    for path in [*(path for folder in OUTSIDE for path in sorted((REPOSITORY / folder).rglob("*"))), *PAGES]:
        where = path.relative_to(REPOSITORY).as_posix()
        if path.suffix == ".py":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "glasshouse":
                    yield from ((f"{where}:{node.lineno}", str(node.module), alias.name) for alias in node.names)
                elif isinstance(node, ast.Import):
                    for alias in node.names:
                        if alias.name.partition(".")[0] == "glasshouse":
                            yield f"{where}:{node.lineno}", alias.name, None
        elif path.suffix in {".md", ".jinja"} and "decisions" not in path.parts:
            text = path.read_text(encoding="utf-8")
            for module, names in re.findall(r"from (glasshouse(?:\.\w+)*) import (\([^)]*\)|[^\n]+)", text):
                for name in re.sub(r"#.*|\{%.*?%\}| as \w+", "", names).strip("() \n").split(","):
                    if re.fullmatch(r"\w+", name.strip()):
                        yield where, module, name.strip()
            yield from (
                (where, module, None) for module in re.findall(r"^ *import (glasshouse[.\w]*)", text, re.MULTILINE)
            )


def is_public(module: str, name: str | None) -> bool:
    """Whether `glasshouse`, or a room itself, lists the name."""
    if module.count(".") > 1:
        return False
    found = importlib.import_module(module)
    return hasattr(found, "__path__") and (name is None or name in getattr(found, "__all__", ()))


def test_others_import_only_what_a_room_lists():
    found = set(imported_names())
    assert len(found) > 300
    assert sorted(map(str, (each for each in found if not is_public(*each[1:])))) == []


@pytest.mark.parametrize(
    ("module", "name"),
    [("glasshouse.data.batch", "Batch"), ("glasshouse.data", "Nothing"), ("glasshouse.errors", "UserError")],
)
def test_what_is_not_public(module, name):
    assert not is_public(module, name)
