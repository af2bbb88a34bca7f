"""CIFAR-10: small pictures in colour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from glasshouse import ImageDataModule, RawImages, RawTable, UserError
from glasshouse.data import Coded, SplitOption
from numpy.typing import NDArray

from glasshouse_plugins.data.arrays_of_pickles import read_pickle
from glasshouse_plugins.data.folders import data_folder
from glasshouse_plugins.data.published import check_published

_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32
_ROWS = 10_000

_DIGESTS = {
    "data_batch_1": "md5:c99cafc152244af753f735de768cd75f",
    "data_batch_2": "md5:d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "md5:54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "md5:634d18415352ddfa80567beed471001a",
    "data_batch_5": "md5:482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "md5:40351d587109b95175f43aff81a1287e",
}
"""The Python batches as published; of the binary ones the size alone is known."""


class CIFAR10(ImageDataModule):
    """60,000 pictures of 32 x 32 pixels in colour, ten classes: 50,000 to train and 10,000 to test.

    Either the binary version (``data_batch_1.bin`` to ``5``, ``test_batch.bin``) or the Python version
    (``data_batch_1`` to ``5``, ``test_batch``), whose pickles are read by a reader that builds arrays, lists and
    strings and nothing else.
    The validation split is cut from the training batches. All pictures are held in memory, a byte for each pixel and
    channel: 184 MB, twice that while they are split.

    Args:
        path: folder with the six files, or with the folder ``cifar-10-batches-bin`` or ``cifar-10-batches-py`` that
            the archive holds; default: ``$GLASSHOUSE_DATA/cifar10`` where that variable is set, else
            ``../shared/data/cifar10``.
        validate: share of the training batches that becomes the validation split.
        check_files: whether to refuse files that are not the published ones: by size (binary) or MD5 (Python).
        batch_size: pictures per batch.
        split_seed: where the validation split comes from.
        seed: order of training batches; default: the seed of `seed_everything`.
        split: to split otherwise, ``{by: stratified | random, folds: 5, fold: 0}``.
    """

    name = "cifar10"

    def __init__(
        self,
        path: str | None = None,
        validate: float = 0.1,
        check_files: bool = True,
        batch_size: int = 64,
        split_seed: int = 0,
        seed: int | None = None,
        split: SplitOption = None,
    ) -> None:
        if not 0 < validate < 1:
            raise UserError(self.who, f"validate is {validate}; expected a share between 0 and 1.")
        super().__init__(
            batch_size=batch_size,
            fractions=(1 - validate, validate, 0.0),
            split_seed=split_seed,
            seed=seed,
            split=split,
        )
        self.path = path
        self.check_files = check_files

    def load(self) -> RawImages:
        """The six batches, training first."""
        batches = [self._batch(path) for path in self._files()]
        labels = np.concatenate([labels for _, labels in batches])
        if labels.max(initial=0) >= len(_CLASSES):
            raise UserError(self.who, f"a label is {labels.max()}; expected codes from 0 to 9.")
        rows = [len(labels) for _, labels in batches]
        return RawImages(
            pixels=np.concatenate([pixels for pixels, _ in batches]).reshape(-1, *_SHAPE),
            table=RawTable(
                columns={"object": Coded(labels.astype(np.int32), _CLASSES)},
                target="object",
                task="multiclass",
                classes=_CLASSES,
                split=np.repeat(["train", "test"], [sum(rows[:-1]), rows[-1]]),
                source="Krizhevsky (2009), Learning multiple layers of features from tiny images, "
                "https://www.cs.toronto.edu/~kriz/cifar.html",
                licence="none stated",
            ),
        )

    def _files(self) -> list[Path]:
        root = data_folder(self.path, "cifar10")
        for folder, ending in (
            (root, ".bin"),
            (root / "cifar-10-batches-bin", ".bin"),
            (root, ""),
            (root / "cifar-10-batches-py", ""),
        ):
            paths = [folder / f"{name}{ending}" for name in _DIGESTS]
            lacking = [path for path in paths if not path.is_file()]
            if not lacking:
                return paths
            if len(lacking) < len(paths):
                raise UserError(self.who, f"there is no file {lacking[0].absolute()}.", "The other batches are there.")
        raise UserError(
            self.who,
            f"there are no files data_batch_1.bin ... test_batch.bin in {root.absolute()}.",
            "Unpack https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz (or cifar-10-python.tar.gz) there, or name "
            "its folder with `path:` or the folder above `cifar10` with GLASSHOUSE_DATA.",
        )

    def _batch(self, path: Path) -> tuple[NDArray[np.uint8], NDArray[Any]]:
        """(m, 3072) pixels, red, then green, then blue, and (m,) labels."""
        content = path.read_bytes()
        if path.suffix == ".bin":
            return self._binary(path, content)
        if self.check_files:
            check_published(path, content, _DIGESTS[path.name], who=self.who)
        batch = read_pickle(path, content, who=self.who)
        found = (
            {key.decode() if isinstance(key, bytes) else key: value for key, value in batch.items()}
            if isinstance(batch, dict)
            else {}
        )
        pixels, labels = found.get("data"), found.get("labels")
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape[1:] != (_PIXELS,):
            raise UserError(self.who, f"{path} has no `data` of 3,072 bytes a picture.", "It is no batch of CIFAR-10.")
        if not isinstance(labels, list) or len(labels) != len(pixels):
            raise UserError(self.who, f"{path} has no list of {len(pixels):,} `labels`.", "It is no batch of CIFAR-10.")
        return pixels, np.asarray(labels, dtype=np.int64)

    def _binary(self, path: Path, content: bytes) -> tuple[NDArray[np.uint8], NDArray[Any]]:
        record = 1 + _PIXELS
        if not content or len(content) % record or (self.check_files and len(content) != _ROWS * record):
            raise UserError(
                self.who,
                f"{path} has {len(content):,} bytes; expected {_ROWS * record:,} as published, {record:,} a picture.",
                "The file is cut off or changed: fetch it again.",
            )
        records = np.frombuffer(content, dtype=np.uint8).reshape(-1, record)
        return records[:, 1:], records[:, 0]
