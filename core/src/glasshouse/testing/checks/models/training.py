"""Checks of a model's training: gradients, learning, determinism, cost."""

from __future__ import annotations

import time

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from glasshouse.evidence.self_scoring import self_score_target
from glasshouse.testing.checks.models.subject import Case, ModelSubject, handle_on, network_of
from glasshouse.testing.checks.training.steps import fit
from glasshouse.testing.checks.training.tensors import difference, named_tensors, weights_of
from glasshouse.testing.kit.checks import expect
from glasshouse.testing.kit.outcomes import CheckFailed, NotApplicable

STEP_SECONDS = 5.0
"""Largest processor time of a training step on twelve tiny rows."""

STEP_BYTES = 1 << 30
"""Largest memory of a step: weights, gradients, and activations saved for the backward pass."""

BATCHES = 4
LEARNING_BATCHES = 60
LEARNING_RATES = (0.01, 0.001)
LEARNED = 0.8
"""An easy problem is learned below this fraction of a constant prediction's loss."""

FALLEN = 0.95
"""The same for a self-scoring model, as a fraction of its loss before training: it has no constant prediction."""


def gradients_reach_every_parameter(subject: ModelSubject) -> None:
    """In the first training steps, every trainable parameter has a finite and nonzero gradient."""
    module = subject.build(subject.case, lr=0.001)
    reached: dict[str, str] = {}

    def watch(name: str, gradient: Tensor) -> None:
        if not torch.isfinite(gradient).all():
            reached[name] = "one that is not finite"
        elif reached.get(name) != "one that is not finite":
            reached[name] = "" if gradient.any() or reached.get(name) == "" else "only zeros"

    trainable = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    if not trainable:
        raise NotApplicable("it has no trainable parameter")
    for name, parameter in trainable.items():
        parameter.register_hook(lambda gradient, name=name: watch(name, gradient))  # type: ignore[no-untyped-call]
    _train(module, subject.case, batches=BATCHES)
    missed = {name: reached.get(name, "none") for name in trainable if reached.get(name, "none")}
    named = ", ".join(f"'{name}' ({what})" for name, what in list(missed.items())[:3])
    expect(
        not missed,
        f"expected a gradient for each of {len(trainable)} parameters, missing for {len(missed)}: {named}; "
        "remove unused parameters, or set requires_grad to False",
    )


def learns_an_easy_problem(subject: ModelSubject) -> None:
    """On an easy problem, the training loss falls well below that of a constant prediction."""
    case = subject.case
    found = []
    for rate in LEARNING_RATES:
        module = subject.build(case, lr=rate)
        if not module.automatic_optimization:
            raise NotApplicable("it uses manual optimization, whose loss need not fall")
        before = _mean_loss(module, case)
        goal = _goal(case, module, before)
        _train(module, case, batches=LEARNING_BATCHES)
        found.append(_mean_loss(module, case))
        if found[-1] < goal:
            return
    raise CheckFailed(
        f"expected a loss below {goal:.3g} on {case} after {LEARNING_BATCHES} batches (before: {before:.3g}), received "
        f"{' and '.join(f'{loss:.3g}' for loss in found)} at rates {' and '.join(map(str, LEARNING_RATES))}"
    )


def same_seed_same_weights(subject: ModelSubject) -> None:
    """Built twice with one seed, it has bit-identical weights."""
    first, second = (weights_of(subject.build(subject.case, seed=1)) for _ in range(2))
    changed = difference(first, second)
    expect(changed is None, f"expected the same weights twice; {changed}")


def same_seed_same_training(subject: ModelSubject) -> None:
    """Trained twice with one seed on the same data, it has bit-identical weights."""
    trained = []
    for _ in range(2):
        module = subject.build(subject.case, lr=0.001)
        _train(module, subject.case, batches=BATCHES)
        trained.append(weights_of(module))
    changed = difference(*trained)
    expect(changed is None, f"expected the same weights after {BATCHES} batches twice; {changed}")


def copies_share_no_weights(subject: ModelSubject) -> None:
    """Two instances share no weights: training one does not change the other."""
    first, second = subject.build(subject.case), subject.build(subject.case)
    places = {tensor.data_ptr(): name for name, tensor in named_tensors(first) if tensor.numel()}
    shared = [name for name, tensor in named_tensors(second) if tensor.numel() and tensor.data_ptr() in places]
    expect(not shared, f"expected separate weights for each instance; shared: {', '.join(shared[:3])}")


def a_step_takes_little_time(subject: ModelSubject) -> None:
    """A training step on twelve tiny rows takes at most five seconds of processor time."""
    network, x = _in_training(subject)
    taken = []
    for _ in range(2):  # the first step may load kernels
        start = time.process_time()
        network(x).sum().backward()
        taken.append(time.process_time() - start)
        if taken[-1] <= STEP_SECONDS:
            return
    raise CheckFailed(
        f"expected at most {STEP_SECONDS:g} s, received {min(taken):.2f} s; set `options` for a smaller model"
    )


def a_step_takes_little_memory(subject: ModelSubject) -> None:
    """Weights, gradients and saved activations for twelve tiny rows take at most one GiB."""
    network, x = _in_training(subject)
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        network(x)
    weights = sum(tensor.numel() * tensor.element_size() for _, tensor in named_tensors(network))
    total = 2 * weights + sum(kept.values())
    expect(
        total <= STEP_BYTES,
        f"expected at most {STEP_BYTES >> 20} MiB, received {total >> 20} MiB, {weights >> 20} MiB of them weights; "
        "set `options` for a smaller model",
    )


def _train(module: LightningModule, case: Case, *, batches: int) -> None:
    per_epoch = len(case.data.train_dataloader())
    fit(
        module.train(),
        case.data,
        epochs=-(-batches // per_epoch),
        limit_train_batches=min(batches, per_epoch),
        limit_val_batches=0,
    )


def _mean_loss(module: LightningModule, case: Case) -> float:
    rows = case.rows
    return float(handle_on(module, case).loss(rows.x, rows.y).mean())


def _goal(case: Case, module: LightningModule, before: float) -> float:
    """The loss below which the easy problem counts as learned."""
    if self_score_target(module) is not None:
        return before - (1 - FALLEN) * abs(before)
    y, target = case.rows.y, case.info.target
    if target.kind == "regression":
        return LEARNED * float(y.double().var(unbiased=False))
    if target.kind == "multilabel":
        share = y.double().mean(dim=0)
        return LEARNED * float(-(torch.special.xlogy(share, share) + torch.special.xlogy(1 - share, 1 - share)).sum())
    share = torch.bincount(y.long(), minlength=target.num_outputs).double() / len(y)
    return LEARNED * float(torch.special.entr(share).sum())


def _in_training(subject: ModelSubject) -> tuple[nn.Module, Tensor]:
    """The network in training mode, and a batch for it."""
    return network_of(subject.build(subject.case)).train(), subject.case.rows.x[:12]
