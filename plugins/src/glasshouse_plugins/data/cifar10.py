"""CIFAR-10: small colour images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from glasshouse import ImageDataModule, RawImages, RawTable, UserError
from glasshouse.data import Coded, SplitOption
from numpy.typing import NDArray

from glasshouse_plugins.data.published_files import data_folder

_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_SHAPE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32
"""Bytes per image in a batch file: the label, then the red, green and blue pixels."""
_IMAGES_PER_FILE = 10_000
_BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
_ARCHIVE = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"


class CIFAR10(ImageDataModule):
    """60,000 colour images of 32 x 32 pixels in ten classes: 50,000 for training and 10,000 for testing.

    Reads the binary version (``data_batch_1.bin`` to ``data_batch_5.bin``, ``test_batch.bin``). The Python version is
    refused: its files are pickles, which can run code when they are opened. The validation split is taken from the
    training batches. All images are kept in memory, one byte per pixel and channel: 184 MB, twice that while the data
    is split.

    Args:
        path: folder with the six files, or with the folder ``cifar-10-batches-bin`` of the archive; default:
            ``$GLASSHOUSE_DATA/cifar10`` if that variable is set, else ``../shared/data/cifar10``.
        validate: fraction of the training batches used as validation split, between 0 and 1.
        check_files: refuse files that do not have the published size.
        batch_size: images per batch.
        split_seed: seed of the random split.
        seed: seed of the order of training batches; default: that of `seed_everything`.
        split: another split, e.g. ``{by: stratified | random, folds: 5, fold: 0}``; default: the published one.
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
            raise UserError(self.who, f"validate is {validate}; expected a fraction between 0 and 1.")
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
        """The six batches, training batches first."""
        batches = [self._read(path) for path in self._files()]
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
        for folder in (root, root / "cifar-10-batches-bin"):
            paths = [folder / f"{name}.bin" for name in _BATCHES]
            missing = [path for path in paths if not path.is_file()]
            if not missing:
                return paths
            if len(missing) < len(paths):
                raise UserError(
                    self.who,
                    f"file {missing[0].absolute()} is missing; other batches are there.",
                    f"Unpack {_ARCHIVE} again.",
                )
        for folder in (root, root / "cifar-10-batches-py"):
            if (folder / _BATCHES[0]).is_file():
                raise UserError(
                    self.who,
                    f"{folder.absolute()} has the Python version of CIFAR-10; expected the binary version "
                    f"(data_batch_1.bin ... test_batch.bin), because pickles can run code.",
                    f"Unpack {_ARCHIVE} there.",
                )
        raise UserError(
            self.who,
            f"there are no files data_batch_1.bin ... test_batch.bin in {root.absolute()}.",
            f"Unpack {_ARCHIVE} there, or set `path:` to its folder or GLASSHOUSE_DATA to the folder above `cifar10`.",
        )

    def _read(self, path: Path) -> tuple[NDArray[np.uint8], NDArray[Any]]:
        """(m, 3072) pixels, the red, green and blue channel in turn, and (m,) labels."""
        content = path.read_bytes()
        expected = _IMAGES_PER_FILE * _RECORD
        if not content or len(content) % _RECORD or (self.check_files and len(content) != expected):
            raise UserError(
                self.who,
                f"{path} has {len(content):,} bytes; expected {expected:,} as published, {_RECORD:,} per image.",
                "The file is truncated or changed: download it again.",
            )
        records = np.frombuffer(content, dtype=np.uint8).reshape(-1, _RECORD)
        return records[:, 1:], records[:, 0]
