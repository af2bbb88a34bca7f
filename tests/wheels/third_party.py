"""Build examples/third_party_plugin as a wheel, install it, run its tests, and use it as its README says.

    python tests/wheels/third_party.py

in an environment that has glasshouse and its siblings, pytest and hatchling. ``tox -e third_party`` makes one; the
environment of the wheels has them as well and does the same.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from build_and_try import REPOSITORY, run

EXAMPLE = REPOSITORY / "examples" / "third_party_plugin"


def try_out(python: Path, folder: Path) -> None:
    """Everything, with the environment of a Python, in a folder that is thrown away."""
    copy = folder / EXAMPLE.name
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", "runs"))
    pip = (str(python), "-m", "pip")
    run(*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", ".", cwd=copy)
    (wheel,) = (copy / "dist").glob("*.whl")
    run(*pip, "install", "--quiet", "--no-deps", "--force-reinstall", str(wheel))
    # its source is out of the way: what is tested is what was installed
    shutil.rmtree(copy / "src")
    print(run(str(python), "-m", "pytest", "-q", cwd=copy, OMP_NUM_THREADS="1").splitlines()[-1])
    kept = violations(python, copy)
    assert kept == {"income": 0.0, "years": 0.0, "debt": 0.0}, kept
    promised_nothing = violations(python, copy, "--model", "mlp")
    assert promised_nothing["years"] > 0.2, promised_nothing


def violations(python: Path, folder: Path, *options: str) -> dict[str, float]:
    """The example's run: the share of people for whom each promise does not hold, which its report shows too."""
    said = run(
        *(str(python), "-m", "glasshouse", "run", "--config", "run.yaml", *options), cwd=folder, OMP_NUM_THREADS="1"
    )
    run_dir = folder / said.splitlines()[-1]
    record = json.loads((run_dir / "record.json").read_text(encoding="utf-8"))
    assert {audit["status"] for audit in record["audits"]} == {"completed"}, record["audits"]
    assert "Monotonicity" in [section["title"] for section in record["sections"]]
    assert "Monotonicity" in (run_dir / "report.html").read_text(encoding="utf-8")
    (audit,) = [audit for audit in record["audits"] if audit["name"] == "monotonicity"]
    return {m["parameters"]["feature"]: m["value"] for m in audit["measurements"]}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        try_out(Path(sys.executable), Path(name))
