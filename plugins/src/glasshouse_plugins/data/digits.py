"""Optical recognition of handwritten digits: 1,797 images of 8 x 8 pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from glasshouse import ImageDataModule, RawImages, RawTable
from glasshouse.data import Coded, SplitOption

_DIGITS = tuple("0123456789")
_LEVELS = 16


class Digits(ImageDataModule):
    """1,797 handwritten digits by 13 people, 8 x 8 grey pixels, ten classes (from scikit-learn).

    Each pixel counts the black pixels, 0 to 16, in a 4 x 4 block of the scan; here 16 is white (255). The data does not
    describe the writers, so there is no sensitive attribute.

    Args:
        batch_size: images per batch.
        fractions: fractions of rows in the train, validate and test splits.
        split_seed: seed of the random split.
        seed: seed of the order of training batches; default: that of `seed_everything`.
        split: another split, e.g. ``{by: stratified | random, folds: 5, fold: 0}``.
    """

    name = "digits"

    def __init__(
        self,
        batch_size: int = 64,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        split_seed: int = 0,
        seed: int | None = None,
        split: SplitOption = None,
    ) -> None:
        super().__init__(batch_size=batch_size, fractions=fractions, split_seed=split_seed, seed=seed, split=split)

    def load(self) -> RawImages:
        """The images of scikit-learn, as bytes."""
        from sklearn.datasets import load_digits

        data = load_digits()
        return RawImages(
            pixels=np.rint(data.images * (255 / _LEVELS)).astype(np.uint8)[:, None],
            table=RawTable(
                columns={"digit": Coded(data.target.astype(np.int32), _DIGITS)},
                target="digit",
                task="multiclass",
                classes=_DIGITS,
                source="Alpaydin and Kaynak (1998), Optical recognition of handwritten digits, "
                "https://doi.org/10.24432/C50P49, test part, through sklearn.datasets.load_digits",
                licence="CC BY 4.0",
            ),
        )
