"""Gaussian noise on numeric features."""

from __future__ import annotations

import torch
from glasshouse import DataInfo, UserError
from torch import Tensor

from glasshouse_plugins.techniques.augmentation import Augmentation, require_info


class FeatureNoise(Augmentation):
    """Adds Gaussian noise to the numeric features of training rows (Bishop 1995).

    Categorical features and missing indicators do not change.

    Args:
        scale: standard deviation of the noise, in standard deviations of each feature in the training split; at least
            0.
    """

    who = "technique 'feature_noise'"
    modalities = ("tabular",)

    def __init__(self, scale: float = 0.1) -> None:
        if not scale >= 0:
            raise ValueError(f"scale is {scale}; expected 0 or more")
        self.scale = scale
        self._columns = torch.empty(0, dtype=torch.long)

    def prepare(self, info: DataInfo | None) -> None:
        """Find the numeric columns.

        Raises:
            UserError: if there are none, or the data has no `info`.
        """
        numeric = [
            feature.columns[0] for feature in require_info(info, who=self.who).features if feature.kind == "numeric"
        ]
        if not numeric:
            raise UserError(self.who, "the data has no numeric feature.", "Try `feature_masking`.")
        self._columns = torch.tensor(numeric)

    def transform(self, x: Tensor) -> Tensor:
        """(n, columns)."""
        columns = self._columns.to(x.device)
        noise = torch.randn((len(x), len(columns)), dtype=x.dtype, device=x.device) * self.scale
        return x.index_add(1, columns, noise)
