"""`glasshouse.run` and `glasshouse.audit_predictions` from Python; what importing the package costs."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import glasshouse
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import yaml
from glasshouse.config.allowed_packages import allow
from glasshouse.plugins import set_registry

SMALL: dict[str, Any] = {
    "model": "linear",
    "data": "diabetes",
    "optimizer": {"class_path": "sgd", "init_args": {"lr": 0.1}},
    "trainer": {"max_epochs": 2, "accelerator": "cpu"},
    "audits": ["performance"],
}

# ------------------------------------------------------------ importing


def modules_after(code: str) -> set[str]:
    done = subprocess.check_output([sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"], text=True)
    return set(done.split())


def test_importing_the_package_imports_itself_and_a_little_of_the_standard_library() -> None:
    added = modules_after("import glasshouse") - modules_after("pass")
    own = {f"glasshouse{module}" for module in ("", "._lazy_names", "._moved", "._version")}
    assert {module for module in added if module.partition(".")[0] not in sys.stdlib_module_names} == own
    assert len(added) < 60


def test_the_functions_are_there_without_torch() -> None:
    loaded = modules_after("import glasshouse; glasshouse.run; glasshouse.audit; glasshouse.audit_predictions")
    assert "glasshouse.api" in loaded
    assert not {"torch", "pytorch_lightning", "numpy", "pandas", "pyarrow"} & loaded


def test_importing_takes_less_than_60_ms_of_processor_time() -> None:
    """Of the import alone; the least of five, since a busy machine only ever adds."""
    code = "import time; t = time.process_time(); import glasshouse; print(time.process_time() - t)"
    seconds = [float(subprocess.check_output([sys.executable, "-c", code], text=True)) for _ in range(5)]
    assert min(seconds) < 0.060


def test_a_module_of_the_same_name_does_not_hide_a_function() -> None:
    sys.modules.pop("glasshouse.audit_predictions", None)
    with pytest.warns(glasshouse.PluginWarning, match="is now glasshouse.pipeline.existing_predictions"):
        importlib.import_module("glasshouse.audit_predictions")
    assert callable(glasshouse.audit_predictions)
    assert glasshouse.audit_predictions.__module__ == "glasshouse.api"


# ------------------------------------------------------------ run


@pytest.fixture(autouse=True)
def _no_packages_left_allowed() -> Any:
    yield
    allow(())
    set_registry(None)


def test_a_mapping_a_file_and_keywords_mean_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump({**SMALL, "trainer": {"max_epochs": 7, "accelerator": "cpu"}}))
    records = [
        glasshouse.run(SMALL),
        glasshouse.run(file, trainer={"max_epochs": 2}),
        glasshouse.run(str(file), trainer={"max_epochs": 2}),
        glasshouse.run(**SMALL),
    ]
    assert capsys.readouterr().out == ""  # a script's stdout is its own
    numbers = [record.to_pandas()["value"].tolist() for record in records]
    assert numbers[1:] == numbers[:1] * 3
    for record in records:
        config = yaml.safe_load((record.folder / "config.yaml").read_text())
        assert (config["trainer"]["max_epochs"], config["trainer"]["accelerator"]) == (2, "cpu")
    assert len({record.folder for record in records}) == 4
    assert records[0].record.run["command"][0] != "glasshouse"  # nobody typed that


def test_an_override_takes_the_place_of_a_component() -> None:
    record = glasshouse.run(SMALL, model={"class_path": "mlp", "init_args": {"hidden": [4]}}, evaluate_on="validate")
    assert record.record.run["model"]["name"] == "MLP"
    assert record.measurement("accuracy").split == "validate"


def test_classes_of_ones_own_have_to_be_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_for_api.py").write_text(
        "from torch import nn\n\nclass Net(nn.Linear):\n    def __init__(self, in_features, num_classes):\n"
        "        super().__init__(in_features, num_classes)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    config = {**SMALL, "model": {"class_path": "mine_for_api.Net"}}
    with pytest.raises(glasshouse.UserError, match="mine_for_api"):
        glasshouse.run(config)
    assert glasshouse.run(config, allow=["mine_for_api"]).record.run["model"]["name"] == "Net"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({**SMALL, "model": "lineer"}, "model 'lineer': is not known. Did you mean 'linear'"),
        ({**SMALL, "modle": "linear"}, "`modle`: is no key of a configuration. Did you mean 'model'"),
        ({**SMALL, "trainer": {"max_epoch": 1}}, "`trainer.max_epoch`: trainer has no option 'max_epoch'"),
        ({**SMALL, "trainer": 3}, "`trainer`: expected a mapping"),
        ({**SMALL, "model": np.zeros(2)}, "`model`: expected a value that YAML can represent, received ndarray"),
        ("nowhere.yaml", "nowhere.yaml: cannot be read"),
        ({"data": "diabetes"}, "model is missing"),
    ],
)
def test_mistakes_are_said_without_files_that_nobody_has_seen(config: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(glasshouse.UserError) as error:
        glasshouse.run(config)
    assert message in str(error.value)
    assert "/tmp" not in str(error.value).replace(str(tmp_path), "")
    assert not Path("runs").exists()


# ------------------------------------------------------------ predictions


def predictions() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = {"sex": rng.choice(["f", "m"], 400), "age": rng.integers(18, 80, 400), "score": rng.random(400)}
    rows["truth"] = np.where(rng.random(400) < rows["score"], "hire", "pass")
    rows["decision"] = np.where(rows["score"] > 0.5, "hire", "pass")
    return pd.DataFrame(rows)


ASKED: dict[str, Any] = {
    "prediction": "decision",
    "target": "truth",
    "score": "score",
    "sensitive": ["sex", "age"],
    "bins": {"age": (40, 60)},
    "favourable": "hire",
    "audits": ["fairness", "performance"],
}


@pytest.mark.parametrize("engine", ["pandas", "polars", "lazy", "arrow", "duckdb", "path", "paths"])
def test_predictions_of_every_engine_and_of_files(engine: str, tmp_path: Path) -> None:
    frame = predictions()
    frame.to_parquet(tmp_path / "all.parquet")
    for k in (0, 1):
        frame[200 * k : 200 * k + 200].to_csv(tmp_path / f"{k}.csv", index=False)
    given: dict[str, Any] = {
        "pandas": frame,
        "polars": pl.from_pandas(frame),
        "lazy": pl.from_pandas(frame).lazy(),
        "arrow": pa.Table.from_pandas(frame),
        "duckdb": duckdb.from_df(frame),
        "path": tmp_path / "all.parquet",
        "paths": [tmp_path / "0.csv", str(tmp_path / "1.csv")],
    }
    record = glasshouse.audit_predictions(given[engine], **ASKED)
    # by pandas: the oracle
    hired = (frame["decision"] == "hire").groupby(frame["sex"]).mean()
    for level, expected in hired.items():
        assert record.measurement("selection_rate", sex=str(level)).value == pytest.approx(expected)
    young = frame[frame["age"] < 40]
    assert record.measurement("count", age="under 40").value == len(young)
    accuracy = (frame["decision"] == frame["truth"]).mean()
    assert record.measurement("accuracy", audit="performance").value == pytest.approx(accuracy)
    assert record.folder.parent == Path("runs/predictions")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prediction": "decison"}, "there is no column 'decison'. Did you mean 'decision'"),
        ({"sensitive": "sex"}, "'age' is not among the sensitive columns"),
        ({"audits": "fairnes"}, "Did you mean 'fairness'"),
        ({"favourable": "hier"}, "Did you mean 'hire'"),
    ],
)
def test_columns_that_cannot_be_used_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(glasshouse.UserError) as error:
        glasshouse.audit_predictions(predictions(), **{**ASKED, **changes})
    assert message in str(error.value)
    assert not Path("runs").exists()


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(glasshouse.UserError, match="expected a frame or paths of files, received int"):
        glasshouse.audit_predictions(3, prediction="decision")
