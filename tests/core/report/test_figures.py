"""Figures: well-formed, named for those who do not see them, honest about what is missing, safe with any string."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from glasshouse import Figure, Measurement
from glasshouse.record.findings import Threshold
from glasshouse.report.figures import draw, draw_threshold
from glasshouse.report.figures.tables import MAX_ROWS, table_behind
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import sample_record

FIGURES = [
    figure
    for make in ("performance", "fairness", "feature_attribution", "membership_inference")
    for figure in getattr(sample_record, make)().figures
]


def figure(kind: Any, **data: Any) -> Figure:
    return Figure(kind=kind, title="A title", description="How to read it.", data=data)


def parsed(drawn: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawn.replace("&nbsp;", " "))


def found(drawn: str, tag: str, class_: str) -> list[ElementTree.Element]:
    return [e for e in parsed(drawn).iter(tag) if class_ in e.get("class", "").split()]


def test_the_sample_has_every_kind() -> None:
    kinds = {"bar", "dot_interval", "line", "histogram", "heatmap", "scatter", "beeswarm", "image", "shaded_text"}
    assert {f.kind for f in FIGURES} == kinds


@pytest.mark.parametrize("one", FIGURES, ids=lambda f: f"{f.kind}-{f.title}")
def test_every_figure_is_well_formed_named_and_backed_by_a_table(one: Figure) -> None:
    root = parsed(draw(one, 7))
    if root.tag == "svg":
        assert root.get("role") == "img"
        assert root.get("viewBox")
        named = {e.get("id"): e.text for e in root if e.tag in ("title", "desc")}
        assert named[root.get("aria-labelledby")] == one.title
        assert named[root.get("aria-describedby")] == one.description
    else:
        assert (root.get("role"), root.get("aria-label")) == ("group", one.title)
    table = table_behind(one)
    assert table.rows
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_bars_by_hand() -> None:
    drawn = draw(figure("bar", labels=["a", "b", "c"], values=[2, -1, None]), 1)
    first, second = found(drawn, "rect", "bar")
    # half the length, on the other side of zero
    assert float(first.get("width", 0)) == pytest.approx(2 * float(second.get("width", 0)), abs=0.2)
    assert float(second.get("x", 0)) + float(second.get("width", 0)) == pytest.approx(float(first.get("x", 0)), abs=0.2)
    assert [e.text for e in found(drawn, "text", "absent")] == ["not measured"]
    assert [e.text for e in found(drawn, "text", "number")] == ["2", "-1"]


def test_a_beeswarm_heaps_its_dots_around_their_name() -> None:
    """Three rows in one place: the low one above, the high one below the middle one, which is level with the name."""
    swarm = {"name": "age", "x": [0.1, 0.1, 0.1], "n": [1, 1, 1], "level": [1.0, 0.0, 0.5]}
    drawn = draw(figure("beeswarm", swarms=[swarm], x_label="attribution", level_label="value"), 1)
    heights = {}
    for third in ("low", "middle", "high"):
        legend, dots = found(drawn, "path", third)
        heights[third] = float(dots.get("d", "").split()[1].removesuffix("h0"))
        assert legend.get("d", "").count("M") == dots.get("d", "").count("M") == 1
    (name,) = [e for e in found(drawn, "text", "label") if e.text == "age"]
    assert heights["low"] < heights["middle"] < heights["high"]
    assert heights["middle"] == pytest.approx(float(name.get("y", 0)) - 4, abs=0.11)
    assert table_behind(figure("beeswarm", swarms=[swarm])).rows[1] == ("age", 0.1, "low", 1)


def test_large_heaps_of_a_beeswarm_are_thinned_and_it_is_said() -> None:
    swarm = {"name": "age", "x": [0.0, 1.0], "n": [600, 1], "level": [None, 1.0]}
    drawn = draw(figure("beeswarm", swarms=[swarm]), 1)
    assert sum(path.get("d", "").count("M") for path in found(drawn, "path", "bee")) == 60 + 1 + 4  # 4 in the legend
    assert "a dot is up to 10 rows" in drawn


def test_labels_stand_under_their_heading() -> None:
    one = figure("dot_interval", labels=["f", "m", "f"], values=[1.0, 2.0, 3.0], under=["age", "age", "job"])
    drawn = draw(one, 1)
    headings = [(e.text, float(e.get("y", 0))) for e in found(drawn, "text", "heading")]
    labels = [float(e.get("y", 0)) for e in found(drawn, "text", "label")]
    assert [name for name, _ in headings] == ["age", "job"]
    assert headings[0][1] < labels[0] < labels[1] < headings[1][1] < labels[2]
    assert table_behind(one).rows[2] == ("job", "f", 3.0)


def test_an_interval_spans_its_ends_and_what_is_missing_is_said() -> None:
    drawn = draw(
        figure(
            "dot_interval",
            labels=["a", "b"],
            values=[0.5, None],
            low=[0.25, None],
            high=[1.0, None],
            n=[1200, 0],
            reference=0.5,
        ),
        1,
    )
    (dot,) = found(drawn, "circle", "dot")
    span = found(drawn, "line", "interval")[0]
    x1, x2 = float(span.get("x1", 0)), float(span.get("x2", 0))
    assert (float(dot.get("cx", 0)) - x1) / (x2 - x1) == pytest.approx(1 / 3, abs=0.01)
    (reference,) = found(drawn, "line", "reference")
    assert reference.get("x1") == dot.get("cx")
    assert [e.text for e in found(drawn, "text", "absent")] == ["not measured"]
    assert [e.text for e in found(drawn, "text", "number")] == ["1,200", "0"]


def test_lines_and_their_bands_break_where_nothing_was_measured() -> None:
    series = {
        "name": "s",
        "x": [0, 1, 2, 3, 4],
        "y": [0, 1, None, 1, 0],
        "low": [0, 0, None, 0, 0],
        "high": [1, 1, None, 1, 1],
    }
    drawn = draw(figure("line", series=[series]), 1)
    (path,) = found(drawn, "path", "series")
    assert path.get("d", "").count("M") == 2
    assert len(found(drawn, "path", "band")) == 2


def test_a_diagonal_is_bent_on_a_logarithmic_axis() -> None:
    series = {"name": "s", "x": [0.001, 1], "y": [0, 1]}
    straight, bent = (
        found(draw(figure("line", series=[series], diagonal=True, x_log=log), 1), "path", "reference")[0].get("d", "")
        for log in (False, True)
    )

    def middle(path: str) -> float:
        points = [tuple(map(float, p.split())) for p in path.replace("M", "L").split("L")[1:]]
        start, end = points[0], points[-1]
        half = min(points, key=lambda p: abs(p[0] - (start[0] + end[0]) / 2))
        return (half[1] - start[1]) / (end[1] - start[1])

    assert middle(straight) == pytest.approx(0.5, abs=0.03)
    assert middle(bent) < 0.1


def test_series_differ_without_colour() -> None:
    series = [{"name": str(k), "x": [0, 1], "y": [0, k]} for k in range(6)]
    markers = found(draw(figure("scatter", series=series), 1), "path", "marker")
    # as drawn in the legend: the shape behind the starting point
    shapes = {m.get("d", "").split("a")[0][:1] + "".join(c for c in m.get("d", "") if c.isalpha()) for m in markers}
    assert len(shapes) >= 5


def test_heatmaps_leave_numbers_out_that_would_run_into_each_other() -> None:
    """Ten columns leave about 33 pixels each: room for "0.500" at 7 pixels a character, not for "1,234,567"."""
    columns = [str(k) for k in range(10)]
    for value, shown in ((0.5, 10), (1_234_567.0, 0)):
        drawn = draw(figure("heatmap", rows=["a"], columns=columns, values=[[value] * 10]), 1)
        assert len(found(drawn, "text", "on-cell")) == shown
        assert str(value) in str(table_behind(figure("heatmap", rows=["a"], columns=columns, values=[[value] * 10])))


def test_a_long_number_at_the_end_of_an_axis_stays_within_the_picture() -> None:
    series = [{"name": "a", "x": [0.0, 100_000.0], "y": [0.0, 1.0]}]
    drawn = draw(figure("line", series=series), 1)
    (last,) = [t for t in found(drawn, "text", "tick") if t.text == "100000"]
    assert float(last.get("x")) + 7 * len("100000") / 2 <= 380


def test_heatmaps_say_their_numbers_and_signs() -> None:
    drawn = draw(figure("heatmap", rows=["a"], columns=["x", "y", "z"], values=[[2.0, -1.5, None]]), 1)
    assert [e.text for e in found(drawn, "text", "on-cell")] == ["2", "-1.500"]
    assert len(found(drawn, "rect", "negative")) == 1
    assert len(found(drawn, "rect", "cell-absent")) == 1


def test_histogram_bars_start_at_zero() -> None:
    drawn = draw(figure("histogram", edges=[0, 1, 2], series=[{"name": "s", "counts": [10, 20]}]), 1)
    (path,) = found(drawn, "path", "area")
    ys = [float(p.split()[1]) for p in path.get("d", "").replace("M", "L").split("L")[1:]]
    assert ys[0] == ys[-1] == max(ys)
    assert (max(ys) - ys[1]) / (max(ys) - min(ys)) == pytest.approx(0.5, abs=0.01)


def test_an_image_that_is_none_is_not_embedded() -> None:
    drawn = draw(figure("image", images=[{"label": "x", "png_base64": '" onerror="alert(1)'}]), 1)
    assert "<img" not in drawn
    assert "not a readable image" in drawn


def test_an_image_says_in_words_what_it_shows() -> None:
    images = [
        {"label": "row 3", "png_base64": "aGk=", "description": "<b>dark</b>"},
        {"label": "x", "png_base64": "aGk="},
    ]
    shown = figure("image", images=images)
    assert [one.get("alt") for one in parsed(draw(shown, 1)).iter("img")] == ["row 3: <b>dark</b>", "x"]
    assert table_behind(shown).rows == (("row 3", "<b>dark</b>"), ("x", None))


def test_the_table_behind_long_texts_keeps_the_strongest_words_of_each() -> None:
    weights = [[0.001 * k for k in range(300)], [-1.0, None, 0.5]]
    texts = [{"label": str(k), "tokens": [f"w{i}" for i in range(len(w))], "weights": w} for k, w in enumerate(weights)]
    table = table_behind(figure("shaded_text", texts=texts))
    assert table.rows[:100] == tuple(("0", f"w{i}", 0.001 * i) for i in range(200, 300))
    assert table.rows[100:] == (("1", "w0", -1.0), ("1", "w1", None), ("1", "w2", 0.5))
    assert table.description == "The 100 words of each text with the largest weights; the record has all 303 words."


def test_long_tables_are_thinned_and_say_so() -> None:
    points = list(range(1000))
    table = table_behind(figure("line", series=[{"name": "s", "x": points, "y": points}]))
    assert len(table.rows) <= MAX_ROWS
    assert table.description == "Every 5th row; the record has all 1000 rows."


def test_a_finding_against_its_threshold() -> None:
    threshold = Threshold(bound="min", value=0.8, evidence="interval", source="s")
    interval = {"low": 0.6, "high": 0.8, "level": 0.95, "interval_method": "x"}
    drawn = draw_threshold(Measurement(name="m", value=0.7, **interval), threshold)  # type: ignore[arg-type]
    (limit,) = found(drawn, "line", "limit")
    (accepted,) = found(drawn, "rect", "accepted")
    (dot,) = found(drawn, "circle", "dot")
    assert parsed(drawn).get("aria-hidden") == "true"
    assert limit.get("x1") == accepted.get("x")
    assert float(dot.get("cx", 0)) < float(limit.get("x1", 0))
    assert draw_threshold(Measurement(name="m", value=None, undefined="x"), threshold) == ""


numbers = st.none() | st.floats(-1e9, 1e9) | st.integers(-5, 5)
# what XML cannot hold at all is no question of escaping
words = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=12
)


@st.composite
def any_figure(pick: st.DrawFn) -> Figure:
    kind = pick(st.sampled_from(["bar", "dot_interval", "line", "scatter", "histogram", "heatmap", "shaded_text"]))
    size = pick(st.integers(0, 4))

    def column(of: st.SearchStrategy[Any]) -> list[Any]:
        return pick(st.lists(of, min_size=size, max_size=size))

    labels: dict[str, Any] = {"x_label": pick(words), "y_label": pick(words)}
    if kind == "bar":
        data = {"labels": column(words), "values": column(numbers)}
    elif kind == "dot_interval":
        data = {key: column(numbers) for key in ("values", "low", "high")} | {"labels": column(words)}
        data |= {"reference": pick(numbers), "n": column(st.none() | st.integers(0, 9))}
    elif kind in ("line", "scatter"):
        series = [{"name": pick(words)} | {key: column(numbers) for key in ("x", "y", "low", "high")} for _ in range(3)]
        data = {"series": series, "diagonal": pick(st.booleans()), "x_log": pick(st.booleans())}
    elif kind == "histogram":
        edges = sorted(pick(st.lists(st.floats(-1e6, 1e6), min_size=size + 1, max_size=size + 1)))
        data = {"edges": edges, "series": [{"name": pick(words), "counts": column(st.none() | st.integers(0, 99))}]}
    elif kind == "heatmap":
        data = {"rows": column(words), "columns": column(words), "values": [column(numbers) for _ in range(size)]}
    else:
        data = {"texts": [{"label": pick(words), "tokens": column(words), "weights": column(numbers)}]}
    return Figure(kind=kind, title=pick(words), description=pick(words), data=data | labels)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=150)
@given(any_figure())
def test_any_figure_can_be_drawn_and_tabulated(one: Figure) -> None:
    drawn = draw(one, 1)
    assert "nan" not in drawn.split("<title")[0]
    parsed(drawn)
    table_behind(one)
