"""Checks of an audit on degenerate evidence: no rows, one row, one class, huge values, NaN scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from glasshouse.evidence.evidence import Evidence
from glasshouse.testing.checks.audits.evidence import judged, with_scores
from glasshouse.testing.checks.audits.results import result_problem
from glasshouse.testing.checks.audits.subject import AuditSubject, Case, listed, refuse_unstorable, values_of
from glasshouse.testing.kit.checks import expect
from glasshouse.testing.kit.outcomes import CheckFailed, NotApplicable

HUGE = 1e30


def empty_split(subject: AuditSubject) -> None:
    """For an empty split, it raises a `UserError`, or all measurements except counts are undefined."""
    for case in subject.by_target:
        result = subject.tried(judged(case.fresh(), np.arange(0)), f"{case}, no rows")
        measurements = () if result is None else result.measurements
        defined = [m.id for m in measurements if m.value not in (None, 0) and not m.n]
        expect(not defined, f"{case}, no rows: expected no values, received some for {listed(defined)}")


def one_row(subject: AuditSubject) -> None:
    """For a single row, it returns a valid result or raises a `UserError`."""
    _sound(subject, subject.by_target, "one row", lambda evidence: judged(evidence, np.arange(1)))


def one_class(subject: AuditSubject) -> None:
    """If targets and predictions are all of one class, it returns a valid result or raises a `UserError`."""

    def alike(evidence: Evidence) -> Evidence:
        found = evidence.evaluated
        same = found.predicted == 1
        return judged(evidence, np.flatnonzero(same if found.targets is None else same & (found.targets == 1)))

    cases = [case for case in subject.by_target if case.fresh().info.target.kind in ("binary", "multiclass")]
    if not cases:
        raise NotApplicable("it supports no target with one class per row")
    _sound(subject, cases, "one class", alike)


def huge_values(subject: AuditSubject) -> None:
    """For a row with values of 1e30, it returns a valid result or raises a `UserError`."""
    _sound(subject, subject.by_target, "a row of 1e30", _huge)


def nan_scores(subject: AuditSubject) -> None:
    """For NaN scores, it fails, or every measurement that depends on them is undefined."""
    for case in subject.by_target:
        result = None
        with suppress(Exception):  # an error becomes an entry in the record, not a number
            result = subject.measure(_rescored(case.fresh(), lambda values: values * np.nan))
            refuse_unstorable(result)
        if result is None:
            continue
        # a measurement that is the same for other scores does not depend on them
        usual = values_of(subject.measured(case))
        other = values_of(subject.measure(_rescored(case.fresh(), _shuffled)))
        defined = [
            name
            for name, value in values_of(result).items()
            if value is not None and not (usual.get(name) == other.get(name) == value)
        ]
        expect(not defined, f"{case}, scores NaN: expected no values, received some for {listed(defined)}")


def _sound(subject: AuditSubject, cases: Sequence[Case], what: str, made: Callable[[Evidence], Evidence]) -> None:
    for case in cases:
        result = subject.tried(made(case.fresh()), f"{case}, {what}")
        problem = None if result is None else result_problem(result)
        if problem is not None:
            raise CheckFailed(f"{case}, {what}: {problem}")


def _huge(evidence: Evidence) -> Evidence:
    found = evidence.evaluated

    def one(values: Any) -> Any:
        changed = values.copy()
        changed[2] = HUGE
        return changed

    losses = None if found.losses is None else one(found.losses)
    changed = with_scores(evidence, found.scores, losses=losses)
    if evidence.info.target.kind == "regression":
        changed = with_scores(evidence, one(found.scores), losses=losses)
        targets = None if found.targets is None else one(found.targets)
        predictions = replace(changed.evaluated, targets=targets)
        changed = replace(changed, predictions={**changed.predictions, evidence.evaluate_on: predictions})
    whole = evidence.inputs
    if whole is None:
        return changed

    def inputs(split: str) -> torch.Tensor:
        x: torch.Tensor = whole(split).clone()
        if x.is_floating_point() and split == evidence.evaluate_on:
            x[2] = HUGE
        return x

    return replace(changed, inputs=inputs, inputs_at=lambda split, rows: inputs(split)[rows])


def _shuffled(values: Any) -> Any:
    """The values in another order."""
    return np.random.default_rng(0).permutation(values)


def _rescored(evidence: Evidence, change: Callable[[Any], Any]) -> Evidence:
    """The evidence with changed scores and losses of the evaluated split, and changed weights of the model."""
    found = evidence.evaluated
    if evidence.model is not None:
        with torch.no_grad():
            for parameter in evidence.model.module.parameters():
                parameter.copy_(torch.from_numpy(change(parameter.numpy())))
    return with_scores(evidence, change(found.scores), losses=None if found.losses is None else change(found.losses))
