"""Decisions that are written differently from the true values: read as the same classes, or refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from glasshouse import audit_predictions
from glasshouse.data.class_coding import find_class, opposite, read_decisions, without_spelling
from glasshouse.errors import UserError
from glasshouse.frames import PredictionColumns, tables_from_frame
from hypothesis import given
from hypothesis import strategies as st

TRUTH = [0, 0, 1, 1, 0, 1, 1, 1]
DECISION = [0, 1, 1, 1, 0, 0, 1, 1]
SPELLINGS = (
    ("false", "true"),
    ("False", "True"),
    ("FALSE", "TRUE"),
    ("no", "yes"),
    ("No", "Yes "),
    ("0", "1"),
    ("0.0", "1.0"),
    ("n", "y"),
    ("f", "t"),
    (False, True),
    (0, 1),
    (0.0, 1.0),
)


def tables(target: list[Any], decision: list[Any], **roles: Any) -> Any:
    frame = pd.DataFrame({"y": pd.Series(target), "d": pd.Series(decision)})
    return tables_from_frame(frame, PredictionColumns(prediction="d", target="y", **roles))


@pytest.mark.parametrize("decided", SPELLINGS)
@pytest.mark.parametrize("true", SPELLINGS)
def test_yes_and_no_are_the_same_in_every_spelling(true: tuple[Any, Any], decided: tuple[Any, Any]) -> None:
    found = tables([true[k] for k in TRUTH], [decided[k] for k in DECISION])
    # 3 of 3 and 4 of 5 by hand: rows are true values, columns decisions
    assert found.counts.cells[0].tolist() == [[2, 1], [1, 4]]
    assert found.kind == "binary"


@pytest.mark.parametrize(
    ("target", "decision", "message"),
    [
        ([0, 1, 1], ["approved", "denied", "denied"], "contains 'approved', 'denied', .* '0', '1'. They share none."),
        (["a", "b"], ["c", "a"], "column 'd': contains 'c', which column 'y' does not: it has 'a', 'b'. Write both"),
        ([0, 1, 1], ["No", "Yes", "maybe"], "column 'd': contains 'maybe', which column 'y' does not"),
        ([0, 1], [-1, 1], "contains '-1', which column 'y' does not"),
        (["01", "1"], ["1", "2"], "contains '2'"),
        (["good", "bad"], ["1", "0"], "They share none"),
        (["yes", "no", "yes "], ["yes", "no", "no"], "contains 'yes' and 'yes ': one class or two"),
        (["Yes", "no", "yes"], ["yes", "no", "no"], "contains 'Yes' and 'yes': one class or two"),
        ([1, 1], [2, 1], "contains '2', which column 'y' does not: it has '0', '1'"),
    ],
)
def test_what_is_not_certain_is_asked(target: list[Any], decision: list[Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        tables(target, decision)
    assert "--classes" in str(error.value) or "one class one way" in str(error.value)


def test_declared_classes_are_known_even_if_no_row_has_them() -> None:
    found = tables(["a", "b", "b"], ["c", "a", "B "], classes=("a", "b", "c"))
    assert (found.kind, found.classes, found.read_as) == ("multiclass", ("a", "b", "c"), {"d": {"B ": "b"}})
    assert tables(["a", "b"], ["a", "a"], classes=("a", "b", "c")).classes == ("a", "b", "c")
    with pytest.raises(UserError, match="--classes: column 'y' contains 'b'"):
        tables(["a", "b"], ["a", "a"], classes=("a", "c"))
    with pytest.raises(UserError, match="--classes: is for classes; the predictions are numbers"):
        tables([0.5, 1.5], [0.25, 1.0], classes=("a", "c"))


def test_letters_are_classes_and_no_words_of_yes_and_no() -> None:
    letters = list("tfynabc")
    assert tables(letters, letters[::-1]).classes == tuple(sorted(letters))
    assert tables([*letters, "Y"], [*letters, "Y"], classes=(*letters, "Y")).read_as == {}


@pytest.mark.parametrize(
    ("favourable", "expected"), [("yes", "True"), ("1", "True"), ("false", "False"), ("True", "True")]
)
def test_the_favourable_class_may_be_written_in_any_way_that_is_certain(favourable: str, expected: str) -> None:
    assert tables(["True", "False"], ["True", "True"], favourable=favourable).classes[1] == expected


def test_the_record_and_the_page_say_what_was_read_as_what(tmp_path: Path) -> None:
    frame = pd.DataFrame({"hired": ["Yes", "No"] * 40, "good": [True, False, True, True] * 20, "sex": ["f", "m"] * 40})
    record = audit_predictions(
        frame,
        prediction="hired",
        target="good",
        sensitive="sex",
        favourable=True,
        run_dir=tmp_path,
        audits="performance",
    )
    written = json.loads((record.folder / "record.json").read_text())
    note = "Column 'hired' is written differently from the classes and read as them: 'No' as 'false', 'Yes' as 'true'."
    assert written["run"]["data"]["notes"] == [note]
    assert written["run"]["data"]["target"]["favourable"] == "true"
    page = re.sub(r"&#39;|&#x27;", "'", (record.folder / "report.html").read_text())
    assert note in page
    assert record.measurement("accuracy").value == 0.75


names = st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1, max_size=8)


@given(st.lists(names, min_size=1, max_size=6, unique=True), st.data())
def test_a_decision_that_is_read_is_always_a_class_of_its_own_spelling(classes: list[str], data: st.DataObject) -> None:
    decisions = data.draw(st.lists(st.sampled_from([*classes, *(f" {name.upper()}" for name in classes)]), min_size=1))
    try:
        found = read_decisions(decisions, classes, prediction="d", known_from="column 'y'")
    except UserError:
        assert not set(decisions) <= set(classes)
        return
    for decision, name in found.items():
        assert name in classes
        assert decision == name or decision not in classes
        assert without_spelling(decision) == without_spelling(name) or find_class(decision, classes) == name


def test_opposites() -> None:
    assert [opposite(word) for word in ("1", "false", "YES", "No", "hired")] == ["0", "true", "NO", "Yes", None]
