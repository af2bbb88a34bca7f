"""Fashion-MNIST shares its reader with MNIST: its own are the classes, the files' hashes and where to get them."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from glasshouse import UserError
from glasshouse_plugins.data.fashion_mnist import FashionMNIST


def write(folder: Path) -> np.ndarray:
    images = np.random.default_rng(0).integers(0, 256, (100, 28, 28), dtype=np.uint8)
    labels = (np.arange(100) % 10).astype(np.uint8)
    for name in ("train", "t10k"):
        for part, values in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)):
            head = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
            (folder / f"{name}-{part}.gz").write_bytes(gzip.compress(head + values.tobytes()))
    return images


def test_classes_and_pixels(tmp_path: Path) -> None:
    images = write(tmp_path)
    data = FashionMNIST(path=str(tmp_path), check_files=False)
    data.setup()
    assert data.info.rows == {"train": 90, "validate": 10, "test": 100}
    assert data.info.target.classes[9] == "Ankle boot"
    assert np.array_equal(data.loader("test").rows.x[:, 0].numpy(), images)
    assert (data.info.name, data.info.licence) == ("fashion_mnist", "MIT")


def test_files_that_are_not_as_published(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no file .*t10k-images-idx3-ubyte .*Put http://fashion-mnist\.s3"):
        FashionMNIST(path=str(tmp_path)).setup()
    write(tmp_path)
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz is not .*its MD5 is \w+; expected f4a8712d"):
        FashionMNIST(path=str(tmp_path)).setup()
