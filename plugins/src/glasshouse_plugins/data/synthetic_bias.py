"""Synthetic people with known bias."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from glasshouse import RawTable, SensitiveColumn, TabularDataModule, UserError
from glasshouse.data import Coded, SplitOption
from numpy.typing import NDArray

from glasshouse_plugins.data.bias_truth import GROUPS, NOISE, REGIONS, SHIFTS, SUBGROUP, BiasTruth

_CLASSES = ("denied", "granted")


class SyntheticBias(TabularDataModule):
    """People of two groups whose application is granted or denied; `truth` has the values that audits should find.

    Features are merit, effort, noise, proxy, region and shift, and, if `leakage` is above 0, leak. The group is a
    feature only with `sees_group`. `glasshouse_plugins.data.bias_truth.BiasTruth` documents how the data is generated
    and has the true values: selection rates and their gap, error rates inside and outside a subgroup, how well the
    proxy predicts the group and the leak the label, and Shapley values of the true score.

    Args:
        rows: number of people, at least 1.
        group_gap: difference in mean merit between group a and group b, in standard deviations.
        label_bias: fraction of deserving people in group b whose label is denied, in [0, 1].
        proxy_strength: difference in the mean of `proxy` between group b and group a, in standard deviations.
        leakage: fraction of rows whose column `leak` equals the label, in [0, 1]; 0: no such column.
        subgroup_noise: fraction of labels that are flipped for people in the south on night shifts, in [0, 0.5].
        share: fraction of people in group b, in [0, 1].
        sees_group: use the group as a feature.
        task: ``binary`` (granted or denied) or ``regression`` (the score with noise, without label bias).
        data_seed: seed of the generated people.
        batch_size: rows per batch.
        fractions: fractions of rows in the train, validate and test splits.
        split_seed: seed of the random split.
        seed: seed of the order of training batches; default: that of `seed_everything`.
        split: another split, e.g. ``{by: stratified | random | group | time, column: ..., folds: 5, fold: 0}``.
    """

    name = "synthetic_bias"

    def __init__(
        self,
        rows: int = 10_000,
        group_gap: float = 0.5,
        label_bias: float = 0.1,
        proxy_strength: float = 1.5,
        leakage: float = 0.0,
        subgroup_noise: float = 0.3,
        share: float = 0.4,
        sees_group: bool = False,
        task: Literal["binary", "regression"] = "binary",
        data_seed: int = 0,
        batch_size: int = 256,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        split_seed: int = 0,
        seed: int | None = None,
        split: SplitOption = None,
    ) -> None:
        super().__init__(batch_size=batch_size, fractions=fractions, split_seed=split_seed, seed=seed, split=split)
        limits = (
            ("label_bias", label_bias, 1.0),
            ("leakage", leakage, 1.0),
            ("subgroup_noise", subgroup_noise, 0.5),
            ("share", share, 1.0),
        )
        for option, value, most in limits:
            if not 0 <= value <= most:
                raise UserError(self.who, f"{option} is {value}; expected a fraction from 0 to {most:g}.")
        if rows < 1:
            raise UserError(self.who, f"rows is {rows}; expected at least 1.")
        if task not in ("binary", "regression"):
            raise UserError(self.who, f"task is {task!r}; expected binary or regression.")
        self.people = rows
        self.sees_group = sees_group
        self.task = task
        self.data_seed = data_seed
        self.truth = BiasTruth(
            group_gap=group_gap,
            label_bias=label_bias,
            proxy_strength=proxy_strength,
            leakage=leakage,
            subgroup_noise=subgroup_noise,
            share=share,
        )

    def load(self) -> RawTable:
        """The people generated with `data_seed`."""
        truth, n, rng = self.truth, self.people, np.random.default_rng(self.data_seed)
        b = rng.random(n) < truth.share
        numbers = {
            "merit": rng.normal(size=n) - truth.group_gap * b,
            "effort": rng.normal(size=n),
            "noise": rng.normal(size=n),
            "proxy": rng.normal(size=n) + truth.proxy_strength * b,
        }
        region, shift = rng.integers(len(REGIONS), size=n), rng.integers(len(SHIFTS), size=n)
        inside = (region == REGIONS.index(SUBGROUP["region"])) & (shift == SHIFTS.index(SUBGROUP["shift"]))
        value = truth.score(numbers) + NOISE * rng.normal(size=n)
        granted = (value > 0) & ~(b & (rng.random(n) < truth.label_bias))
        granted ^= inside & (rng.random(n) < truth.subgroup_noise)
        columns: dict[str, Any] = {
            **numbers,
            "region": _coded(region, REGIONS),
            "shift": _coded(shift, SHIFTS),
        }
        if truth.leakage > 0:
            leaked = rng.random(n) < truth.leakage
            columns["leak"] = np.where(leaked, granted, rng.random(n) < 0.5).astype(np.float64)
        features = (*columns, *(("group",) if self.sees_group else ()))
        binary = self.task == "binary"
        target = "outcome" if binary else "value"
        return RawTable(
            columns={
                **columns,
                "group": _coded(b, GROUPS),
                target: _coded(granted, _CLASSES) if binary else value,
            },
            target=target,
            task=self.task,
            classes=_CLASSES if binary else (),
            favourable="granted" if binary else None,
            features=features,
            immutable=("group",),
            sensitive=(SensitiveColumn(name="group", column="group"),),
            source="synthetic, documented in glasshouse_plugins.data.bias_truth",
            licence="none needed",
            synthetic=True,
        )


def _coded(codes: NDArray[Any], levels: tuple[str, ...]) -> Coded:
    return Coded(codes.astype(np.int32), levels)
