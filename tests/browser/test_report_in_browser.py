"""The HTML report in a real browser, with the network off: what it loads, how it fits, whether all can be reached."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from glasshouse.report.html import render_html

from helpers.sample_record import sample_record

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    executable = os.environ.get("GLASSHOUSE_CHROMIUM") or shutil.which("chromium")
    if executable is None:
        pytest.skip("needs Debian's chromium: apt-get install chromium, or name one in GLASSHOUSE_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_html(sample_record()), encoding="utf-8")
    return path


class Opened:
    """A page, with what it asked for and complained about."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        page.goto(address)


@pytest.fixture
def open_report(browser: Browser, report: Path) -> Iterator[Any]:
    contexts = []

    def opened(viewport: dict[str, int] = DESK, **options: Any) -> Opened:
        context = browser.new_context(offline=True, viewport=viewport, **options)  # type: ignore[arg-type]
        contexts.append(context)
        return Opened(context.new_page(), report.as_uri())

    yield opened
    for context in contexts:
        context.close()


def test_it_loads_nothing_and_complains_of_nothing(open_report: Any, report: Path) -> None:
    opened = open_report()
    assert [url for url in opened.requests if not url.startswith("data:")] == [report.as_uri()]
    assert opened.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_it_never_scrolls_sideways(open_report: Any, viewport: dict[str, int], scheme: str) -> None:
    page = open_report(viewport, color_scheme=scheme).page
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    sticking_out = page.evaluate(
        """width => [...document.querySelectorAll('main *')]
            .filter(e => !e.closest('.scroll') && !e.closest('svg') && e.getBoundingClientRect().right > width + 1)
            .map(e => e.outerHTML.slice(0, 80))""",
        viewport["width"],
    )
    assert sticking_out == []


def test_the_first_screen_says_model_data_and_verdict(open_report: Any) -> None:
    page = open_report().page
    visible = page.evaluate(
        """() => [...document.querySelectorAll('h1, h2, h3, dd')]
            .filter(e => { const box = e.getBoundingClientRect(); return box.height && box.bottom < innerHeight; })
            .map(e => e.textContent)"""
    )
    for expected in ("mlp, 4,930 parameters", "diabetes", "Fail", "Four-fifths rule: sex"):
        assert expected in visible


def test_every_figure_is_seen_and_its_table_opens(open_report: Any) -> None:
    page = open_report().page
    figures = page.locator("figure")
    assert figures.count() == sum(len(audit.figures) for audit in sample_record().audits)
    for number in range(figures.count()):
        figure = figures.nth(number)
        drawn = figure.locator("svg[role=img], [role=group]").first
        assert drawn.bounding_box()["height"] > 20
        table = figure.locator("table")
        assert not table.is_visible()
        figure.locator("summary").click()
        assert table.is_visible()


def test_text_in_figures_can_be_read_on_a_phone(open_report: Any) -> None:
    page = open_report(PHONE).page
    sizes = page.evaluate(
        """() => [...document.querySelectorAll('figure svg')].map(svg => {
            const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
            const sizes = [...svg.querySelectorAll('text')].map(t => parseFloat(getComputedStyle(t).fontSize));
            return Math.min(...sizes) * scale;
        })"""
    )
    assert sizes
    assert min(sizes) >= 9


def test_no_text_in_a_figure_leaves_it(open_report: Any) -> None:
    page = open_report().page
    cut = page.evaluate(
        """() => [...document.querySelectorAll('figure svg')].flatMap(svg => {
            const frame = svg.getBoundingClientRect();
            return [...svg.querySelectorAll('text')].filter(t => {
                const box = t.getBoundingClientRect();
                const below = box.bottom > frame.bottom + 2;
                return box.width && (box.left < frame.left - 2 || box.right > frame.right + 2 || below);
            }).map(t => t.textContent);
        })"""
    )
    assert cut == []


def test_everything_is_reached_by_keyboard(open_report: Any) -> None:
    page = open_report().page
    expected = page.evaluate(
        """() => [...document.querySelectorAll('a[href], summary, input, [tabindex="0"]')]
            .filter(e => e.checkVisibility()).length"""
    )
    reached = []
    for _ in range(expected + 5):
        page.keyboard.press("Tab")
        here = page.evaluate(
            """() => { const e = document.activeElement;
                if (e === document.body || e.dataset.seen) return null;
                e.dataset.seen = 'yes';
                const style = getComputedStyle(e);
                const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
                return [e.tagName, e.className, ring]; }"""
        )
        if here is None:
            break
        reached.append(here)
    assert reached[0][:2] == ["A", "skip"]
    assert len(reached) == expected
    assert [where for where in reached if not where[2]] == []


def test_the_skip_link_leads_past_the_contents(open_report: Any) -> None:
    page = open_report().page
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_the_table_of_measurements_can_be_filtered(open_report: Any) -> None:
    page = open_report().page
    page.locator("#all-measurements > summary").click()
    rows = page.locator("#all tbody tr:visible")
    before = rows.count()
    page.get_by_label("Show only rows with").fill("demographic ratio")
    assert 0 < rows.count() < before
    assert page.locator("#filter-count").text_content() == f"{rows.count()} of {before}"
    page.get_by_label("Show only rows with").fill("")
    assert rows.count() == before


def test_a_findings_number_leads_to_its_row_in_the_closed_table(open_report: Any) -> None:
    page = open_report().page
    assert not page.locator("#all").is_visible()
    link = page.locator(".figure-value a").first
    target = str(link.get_attribute("href")).removeprefix("#")
    link.click()
    page.wait_for_function("id => document.getElementById(id).checkVisibility()", arg=target)


def test_it_works_without_script(open_report: Any) -> None:
    page = open_report(java_script_enabled=False).page
    page.locator("#all-measurements > summary").click()
    assert page.locator("#all tbody tr:visible").count() > 20
    assert not page.locator("#filter").is_visible()
    page.locator("figure summary").first.click()
    assert page.locator("figure table").first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(open_report: Any, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5 to 1, for every piece of text against the nearest filled background."""
    page = open_report(color_scheme=scheme).page
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    faint = page.evaluate(
        """() => {
            const channels = colour => colour.match(/[\\d.]+/g).map(Number);
            const luminance = rgb => rgb.slice(0, 3).map(v => v / 255)
                .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
            const behind = element => {
                const isSvg = element instanceof SVGElement;
                if (isSvg && element.classList.contains('on-cell')) {
                    return channels(getComputedStyle(element.previousElementSibling).fill);
                }
                for (let e = element; e; e = e.parentElement) {
                    const found = channels(getComputedStyle(e).backgroundColor);
                    if (found.length < 4 || found[3] > 0) return found;
                }
            };
            return [...document.querySelectorAll('body *')]
                .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
                .filter(e => e.checkVisibility() && !['SCRIPT', 'STYLE', 'title', 'desc'].includes(e.tagName))
                .map(e => {
                    const style = getComputedStyle(e);
                    const text = luminance(channels(e instanceof SVGElement ? style.fill : style.color));
                    const back = luminance(behind(e));
                    const contrast = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
                    return [contrast, e.tagName, e.className.baseVal ?? e.className, e.textContent.slice(0, 40)];
                })
                .filter(found => found[0] < 4.5);
        }"""
    )
    assert faint == []


def test_it_can_be_printed_whole(open_report: Any) -> None:
    page = open_report().page
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert not page.locator("nav").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_passes_axe(open_report: Any, scheme: str, viewport: dict[str, int]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    page = open_report(viewport, color_scheme=scheme).page
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    results = axe.Axe().run(page)
    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in results.response["violations"]] == []
