"""Explainers that are broken on purpose, one at least for every check, each found by that check."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from glasshouse import ExplainerPlugin, Explanation, NotExplainableError, Question, UserError
from glasshouse.testing import check_explainer, checks_of, subject
from glasshouse.testing.kit.checks import run_check

CHECKS = {check.name: check for check in checks_of("explainer")}


class Slope:
    """The score's gradient halfway to the mean background row, times the distance from it.

    Args:
        shift: where on the line, from 0 to 1.
    """

    def __init__(self, shift: float = 0.5) -> None:
        if not isinstance(shift, float):
            raise UserError("explainer 'slope'", f"shift is {shift!r}; expected a number.")
        self.shift = shift

    def explain(self, question: Question) -> Explanation:
        mean = question.background.mean(dim=0)
        parts, asked = [], 0
        for row in question.rows:
            columns = []
            for k in range(len(question.outputs)):
                point = (mean + self.shift * (row - mean))[None].requires_grad_()
                with torch.enable_grad():
                    score = question.score(point)[:, k].sum()
                    if not score.requires_grad:
                        raise NotExplainableError("its scores have no gradient")
                    (slope,) = torch.autograd.grad(score, point)
                asked += 1
                columns.append((slope[0] * (row - mean)).detach())
            parts.append(torch.stack(columns, dim=-1))
        values = question.by_feature(torch.stack(parts).double().numpy())
        return Explanation(values=values, evaluations=asked)


class Linear(Slope):
    """The same, which claims to add up: so it does for a linear model."""

    def explain(self, question):
        found = super().explain(question)
        base = question.scores(question.background.mean(dim=0, keepdim=True)).repeat(len(question.rows), axis=0)
        return replace(found, base=base, completeness="promised")


class Careless(Slope):
    def __init__(self, shift: float = 0.5) -> None:
        self.shift = 0.5


class Flat(Slope):
    def explain(self, question):
        found = super().explain(question)
        return replace(found, values=found.values[:, :, 0])


class Half(Linear):
    def explain(self, question):
        found = super().explain(question)
        return replace(found, values=found.values / 2)


class Generous(Slope):
    def explain(self, question):
        found = super().explain(question)
        return replace(found, values=found.values + 1.0)


class ByBatch(Slope):
    def explain(self, question):
        found = super().explain(question)
        return replace(found, values=found.values * question.max_batch)


class ByPlace(Slope):
    def explain(self, question):
        found = super().explain(question)
        places = np.arange(len(found.values)).reshape(-1, 1, 1)
        return replace(found, values=found.values * (1 + places))


class Global(Slope):
    def explain(self, question):
        found = super().explain(question)
        return replace(found, values=found.values * (1 + np.random.random()))


class Unsure(Slope):
    def explain(self, question):
        found = super().explain(question)
        draws = np.random.default_rng(question.seed).random(found.values.shape)
        return replace(found, values=found.values * (1 + draws))


class Trains(Slope):
    def explain(self, question):
        question.model.module.eval()
        return super().explain(question)


class Forgets(Slope):
    def explain(self, question):
        return replace(super().explain(question), evaluations=1)


class AllAtOnce(Slope):
    def explain(self, question):
        question.score(question.rows)
        return super().explain(question)


class Crashes(Slope):
    def explain(self, question):
        point = question.rows.clone().requires_grad_()
        with torch.enable_grad():
            torch.autograd.grad(question.score(point).sum(), point)
        return super().explain(question)


BROKEN = [
    ("is_documented", Slope, {"summary": " "}, "expected a `summary` of one line, received none"),
    ("refuses_bad_options", Careless, {}, "given shift='many': expected a UserError, received no error"),
    ("explanation_has_valid_shapes", Flat, {}, r"expected `values` of shape \(5, 6, 1\), received \(5, 6\)"),
    ("satisfies_completeness", Half, {}, "expected sums within .* of the change, received a difference"),
    ("linear_model_has_closed_form", Half, {}, "expected weight times distance, received a difference"),
    (
        "unused_feature_has_zero_attribution",
        Generous,
        {},
        "expected 0 for an unused feature, received 1 b",
    ),
    ("batch_size_does_not_matter", ByBatch, {}, "with `max_batch` 3: expected the same values, received a d"),
    ("row_order_does_not_matter", ByPlace, {}, "with rows in another order: expected the same values, received a d"),
    ("same_seed_same_explanation", Global, {}, "expected the same values again, received a difference"),
    ("sampled_values_have_an_error", Unsure, {}, "expected `standard_error`, received none"),
    ("model_is_not_modified", Trains, {}, "expected no modification, received a different model's mode"),
    ("evaluations_are_counted", Forgets, {}, "expected between 5 and 5 evaluations, received 1"),
    ("respects_batch_and_budget_limits", AllAtOnce, {}, "expected at most 4 inputs at once, received 5"),
    (
        "refuses_what_it_cannot_explain",
        Crashes,
        {},
        "a model without gradients: expected values or NotExp",
    ),
]


def declared(explainer: type, **more) -> ExplainerPlugin:
    """A declaration of an explainer of this module, for regressions on tables."""
    given = {"summary": "slopes", "targets": ("regression",), "requires": ("gradients", "features")}
    return ExplainerPlugin(name="slope", target=f"{__name__}:{explainer.__name__}", **{**given, **more})


@pytest.mark.parametrize(("check", "explainer", "more", "told"), BROKEN, ids=[name for name, *_ in BROKEN])
def test_a_broken_explainer_is_found(check, explainer, more, told) -> None:
    found = run_check(CHECKS[check], subject(declared(explainer, **more), kind="explainer"))
    assert found.status == "failed", found
    assert re.search(told, found.reason), found.reason


def test_a_slow_explainer_is_found(monkeypatch) -> None:
    from glasshouse.testing import explainer_checks

    ticks = iter((0, 25))
    monkeypatch.setattr(explainer_checks.time, "process_time", lambda: next(ticks))
    found = run_check(CHECKS["takes_little_time"], subject(declared(Slope), kind="explainer"))
    assert "expected at most 20 s, received 25 s" in found.reason


def test_every_check_has_a_broken_explainer() -> None:
    elsewhere = {"takes_little_time", "listing_imports_nothing_heavy"}
    assert {check for check, *_ in BROKEN} | elsewhere == set(CHECKS)


def test_a_sound_explainer_passes_and_is_bound_by_no_claim_that_it_does_not_make() -> None:
    results = check_explainer(declared(Slope))
    assert [(r.check, r.reason) for r in results if r.status == "failed"] == []
    skipped = {r.check: r.reason for r in results if r.status == "skipped"}
    assert skipped["satisfies_completeness"] == "it claims no completeness"
    found = {r.check: r.status for r in check_explainer(declared(Linear))}
    assert found["linear_model_has_closed_form"] == "passed"
