"""Breast Cancer Wisconsin (Diagnostic): 569 tumours, malignant or benign."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from glasshouse import RawTable, TabularDataModule
from glasshouse.data import Coded, SplitOption

_CLASSES = ("malignant", "benign")


class BreastCancer(TabularDataModule):
    """569 tumours, 357 of them benign (favourable), with thirty measurements of cell nuclei (from scikit-learn).

    Features are the mean, standard error and worst value of ten measurements in a digitised image of a fine-needle
    aspirate. The data does not describe the patients, so there is no sensitive attribute.

    Args:
        batch_size: rows per batch.
        fractions: fractions of rows in the train, validate and test splits.
        split_seed: seed of the random split.
        seed: seed of the order of training batches; default: that of `seed_everything`.
        split: another split, e.g. ``{by: stratified | random, folds: 5, fold: 0}``.
    """

    name = "breast_cancer"

    def __init__(
        self,
        batch_size: int = 64,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        split_seed: int = 0,
        seed: int | None = None,
        split: SplitOption = None,
    ) -> None:
        super().__init__(batch_size=batch_size, fractions=fractions, split_seed=split_seed, seed=seed, split=split)

    def load(self) -> RawTable:
        """The table of scikit-learn."""
        from sklearn.datasets import load_breast_cancer

        data = load_breast_cancer()
        columns = {str(name): data.data[:, j] for j, name in enumerate(data.feature_names)}
        return RawTable(
            columns={**columns, "diagnosis": Coded(data.target.astype(np.int32), _CLASSES)},
            target="diagnosis",
            task="binary",
            classes=_CLASSES,
            favourable="benign",
            source="Street, Wolberg and Mangasarian (1993), Nuclear feature extraction for breast tumor diagnosis, "
            "https://doi.org/10.24432/C5DW2B, through sklearn.datasets.load_breast_cancer",
            licence="CC BY 4.0",
        )
