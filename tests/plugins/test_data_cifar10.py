"""Small copies of the binary CIFAR-10 batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from glasshouse import UserError
from glasshouse_plugins.data.cifar10 import CIFAR10

NAMES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
ROWS = 20


def batches() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    random = np.random.default_rng(0)
    return {
        name: (random.integers(0, 256, (ROWS, 3072), dtype=np.uint8), np.arange(ROWS, dtype=np.uint8) % 10)
        for name in NAMES
    }


def write_binary(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, (pixels, labels) in batches().items():
        # <label><1024 red><1024 green><1024 blue>, as the publisher's page describes it
        (folder / f"{name}.bin").write_bytes(np.concatenate([labels[:, None], pixels], axis=1).tobytes())
    return folder


def ready(folder: Path, **options: Any) -> CIFAR10:
    data = CIFAR10(path=str(folder), **{"check_files": False, **options})
    data.setup()
    return data


@pytest.mark.parametrize("inside", [".", "cifar-10-batches-bin"])
def test_images_and_labels_are_those_of_the_files(tmp_path: Path, inside: str) -> None:
    write_binary(tmp_path / inside)
    data = ready(tmp_path)
    assert data.info.rows == {"train": 90, "validate": 10, "test": 20}
    pixels, labels = batches()["test_batch"]
    test = data.loader("test").rows
    assert np.array_equal(test.x.numpy(), pixels.reshape(ROWS, 3, 32, 32))
    assert test.y.tolist() == labels.tolist()
    assert data.info.target.classes[3] == "cat"


def test_files_that_are_not_as_published(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"no files data_batch_1\.bin \.\.\. test_batch\.bin in .*Unpack https://www\.cs\.tor"
    ):
        ready(tmp_path)
    write_binary(tmp_path / "bin")
    with pytest.raises(UserError, match=r"has 61,460 bytes; expected 30,730,000 as published"):
        ready(tmp_path / "bin", check_files=True)
    (tmp_path / "bin" / "data_batch_4.bin").write_bytes(b"x" * 100)
    with pytest.raises(UserError, match=r"data_batch_4\.bin has 100 bytes; expected 30,730,000 as published, 3,073 p"):
        ready(tmp_path / "bin")
    (tmp_path / "bin" / "data_batch_4.bin").write_bytes(b"x" * 3073)
    with pytest.raises(UserError, match="a label is 120; expected codes from 0 to 9"):
        ready(tmp_path / "bin")
    (tmp_path / "bin" / "data_batch_4.bin").unlink()
    with pytest.raises(UserError, match=r"file .*data_batch_4\.bin is missing; other batches are there"):
        ready(tmp_path / "bin")


@pytest.mark.parametrize("inside", [".", "cifar-10-batches-py"])
def test_the_python_version_is_refused_unread(tmp_path: Path, inside: str) -> None:
    folder = tmp_path / inside
    folder.mkdir(exist_ok=True)
    for name in NAMES:
        (folder / name).write_bytes(b"cos\nsystem\n(S'touch proof'\ntR.")  # a pickle that would write a file
    with pytest.raises(UserError) as refused:
        ready(tmp_path)
    message = str(refused.value)
    assert "has the Python version of CIFAR-10; expected the binary version (data_batch_1.bin" in message
    assert "Unpack https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz there." in message
    assert len(message.splitlines()) <= 2
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)


def test_binary_batches_are_read_although_the_python_version_is_there(tmp_path: Path) -> None:
    write_binary(tmp_path / "cifar-10-batches-bin")
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(b"never read")
    assert ready(tmp_path).info.rows["test"] == ROWS
