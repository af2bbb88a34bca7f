"""CIFAR-10 batches as published, in small; and pickles that want more than arrays."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from glasshouse import UserError
from glasshouse_plugins.data.arrays_of_pickles import read_pickle
from glasshouse_plugins.data.cifar10 import CIFAR10

WHO = "data 'cifar10'"
NAMES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
ROWS = 20


def batches() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    random = np.random.default_rng(0)
    return {
        name: (random.integers(0, 256, (ROWS, 3072), dtype=np.uint8), np.arange(ROWS, dtype=np.uint8) % 10)
        for name in NAMES
    }


def write(folder: Path, kind: str, protocol: int = 2) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, (pixels, labels) in batches().items():
        if kind == "binary":  # <label><1024 red><1024 green><1024 blue>, as the publisher's page describes it
            (folder / f"{name}.bin").write_bytes(np.concatenate([labels[:, None], pixels], axis=1).tobytes())
        else:
            held = {
                b"data": pixels,
                b"labels": labels.tolist(),
                b"batch_label": b"one",
                b"filenames": [b"a.png"] * ROWS,
            }
            (folder / name).write_bytes(pickle.dumps(held, protocol=protocol))
    return folder


def ready(folder: Path, **options: Any) -> CIFAR10:
    data = CIFAR10(path=str(folder), **{"check_files": False, **options})
    data.setup()
    return data


@pytest.mark.parametrize(
    ("inside", "kind", "protocol"),
    [
        (".", "binary", 0),
        ("cifar-10-batches-bin", "binary", 0),
        (".", "python", 2),
        ("cifar-10-batches-py", "python", 4),
    ],
)
def test_both_versions_hold_the_same_pictures(tmp_path: Path, inside: str, kind: str, protocol: int) -> None:
    write(tmp_path / inside, kind, protocol)
    data = ready(tmp_path)
    assert data.info.rows == {"train": 90, "validate": 10, "test": 20}
    pixels, labels = batches()["test_batch"]
    test = data._split("test")
    assert np.array_equal(test.x.numpy(), pixels.reshape(ROWS, 3, 32, 32))
    assert test.y.tolist() == labels.tolist()
    assert data.info.target.classes[3] == "cat"


def test_files_that_are_not_as_published(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"no files data_batch_1\.bin \.\.\. test_batch\.bin in .*Unpack https://www\.cs\.tor"
    ):
        ready(tmp_path)
    write(tmp_path / "bin", "binary")
    with pytest.raises(UserError, match=r"has 61,460 bytes; expected 30,730,000 as published"):
        ready(tmp_path / "bin", check_files=True)
    (tmp_path / "bin" / "data_batch_4.bin").write_bytes(b"x" * 100)
    with pytest.raises(UserError, match=r"data_batch_4\.bin has 100 bytes; expected 30,730,000 as published, 3,073 a"):
        ready(tmp_path / "bin")
    (tmp_path / "bin" / "data_batch_4.bin").unlink()
    with pytest.raises(UserError, match=r"there is no file .*data_batch_4\.bin"):
        ready(tmp_path / "bin")
    write(tmp_path / "py", "python")
    with pytest.raises(UserError, match=r"data_batch_1 is not the published file: its MD5 is \w+; expected c99cafc15"):
        ready(tmp_path / "py", check_files=True)
    (tmp_path / "py" / "data_batch_2").write_bytes(pickle.dumps({b"data": [1, 2]}))
    with pytest.raises(UserError, match="data_batch_2 has no `data` of 3,072 bytes a picture"):
        ready(tmp_path / "py")


PATH = Path("batch")


def reader(content: bytes) -> Any:
    return read_pickle(PATH, content, who=WHO)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.uint8).reshape(3, 4),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.array([], dtype=np.int64),
        np.array([1.5, -2], dtype=">f4"),
        np.array([True, False]),
    ],
)
def test_arrays_come_as_numpy_wrote_them(array: np.ndarray, protocol: int) -> None:
    held = {"a": array, "b": [1, 2.5, None, "text", (True, b"\xff")]}
    found = reader(pickle.dumps(held, protocol=protocol))
    assert found["b"] == held["b"]
    assert found["a"].dtype == array.dtype
    np.testing.assert_array_equal(found["a"], array)


def test_strings_of_python_2_are_bytes() -> None:
    assert reader(b"(dp0\nS'labels'\np1\n(lp2\nI3\nas.") == {b"labels": [3]}


class Hostile:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (pickle.dumps(Hostile(os.system, "touch proof")), "system"),
        (pickle.dumps({"data": [Hostile(eval, "open('proof', 'w')")]}), "builtins.eval"),
        (pickle.dumps(Hostile(getattr, "x", "upper")), "builtins.getattr"),
        (pickle.dumps(OrderedDict(a=1)), "collections.OrderedDict"),
        (pickle.dumps(np.load), "numpy.load"),
        (pickle.dumps(np.random.default_rng), "numpy.random"),
        (pickle.dumps(Path("x")), "pathlib"),
        (pickle.dumps(np.array([{}], dtype=object), protocol=2), "an array of type 'O8'"),
        (pickle.dumps(np.zeros(1, dtype=[("a", "u1")]), protocol=2), "an array of type 'V1'"),
        (b"cnumpy\nndarray\n(I9\ntR.", "numpy.ndarray by itself"),
        (b"cnumpy\ndtype\n.", "a _Maker"),  # a maker of ours in place of data
        (b"cnumpy\ndtype\n}b.", "a change of numpy.dtype"),
        (b"c_codecs\nencode\n(Vx\nVrot13\ntR.", "the encoding 'rot13'"),
        (b"Pfile\n.", "the persistent object"),
        (b"(ios\nsystem\nVtouch proof\n.", "s.system"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0btouch proof\x85R.", "os.system"),
        (b"\x80\x02cnumpy\nload\n)\x81.", "numpy.load"),
    ],
)
def test_nothing_else_is_even_looked_up(
    content: bytes, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as refused:
        reader(content)
    said = str(refused.value)
    assert "batch asks for" in said or "batch cannot be read" in said
    assert named in said or "cannot be read" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"", b"no pickle", pickle.dumps(np.zeros(99, np.uint8))[:-40], b"\x80\x04]\x94h\x00a."]
)
def test_damaged_pickles_are_refused(content: bytes) -> None:
    with pytest.raises(UserError, match="batch cannot be read: "):
        reader(content)


def test_bytes_that_do_not_fill_an_array() -> None:
    whole = pickle.dumps(np.zeros((2, 3), np.uint8), protocol=3)
    with pytest.raises(UserError, match=r"cannot be read: ValueError: 6 values in an array of shape \(2, 4\)"):
        reader(whole.replace(b"K\x02K\x03\x86", b"K\x02K\x04\x86"))
