"""Individual conditional expectation (ICE) and its mean, partial dependence.

Friedman 2001, "Greedy Function Approximation", section 8.2; Goldstein et al. 2015, "Peeking Inside the Black Box".
Both set a feature to a value in every row, so with correlated features they include predictions for unrealistic rows.
Accumulated local effects avoid this and are shown with them.
"""

from __future__ import annotations

import numpy as np
from glasshouse.statistics import Estimate, Intervals, mean, t_interval
from numpy.typing import NDArray

from glasshouse_audits.effects.grids import Floats, Grid, Inputs, Score, scores_with

Curves = NDArray[np.float32]
"""(n, g) the model's output for each of n rows with the feature set to each of g points."""


def individual_curves(score: Score, x: Inputs, grid: Grid) -> list[Curves]:
    """The curves of all rows `x`, for each of the score's outputs."""
    found = [outputs.astype(np.float32) for outputs in scores_with(score, x, grid.columns, *grid.encodings)]
    stacked = np.stack(found, axis=1)
    return [stacked[:, :, k] for k in range(stacked.shape[2])]


def partial_dependence(curves: Curves) -> tuple[Floats, Intervals]:
    """The mean curve (g,), and at each point Student's t interval over rows."""
    n = len(curves)
    centre = curves.mean(axis=0, dtype=np.float64)
    spread = curves.std(axis=0, dtype=np.float64, ddof=1) if n > 1 else np.full(len(centre), np.nan)
    return centre, t_interval(centre, spread / np.sqrt(n), n - 1)


def partial_dependence_range(curves: Curves) -> Estimate:
    """The range of the mean curve: its highest point minus its lowest, in the output's unit.

    The interval is that of the mean difference between these two points, paired by row; it ignores that the points were
    selected on the same rows.
    """
    centre = curves.mean(axis=0, dtype=np.float64)
    highest, lowest = curves[:, centre.argmax()], curves[:, centre.argmin()]
    return mean(highest.astype(np.float64) - lowest)
