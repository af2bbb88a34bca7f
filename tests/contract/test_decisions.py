"""Each decision has one page with its status and date; the index lists all of them."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "docs/decisions"
PAGES = {page.name: page.read_text(encoding="utf-8") for page in sorted(FOLDER.glob("[0-9]*.md"))}
HEAD = re.compile(
    r"# (?P<number>\d{4}) (?P<title>.+)\n\n"
    r"Status: (?P<status>Accepted|Replaced by \[\d{4}\]\((?P<by>[\w-]+\.md)\))\. Date: (?P<date>\d{4}-\d\d-\d\d)\.\n\n"
    r"\*\*Context\.\*\* .*?^\*\*Decision\.\*\*.*?^\*\*Consequences\.\*\* ",
    re.DOTALL | re.MULTILINE,
)


def test_numbers_are_given_once_and_in_order():
    assert [int(name[:4]) for name in PAGES] == list(range(1, len(PAGES) + 1))


@pytest.mark.parametrize("name", PAGES)
def test_a_decision_has_status_date_and_three_parts(name):
    head = HEAD.match(PAGES[name])
    assert head is not None, PAGES[name][:300]
    assert head["number"] == name[:4]
    assert all(PAGES[name].count(f"**{part}.**") == 1 for part in ("Context", "Decision", "Consequences"))
    if head["by"]:
        assert HEAD.match(PAGES[head["by"]])["status"] == "Accepted"
        assert head["by"] > name


def test_the_index_lists_every_decision():
    heads = {name: HEAD.match(text) for name, text in PAGES.items()}
    rows = [f"| [{name[:4]}]({name}) | {h['title']} | {h['status']} | {h['date']} |" for name, h in heads.items()]
    index = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in index if line.startswith("| [")] == rows


@pytest.mark.parametrize("name", PAGES)
def test_modules_and_names_of_glasshouse_that_a_decision_names_exist(name):
    for dotted in re.findall(r"`(glasshouse(?:\.\w+)+)`", PAGES[name]):
        assert pkgutil.resolve_name(dotted) is not None
