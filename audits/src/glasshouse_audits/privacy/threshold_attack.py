"""The loss-threshold attack: a row with a small loss is classified as a member of the training data.

Yeom, Giacomelli, Fredrikson and Jha, "Privacy Risk in Machine Learning: Analyzing the Connection to Overfitting",
2018, adversary 2: member if the loss is at most the mean training loss. Carlini et al., "Membership Inference Attacks
From First Principles", 2022, section III: the relevant measure is the true positive rate at a low false-positive rate.

A threshold looks better than it is on the rows that it was chosen on. So one half of members and non-members is used to
choose both thresholds, and all rates are measured on the other half.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from glasshouse.statistics import Estimate, OperatingPoint, newcombe, operating_point, tpr_at_fpr
from numpy.typing import NDArray

Losses = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rows:
    """Losses of members and of non-members (`others`)."""

    members: Losses
    others: Losses

    @property
    def is_member(self) -> NDArray[np.bool_]:
        """(m + n,) labels in the order of `scores`."""
        return np.repeat([True, False], [len(self.members), len(self.others)])

    @property
    def scores(self) -> Losses:
        """(m + n,) the attack's score, members first: the larger, the more likely a member."""
        return -np.concatenate([self.members, self.others])


def split_in_half(rows: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Rows to choose thresholds on, and rows to evaluate them on. The order of the rows does not matter."""
    chosen, tried = [], []
    for losses in (rows.members, rows.others):
        shuffled = rng.permutation(np.sort(losses))
        chosen.append(shuffled[: len(losses) // 2])
        tried.append(shuffled[len(losses) // 2 :])
    return Rows(*chosen), Rows(*tried)


def at_low_false_positive_rate(chosen: Rows, tried: Rows, false_positive_rate: float) -> OperatingPoint | str:
    """Both rates on `tried` at the threshold with this false-positive rate on `chosen`; or the reason for none.

    With fewer than ``1 / false_positive_rate`` non-members so low a rate cannot be measured.
    """
    needed = int(np.ceil(1 / false_positive_rate - 1e-9))
    if not len(chosen.members) or min(len(chosen.others), len(tried.others)) < needed:
        return (
            f"a false-positive rate of {false_positive_rate:g} requires at least {needed} non-members in each half; "
            f"there are {len(chosen.others)} and {len(tried.others)}"
        )
    found = tpr_at_fpr(chosen.is_member, chosen.scores, false_positive_rate)
    return operating_point(tried.is_member, tried.scores, found.threshold)


def yeom_advantage(chosen: Rows, tried: Rows) -> Estimate:
    """True minus false positive rate on `tried` at the mean loss of the members in `chosen`; -1 to 1, 0 is harmless.

    Newcombe's interval for the difference of two independent proportions.
    """
    n = len(tried.members) + len(tried.others)
    if not len(chosen.members) or not len(tried.members) or not len(tried.others):
        return Estimate(value=None, n=n, undefined="a half has no members or no non-members")
    threshold = float(chosen.members.mean())
    hits, alarms = (int(np.count_nonzero(losses <= threshold)) for losses in (tried.members, tried.others))
    value = hits / len(tried.members) - alarms / len(tried.others)
    return Estimate(value, n, newcombe(hits, len(tried.members), alarms, len(tried.others)).item())
