"""Dense tables of bins against sorting, which makes the same bins in another way, and against counting by hand."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from glasshouse.statistics.scores.bin_numbers import (
    EDGES,
    SHIFT,
    bin_numbers,
    odds,
    places_in_bins,
    positions,
    scores_at_places,
    segment_of,
)
from glasshouse.statistics.scores.bin_tables import BinTable, slots, span, tabulated_bins
from glasshouse.statistics.scores.binning import Bins, bins_of_rows
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

PROBABILITIES = st.one_of(
    st.floats(0, 1),
    st.floats(0, 1e-9),
    st.sampled_from([*EDGES, *np.nextafter(EDGES[:-1], 1), *np.nextafter(EDGES[1:], 0), 2.0**-41, 5e-324]),
)


def assert_same(one: Bins, other: Bins) -> None:
    for field in fields(Bins):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name in ("totals", "weights", "squares") and mine is not None:
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-300, err_msg=field.name)
        else:
            np.testing.assert_array_equal(mine, theirs, err_msg=field.name)


def by_table(group: np.ndarray, target: np.ndarray | None, scores: np.ndarray, weights: np.ndarray | None) -> Bins:
    first, last = span(scores)
    table = BinTable(3, first, last, targets=1 if target is None else 2, weighted=weights is not None)
    table.add(group, target, scores, weights)
    return table.occupied()


@given(
    scores=hnp.arrays(np.float64, st.integers(1, 80), elements=PROBABILITIES),
    seed=st.integers(0, 99),
    weighted=st.booleans(),
    targets=st.booleans(),
)
def test_a_table_is_what_sorting_makes(scores: np.ndarray, seed: int, weighted: bool, targets: bool) -> None:
    rng = np.random.default_rng(seed)
    n = len(scores)
    group, target = rng.integers(0, 3, n), rng.integers(0, 2, n) if targets else None
    weights = rng.random(n) if weighted else None
    expected = bins_of_rows(group, target, scores, weights, SHIFT, probability=True)
    assert_same(by_table(group, target, scores, weights), expected)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_two_threads_make_the_same(kind: type) -> None:
    rng = np.random.default_rng(0)
    scores = (1 / (1 + np.exp(-2 * rng.normal(size=300_000)))).astype(kind)
    group, target = rng.integers(0, 3, len(scores)), rng.integers(0, 2, len(scores))
    found = tabulated_bins(group, 3, target, scores, None, SHIFT)
    assert found is not None
    assert_same(found, bins_of_rows(group, target, scores, None, SHIFT, probability=True))


def test_a_table_grows_where_cells_and_bins_are_met() -> None:
    rng = np.random.default_rng(0)
    first, second = 0.3 + 0.1 * rng.random(500), rng.random(500)
    group = rng.integers(0, 2, 1000)
    table = BinTable(1, *span(first), weighted=False)
    table.add(np.zeros(500, dtype=np.int64), None, first, None)
    larger = table.grown(3, *span(second))
    larger.add(group[500:] + 1, None, second, None)
    cells = np.concatenate([np.zeros(500, dtype=np.int64), group[500:] + 1])
    expected = bins_of_rows(cells, None, np.concatenate([first, second]), None, SHIFT, probability=True)
    assert_same(larger.occupied(), expected)


def test_a_table_that_would_be_too_large_is_not_made() -> None:
    scores = np.array([1e-12, 0.5, 1.0])
    assert slots(1, *span(scores), targets=2) > 4 * len(scores)
    assert tabulated_bins(np.zeros(3, dtype=np.int64), 1, np.array([0, 1, 1]), scores, None, SHIFT) is None


@given(scores=hnp.arrays(np.float64, st.integers(2, 60), elements=PROBABILITIES))
def test_numbers_grow_with_the_scores_and_stop_at_the_edges(scores: np.ndarray) -> None:
    ordered = np.sort(scores)
    for shift in (0, 20, SHIFT, SHIFT + 3):
        number = bin_numbers(ordered, shift, probability=True)
        assert np.all(np.diff(number) >= 0)
        segment = segment_of(number, shift)
        np.testing.assert_array_equal(segment, np.searchsorted(EDGES[1:-1], ordered, side="left"))
    exact = bin_numbers(ordered, 0, probability=True)
    np.testing.assert_array_equal(np.diff(exact) > 0, np.diff(ordered) > 0)


def test_bins_are_spaced_by_the_odds() -> None:
    # Odds 1 (p = 1/2) to 2 (p = 2/3): 2,048 bins of equal width, the first of which begins at 1.
    wanted = 1 + (np.array([0, 1, 1000, 2047]) + 0.5) / 2048
    number = positions(wanted / (1 + wanted), probability=True) >> SHIFT
    assert (number - number[0]).tolist() == [0, 1, 1000, 2047]
    assert places_in_bins(positions(np.array([wanted[1] / (1 + wanted[1])]), probability=True), SHIFT)[0] in (
        32767,
        32768,
    )
    assert odds(np.array([0.0, 1.0])).tolist() == [2.0**-40, 2.0**40]


@given(scores=hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(1e-9, 1 - 1e-9)))
def test_a_place_is_below_its_score_and_the_next_above(scores: np.ndarray) -> None:
    position = positions(scores, probability=True)
    number, place = (position >> SHIFT) << SHIFT, places_in_bins(position, SHIFT).astype(np.int64)
    assert np.all(scores_at_places(number, place, SHIFT, probability=True) <= scores * (1 + 1e-15))
    assert np.all(scores_at_places(number, place + 1, SHIFT, probability=True) >= scores * (1 - 1e-15))


@given(
    scores=hnp.arrays(np.float64, st.integers(1, 60), elements=PROBABILITIES),
    old=st.sampled_from([0, 16, 24, SHIFT]),
    more=st.integers(1, 5),
    probability=st.booleans(),
)
def test_bins_nest(scores: np.ndarray, old: int, more: int, probability: bool) -> None:
    values = scores if probability else scores * 1e6 - 3e5
    new = max(old + more, 16)
    group = np.zeros(len(values), dtype=np.int64)
    target = np.arange(len(values)) % 2
    fine = bins_of_rows(group, target, values, None, old, probability=probability)
    coarse = bins_of_rows(group, target, values, None, new, probability=probability)
    assert_same(fine.coarser(old, new, probability=probability), coarse)
