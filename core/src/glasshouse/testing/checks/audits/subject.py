"""The audit to check, with tiny evidence for each declared kind of data."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from typing import Any

from glasshouse.data.kinds import Modality, TargetKind
from glasshouse.errors import UserError
from glasshouse.evidence.evidence import Evidence
from glasshouse.measure.selection import unmet_requirement
from glasshouse.plugins.loading import one_line
from glasshouse.record.measurements import AuditResult
from glasshouse.record.record_io import result_to_dict
from glasshouse.system.random_state import seeded
from glasshouse.testing.checks.audits.evidence import WatchedEvidence, contents, of_the_model, tiny_evidence
from glasshouse.testing.kit.outcomes import CheckFailed, NotApplicable
from glasshouse.testing.kit.states import disturb, state_of
from glasshouse.testing.kit.subjects import Subject


@dataclass(frozen=True, eq=False)
class Case:
    """Evidence of a declared kind; `fresh()` creates a new one, so that checks do not affect each other."""

    name: str
    fresh: Callable[[], Evidence]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Again:
    """A second measurement of the same case."""

    result: AuditResult
    seen: list[str]
    """The parts of the evidence that were read: ``model``, ``inputs``, ``SPLIT_predictions``."""
    changed: list[str]
    """The objects that were modified."""


class AuditSubject(Subject):
    """An audit and its evidence; `data` replaces the latter: a function without arguments that returns evidence."""

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """One case for each declared modality and kind of target that has the required evidence.

        Raises:
            NotApplicable: if none has.
        """
        if self.data is not None:
            found = [Case("the given evidence", self.data)]
        else:
            found = [_tiny(modality, target) for modality, target in self._declared()]
        reasons = [unmet_requirement(self.plugin, case.fresh()) for case in found]
        fitting = tuple(case for case, reason in zip(found, reasons, strict=True) if reason is None)
        if not fitting:
            raise NotApplicable(f"the kit's evidence does not suffice: {reasons[0]}; set your own evidence as `data`")
        return fitting

    def _declared(self) -> list[tuple[Modality, TargetKind]]:
        """Each modality with each kind of target; for an audit of predictions only, further modalities once."""
        plugin = self.plugin
        sees_inputs = of_the_model({*plugin.requires, *plugin.uses} - {"tables"}) or "inputs" in plugin.requires
        first, *others = plugin.modalities
        further = plugin.targets if sees_inputs or "inputs" in plugin.uses else plugin.targets[:1]
        return [(first, t) for t in plugin.targets] + [(m, t) for m in others for t in further]

    @property
    def by_target(self) -> tuple[Case, ...]:
        """One case for each kind of target, for checks that do not depend on the modality."""
        chosen: dict[str, Case] = {}
        for case in self.cases:
            chosen.setdefault(case.fresh().info.target.kind, case)
        return tuple(chosen.values())

    def build(self, **options: Any) -> Any:
        """The audit with the subject's options and these."""
        return self.target(**{**self.options, **options})

    def measure(self, evidence: Evidence) -> AuditResult:
        """Its result, with the seed of the evidence, as in a run.

        Raises:
            CheckFailed: if the result is not an `AuditResult`.
        """
        with seeded(evidence.seed, self.plugin.name):
            result = self.build().measure(evidence)
        if not isinstance(result, AuditResult):
            raise CheckFailed(f"expected measure() to return AuditResult, received {type(result).__name__}")
        return result

    def measured(self, case: Case) -> AuditResult:
        """Its result for a case, computed once for all checks.

        Raises:
            CheckFailed: if it crashes, or refuses a declared kind of evidence.
        """
        return self._timed(case)[0]

    def seconds(self, case: Case) -> float:
        """Processor time of `measured`, in seconds."""
        return self._timed(case)[1]

    def again(self, case: Case) -> Again:
        """A second measurement, with recorded access, of a model in training mode with gradients.

        Raises:
            CheckFailed: as `measured`.
        """
        if case.name not in self._again:
            evidence = WatchedEvidence(case.fresh())
            if evidence.watched.model is not None:
                disturb(evidence.watched.model.module)
            before = state_of(contents(evidence.watched))
            result = self.measure(evidence)
            after = state_of(contents(evidence.watched))
            changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
            self._again[case.name] = Again(result, sorted(evidence.seen), changed)
        return self._again[case.name]

    def tried(self, evidence: Evidence, what: str) -> AuditResult | None:
        """Its result for unusual evidence; None if it raises a `UserError`.

        Raises:
            CheckFailed: if it crashes, or its result cannot be stored.
        """
        try:
            result = self.measure(evidence)
            refuse_unstorable(result)
        except UserError:
            return None
        except CheckFailed:
            raise
        except Exception as error:
            raise CheckFailed(f"{what}: expected a result or a UserError, received {one_line(error)}") from error
        return result

    @cached_property
    def _again(self) -> dict[str, Again]:
        return {}

    @cached_property
    def _known(self) -> dict[str, tuple[AuditResult, float]]:
        return {}

    def _timed(self, case: Case) -> tuple[AuditResult, float]:
        if case.name not in self._known:
            start = time.process_time()
            try:
                result = self.measure(case.fresh())
            except CheckFailed:
                raise
            except Exception as error:
                raise CheckFailed(f"{case}: expected a result, received {one_line(error)}") from error
            self._known[case.name] = result, time.process_time() - start
        return self._known[case.name]


def _tiny(modality: Modality, target: TargetKind) -> Case:
    return Case(f"{modality} data with a {target} target", lambda: tiny_evidence(modality, target))


def values_of(result: AuditResult) -> dict[str, float | None]:
    """Every measurement's value by its identifier."""
    return {measurement.id: measurement.value for measurement in result.measurements}


def parts_of(result: AuditResult) -> dict[str, str]:
    """Every field of a result as text, except `seconds`."""
    values = {field.name: getattr(result, field.name) for field in fields(result) if field.name != "seconds"}
    return {name: json.dumps(_plain(value), sort_keys=True) for name, value in values.items()}


def refuse_unstorable(result: AuditResult) -> None:
    """Check that a result can be stored; of its measurements, which validate themselves, only the first ten.

    Raises:
        ValueError: if two measurements share an identifier, or a part violates the schema.
    """
    if len(values_of(result)) != len(result.measurements):
        raise ValueError("two measurements share an identifier")
    result_to_dict(replace(result, measurements=result.measurements[:10]))


def listed(names: Iterable[str], most: int = 3) -> str:
    """The first names, and the number of the others."""
    known = list(names)
    return ", ".join(known[:most]) + (f" and {len(known) - most} more" if len(known) > most else "")


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value.tolist() if hasattr(value, "tolist") else value
