"""Data inside scikit-learn, and the German credit file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from glasshouse import UserError
from glasshouse_plugins.data.breast_cancer import BreastCancer
from glasshouse_plugins.data.digits import Digits
from glasshouse_plugins.data.german_credit import GermanCredit
from sklearn.datasets import load_breast_cancer, load_digits

SPLITS = ("train", "validate", "test")


def test_breast_cancer_is_scikit_learns() -> None:
    data = BreastCancer()
    data.setup()
    raw = load_breast_cancer()
    info = data.info
    assert (info.target.classes, info.target.favourable) == (("malignant", "benign"), "benign")
    assert [feature.name for feature in info.features] == raw.feature_names.tolist()
    assert info.rows == {"train": 341, "validate": 114, "test": 114}
    y = torch.cat([data.loader(split).rows.y for split in SPLITS])
    assert torch.bincount(y).tolist() == np.bincount(raw.target).tolist() == [212, 357]
    radius = info.features[0]
    values = np.concatenate([data.inputs(split)[:, 0] for split in SPLITS]) * radius.scale + radius.center
    np.testing.assert_allclose(np.sort(values), np.sort(raw.data[:, 0]), rtol=1e-5)


def test_digits_are_images_of_scikit_learns_counts() -> None:
    data = Digits()
    data.setup()
    raw = load_digits()
    assert data.info.input_shape == (1, 8, 8)
    assert sum(data.info.rows.values()) == 1797
    stored = torch.cat([data.loader(split).rows.x for split in SPLITS])
    assert stored.dtype == torch.uint8
    counts = np.rint(stored[:, 0].numpy() / 255 * 16).astype(int).reshape(-1, 64)
    order = [np.lexsort(table.T) for table in (counts, raw.data)]
    assert np.array_equal(counts[order[0]], raw.data[order[1]].astype(int))
    y = torch.cat([data.loader(split).rows.y for split in SPLITS]).numpy()
    assert np.array_equal(y[order[0]], raw.target[order[1]])


@pytest.fixture(scope="module")
def german(real_data: Path) -> GermanCredit:
    data = GermanCredit(path=str(real_data / "german"))
    data.setup()
    return data


@pytest.mark.real_data
def test_german_credit_as_published(german: GermanCredit, real_data: Path) -> None:
    """Counts of the file's own columns: 700 good; attribute 9 says A92 (or A95) for women; attribute 13 is the age."""
    lines = [line.split() for line in (real_data / "german" / "german.data").read_text().splitlines()]
    info = german.info
    assert sum(info.rows.values()) == len(lines) == 1000
    assert (info.target.classes, info.target.favourable) == (("bad", "good"), "good")
    rows = [german.loader(split).rows for split in SPLITS]
    y, sensitive = torch.cat([r.y for r in rows]), torch.cat([r.sensitive for r in rows])
    women = [line[8] in ("A92", "A95") for line in lines]
    good = [line[20] == "1" for line in lines]
    assert info.sensitive[0].levels == ("male", "female")
    assert int(sensitive[:, 0].sum()) == sum(women) == 310
    assert int(y.sum()) == sum(good) == 700
    assert int(y[sensitive[:, 0] == 1].sum()) == sum(w and g for w, g in zip(women, good, strict=True))
    young = sum(int(line[12]) < 25 for line in lines)
    assert int((sensitive[:, 1] == 0).sum()) == young
    assert len(info.features) == 21  # attribute 9 makes two
    assert [f.name for f in info.features if f.immutable] == ["age", "sex", "foreign worker"]
    car = next(f for f in info.features if f.name == "purpose")
    column = car.columns[car.categories.index("new car")]
    assert sum(int(german.inputs(split)[:, column].sum()) for split in SPLITS) == sum(x[3] == "A40" for x in lines)


def test_german_files_that_are_not_as_published(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no file .*german\.data\. Unpack https://archive\.ics\.uci\.edu"):
        GermanCredit(path=str(tmp_path)).setup()
    row = "A11 6 A34 A43 1169 A65 A75 4 A93 A101 4 A121 67 A143 A152 2 A173 1 A192 A201 1\n"
    (tmp_path / "german.data").write_text(row * 10)
    with pytest.raises(UserError, match=r"german\.data has \d+ bytes; expected 79,793 as published"):
        GermanCredit(path=str(tmp_path)).setup()
    (tmp_path / "german.data").write_text(row.replace("A93", "A99") * 10)
    with pytest.raises(UserError, match="column 'personal status' has the code 'A99'; expected one of"):
        GermanCredit(path=str(tmp_path), check_files=False).setup()
    (tmp_path / "german.data").write_text("A11,6\n")
    with pytest.raises(UserError, match="cannot be read"):
        GermanCredit(path=str(tmp_path), check_files=False).setup()
