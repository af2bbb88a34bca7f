from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from glasshouse import UserError
from glasshouse_plugins.data.image_folder import ImageFolder

image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install glasshouse-plugins[images]")

PER_CLASS = 15


def save(path: Path, value: int, size: tuple[int, int] = (6, 4)) -> None:
    """A picture of height and width `size`: red is `value`, green its column, blue 0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((*size, 3), dtype=np.uint8)
    pixels[..., 0] = value
    pixels[..., 1] = np.arange(size[1])
    image.fromarray(pixels).save(path)


def pictures(root: Path, *, ending: str = "png") -> Path:
    for k, kind in enumerate(("cat", "dog")):
        for i in range(PER_CLASS):
            save(root / kind / f"{i:02}.{ending}", 100 * k + i)
    return root


def ready(root: Path, **options: Any) -> ImageFolder:
    data = ImageFolder(path=str(root), **options)
    data.setup()
    return data


def test_folders_are_classes_and_pixels_are_theirs(tmp_path: Path) -> None:
    root = pictures(tmp_path)
    (root / "notes.txt").write_text("no picture")
    (root / ".hidden").mkdir()
    save(root / ".hidden" / "x.png", 0)
    data = ready(root)
    assert data.info.target.classes == ("cat", "dog")
    assert data.info.target.kind == "binary"
    assert data.info.input_shape == (3, 6, 4)
    assert sum(data.info.rows.values()) == 2 * PER_CLASS
    for split in data.info.rows:
        stored = data.loader(split).rows
        assert ((stored.x[:, 0, 0, 0] >= 100).long() == stored.y).all()
        assert (stored.x[:, 1] == stored.x[:, 1, :1]).all()
        assert stored.x[0, 1, 0].tolist() == [0, 1, 2, 3]
        assert (stored.x[:, 2] == 0).all()


def test_folders_may_bring_the_split(tmp_path: Path) -> None:
    for split, value in (("train", 1), ("val", 2), ("test", 3)):
        pictures(tmp_path / split)
        for kind in ("cat", "dog"):
            save(tmp_path / split / kind / "more.png", value)
    data = ready(tmp_path)
    assert data.info.rows == {"train": 32, "validate": 32, "test": 32}
    for split, value in (("train", 1), ("validate", 2), ("test", 3)):
        assert (data.loader(split).rows.x[:, 0, 0, 0] == value).sum() >= 2


def test_scaling_and_grey(tmp_path: Path) -> None:
    root = pictures(tmp_path)
    save(root / "cat" / "large.png", 7, (60, 40))
    with pytest.raises(UserError, match=r"large\.png is 60 x 40 pixels, and .*00\.png is 6 x 4\. Set `size: \[6, 4\]`"):
        ready(root)
    data = ready(root, size=[8, 5], colour="grey")
    assert data.info.input_shape == (1, 8, 5)
    first = image.open(root / "cat" / "00.png").convert("L").resize((5, 8), image.Resampling.BILINEAR)
    stored = np.concatenate([data.loader(split).rows.x for split in data.info.rows])
    assert any(np.array_equal(one[0], np.asarray(first)) for one in stored)


def test_attributes_of_pictures(tmp_path: Path) -> None:
    root = pictures(tmp_path / "pictures")
    rows = [f"{kind}/{i:02}.png,{'fm'[i % 2]},{20 + i}" for kind in ("dog", "cat") for i in range(PER_CLASS)]
    listed = tmp_path / "people.csv"
    listed.write_text("file,sex,age\n" + "\n".join(rows) + "\n")
    data = ready(root, attributes=str(listed), sensitive=["sex", "age"], bins={"age": [30]})
    assert [one.levels for one in data.info.sensitive] == [("f", "m"), ("under 30", "30 and over")]
    for split in data.info.rows:
        number = data.loader(split).rows.x[:, 0, 0, 0].long() % 100
        codes = data.loader(split).rows.sensitive
        assert codes[:, 0].tolist() == (number % 2).tolist()
        assert codes[:, 1].tolist() == (20 + number >= 30).long().tolist()
    listed.write_text("file,sex,age\n" + "\n".join(rows[:-2]) + "\n")
    with pytest.raises(UserError, match=r"has no row for 2 of 30 images, e\.g\. cat/13\.png"):
        ready(root, attributes=str(listed), sensitive=["sex"])
    with pytest.raises(UserError, match="`sensitive` names 'sexx'"):
        ready(root, attributes=str(listed), sensitive=["sexx"])


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder"):
        ready(tmp_path / "nothing")
    with pytest.raises(UserError, match=r"has images of 0 classes; expected subfolders of at least two"):
        ready(tmp_path)
    root = pictures(tmp_path)
    (root / "cat" / "broken.png").write_bytes(b"no picture at all")
    with pytest.raises(UserError, match=r"broken\.png cannot be read as an image"):
        ready(root)
    with pytest.raises(UserError, match=r"size is \[3\]; expected \[height, width\]"):
        ImageFolder(path="x", size=[3])
    with pytest.raises(UserError, match="colour is 'blue'"):
        ImageFolder(path="x", colour="blue")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="`sensitive` requires `attributes`"):
        ImageFolder(path="x", sensitive=["sex"])


def test_a_cut_off_picture_is_refused(tmp_path: Path) -> None:
    root = pictures(tmp_path, ending="jpg")
    path = root / "dog" / "03.jpg"
    path.write_bytes(path.read_bytes()[:-80])
    with pytest.raises(UserError, match=r"03\.jpg cannot be read as an image"):
        ready(root)
