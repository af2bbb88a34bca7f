"""Images in IDX files, as MNIST brought them and others follow: four files, training and test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from glasshouse import ImageDataModule, RawImages, RawTable, UserError
from glasshouse.data import Coded, SplitOption
from numpy.typing import NDArray

from glasshouse_plugins.data.folders import data_folder
from glasshouse_plugins.data.idx import read_idx

_HELD_OUT = 0.2


class IDXImages(ImageDataModule):
    """Base of `mnist` and `fashion_mnist`, which say where their files come from and what the labels mean.

    Args:
        path: folder with ``t10k-images-idx3-ubyte``, ``t10k-labels-idx1-ubyte`` and perhaps
            ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, each gzipped (``.gz``) or not; default: the folder
            of the data's name in ``$GLASSHOUSE_DATA`` where that variable is set, else in ``../shared/data``.
        validate: share of the images for training that becomes the validation split.
        check_files: whether to refuse files that, unpacked, are not the published ones, by their hash.
        batch_size: images per batch.
        split_seed: where the splits come from.
        seed: order of training batches; default: the seed of `seed_everything`.
        split: to split otherwise, ``{by: stratified | random, folds: 5, fold: 0}``.
    """

    folder: str
    """Under the folder of all data."""
    url: str
    """Where the four files are to be had."""
    digests: ClassVar[Mapping[str, str]]
    """Hashes of the unpacked files, which do not depend on who packed them (`check_published`)."""
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
        """Images and labels of all files there are."""
        folder = data_folder(self.path, self.folder)
        official = any(_file(folder, f"train-{part}") for part in ("images-idx3-ubyte", "labels-idx1-ubyte"))
        parts = [self._part(folder, name) for name in (("train", "t10k") if official else ("t10k",))]
        pixels = np.concatenate([images for images, _ in parts])
        labels = np.concatenate([found for _, found in parts])
        if labels.max(initial=0) >= len(self.classes):
            raise UserError(self.who, f"a label is {labels.max()}; expected codes from 0 to {len(self.classes) - 1}.")
        if official:
            split = np.repeat(["train", "test"], [len(images) for images, _ in parts])
            note = "the official training and test files"
        else:
            split = np.full(len(labels), "train", dtype="<U5")
            order = np.random.default_rng(self.split_seed).permutation(len(labels))
            split[order[: round(_HELD_OUT * len(labels))]] = "test"
            note = "the official test file alone, split by a seeded permutation"
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
        found = _file(folder, name)
        if found is None:
            raise UserError(
                self.who,
                f"there is no file {(folder / name).absolute()} (nor {name}.gz).",
                f"Put {self.url}{name}.gz there, or name its folder with `path:` or the folder above `{self.folder}` "
                "with GLASSHOUSE_DATA.",
            )
        return read_idx(
            found, dimensions=dimensions, who=self.who, digest=self.digests[name] if self.check_files else None
        )


def _file(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)
