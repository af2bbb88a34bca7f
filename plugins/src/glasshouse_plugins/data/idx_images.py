"""Images in IDX files, the format of MNIST: a magic number, the sizes, the values, all big-endian; gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from glasshouse import ImageDataModule, RawImages, RawTable, UserError
from glasshouse.data import Coded, SplitOption
from numpy.typing import NDArray

from glasshouse_plugins.data.published_files import check_published, data_folder

_TEST_FRACTION = 0.2
_UNSIGNED_BYTE = 8
_GZIP = b"\x1f\x8b"


class IDXImages(ImageDataModule):
    """Base of `mnist` and `fashion_mnist`, which set the source of the files and the meaning of the labels.

    Args:
        path: folder with ``t10k-images-idx3-ubyte``, ``t10k-labels-idx1-ubyte`` and optionally
            ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, each gzipped (``.gz``) or not; default: the folder
            of the data's name in ``$GLASSHOUSE_DATA`` if that variable is set, else in ``../shared/data``.
        validate: fraction of the training images used as validation split, between 0 and 1.
        check_files: refuse files that are not the published ones when decompressed, by their hash.
        batch_size: images per batch.
        split_seed: seed of the random splits.
        seed: seed of the order of training batches; default: that of `seed_everything`.
        split: another split, e.g. ``{by: stratified | random, folds: 5, fold: 0}``.
    """

    folder: str
    """Name of the data's folder within ``$GLASSHOUSE_DATA``."""
    url: str
    """Address that the four files are downloaded from."""
    digests: ClassVar[Mapping[str, str]]
    """Hashes of the decompressed files, which do not depend on the compression (see `check_published`)."""
    label: str
    classes: tuple[str, ...]
    source: str
    licence: str

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
        """Images and labels of all files in the folder."""
        folder = data_folder(self.path, self.folder)
        official = any(_file(folder, f"train-{part}") for part in ("images-idx3-ubyte", "labels-idx1-ubyte"))
        parts = [self._part(folder, name) for name in (("train", "t10k") if official else ("t10k",))]
        pixels = np.concatenate([images for images, _ in parts])
        labels = np.concatenate([codes for _, codes in parts])
        if labels.max(initial=0) >= len(self.classes):
            raise UserError(self.who, f"a label is {labels.max()}; expected codes from 0 to {len(self.classes) - 1}.")
        if official:
            split = np.repeat(["train", "test"], [len(images) for images, _ in parts])
            note = "the official training and test files"
        else:
            split = np.full(len(labels), "train", dtype="<U5")
            order = np.random.default_rng(self.split_seed).permutation(len(labels))
            split[order[: round(_TEST_FRACTION * len(labels))]] = "test"
            note = "only the official test file, split by a seeded permutation"
        return RawImages(
            pixels=pixels[:, None],
            table=RawTable(
                columns={self.label: Coded(labels.astype(np.int32), self.classes)},
                target=self.label,
                task="multiclass",
                classes=self.classes,
                split=split,
                source=f"{self.source}; {note}",
                licence=self.licence,
            ),
        )

    def _part(self, folder: Path, name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        images = self._read(folder, f"{name}-images-idx3-ubyte", dimensions=3)
        labels = self._read(folder, f"{name}-labels-idx1-ubyte", dimensions=1)
        if len(images) != len(labels):
            raise UserError(self.who, f"{folder} has {len(images):,} images and {len(labels):,} labels of '{name}'.")
        return images, labels

    def _read(self, folder: Path, name: str, *, dimensions: int) -> NDArray[np.uint8]:
        path = _file(folder, name)
        if path is None:
            raise UserError(
                self.who,
                f"there is no file {(folder / name).absolute()} (nor {name}.gz).",
                f"Put {self.url}{name}.gz there, or set `path:` to its folder or GLASSHOUSE_DATA to the folder above "
                f"`{self.folder}`.",
            )
        return read_idx(
            path, dimensions=dimensions, who=self.who, digest=self.digests[name] if self.check_files else None
        )


def _file(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def read_idx(path: Path, *, dimensions: int, who: str, digest: str | None = None) -> NDArray[np.uint8]:
    """The array of unsigned bytes in an IDX file; gzip is recognised by content, not by name.

    Args:
        path: the file.
        dimensions: expected number of dimensions.
        who: name of the data set in error messages.
        digest: published hash of the decompressed file (see `check_published`); None: not compared.

    Raises:
        UserError: if the file is damaged, truncated, longer than its sizes say, of another type or number of
            dimensions, or has another hash.
    """
    content = path.read_bytes()
    if content.startswith(_GZIP):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(who, f"{path} cannot be decompressed: {error}.", "Download it again.") from error
    start = 4 + 4 * dimensions
    if len(content) < start or content[:4] != bytes((0, 0, _UNSIGNED_BYTE, dimensions)):
        raise UserError(
            who,
            f"{path} is not an IDX file of unsigned bytes in {dimensions} dimension{'s' if dimensions > 1 else ''}: "
            f"it begins with {content[:4].hex(' ') or 'nothing'}.",
            "Download it again.",
        )
    shape = tuple(np.frombuffer(content[4:start], dtype=">u4").astype(np.int64).tolist())
    expected = int(np.prod(shape, dtype=np.int64))
    if len(content) - start != expected:
        raise UserError(
            who,
            f"{path} has {len(content) - start:,} values; its sizes {shape} require {expected:,}.",
            "The file is truncated or changed: download it again.",
        )
    if digest is not None:
        check_published(path, content, digest, who=who)
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
