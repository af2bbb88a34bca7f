"""`RunRecord`: looked up by name, group and attribute; as a frame of pandas and Polars; as a notebook shows it."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from glasshouse import AuditResult, DataInfo, Measurement, RunRecord, Target, UserError
from glasshouse.policy.judging import judge
from glasshouse.policy.rules import load_policy
from glasshouse.record.findings import Finding
from glasshouse.record.measurements import measurement_id
from glasshouse.record.record import Record, build_record
from glasshouse.system.atomic_files import write_json

HOSTILE = "<script>alert(1)</script>"


def rate(value: float | None, n: int, **rest: object) -> Measurement:
    reason = {} if value is not None else {"undefined": "no rows"}
    return Measurement(name="selection_rate", value=value, n=n, split="test", **reason, **rest)  # type: ignore[arg-type]


def results() -> list[AuditResult]:
    fairness = [
        rate(0.5, 400),
        rate(0.6, 196, group={"sex": "Female"}, low=0.5, high=0.7, level=0.95, interval_method="wilson"),
        rate(0.4, 201, group={"sex": "Male"}),
        rate(1.0, 3, group={"sex": HOSTILE}),
        rate(None, 0, group={"sex": "unknown"}),
        rate(0.7, 90, group={"sex": "Female", "age": "under 40"}),
        Measurement(name="demographic_parity_difference", value=0.2, over=("sex",), n=400, split="test"),
        Measurement(name="demographic_parity_difference", value=0.3, over=("sex", "age"), n=400, split="test"),
    ]
    privacy = [
        Measurement(name="true_positive_rate", value=v, n=9, parameters={"false_positive_rate": v / 2})
        for v in (0.1, 0.2)
    ]
    performance = [
        Measurement(name="accuracy", value=0.8, n=400, split="test"),
        Measurement(name="accuracy", value=0.9, n=600, split="train"),
    ]
    return [
        AuditResult(name="performance", family="performance", measurements=performance),
        AuditResult(name="fairness", family="fairness", measurements=fairness),
        AuditResult(name="attack", family="privacy", measurements=privacy),
        AuditResult(name="robustness", family="robustness", status="skipped", reason="needs the model itself"),
    ]


def made() -> Record:
    target = Target(name="pay", kind="binary", classes=("low", "high"))
    info = DataInfo(name=HOSTILE, modality="tabular", target=target, input_shape=(3,))
    header = {
        "id": "r1",
        "name": f"pay {HOSTILE}",
        "created": "2026-01-01T00:00:00+00:00",
        "glasshouse_version": "0",
        "command": ["glasshouse"],
        "seed": 1,
        "config": {"policy": "default"},
        "provenance": {},
        "data": info.to_dict(),
        "model": None,
    }
    findings, _ = judge(results(), load_policy("default"), target_kind="binary")
    return build_record(header, results(), findings)


@pytest.fixture
def record() -> RunRecord:
    return RunRecord(made(), Path("runs/<b>"))


def test_by_name_and_group(record: RunRecord) -> None:
    assert record.measurement("selection_rate").value == 0.5  # of everyone
    assert record.measurement("selection_rate", sex="Female").value == 0.6
    assert record.measurement("selection_rate", group={"sex": "Male"}).value == 0.4
    assert record.measurement("selection_rate", sex="Female", age="under 40").value == 0.7
    assert record.measurement("selection_rate", sex="unknown").undefined == "no rows"


def test_by_attribute_output_split_and_parameters(record: RunRecord) -> None:
    assert record.measurement("demographic_parity_difference", over="sex").value == 0.2
    assert record.measurement("demographic_parity_difference", over=("age", "sex")).value == 0.3
    assert record.measurement("accuracy", split="train").value == 0.9
    assert record.measurement("true_positive_rate", parameters={"false_positive_rate": 0.1}).value == 0.2


def test_several_at_once(record: RunRecord) -> None:
    assert [m.value for m in record.measurements("selection_rate", by="sex")] == [0.6, 0.4, 1.0, None]
    assert [m.value for m in record.measurements("selection_rate", by=("age", "sex"))] == [0.7]
    assert [m.value for m in record.measurements("selection_rate", sex="Female")] == [0.6, 0.7]
    assert [m.value for m in record.measurements(audit="attack")] == [0.1, 0.2]
    assert [m.name for m in record.measurements(over="sex")] == ["demographic_parity_difference"]
    assert [m.value for m in record.measurements(split="train")] == [0.9]
    assert len(record.measurements()) == 12
    assert record.measurements("accuracy", sex="Female") == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("selection_rat",), {}), "has no measurement 'selection_rat'. Did you mean 'selection_rate'"),
        ((("accuracy",), {"audit": "fairnes"}), "has no audit 'fairnes'. Did you mean 'fairness'"),
        ((("accuracy",), {"audit": "robustness"}), "It has no measurements: needs the model itself"),
        ((("selection_rate",), {"sex": "female"}), "for sex=female. Did you mean 'Female'"),
        ((("selection_rate",), {"sx": "Female"}), "for sx=Female. Did you mean 'sex'"),
        ((("accuracy",), {"sex": "Female"}), "It is only measured over all rows"),
        ((("selection_rate",), {"sex": "Male", "age": "under 40"}), "There are: fairness/selection_rate@test"),
        ((("accuracy",), {}), "has 2 measurements of 'accuracy' for this: performance/accuracy@test, "),
        ((("demographic_parity_difference",), {}), "Select one by audit, over, output, split or parameters"),
    ],
)
def test_a_miss_says_what_there_is(record: RunRecord, arguments: tuple, message: str) -> None:
    positional, named = arguments
    with pytest.raises(UserError, match=re.escape(message)):
        record.measurement(*positional, **named)


def test_frames_hold_every_measurement(record: RunRecord) -> None:
    pandas, polars = record.to_pandas(), record.to_polars()
    assert list(pandas.columns) == polars.columns
    assert len(pandas) == len(polars) == 12
    women = polars.filter((pl.col("name") == "selection_rate") & (pl.col("group_sex") == "Female"))
    assert women["value"].to_list() == [0.6, 0.7]
    assert women["group_age"].to_list() == [None, "under 40"]
    undefined = pandas[pandas["undefined"].notna()].iloc[0]
    assert math.isnan(undefined["value"])
    assert (undefined["n"], undefined["undefined"], undefined["group_sex"]) == (0, "no rows", "unknown")
    assert str(pandas["n"].dtype) == "Int64"
    assert pandas["id"].tolist() == [identifier for identifier, _ in record.record.measurements()]
    assert polars["parameters"].to_list()[-2:] == ["false_positive_rate=0.05", "false_positive_rate=0.1"]
    assert polars["over"].to_list()[-4:-2] == ["sex", "sex+age"]


def test_a_record_without_measurements_is_an_empty_frame() -> None:
    empty = RunRecord(build_record({**made().run}, []))
    assert len(empty.to_pandas()) == len(empty.to_polars()) == 0
    assert empty.to_pandas().columns[0] == "audit"


class Tags(HTMLParser):
    """Elements in their order, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.names.append(tag)

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def test_a_notebook_shows_the_verdict_first_and_escapes_the_rest(record: RunRecord) -> None:
    shown = record._repr_html_()
    page = Tags(shown)
    assert set(page.names) <= {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "code"}
    text = " ".join(page.words)
    assert text.startswith(f"pay {HOSTILE}: ")  # as text: there is no such element
    assert text.index(HOSTILE) < text.index("Four-fifths") < text.index("robustness: skipped (needs the model itself)")
    assert "runs/<b>" in text
    assert len(shown) < 10_000


def test_a_notebook_hides_small_groups() -> None:
    rates = [rate(0.987, 3, group={"sex": "x"}), rate(0.654, 300, group={"sex": "f"}), rate(0.321, 300)]
    small = AuditResult(name="fairness", family="fairness", measurements=rates)
    findings = [
        Finding(
            title=f"rate of {measurement.group}",
            verdict="fail",
            severity="high",
            audit="fairness",
            measurement=measurement_id("fairness", measurement),
            threshold=None,
            explanation="",
        )
        for measurement in rates
    ]
    shown = RunRecord(build_record({**made().run}, [small], findings))._repr_html_()
    assert "0.654" in shown
    assert "0.987" not in shown
    assert "suppressed (fewer than 10)" in shown


def test_it_is_read_again_from_its_folder(record: RunRecord, tmp_path: Path) -> None:
    write_json(tmp_path / "record.json", record.record.to_dict())
    for path in (tmp_path, str(tmp_path / "record.json")):
        again = RunRecord.read(path)
        assert again.record.to_dict() == record.record.to_dict()
        assert again.folder == tmp_path
    with pytest.raises(UserError, match="no such file"):
        RunRecord.read(tmp_path / "gone")


def test_in_one_line(record: RunRecord) -> None:
    assert repr(record).startswith(f"<RunRecord pay {HOSTILE}: {record.verdict}; 12 measurements; findings: ")
    assert set(record.audits) == {"performance", "fairness", "attack", "robustness"}
