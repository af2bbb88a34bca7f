"""Checks of how an audit uses the evidence: determinism, no modification, no undeclared access."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from glasshouse.record.measurements import AuditResult, Measurement
from glasshouse.testing.checks.audits.evidence import (
    SECRET_WORD,
    SENTINEL,
    as_tables,
    of_the_model,
    permuted,
    with_sentinel,
    without,
)
from glasshouse.testing.checks.audits.subject import AuditSubject, listed, parts_of, values_of
from glasshouse.testing.kit.checks import expect
from glasshouse.testing.kit.outcomes import CheckFailed, NotApplicable

EXACT, ROUNDED = 1e-9, 1e-4
"""Tolerances for permuted rows: none, or rounding of the forward pass for audits that use the model."""


def same_seed_same_result(subject: AuditSubject) -> None:
    """The same evidence and seed give a bit-identical result, whether the model is in training or evaluation mode."""
    for case in subject.by_target:
        first, second = subject.measured(case), subject.again(case).result
        moved = [measurement.id for measurement in _moved(first, second, 0.0)]
        before, after = parts_of(first), parts_of(second)
        moved += [name for name in before if before[name] != after[name]]
        expect(not moved, f"{case}: expected the same result again, received a difference in {listed(moved)}")


def row_order_does_not_matter(subject: AuditSubject) -> None:
    """Permuted rows give the same values, except for sampled measurements, which depend on the seed."""
    tolerance = ROUNDED if of_the_model({*subject.plugin.requires, *subject.plugin.uses}) else EXACT
    for case in subject.by_target:
        before = subject.measured(case)
        after = subject.measure(permuted(case.fresh()))
        moved = _moved(before, after, tolerance)
        if not moved:
            continue
        sampled = set()
        for seed in (2, 3):
            other = subject.measure(replace(case.fresh(), seed=seed))
            sampled |= {measurement.name for measurement in _moved(before, other, tolerance)}
        moved = [measurement for measurement in moved if measurement.name not in sampled]
        if moved:
            received = f"{values_of(before).get(moved[0].id)} and {values_of(after).get(moved[0].id)}"
            raise CheckFailed(
                f"{case}: expected values that do not depend on the order of rows, received {received} for "
                f"{listed(m.id for m in moved)}, which no seed changes"
            )


def evidence_is_not_modified(subject: AuditSubject) -> None:
    """Predictions, inputs and the model are not modified: values, mode, weights, gradients, hooks."""
    for case in subject.by_target:
        changed = subject.again(case).changed
        expect(not changed, f"{case}: expected no modification, received a different {listed(changed)}")


def runs_with_required_evidence_only(subject: AuditSubject) -> None:
    """It completes without all evidence that it neither requires nor uses."""
    for case in subject.by_target:
        bare = without(case.fresh(), subject.plugin)
        result = subject.tried(bare, f"{case}, without undeclared evidence")
        if result is None:
            subject.measure(bare)  # raises the audit's own error


def reads_only_declared_evidence(subject: AuditSubject) -> None:
    """It reads the model, inputs and other splits only if `requires` or `uses` contains them."""
    declared = {*subject.plugin.requires, *subject.plugin.uses}
    allowed = declared | ({"model"} if of_the_model(declared) else set())
    for case in subject.by_target:
        taken = [name for name in subject.again(case).seen if name not in allowed]
        expect(not taken, f"{case}: expected it to read declared evidence only, but it reads {listed(taken)}")


def runs_without_optional_evidence(subject: AuditSubject) -> None:
    """It completes without the evidence in `uses`."""
    if not subject.plugin.uses:
        raise NotApplicable("it has no optional evidence (`uses`)")
    plugin = replace(subject.plugin, uses=())
    for case in subject.by_target:
        result = subject.tried(without(case.fresh(), plugin), f"{case}, without {listed(subject.plugin.uses)}")
        expect(
            result is not None,
            f"{case}, without {listed(subject.plugin.uses)}: expected a result, received a UserError",
        )


def tables_suffice(subject: AuditSubject) -> None:
    """An audit that requires only ``tables`` completes on count tables, without predictions of single rows."""
    beyond = set(subject.plugin.requires) - {"tables", "targets", "sensitive"}
    if "tables" not in subject.plugin.requires or beyond:
        raise NotApplicable("it requires the predictions of single rows")
    for case in subject.by_target:
        what = f"{case}, as tables"
        result = subject.tried(as_tables(case.fresh()), what)
        if result is None:
            raise CheckFailed(f"{what}: expected a result, received a UserError")
        expect(bool(result.measurements), f"{what}: expected measurements, received none")


def no_single_row_is_disclosed(subject: AuditSubject) -> None:
    """A number or word that only one row contains does not appear in the result, unless examples are requested."""
    for case in subject.by_target:
        evidence = case.fresh()
        if evidence.inputs is None:
            continue
        result = subject.tried(with_sentinel(evidence), f"{case}, with one outlier")
        if result is None:
            continue
        text = " ".join(parts_of(result).values())
        for secret in (str(SENTINEL), f"{SENTINEL:.2f}", f"{SENTINEL:.1f}", "0.7654321", SECRET_WORD):
            expect(secret not in text, f"{case}: expected no values of a single row in the result, received '{secret}'")


def _moved(before: AuditResult, after: AuditResult, tolerance: float) -> list[Measurement]:
    """Measurements with different values, or that only one of the results contains."""
    first, second = values_of(before), values_of(after)
    every = {m.id: m for m in (*before.measurements, *after.measurements)}
    return [m for name, m in every.items() if not _same(first, second, name, tolerance)]


def _same(first: Mapping[str, float | None], second: Mapping[str, float | None], name: str, tolerance: float) -> bool:
    if name not in first or name not in second:
        return False
    a, b = first[name], second[name]
    return a == b or (a is not None and b is not None and abs(a - b) <= tolerance * max(1.0, abs(a)))
