"""Which encoded columns make up one feature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from glasshouse import Feature, UserError
from numpy.typing import NDArray


def feature_of_column(features: Sequence[Feature], width: int) -> NDArray[np.intp]:
    """Position of the feature that each of `width` encoded columns belongs to, (width,).

    Raises:
        UserError: unless every column belongs to exactly one feature.
    """
    owner = np.full(width, -1, dtype=np.intp)
    for position, feature in enumerate(features):
        for column in feature.columns:
            if not 0 <= column < width:
                problem = f"feature '{feature.name}' names column {column}; the encoded inputs have {width}."
            elif owner[column] >= 0:
                problem = f"column {column} belongs to '{features[owner[column]].name}' and to '{feature.name}'."
            else:
                owner[column] = position
                continue
            raise UserError("audit 'feature_attribution'", problem, "Correct `columns` in the data's features.")
    if (owner < 0).any():
        raise UserError(
            "audit 'feature_attribution'",
            f"encoded columns {np.flatnonzero(owner < 0)[:8].tolist()} belong to no feature.",
            "Declare a feature for each in the data's `DataInfo`.",
        )
    return owner
