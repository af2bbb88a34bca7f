from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from glasshouse import UserError
from glasshouse_plugins.data.adult import COLUMNS, Adult


@pytest.fixture(scope="module")
def adult(real_data: Path) -> Adult:
    data = Adult(path=str(real_data / "adult"))
    data.setup()
    return data


@pytest.fixture(scope="module")
def published(real_data: Path) -> dict[str, pd.DataFrame]:
    """The two files as pandas reads them."""
    options = {"names": COLUMNS, "skipinitialspace": True, "na_values": "?"}
    return {
        "train": pd.read_csv(real_data / "adult" / "adult.data", **options),  # type: ignore[call-overload]
        "test": pd.read_csv(real_data / "adult" / "adult.test", skiprows=1, **options),  # type: ignore[call-overload]
    }


@pytest.mark.real_data
def test_the_publishers_split_and_counts(adult: Adult) -> None:
    """Rows as adult.names states them; a tenth of the training file validates."""
    rows = adult.info.rows
    assert rows["train"] + rows["validate"] == 32_561
    assert rows["validate"] == pytest.approx(3256, abs=1)
    assert rows["test"] == 16_281


@pytest.mark.real_data
def test_test_rows_are_the_published_ones_in_their_order(adult: Adult, published: dict[str, pd.DataFrame]) -> None:
    table = published["test"]
    rows = adult.loader("test").rows
    sex, race, age_group = (attribute.levels for attribute in adult.info.sensitive)
    assert rows.y.tolist() == (table["income"] == ">50K.").astype(int).tolist()
    assert [sex[code] for code in rows.sensitive[:, 0]] == table["sex"].tolist()
    assert [race[code] for code in rows.sensitive[:, 1]] == table["race"].tolist()
    expected = pd.cut(table["age"], [0, 25, 45, 65, 200], right=False, labels=list(age_group))
    assert [age_group[code] for code in rows.sensitive[:, 2]] == expected.tolist()
    assert set(sex) == {"Female", "Male"}


@pytest.mark.real_data
def test_encoded_columns_are_the_published_values(adult: Adult, published: dict[str, pd.DataFrame]) -> None:
    table, x = published["test"], adult.inputs("test")
    features = {feature.name: feature for feature in adult.info.features}
    assert list(features)[:5] == ["age", "education-num", "capital-gain", "capital-loss", "hours-per-week"]
    assert "fnlwgt" not in features
    hours = table["hours-per-week"]
    encoded = x[:, features["hours-per-week"].columns[0]].double()
    standard = (torch.tensor(hours.to_numpy(), dtype=torch.float64) - hours.mean()) / hours.std()
    assert torch.corrcoef(torch.stack([encoded, standard]))[0, 1] == pytest.approx(1, abs=1e-6)
    workclass = features["workclass"]
    assert "missing" in workclass.categories
    column = workclass.columns[workclass.categories.index("missing")]
    assert int(x[:, column].sum()) == int(table["workclass"].isna().sum())
    assert [f.name for f in features.values() if f.immutable] == ["age", "race", "sex", "native-country"]


@pytest.mark.real_data
def test_features_can_be_chosen_and_attributes_hidden(real_data: Path) -> None:
    data = Adult(path=str(real_data / "adult"), features=["age", "education", "fnlwgt"])
    data.setup()
    assert [feature.name for feature in data.info.features] == ["age", "fnlwgt", "education"]
    assert {s.name: s.seen_by_model for s in data.info.sensitive} == {"sex": False, "race": False, "age_group": True}


@pytest.mark.real_data
def test_the_folder_can_come_from_the_environment(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSHOUSE_DATA", str(real_data))
    assert Adult().folder == real_data / "adult"
    assert Adult(path="elsewhere").folder == Path("elsewhere")
    monkeypatch.delenv("GLASSHOUSE_DATA")
    assert Adult().folder == Path("../shared/data/adult")


def test_missing_files_are_named_with_the_place_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"there is no file {tmp_path}/adult.data. Unpack https://archive.ics.uci.edu"):
        Adult(path=str(tmp_path)).setup()


def test_a_file_cut_off_is_noticed(tmp_path: Path) -> None:
    row = "39, Private, 77516, Bachelors, 13, Divorced, Sales, Wife, White, Male, 1, 0, 40, Cuba, <=50K\n"
    (tmp_path / "adult.data").write_text(row * 3)
    (tmp_path / "adult.test").write_text("|comment\n")
    with pytest.raises(UserError, match=r"adult\.data has 3 rows; expected 32,561 as published"):
        Adult(path=str(tmp_path), check_files=False).setup()


@pytest.mark.parametrize(
    ("content", "message"),
    [("a, b\n", "Expected 15 columns, got 2"), ((", ".join("x" * 15) + "\n"), "invalid value")],
)
def test_another_file_of_that_name_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "adult.data").write_text(content)
    with pytest.raises(UserError, match=f"data 'adult': .*adult.data cannot be read: .*{message}"):
        Adult(path=str(tmp_path), check_files=False).setup()
    with pytest.raises(UserError, match=r"adult\.data has \d+ bytes; expected 3,974,305 as published"):
        Adult(path=str(tmp_path)).setup()


@pytest.mark.parametrize("validate", [0.0, 1.0])
def test_without_a_validation_split_nothing_is_chosen(validate: float) -> None:
    with pytest.raises(UserError, match=r"validate is .*; expected a fraction between 0 and 1"):
        Adult(validate=validate)


@pytest.mark.real_data
def test_a_split_of_ones_own_keeps_the_published_share(real_data: Path) -> None:
    data = Adult(path=str(real_data / "adult"), split={"by": "group", "column": "education"})
    data.setup()
    rows = data.info.rows
    assert sum(rows.values()) == 48_842
    assert rows["test"] == pytest.approx(16_281, rel=0.1)
    levels = [set(np.unique(data.inputs(split)[:, 1].numpy()).tolist()) for split in rows]  # education-num
    assert sum(map(len, levels)) == len(set.union(*levels)) == 16
