"""MNIST: files as the format says, written here byte by byte; and the real ones."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from glasshouse import UserError
from glasshouse_plugins.data.idx_images import read_idx
from glasshouse_plugins.data.mnist import MNIST


def idx(values: np.ndarray, *, kind: int = 8) -> bytes:
    """A magic number of two zeros, the type and the dimensions; the sizes; the values (yann.lecun.com/exdb/mnist)."""
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, kind, values.ndim, *values.shape) + values.tobytes()


def write(folder: Path, name: str, rows: int, *, gz: bool = True, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (rows, 28, 28), dtype=np.uint8)
    labels = (np.arange(rows) % 10).astype(np.uint8)
    for part, values in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)):
        content = idx(values)
        path = folder / f"{name}-{part}{'.gz' if gz else ''}"
        path.write_bytes(gzip.compress(content) if gz else content)
    return images, labels


def ready(folder: Path, **options: Any) -> MNIST:
    data = MNIST(path=str(folder), **{"check_files": False, **options})
    data.setup()
    return data


@pytest.mark.parametrize("gz", [True, False])
def test_the_test_files_alone_are_split_by_a_permutation(tmp_path: Path, gz: bool) -> None:
    images, labels = write(tmp_path, "t10k", 200, gz=gz)
    data = ready(tmp_path)
    rows = data.info.rows
    assert rows["test"] == 40
    assert rows["train"] + rows["validate"] == 160
    assert rows["validate"] == pytest.approx(16, abs=1)  # within each digit
    held_out = np.sort(np.random.default_rng(0).permutation(200)[:40])
    np.testing.assert_allclose(data.inputs("test")[:, 0], images[held_out] / 255, atol=1e-7)
    assert data.loader("test").rows.y.tolist() == labels[held_out].tolist()
    assert "only the official test file" in data.info.source
    assert ready(tmp_path, split_seed=1).table_fingerprint != data.table_fingerprint


def test_the_official_files_keep_their_split(tmp_path: Path) -> None:
    write(tmp_path, "train", 300, seed=1)
    images, labels = write(tmp_path, "t10k", 50, gz=False)
    data = ready(tmp_path, validate=0.2)
    assert data.info.rows == {"train": 240, "validate": 60, "test": 50}
    np.testing.assert_allclose(data.inputs("test")[:, 0], images / 255, atol=1e-7)
    assert data.loader("test").rows.y.tolist() == labels.tolist()
    assert "official training and test files" in data.info.source
    assert data.info.target.classes == tuple("0123456789")


def test_a_missing_file_says_where_to_get_it_and_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        ready(tmp_path)
    said = str(refused.value)
    assert f"there is no file {tmp_path / 't10k-images-idx3-ubyte'} (nor t10k-images-idx3-ubyte.gz)" in said
    assert "mnist/t10k-images-idx3-ubyte.gz there" in said
    assert "GLASSHOUSE_DATA" in said
    write(tmp_path, "t10k", 100)
    write(tmp_path, "train", 100)
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(UserError, match=r"there is no file .*train-labels-idx1-ubyte"):
        ready(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it begins with nothing"),
        (b"not an idx file", "not an IDX file of unsigned bytes in 1 dimension: it begins with 6e 6f 74 20"),
        (idx(np.zeros((2, 2), np.uint8)), "in 1 dimension: it begins with 00 00 08 02"),
        (idx(np.zeros(3, np.uint8), kind=9), "it begins with 00 00 09 01"),
        (idx(np.zeros(5, np.uint8))[:-1], r"has 4 values; its sizes \(5,\) require 5"),
        (idx(np.zeros(5, np.uint8)) + b"x", "has 6 values"),
        (gzip.compress(idx(np.zeros(5000, np.uint8)), mtime=0)[:-12], "cannot be decompressed"),
        (struct.pack(">BBBBI", 0, 0, 8, 1, 2**32 - 1), "has 0 values"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_idx(path, dimensions=1, who="data 'mnist'")


def test_images_and_labels_that_do_not_match_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "t10k", 100)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(idx(np.zeros(99, np.uint8)))
    with pytest.raises(UserError, match="has 100 images and 99 labels of 't10k'"):
        ready(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(idx(np.full(100, 10, np.uint8)))
    with pytest.raises(UserError, match="a label is 10; expected codes from 0 to 9"):
        ready(tmp_path)
    with pytest.raises(UserError, match=r"validate is 1\.5"):
        MNIST(validate=1.5)


def test_other_files_of_that_name_are_refused_with_both_hashes(tmp_path: Path) -> None:
    images, _ = write(tmp_path, "t10k", 100)
    found = hashlib.sha256(idx(images)).hexdigest()  # of what was packed: gzip files differ with who made them
    with pytest.raises(UserError, match=f"not the published file: its SHA256 is {found}; expected 0fa7898d50"):
        ready(tmp_path, check_files=True)


@pytest.mark.real_data
def test_the_real_files(real_data: Path) -> None:
    """8,000 and 2,000 of 10,000; each digit's number as published with the test set (LeCun et al. 1998)."""
    data = ready(real_data / "mnist", check_files=True)
    rows = data.info.rows
    assert rows["train"] + rows["validate"] == 8000
    assert rows["test"] == 2000
    assert data.info.input_shape == (1, 28, 28)
    counts = sum(np.bincount(data.loader(split).rows.y, minlength=10) for split in rows)
    assert counts.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert all(set(data.loader(split).rows.y.tolist()) == set(range(10)) for split in rows)
