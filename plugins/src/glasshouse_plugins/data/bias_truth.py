"""What is true of the population that `synthetic_bias` draws from, in closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.stats import multivariate_normal, norm

GROUPS = ("a", "b")
WEIGHTS: Mapping[str, float] = MappingProxyType({"merit": 1.0, "effort": 0.8})
"""What the true score is made of; every other feature counts for nothing."""

INTERCEPT = 0.3
NOISE = 0.6
SUBGROUP: Mapping[str, str] = MappingProxyType({"region": "south", "shift": "night"})
REGIONS = ("east", "north", "south", "west")
SHIFTS = ("day", "night")
INSIDE = 1 / (len(REGIONS) * len(SHIFTS))
"""The subgroup's share of all people."""

_SPREAD = math.hypot(*WEIGHTS.values())
_WITH_NOISE = math.hypot(_SPREAD, NOISE)


@dataclass(frozen=True, kw_only=True)
class BiasTruth:
    """The numbers that audits of `synthetic_bias` ought to find.

    A person's true score is s = 0.3 + 1.0 merit + 0.8 effort; who deserves it has s + e > 0, e normal with deviation
    0.6. Merit is normal with deviation 1 and mean 0, in group b -`group_gap`; effort is standard normal. Labels are
    what is deserved, except that in group b a share `label_bias` of those who deserve it is denied it, and that in the
    subgroup (region south, at night) a share `subgroup_noise` of all labels is turned round. `proxy` is normal with
    deviation 1 and mean 0, in group b `proxy_strength`; it has no part in the score. `leak` is the label in a share
    `leakage` of rows and the toss of a coin in the others.

    "The true rule" selects whom s > 0, whatever the labels say.
    """

    group_gap: float
    label_bias: float
    proxy_strength: float
    leakage: float
    subgroup_noise: float
    share: float

    @property
    def selection_rates(self) -> dict[str, float]:
        """By group, the share that the true rule selects: Phi(mean of s / deviation of s)."""
        return {group: float(norm.cdf(self._mean(group) / _SPREAD)) for group in GROUPS}

    @property
    def selection_gap(self) -> float:
        """Demographic parity difference of the true rule."""
        rates = self.selection_rates
        return abs(rates["a"] - rates["b"])

    @property
    def deserved_rates(self) -> dict[str, float]:
        """By group, the share that deserves it."""
        return {group: float(norm.cdf(self._mean(group) / _WITH_NOISE)) for group in GROUPS}

    @property
    def label_rates(self) -> dict[str, float]:
        """By group, the share with a favourable label."""
        rates = {}
        for group, deserved in self.deserved_rates.items():
            rate = deserved * (1 - self._denied(group))
            turned = self.subgroup_noise
            rates[group] = rate + INSIDE * (rate * (1 - turned) + (1 - rate) * turned - rate)
        return rates

    def error_rate(self, group: str, *, inside: bool) -> float:
        """How often the true rule differs from the label, in a group, inside the subgroup or outside of it.

        From the bivariate normal distribution of s and s + e, whose correlation is that of s with itself and noise.
        """
        mean = self._mean(group)
        both = multivariate_normal(
            mean=[mean, mean], cov=[[_SPREAD**2, _SPREAD**2], [_SPREAD**2, _WITH_NOISE**2]], allow_singular=True
        )
        neither = float(both.cdf([0.0, 0.0]))
        selected, deserved = self.selection_rates[group], self.deserved_rates[group]
        chosen_and_deserved = selected + deserved - (1 - neither)
        denied = self._denied(group)
        error = (selected - chosen_and_deserved) + chosen_and_deserved * denied
        error += (deserved - chosen_and_deserved) * (1 - denied)
        return error * (1 - self.subgroup_noise) + (1 - error) * self.subgroup_noise if inside else error

    def overall_error_rate(self, *, inside: bool) -> float:
        """The same over both groups."""
        shares = {"a": 1 - self.share, "b": self.share}
        return sum(share * self.error_rate(group, inside=inside) for group, share in shares.items())

    @property
    def proxy_auc(self) -> float:
        """Area under the ROC curve of `proxy` for the group: Phi(difference of means / sqrt 2)."""
        return float(norm.cdf(abs(self.proxy_strength) / np.sqrt(2)))

    @property
    def features_auc(self) -> float:
        """The same of the best prediction from all features, which adds up what proxy and merit tell."""
        return float(norm.cdf(np.hypot(self.proxy_strength, self.group_gap) / np.sqrt(2)))

    @property
    def leak_auc(self) -> float:
        """Area under the ROC curve of `leak` for the label."""
        return (1 + self.leakage) / 2

    def score(self, features: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """(n,) the true score of features (n,) by name."""
        total = sum(weight * np.asarray(features[name], dtype=np.float64) for name, weight in WEIGHTS.items())
        return np.asarray(INTERCEPT + total)

    def shapley_values(
        self, features: Mapping[str, NDArray[np.float64]], background: Mapping[str, NDArray[np.float64]]
    ) -> dict[str, NDArray[np.float64]]:
        """By feature, (n,) exact interventional Shapley values of the true score: w (x - mean of the background)."""
        return {
            name: WEIGHTS.get(name, 0.0) * (np.asarray(values) - np.mean(background[name]))
            for name, values in features.items()
        }

    def _mean(self, group: str) -> float:
        return INTERCEPT - (WEIGHTS["merit"] * self.group_gap if group == "b" else 0.0)

    def _denied(self, group: str) -> float:
        return self.label_bias if group == "b" else 0.0
