"""Each check of an optimizer and of a schedule fails for one that is broken in that way, and says so."""

from __future__ import annotations

from typing import Any

import pytest
from glasshouse import OptimizerPlugin, SchedulerPlugin
from glasshouse.testing import CheckResult, check_optimizer, check_scheduler, checks_of, subject
from glasshouse.testing.kit.checks import run_check

BROKEN = [
    ("reaches_the_minimum_of_a_quadratic", "Climbs", "after 300 steps, received"),
    ("steps_are_deterministic", "Wanders", "the weights after 5 steps, twice: expected bit-identical values"),
    ("state_dict_round_trip", "Forgetful", "4 steps after the state was read: expected bit-identical values"),
    ("state_dict_round_trip", "KeepsAnObject", "raised UnpicklingError: Weights only load failed"),
    ("parameter_groups_are_respected", "OneRate", "the weights of a group whose rate is 0: expected bit-identical"),
    ("learning_rate_can_be_scheduled", "FixedRate", "the weights after a step at rate 0: expected bit-identical"),
    ("learning_rate_can_be_scheduled", "HiddenRate", "expected every group to have an 'lr', received"),
    ("parameters_without_gradient_stay", "ShrinksAll", "the weights that have no gradient: expected bit-id"),
    ("zero_gradients_move_nothing", "PushesAlways", "after steps with gradients of zero: expected bit-id"),
    ("calls_the_closure", "Silent", "to be returned, received None"),
    ("calls_the_closure", "Deaf", "expected the closure to be called, received no call"),
    ("calls_the_closure", "Makes", r"expected one of the losses \[.*\], received -1"),
    ("refuses_negative_learning_rate", "TakesAnyRate", "given lr: -1: expected a UserError, received no error"),
    ("trains_in_a_task", "Explodes", "UserError: training: the loss became|expected finite weights"),
    ("trains_in_a_task", "Stands", "expected changed weights, received the initial ones"),
    ("moves_to_another_precision", "SinglePrecision", "expected the state 'exp_avg' in float64|raised RuntimeError"),
    ("is_documented", "Climbs", "received none for lr"),
]

BROKEN_SCHEDULES = [
    ("length_is_filled", "NeedsMore", "missing 1 required positional argument: 'warmup'"),
    ("learning_rates_are_valid", "Negative", "expected finite rates of at least 0, received -0.01 at step 11"),
    ("learning_rates_are_valid", "Nothing", "expected a rate above 0 at some step, received none"),
    ("schedule_is_deterministic", "Chance", "expected .*, received"),
    ("state_dict_round_trip", "Amnesiac", "after the state was read, received"),
    ("trains_in_a_task", "EndsEarly", "raised ValueError: Tried to step 7 times"),
    ("is_documented", "NeedsMore", "received none for total_steps, warmup"),
]

CHECKS = {kind: {check.name: check for check in checks_of(kind)} for kind in ("optimizer", "lr_scheduler")}


def tried(kind: str, check: str, name: str) -> CheckResult:
    plugin_type: Any = OptimizerPlugin if kind == "optimizer" else SchedulerPlugin
    interval = {} if kind == "optimizer" else {"interval": "step"}
    plugin = plugin_type(name="it", target=f"broken_optimizers:{name}", summary="broken", **interval)
    return run_check(CHECKS[kind][check], subject(plugin, kind=kind))


def fails(result: CheckResult, reason: str) -> None:
    assert result.status == "failed", result
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(result.reason)


@pytest.mark.parametrize(("check", "name", "reason"), BROKEN)
def test_a_broken_optimizer_is_found_out(check: str, name: str, reason: str) -> None:
    fails(tried("optimizer", check, name), reason)


@pytest.mark.parametrize(("check", "name", "reason"), BROKEN_SCHEDULES)
def test_a_broken_schedule_is_found_out(check: str, name: str, reason: str) -> None:
    fails(tried("lr_scheduler", check, name), reason)


def test_groups_may_be_refused() -> None:
    result = tried("optimizer", "parameter_groups_are_respected", "NoGroups")
    assert result.status == "skipped"
    assert "no groups here" in result.reason


def test_sound_ones_pass_all() -> None:
    results = check_optimizer(OptimizerPlugin(name="sound", target="broken_optimizers:Sound", summary="Adam"))
    results += check_scheduler(
        SchedulerPlugin(name="decay", target="broken_optimizers:Decay", summary="less", interval="step")
    )
    at_hand = "listing_imports_nothing_heavy"
    assert {r.check: r.reason for r in results if r.status != "passed" and r.check != at_hand} == {}


def test_every_check_has_a_broken_one() -> None:
    of_all_kinds = {"listing_imports_nothing_heavy"}  # test_conformance_core.py
    assert {check for check, _, _ in BROKEN} | of_all_kinds == set(CHECKS["optimizer"])
    assert {check for check, _, _ in BROKEN_SCHEDULES} | of_all_kinds == set(CHECKS["lr_scheduler"])
