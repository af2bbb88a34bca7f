"""OpenML's own answers, which scikit-learn brings along for its tests, in the folder where it would have put them."""

from __future__ import annotations

import gzip
import json
import shutil
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from glasshouse import UserError
from glasshouse_plugins.data.openml import OpenML
from sklearn.datasets import _openml, load_iris

pytest.importorskip("pandas", reason="needs pandas: pip install glasshouse-plugins[openml]")

RECORDED = resources.files("sklearn.datasets.tests.data.openml")


def put(folder: Path, number: int, answers: dict[str, str]) -> Path:
    """Recorded answers of a data set under the paths of the addresses that they answered."""
    for name, address in answers.items():
        path = folder / "openml" / "openml.org" / f"{address}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with resources.as_file(RECORDED / f"id_{number}" / f"{name}.gz") as source:
            shutil.copy(source, path)
    return folder


def cached(folder: Path, number: int, *, by_name: str | None = None, without_data: bool = False) -> Path:
    with resources.as_file(RECORDED / f"id_{number}" / f"api-v1-jd-{number}.json.gz") as source:
        url = json.loads(gzip.decompress(Path(source).read_bytes()))["data_set_description"]["url"]
    file = int(url.split("/download/")[1].split("/")[0])
    answers = {
        f"api-v1-jd-{number}.json": f"api/v1/json/data/{number}",
        f"api-v1-jdf-{number}.json": f"api/v1/json/data/features/{number}",
        f"api-v1-jdq-{number}.json": f"api/v1/json/data/qualities/{number}",
    }
    if not without_data:
        answers[f"data-v1-dl-{file}.arff"] = url.split("openml.org/")[1]
    if by_name:
        listed = f"api/v1/json/data/list/data_name/{by_name}/limit/2/data_version/1"
        answers[f"api-v1-jdl-dn-{by_name}-l-2-dv-1.json"] = listed
    return put(folder, number, answers)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(request: Any, *arguments: Any, **options: Any) -> Any:
        raise URLError("the net is not there")

    monkeypatch.setattr(_openml, "urlopen", refuse)


def ready(folder: Path, **options: Any) -> OpenML:
    data = OpenML(path=str(folder), **options)
    data.setup()
    return data


@pytest.mark.parametrize("by", [{"data_id": 61}, {"dataset": "iris", "version": 1}])
def test_iris_is_scikit_learns(tmp_path: Path, by: dict[str, Any]) -> None:
    data = ready(cached(tmp_path, 61, by_name="iris"), **by)
    info = data.info
    assert info.target.classes == ("Iris-setosa", "Iris-versicolor", "Iris-virginica")
    assert info.rows == {"train": 90, "validate": 30, "test": 30}
    assert info.source == "OpenML 61: iris, version 1, https://www.openml.org/d/61"
    raw = load_iris()
    feature = next(f for f in info.features if f.name == "sepallength")  # others differ by two flowers: Fisher's errata
    found = torch.cat([data.inputs(s)[:, feature.columns[0]] for s in info.rows]).double().numpy()
    np.testing.assert_allclose(np.sort(found * feature.scale + feature.center), sorted(raw.data[:, 0]), atol=1e-5)


def test_titanic_with_groups_and_gaps(tmp_path: Path) -> None:
    """Counts of the recorded file itself, read by hand."""
    folder = cached(tmp_path, 40945)
    data = ready(
        folder,
        data_id=40945,
        drop=["name", "ticket", "cabin", "boat", "body", "home.dest"],
        sensitive=["sex", "age"],
        bins={"age": [16]},
        favourable="1",
        missing="impute",
    )
    info = data.info
    (file,) = (folder / "openml").rglob("*.arff.gz")
    lines = gzip.decompress(file.read_bytes()).decode().lower().split("@data\n")[1].strip().splitlines()
    assert sum(info.rows.values()) == len(lines)
    assert [s.levels for s in info.sensitive] == [("female", "male"), ("under 16", "16 and over")]
    sex = torch.cat([data.loader(s).rows.sensitive[:, 0] for s in info.rows])
    assert int((sex == 0).sum()) == sum('"female"' in line for line in lines)
    assert {f.name for f in info.features} == {"pclass", "sex", "age", "sibsp", "parch", "fare", "embarked"}


def test_nothing_is_fetched_unasked(tmp_path: Path) -> None:
    before = _openml.urlopen
    with pytest.raises(UserError, match=r"data_id 61 is not, or not completely, in .*\. Set `download: true` once"):
        ready(tmp_path, data_id=61)
    with pytest.raises(UserError, match=r"or not completely"):
        ready(cached(tmp_path, 61, without_data=True), data_id=61)
    assert _openml.urlopen is before
    with pytest.raises(UserError, match=r"data_id 2 cannot be downloaded: .*the net is not there"):
        ready(tmp_path, data_id=2, download=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "expected either `dataset` with its `version`, or `data_id`"),
        ({"dataset": "iris"}, "without a version, the data may change"),
        ({"dataset": "iris", "version": 1, "data_id": 61}, "expected either"),
        ({"data_id": 61, "target": "klass"}, r"`target` names 'klass', which is not a column\. Did you mean 'class'"),
        ({"data_id": 61, "sensitive": ["sex"]}, "`sensitive` names 'sex'"),
        ({"data_id": 61, "bins": {"sex": [1]}}, "`bins` names 'sex', which is not in `sensitive`"),
    ],
)
def test_what_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"data 'openml': .*{message}"):
        ready(cached(tmp_path, 61), **options)
