"""Each schedule against torch's own or a closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from glasshouse import UserError
from glasshouse_plugins.optimizers.schedules import Constant, Cosine, OneCycle, Plateau, Step, WarmupCosine
from torch.optim import lr_scheduler

STEPS = 50


def rates(build: Callable[[torch.optim.Optimizer], Any], metrics: list[float] | None = None) -> list[float]:
    """The learning rate of each of `STEPS` optimizer steps; it starts from 0.2."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2, momentum=0.9)
    scheduler = build(optimizer)
    seen = []
    for step in range(STEPS):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(*([] if metrics is None else [metrics[step]]))
    return seen


def warmup_then_cosine(optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    parts = [
        lr_scheduler.LinearLR(optimizer, start_factor=1 / 11, total_iters=10),
        lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS - 10, eta_min=0.2 * 0.1),
    ]
    return lr_scheduler.SequentialLR(optimizer, parts, milestones=[10])


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step")  # torch's own SequentialLR
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Constant, lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
        (Step, lambda o: lr_scheduler.StepLR(o, step_size=10)),
        (lambda o: Step(o, 7, 0.5), lambda o: lr_scheduler.StepLR(o, step_size=7, gamma=0.5)),
        (lambda o: Cosine(o, STEPS, 0.01), lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, 0.01)),
        (
            lambda o: OneCycle(o, 0.7, STEPS),
            lambda o: lr_scheduler.OneCycleLR(o, 0.7, total_steps=STEPS, cycle_momentum=False),
        ),
        (lambda o: WarmupCosine(o, STEPS, warmup=0.2, final=0.1), warmup_then_cosine),
    ],
    ids=["constant", "step", "step with options", "cosine", "one_cycle", "warmup_cosine"],
)
def test_rates_are_torchs(ours: Any, theirs: Any) -> None:
    assert rates(ours) == pytest.approx(rates(theirs), abs=1e-6)


def test_plateau_follows_what_it_watches_as_torch_does() -> None:
    metrics = [1.0] * 15 + [0.5] * 20 + [0.6] * 15
    ours = rates(lambda o: Plateau(o, factor=0.5, patience=3, min_lr=0.02), metrics)
    theirs = rates(lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=3, min_lr=0.02), metrics)
    assert ours == pytest.approx(theirs, abs=1e-12)
    assert min(ours) == pytest.approx(0.02)


def test_plateau_says_what_it_watches() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)
    assert Plateau(optimizer).monitor == "validate_loss"
    assert Plateau(optimizer, monitor="validate_accuracy").monitor == "validate_accuracy"


def test_cosine_in_closed_form() -> None:
    expected = [0.1 * (1 + math.cos(math.pi * t / STEPS)) for t in range(STEPS)]
    assert rates(lambda o: Cosine(o, STEPS)) == pytest.approx(expected, abs=1e-9)


def test_one_cycle_peaks_at_the_optimizers_rate_and_leaves_momentum_alone() -> None:
    assert max(rates(lambda o: OneCycle(o, total_steps=STEPS))) == pytest.approx(0.2, rel=1e-3)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2, momentum=0.9)
    OneCycle(optimizer, total_steps=STEPS)
    assert optimizer.param_groups[0]["momentum"] == 0.9


def test_warmup_rises_to_the_full_rate_and_then_only_falls() -> None:
    seen = rates(lambda o: WarmupCosine(o, STEPS, warmup=0.2))
    assert seen[:11] == sorted(seen[:11])
    assert seen[10] == pytest.approx(0.2)
    assert seen[10:] == sorted(seen[10:], reverse=True)


def test_without_warmup_it_is_the_cosine_and_stays_at_its_end() -> None:
    seen = rates(lambda o: WarmupCosine(o, 30, warmup=0.0))
    assert seen[:31] == pytest.approx(rates(lambda o: Cosine(o, 30))[:31], abs=1e-9)
    assert seen[30:] == pytest.approx([0.0] * 20, abs=1e-12)


@pytest.mark.parametrize(
    ("schedule", "name", "argument"),
    [
        (Cosine, "cosine", "T_max"),
        (OneCycle, "one_cycle", "total_steps"),
        (WarmupCosine, "warmup_cosine", "total_steps"),
    ],
)
@pytest.mark.parametrize("length", [None, 0])
def test_a_length_nobody_filled_in(schedule: Any, name: str, argument: str, length: int | None) -> None:
    with pytest.raises(UserError, match=f"lr_scheduler '{name}': {argument} is {length}; expected the number of opt"):
        rates(lambda o: schedule(o, **{argument: length}))


@pytest.mark.parametrize("options", [{"warmup": 1.0}, {"warmup": -0.1}, {"final": 2.0}])
def test_shares_outside_their_range(options: dict[str, float]) -> None:
    with pytest.raises(UserError, match="expected 0 <= warmup < 1 and 0 <= final <= 1"):
        rates(lambda o: WarmupCosine(o, STEPS, **options))
