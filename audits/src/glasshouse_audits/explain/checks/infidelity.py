"""Infidelity: how far attributions are from the changes of the score that they predict.

Yeh, Hsieh, Suggala, Inouye and Ravikumar, "On the (In)fidelity and Sensitivity of Explanations", NeurIPS 2019,
definition 2.1: the expected square of I'phi - (f(x) - f(x - I)) over perturbations I. For attributions of a feature's
whole effect, as most here are, I is 1 for the replaced features and 0 for the others (section 2.2 of the paper, and
`captum.metrics.infidelity`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from glasshouse.statistics import Estimate, t_interval
from numpy.typing import NDArray

from glasshouse_audits.explain.checks.draws import systematic, uniforms
from glasshouse_audits.explain.checks.replacement import FeatureReplacement

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Infidelity:
    """Per row (n,), means over perturbations, in squares of the score's unit; 0 is best, larger is worse."""

    raw: Floats
    """Of the attributions."""
    scaled: Floats
    """Of the attributions times the best factor of each row: for methods that promise directions only."""
    of_nothing: Floats
    """Of attributions of 0: the mean square of the changes."""


def infidelity(values: Floats, perturbations: Floats | NDArray[np.bool_], change: Floats) -> Infidelity:
    """Infidelity of attributions (n, d) under perturbations (n, s, d) that changed the score by `change` (n, s).

    `change` is f(x) - f(x - I). As `captum.metrics.infidelity`, and its ``normalize=True`` for `scaled`.
    """
    announced = np.einsum("nsd,nd->ns", perturbations, values)
    crossed = (announced * change).mean(axis=1)
    squared, of_nothing = (announced**2).mean(axis=1), (change**2).mean(axis=1)
    factor = np.divide(crossed, squared, out=np.zeros_like(crossed), where=squared > 0)
    return Infidelity(
        raw=((announced - change) ** 2).mean(axis=1),
        scaled=((factor[:, None] * announced - change) ** 2).mean(axis=1),
        of_nothing=of_nothing,
    )


def subsets(replacement: FeatureReplacement, count: int, *, seed: int = 0) -> NDArray[np.bool_]:
    """`count` random subsets of features for each row, (n, count, d); sizes from 1 to all are equally likely."""
    d, content = replacement.features, replacement.content()
    keys = uniforms(content, count * (d + 1), seed=seed, use="subsets").reshape(len(content), count, d + 1)
    # one size from each of as many strata as there are subsets
    sizes = 1 + np.floor((np.arange(count) + keys[:, :, 0]) * d / count).astype(np.intp)
    chosen = np.zeros((len(content), count, d), dtype=bool)
    first = np.arange(d) < np.minimum(sizes, d)[:, :, None]
    np.put_along_axis(chosen, np.argsort(keys[:, :, 1:], axis=2), first, axis=2)
    return chosen


def change(replacement: FeatureReplacement, replaced: NDArray[np.bool_], *, draws: int = 100, seed: int = 0) -> Floats:
    """Decrease of the score when subsets of features (n, s, d) are replaced, (n, s, k).

    The mean over up to `draws` background rows is taken before squaring, because one number per feature cannot follow
    every background row. With one background row this is exactly the paper's definition. It scores rows x subsets x
    draws inputs.
    """
    n, count, d = replaced.shape
    drawn = systematic(replacement.content(), replacement.drawn(draws), len(replacement.background), seed=seed)
    scores = replacement.scores(
        np.repeat(np.arange(n), count),
        np.repeat(drawn, count, axis=0),
        np.where(replaced, 1, 2).reshape(n * count, d),
        steps=1,
    )
    lower: Floats = replacement.row_scores()[:, None] - scores.reshape(n, count, -1)
    return lower


def relative(found: Floats, of_nothing: Floats) -> Estimate:
    """Infidelity of all rows relative to attributions of 0: 0 is best, 1 is no better than no explanation.

    A ratio of two sums over rows with its linearised variance (Cochran 1977, Sampling Techniques, 6.4).
    """
    n, total = len(found), float(of_nothing.sum())
    if not total > 0:
        return Estimate(None, n, undefined="replacing features changes no score")
    ratio = float(found.sum()) / total
    residuals = found - ratio * of_nothing
    error = np.sqrt((residuals**2).sum() * n / (n - 1)) / total if n > 1 else np.nan
    return Estimate(ratio, n, t_interval(ratio, error, n - 1).item())
