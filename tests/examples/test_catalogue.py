"""examples/catalogue: every configuration is understood, and the page says what the benchmark found for each.

What they reach is measured by benchmarks/catalogue.py, which takes longer than tests may.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from glasshouse.cli.main import main
from glasshouse.plugins import Registry, set_registry

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "catalogue"
CONFIGS = sorted(FOLDER.glob("*.yaml"))
MEASURED = {path.stem for path in CONFIGS if "performance" in path.read_text(encoding="utf-8")}
WANTED = {"mnist_mlp": 94.5, "mnist": 98.0, "adult": 85.0, "sms": 97.0}
"""Per cent, by configuration or by the data that its name begins with."""

pytestmark = pytest.mark.examples


@pytest.mark.parametrize("config", CONFIGS, ids=[path.stem for path in CONFIGS])
def test_a_configuration_is_understood(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    set_registry(None)
    assert main(["run", "--config", str(config), "--print_config"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["name"] == config.stem
    asked = yaml.safe_load(config.read_text(encoding="utf-8"))["model"]
    component = Registry().find("model", asked if isinstance(asked, str) else asked["class_path"])
    assert printed["model"]["class_path"] in (component.name, component.class_path)


def test_the_page_has_what_the_benchmark_found_and_every_goal_is_met() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[`(\w+)`\].*$", page, re.MULTILINE)
    assert sorted(rows) == sorted(MEASURED)
    for line in re.findall(r"^\| \[`\w+`\].*$", page, re.MULTILINE):
        name, _, first, spread, goal, _, met = (cell.strip() for cell in line.strip("|").split("|"))
        name = name.split("`")[1]
        wanted = WANTED.get(name) or WANTED[name.partition("_")[0]]
        assert float(goal.rstrip("%")) == wanted
        mean, deviation = re.fullmatch(r"([\d.]+)% ± ([\d.]+)%", spread).groups()  # type: ignore[union-attr]
        assert float(deviation) > 0
        assert met == "yes"
        assert min(float(first.rstrip("%")), float(mean)) >= wanted
