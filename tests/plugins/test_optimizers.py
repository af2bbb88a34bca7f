"""Each optimizer walks the path of torch's own, unfused, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from glasshouse import UserError
from glasshouse_plugins.optimizers.adagrad import Adagrad
from glasshouse_plugins.optimizers.adam import Adam
from glasshouse_plugins.optimizers.adamw import AdamW
from glasshouse_plugins.optimizers.fused import as_lists, can_fuse
from glasshouse_plugins.optimizers.gd import GD
from glasshouse_plugins.optimizers.lbfgs import LBFGS
from glasshouse_plugins.optimizers.momentum import Momentum
from glasshouse_plugins.optimizers.nesterov import Nesterov
from glasshouse_plugins.optimizers.rmsprop import RMSprop
from glasshouse_plugins.optimizers.sam import SAM, perturb
from glasshouse_plugins.optimizers.sgd import SGD

PAIRS = [
    (GD, {}, torch.optim.SGD, {"lr": 0.1}),
    (GD, {"lr": 0.02, "weight_decay": 0.1}, torch.optim.SGD, {"lr": 0.02, "weight_decay": 0.1}),
    (SGD, {}, torch.optim.SGD, {"lr": 0.01}),
    (SGD, {"lr": 0.1, "weight_decay": 0.1}, torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.1}),
    (Momentum, {}, torch.optim.SGD, {"lr": 0.01, "momentum": 0.9}),
    (Momentum, {"nesterov": True}, torch.optim.SGD, {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    (Nesterov, {}, torch.optim.SGD, {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    (Nesterov, {"momentum": 0.5}, torch.optim.SGD, {"lr": 0.01, "momentum": 0.5, "nesterov": True}),
    (Adagrad, {}, torch.optim.Adagrad, {"lr": 0.01}),
    (
        Adagrad,
        {"lr": 0.5, "lr_decay": 0.1, "initial_accumulator_value": 0.3, "weight_decay": 0.1},
        torch.optim.Adagrad,
        {"lr": 0.5, "lr_decay": 0.1, "initial_accumulator_value": 0.3, "weight_decay": 0.1},
    ),
    (RMSprop, {}, torch.optim.RMSprop, {"lr": 0.001}),
    (RMSprop, {"alpha": 0.9, "momentum": 0.5}, torch.optim.RMSprop, {"lr": 0.001, "alpha": 0.9, "momentum": 0.5}),
    (Adam, {}, torch.optim.Adam, {"lr": 0.001}),
    (Adam, {"beta1": 0.5, "weight_decay": 0.1}, torch.optim.Adam, {"betas": (0.5, 0.999), "weight_decay": 0.1}),
    (AdamW, {}, torch.optim.AdamW, {"lr": 0.001}),
    (AdamW, {"lr": 0.1, "weight_decay": 0.5}, torch.optim.AdamW, {"lr": 0.1, "weight_decay": 0.5}),
]


BOWL = torch.tensor([[10.0, 1.0, 0.0], [1.0, 0.2, 0.2], [0.0, 0.2, 3.0]], dtype=torch.float64)
"""Positive definite (eigenvalues 0.09, 3.01 and 10.10), ill-conditioned, with cross terms."""


def path(build: Callable[[list[Any]], torch.optim.Optimizer], steps: int = 20) -> torch.Tensor:
    """Weights after each step down the bowl."""
    w = torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64))
    optimizer = build([w])

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        height = w @ BOWL @ w / 2
        height.backward()
        return height

    seen = []
    for _ in range(steps):
        optimizer.step(closure)
        seen.append(w.detach().clone())
    return torch.stack(seen)


@pytest.mark.parametrize(("ours", "options", "theirs", "their_options"), PAIRS)
def test_the_path_is_torchs(ours: Any, options: Any, theirs: Any, their_options: Any) -> None:
    unfused = {} if ours in (RMSprop, Adagrad) else {"fused": False}
    expected = path(lambda p: theirs(p, **unfused, **their_options))
    torch.testing.assert_close(path(lambda p: ours(p, **options)), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"line_search_fn": None, "lr": 0.1, "history_size": 3, "max_iter": 4}])
def test_the_path_of_lbfgs_is_torchs(options: dict[str, Any]) -> None:
    theirs = {"history_size": 10, "line_search_fn": "strong_wolfe", **options}
    expected = path(lambda p: torch.optim.LBFGS(p, **theirs), steps=4)
    torch.testing.assert_close(path(lambda p: LBFGS(p, **options), steps=4), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("build", "steps", "within"),
    [
        (lambda p: GD(p, lr=0.15), 1200, 1e-6),
        (lambda p: SGD(p, lr=0.15), 1200, 1e-6),
        (lambda p: Momentum(p, lr=0.05), 1000, 1e-6),
        (lambda p: Nesterov(p, lr=0.05), 1000, 1e-6),
        (lambda p: Adagrad(p, lr=1.0), 1000, 1e-6),
        (lambda p: Adam(p, lr=0.1), 1000, 1e-6),
        (lambda p: AdamW(p, lr=0.1, weight_decay=0), 1000, 1e-6),
        (lambda p: LBFGS(p, tolerance_change=1e-14), 2, 1e-6),
        # RMSprop goes on by about lr however near it is, and SAM by the slope at rho from where it stands
        (lambda p: RMSprop(p, lr=1e-3), 4000, 2e-3),
        (lambda p: SAM(p, lr=0.05, rho=1e-3), 500, 1e-3),
        (lambda p: SAM(p, lr=0.1, rho=1e-3, base="adam"), 600, 5e-3),
    ],
    ids=["gd", "sgd", "momentum", "nesterov", "adagrad", "adam", "adamw", "lbfgs", "rmsprop", "sam", "sam-adam"],
)
def test_each_reaches_the_bottom_of_a_bowl(build: Any, steps: int, within: float) -> None:
    assert float(path(build, steps)[-1].abs().max()) < within


def test_one_step_of_sgd_by_hand() -> None:
    w = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = SGD([w], lr=0.5, weight_decay=0.1)
    (3 * w).sum().backward()
    optimizer.step()
    assert w.item() == pytest.approx(2 - 0.5 * (3 + 0.1 * 2))


def test_decoupled_decay_by_hand() -> None:
    """With no gradient AdamW only shrinks the weight, by lr times weight_decay of it."""
    w = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = AdamW([w], lr=0.5, weight_decay=0.1)
    w.grad = torch.zeros(1)
    optimizer.step()
    assert w.item() == pytest.approx(2 * (1 - 0.5 * 0.1))


@pytest.mark.parametrize("optimizer", [GD, SGD, Momentum, Nesterov, Adam, AdamW])
def test_a_step_is_fused_where_that_works(optimizer: Any) -> None:
    real = torch.nn.Parameter(torch.zeros(2))
    elsewhere = torch.nn.Parameter(torch.zeros(2, device="meta"))
    assert optimizer([real]).defaults["fused"] is True
    assert optimizer([real], fused=False).defaults["fused"] is False
    assert optimizer([real, elsewhere]).defaults["fused"] is False


@pytest.mark.parametrize("optimizer", [GD, SGD, Momentum, Nesterov, Adagrad, RMSprop, Adam, AdamW, SAM])
def test_all_that_torch_takes_for_parameters(optimizer: Any) -> None:
    model = torch.nn.Linear(2, 1)
    for params in (
        model.parameters(),
        list(model.named_parameters()),
        [{"params": model.weight}, {"params": iter([model.bias]), "lr": 0.5}],
    ):
        groups = optimizer(params).param_groups
        assert {p for group in groups for p in group["params"]} == set(model.parameters())
    assert groups[1]["lr"] == 0.5


def test_what_can_be_fused() -> None:
    complex_weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.complex64))
    assert can_fuse([torch.nn.Parameter(torch.zeros(1, dtype=torch.bfloat16))])
    assert not can_fuse([complex_weight])
    assert not can_fuse(as_lists([{"params": iter([complex_weight])}]))


def test_a_step_of_sam_by_hand() -> None:
    """Foret et al. 2021, algorithm 1. At (3, 4) on |w|^2 the gradient is (6, 8), the worst point within 1 is
    (3.6, 4.8), the gradient there (7.2, 9.6)."""
    w = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    optimizer = SAM([w], lr=0.1, rho=1.0, base="sgd")
    evaluated = []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        evaluated.append(w.detach().clone())
        loss = w.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 25  # the loss where it stands, not of the worst point
    torch.testing.assert_close(torch.stack(evaluated), torch.tensor([[3.0, 4.0], [3.6, 4.8]]))
    torch.testing.assert_close(w.detach(), torch.tensor([3 - 0.72, 4 - 0.96]))


@pytest.mark.parametrize(("base", "plain"), [("sgd", SGD), ("momentum", Momentum), ("adam", Adam), ("adamw", AdamW)])
def test_without_a_neighbourhood_sam_is_what_is_inside(base: Any, plain: Any) -> None:
    options = {"lr": 0.02, "weight_decay": 0.1}
    expected = path(lambda p: plain(p, **options))
    torch.testing.assert_close(path(lambda p: SAM(p, rho=0, base=base, **options)), expected, rtol=0, atol=1e-12)


def test_the_climb_is_rho_long_over_all_weights() -> None:
    torch.manual_seed(0)
    parameters = [torch.nn.Parameter(torch.zeros(shape)) for shape in ((3, 2), (4,))]
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    with torch.no_grad():
        perturb(parameters, 0.3)
    moved, gradients = (
        torch.cat([t.detach().flatten() for t in ts]) for ts in (parameters, [p.grad for p in parameters])
    )
    assert moved.norm().item() == pytest.approx(0.3)
    assert float(torch.cosine_similarity(moved, gradients, dim=0)) == pytest.approx(1)
    parameters[0].grad.zero_(), parameters[1].grad.zero_()
    with torch.no_grad():
        perturb(parameters, 0.3)
    torch.testing.assert_close(torch.cat([p.flatten() for p in parameters]), moved)


def test_sam_goes_on_from_its_state() -> None:
    """Ten steps are five, saved and loaded, and five more."""

    def steps(w: torch.nn.Parameter, optimizer: SAM, count: int) -> None:
        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = (w @ BOWL.float() @ w) / 2
            loss.backward()
            return loss

        for _ in range(count):
            optimizer.step(closure)

    whole = torch.nn.Parameter(torch.ones(3))
    steps(whole, SAM([whole], base="adam"), 10)
    first = torch.nn.Parameter(torch.ones(3))
    optimizer = SAM([first], base="adam")
    steps(first, optimizer, 5)
    second = torch.nn.Parameter(first.detach().clone())
    later = SAM([second], base="adam", lr=0.5)
    later.load_state_dict(optimizer.state_dict())
    steps(second, later, 5)
    assert torch.equal(second, whole)


def test_what_sam_refuses() -> None:
    w = torch.nn.Parameter(torch.zeros(1))
    with pytest.raises(UserError, match=r"^optimizer 'sam': rho is -1; expected 0 or more"):
        SAM([w], rho=-1)
    with pytest.raises(UserError, match=r"base is 'lbfgs'; expected one of sgd, momentum, adam, adamw"):
        SAM([w], base="lbfgs")  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"requires a closure .*precision: bf16-mixed"):
        SAM([w]).step()
