"""Diabetes: 442 patients and the progression of the disease after one year."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from glasshouse import RawTable, SensitiveColumn, TabularDataModule
from glasshouse.data import Coded, SplitOption

_NAMES = {
    "bmi": "body mass index",
    "bp": "blood pressure",
    "s1": "total cholesterol",
    "s2": "low-density lipoproteins",
    "s3": "high-density lipoproteins",
    "s4": "cholesterol to HDL ratio",
    "s5": "log triglycerides",
    "s6": "blood sugar",
}


class Diabetes(TabularDataModule):
    """442 diabetes patients: age, sex, body mass index, blood pressure and six blood values (from scikit-learn).

    The binary target is whether the disease progressed more than the median of all 442 patients (a fixed part of the
    label's definition, not estimated from a split); "no" is favourable. The publishers code sex as 1 and 2 without
    documenting which is which, so its levels are called "code 1" and "code 2".

    Args:
        task: ``binary`` (progression above the median) or ``regression`` (the progression score, 25 to 346).
        batch_size: rows per batch.
        fractions: fractions of rows in the train, validate and test splits.
        split_seed: seed of the random split.
        seed: seed of the order of training batches; default: that of `seed_everything`.
        split: another split, e.g. ``{by: stratified | random | group | time, column: ..., folds: 5, fold: 0}``.
    """

    name = "diabetes"

    def __init__(
        self,
        task: Literal["binary", "regression"] = "binary",
        batch_size: int = 64,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        split_seed: int = 0,
        seed: int | None = None,
        split: SplitOption = None,
    ) -> None:
        super().__init__(batch_size=batch_size, fractions=fractions, split_seed=split_seed, seed=seed, split=split)
        self.task = task

    def load(self) -> RawTable:
        """The table of Efron et al. in its original units."""
        from sklearn.datasets import load_diabetes

        data = load_diabetes(scaled=False)
        columns: dict[str, Any] = {_NAMES.get(name, name): data.data[:, j] for j, name in enumerate(data.feature_names)}
        columns["sex"] = Coded((columns["sex"] - 1).astype(np.int32), ("code 1", "code 2"))
        progression = data.target.astype(np.float64)
        binary = self.task == "binary"
        target = "progression above the median" if binary else "progression"
        if binary:
            above = (progression > np.median(progression)).astype(np.int32)
            columns[target] = Coded(above, ("no", "yes"))
        else:
            columns[target] = progression
        return RawTable(
            columns=columns,
            target=target,
            task=self.task,
            favourable="no" if binary else None,
            immutable=("age", "sex"),
            sensitive=(
                SensitiveColumn(name="sex", column="sex"),
                SensitiveColumn(name="age_group", column="age", edges=(40, 60)),
            ),
            source="Efron, Hastie, Johnstone and Tibshirani (2004), Least angle regression, Annals of Statistics 32, "
            "through sklearn.datasets.load_diabetes",
        )
