"""Features of a table that are hidden at random."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from glasshouse import DataInfo, Feature, UserError
from torch import Tensor

from glasshouse_plugins.techniques.augmentation import Augmentation, drawn, known, require_share


class FeatureMasking(Augmentation):
    """Hides whole features of a table while training, each of each row by a draw of its own.

    A hidden number becomes its mean; where the data have missing values of it, it is said to be missing. A hidden
    category becomes "missing" where the data have such a level, else none: the whole block is zero, as for a level that
    training never saw. So no single feature is all that is looked at (Vincent et al. 2008 call it masking noise).

    Args:
        share: of features that are hidden.
    """

    who = "technique 'feature_masking'"
    modalities = ("tabular",)

    def __init__(self, share: float = 0.1) -> None:
        require_share("share", share)
        self.share = share
        self._features = 0
        self._feature_of = torch.empty(0, dtype=torch.long)
        self._hidden = torch.empty(0)

    def prepare(self, info: DataInfo | None) -> None:
        """Learn which columns belong to which feature.

        Raises:
            UserError: where the data do not say.
        """
        info = known(info, who=self.who)
        if not info.features:
            raise UserError(self.who, "the data declare no features.", "Give their `features`.")
        self._features = len(info.features)
        self._feature_of, self._hidden = hidden_encoding(info.features, info.input_shape[0])

    def transform(self, x: Tensor) -> Tensor:
        """(n, columns)."""
        hides = drawn(self.share, (len(x), self._features + 1), x)
        hides[:, -1] = False  # columns of no feature
        where = hides[:, self._feature_of.to(x.device)]
        return torch.where(where, self._hidden.to(x), x)


def hidden_encoding(features: Sequence[Feature], width: int) -> tuple[Tensor, Tensor]:
    """(width,) the feature of each column, `len(features)` for columns of none, and (width,) what hidden ones hold."""
    feature_of = torch.full((width,), len(features))
    hidden = torch.zeros(width)
    for number, feature in enumerate(features):
        feature_of[list(feature.columns)] = number
        if feature.kind == "numeric":
            hidden[list(feature.columns[1:])] = 1.0  # behind the number stands whether it is missing
        elif feature.categories and feature.categories[-1].rstrip("_") == "missing":
            hidden[feature.columns[-1]] = 1.0
    return feature_of, hidden
