"""`glasshouse run` with every model of ours and data of each modality that it takes, and all audits that fit.

The data are small: what a model reaches is the benchmark's business (benchmarks/catalogue.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from glasshouse.cli.main import main
from glasshouse.plugins import Component, Registry, set_registry
from PIL import Image

OURS = Registry(only=["glasshouse", "glasshouse-audits", "glasshouse-plugins"])
MODELS = OURS.components("model")
SMALL: Mapping[str, dict[str, Any]] = {
    "ft_transformer": {"width": 8, "blocks": 1},
    "resnet": {"width": 4},
    "vgg": {"width": 4},
    "inception": {"width": 16},
    "huggingface": {
        "config": {
            "model_type": "bert",
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
        }
    },
}
"""Options of models whose defaults are large, or that need some."""
MEMBERS = {"tabular": ["linear", "mlp"], "image": ["linear", "cnn"], "text": ["text_cnn", "gru"], "sequence": ["gru"]}
ITS_OWN_OPTIMIZERS = {"gan"}
FEWER_ROWS = {
    "feature_attribution": {"rows": 8, "background": 8},
    "feature_effects": {"rows": 50},
    "image_attribution": {"rows": 8},
    "text_attribution": {"rows": 8},
}
AUDITS = [{"name": audit.name, **FEWER_ROWS.get(audit.name, {})} for audit in OURS.components("audit")]
CASES = [(component, modality) for component in MODELS for modality in component.plugin.modalities]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of texts, series and interactions, and a folder of pictures."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    for kind in ("dark", "light"):
        (folder / "pictures" / kind).mkdir(parents=True)
        for number in range(60):
            grey = rng.integers(0, 128, (16, 16)) + (100 if kind == "light" else 0)
            Image.fromarray(grey.astype(np.uint8)).save(folder / "pictures" / kind / f"{number}.png")
    rows = ["text,kind,region"]
    for _ in range(200):
        kind = rng.integers(0, 2)
        words = [*rng.choice(["alpha", "beta", "gamma", "delta"], 6), "win" if kind else "meet"]
        rows.append(f"{' '.join(rng.permutation(words))},{'bad' if kind else 'good'},{rng.choice(['north', 'south'])}")
    (folder / "texts.csv").write_text("\n".join(rows), encoding="utf-8")
    rows = ["entity,time,level,speed,failed,region"]
    for entity in range(20):
        region, trend = rng.choice(["north", "south"]), rng.integers(0, 2)
        for time in range(40):
            rows.append(f"{entity},{time},{trend * time + rng.normal():.4f},{rng.normal():.4f},{trend},{region}")
    (folder / "series.csv").write_text("\n".join(rows), encoding="utf-8")
    rows = ["user,item,liked,item_group"]
    for user in range(40):
        for item in rng.choice(30, 12, replace=False):
            rows.append(f"u{user},i{item},{int((user + item) % 3 > 0)},{'new' if item % 2 else 'old'}")
    (folder / "interactions.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def data_for(model: str, modality: str, files: Path) -> dict[str, Any]:
    """The smallest data of a modality."""
    if model == "recommender" or "factor" in model or "tower" in model:
        return {"class_path": "interactions", "init_args": {"path": str(files / "interactions.csv")}}
    return {
        "tabular": {"class_path": "diabetes", "init_args": {"batch_size": 64}},
        "image": {"class_path": "image_folder", "init_args": {"path": str(files / "pictures"), "colour": "grey"}},
        "text": {
            "class_path": "text_table",
            "init_args": {
                "path": str(files / "texts.csv"),
                "text": "text",
                "target": "kind",
                "favourable": "good",
                "sensitive": ["region"],
            },
        },
        "sequence": {
            "class_path": "time_series_table",
            "init_args": {
                "path": str(files / "series.csv"),
                "target": "failed",
                "entity": "entity",
                "time": "time",
                "length": 3,
                "features": ["level", "speed"],
                "sensitive": ["region"],
            },
        },
    }[modality]


@pytest.mark.parametrize(("component", "modality"), CASES, ids=[f"{c.name}-{modality}" for c, modality in CASES])
def test_a_model_is_trained_audited_and_reported(
    component: Component,
    modality: str,
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    set_registry(None)
    options = {"members": MEMBERS[modality]} if component.plugin.members else SMALL.get(component.name, {})
    config: dict[str, Any] = {
        "name": "tried",
        "run_dir": "runs",
        "seed_everything": 1,
        "trainer": {"max_epochs": 1, "limit_train_batches": 4},
        "model": {"class_path": component.name, "init_args": options},
        "data": data_for(component.name, modality, files),
        "audits": AUDITS,
        "report": ["html", "json"],
    }
    if component.name not in ITS_OWN_OPTIMIZERS:
        config["optimizer"] = "adamw"
    Path("run.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    code = main(["run", "--config", "run.yaml"])
    out, err = capsys.readouterr()
    assert code == 0, err
    record = json.loads((Path(out.splitlines()[-1]) / "record.json").read_text(encoding="utf-8"))
    statuses = {audit["name"]: (audit["status"], audit.get("reason")) for audit in record["audits"]}
    assert {status for status, _ in statuses.values()} <= {"completed", "skipped"}, statuses
    assert all(reason for status, reason in statuses.values() if status == "skipped")
    assert sum(status == "completed" for status, _ in statuses.values()) >= 2, statuses
