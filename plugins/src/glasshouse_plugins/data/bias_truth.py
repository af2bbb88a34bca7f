"""The true values of the population that `synthetic_bias` samples from, in closed form."""

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
"""Weights of the true score; all other features have weight 0."""

INTERCEPT = 0.3
NOISE = 0.6
SUBGROUP: Mapping[str, str] = MappingProxyType({"region": "south", "shift": "night"})
REGIONS = ("east", "north", "south", "west")
SHIFTS = ("day", "night")
INSIDE = 1 / (len(REGIONS) * len(SHIFTS))
"""Fraction of people in the subgroup."""

_SPREAD = math.hypot(*WEIGHTS.values())
_WITH_NOISE = math.hypot(_SPREAD, NOISE)


@dataclass(frozen=True, kw_only=True)
class BiasTruth:
    """The true values that audits of `synthetic_bias` should find.

    A person's true score is s = 0.3 + 1.0 merit + 0.8 effort. A person is deserving if s + e > 0, where e is normal
    with standard deviation 0.6. Merit is normal with standard deviation 1 and mean 0 in group a, -`group_gap` in group
    b; effort is standard normal. The label is whether the person is deserving, with two errors: in group b a fraction
    `label_bias` of the deserving is denied, and in the subgroup (region south, night shift) a fraction `subgroup_noise`
    of all labels is flipped. `proxy` is normal with standard deviation 1 and mean 0 in group a, `proxy_strength` in
    group b; it does not affect the score. `leak` equals the label in a fraction `leakage` of rows and is a coin toss in
    the others.

    "The true rule" selects people with s > 0, independent of the labels.
    """

    group_gap: float
    label_bias: float
    proxy_strength: float
    leakage: float
    subgroup_noise: float
    share: float

    @property
    def selection_rates(self) -> dict[str, float]:
        """Selection rate of the true rule by group: Phi(mean of s / standard deviation of s)."""
        return {group: float(norm.cdf(self._mean(group) / _SPREAD)) for group in GROUPS}

    @property
    def selection_gap(self) -> float:
        """Demographic parity difference of the true rule."""
        rates = self.selection_rates
        return abs(rates["a"] - rates["b"])

    @property
    def deserved_rates(self) -> dict[str, float]:
        """Fraction of deserving people by group."""
        return {group: float(norm.cdf(self._mean(group) / _WITH_NOISE)) for group in GROUPS}

    @property
    def label_rates(self) -> dict[str, float]:
        """Fraction of favourable labels by group."""
        rates = {}
        for group, deserved in self.deserved_rates.items():
            rate = deserved * (1 - self._label_bias(group))
            flipped = self.subgroup_noise
            rates[group] = rate + INSIDE * (rate * (1 - flipped) + (1 - rate) * flipped - rate)
        return rates

    def error_rate(self, group: str, *, inside: bool) -> float:
        """Error rate of the true rule against the labels in a group, inside or outside the subgroup.

        Computed from the bivariate normal distribution of s and s + e.
        """
        mean = self._mean(group)
        both = multivariate_normal(
            mean=[mean, mean], cov=[[_SPREAD**2, _SPREAD**2], [_SPREAD**2, _WITH_NOISE**2]], allow_singular=True
        )
        neither = float(both.cdf([0.0, 0.0]))
        selected, deserved = self.selection_rates[group], self.deserved_rates[group]
        chosen_and_deserved = selected + deserved - (1 - neither)
        denied = self._label_bias(group)
        error = (selected - chosen_and_deserved) + chosen_and_deserved * denied
        error += (deserved - chosen_and_deserved) * (1 - denied)
        return error * (1 - self.subgroup_noise) + (1 - error) * self.subgroup_noise if inside else error

    def overall_error_rate(self, *, inside: bool) -> float:
        """Error rate of the true rule over both groups."""
        shares = {"a": 1 - self.share, "b": self.share}
        return sum(share * self.error_rate(group, inside=inside) for group, share in shares.items())

    @property
    def proxy_auc(self) -> float:
        """Area under the ROC curve of `proxy` for the group: Phi(difference of means / sqrt 2)."""
        return float(norm.cdf(abs(self.proxy_strength) / np.sqrt(2)))

    @property
    def features_auc(self) -> float:
        """Area under the ROC curve of the best prediction of the group from all features, i.e. from proxy and merit."""
        return float(norm.cdf(np.hypot(self.proxy_strength, self.group_gap) / np.sqrt(2)))

    @property
    def leak_auc(self) -> float:
        """Area under the ROC curve of `leak` for the label."""
        return (1 + self.leakage) / 2

    def score(self, features: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """(n,) true score of rows, given as features (n,) by name."""
        total = sum(weight * np.asarray(features[name], dtype=np.float64) for name, weight in WEIGHTS.items())
        return np.asarray(INTERCEPT + total)

    def shapley_values(
        self, features: Mapping[str, NDArray[np.float64]], background: Mapping[str, NDArray[np.float64]]
    ) -> dict[str, NDArray[np.float64]]:
        """Exact interventional Shapley values (n,) of the true score by feature: w (x - mean of the background)."""
        return {
            name: WEIGHTS.get(name, 0.0) * (np.asarray(values) - np.mean(background[name]))
            for name, values in features.items()
        }

    def _mean(self, group: str) -> float:
        return INTERCEPT - (WEIGHTS["merit"] * self.group_gap if group == "b" else 0.0)

    def _label_bias(self, group: str) -> float:
        return self.label_bias if group == "b" else 0.0
