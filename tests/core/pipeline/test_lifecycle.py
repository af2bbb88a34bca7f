"""A run, a model that exists and predictions alone live the same life: the same hooks, header, record and manifest."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import glasshouse
import numpy as np
import pytest
import torch
from glasshouse.plugins import Registry, set_registry
from glasshouse.run_folder.manifest import differences
from torch.utils.data import DataLoader, TensorDataset

PLUGIN = '''
"""Writes down what it hears, and a file at the end; its section reads the policy."""

import json

from glasshouse import Section, hookimpl

heard = []


@hookimpl
def glasshouse_check_run(run):
    heard.append(["check_run", run.command, run.policy.name, run.info is not None])


@hookimpl
def glasshouse_stage_finished(run, stage):
    heard.append(["stage", stage])


@hookimpl
def glasshouse_report_sections(run):
    names = ", ".join(result.name for result in run.results)
    yield Section(title=f"Judged by {run.policy.name}", text=f"{run.evidence.info.name}: {names}")


@hookimpl
def glasshouse_run_finished(run):
    heard.append(["finished", run.record.verdict])
    (run.folder / "badge.json").write_text(json.dumps(heard))
    heard.clear()
'''


@pytest.fixture(autouse=True)
def _registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    plugin = tmp_path / "plugins" / "badge.py"  # not where python -m looks for modules
    plugin.parent.mkdir()
    plugin.write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    set_registry(Registry.from_environment(files=[plugin]))
    yield
    set_registry(None)
    sys.modules.pop("badge", None)


def a_run() -> glasshouse.RunRecord:
    quiet = {"max_epochs": 1, "logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return glasshouse.run(model="linear", data="diabetes", optimizer="sgd", trainer=quiet, audits=["performance"])


def a_model() -> glasshouse.RunRecord:
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    loader = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=8)
    return glasshouse.audit(torch.nn.Linear(3, 2), {"test": loader}, audits=["performance"])


def predictions() -> glasshouse.RunRecord:
    import pandas as pd

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"decision": rng.choice(["no", "yes"], 60), "truth": rng.choice(["no", "yes"], 60)})
    return glasshouse.audit_predictions(
        frame, prediction="decision", target="truth", favourable="yes", audits=["performance"]
    )


KINDS = {"a run": a_run, "a model": a_model, "predictions": predictions}
TRAINING = {"a run": [["stage", "fit"]]}


@pytest.mark.parametrize("kind", KINDS)
def test_hooks_hear_the_same_life_and_the_manifest_has_what_they_wrote(kind: str) -> None:
    record = KINDS[kind]()
    heard = json.loads((record.folder / "badge.json").read_text())
    check, *stages, last = heard
    assert check[0] == "check_run"
    assert check[2] == "default"
    assert check[3]
    assert stages == [*TRAINING.get(kind, []), ["stage", "evidence"], ["stage", "audit"], ["stage", "report"]]
    assert last == ["finished", record.verdict]
    assert not differences(record.folder)
    assert "badge.json" in json.loads((record.folder / "manifest.json").read_text())["sha256"]


@pytest.mark.parametrize("kind", KINDS)
def test_headers_have_the_same_keys_and_sections_see_policy_and_evidence(kind: str) -> None:
    written = json.loads((KINDS[kind]().folder / "record.json").read_text())
    assert sorted(written["run"]) == [
        "command", "config", "created", "data", "glasshouse_version", "id", "model", "name", "provenance", "seed",
    ]  # fmt: skip
    assert (written["run"]["model"] is None) == (kind == "predictions")
    (section,) = written["sections"]
    assert section["title"] == "Judged by default"
    assert section["text"].endswith(": performance")
    assert written["run"]["config"]["policy"] == "default"


def refusing(hook: str) -> Callable[..., None]:
    def refuse(self: Any, name: str, **arguments: Any) -> Any:
        if name == hook:
            raise glasshouse.UserError("plugin", "refuses.")
        return original(self, name, **arguments)

    original = Registry.call
    return refuse


@pytest.mark.parametrize("kind", KINDS)
def test_a_plugin_that_refuses_the_run_leaves_nothing_behind(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registry, "call", refusing("glasshouse_check_run"))
    with pytest.raises(glasshouse.UserError, match="refuses"):
        KINDS[kind]()
    assert not list(tmp_path.rglob("config.yaml"))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_failure_after_the_audits_reaches_plugins_and_keeps_the_audits(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = []
    original = Registry.call

    def call(self: Registry, name: str, **arguments: Any) -> Any:
        if name == "glasshouse_run_failed":
            failed.append(str(arguments["error"]))
        if name == "glasshouse_report_sections":
            raise glasshouse.UserError("plugin", "cannot draw.")
        return original(self, name, **arguments)

    monkeypatch.setattr(Registry, "call", call)
    with pytest.raises(glasshouse.UserError, match="cannot draw"):
        KINDS[kind]()
    assert failed == ["plugin: cannot draw."]
    assert [path.name for path in tmp_path.rglob("audits/*.json")] == ["performance.json"]
    assert not list(tmp_path.rglob("record.json"))
    assert "ended early" in capsys.readouterr().err


def test_predictions_take_a_policy_and_a_name(tmp_path: Path) -> None:
    import pandas as pd

    strict = tmp_path / "strict.yaml"
    strict.write_text(
        "name: strict\nrules:\n"
        "  - {title: accurate, audit: performance, measurement: accuracy, min: 0.99, evidence: value,"
        " severity: high, source: us, explanation: must be accurate}\n"
    )
    frame = pd.DataFrame({"decision": ["no", "yes"] * 20, "truth": ["no", "no", "yes", "yes"] * 10})
    record = glasshouse.audit_predictions(
        frame, prediction="decision", target="truth", favourable="yes", policy=strict, name="quarter/one"
    )
    assert record.verdict == "fail"
    assert record.folder.parent == Path("runs/quarter/one")
