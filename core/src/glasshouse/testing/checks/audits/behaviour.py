"""How an audit treats the evidence that it is given: the same answer again, nothing changed, nothing taken unasked."""

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
"""How far a number may move when rows come in another order: not at all, or, where a model is asked again, by the
rounding of its single precision."""


def same_seed_same_result(subject: AuditSubject) -> None:
    """The same evidence and seed give the same result to the last bit, whatever mode the model was left in."""
    for case in subject.by_target:
        first, second = subject.measured(case), subject.again(case).result
        moved = [measurement.id for measurement in _moved(first, second, 0.0)]
        before, after = parts_of(first), parts_of(second)
        moved += [name for name in before if before[name] != after[name]]
        expect(not moved, f"{case}: expected the same again, received a difference in {listed(moved)}")


def row_order_does_not_matter(subject: AuditSubject) -> None:
    """The same rows in another order give the same values; measurements that another seed changes are sampled."""
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


def evidence_is_left_alone(subject: AuditSubject) -> None:
    """Predictions, inputs and the model are afterwards as they were: numbers, mode, weights, gradients, hooks."""
    for case in subject.by_target:
        changed = subject.again(case).changed
        expect(not changed, f"{case}: expected nothing changed, received another {listed(changed)}")


def needs_no_more_than_it_requires(subject: AuditSubject) -> None:
    """It completes where everything is missing that it neither requires nor says that it uses."""
    for case in subject.by_target:
        bare = without(case.fresh(), subject.plugin)
        result = subject.tried(bare, f"{case}, without what it does not require")
        if result is None:
            subject.measure(bare)  # its own words say it best


def looks_at_no_more_than_it_declares(subject: AuditSubject) -> None:
    """It touches neither model, inputs nor other splits unless it requires them or says that it uses them."""
    declared = {*subject.plugin.requires, *subject.plugin.uses}
    allowed = declared | ({"model"} if of_the_model(declared) else set())
    for case in subject.by_target:
        taken = [name for name in subject.again(case).seen if name not in allowed]
        expect(not taken, f"{case}: expected it to look at what it declares, received a look at {listed(taken)}")


def does_without_what_it_uses(subject: AuditSubject) -> None:
    """What it says that it uses may be missing."""
    if not subject.plugin.uses:
        raise NotApplicable("it uses nothing beside what it requires")
    plugin = replace(subject.plugin, uses=())
    for case in subject.by_target:
        result = subject.tried(without(case.fresh(), plugin), f"{case}, without {listed(subject.plugin.uses)}")
        expect(
            result is not None,
            f"{case}, without {listed(subject.plugin.uses)}: expected a result, received a UserError",
        )


def tables_suffice(subject: AuditSubject) -> None:
    """An audit that requires ``tables`` alone completes on tables, without the predictions of any row."""
    beyond = set(subject.plugin.requires) - {"tables", "targets", "sensitive"}
    if "tables" not in subject.plugin.requires or beyond:
        raise NotApplicable("it requires the predictions of every row")
    for case in subject.by_target:
        what = f"{case}, as tables"
        result = subject.tried(as_tables(case.fresh()), what)
        if result is None:
            raise CheckFailed(f"{what}: expected a result, received a UserError")
        expect(bool(result.measurements), f"{what}: expected measurements, received none")


def no_rows_are_told(subject: AuditSubject) -> None:
    """A number, or a word, that one row alone has is not found in the result, unless examples are asked for."""
    for case in subject.by_target:
        evidence = case.fresh()
        if evidence.inputs is None:
            continue
        result = subject.tried(with_sentinel(evidence), f"{case}, with one outlier")
        if result is None:
            continue
        told = " ".join(parts_of(result).values())
        for secret in (str(SENTINEL), f"{SENTINEL:.2f}", f"{SENTINEL:.1f}", "0.7654321", SECRET_WORD):
            expect(secret not in told, f"{case}: expected no row's own values in the result, received '{secret}'")


def _moved(before: AuditResult, after: AuditResult, tolerance: float) -> list[Measurement]:
    """Measurements whose value differs, or that only one of two results has."""
    first, second = values_of(before), values_of(after)
    every = {m.id: m for m in (*before.measurements, *after.measurements)}
    return [m for name, m in every.items() if not _same(first, second, name, tolerance)]


def _same(first: Mapping[str, float | None], second: Mapping[str, float | None], name: str, tolerance: float) -> bool:
    if name not in first or name not in second:
        return False
    a, b = first[name], second[name]
    return a == b or (a is not None and b is not None and abs(a - b) <= tolerance * max(1.0, abs(a)))
