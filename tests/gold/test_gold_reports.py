"""Reports compared with approved ones, character by character.

When a change is meant, look at it and approve it: ``GLASSHOUSE_BLESS=1 python -m pytest tests/gold`` writes the files
anew (the tests then fail once, to say so), and ``git diff tests/gold`` shows what the change does to readers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from glasshouse.record import Record
from glasshouse.report.html import render_html
from glasshouse.report.json_format import render_json
from glasshouse.report.markdown import render_markdown

from helpers.sample_record import sample_record

HERE = Path(__file__).parent
RENDERERS: dict[str, Callable[[Record], str]] = {
    "report.html": render_html,
    "report.md": render_markdown,
    "report.json": render_json,
}


def scrubbed(text: str) -> str:
    """Without what changes by itself or is checked elsewhere: times, and the style and script that pages carry."""
    text = re.sub(r"\d{4}-\d{2}-\d{2}T[\d:]+[+-]\d{2}:\d{2}|\d{1,2} [A-Z][a-z]+ \d{4}, \d{2}:\d{2} UTC", "[time]", text)
    text = re.sub(r"<style>.*?</style>", "<style>[style]</style>", text, flags=re.DOTALL)
    text = re.sub(r"<script>.*?</script>", "<script>[script]</script>", text, flags=re.DOTALL)
    return re.sub(r"sha256-[\w+/=]+", "sha256-[digest]", text)


@pytest.mark.parametrize("name", RENDERERS)
def test_the_report_is_the_approved_one(name: str) -> None:
    rendered = scrubbed(RENDERERS[name](sample_record()))
    gold = HERE / name
    if os.environ.get("GLASSHOUSE_BLESS") == "1":
        gold.write_text(rendered, encoding="utf-8")
        pytest.fail(f"wrote {name} anew: look at `git diff tests/gold`, then run without GLASSHOUSE_BLESS")
    expected = gold.read_text(encoding="utf-8")
    assert rendered.splitlines() == expected.splitlines(), (
        f"{name} is not the approved one; if it is meant: GLASSHOUSE_BLESS=1 python -m pytest tests/gold"
    )
