"""The page on images and text: its plugin is run, its network learns, it and the catalogue name what there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from glasshouse.evidence.self_scoring import self_score_loss, self_score_target
from glasshouse.record.record import read_record
from glasshouse_audits.declarations import glasshouse_audits
from glasshouse_plugins.declarations import glasshouse_data, glasshouse_models

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "images_and_text.md").read_text(encoding="utf-8")
CATALOGUE = (DOCS / "catalogue.md").read_text(encoding="utf-8")
NETWORK, PLUGIN = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("hook", [glasshouse_data, glasshouse_models, glasshouse_audits])
def test_it_names_all_that_is_made_for_images_or_text_alone(hook) -> None:
    made = [each.name for each in hook() if "tabular" not in each.modalities]
    assert len(made) >= 2
    assert [name for name in made if f"`{name}`" not in PAGE + CATALOGUE] == []


def test_its_network_without_labels_learns() -> None:
    names: dict[str, Any] = {}
    exec(NETWORK, names)
    torch.manual_seed(0)
    network = names["Bottleneck"]([1, 6, 6])
    target = self_score_target(network)
    assert target is not None
    assert (target.name, target.observed) == ("reconstruction_error", False)
    x = torch.rand(20, 1, 6, 6)
    before = self_score_loss(network, x).mean()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(50):
        loss = self_score_loss(network, x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < before / 2


@pytest.mark.examples
@pytest.mark.xdist_group("documented")
def test_its_plugin_and_its_command(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN, encoding="utf-8")
    (command,) = re.findall(r"^glasshouse (run --plugin .*)$", PAGE, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-m", "glasshouse", *command.split(), "--trainer.max_epochs", "15"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    record = read_record(tmp_path / done.stdout.splitlines()[-1] / "record.json")
    told = {audit.name: audit.status for audit in record.audits}
    assert told["image_attribution"] == told["performance"] == told["membership_inference"] == "completed"
    assert "error" not in told.values()
    (accuracy,) = [m for m in record.performance if m.name == "accuracy" and not m.group]
    assert accuracy.value > 0.9
