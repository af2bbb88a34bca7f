"""The record of a run for scripts and notebooks: measurements by name and group, data frames, notebook output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasshouse.errors import UserError, did_you_mean
from glasshouse.record.findings import Finding, Verdict
from glasshouse.record.measurements import AuditResult, Measurement, measurement_id
from glasshouse.record.record import Record, read_record

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

WHO = "record"


@dataclass(frozen=True)
class RunRecord:
    """The results of one run.

    `record` is the content of the run's record.json, small groups included; notebook output suppresses them, as
    reports do. `folder` is the run folder; None for a record without one.
    """

    record: Record
    folder: Path | None = None

    @classmethod
    def read(cls, path: str | Path) -> RunRecord:
        """The record of a finished run, from its folder or its record.json.

        Raises:
            UserError: if there is none, or it violates the schema.
        """
        given = Path(path)
        file = given / "record.json" if given.is_dir() else given
        return cls(read_record(file), file.parent)

    @property
    def verdict(self) -> Verdict:
        """``pass``, ``fail``, ``insufficient_evidence`` or ``not_judged``."""
        return self.record.verdict

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of the policy."""
        return self.record.findings

    @property
    def audits(self) -> Mapping[str, AuditResult]:
        """Name -> result of every audit, also of those that were skipped or ended in error, with the reason."""
        return {result.name: result for result in self.record.audits}

    def measurement(
        self,
        name: str,
        /,
        *,
        audit: str | None = None,
        group: Mapping[str, str] | None = None,
        over: str | Sequence[str] | None = None,
        output: str | None = None,
        split: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        **attributes: str,
    ) -> Measurement:
        """The measurement of a name; exactly one must match.

        Args:
            name: the metric, such as ``selection_rate``.
            audit: the audit that measured it.
            group: the subgroup, attribute -> level; also as keywords: ``measurement("accuracy", sex="Female")``.
                Without a group it is the measurement over all rows.
            over: the attribute or attributes of a gap.
            output: the class or target.
            split: the split.
            parameters: some or all of its parameters, such as ``{"false_positive_rate": 0.01}``.

        Raises:
            UserError: if none matches, naming the nearest, or several match, listing them.
        """
        found = self._named(name, audit)
        wanted_group = {**(group or {}), **attributes}
        chosen = [
            (audit_name, measurement)
            for audit_name, measurement in found
            if dict(measurement.group) == wanted_group
            and (over is None or set(measurement.over) == set(_as_tuple(over)))
            and (output is None or measurement.output == output)
            and (split is None or measurement.split == split)
            and (parameters is None or parameters.items() <= dict(measurement.parameters).items())
        ]
        if len(chosen) == 1:
            return chosen[0][1]
        if not chosen:
            raise self._not_found(name, wanted_group, found)
        listed = ", ".join(measurement_id(audit_name, measurement) for audit_name, measurement in chosen[:4])
        raise UserError(
            WHO,
            f"has {len(chosen)} measurements of '{name}' for this: {listed}{', ...' if len(chosen) > 4 else ''}.",
            "Select one by audit, over, output, split or parameters, or get all with measurements(name).",
        )

    def measurements(
        self,
        name: str | None = None,
        /,
        *,
        audit: str | None = None,
        by: str | Sequence[str] | None = None,
        over: str | Sequence[str] | None = None,
        output: str | None = None,
        split: str | None = None,
        **attributes: str,
    ) -> list[Measurement]:
        """All matching measurements, in the order of the audits.

        Args:
            name: the metric; all by default.
            audit: the audit that measured them.
            by: the attribute or attributes that define their groups: ``measurements("accuracy", by="sex")``.
            over: the attribute or attributes of gaps.
            output: the class or target.
            split: the split.
            **attributes: levels of their groups: ``sex="Female"`` also matches women of each age group.

        Raises:
            UserError: for a metric or an audit that the record does not have.
        """
        found = self._named(name, audit) if name is not None else list(self._in_audits(audit))
        return [
            measurement
            for _, measurement in found
            if (by is None or set(measurement.group) == set(_as_tuple(by)))
            and (over is None or set(measurement.over) == set(_as_tuple(over)))
            and (output is None or measurement.output == output)
            and (split is None or measurement.split == split)
            and attributes.items() <= dict(measurement.group).items()
        ]

    def to_pandas(self) -> pandas.DataFrame:
        """One row for each measurement: audit, name, value, low, high, level, interval_method, n, ``group_X`` for each
        attribute X, over, output, split, parameters, undefined and id.
        """
        frame: pandas.DataFrame = self._table().to_pandas()
        frame["n"] = frame["n"].astype("Int64")  # integers, also if some counts are missing
        return frame

    def to_polars(self) -> polars.DataFrame:
        """The same rows and columns as `to_pandas`."""
        import polars

        frame = polars.from_arrow(self._table())
        assert isinstance(frame, polars.DataFrame)
        return frame

    def __repr__(self) -> str:
        verdicts = [finding.verdict for finding in self.findings]
        counts = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
        total = sum(len(result.measurements) for result in self.record.audits)
        return (
            f"<RunRecord {self.record.run['name']}: {self.verdict}; {total} measurements; findings: {counts or 'none'}>"
        )

    def _repr_html_(self) -> str:
        from glasshouse.report.notebook import render_notebook

        return render_notebook(self.record, self.folder)

    def _in_audits(self, audit: str | None) -> Iterator[tuple[str, Measurement]]:
        if audit is not None and audit not in self.audits:
            raise UserError(WHO, f"has no audit '{audit}'.", did_you_mean(audit, self.audits))
        for result in self.record.audits:
            if audit in (None, result.name):
                yield from ((result.name, measurement) for measurement in result.measurements)

    def _named(self, name: str, audit: str | None) -> list[tuple[str, Measurement]]:
        known = list(self._in_audits(audit))
        found = [(audit_name, measurement) for audit_name, measurement in known if measurement.name == name]
        if not found:
            within = f"audit '{audit}'" if audit is not None else "the record"
            names = {measurement.name for _, measurement in known}
            reason = self.audits[audit].reason if audit is not None else None
            remedy = (
                did_you_mean(name, names) if names else f"It has no measurements: {reason or 'no reason was recorded'}."
            )
            raise UserError(WHO, f"{within} has no measurement '{name}'.", remedy)
        return found

    def _not_found(
        self, name: str, wanted_group: Mapping[str, str], found: Sequence[tuple[str, Measurement]]
    ) -> UserError:
        groups = [measurement.group for _, measurement in found if measurement.group]
        attributes = {attribute for group in groups for attribute in group}
        wanted = ", ".join(f"{attribute}={level}" for attribute, level in wanted_group.items()) or "all rows"
        problem = f"has no '{name}' for {wanted}."
        for attribute, level in wanted_group.items():
            if attribute not in attributes:
                known = did_you_mean(attribute, attributes) if attributes else "It is only measured over all rows."
                return UserError(WHO, problem, known)
            levels = {group[attribute] for group in groups if attribute in group}
            if level not in levels:
                return UserError(WHO, problem, did_you_mean(str(level), levels))
        listed = ", ".join(measurement_id(audit_name, measurement) for audit_name, measurement in found[:4])
        return UserError(WHO, problem, f"There are: {listed}{', ...' if len(found) > 4 else ''}.")

    def _table(self) -> pyarrow.Table:
        import pyarrow as pa

        rows = list(self._in_audits(None))
        attributes = list(dict.fromkeys(attribute for _, m in rows for attribute in m.group))
        text, number = pa.string(), pa.float64()

        def column(kind: Any, values: Iterator[Any]) -> Any:
            return pa.array(list(values), kind)

        columns = {
            "audit": column(text, (audit_name for audit_name, _ in rows)),
            "name": column(text, (m.name for _, m in rows)),
            "value": column(number, (m.value for _, m in rows)),
            "low": column(number, (m.low for _, m in rows)),
            "high": column(number, (m.high for _, m in rows)),
            "level": column(number, (m.level for _, m in rows)),
            "interval_method": column(text, (m.interval_method for _, m in rows)),
            "n": column(pa.int64(), (m.n for _, m in rows)),
            **{f"group_{name}": column(text, (m.group.get(name) for _, m in rows)) for name in attributes},
            "over": column(text, ("+".join(m.over) or None for _, m in rows)),
            "output": column(text, (m.output for _, m in rows)),
            "split": column(text, (m.split for _, m in rows)),
            "parameters": column(text, (_as_text(m.parameters) for _, m in rows)),
            "undefined": column(text, (m.undefined for _, m in rows)),
            "id": column(text, (measurement_id(audit_name, m) for audit_name, m in rows)),
        }
        return pa.table(columns)


def _as_tuple(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _as_text(parameters: Mapping[str, Any]) -> str | None:
    return ", ".join(f"{key}={value}" for key, value in sorted(parameters.items())) or None
