"""The plugin that strangers copy: built and installed by pip, then used through the command line alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from glasshouse import DataInfo, Evidence, Predictions, Target
from glasshouse.plugins import Registry
from glasshouse.record.record import build_record
from glasshouse.system.atomic_files import write_json
from scipy.stats import binomtest

SAMPLE = Path(__file__).resolve().parents[1] / "sample_plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder that pip installed the sample into."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", str(folder), str(SAMPLE)], check=True, timeout=120)
    return folder


def glasshouse(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "glasshouse", *arguments],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def run_dir(tmp_path) -> Path:
    target = Target(name="y", kind="binary", classes=("no", "yes"))
    info = DataInfo(name="toy", modality="tabular", target=target, input_shape=(1,))
    keys = ("glasshouse_version", "command")
    header = {"id": "1", "name": "first", "created": "2026-01-01T00:00:00Z", "seed": None, "config": {}}
    header |= dict.fromkeys(keys, "x") | {"provenance": {}, "data": info.to_dict(), "model": None}
    write_json(tmp_path / "record.json", build_record(header, []).to_dict())
    return tmp_path


def test_each_component_is_listed_with_its_origin_and_the_doctor_is_content(installed):
    listed = json.loads(glasshouse(installed, "plugins", "list", "--json").stdout)
    sample = {entry["name"]: entry for entry in listed["components"] if entry["distribution"] == "glasshouse-sample"}
    assert sample.keys() == {"line", "doubt", "exchange", "one_line", "verdict"}
    assert {entry["version"] for entry in sample.values()} == {"1.2.0"}
    assert listed["broken"] == []
    done = glasshouse(installed, "plugins", "doctor")
    assert done.returncode == 0, done.stdout


def test_its_options_are_shown(installed):
    [line] = json.loads(glasshouse(installed, "plugins", "show", "affine", "--json").stdout)
    assert [(option["name"], option["default"]) for option in line["options"]] == [
        ("in_features", None),
        ("num_classes", None),
        ("bias", "True"),
    ]
    [doubt] = json.loads(glasshouse(installed, "plugins", "show", "doubt", "--json").stdout)
    assert doubt["options"] == [
        {
            "name": "threshold",
            "type": "float",
            "default": "0.6",
            "doc": "Probability under which a decision counts as doubtful.",
        }
    ]


def test_its_command_and_its_report_format_work(installed, run_dir):
    done = glasshouse(installed, "verdict", str(run_dir))
    assert (done.returncode, done.stdout, done.stderr) == (0, "not_judged\n", "")
    assert glasshouse(installed, "verdict").stderr == (
        "error: verdict: expected one folder, received 0.\n       Write: glasshouse verdict RUN_DIR\n"
    )
    assert glasshouse(installed, "report", str(run_dir), "--format", "one_line").returncode == 0
    assert (run_dir / "report.txt").read_text() == "first: not_judged\n"


@pytest.mark.parametrize("largest", [[0.9, 0.55, 0.5, 0.6], []], ids=["four rows", "no rows"])
def test_its_audit_measures_doubt(installed, monkeypatch, largest):
    monkeypatch.syspath_prepend(str(installed))
    plugins = Registry(only=["glasshouse-sample"])
    audit = plugins.load(plugins.find("audit", "doubt"))()
    target = Target(name="y", kind="binary", classes=("no", "yes"))
    probability = np.array(largest, dtype=np.float32)
    predictions = Predictions(
        split="test",
        target=target,
        index=np.arange(len(largest)),
        scores=np.stack([1 - probability, probability], axis=1),
        targets=None,
        losses=None,
    )
    info = DataInfo(name="toy", modality="tabular", target=target, input_shape=(1,))
    [rate] = audit.measure(Evidence(info=info, predictions={"test": predictions})).measurements
    if not largest:
        assert (rate.value, rate.undefined, rate.n) == (None, "the split is empty", 0)
        return
    # 0.55 and 0.5 lie under 0.6; 0.6 does not (as float32 it is 0.60000002)
    wilson = binomtest(2, 4).proportion_ci(method="wilson")
    assert (rate.value, rate.low, rate.high, rate.n) == (0.5, wilson.low, wilson.high, 4)


EXPLAINING = """
import json
import numpy as np, torch
from glasshouse import DataInfo, Evidence, Feature, ModelHandle, Predictions, Target
from glasshouse_audits.explain.features.audit import FeatureAttributionAudit

target = Target(name="y", kind="regression")
features = tuple(Feature(name=name, kind="numeric", columns=(k,)) for k, name in enumerate("abc"))
info = DataInfo(name="toy", modality="tabular", target=target, input_shape=(3,), features=features)
torch.manual_seed(0)
x = torch.randn(30, 3)
holder = torch.nn.Module()
holder.network = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
model = ModelHandle(holder, info)
scores = model.scores(x).numpy()
test = Predictions(split="test", target=target, index=np.arange(30), scores=scores, targets=None, losses=None)
evidence = Evidence(info=info, predictions={"test": test}, model=model, inputs=lambda split: x)
methods = [{"name": "exchange", "others": 30}, "shapley"]
result = FeatureAttributionAudit(methods=methods, rows=30, background=30, cross_check=False).measure(evidence)
print(json.dumps([
    sorted({m.name for m in result.measurements if "exchange" in m.parameters.values()}),
    [figure.kind for figure in result.figures if figure.title.startswith("Exchange")],
]))
"""


def test_its_explainer_is_checked_and_drawn_like_ours(forks, installed, tmp_path):
    """The sample has not a line about checks or figures."""
    done = forks.run("-c", EXPLAINING, cwd=tmp_path, env={"PYTHONPATH": str(installed)})
    assert done.returncode == 0, done.stderr
    measured, drawn = json.loads(done.stdout)
    checks = {"deletion_area", "insertion_area", "infidelity", "max_sensitivity", "method_agreement"}
    assert {"mean_absolute_attribution", *checks} <= set(measured)
    assert drawn == ["dot_interval", "beeswarm", "bar", "bar", "bar"]
