"""The record: the schema's promises, round trips, and refusals that say what is wrong and where."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from glasshouse import AuditResult, Column, Figure, Measurement, Table, UserError
from glasshouse.record.findings import Finding
from glasshouse.record.record import Record, build_record, read_record
from glasshouse.record.record_io import result_from_dict, result_to_dict, schema, schema_violation
from glasshouse.system.atomic_files import write_atomic, write_json
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from helpers import sample_record


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return json.loads(json.dumps(sample_record.sample_record().to_dict()))


def test_the_schema_is_a_valid_json_schema() -> None:
    Draft202012Validator.check_schema(schema())


def test_a_record_survives_its_file(tmp_path: Path, values: dict[str, Any]) -> None:
    write_json(tmp_path / "record.json", values)
    record = read_record(tmp_path / "record.json")
    assert record.to_dict() == values
    assert record.audits[0].measurements[0] == sample_record.performance().measurements[0]
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


def test_the_same_run_gives_the_same_bytes(tmp_path: Path, values: dict[str, Any]) -> None:
    for name in ("one.json", "two.json"):
        write_json(tmp_path / name, sample_record.sample_record().to_dict())
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_performance_stands_at_the_top(values: dict[str, Any]) -> None:
    assert [m["name"] for m in values["performance"]][:2] == ["accuracy", "majority_accuracy"]
    assert values["performance"] == values["audits"][0]["measurements"]


def test_identifiers_say_audit_group_and_split(values: dict[str, Any]) -> None:
    assert "fairness/selection_rate[sex=women]@test" in {m["id"] for m in values["audits"][1]["measurements"]}


Breakage = Callable[[dict[str, Any]], object]
BREAKAGES: dict[str, tuple[Breakage, str]] = {
    "a rate over nothing without its reason": (
        lambda r: r["audits"][0]["measurements"][0].update(value=None),
        r"\$\.audits\[0\]\.measurements\[0\]",
    ),
    "undefined shown with a value": (
        lambda r: r["audits"][0]["measurements"][0].update(undefined="no rows"),
        r"\$\.audits\[0\]\.measurements\[0\]",
    ),
    "a count below zero": (lambda r: r["audits"][0]["measurements"][0].update(n=-1), r"\.n: -1 is less than"),
    "a misspelt field": (lambda r: r["audits"][0].update(mesurements=[]), "'mesurements' was unexpected"),
    "a missing section": (lambda r: r.pop("audits"), r"at \$: 'audits' is a required property"),
    "no data": (lambda r: r["run"].pop("data"), r"at \$\.run: 'data' is a required property"),
    "a time that is none": (lambda r: r["run"].update(created="yesterday"), r"\$\.run\.created: 'yesterday'"),
    "an unknown kind of figure": (lambda r: r["audits"][0]["figures"][0].update(kind="pie"), "'pie' is not one of"),
    "a figure without its data": (
        lambda r: r["audits"][0]["figures"][1]["data"].pop("series"),
        r"figures\[1\]\.data: 'series' is a required property",
    ),
    "an audit in error without a reason": (
        lambda r: next(a for a in r["audits"] if a["status"] == "error").update(reason=None),
        r"\.reason: None is not of type 'string'",
    ),
    "a verdict that its findings do not give": (lambda r: r.update(verdict="pass"), "but its findings give 'fail'"),
    "a finding about nothing": (lambda r: r["findings"][-1].update(measurement="fairness/x"), "unknown measurement"),
    "an identifier of something else": (
        lambda r: r["audits"][1]["measurements"][0].update(name="f2"),
        "does not match its identifier",
    ),
    "two audits of one name": (lambda r: r["audits"].append(r["audits"][-1]), "repeated: energy"),
    "performance that no audit measured": (lambda r: r["performance"].pop(), "`performance` differs from its audits"),
    "another version": (lambda r: r.update(schema="glasshouse/record/9"), "got 'glasshouse/record/9'"),
}


@pytest.mark.parametrize("what", BREAKAGES)
def test_a_broken_record_is_refused_and_the_place_named(what: str, values: dict[str, Any]) -> None:
    broken = copy.deepcopy(values)
    breakage, message = BREAKAGES[what]
    breakage(broken)
    with pytest.raises(UserError, match=message):
        Record.from_dict(broken, source="run/record.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("", "is not JSON"),
        ('{"schema": "glasshouse/record/1"', "is not JSON"),
        ("[]", "expected a record of schema"),
        ("{}", "expected a record of schema 'glasshouse/record/1', got None"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_what_is_no_record_is_said_in_a_line(tmp_path: Path, content: str | bytes | None, message: str) -> None:
    path = tmp_path / "record.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=message) as caught:
        read_record(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(-2, 2), st.text(max_size=3), st.just([]))


@given(place=st.integers(0, 10_000), leaf=LEAVES)
def test_both_validators_accept_the_same_records(place: int, leaf: Any, values: dict[str, Any]) -> None:
    """One value of a valid record is replaced: what the compiled validator accepts, `jsonschema` accepts as well."""
    record = copy.deepcopy(values)
    holders: list[Any] = []
    todo: list[Any] = [record]
    while todo:
        each = todo.pop()
        if isinstance(each, dict | list) and each:
            holders.append(each)
            todo += each.values() if isinstance(each, dict) else each
    holder = holders[place % len(holders)]
    key = sorted(holder)[place % len(holder)] if isinstance(holder, dict) else place % len(holder)
    holder[key] = leaf
    assert (schema_violation(record, "record") is None) == Draft202012Validator(schema()).is_valid(record)


def test_a_valid_record_never_waits_for_the_slow_validator(values: dict[str, Any], monkeypatch: Any) -> None:
    monkeypatch.setattr(Draft202012Validator, "iter_errors", lambda *_: pytest.fail("jsonschema was asked"))
    assert schema_violation(values, "record") is None


def test_numbers_of_numpy_become_plain_ones() -> None:
    result = AuditResult(
        name="a",
        family="data",
        parameters={"rows": np.int64(3), "flag": np.bool_(True)},
        measurements=[Measurement(name="m", value=np.float32(0.5), n=np.int64(4))],  # type: ignore[arg-type]
        figures=[Figure(kind="bar", title="t", description="d", data={"labels": ["x"], "values": np.array([1.5])})],
    )
    values = result_to_dict(result)
    assert json.loads(json.dumps(values)) == values
    assert values["parameters"] == {"rows": 3, "flag": True}
    assert values["measurements"][0]["value"] == 0.5
    assert values["figures"][0]["data"]["values"] == [1.5]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused_by_its_place(bad: float, tmp_path: Path) -> None:
    figure = Figure(kind="bar", title="t", description="d", data={"labels": ["x", "y"], "values": [1.0, bad]})
    with pytest.raises(ValueError, match=r"audit 'a'\.figures\[0\]\.data\.values\[1\]: .* is not finite"):
        result_to_dict(AuditResult(name="a", family="data", figures=[figure]))
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"value": bad})
    assert list(tmp_path.iterdir()) == []


def test_objects_have_no_place_in_a_record() -> None:
    with pytest.raises(ValueError, match=r"parameters\.model: object cannot be stored in a record"):
        result_to_dict(AuditResult(name="a", family="data", parameters={"model": object()}))


def test_two_measurements_of_one_identifier_are_refused() -> None:
    twice = AuditResult(name="a", family="data", measurements=[Measurement(name="m", value=v) for v in (1.0, 2.0)])
    with pytest.raises(ValueError, match="measurements of audit 'a': identifiers must be unique, repeated: m"):
        result_to_dict(twice)
    with pytest.raises(ValueError, match="repeated: m"):
        build_record({}, [twice])


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        ("bar", {"labels": ["a"], "values": [1, 2]}, "labels: 1, values: 2"),
        ("dot_interval", {"labels": ["a"], "values": [1], "low": []}, "labels: 1, values: 1, low: 0"),
        ("line", {"series": [{"name": "s", "x": [1], "y": []}]}, "x: 1, y: 0"),
        ("histogram", {"edges": [0, 1], "series": [{"name": "s", "counts": [1, 2]}]}, "edges minus one: 1, counts: 2"),
        ("heatmap", {"rows": ["a"], "columns": ["b"], "values": [[1, 2]]}, "columns: 1, a row of values: 2"),
        ("shaded_text", {"texts": [{"label": "t", "tokens": ["a"], "weights": []}]}, "tokens: 1, weights: 0"),
    ],
)
def test_a_figure_whose_lists_do_not_match_is_refused(kind: Any, data: dict[str, Any], message: str) -> None:
    figure = Figure(kind=kind, title="t", description="d", data=data)
    with pytest.raises(ValueError, match=f"figure 't': {message} do not match"):
        result_to_dict(AuditResult(name="a", family="data", figures=[figure]))


def test_an_audit_result_survives_its_file() -> None:
    for make in ("performance", "fairness", "feature_attribution", "membership_inference"):
        values = result_to_dict(getattr(sample_record, make)())
        assert result_to_dict(result_from_dict(json.loads(json.dumps(values)))) == values
    with pytest.raises(UserError, match=r"audits/x.json: at \$: 'family' is a required property"):
        result_from_dict({"name": "x"}, source="audits/x.json")


def test_writing_fails_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    write_atomic(path, "old")

    def no_space(self: Path, target: Path) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", no_space)
    with pytest.raises(OSError, match="no space left"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["record.json"]


names = st.text(min_size=1, max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(
    name=names,
    value=st.none() | numbers,
    n=st.none() | st.integers(0, 10**12),
    group=st.dictionaries(names, st.text(max_size=12), max_size=3),
    over=st.lists(names, max_size=2),
    parameters=st.dictionaries(names, st.text(max_size=8) | st.booleans() | st.integers() | numbers, max_size=3),
    cells=st.lists(st.none() | st.booleans() | numbers | st.text(max_size=8), min_size=1, max_size=4),
)
def test_any_result_survives_json(
    name: str, value: float | None, n: int | None, group: Any, over: Any, parameters: Any, cells: Any
) -> None:
    measurement = Measurement(
        name=name,
        value=value,
        undefined="no rows" if value is None else None,
        n=n,
        group=group,
        over=tuple(over),
        parameters=parameters,
    )
    table = Table(title=name, columns=tuple(Column(name=str(k)) for k in range(len(cells))), rows=(tuple(cells),))
    result = AuditResult(name="a", family="data", measurements=(measurement,), tables=(table,))
    assert result_from_dict(json.loads(json.dumps(result_to_dict(result)))) == result


def test_findings_decide_the_verdict() -> None:
    def finding(verdict: Any) -> Finding:
        return Finding(
            title="t", verdict=verdict, severity="low", audit="a", measurement=None, threshold=None, explanation=""
        )

    assert build_record({}, []).verdict == "not_judged"
    assert build_record({}, [], [finding("info")]).verdict == "not_judged"
    assert build_record({}, [], [finding("info"), finding("pass")]).verdict == "pass"
    assert build_record({}, [], [finding("pass"), finding("insufficient_evidence")]).verdict == "insufficient_evidence"
    assert build_record({}, [], [finding("insufficient_evidence"), finding("fail")]).verdict == "fail"
