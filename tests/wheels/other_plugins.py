"""Generated and third-party plugins, in one clean environment that has glasshouse as built wheels.

One distribution of each kind as ``plugins new`` writes it, full and minimal, and the example of a third-party plugin
are installed, tested by their own tests, listed, and checked by the doctor. The build backend comes from the
environment, so that only the first install needs a package index.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import venv
from pathlib import Path

from build_and_try import REPOSITORY, run
from third_party import try_out

KINDS = ("model", "data", "optimizer", "technique", "audit", "explainer", "report_format")
TWO_MINUTES = 120

CONFORMANCE = """
from glasshouse.testing import parametrize_with_checks

@parametrize_with_checks(["{name}"], kind="{kind}")
def test_{name}(component, check):
    check(component)
"""


def try_all(wheels: list[Path], folder: Path) -> None:
    """Everything, in a folder of its own."""
    python = install(wheels, folder / "venv")
    two_commands(python, folder)
    generated(python, folder)
    try_out(python, folder)
    print("generated, installed, tested and listed: one of each kind, full and minimal; and the example")


def install(wheels: list[Path], target: Path) -> Path:
    """A clean environment with the wheels and all that they need; returns its Python."""
    venv.create(target, with_pip=True)
    python = target / ("Scripts" if os.name == "nt" else "bin") / "python"
    constraints = str(REPOSITORY / "constraints.txt")
    pip = (str(python), "-m", "pip", "install", "--quiet", "--no-compile", "-c", constraints)
    run(*pip, *map(str, wheels), "pytest", "hatchling", "editables")
    return python


def two_commands(python: Path, folder: Path) -> None:
    """From nothing to green tests in two commands, the second as the first prints it, in less than two minutes.

    Of processor time, since a busy machine would prove nothing; on an idle one the clock shows about the same.
    """
    before = processor_seconds()
    said = run(str(python.parent / "glasshouse"), "plugins", "new", "my_model", "--kind", "model", cwd=folder)
    (command,) = [line.strip() for line in said.splitlines() if line.startswith("  pip install ")]
    assert command == 'pip install -e "my_model[test]" && pytest my_model', command
    for part in command.split(" && "):
        module, *arguments = shlex.split(part)
        run(str(python), "-m", module, *arguments, cwd=folder, PIP_NO_BUILD_ISOLATION="0", OMP_NUM_THREADS="1")
    seconds = processor_seconds() - before
    assert "my_model" in run(str(python.parent / "glasshouse"), "plugins", "list", "--kind", "model", cwd=folder)
    print(f"from `plugins new` to green tests in {seconds:.0f} s of processor time")
    assert seconds < TWO_MINUTES, f"two commands took {seconds:.0f} s"


def processor_seconds() -> float:
    """Of all processes that this one has started and that have ended."""
    used = os.times()
    return used.children_user + used.children_system


def generated(python: Path, folder: Path) -> None:
    """One distribution of each kind; the model is there already."""
    glasshouse = str(python.parent / "glasshouse")
    for kind in KINDS:
        if kind != "model":
            run(glasshouse, "plugins", "new", f"my_{kind}", "--kind", kind, cwd=folder)
        run(glasshouse, "plugins", "new", f"small_{kind}", "--kind", kind, "--minimal", cwd=folder)
    names = [f"{size}_{kind}" for kind in KINDS for size in ("my", "small")]
    editable = [argument for name in names for argument in ("-e", name)]
    pip = (str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation")
    run(*pip, *editable, cwd=folder)
    small = folder / "test_small.py"
    small.write_text("".join(CONFORMANCE.format(name=f"small_{kind}", kind=kind) for kind in KINDS), encoding="utf-8")
    others = [f"my_{kind}/tests" for kind in KINDS if kind != "model"]
    tests = (str(python), "-m", "pytest", "-q", "--rootdir=.", *others, small.name)
    print(run(*tests, cwd=folder, OMP_NUM_THREADS="1").splitlines()[-1])
    listed = json.loads(run(glasshouse, "plugins", "list", "--json", cwd=folder))
    assert listed["broken"] == [], listed["broken"]
    assert set(names) <= {component["name"] for component in listed["components"]}
    said = run(glasshouse, "plugins", "doctor", cwd=folder)
    assert not any(name in said for name in names), said


if __name__ == "__main__":
    sys.exit("run it as: python tests/wheels/build_and_try.py")
