"""A run's measurements for assertions in tests: compared like numbers, shown with interval and count.

::

    def test_the_model_is_fair_enough(audit_record):
        assert audit_record["demographic_parity_difference"] < 0.1
        assert audit_record.measurement("true_positive_rate", sex="Female").surely_above(0.6)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glasshouse.errors import UserError, did_you_mean
from glasshouse.record.findings import Finding, Verdict
from glasshouse.record.measurements import AuditResult, Measurement, measurement_id
from glasshouse.run_record import RunRecord


class UnprovenError(AssertionError):
    """A test compares a measurement without a value, or the interval of one without an interval; the test fails."""


class IntervalComparison:
    """Whether a measurement's whole interval is on one side of a limit; a truth value with an explanation."""

    __slots__ = ("_holds", "_text")

    def __init__(self, holds: bool, text: str) -> None:
        self._holds = holds
        self._text = text

    def __bool__(self) -> bool:
        return self._holds

    def __repr__(self) -> str:
        return self._text


class Measured:
    """One measurement of a run, comparable with numbers and other measurements.

    ``<``, ``<=``, ``>``, ``>=``, ``==`` and ``!=`` compare its value; `surely_below` and `surely_above` require that
    the whole confidence interval is on that side. Any comparison of a measurement without a value fails the test, also
    a negated one, with the reason why there is no value.
    """

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, audit: str, measurement: Measurement) -> None:
        self.audit = audit
        """The audit that measured it."""
        self.measurement = measurement
        """The measurement of the record."""

    @property
    def id(self) -> str:
        """Its identifier within the record: ``fairness/selection_rate[sex=Female]@test``."""
        return measurement_id(self.audit, self.measurement)

    @property
    def value(self) -> float:
        """The number.

        Raises:
            UnprovenError: if there is none, with the reason.
        """
        __tracebackhide__ = True  # pytest shows the line of the test
        if self.measurement.value is None:
            raise UnprovenError(f"{self!r}: it cannot be compared")
        return self.measurement.value

    @property
    def low(self) -> float | None:
        """Lower end of the confidence interval; None without one."""
        return self.measurement.low

    @property
    def high(self) -> float | None:
        """Upper end of the confidence interval; None without one."""
        return self.measurement.high

    @property
    def n(self) -> int | None:
        """The number of rows."""
        return self.measurement.n

    def surely_below(self, limit: float) -> IntervalComparison:
        """Whether the upper end of the confidence interval is less than `limit`.

        Raises:
            UnprovenError: if there is no value or no interval.
        """
        __tracebackhide__ = True
        end = self._end(self.measurement.high)
        return IntervalComparison(end < limit, self._explanation("below", limit, "upper", end))

    def surely_above(self, limit: float) -> IntervalComparison:
        """Whether the lower end of the confidence interval is more than `limit`.

        Raises:
            UnprovenError: if there is no value or no interval.
        """
        __tracebackhide__ = True
        end = self._end(self.measurement.low)
        return IntervalComparison(end > limit, self._explanation("above", limit, "lower", end))

    def facts(self) -> list[str]:
        """Value, interval with level and method, and count: a line each."""
        measurement = self.measurement
        value = f"undefined: {measurement.undefined}" if measurement.value is None else _number(measurement.value)
        return [
            f"value     {value}",
            f"interval  {self._interval() or 'none'}",
            f"n         {'not counted' if measurement.n is None else f'{measurement.n:,}'}",
        ]

    def __float__(self) -> float:
        return self.value

    def __abs__(self) -> float:
        return abs(self.value)

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} is a number, neither true nor false: compare it, e.g. `< 0.1`")

    def __lt__(self, other: Any) -> bool:
        __tracebackhide__ = True
        return bool(self.value < _value(other))

    def __le__(self, other: Any) -> bool:
        __tracebackhide__ = True
        return bool(self.value <= _value(other))

    def __gt__(self, other: Any) -> bool:
        __tracebackhide__ = True
        return bool(self.value > _value(other))

    def __ge__(self, other: Any) -> bool:
        __tracebackhide__ = True
        return bool(self.value >= _value(other))

    def __eq__(self, other: object) -> bool:
        __tracebackhide__ = True
        return bool(self.value == _value(other))

    def __ne__(self, other: object) -> bool:
        __tracebackhide__ = True
        return bool(self.value != _value(other))

    def __repr__(self) -> str:
        measurement = self.measurement
        if measurement.value is None:
            return f"{measurement.id} is undefined: {measurement.undefined}"
        count = "" if measurement.n is None else f"n = {measurement.n:,}"
        details = "; ".join(filter(None, (self._interval(), count)))
        return f"{measurement.id} = {_number(measurement.value)}" + (f" ({details})" if details else "")

    def _interval(self) -> str:
        measurement = self.measurement
        if measurement.level is None or (measurement.low is None and measurement.high is None):
            return ""
        low = "-inf" if measurement.low is None else _number(measurement.low)
        high = "inf" if measurement.high is None else _number(measurement.high)
        return f"{low} to {high} at {measurement.level:.6g}, {measurement.interval_method}"

    def _end(self, end: float | None) -> float:
        __tracebackhide__ = True
        if self.measurement.value is None:
            raise UnprovenError(f"{self!r}: nothing is sure of it")
        if end is None:
            raise UnprovenError(f"{self!r} has no interval on that side: nothing is sure; compare its value")
        return end

    def _explanation(self, side: str, limit: float, which: str, end: float) -> str:
        return f"<surely {side} {limit:g}? {self!r}: the {which} end is {_number(end)}>"


class AuditRecord:
    """The measurements of a finished run, by name and group.

    ``record["accuracy"]`` is the measurement of that name over all rows, ``record["fairness/accuracy[sex=F]@test"]``
    the one with that identifier; `measurement` selects by group, split, output and other properties.
    """

    def __init__(self, run: RunRecord) -> None:
        self.run = run
        """The run's record, with its data frames and files."""
        self._all = [Measured(result.name, m) for result in run.record.audits for m in result.measurements]

    @property
    def folder(self) -> Path | None:
        """The run's folder."""
        return self.run.folder

    @property
    def verdict(self) -> Verdict:
        """``pass``, ``fail``, ``insufficient_evidence`` or ``not_judged``, according to the run's policy."""
        return self.run.verdict

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of the run's policy."""
        return self.run.findings

    @property
    def audits(self) -> Mapping[str, AuditResult]:
        """Every audit's result by name, including skipped and failed ones with their reasons."""
        return self.run.audits

    def measurement(self, name: str, /, **asked: Any) -> Measured:
        """The single measurement of a name; `asked` as in `glasshouse.RunRecord.measurement`.

        Raises:
            UserError: if there is none, with similar names, or several, with the properties that distinguish them.
        """
        return self._measured(self.run.measurement(name, **asked))

    def measurements(self, name: str | None = None, /, **asked: Any) -> list[Measured]:
        """All matching measurements; `asked` as in `glasshouse.RunRecord.measurements`.

        Raises:
            UserError: for a metric or an audit that is not in the record.
        """
        return [self._measured(measurement) for measurement in self.run.measurements(name, **asked)]

    def __getitem__(self, name: str) -> Measured:
        if "/" not in name:
            return self.measurement(name)
        known = {measured.id: measured for measured in self._all}
        if name not in known:
            raise UserError("record", f"has no measurement '{name}'.", did_you_mean(name, known, most=4))
        return known[name]

    def __repr__(self) -> str:
        return repr(self.run).replace("RunRecord", "AuditRecord", 1)

    def _measured(self, measurement: Measurement) -> Measured:
        return next(measured for measured in self._all if measured.measurement is measurement)


def explain_comparison(op: str, left: object, right: object) -> list[str] | None:
    """What pytest shows for a failed comparison; None if no measurement is compared."""
    if not isinstance(left, Measured) and not isinstance(right, Measured):
        return None
    lines = [f"{_called(left)} {op} {_called(right)}"]
    both = isinstance(left, Measured) and isinstance(right, Measured)
    for side in (left, right):
        if isinstance(side, Measured):
            lines += [f"{side.measurement.id}:"] if both else []
            lines += side.facts()
    return lines


def _called(side: object) -> str:
    return side.id if isinstance(side, Measured) else repr(side)


def _value(other: Any) -> Any:
    return other.value if isinstance(other, Measured) else other


def _number(value: float) -> str:
    """A number with up to six significant digits; whole numbers without decimals."""
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.6g}"
