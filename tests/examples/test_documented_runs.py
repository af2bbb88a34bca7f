"""What the documentation shows is run: the README's plugin, every lifecycle hook's, and a CSV file of one's own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from glasshouse.plugins import hookspecs
from glasshouse.plugins.declarations import PLUGIN_TYPES
from glasshouse.record.record import read_record

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PLUGINS = (REPOSITORY / "docs" / "plugins.md").read_text(encoding="utf-8")
RUNNING = (REPOSITORY / "docs" / "running.md").read_text(encoding="utf-8")
REGISTRATION = {plugin_type.hook for plugin_type in PLUGIN_TYPES}
LIFECYCLE = [name for name in vars(hookspecs) if name.startswith("glasshouse_") and name not in REGISTRATION]

pytestmark = [pytest.mark.examples, pytest.mark.xdist_group("documented")]


def glasshouse(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "glasshouse", *arguments],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


def smallest_plugin(hook: str) -> str:
    section = PLUGINS.split(f"\n### {hook}\n")[1].split("\n### ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)[-1]


@pytest.fixture(scope="module")
def run_with_plugins(tmp_path_factory):
    """One short run of diabetes with the README's audit and the smallest plugin of every lifecycle hook."""
    here = tmp_path_factory.mktemp("documented")
    (here / "mine.py").write_text(re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0], encoding="utf-8")
    files = ["mine.py"]
    for hook in LIFECYCLE:
        files.append(f"{hook}_plugin.py")
        (here / files[-1]).write_text(smallest_plugin(hook), encoding="utf-8")
    options = [word for file in files for word in ("--plugin", file)]
    config = str(REPOSITORY / "examples" / "diabetes" / "run.yaml")
    done = glasshouse(
        "run", *options, "--config", config, "--audits", "[low_confidence]", "--trainer.max_epochs", "2", cwd=here
    )
    return here / done.stdout.splitlines()[-1], done.stderr


def test_the_readmes_audit_is_in_the_record(run_with_plugins):
    folder, _ = run_with_plugins
    (result,) = read_record(folder / "record.json").audits
    assert (result.name, result.status) == ("low_confidence", "completed")
    (rate,) = result.measurements
    assert rate.n == 89
    assert 0 <= rate.value <= 1


def test_every_lifecycle_hook_is_heard(run_with_plugins):
    folder, said = run_with_plugins
    assert "up to 2 epochs" in said
    assert [f"finished: {stage}" in said for stage in ("fit", "evidence", "audit", "report")] == [True] * 4
    assert "low_confidence: 1 measurements" in said
    assert f"verdict of {folder.name}: not_judged" in said
    assert (folder / "second_log" / "metrics.csv").is_file()
    assert [section.title for section in read_record(folder / "record.json").sections] == ["Intended use"]
    assert "Not for decisions about patients." in (folder / "report.html").read_text(encoding="utf-8")
    assert not (folder / "failed.txt").exists()


def test_a_run_that_fails_is_told_to_plugins(tmp_path):
    (tmp_path / "watch.py").write_text(smallest_plugin("glasshouse_run_failed"), encoding="utf-8")
    (tmp_path / "stop.py").write_text(
        "from glasshouse import UserError, hookimpl\n\n@hookimpl\ndef glasshouse_stage_finished(run, stage):\n"
        "    raise UserError('stop', f'after {stage}.')\n",
        encoding="utf-8",
    )
    arguments = ["--model", "linear", "--data", "diabetes", "--optimizer", "sgd", "--trainer.max_epochs", "1"]
    glasshouse("run", "--plugin", "watch.py", "--plugin", "stop.py", *arguments, cwd=tmp_path, code=2)
    (note,) = tmp_path.glob("runs/diabetes/*/failed.txt")
    assert note.read_text(encoding="utf-8") == "UserError: stop: after fit.\n"


def test_the_configuration_for_a_csv_file_of_ones_own(tmp_path):
    """The one in docs/running.md, with every key that it shows."""
    config = re.findall(r"```yaml\n(.*?)```", RUNNING, re.DOTALL)[0]
    (tmp_path / "run.yaml").write_text(config, encoding="utf-8")
    random = np.random.default_rng(0)
    rows = ["sex,age,skill,town,hired"]
    for sex, age, skill, town in zip(
        random.choice(["f", "m"], 400), random.integers(18, 66, 400), random.normal(size=400), "abcd" * 100, strict=True
    ):
        rows.append(f"{sex},{age},{skill:.4f},{town},{'yes' if skill + random.normal() > 0 else 'no'}")
    (tmp_path / "people.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")

    done = glasshouse("run", "--config", "run.yaml", "--trainer.max_epochs", "3", cwd=tmp_path)
    folder = tmp_path / done.stdout.splitlines()[-1]
    assert folder.parent == tmp_path / "runs" / "hiring"
    assert {path.name for path in folder.glob("report.*")} == {"report.html", "report.json", "report.md"}
    data = read_record(folder / "record.json").run["data"]
    assert "sex" not in [feature["name"] for feature in data["features"]]
    assert {each["name"]: each["seen_by_model"] for each in data["sensitive"]} == {"sex": False, "age": True}
    shown = yaml.safe_load(config)
    assert yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["sensitive"] == shown["sensitive"]


def test_the_readmes_configuration_is_complete(tmp_path):
    config = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)[0]
    (tmp_path / "run.yaml").write_text(config, encoding="utf-8")
    people = [f"{i % 7},{'fm'[i % 2]},{i * 7919 % 2}" for i in range(200)]
    (tmp_path / "people.csv").write_text("\n".join(["age,sex,hired", *people]) + "\n", encoding="utf-8")
    glasshouse("run", "--config", "run.yaml", "--trainer.max_epochs", "1", "--no_audits", cwd=tmp_path)
