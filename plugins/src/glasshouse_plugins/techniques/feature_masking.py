"""Random masking of features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from glasshouse import DataInfo, Feature, UserError
from torch import Tensor

from glasshouse_plugins.techniques.augmentation import Augmentation, bernoulli, require_info, require_probability


class FeatureMasking(Augmentation):
    """Masks random features of training rows, drawn independently per row and feature.

    A masked numeric feature is set to its mean, and its missing indicator, if it has one, to 1. A masked categorical
    feature is set to the level "missing" if it has one, else to an all-zero block, as for a category unknown in
    training. This keeps the model from relying on a single feature (masking noise, Vincent et al. 2008).

    Args:
        share: probability that a feature is masked, in [0, 1].
    """

    who = "technique 'feature_masking'"
    modalities = ("tabular",)

    def __init__(self, share: float = 0.1) -> None:
        require_probability("share", share)
        self.share = share
        self._features = 0
        self._feature_of = torch.empty(0, dtype=torch.long)
        self._masked = torch.empty(0)

    def prepare(self, info: DataInfo | None) -> None:
        """Read which columns belong to which feature.

        Raises:
            UserError: if the data declares no features.
        """
        info = require_info(info, who=self.who)
        if not info.features:
            raise UserError(self.who, "the data declares no features.", "Use tabular data with `features`.")
        self._features = len(info.features)
        self._feature_of, self._masked = masked_encoding(info.features, info.input_shape[0])

    def transform(self, x: Tensor) -> Tensor:
        """(n, columns)."""
        mask = bernoulli(self.share, (len(x), self._features + 1), x)
        mask[:, -1] = False  # columns of no feature
        return torch.where(mask[:, self._feature_of.to(x.device)], self._masked.to(x), x)


def masked_encoding(features: Sequence[Feature], width: int) -> tuple[Tensor, Tensor]:
    """(width,) feature index of each column, `len(features)` for columns of no feature, and (width,) masked values."""
    feature_of = torch.full((width,), len(features))
    masked = torch.zeros(width)
    for number, feature in enumerate(features):
        feature_of[list(feature.columns)] = number
        if feature.kind == "numeric":
            masked[list(feature.columns[1:])] = 1.0  # the missing indicator follows the value
        elif feature.categories and feature.categories[-1].rstrip("_") == "missing":
            masked[feature.columns[-1]] = 1.0
    return feature_of, masked
