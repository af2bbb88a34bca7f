"""Checks of optimizers: convergence, complete state, parameter groups. Each step has a closure, as in Lightning."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from glasshouse.plugins.loading import one_line
from glasshouse.system import library_errors
from glasshouse.testing.checks.training.steps import fit, small_task
from glasshouse.testing.checks.training.tensors import difference, expect_same, weights_of
from glasshouse.testing.kit.checks import Check, expect, expect_user_error
from glasshouse.testing.kit.common import COMMON_CHECKS
from glasshouse.testing.kit.outcomes import CheckFailed, NotApplicable
from glasshouse.testing.kit.subjects import Subject
from glasshouse.testing.kit.tiny import tiny

STEPS = 300
RATES = (None, 0.1, 0.01)
"""Learning rates to try, the optimizer's own first."""

FOUND = 0.01
"""The minimum of a quadratic is reached below this fraction of the initial value."""


class OptimizerSubject(Subject):
    """An optimizer and its options."""

    def accepts(self, option: str) -> bool:
        """Whether the constructor has this option."""
        return option in inspect.signature(self.target).parameters

    def make(self, parameters: Any, **options: Any) -> torch.optim.Optimizer:
        """The optimizer for some parameters, created as in a run.

        Raises:
            UserError: if the constructor refuses its arguments.
        """
        with library_errors.user_errors_from_constructor(self.who):
            return self.target(parameters, **{**self.options, **options})  # type: ignore[no-any-return]


SUBJECT = OptimizerSubject


def reaches_the_minimum_of_a_quadratic(subject: OptimizerSubject) -> None:
    """With its default learning rate, 0.1 or 0.01, it reduces a quadratic to 1 % of its initial value in 300 steps."""
    goal = FOUND * float(bowl(_start()).detach())
    reached = []
    for rate in RATES:
        if rate is not None and not subject.accepts("lr"):
            continue
        w = _start()
        optimizer = subject.make([w], **({} if rate is None else {"lr": rate}))
        for _ in range(STEPS):
            _step(optimizer, lambda w=w: bowl(w))  # type: ignore[misc]
        reached.append(float(bowl(w).detach()))
        if reached[-1] < goal:
            return
    shown = ", ".join(f"{value:.3g}" for value in reached)
    raise CheckFailed(f"expected less than {goal:.3g} after {STEPS} steps, received {shown}")


def steps_are_deterministic(subject: OptimizerSubject) -> None:
    """Started from the same weights, it takes bit-identical steps."""
    weights = [_start(), _start()]
    for w in weights:
        optimizer = subject.make([w])
        for _ in range(5):
            _step(optimizer, lambda w=w: bowl(w))  # type: ignore[misc]
    expect_same(weights[1].detach(), weights[0].detach(), "the weights after 5 steps, twice")


def state_dict_round_trip(subject: OptimizerSubject) -> None:
    """Its saved state, loaded with `weights_only=True` into another instance, continues with bit-identical steps."""
    optimizer = subject.make([w := _start()])
    for _ in range(4):
        _step(optimizer, lambda: bowl(w))
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    other = subject.make([copy := nn.Parameter(w.detach().clone())])
    other.load_state_dict(torch.load(file, weights_only=True))
    for _ in range(4):
        _step(optimizer, lambda: bowl(w))
        _step(other, lambda: bowl(copy))
    expect_same(copy.detach(), w.detach(), "the weights 4 steps after the state was read")


def parameter_groups_are_respected(subject: OptimizerSubject) -> None:
    """A group with learning rate 0 stays constant while another one changes, unless groups are refused."""
    still, moving = _start(), _start()
    try:
        optimizer = subject.make([{"params": [still], "lr": 0.0}, {"params": [moving]}])
    except Exception as error:
        raise NotApplicable(f"it refuses groups: {one_line(error)}") from error
    before = still.detach().clone()
    for _ in range(3):
        _step(optimizer, lambda: bowl(still) + bowl(moving))
    expect_same(still.detach(), before, "the weights of a group whose rate is 0")
    expect(not torch.equal(moving.detach(), before), "expected the other group to change, received its initial weights")


def learning_rate_can_be_scheduled(subject: OptimizerSubject) -> None:
    """It uses `param_groups[...]["lr"]`: when a schedule sets that to 0, the weights do not change."""
    optimizer = subject.make([w := _start()])
    without = [group for group in optimizer.param_groups if "lr" not in group]
    expect(not without, "expected every group to have an 'lr', received " + ", ".join(map(str, without[:1])))
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    _step(optimizer, lambda: bowl(w))
    expect_same(w.detach(), _start().detach(), "the weights after a step at rate 0")


def parameters_without_gradient_stay(subject: OptimizerSubject) -> None:
    """A parameter that the loss does not depend on does not change."""
    used, unused = _start(), _start()
    optimizer = subject.make([used, unused])
    for _ in range(3):
        _step(optimizer, lambda: bowl(used))
    expect_same(unused.detach(), _start().detach(), "the weights that have no gradient")


def zero_gradients_move_nothing(subject: OptimizerSubject) -> None:
    """From its initial state and without weight decay, zero gradients change no weight."""
    rest = {"weight_decay": 0.0} if subject.accepts("weight_decay") else {}
    optimizer = subject.make([w := _start()], **rest)
    for _ in range(3):
        _step(optimizer, lambda: 0.0 * bowl(w))
    expect_same(w.detach(), _start().detach(), "the weights after steps with gradients of zero")


def calls_the_closure(subject: OptimizerSubject) -> None:
    """`step(closure)` evaluates the closure and returns its loss."""
    optimizer = subject.make([w := _start()])
    losses: list[float] = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = bowl(w)
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(float(loss.detach()))
        return loss

    returned = optimizer.step(closure)  # type: ignore[arg-type]
    expect(bool(losses), "expected the closure to be called, received no call")
    expect(returned is not None, f"expected the loss, {losses[0]:.3g}, to be returned, received None")
    answer = float(torch.as_tensor(returned).detach())
    expect(answer in losses, f"expected one of the losses {losses}, received {answer}")


def refuses_negative_learning_rate(subject: OptimizerSubject) -> None:
    """A learning rate below 0 is refused with an error that names the optimizer."""
    if not subject.accepts("lr"):
        raise NotApplicable("it has no option `lr`")
    expect_user_error(
        lambda: subject.make([_start()], lr=-1.0), naming=(subject.name, subject.target.__name__), given="lr: -1"
    )


def trains_in_a_task(subject: OptimizerSubject) -> None:
    """It trains a small network in a `Task` for some steps: weights change and stay finite."""
    data = tiny("tabular", "binary")
    task = small_task(data.info)
    before = weights_of(task)
    task.optimizer_factory = lambda parameters: subject.make(parameters)
    fit(task, data, epochs=2)
    after = weights_of(task)
    bad = [name for name, tensor in after.items() if not torch.isfinite(tensor).all()]
    expect(not bad, f"expected finite weights, received others in {', '.join(bad)}")
    expect(difference(before, after) is not None, "expected changed weights, received the initial ones")


def moves_to_another_precision(subject: OptimizerSubject) -> None:
    """Its state, loaded by an optimizer of float64 weights, is converted to float64."""
    optimizer = subject.make([w := _start()])
    _step(optimizer, lambda: bowl(w))
    other = subject.make([wide := nn.Parameter(w.detach().double())])
    other.load_state_dict(deepcopy(optimizer.state_dict()))
    _step(other, lambda: bowl(wide))
    _step(optimizer, lambda: bowl(w))
    for name, value in other.state[wide].items():
        per_weight = isinstance(value, Tensor) and value.shape == wide.shape
        expect(not per_weight or value.dtype == torch.float64, f"expected the state '{name}' in float64: {value}")
    away = float((wide.detach() - w.detach().double()).abs().max())
    expect(away < 1e-4, f"expected the same step up to rounding, received a difference of {away:.3g}")


OPTIMIZER_CHECKS = (
    *COMMON_CHECKS,
    *map(
        Check.of,
        (
            reaches_the_minimum_of_a_quadratic,
            steps_are_deterministic,
            state_dict_round_trip,
            parameter_groups_are_respected,
            learning_rate_can_be_scheduled,
            parameters_without_gradient_stay,
            zero_gradients_move_nothing,
            calls_the_closure,
            refuses_negative_learning_rate,
            trains_in_a_task,
            moves_to_another_precision,
        ),
    ),
)


def bowl(w: Tensor) -> Tensor:
    """A quadratic with curvatures from 0.5 to 3 and its minimum, 0, at (1, -1, 0.5)."""
    curvature = torch.tensor([3.0, 0.5, 1.0], dtype=w.dtype)
    return (curvature * (w - torch.tensor([1.0, -1.0, 0.5], dtype=w.dtype)).square()).sum() / 2


def _start() -> nn.Parameter:
    return nn.Parameter(torch.tensor([2.0, 1.0, -1.0]))


def _step(optimizer: torch.optim.Optimizer, loss: Callable[[], Tensor]) -> None:
    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[arg-type]
