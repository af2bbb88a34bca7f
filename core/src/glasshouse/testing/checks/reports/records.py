"""Records to render: every verdict, an empty one, hostile names, small groups."""

from __future__ import annotations

from typing import Any

from glasshouse.data.data_info import DataInfo, Feature, Sensitive, Target
from glasshouse.record.findings import Finding, FindingVerdict, Threshold
from glasshouse.record.measurements import AuditResult, Column, Figure, Measurement, Section, Table
from glasshouse.record.record import Record, build_record

HOSTILE = "<script>alert(1)</script>"
HOSTILE_QUOTED = "\"'><img src=x onerror=alert(1)>"
HOSTILE_LINK = "[x](javascript:alert(1)) `|` {{ 7*7 }}"

FEW = 4
"""Number of people in a group that is too small to be shown."""

SECRET = 0.7193
"""A rate of that group only."""

WILSON = {"level": 0.95, "interval_method": "wilson"}


def ordinary(verdict: FindingVerdict | None = "pass", *, name: str = "loans") -> Record:
    """A record with two groups, a gap, an undefined value, a skipped audit and one in error."""
    results = [_performance(name), _fairness(name), *_not_completed(name)]
    findings = [] if verdict is None else [_finding(verdict, name)]
    return build_record(_header(name), results, findings, [Section(title=name, text=name)])


def empty() -> Record:
    """A record without audits."""
    return build_record(_header("loans"), [])


def hostile() -> Record:
    """The ordinary record, in which every name is markup or a script."""
    return ordinary("fail", name=" ".join((HOSTILE, HOSTILE_QUOTED, HOSTILE_LINK)))


def small_groups() -> Record:
    """A record with a group of `FEW` people and a rate of `SECRET`, in measurements, a table and a figure."""
    groups = {"women": (0.5, 200), "men": (0.25, 100), "others": (SECRET, FEW)}
    rates = [
        Measurement(name="selection_rate", value=rate, n=n, group={"sex": level}, split="test")
        for level, (rate, n) in groups.items()
    ]
    table = Table(
        title="Rates by sex",
        columns=(Column(name="sex"), Column(name="rows"), Column(name="selection rate", format=".4f")),
        rows=tuple((level, n, rate) for level, (rate, n) in groups.items()),
        count_column="rows",
    )
    figure = Figure(
        kind="dot_interval",
        title="Selection rate by sex",
        description="Share of each group that the model favours.",
        data={
            "labels": list(groups),
            "values": [rate for rate, _ in groups.values()],
            "low": [None] * 3,
            "high": [None] * 3,
            "n": [n for _, n in groups.values()],
            "x_label": "selection rate",
            "reference": None,
        },
    )
    found = AuditResult(name="fairness", family="fairness", measurements=rates, tables=[table], figures=[figure])
    return build_record(_header("loans"), [found])


def _performance(name: str) -> AuditResult:
    return AuditResult(
        name="performance",
        family="performance",
        seconds=0.5,
        measurements=[
            Measurement(name="accuracy", value=0.8, low=0.75, high=0.84, n=300, split="test", **WILSON),  # type: ignore[arg-type]
            Measurement(name="precision", value=None, undefined=f"nobody was chosen {name}", n=0, split="test"),
        ],
        notes=[name],
    )


def _fairness(name: str) -> AuditResult:
    rates = [
        Measurement(name="selection_rate", value=rate, n=150, group={name: level}, split="test", output=name)
        for level, rate in ((name, 0.5), ("men", 0.25))
    ]
    gap = Measurement(name="demographic_parity_difference", value=0.25, n=300, over=(name,), split="test")
    table = Table(title=name, columns=(Column(name=name), Column(name="rate")), rows=((name, 0.5), ("men", None)))
    bars = Figure(kind="bar", title=name, description=name, data={"labels": [name], "values": [0.5], "x_label": name})
    return AuditResult(
        name="fairness",
        family="fairness",
        parameters={name: name},
        measurements=[*rates, gap],
        tables=[table],
        figures=[bars],
    )


def _not_completed(name: str) -> list[AuditResult]:
    return [
        AuditResult(name="membership_inference", family="privacy", status="skipped", reason=f"needs losses {name}"),
        AuditResult(name="attribution", family="explainability", status="error", reason=f"ValueError: {name}"),
    ]


def _finding(verdict: FindingVerdict, name: str) -> Finding:
    return Finding(
        title=f"Accurate enough {name}",
        verdict=verdict,
        severity="high",
        audit="performance",
        measurement="performance/accuracy@test",
        threshold=Threshold(bound="min", value=0.78, evidence="interval", source=name),
        explanation=name,
    )


def _header(name: str) -> dict[str, Any]:
    info = DataInfo(
        name=name,
        modality="tabular",
        target=Target(name=name, kind="binary", classes=("no", name), favourable=name),
        input_shape=(1,),
        features=(Feature(name=name, kind="numeric", columns=(0,)),),
        sensitive=(Sensitive(name=name, levels=(name, "men")),),
        rows={"train": 600, "test": 300},
        source=name,
        licence=name,
    )
    return {
        "id": "20261122-101500-3fa9c1",
        "name": name,
        "created": "2026-11-22T10:15:00+00:00",
        "glasshouse_version": "0.1.0",
        "command": f"glasshouse run {name}",
        "seed": 1,
        "config": {"name": name},
        "provenance": {"python": "3.12.0"},
        "data": info.to_dict(),
        "model": {"name": name, "parameters": 2},
    }
