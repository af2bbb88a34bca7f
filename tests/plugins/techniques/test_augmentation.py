"""What augmentation makes of a batch, exactly where that can be said and in distribution where it cannot."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from glasshouse import Feature
from glasshouse.training.batch_transforms import Mixed, apply_transforms
from glasshouse_plugins.techniques.cutmix import CutMix
from glasshouse_plugins.techniques.feature_masking import FeatureMasking, masked_encoding
from glasshouse_plugins.techniques.feature_noise import FeatureNoise
from glasshouse_plugins.techniques.mixup import Mixup
from glasshouse_plugins.techniques.random_crop import RandomCrop, crop
from glasshouse_plugins.techniques.random_erasing import RandomErasing
from glasshouse_plugins.techniques.random_flip import RandomFlip
from glasshouse_plugins.techniques.random_rotation import RandomRotation, rotate
from glasshouse_plugins.techniques.token_dropout import TokenDropout
from glasshouse_plugins.techniques.token_swap import TokenSwap
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

PICTURES = [RandomFlip(vertical=0.3), RandomCrop(), RandomRotation(), RandomErasing()]
TEXTS = [TokenDropout(0.3), TokenSwap(0.5)]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def pictures(n: int = 4, channels: int = 3, height: int = 6, width: int = 8) -> Tensor:
    return torch.rand(n, channels, height, width)


def texts(n: int = 50, length: int = 12) -> Tensor:
    """Of different lengths, 0 behind them; words from 2 on."""
    x = torch.randint(2, 1000, (n, length))
    return x * (torch.arange(length) < torch.randint(0, length + 1, (n, 1)))


# ------------------------------------------------------------ of all


@pytest.mark.parametrize("technique", [*PICTURES, *TEXTS, Mixup(), CutMix()], ids=lambda t: type(t).__name__)
def test_a_batch_is_left_as_it_was_and_the_same_seed_draws_the_same(technique: Any) -> None:
    x = texts() if technique in TEXTS else pictures(16)
    kept, found = x.clone(), []
    for _ in range(2):
        torch.manual_seed(3)
        found.append(apply_transforms(x, [technique.transform])[0])
    assert torch.equal(x, kept)
    assert torch.equal(found[0], found[1])
    assert found[0].shape == x.shape
    assert found[0].dtype == x.dtype
    assert found[0].is_contiguous()
    assert not torch.equal(found[0], x)


@pytest.mark.parametrize("technique", [*PICTURES, *TEXTS, Mixup(), CutMix()], ids=lambda t: type(t).__name__)
def test_one_row_and_none(technique: Any) -> None:
    for rows in (1, 0):
        x = texts(rows) if technique in TEXTS else pictures(rows)
        if rows or not isinstance(technique, RandomErasing | RandomRotation):
            assert apply_transforms(x, [technique.transform])[0].shape == x.shape


# ------------------------------------------------------------ pictures


def test_flips_are_exact_and_as_frequent_as_asked() -> None:
    x = pictures(1, 1, 2, 3).repeat(4000, 1, 1, 1)
    found = RandomFlip(horizontal=0.3, vertical=0.6).transform(x)
    variants = [x[0], x[0].flip(2), x[0].flip(1), x[0].flip(1).flip(2)]
    shares = [float((found == variant).all(dim=(1, 2, 3)).float().mean()) for variant in variants]
    assert sum(shares) == pytest.approx(1)
    # four standard errors of a share of 4,000 draws are at most 0.032
    assert shares == pytest.approx([0.7 * 0.4, 0.3 * 0.4, 0.7 * 0.6, 0.3 * 0.6], abs=0.032)


def test_the_mean_of_flips_is_the_mean_of_both_sides() -> None:
    x = pictures(1, 1, 2, 3).repeat(8000, 1, 1, 1)
    torch.testing.assert_close(
        RandomFlip().transform(x).mean(dim=0), (x[0] + x[0].flip(2)) / 2, rtol=0, atol=4 * 0.5 / math.sqrt(8000)
    )


def test_a_crop_is_a_shift_and_every_shift_is_as_likely() -> None:
    x = pictures(1).repeat(5000, 1, 1, 1)
    found = RandomCrop(padding=1).transform(x)
    padded = torch.nn.functional.pad(x[0], [1] * 4)
    shares = []
    for row in range(3):
        for column in range(3):
            shift = padded[:, row : row + 6, column : column + 8]
            shares.append(float((found == shift).all(dim=(1, 2, 3)).float().mean()))
    assert sum(shares) == pytest.approx(1)
    assert shares == pytest.approx([1 / 9] * 9, abs=4 * math.sqrt(8 / 81 / 5000))


def test_crops_by_hand() -> None:
    x = torch.arange(9.0).reshape(1, 1, 3, 3).repeat(2, 1, 1, 1)
    found = crop(x, torch.tensor([[0, 1], [1, 0]]), (2, 2))
    assert found[:, 0].tolist() == [[[1, 2], [4, 5]], [[3, 4], [6, 7]]]


@pytest.mark.parametrize("turns", [1, 2, 3, -1])
def test_a_right_angle_is_torchs(turns: int) -> None:
    x = pictures(2, height=7, width=7)
    found = rotate(x, torch.full((2,), turns * math.pi / 2))
    torch.testing.assert_close(found, torch.rot90(x, turns, dims=(2, 3)), rtol=0, atol=1e-5)


def test_a_picture_that_is_not_square_is_turned_and_not_skewed() -> None:
    """A point 2 to the right of the middle is 2 above it after a quarter; half a turn is exact."""
    x = torch.zeros(1, 1, 5, 9)
    x[0, 0, 2, 6] = 1
    assert rotate(x, torch.tensor([math.pi / 2]))[0, 0, 0, 4].item() == pytest.approx(1, abs=1e-5)
    wide = pictures(1)
    torch.testing.assert_close(rotate(wide, torch.tensor([math.pi])), wide.flip(2, 3), rtol=0, atol=1e-5)


def test_no_angle_is_no_turn() -> None:
    x = pictures()
    torch.testing.assert_close(rotate(x, torch.zeros(4)), x, rtol=0, atol=1e-5)


def test_what_is_erased_is_one_rectangle_of_an_allowed_size() -> None:
    x = torch.full((600, 2, 20, 30), -1.0)
    x[:, :, 0, 0] = 1.0  # so that noise has a range
    x[:, :, 0, 0] += torch.rand(600, 2)
    found = RandomErasing(share=1.0, smallest=0.1, largest=0.3, ratio=0.5).transform(x)
    changed = (found != x).any(dim=1)
    areas = []
    for picture in changed:
        rows, columns = picture.any(dim=1), picture.any(dim=0)
        height, width = int(rows.sum()), int(columns.sum())
        assert int(picture.sum()) == height * width  # all of it, and nothing else
        assert int(rows.nonzero().amax() - rows.nonzero().amin()) + 1 == height
        assert 0.4 < height / width < 2.5  # 0.5 to 2, rounded to pixels
        areas.append(height * width / 600)
    assert 0.085 < min(areas) < 0.13
    assert 0.27 < max(areas) < 0.33
    assert sum(areas) / 600 == pytest.approx(0.2, abs=0.015)


def test_as_many_pictures_are_erased_as_asked() -> None:
    x = pictures(3000, 1, 8, 8)
    found = RandomErasing(share=0.25).transform(x)
    assert float((found != x).any(dim=(1, 2, 3)).float().mean()) == pytest.approx(0.25, abs=0.04)
    assert float(found.min()) >= float(x.min())
    assert float(found.max()) <= float(x.max())


# ------------------------------------------------------------ rows mixed


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_shares_follow_the_beta_distribution(alpha: float) -> None:
    """Mean 1/2, variance 1 / (4 (2 alpha + 1)), and symmetric."""
    mixed = Mixup(alpha).transform(torch.zeros(20000, 1))
    share = mixed.share
    assert float(share.mean()) == pytest.approx(0.5, abs=0.015)
    assert float(share.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.05)
    assert float((share - 0.5).pow(3).mean()) == pytest.approx(0, abs=0.005)
    assert sorted(mixed.partner.tolist()) == list(range(20000))


def test_mixed_rows_are_what_they_are_said_to_be() -> None:
    x = torch.randn(30, 2, 3, 4)
    mixed = Mixup(1.0).transform(x)
    for i in range(30):
        s = mixed.share[i]
        torch.testing.assert_close(mixed.x[i], s * x[i] + (1 - s) * x[mixed.partner[i]])


def test_the_area_of_another_is_the_rest_of_the_share() -> None:
    """Exactly, pixel by pixel, whatever is cut off at the border; and the rectangle is one."""
    x = torch.arange(200.0).reshape(200, 1, 1, 1).expand(200, 2, 9, 7)
    mixed = CutMix().transform(x)
    foreign = mixed.x[:, 0] != x[:, 0]
    for i in range(200):
        if int(mixed.partner[i]) == i:
            continue
        assert float(foreign[i].float().mean()) == pytest.approx(1 - float(mixed.share[i]), abs=1e-6)
        assert bool((mixed.x[i][:, foreign[i]] == mixed.partner[i]).all())
        assert int(foreign[i].sum()) == int(foreign[i].any(0).sum()) * int(foreign[i].any(1).sum())
    assert 0.5 < float(mixed.share.mean()) < 0.85  # above 1/2, by what the border cuts off


def test_two_mixings_after_one_another() -> None:
    """By hand: rows 0, 1 become (3/4, 1/4), (1/2, 1/2) of 0 and 1; then each takes 1/2 of the other."""

    def first(x: Tensor) -> Mixed:
        share = torch.tensor([0.75, 0.5])
        return Mixed(share[:, None] * x + (1 - share[:, None]) * x.flip(0), torch.tensor([1, 0]), share)

    def second(x: Tensor) -> Mixed:
        return Mixed((x + x.flip(0)) / 2, torch.tensor([1, 0]), torch.tensor([0.5, 0.5]))

    basis = torch.eye(2)  # what a row is made of can be read off it
    found, parts = apply_transforms(basis, [first, lambda x: x, second])
    assert parts is not None
    torch.testing.assert_close(found, torch.tensor([[0.625, 0.375], [0.625, 0.375]]))
    torch.testing.assert_close(sum(share[:, None] * basis[rows] for rows, share in parts), found)


# ------------------------------------------------------------ texts


def test_forgotten_words_are_unknown_and_padding_stays() -> None:
    x = texts(2000)
    found = TokenDropout(0.2).transform(x)
    changed = found != x
    assert bool((found[changed] == 1).all())
    assert not bool(changed[x == 0].any())
    words = int((x != 0).sum())
    assert float(changed.sum()) / words == pytest.approx(0.2, abs=4 * math.sqrt(0.16 / words))
    assert bool((TokenDropout(1.0, replacement=7).transform(x)[x != 0] == 7).all())
    assert torch.equal(TokenDropout(0.0).transform(x), x)


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 6), length=st.integers(1, 9), share=st.sampled_from([0.0, 0.4, 1.0]))
def test_swapped_words_stay_near_and_none_is_lost(rows: int, length: int, share: float) -> None:
    x = texts(rows, length)
    x = torch.where(x != 0, torch.arange(2, rows * length + 2).reshape(rows, length), x)  # each word once
    found = TokenSwap(share).transform(x)
    assert torch.equal(found.sort(dim=1).values, x.sort(dim=1).values)
    assert torch.equal(found == 0, x == 0)
    for before, after in zip(x.tolist(), found.tolist(), strict=True):
        assert all(abs(before.index(word) - place) <= 1 for place, word in enumerate(after) if word)
    if share == 0:
        assert torch.equal(found, x)


def test_as_many_pairs_are_swapped_as_asked() -> None:
    x = torch.arange(2, 12).repeat(4000, 1)
    moved = (TokenSwap(0.3).transform(x) != x).float().mean(dim=0)
    # in the middle every word has a partner; at the ends in half of the texts
    assert moved[1:-1].tolist() == pytest.approx([0.3] * 8, abs=0.03)
    assert [float(moved[0]), float(moved[-1])] == pytest.approx([0.15] * 2, abs=0.03)


# ------------------------------------------------------------ tables

FEATURES = (
    Feature(name="age", kind="numeric", columns=(0,)),
    Feature(name="pay", kind="numeric", columns=(1, 2)),
    Feature(name="colour", kind="categorical", columns=(3, 4, 5), categories=("red", "blue", "missing")),
    Feature(name="size", kind="categorical", columns=(6, 7), categories=("small", "large")),
)


class Info:
    """Enough of a `DataInfo`."""

    modality = "tabular"
    features = FEATURES
    input_shape = (9,)


def table(n: int) -> Tensor:
    blocks = [torch.nn.functional.one_hot(torch.randint(levels, (n,)), levels) for levels in (3, 2)]
    numbers = [torch.randn(n, 2), torch.zeros(n, 1)]
    return torch.cat([*numbers, *blocks, torch.full((n, 1), 4.0)], dim=1)


def test_noise_is_added_to_numbers_alone() -> None:
    technique = FeatureNoise(0.3)
    technique.prepare(Info())  # type: ignore[arg-type]
    x = table(5000)
    noise = technique.transform(x) - x
    assert bool((noise[:, 2:] == 0).all())
    assert noise[:, :2].std(dim=0).tolist() == pytest.approx([0.3, 0.3], rel=0.05)
    assert noise[:, :2].mean(dim=0).tolist() == pytest.approx([0, 0], abs=0.02)
    assert float((noise[:, 0] * noise[:, 1]).mean()) == pytest.approx(0, abs=0.006)


def test_hidden_features_are_said_to_be_missing() -> None:
    feature_of, hidden = masked_encoding(FEATURES, 9)
    assert feature_of.tolist() == [0, 1, 1, 2, 2, 2, 3, 3, 4]
    assert hidden.tolist() == [0, 0, 1, 0, 0, 1, 0, 0, 0]


def test_features_are_hidden_whole() -> None:
    technique = FeatureMasking(0.25)
    technique.prepare(Info())  # type: ignore[arg-type]
    x = table(4000)
    found = technique.transform(x)
    _, hidden = masked_encoding(FEATURES, 9)
    for feature in FEATURES:
        columns = list(feature.columns)
        kept = (found[:, columns] == x[:, columns]).all(dim=1)
        gone = (found[:, columns] == hidden[columns]).all(dim=1)
        assert bool((kept | gone).all())
        already = (x[:, columns] == hidden[columns]).all(dim=1)
        assert float(gone[~already].float().mean()) == pytest.approx(0.25, abs=0.035)
    assert bool((found[:, 8] == 4).all())  # a column of no feature


# ------------------------------------------------------------ options


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomFlip(horizontal=1.5), r"horizontal is 1.5; expected 0 to 1"),
        (lambda: RandomCrop(padding=0), "padding is 0; expected at least 1"),
        (lambda: RandomRotation(degrees=0), "degrees is 0; expected more than 0 and at most 180"),
        (lambda: RandomErasing(smallest=0.5), "smallest is 0.5 and largest is 0.4"),
        (lambda: RandomErasing(ratio=0), "ratio is 0; expected more than 0"),
        (lambda: Mixup(0), "alpha is 0; expected more than 0"),
        (lambda: TokenDropout(-0.1), "share is -0.1; expected 0 to 1"),
        (lambda: TokenDropout(replacement=-1), "replacement is -1; expected a token id"),
        (lambda: TokenSwap(2), "share is 2; expected 0 to 1"),
        (lambda: FeatureNoise(-1), "scale is -1; expected 0 or more"),
        (lambda: FeatureMasking(7), "share is 7; expected 0 to 1"),
    ],
)
def test_options_out_of_range(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
