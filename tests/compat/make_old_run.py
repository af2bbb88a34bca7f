"""Makes, with the code of an earlier commit, what later code must still open; the results are kept in ``tests/gold``.

    git worktree add /tmp/old fff9128
    python -m venv /tmp/old.venv && (cd /tmp/old && /tmp/old.venv/bin/pip install -r requirements.txt)
    python tests/compat/make_old_run.py /tmp/old.venv/bin/python /tmp/old tests/gold/before_rooms

It writes

- ``finished.tar.xz``: the folder of a finished run of diabetes, two epochs, all default audits;
- ``interrupted.tar.xz``: the folder of a run whose process was killed right after its second epoch's checkpoint;
- ``uninterrupted.json``: the record of the same run when nothing kills it;
- ``sample_plugin/``: the sources of ``tests/sample_plugin``;
- ``names.json``: the modules of `glasshouse`, the names that documentation, examples, templates and the sibling
  distributions of that commit import from it, and the classes that configurations may have stored.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
from pathlib import Path

FINISHED = """\
name: finished
seed_everything: 42
trainer: {max_epochs: 2, accelerator: cpu, enable_progress_bar: false}
model: {class_path: mlp, init_args: {hidden: [8], dropout: 0.2}}
data: {class_path: diabetes, init_args: {task: binary, batch_size: 64}}
optimizer: {class_path: adamw, init_args: {lr: 0.003}}
report: [html, json]
"""
INTERRUPTED = """\
name: interrupted
seed_everything: 7
trainer: {max_epochs: 4, accelerator: cpu, enable_progress_bar: false}
model: {class_path: mlp, init_args: {hidden: [8], dropout: 0.2}}
data: {class_path: diabetes, init_args: {task: binary, batch_size: 64}}
optimizer: {class_path: adamw, init_args: {lr: 0.003}}
lr_scheduler: {class_path: plateau, init_args: {patience: 0, factor: 0.5}}
techniques: [{name: early_stopping, patience: 8}]
audits: [performance]
report: [json]
"""
KILLED = """
import os, runpy, signal, sys
from pathlib import Path

replace, seen = Path.replace, []

def dying_replace(self, target):
    done = replace(self, target)
    if Path(target).name == "last.ckpt":
        seen.append(target)
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
    return done

Path.replace = dying_replace
sys.argv = ["glasshouse", *sys.argv[1:]]
runpy.run_module("glasshouse", run_name="__main__", alter_sys=True)
"""
"""Runs glasshouse, and kills the process when the checkpoint of the second epoch is written."""

PLACE = Path("/tmp/glasshouse-before-rooms")
"""Where the runs are made. A checkpoint names its folder, so the interrupted run is resumed at this place only."""

READ = (
    "README.md",
    "docs",
    "examples",
    "audits",
    "plugins",
    "core/src/glasshouse/scaffold/templates",
    "tests/sample_plugin",
)
"""Where names count as public that are imported from `glasshouse`."""


def main() -> None:
    """Make the runs and copy the sources."""
    parser = argparse.ArgumentParser(description="Old runs, names and plugins, for tests of what still opens them.")
    parser.add_argument("python", type=Path, help="an interpreter with the old code installed")
    parser.add_argument("checkout", type=Path, help="a work tree of the old commit")
    parser.add_argument("to", type=Path, help="the folder of the results")
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    PLACE.mkdir()
    try:
        pack(run(options.python, "finished", FINISHED), options.to / "finished.tar.xz")
        pack(run(options.python, "interrupted", INTERRUPTED, killed=True), options.to / "interrupted.tar.xz")
        shutil.rmtree(PLACE / "runs")
        whole = run(options.python, "interrupted", INTERRUPTED)
        shutil.copyfile(whole / "record.json", options.to / "uninterrupted.json")
    finally:
        shutil.rmtree(PLACE)
    shutil.copytree(options.checkout / "tests/sample_plugin", options.to / "sample_plugin", dirs_exist_ok=True)
    names = {
        "modules": modules(options.checkout),
        "public": public_names(options.checkout),
        "targets": targets(options.python),
    }
    (options.to / "names.json").write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")


def run(python: Path, name: str, config: str, *, killed: bool = False) -> Path:
    """The folder of one run."""
    (PLACE / f"{name}.yaml").write_text(config, encoding="utf-8")
    how = ["-c", KILLED] if killed else ["-m", "glasshouse"]
    done = subprocess.run(
        [python, *how, "run", "--config", f"{name}.yaml"],
        cwd=PLACE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""},
        check=False,
    )
    if done.returncode != (-signal.SIGKILL if killed else 0):
        raise SystemExit(f"the run {name} ended with {done.returncode}")
    (made,) = (PLACE / "runs" / name).iterdir()
    return made


def pack(run_folder: Path, archive: Path) -> None:
    """The folder as an archive, files in order and without the owner's name."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = entry.mtime = 0
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(archive, "w:xz") as file:
        for path in sorted(run_folder.rglob("*")):
            file.add(path, path.relative_to(run_folder.parent), recursive=False, filter=plain)


def modules(checkout: Path) -> list[str]:
    """Every module of `glasshouse`, without that name itself."""
    root = checkout / "core/src/glasshouse"
    found = {".".join(path.relative_to(root).with_suffix("").parts) for path in root.rglob("*.py")}
    return sorted(name.removesuffix(".__init__") for name in found - {"__init__", "__main__"})


def public_names(checkout: Path) -> list[str]:
    """``module:name`` of all that is imported from `glasshouse` in what users read and copy."""
    found = set()
    for path in (path for start in READ for path in (checkout / start, *sorted((checkout / start).rglob("*")))):
        if path.suffix not in {".md", ".py", ".jinja"} or "decisions" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        for module, names in re.findall(r"from (glasshouse(?:\.\w+)*) import (\([^)]*\)|[^\n]+)", text):
            for name in re.sub(r"#.*| as \w+", "", names).strip("() \n").split(","):
                if re.fullmatch(r"[A-Za-z]\w*", name.strip()):
                    found.add(f"{module}:{name.strip()}")
    return sorted(found)


def targets(python: Path) -> list[str]:
    """``module:class`` of every component whose class path a ``config.yaml`` or a checkpoint contains."""
    command = [python, "-m", "glasshouse", "plugins", "list", "--json"]
    listed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    stored = {"model", "data", "optimizer", "lr_scheduler", "technique"}
    return sorted(each["target"] for each in listed["components"] if each["kind"] in stored)


if __name__ == "__main__":
    main()
