"""Numbers of a table with noise."""

from __future__ import annotations

import torch
from glasshouse import DataInfo, UserError
from torch import Tensor

from glasshouse_plugins.techniques.augmentation import Augmentation, known


class FeatureNoise(Augmentation):
    """Adds normal noise to the numeric columns of a table while training; categories stay (Bishop 1995).

    Columns that say that a value is missing are left alone too.

    Args:
        scale: standard deviation of the noise, in those of the features among the training rows.
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
            UserError: where there are none, or the data do not say.
        """
        numeric = [feature.columns[0] for feature in known(info, who=self.who).features if feature.kind == "numeric"]
        if not numeric:
            raise UserError(self.who, "the data have no numeric feature.", "Try `feature_masking`.")
        self._columns = torch.tensor(numeric)

    def transform(self, x: Tensor) -> Tensor:
        """(n, columns)."""
        columns = self._columns.to(x.device)
        noise = torch.randn((len(x), len(columns)), dtype=x.dtype, device=x.device) * self.scale
        return x.index_add(1, columns, noise)
