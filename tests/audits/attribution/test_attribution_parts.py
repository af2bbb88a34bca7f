"""Curves, Gini index, pictures and choices of rows: by hand, against libraries, degenerate, and by properties."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from glasshouse_audits.explain.attribution.faithfulness import SHARES, InputParts, curves, random_curves
from glasshouse_audits.explain.attribution.measurements import gini
from glasshouse_audits.pictures.overlays import as_picture, overlay, pooled, strip, where
from glasshouse_audits.pictures.png import png
from hypothesis import given
from hypothesis import strategies as st


def additive(rows: torch.Tensor, present: np.ndarray | None = None) -> InputParts:
    """The score of a row is the sum of its numbers, so each part's worth is known."""
    d = rows.shape[1]
    return InputParts(
        rows=rows,
        reference=torch.zeros(1, d),
        owner=np.arange(d),
        present=np.ones(rows.shape, dtype=bool) if present is None else present,
        score=lambda x: x.double().sum(dim=1).numpy(),
    )


def test_deletion_of_sixteen_parts_by_hand() -> None:
    """One part a step: after the k largest of 1..16 are gone, 136 less these is left."""
    rows = torch.arange(1.0, 17.0).unsqueeze(0)
    found = curves(additive(rows), rows.numpy(), seed=0)
    left = [136 - sum(range(17 - k, 17)) for k in range(17)]
    np.testing.assert_allclose(found.deletion[0], left)
    np.testing.assert_allclose(found.insertion[0], [136 - rest for rest in left])
    assert found.deletion_area[0] == pytest.approx(np.trapezoid(left, SHARES))


def test_areas_of_random_orders_of_an_additive_score_are_exact() -> None:
    """An order and its reverse add up to the score at every two shares t and 1 - t: their mean area is half of it."""
    rows = torch.rand(5, 16, generator=torch.Generator().manual_seed(0))
    found = random_curves(additive(rows), seed=3)
    whole = rows.double().sum(dim=1).numpy()
    np.testing.assert_allclose(found.deletion_area, whole / 2)
    np.testing.assert_allclose(found.deletion + found.deletion[:, ::-1], np.repeat(whole[:, None], 17, axis=1))
    np.testing.assert_allclose(found.insertion, found.deletion[:, ::-1])


def test_true_attributions_beat_random_orders_and_reversed_ones_lose() -> None:
    rows = torch.rand(8, 20, generator=torch.Generator().manual_seed(0))
    parts = additive(rows)
    chance = random_curves(parts, seed=0)
    best, worst = (curves(parts, sign * rows.numpy(), seed=0) for sign in (1, -1))
    assert np.all(best.deletion_area < chance.deletion_area)
    assert np.all(best.insertion_area > chance.insertion_area)
    assert np.all(worst.deletion_area > chance.deletion_area)


def test_parts_that_a_row_lacks_are_no_steps_of_its_curve() -> None:
    """A text of 2 words among 16 places: half of it is one word."""
    rows = torch.zeros(1, 16)
    rows[0, :2] = torch.tensor([3.0, 1.0])
    found = curves(additive(rows, (rows != 0).numpy()), rows.numpy(), seed=0)
    assert found.deletion[0, 0] == 4
    assert found.deletion[0, 8] == 1
    assert found.deletion[0, -1] == 0


def test_channels_of_a_pixel_are_replaced_together() -> None:
    rows = torch.ones(1, 2, 1, 2)
    parts = InputParts(
        rows=rows,
        reference=torch.zeros(1, 2, 1, 2),
        owner=np.tile(np.arange(2), 2),
        present=np.ones((1, 2), dtype=bool),
        score=lambda x: x.sum(dim=(1, 2, 3)).double().numpy(),
    )
    assert set(parts.walk(np.array([[0, 1]]))[0]) == {4, 2, 0}


def test_permuting_rows_permutes_curves() -> None:
    rows = torch.rand(6, 10, generator=torch.Generator().manual_seed(1))
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    values = np.zeros((6, 10))  # all ties, which are broken by what a row is
    np.testing.assert_allclose(
        curves(additive(rows), values, seed=0).deletion[order],
        curves(additive(rows[order]), values, seed=0).deletion,
    )
    np.testing.assert_allclose(
        random_curves(additive(rows), seed=0).deletion[order], random_curves(additive(rows[order]), seed=0).deletion
    )


# ---------------------------------------------------------------- Gini


def test_gini_by_hand() -> None:
    """Equal sizes: 0. One of d: 1 - 1/d. (1, 2, 3): the mean absolute difference 8/9 over twice the mean, 4: 2/9."""
    found = gini(np.array([[1.0, -1.0, 1.0], [0.0, 0.0, 5.0], [1.0, -2.0, 3.0], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(found[:3], [0, 2 / 3, 2 / 9], atol=1e-12)
    assert np.isnan(found[3])


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=12).filter(lambda v: sum(map(abs, v)) > 1e-3))
def test_gini_is_the_mean_absolute_difference_over_twice_the_mean(values: list[float]) -> None:
    sizes = np.abs(np.array(values))
    expected = np.abs(sizes[:, None] - sizes).mean() / (2 * sizes.mean())
    np.testing.assert_allclose(gini(np.array([values])), [expected], atol=1e-9)


# ---------------------------------------------------------------- pictures


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_pillow_reads_what_was_written(height: int, width: int, seed: int) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow")
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    read = image.open(io.BytesIO(png(pixels)))
    assert read.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(read), pixels)


def test_an_encoded_image_as_a_picture() -> None:
    grey = as_picture(np.array([[[0.0, 0.5, 1.0]]]))
    np.testing.assert_allclose(grey, np.repeat([[[0.0], [0.5], [1.0]]], 3, axis=2))
    colour = np.random.default_rng(0).random((3, 2, 2))
    np.testing.assert_allclose(as_picture(colour), np.moveaxis(colour, 0, 2))
    standardised = as_picture(np.array([[[-2.0, 2.0]]]))
    assert standardised[0, 0, 0] == 0
    assert standardised[0, 1, 0] == 1


def test_tints_tell_for_from_against() -> None:
    picture = np.full((1, 3, 3), 0.5)
    tinted = overlay(picture, np.array([[1.0, -1.0, 0.0]]))
    assert tinted[0, 0, 2] > tinted[0, 0, 0]  # blue
    assert tinted[0, 1, 0] > tinted[0, 1, 2]  # orange
    np.testing.assert_allclose(tinted[0, 2], tinted[0, 2, 0])
    assert 0 <= tinted.min() <= tinted.max() <= 1
    np.testing.assert_allclose(overlay(picture, np.zeros((1, 3))), 0.55 + 0.45 * picture)


def test_a_strip_has_panels_and_gaps_and_large_ones_are_thinned() -> None:
    assert strip([np.zeros((28, 28, 3)), np.ones((28, 28, 3))]).shape == (28, 28 + 1 + 28, 3)
    assert max(strip([np.zeros((500, 300, 3))]).shape[:2]) <= 224


def test_where_attributions_lie_in_words() -> None:
    values = np.zeros((9, 9))
    values[0, 8], values[4, 4] = -3, 1
    assert where(values) == "75% in the upper right, 25% in the middle"
    assert where(np.zeros((9, 9))) == "no attribution"


@given(st.integers(1, 30), st.integers(1, 30))
def test_pooling_keeps_the_sum(height: int, width: int) -> None:
    values = np.random.default_rng(height * 31 + width).random((height, width))
    found = pooled(values, 14)
    assert max(found.shape) <= 14
    np.testing.assert_allclose(found.sum(), values.sum())
