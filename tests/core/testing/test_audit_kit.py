"""Audits that are broken on purpose, one at least for every check, each found by that check."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from glasshouse import AuditPlugin, AuditResult, Evidence, Measurement, Table, UserError
from glasshouse.testing import check_audit, checks_of, subject
from glasshouse.testing.checks.audits.evidence import SENTINEL
from glasshouse.testing.kit.checks import run_check

CHECKS = {check.name: check for check in checks_of("audit")}
WILSON = {"level": 0.95, "interval_method": "wilson"}


class Sound:
    """The share of rows that are taken for the second class, of everyone and by group.

    Args:
        threshold: probability from which on a row is.
    """

    def __init__(self, threshold: float = 0.5) -> None:
        if isinstance(threshold, bool) or not isinstance(threshold, float):
            raise UserError("audit 'share'", f"threshold is {threshold!r}; expected a number.")
        self.threshold = threshold

    def measure(self, evidence: Evidence) -> AuditResult:
        predictions = evidence.evaluated
        if not np.isfinite(predictions.scores).all():
            raise UserError("audit 'share'", "expected finite scores.")
        chosen = predictions.scores[:, 1] >= self.threshold
        found = [self.share(chosen, {}, evidence)]
        for groups in predictions.groups.values():
            for code, level in enumerate(groups.levels):
                found.append(self.share(chosen[groups.codes == code], {groups.name: level}, evidence))
        return self.result(found)

    def share(self, chosen, group, evidence) -> Measurement:
        n, split = len(chosen), evidence.evaluate_on
        if not n:
            return Measurement(name="rate", value=None, undefined="no rows", n=0, group=group, split=split)
        rate = float(chosen.mean())
        low, high = max(0.0, rate - 0.1), min(1.0, rate + 0.1)
        return Measurement(name="rate", value=rate, low=low, high=high, n=n, group=group, split=split, **WILSON)

    def result(self, found, **more) -> AuditResult:
        fields = {"name": "share", "family": "fairness", "parameters": {"threshold": self.threshold}}
        return AuditResult(measurements=found, **{**fields, **more})


class Altered(Sound):
    """The sound audit, whose result `alter` changes."""

    def measure(self, evidence):
        return self.alter(super().measure(evidence), evidence)


def altered(change):
    """An audit whose first measurement is changed."""

    class Changed(Altered):
        def alter(self, result, evidence):
            first, *others = result.measurements
            return replace(result, measurements=[change(first, evidence), *others])

    return Changed


def crash(*_):
    raise ZeroDivisionError("division by zero")


class Crashes(Sound):
    def measure(self, evidence):
        crash()


class Misnamed(Altered):
    def alter(self, result, evidence):
        return replace(result, name="other")


class Twice(Altered):
    def alter(self, result, evidence):
        return replace(result, measurements=[*result.measurements, result.measurements[0]])


class NanInATable(Altered):
    def alter(self, result, evidence):
        from glasshouse import Column

        return replace(result, tables=[Table(title="t", columns=(Column(name="x"),), rows=((float("nan"),),))])


class Silent(Altered):
    def alter(self, result, evidence):
        return replace(result, parameters={})


class Careless(Sound):
    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold if isinstance(threshold, float) else 0.5


class DropsEmptyGroups(Altered):
    def alter(self, result, evidence):
        return replace(result, measurements=[m for m in result.measurements if m.value is not None])


class Slow(Sound):
    def measure(self, evidence):
        return super().measure(evidence)


class Drawn(Altered):
    def alter(self, result, evidence):
        draws = np.random.default_rng()
        first, *others = result.measurements
        return replace(result, measurements=[replace(first, value=first.value - 0.01 * draws.random()), *others])


class FirstRow(Altered):
    def alter(self, result, evidence):
        score = float(evidence.evaluated.scores[0, 0])
        return replace(result, measurements=[*result.measurements, Measurement(name="first", value=score, n=1)])


class Writes(Sound):
    def measure(self, evidence):
        result = super().measure(evidence)
        evidence.evaluated.scores[0] = 0.5
        return result


class WritesThroughATensor(Sound):
    def measure(self, evidence):
        result = super().measure(evidence)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns that the array is read-only, and writes all the same
            torch.from_numpy(evidence.evaluated.scores)[0] = 0.5
        return result


class WritesInputs(Sound):
    def measure(self, evidence):
        evidence.inputs("test")[0] += 1
        return super().measure(evidence)


class Trains(Sound):
    def measure(self, evidence):
        evidence.model.module.eval()
        with torch.no_grad():
            next(evidence.model.module.parameters()).add_(1)
        return super().measure(evidence)


class NeedsTargets(Altered):
    def alter(self, result, evidence):
        assert len(evidence.evaluated.targets)
        return result


class Peeks(Altered):
    def alter(self, result, evidence):
        evidence.predictions["train"].scores.mean()
        return result


class NeedsWhatItUses(Altered):
    def alter(self, result, evidence):
        evidence.predictions["validate"].scores.mean()
        return result


class Quotes(Altered):
    def alter(self, result, evidence):
        return replace(result, notes=[f"The largest input is {evidence.inputs('test').max().item():.3f}."])


class ZeroForNothing(Sound):
    def share(self, chosen, group, evidence):
        return Measurement(name="rate", value=float(chosen.mean()) if len(chosen) else 0.5, group=group, n=None)


class NeedsTwoRows(Altered):
    def alter(self, result, evidence):
        return result if len(evidence.evaluated) > 1 else crash()


class NeedsBothClasses(Altered):
    def alter(self, result, evidence):
        return result if len(np.unique(evidence.evaluated.targets)) > 1 else crash()


class Overflows(Altered):
    def alter(self, result, evidence):
        assert np.isfinite(np.exp(evidence.evaluated.losses.astype(float)).sum())
        return result


class Confident(Sound):
    def measure(self, evidence):
        chosen = np.argmax(evidence.evaluated.scores, axis=1) == 1
        return self.result([self.share(chosen, {}, evidence)])


NO_N = altered(lambda m, _: replace(m, n=None))
OUTSIDE = altered(lambda m, _: replace(m, low=0.9, high=1.0, value=0.5))
NOBODY_KNOWS = altered(lambda m, _: replace(m, group={"height": "tall"}))
NO_REASON = altered(lambda m, _: replace(m, value=None, low=None, high=None, undefined=" "))

BROKEN = [
    ("is_documented", Sound, {"summary": " "}, "expected a `summary` of one line, received none"),
    ("requires_are_known", Sound, {"requires": ("horoscope",)}, "received 'horoscope'"),
    ("refuses_bad_options", Careless, {}, "given threshold='many': expected a UserError, received no error"),
    ("runs_on_every_declared_kind", Crashes, {}, "expected a result, received ZeroDivisionError"),
    (
        "result_has_name_and_family",
        Misnamed,
        {},
        r"expected \(name, family\) \('share', 'fairness'\), received \('other'",
    ),
    ("result_fits_the_schema", Twice, {}, "identifiers must be unique"),
    ("result_fits_the_schema", NanInATable, {}, "nan is not finite"),
    ("result_contains_all_options", Silent, {}, "expected `parameters` to contain 'threshold', received {}"),
    ("undefined_has_a_reason", NO_REASON, {}, "expected the reason in `undefined`, received ' '"),
    ("rates_have_counts", NO_N, {}, "expected its count `n`, received none"),
    (
        "intervals_contain_their_value",
        OUTSIDE,
        {},
        "expected the value within its interval, received 0.5 and 0.9 to 1.0",
    ),
    ("names_exist_in_the_data", NOBODY_KNOWS, {}, "expected groups of group, region, received 'height'"),
    (
        "every_group_is_reported",
        DropsEmptyGroups,
        {"requires": ("sensitive",)},
        "received none for {'nobody lives here'}",
    ),
    ("same_seed_same_result", Drawn, {}, "expected the same result again, received a difference in rate@test"),
    ("row_order_does_not_matter", FirstRow, {}, "do not depend on the order of rows, .* for first, which no seed"),
    ("evidence_is_not_modified", Writes, {}, "assignment destination is read-only"),
    (
        "evidence_is_not_modified",
        WritesThroughATensor,
        {},
        "expected no modification, received a different test scores",
    ),
    ("evidence_is_not_modified", WritesInputs, {"requires": ("inputs",)}, "received a different test inputs"),
    ("evidence_is_not_modified", Trains, {"requires": ("model",)}, "received a different model's mode"),
    (
        "runs_with_required_evidence_only",
        NeedsTargets,
        {},
        "without undeclared evidence: expected a result or a UserErr",
    ),
    ("reads_only_declared_evidence", Peeks, {}, "but it reads train_predictions"),
    ("runs_without_optional_evidence", NeedsWhatItUses, {"uses": ("validate_predictions",)}, "received KeyError"),
    ("tables_suffice", Sound, {"requires": ("tables",)}, "as tables: expected a result or a UserError, received KeyE"),
    ("no_single_row_is_disclosed", Quotes, {"requires": ("inputs",)}, f"received '{SENTINEL}'"),
    ("empty_split", ZeroForNothing, {}, "no rows: expected no values, received some for rate"),
    ("one_row", NeedsTwoRows, {}, "one row: expected a result or a UserError, received ZeroDivisionError"),
    ("one_class", NeedsBothClasses, {"requires": ("targets",)}, "one class: expected a result or a UserError"),
    ("huge_values", Overflows, {"requires": ("losses",)}, "a row of 1e30: expected a result or a UserError"),
    ("nan_scores", Confident, {}, "scores NaN: expected no values, received some for rate@test"),
]


def declared(audit: type, **more) -> AuditPlugin:
    """A declaration of an audit of this module, for tables with two classes."""
    audit.__qualname__ = audit.__name__ = f"{audit.__name__}_{id(audit)}"
    globals()[audit.__name__] = audit
    given = {"summary": "share of rows", "family": "fairness", "modalities": ("tabular",), "targets": ("binary",)}
    return AuditPlugin(name="share", target=f"{__name__}:{audit.__name__}", **{**given, **more})


@pytest.mark.parametrize(("check", "audit", "more", "told"), BROKEN, ids=[f"{b[0]}-{n}" for n, b in enumerate(BROKEN)])
def test_a_broken_audit_is_found(check, audit, more, told) -> None:
    found = run_check(CHECKS[check], subject(declared(type("Broken", (audit,), {}), **more), kind="audit"))
    assert found.status == "failed", found
    assert re.search(told, found.reason), found.reason


def test_a_slow_audit_is_found(monkeypatch) -> None:
    from glasshouse.testing import audit_subject

    ticks = iter(range(0, 1000, 25))
    monkeypatch.setattr(audit_subject.time, "process_time", lambda: next(ticks))
    found = run_check(CHECKS["takes_little_time"], subject(declared(Slow), kind="audit"))
    assert "expected at most 20 s, received 25 s" in found.reason


def test_every_check_has_a_broken_audit() -> None:
    elsewhere = {"takes_little_time", "listing_imports_nothing_heavy"}  # the latter with all other kinds
    assert {check for check, *_ in BROKEN} | elsewhere == set(CHECKS)


def test_a_sound_audit_passes() -> None:
    results = check_audit(declared(Sound, requires=("sensitive",)))
    assert [(r.check, r.reason) for r in results if r.status == "failed"] == []
    assert [r.check for r in results if r.status == "skipped"] == [
        "listing_imports_nothing_heavy",
        "runs_without_optional_evidence",
        "tables_suffice",
    ]


def test_evidence_of_ones_own() -> None:
    from glasshouse.testing.checks.audits.evidence import tiny_evidence

    made = []

    def evidence() -> Evidence:
        made.append(1)
        return tiny_evidence("tabular", "multiclass")

    results = check_audit(declared(Sound, targets=("multiclass",)), data=evidence)
    assert made
    assert [r.reason for r in results if r.status == "failed"] == []
    skipped = check_audit(declared(Sound), data=evidence)[5]
    assert skipped.reason.startswith("the kit's evidence does not suffice: made for binary targets, not multiclass")
