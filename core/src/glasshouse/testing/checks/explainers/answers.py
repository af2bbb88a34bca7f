"""Checks of explanations, and of how an explainer uses the model."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from glasshouse.evidence.explanations import Explanation, NotExplainableError, Question
from glasshouse.plugins.loading import one_line
from glasshouse.testing.checks.explainers.subject import OUTSIDE, Case, ExplainerSubject, about, error_of
from glasshouse.testing.kit.checks import expect
from glasshouse.testing.kit.outcomes import CheckFailed, NotApplicable
from glasshouse.testing.kit.states import disturb, state_of
from glasshouse.testing.kit.tiny import SHAPES

CLOSE = 1e-3
"""Tolerance, as a fraction of the largest value, for sums of a thousand numbers in single precision."""

PROMISED = 0.05
"""Tolerance, as a fraction of the largest change of a score, for completeness that holds approximately."""


def explanation_has_valid_shapes(subject: ExplainerSubject) -> None:
    """Values, base, standard errors and design are finite and have the shapes that `Explanation` documents."""
    for case in subject.cases:
        question, found = case.fresh(), subject.explained(case)
        n, k = len(question.rows), len(question.outputs)
        inner = tuple(question.rows.shape[1:]) if question.features is None else (question.features,)
        shapes = {"values": (n, *inner, k), "base": (n, k), "standard_error": (n, *inner, k), "design": (n,)}
        for name, expected in shapes.items():
            value = getattr(found, name)
            if value is None and name != "values":
                continue
            received = np.shape(value)
            expect(received == expected, f"{case}: expected `{name}` of shape {expected}, received {received}")
            expect(bool(np.isfinite(value).all()), f"{case}: expected finite numbers in `{name}`, received others")
        error = found.standard_error
        expect(error is None or bool((error >= 0).all()), f"{case}: expected standard errors >= 0, received some below")


def satisfies_completeness(subject: ExplainerSubject) -> None:
    """If it claims completeness, a row's attributions sum to its score minus the base."""
    claimed = [case for case in subject.cases if subject.explained(case).completeness is not None]
    if not claimed:
        raise NotApplicable("it claims no completeness")
    for case in claimed:
        question, found = case.fresh(), subject.explained(case)
        if found.base is None:
            raise CheckFailed(f"{case}: expected `base`, the score that attributions start from, received none")
        change = question.scores(question.rows) - found.base
        total = found.values.reshape(len(question.rows), -1, len(question.outputs)).sum(axis=1)
        share = CLOSE if found.completeness == "construction" else PROMISED
        off = float(np.abs(total - change).max())
        allowed = share * float(np.abs(change).max()) + 1e-4
        expect(
            off <= allowed,
            f"{case}: expected sums within {allowed:.3g} of the change, received a difference of {off:.3g}",
        )


def linear_model_has_closed_form(subject: ExplainerSubject) -> None:
    """If it claims completeness, attributions of a linear model are its weights times the distance from the base."""
    weights = _weights()
    question = subject.linear(weights)
    found = subject.explain(question)
    if found.completeness is None or found.base is None:
        raise NotApplicable("it claims no completeness")
    x, mean = question.rows.numpy(), question.background.numpy().mean(axis=0)
    origins = {"the mean of the background": mean, "zero": np.zeros_like(mean)}
    for start in origins.values():
        if abs(float(start @ weights) - float(found.base.mean())) <= 1e-3:
            break
    else:
        raise NotApplicable("its base is neither the score of the background's mean nor that of zero")
    expected = question.by_feature(((x - start) * weights)[:, :, None].astype(np.float64))
    off = np.abs(found.values - expected) - OUTSIDE * error_of(found)
    worst = float(off.max())
    expect(
        worst <= 0.01, f"expected weight times distance, received a difference of {worst:.3g} beyond the standard error"
    )


def unused_feature_has_zero_attribution(subject: ExplainerSubject) -> None:
    """A feature that the model does not use has an attribution of 0."""
    weights = _weights()
    weights[0] = 0.0
    found = subject.explain(subject.linear(weights))
    largest = float(np.abs(found.values).max())
    beyond = float((np.abs(found.values[:, 0]) - OUTSIDE * _part(error_of(found))).max())
    allowed = 0.02 * largest + 1e-6
    expect(beyond <= allowed, f"expected 0 for an unused feature, received {beyond:.3g} beyond its standard error")
    expect(largest > 0, "expected nonzero values for used features, received 0 for all")


def batch_size_does_not_matter(subject: ExplainerSubject) -> None:
    """Every `max_batch` gives the same values, up to their standard error."""
    for case in subject.cases[:2]:
        small = subject.explain(replace(case.fresh(), max_batch=3))
        _expect_alike(case, small, subject.explained(case), "with `max_batch` 3")


def row_order_does_not_matter(subject: ExplainerSubject) -> None:
    """Permuted rows have the same values, up to their standard error."""
    for case in subject.cases[:2]:
        question = case.fresh()
        turned = subject.explain(replace(question, rows=question.rows.flip(0)))
        error = turned.standard_error
        back = replace(turned, values=turned.values[::-1], standard_error=None if error is None else error[::-1])
        _expect_alike(case, back, subject.explained(case), "with rows in another order")


def same_seed_same_explanation(subject: ExplainerSubject) -> None:
    """The same question has a bit-identical explanation, whatever the global random states are."""
    for case in subject.cases[:2]:
        torch.manual_seed(1)
        np.random.seed(1)
        first, second = subject.explained(case), subject.explain(case.fresh())
        off = float(np.abs(first.values - second.values).max())
        expect(off == 0, f"{case}: expected the same values again, received a difference of {off:.3g}")


def sampled_values_have_an_error(subject: ExplainerSubject) -> None:
    """Values that depend on the seed have a standard error, which is positive for at least one of them."""
    for case in subject.cases[:2]:
        first = subject.explained(case)
        other = subject.explain(replace(case.fresh(), seed=99))
        scale = float(np.abs(first.values).max())
        if float(np.abs(first.values - other.values).max()) <= 1e-6 * scale:
            continue
        error = first.standard_error
        if error is None or not (error > 0).any():
            raise CheckFailed(f"{case}: another seed gives other values; expected `standard_error`, received none")


def model_is_not_modified(subject: ExplainerSubject) -> None:
    """The model's mode, weights, gradients and hooks, the rows and the random states are not modified."""
    for case in subject.cases[:2]:
        question = case.fresh()
        disturb(question.model.module)
        seen = {"model": question.model.lightning_module, "rows": question.rows, "background": question.background}
        before = {**state_of(seen), **_generators()}
        subject.explain(question)
        after = {**state_of(seen), **_generators()}
        changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        expect(not changed, f"{case}: expected no modification, received a different {', '.join(changed[:3])}")


def evaluations_are_counted(subject: ExplainerSubject) -> None:
    """`evaluations` is at least the number of rows, and at most the number of inputs that the model received."""
    for case in subject.cases[:2]:
        found, sizes = _watched(subject, case.fresh())
        rows = len(case.fresh().rows)
        expect(
            rows <= found.evaluations <= sum(sizes),
            f"{case}: expected between {rows} and {sum(sizes)} evaluations, received {found.evaluations}",
        )


def respects_batch_and_budget_limits(subject: ExplainerSubject) -> None:
    """A forward pass has at most `max_batch` inputs, and a row at most `budget` evaluations."""
    for case in subject.cases[:2]:
        question = replace(case.fresh(), max_batch=4)
        found, sizes = _watched(subject, question)
        expect(max(sizes) <= 4, f"{case}: expected at most 4 inputs at once, received {max(sizes)}")
        most = question.budget * len(question.rows)
        expect(found.evaluations <= most, f"{case}: expected at most {most} evaluations, received {found.evaluations}")


def refuses_what_it_cannot_explain(subject: ExplainerSubject) -> None:
    """For a model without gradients or with unsupported layers, it returns values or raises NotExplainableError."""
    question = subject.case.fresh()
    for name, network in (("a model without gradients", _Steps), ("an unknown layer", _Strange)):
        try:
            found = subject.explain(about(question, network(question.model.module)))
        except NotExplainableError:
            continue
        except Exception as error:
            raise CheckFailed(f"{name}: expected values or NotExplainableError, received {one_line(error)}") from error
        expect(bool(np.isfinite(found.values).all()), f"{name}: expected finite values, received others")


def takes_little_time(subject: ExplainerSubject) -> None:
    """Five rows take at most 20 seconds of processor time."""
    start = time.process_time()
    subject.explain(subject.case.fresh())
    seconds = time.process_time() - start
    expect(seconds <= 20, f"expected at most 20 s, received {seconds:.0f} s: set fewer samples in `options`")


class _Steps(nn.Module):
    """A network whose output has no gradient."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.inner = network

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            found: Tensor = self.inner(x)
        return found


class _Strange(nn.Module):
    """A network with a function that no attribution library has a rule for."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.inner = network

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.inner(x)
        return found + torch.sin(found) / 10


def _watched(subject: ExplainerSubject, question: Question) -> tuple[Explanation, list[int]]:
    """The explanation, and the number of inputs of each forward pass."""
    sizes: list[int] = []
    network = question.model.module
    count: Callable[..., None] = lambda _, inputs: sizes.append(len(inputs[0]))  # noqa: E731
    # on the inner module: explainers get a wrapper around it
    handle = network.register_forward_pre_hook(count)
    try:
        found = subject.explain(about(question, nn.Sequential(network)))
    finally:
        handle.remove()
    return found, sizes


def _expect_alike(case: Case, found: Explanation, usual: Explanation, what: str) -> None:
    scale = float(np.abs(usual.values).max())
    error = np.hypot(error_of(found), error_of(usual))
    sampled = usual.standard_error is not None
    off = float((np.abs(found.values - usual.values) - 6 * error).max())
    allowed = (0.1 if sampled else CLOSE) * scale + 1e-5
    expect(off <= allowed, f"{case}, {what}: expected the same values, received a difference of {off:.3g}")


def _generators() -> dict[str, str]:
    numpy_state: Any = np.random.get_state()
    return {
        "state of random": str(hash(random.getstate())),
        "state of numpy.random": str(numpy_state[1].tolist()) + str(numpy_state[2]),
        "state of torch's generator": str(torch.get_rng_state().tolist()),
    }


def _weights() -> NDArray[np.float32]:
    return np.linspace(2, -1, SHAPES["tabular"][0]).astype(np.float32)


def _part(error: Any) -> Any:
    return error if np.isscalar(error) else error[:, 0]
