"""Build the three distributions, check their contents, install them together in a clean environment and use them.

    python tests/wheels/build_and_try.py [--wheels-only]

The environment gets the wheels and the few light libraries that the command line needs to list plugins. It has no
torch, so a heavy import on that path ends in an error here. Unless ``--wheels-only`` is given, a second
environment gets the wheels with all their dependencies, then generated and third-party plugins: see `other_plugins.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = {"core": "glasshouse", "audits": "glasshouse_audits", "plugins": "glasshouse_plugins"}
"""Folder of each distribution -> the package it ships."""

PROMISED = {
    "core": (
        "report/templates/",
        "report/static/",
        "cli/scaffold/templates/",
        "record/schemas/record-1.json",
        "policy/policies/default.yaml",
    ),
    "audits": (),
    "plugins": (),
}
"""Files that are no Python, without which an installed glasshouse fails at run time."""

LIGHT = ("pluggy", "PyYAML", "rich")
"""What ``--help`` and ``plugins list`` may import beside the standard library."""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheels = [build(REPOSITORY / part, folder / "dist") for part in PACKAGES]
        for part, wheel in zip(PACKAGES, wheels, strict=True):
            look_into(part, wheel)
        versions = {wheel.name.split("-")[1] for wheel in wheels}
        assert len(versions) == 1, f"the three distributions have different versions: {sorted(versions)}"
        binaries = install(wheels, folder / "venv")
        ask(binaries, versions.pop(), cwd=folder)
        print("built, installed and found: " + ", ".join(wheel.name for wheel in wheels))
        if "--wheels-only" not in sys.argv[1:]:
            from other_plugins import try_all

            try_all(wheels, folder / "plugins")


def build(project: Path, target: Path) -> Path:
    """The wheel of a project, built from its source distribution, so that both are known to be complete."""
    before = set(target.glob("*.whl"))
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(project))
    (wheel,) = set(target.glob("*.whl")) - before
    return wheel


def look_into(part: str, wheel: Path) -> None:
    """The wheel holds every file of the package, its promise of types, its licence and its entry point."""
    package = PACKAGES[part]
    source = REPOSITORY / part / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in (source / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        contents = set(archive.namelist())
        metadata = next(name for name in contents if name.endswith(".dist-info/METADATA")).removesuffix("METADATA")
        licence = archive.read(f"{metadata}licenses/LICENSE")
        entry_points = archive.read(f"{metadata}entry_points.txt").decode()
    shipped = {name for name in contents if not name.startswith(metadata)}
    assert shipped == expected, f"{wheel.name}: differs from the source in {sorted(shipped ^ expected)}"
    for promised in ("py.typed", *PROMISED[part]):
        assert any(name.startswith(f"{package}/{promised}") for name in shipped), f"{wheel.name}: no {promised}"
    assert licence == (REPOSITORY / "LICENSE").read_bytes(), f"{wheel.name}: its licence is not the repository's"
    group = "[console_scripts]" if part == "core" else "[glasshouse]"
    assert group in entry_points, f"{wheel.name}: no {group} among its entry points"


def install(wheels: list[Path], target: Path) -> Path:
    """A clean environment with the wheels in it; returns its folder of programs."""
    venv.create(target, with_pip=True)
    binaries = target / ("Scripts" if os.name == "nt" else "bin")
    pip = (str(binaries / "python"), "-m", "pip", "install", "--quiet")
    run(*pip, "-c", str(REPOSITORY / "constraints.txt"), *LIGHT)
    run(*pip, "--no-deps", *map(str, wheels))
    return binaries


def ask(binaries: Path, version: str, *, cwd: Path) -> None:
    """The installed command finds its siblings' components, none of them broken."""
    glasshouse = str(binaries / "glasshouse")
    assert run(glasshouse, "--version", cwd=cwd) == f"glasshouse {version}\n"
    assert "usage: glasshouse COMMAND" in run(glasshouse, "--help", cwd=cwd)
    listed = json.loads(run(glasshouse, "plugins", "list", "--json", cwd=cwd))
    assert listed["broken"] == [], f"broken plugins: {listed['broken']}"
    found = {(component["distribution"], component["kind"]) for component in listed["components"]}
    wanted = {
        ("glasshouse", "report_format"),
        ("glasshouse-audits", "audit"),
        ("glasshouse-plugins", "model"),
        ("glasshouse-plugins", "data"),
        ("glasshouse-plugins", "optimizer"),
        ("glasshouse-plugins", "lr_scheduler"),
    }
    assert wanted <= found, f"not found: {sorted(wanted - found)}"


def run(*command: str, cwd: Path | None = None, **variables: str) -> str:
    """A command's output; its failure ends this script with what it said."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= variables
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
