"""Page data and the text formats: what is said, in which order, and that no string of a record becomes markup."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from glasshouse import AuditResult
from glasshouse.record.record import Record, build_record
from glasshouse.report.html import render_html
from glasshouse.report.json_format import render_json
from glasshouse.report.markdown import escape, render_markdown
from glasshouse.report.page import Page, build_page

from helpers.sample_record import performance, run_header, sample_record


@pytest.fixture(scope="module")
def record() -> Record:
    return sample_record()


@pytest.fixture(scope="module")
def page(record: Record) -> Page:
    return build_page(record)


class Elements(HTMLParser):
    """Start tags with their attributes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def elements(record: Record) -> Elements:
    return Elements(render_html(record))


def test_what_matters_comes_first(page: Page) -> None:
    assert [one.finding.verdict for one in page.findings] == ["fail", *["insufficient_evidence"] * 2, *["pass"] * 4]
    assert page.findings[0].finding.title == "Four-fifths rule: sex"
    assert page.summary == ("7 findings under the policy 'default': 1 fail, 2 inconclusive and 4 pass.")
    assert {one.finding.verdict for one in page.informative} == {"info"}
    assert [chapter.title for chapter in page.chapters][:2] == ["Performance", "Fairness"]


def test_undefined_is_stated_and_never_zero(page: Page) -> None:
    measurements = {shown.raw.id: shown for shown in page.measurements}
    assert measurements["precision@test"].value == "not measured: nothing was predicted positive"
    assert measurements["selection_rate[sex=not stated]@test"].value == "not measured: no rows in the group"
    assert measurements["selection_rate[sex=other]@test"].value == "suppressed (fewer than 10)"


def test_what_was_not_covered_is_listed(page: Page) -> None:
    listed = {one.what: one.why for one in page.not_covered}
    assert listed["Energy (skipped)"] == "needs pip install glasshouse-audits[energy]"
    assert "shapes differ" in listed["Noise robustness (ended in error)"]


def test_rules_that_were_not_applied_are_listed_as_not_covered() -> None:
    from glasshouse.policy.judging import judge
    from glasshouse.policy.rules import load_policy

    results = [performance()]
    findings, _ = judge(results, load_policy("default"), target_kind="binary")
    page = build_page(build_record(run_header(), results, findings))
    assert page.verdict == "pass"
    assert "Rule: Four-fifths rule" in {one.what for one in page.not_covered}


def test_a_record_of_nothing_can_be_rendered() -> None:
    header = run_header() | {"model": None, "seed": None, "config": {}, "provenance": {}}
    header["data"] = {"name": "d", "modality": "tabular", "target": {"name": "y", "kind": "regression"}}
    empty = build_record(header, [AuditResult(name="a", family="data", status="skipped", reason="why not")])
    for render in (render_html, render_markdown, render_json):
        assert "why not" in render(empty)
    assert "predictions only" in render_html(empty)


def test_options_and_configuration_are_labelled_by_their_path(page: Page) -> None:
    options = {part.anchor: part.options for chapter in page.chapters for part in chapter.parts}
    assert [(fact.label, fact.value) for fact in options["audit-fairness"]] == [
        ("Bootstrap", "1000"),
        ("Intersections", "yes"),
    ]
    assert options["audit-membership-inference"] == ()
    configuration = {fact.label: fact.value for fact in page.provenance[-1].facts}
    assert configuration["model.init_args.hidden"] == "64, 64"
    assert configuration["audits[1].rows"] == "200"


# ---------------------------------------------------------------- HTML


def test_nothing_in_a_record_becomes_markup(record: Record, elements: Elements) -> None:
    html = render_html(record)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert len(elements.named("script")) == 1
    assert not [a for _, attributes in elements.found for a in attributes if a.startswith("on")]
    assert not [a for a in elements.named("img") if not (a["src"] or "").startswith("data:image/png;base64,")]


def test_the_page_needs_no_network(record: Record, elements: Elements) -> None:
    links = [a.get(key) for _, a in elements.found for key in ("href", "src") if key in a]
    assert links
    assert all((link or "").startswith(("#", "data:image/png;base64,")) for link in links)
    assert not re.search(r"@import|url\(", render_html(record))
    policies = [a["content"] for a in elements.named("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies
    assert (policies[0] or "").startswith("default-src 'none'")


def test_identifiers_are_unique_and_links_lead_somewhere(elements: Elements) -> None:
    ids = [a["id"] for _, a in elements.found if "id" in a]
    assert len(ids) == len(set(ids))
    targets = [a["href"] for a in elements.named("a")]
    assert targets
    assert all((target or "#")[1:] in ids for target in targets)
    for _, attributes in elements.found:
        for name in ("aria-labelledby", "aria-describedby", "for"):
            if name in attributes:
                assert attributes[name] in ids


def test_headings_never_skip_a_level(elements: Elements) -> None:
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_figure_has_its_table(record: Record) -> None:
    figures = re.findall(r"<figure.*?</figure>", render_html(record), flags=re.DOTALL)
    assert len(figures) == sum(len(audit.figures) for audit in record.audits)
    assert all("<details>" in figure and "<table>" in figure for figure in figures)


def test_rendering_is_repeatable_and_needs_no_heavy_import(tmp_path: Path, record: Record) -> None:
    from glasshouse.system.atomic_files import write_json

    write_json(tmp_path / "record.json", record.to_dict())
    code = (
        "import sys; from pathlib import Path; from glasshouse.record.record import read_record;"
        "from glasshouse.report.html import render_html; from glasshouse.report.markdown import render_markdown;"
        "from glasshouse.report.json_format import render_json; from glasshouse.policy.rules import load_policy;"
        f"record = read_record(Path({str(tmp_path / 'record.json')!r})); render_markdown(record); render_json(record);"
        "load_policy('default');"
        "Path('page.html').write_text(render_html(record), encoding='utf-8');"
        "print([name for name in ('torch', 'pytorch_lightning', 'pyarrow', 'pandas', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == render_html(record)


# ---------------------------------------------------------------- Markdown and JSON


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain", "plain"),
        ("a|b", r"a\|b"),
        ("<b>", "&lt;b&gt;"),
        ("&amp;", "&amp;amp;"),
        ("[x](y)", r"\[x\](y)"),
        ("two\nlines", "two lines"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("# head", r"\# head"),
        ("`code` *b* _i_ ~s~", r"\`code\` \*b\* \_i\_ \~s\~"),
    ],
)
def test_markdown_escapes(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_markdown_says_the_verdict_and_keeps_its_tables_whole(record: Record) -> None:
    text = render_markdown(record)
    assert text.startswith("# diabetes &lt;script&gt;alert(1)&lt;/script&gt;: fail\n")
    assert "<script" not in text
    assert "| **Fail** | Four-fifths rule: sex | 0.728 | 0.661 to 0.795 | 890 | at least 0.8 |" in text
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block


def test_json_follows_the_records_schema_without_small_groups(record: Record) -> None:
    values = json.loads(render_json(record))
    assert Record.from_dict(values).verdict == record.verdict
    rates = {m["id"]: m for m in values["audits"][1]["measurements"]}
    assert rates["fairness/selection_rate[sex=other]@test"]["value"] is None
    assert rates["fairness/selection_rate[sex=men]@test"]["value"] == 0.566
