"""Who may import whom, read from the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = {
    "glasshouse": REPOSITORY / "core/src/glasshouse",
    "glasshouse_audits": REPOSITORY / "audits/src/glasshouse_audits",
    "glasshouse_plugins": REPOSITORY / "plugins/src/glasshouse_plugins",
}
NEVER_IN_CORE = {"shap", "captum", "fairlearn", "opacus"}


def imports(package: str) -> Iterator[tuple[str, str, str | None]]:
    """(where, module, name or None) for every import in a package's sources, wherever it stands."""
    for path in sorted(SOURCES[package].rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path.relative_to(REPOSITORY)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                yield from ((where, alias.name, None) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield from ((where, node.module or "", alias.name) for alias in node.names)


@pytest.mark.parametrize("package", SOURCES)
def test_no_distribution_imports_its_siblings(package):
    siblings = SOURCES.keys() - {package} - ({"glasshouse"} if package != "glasshouse" else set())
    found = [(where, module) for where, module, _ in imports(package) if module.partition(".")[0] in siblings]
    assert found == []


def test_core_never_imports_the_libraries_of_audits():
    found = [(where, module) for where, module, _ in imports("glasshouse") if module.partition(".")[0] in NEVER_IN_CORE]
    assert found == []


@pytest.mark.parametrize("package", ["glasshouse_audits", "glasshouse_plugins"])
def test_siblings_import_only_public_names(package):
    private = [
        (where, module, name)
        for where, module, name in imports(package)
        if module.partition(".")[0] == "glasshouse"
        and any(part.startswith("_") for part in [*module.split("."), name or ""] if part != "__version__")
    ]
    assert private == []
