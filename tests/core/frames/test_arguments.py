"""Arguments of `audit_predictions` of another type are refused by name, or read where they are certain."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from glasshouse import UserError, audit_predictions

FRAME = pd.DataFrame({"d": [1, 0, 1, 1] * 5, "y": [1, 0, 0, 1] * 5, "age": [20, 30, 40, 50] * 5, 7: ["f", "m"] * 10})
GIVEN: dict[str, Any] = {"prediction": "d", "target": "y", "favourable": "1", "audits": "performance"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": "0.5"}, "`threshold`: expected a number, received '0.5'"),
        ({"threshold": True}, "`threshold`: expected a number, received True"),
        (
            {"bins": {"age": 40}},
            "bins of 'age': expected different finite numbers, received 40. E.g. `{age: [30, 50]}`.",
        ),
        ({"bins": {"age": "40"}}, "bins of 'age': expected different finite numbers, received '40'"),
        ({"bins": {"age": [40, "60"]}}, "received '60'"),
        ({"bins": {"age": [float("nan")]}}, "received nan"),
        ({"bins": {"age": [40, 40]}}, "received 40, 40"),
        ({"bins": {"age": []}}, "received []"),
        ({"bins": [40]}, "`bins`: expected a mapping, received list. E.g. {'age': (40, 60)}."),
        ({"bins": {"height": [1]}}, "`bins`: 'height' is not among the sensitive columns"),
        ({"favourable": [1]}, "`favourable`: expected the name of a class, received list"),
        ({"classes": "01"}, "`classes`: expected a list, received str"),
        ({"target": ["y"]}, "`target`: expected the name of a column, received list"),
        ({"sensitive": [["age"]]}, "`sensitive`: expected the name of a column, received list"),
        ({"scores": ["p"]}, "`scores`: expected a mapping, received list"),
        ({"labels": {"flu": {"predicted": "d"}}}, "`labels['flu']`: has 'predicted'. Did you mean 'prediction'?"),
        ({"labels": {"flu": {"target": "y"}}}, "`labels['flu']`: has no 'prediction'"),
        ({"audits": 5}, "`audits`: expected names, received int"),
        ({"name": 5}, "`name`: expected text, received int"),
    ],
)
def test_arguments_of_another_type_are_refused_by_name(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    given = {**GIVEN, "sensitive": "age", **arguments}
    with pytest.raises(UserError, match=re.escape(message)):
        audit_predictions(FRAME, run_dir=tmp_path, **given)
    assert not list(tmp_path.iterdir())


def test_a_list_of_frames_is_no_frame(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected paths in a list, received DataFrame"):
        audit_predictions([FRAME], run_dir=tmp_path, **GIVEN)


@pytest.mark.parametrize("favourable", [1, 1.0, True, "1", "yes"])
def test_classes_and_columns_may_be_numbers(tmp_path: Path, favourable: Any) -> None:
    record = audit_predictions(FRAME, sensitive=7, run_dir=tmp_path, **{**GIVEN, "favourable": favourable})
    assert record.measurement("accuracy").value == 0.75


@pytest.mark.parametrize("lazy", [False, True])
def test_a_score_of_rounding_errors_shows_its_digits(tmp_path: Path, lazy: bool) -> None:
    frame = pl.from_pandas(FRAME[["d", "y"]]).with_columns(p=pl.lit(1.0000001))
    with pytest.raises(UserError, match=r"found 1\.0000001\. Rounding does that: clip them to 0 and 1\."):
        audit_predictions(frame.lazy() if lazy else frame, score="p", run_dir=tmp_path, **GIVEN)
