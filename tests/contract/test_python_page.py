"""docs/python.md is run from top to bottom, and what it says of signatures is so."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

import glasshouse
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_every_block_runs_in_its_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(REPOSITORY / "examples" / "existing_project"))
    names: dict[str, Any] = {}
    try:
        for block in BLOCKS:
            exec(compile(block, "docs/python.md", "exec"), names)
    finally:
        sys.modules.pop("project", None)
    assert len(BLOCKS) == 6
    assert names["again"].verdict in ("pass", "fail", "insufficient_evidence", "not_judged")
    assert names["audit"].record.audits["fairness"].status == "completed"
    # by hand: of the four decisions, which repeat, f has the first and third, m the second and fourth
    assert names["record"].measurement("selection_rate", sex="f").value == 1.0
    assert names["record"].measurement("selection_rate", sex="m").value == 0.5


def test_the_callback_and_the_function_take_the_same_keywords() -> None:
    of_callback = inspect.signature(glasshouse.AuditCallback).parameters
    of_function = inspect.signature(glasshouse.audit).parameters
    assert of_callback.keys() - of_function.keys() == {"after"}
    assert of_function.keys() - of_callback.keys() == {"model", "data"}
    for name in of_callback.keys() & of_function.keys():
        assert of_callback[name].default == of_function[name].default, name
