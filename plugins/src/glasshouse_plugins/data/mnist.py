"""MNIST: handwritten digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from glasshouse import ImageDataModule, UserError
from glasshouse.images import RawImages
from glasshouse.tabular import Coded, RawTable, SplitOption
from numpy.typing import NDArray

from glasshouse_plugins.data.folders import data_folder
from glasshouse_plugins.data.idx import read_idx

_DIGITS = tuple("0123456789")
_HELD_OUT = 0.2


class MNIST(ImageDataModule):
    """Handwritten digits, 28 x 28 grey pixels, ten classes.

    Where the folder holds the official training files, their 60,000 images are for training and the 10,000 of the test
    files for testing. With the test files alone, a seeded permutation of their images makes 8,000 for training and
    2,000 for testing. The validation split is cut from training.

    Args:
        path: folder with ``t10k-images-idx3-ubyte``, ``t10k-labels-idx1-ubyte`` and perhaps
            ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, each gzipped (``.gz``) or not; default:
            ``$GLASSHOUSE_DATA/mnist`` where that variable is set, else ``../shared/data/mnist``.
        validate: share of the images for training that becomes the validation split.
        batch_size: images per batch.
        split_seed: where the splits come from.
        seed: order of training batches; default: the seed of `seed_everything`.
        split: to split otherwise, ``{by: stratified | random, folds: 5, fold: 0}``.
    """

    name = "mnist"

    def __init__(
        self,
        path: str | None = None,
        validate: float = 0.1,
        batch_size: int = 64,
        split_seed: int = 0,
        seed: int | None = None,
        split: SplitOption = None,
    ) -> None:
        if not 0 < validate < 1:
            raise UserError("data 'mnist'", f"validate is {validate}; expected a share between 0 and 1.")
        super().__init__(
            batch_size=batch_size,
            fractions=(1 - validate, validate, 0.0),
            split_seed=split_seed,
            seed=seed,
            split=split,
        )
        self.path = path

    def load(self) -> RawImages:
        """Images and labels of all files there are."""
        folder = data_folder(self.path, "mnist")
        official = any(_file(folder, f"train-{part}") for part in ("images-idx3-ubyte", "labels-idx1-ubyte"))
        parts = [self._part(folder, name) for name in (("train", "t10k") if official else ("t10k",))]
        pixels = np.concatenate([images for images, _ in parts])
        labels = np.concatenate([digits for _, digits in parts])
        if labels.max(initial=0) >= len(_DIGITS):
            raise UserError(self.who, f"a label is {labels.max()}; expected digits from 0 to 9.")
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
                columns={"digit": Coded(labels.astype(np.int32), _DIGITS)},
                target="digit",
                task="multiclass",
                classes=_DIGITS,
                split=split,
                source="LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document "
                f"recognition, Proceedings of the IEEE 86(11); {note}",
                licence="CC BY-SA 3.0",
            ),
        )

    def _part(self, folder: Path, name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        images = read_idx(self._required(folder, f"{name}-images-idx3-ubyte"), dimensions=3, who=self.who)
        labels = read_idx(self._required(folder, f"{name}-labels-idx1-ubyte"), dimensions=1, who=self.who)
        if len(images) != len(labels):
            raise UserError(self.who, f"{folder} has {len(images):,} images and {len(labels):,} labels of '{name}'.")
        return images, labels

    def _required(self, folder: Path, name: str) -> Path:
        found = _file(folder, name)
        if found is None:
            raise UserError(
                self.who,
                f"there is no file {(folder / name).absolute()} (nor {name}.gz).",
                f"Put https://storage.googleapis.com/cvdf-datasets/mnist/{name}.gz there, or name its folder with "
                "`path:` or the folder above `mnist` with GLASSHOUSE_DATA.",
            )
        return found


def _file(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)
