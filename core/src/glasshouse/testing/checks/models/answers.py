"""Checks of a model's outputs: shape, dtype, independence of rows, gradients, capabilities."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from glasshouse.evidence.model_handle import ModelHandle
from glasshouse.evidence.model_outputs import as_columns
from glasshouse.evidence.self_scoring import self_score_target
from glasshouse.plugins.loading import one_line
from glasshouse.testing.checks.models.subject import Case, ModelSubject, network_of, outputs
from glasshouse.testing.checks.training.tensors import difference, expect_close, expect_same, weights_of
from glasshouse.testing.kit.checks import expect
from glasshouse.testing.kit.outcomes import CheckFailed, NotApplicable


def output_shape(subject: ModelSubject) -> None:
    """The output has one row per input row, and the width of the target."""
    for case, raw in _outputs(subject):
        columns = as_columns(raw, self_score_target(subject.build(case)) or case.info.target)
        expect(
            len(columns) == len(case.rows.x),
            f"on {case}: expected {len(case.rows.x)} rows, received shape {tuple(raw.shape)}",
        )


def output_dtype(subject: ModelSubject) -> None:
    """The output has the floating-point dtype of the weights."""
    for case, raw in _outputs(subject):
        expect(raw.dtype == torch.float32, f"on {case}: expected torch.float32, received {raw.dtype}")


def output_is_finite(subject: ModelSubject) -> None:
    """The untrained model's output for ordinary rows is finite."""
    for case, raw in _outputs(subject):
        bad = int((~torch.isfinite(raw)).sum())
        expect(not bad, f"on {case}: expected finite numbers, received {bad} of {raw.numel()} that are not")


def scores_are_probabilities(subject: ModelSubject) -> None:
    """For classification, the scores computed from the output according to `output_kind` are probabilities."""
    found = False
    for case in subject.cases:
        handle = subject.handle(case)
        if handle.info.target.kind == "regression":
            continue
        found = True
        scores = handle.scores(case.rows.x)
        low, high = float(scores.min()), float(scores.max())
        expect(
            low >= 0 and high <= 1 + 1e-6,
            f"on {case}: expected numbers in [0, 1] from {handle.output_kind}, received {low:.3g} to {high:.3g}",
        )
        if handle.info.target.kind != "multilabel":
            away = float((scores.sum(dim=1) - 1).abs().max())
            expect(
                away < 1e-4,
                f"on {case}: expected {handle.output_kind} that sum to 1, received {1 + away:.3g} for a row",
            )
    if not found:
        raise NotApplicable("it declares no target with classes")


def one_row_equals_the_batch(subject: ModelSubject) -> None:
    """In evaluation mode, a row has the same output alone as in a batch with any other rows."""
    for case in subject.cases:
        module = subject.build(case)
        x = case.rows.x
        together = outputs(module, x)
        alone = torch.cat([outputs(module, x[row : row + 1]) for row in range(3)])
        expect_close(alone, together[:3], f"on {case}: the output of one row alone and of the same row among {len(x)}")


def row_order_is_kept(subject: ModelSubject) -> None:
    """Permuted rows have the same outputs in the permuted order."""
    for case in subject.cases:
        module = subject.build(case)
        x = case.rows.x
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
        expect_close(
            outputs(module, x[order]), outputs(module, x)[order], f"on {case}: the outputs of rows in another order"
        )


def empty_batch(subject: ModelSubject) -> None:
    """An empty batch has an empty output of the usual width."""
    case = subject.case
    module = subject.build(case)
    usual = outputs(module, case.rows.x)
    try:
        raw = outputs(module, case.rows.x[:0])
    except Exception as error:
        raise CheckFailed(f"expected shape {(0, *usual.shape[1:])}, received {one_line(error)}") from error
    expect(
        raw.shape == (0, *usual.shape[1:]),
        f"expected shape {(0, *usual.shape[1:])}, received {tuple(raw.shape)}",
    )


def nan_propagates(subject: ModelSubject) -> None:
    """A row of NaN has a NaN output, or is refused; the outputs of other rows do not change."""
    _expect_apart(subject, math.nan)


def huge_values_stay_in_their_row(subject: ModelSubject) -> None:
    """A row of huge numbers does not change the outputs of other rows."""
    _expect_apart(subject, 1e30)


def evaluation_is_repeatable(subject: ModelSubject) -> None:
    """In evaluation mode, repeated forward passes have bit-identical outputs: dropout and sampling are off."""
    for case in subject.cases:
        module = subject.build(case)
        first, second = outputs(module, case.rows.x), outputs(module, case.rows.x)
        away = float((first - second).abs().max())
        expect(away == 0, f"on {case}: expected the same output twice, received a difference of {away:.3g}")


def evaluation_changes_nothing(subject: ModelSubject) -> None:
    """A forward pass in evaluation mode changes no weight or buffer, and the model stays in evaluation mode."""
    case = subject.case
    module = subject.build(case)
    before = weights_of(module)
    outputs(module, case.rows.x)
    changed = difference(before, weights_of(module))
    expect(changed is None, f"expected unchanged weights and buffers; {changed}")
    training = [name or "the model itself" for name, part in network_of(module).named_modules() if part.training]
    expect(not training, f"expected every part to stay in evaluation mode; in training mode: {', '.join(training[:3])}")


def inputs_are_not_modified(subject: ModelSubject) -> None:
    """A forward pass does not write into its inputs, which later evaluations and audits share."""
    for case in subject.cases:
        x = case.rows.x
        given = x.clone()
        outputs(subject.build(case), given)
        changed = int((given != x).sum())
        expect(
            not changed,
            f"on {case}: expected unchanged inputs, received {changed} of {x.numel()} numbers that differ: "
            "write `x = x - 5` instead of `x -= 5`",
        )


def gradients_reach_the_inputs(subject: ModelSubject) -> None:
    """For numeric inputs, the output is differentiable with respect to them, with nonzero gradients."""
    found = False
    for case in subject.cases:
        if not case.rows.x.is_floating_point():
            continue
        found = True
        module = subject.build(case)
        x = case.rows.x.clone().requires_grad_()
        raw = network_of(module).eval()(x)
        expect(raw.requires_grad, f"on {case}: expected an output that can be differentiated, received one that cannot")
        (gradient,) = torch.autograd.grad(raw.sum() + raw.square().sum(), x, allow_unused=True)
        expect(gradient is not None, f"on {case}: expected gradients of the inputs, received none")
        expect(bool(torch.isfinite(gradient).all()), f"on {case}: expected finite gradients of the inputs")
        expect(bool(gradient.any()), f"on {case}: expected gradients of the inputs, received zeros")
    if not found:
        raise NotApplicable("its inputs are integers")


def provides_what_it_declares(subject: ModelSubject) -> None:
    """Every capability in `provides` works: `embed` returns vectors, `generate` returns examples for a seed."""
    if not subject.plugin.provides:
        raise NotApplicable("it declares no capability")
    for case in subject.cases:
        handle = subject.handle(case)
        for capability in subject.plugin.provides:
            known = capability in handle.capabilities or capability == "rebuild"
            expect(
                known,
                f"on {case}: expected '{capability}' as declared, received {', '.join(sorted(handle.capabilities))}",
            )
        if "embed" in subject.plugin.provides and not case.rows.x.is_floating_point():
            _expect_embedding(case, handle)
        if "generate" in subject.plugin.provides:
            _expect_examples(case, handle)


def _outputs(subject: ModelSubject) -> Iterator[tuple[Case, Tensor]]:
    for case in subject.cases:
        yield case, outputs(subject.build(case), case.rows.x)


def _expect_apart(subject: ModelSubject, value: float) -> None:
    """Expect that a row of `value` does not change the outputs of the other rows."""
    found = False
    for case in subject.cases:
        if not case.rows.x.is_floating_point():
            continue
        found = True
        module = subject.build(case)
        x = case.rows.x[:6].clone()
        usual = outputs(module, x)
        x[2] = value
        try:
            raw = outputs(module, x)
        except Exception:
            continue
        others = [0, 1, 3, 4, 5]
        expect_close(raw[others], usual[others], f"on {case}: the outputs of the other rows, with a row of {value:g}")
        if math.isnan(value):
            expect(
                bool(torch.isnan(raw[2]).any()),
                f"on {case}: expected NaN for a row of NaN, received {raw[2].flatten()[:3].tolist()}",
            )
    if not found:
        raise NotApplicable("its inputs are integers")


def _expect_embedding(case: Case, handle: ModelHandle) -> None:
    seen: list[Tensor] = []
    words = case.rows.x[:3]
    hook = handle.embed.register_forward_hook(lambda module, given, vectors: seen.append(vectors))
    try:
        raw = handle.outputs(words)
    finally:
        hook.remove()
    expect(bool(seen), f"on {case}: expected a forward pass to call the layer `embed`; it did not")
    vectors = seen[0]
    expect(
        vectors.is_floating_point() and vectors.shape[:2] == words.shape and vectors.ndim == 3,
        f"on {case}: expected `embed` to give {(*words.shape, 'd')} numbers, received {tuple(vectors.shape)} as "
        f"{vectors.dtype}",
    )
    (gradient,) = torch.autograd.grad(raw.sum() + raw.square().sum(), vectors, allow_unused=True)
    expect(
        gradient is not None and bool(gradient.any()),
        f"on {case}: expected the output to depend on the vectors of `embed`; it does not",
    )


def _expect_examples(case: Case, handle: ModelHandle) -> None:
    generate = handle.module.generate
    assert callable(generate)
    first, second = generate(3, seed=0), generate(3, seed=0)
    expect(
        first.shape == (3, *case.info.input_shape),
        f"on {case}: expected generate(3) of shape {(3, *case.info.input_shape)}, received {tuple(first.shape)}",
    )
    expect(bool(torch.isfinite(first).all()), f"on {case}: expected finite examples")
    expect_same(second, first, f"on {case}: the examples under one seed")
    expect(not torch.equal(generate(3, seed=1), first), f"on {case}: expected other examples under another seed")
