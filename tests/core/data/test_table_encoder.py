from __future__ import annotations

import numpy as np
import pytest
from glasshouse import UserError
from glasshouse.data.raw_table import Coded, as_column
from glasshouse.data.table_encoder import Numeric, OneHot, TableEncoder
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

WHO = "data 'toy'"


def coded(*values: str | None) -> Coded:
    column = as_column(np.array(values, dtype=object), "c", who=WHO)
    assert isinstance(column, Coded)
    return column


def encode(part: Numeric | OneHot, values: object) -> np.ndarray:
    out = np.zeros((len(values), part.width), dtype=np.float32)  # type: ignore[arg-type]
    part.write(values, out)  # type: ignore[arg-type]
    return out


def test_numbers_by_hand() -> None:
    part = Numeric.fit("age", np.array([1.0, np.nan, 3.0, 5.0]))
    assert (part.fill, part.mean) == (3.0, 3.0)
    assert part.scale == pytest.approx(np.sqrt(2))  # of 1, 3, 3, 5
    assert encode(part, np.array([5.0, np.nan])).tolist() == [[pytest.approx(np.sqrt(2)), 0.0], [0.0, 1.0]]


def test_numbers_as_scikit_learn_does_them() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.normal(50, 9, 300), rng.normal(50, 9, 100)
    train[::7] = np.nan
    test[::5] = np.nan
    theirs = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(train[:, None])
    ours = encode(Numeric.fit("c", train), test)
    np.testing.assert_allclose(ours[:, :1], theirs.transform(test[:, None]), atol=1e-6)
    assert ours[:, 1].tolist() == np.isnan(test).tolist()


# the second mean is not exact in floating point, so the standard deviation is not exactly zero
@pytest.mark.parametrize("constant", [np.full(5, 7.0), np.full(25, 167772.94745555)])
def test_a_constant_column_is_zero(constant: np.ndarray) -> None:
    part = Numeric.fit("c", constant)
    assert part.scale == 1
    np.testing.assert_allclose(encode(part, constant), 0, atol=1e-9)


def test_a_column_that_training_never_saw_filled() -> None:
    part = Numeric.fit("c", np.full(3, np.nan))
    assert np.isfinite(encode(part, np.array([np.nan, 2.0]))).all()


@given(st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=40).filter(lambda v: len(set(v)) > 1))
def test_training_values_come_out_with_mean_zero_and_spread_one(values: list[int]) -> None:
    numbers = np.array(values, dtype=np.float64)
    encoded = encode(Numeric.fit("c", numbers), numbers).astype(np.float64)
    assert encoded.mean() == pytest.approx(0, abs=1e-5)
    assert encoded.std() == pytest.approx(1, abs=1e-5)


def test_levels_by_hand() -> None:
    part = OneHot.fit("job", coded("b", "a", None, "b"), who=WHO)
    assert part.columns == ("a", "b", "missing")
    assert encode(part, coded("b", "a", None, "b")).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]


def test_levels_as_scikit_learn_does_them() -> None:
    values = np.random.default_rng(0).choice(list("abcd"), 200).astype(object)
    theirs = OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(values[:100, None])
    column = coded(*values)
    ours = encode(OneHot.fit("c", column[:100], who=WHO), column[100:])
    np.testing.assert_array_equal(ours, theirs.transform(values[100:, None]))


def test_rare_levels_and_unseen_ones_share_a_column() -> None:
    column = coded(*["a"] * 600, *["b"] * 400, *["c"] * 9, *["d"] * 10, "unseen", None)
    part = OneHot.fit("c", column[:1019], who=WHO)  # c: fewer than ten of 1,019 rows; d: ten
    assert part.columns == ("a", "b", "d", "other")
    c, unseen, missing = encode(part, column)[[1000, 1019, 1020]]
    assert c.tolist() == unseen.tolist() == missing.tolist() == [0, 0, 0, 1]


def test_nothing_is_rare_in_a_small_table() -> None:
    assert OneHot.fit("c", coded("a", "b", "c"), who=WHO).columns == ("a", "b", "c")


def test_without_a_rare_level_what_training_lacks_leaves_the_block_empty() -> None:
    column = coded("a", "b", "z", None)
    part = OneHot.fit("c", column[:2], who=WHO)
    assert encode(part, column).tolist() == [[1, 0], [0, 1], [0, 0], [0, 0]]


def test_levels_that_are_called_missing_keep_their_name() -> None:
    assert OneHot.fit("c", coded("missing", None), who=WHO).columns == ("missing", "missing_")


def test_too_many_levels() -> None:
    with pytest.raises(UserError, match=r"column 'zip' has 1,001 levels; expected at most 1,000. Leave it out"):
        OneHot.fit("zip", Coded(np.arange(1001, dtype=np.int32).repeat(11), tuple(map(str, range(1001)))), who=WHO)


def test_numbers_stand_first_and_blocks_last() -> None:
    columns = {"job": coded("x", "y", "x"), "age": np.array([1.0, 2.0, 3.0]), "sex": coded("f", "m", "m")}
    encoder = TableEncoder.fit(columns, ("job", "age", "sex"), np.arange(3), who=WHO)
    assert [(f.name, f.kind, f.columns, f.categories) for f in encoder.features(immutable=("sex",))] == [
        ("age", "numeric", (0,), ()),
        ("job", "categorical", (1, 2), ("x", "y")),
        ("sex", "categorical", (3, 4), ("f", "m")),
    ]
    assert [f.immutable for f in encoder.features(("sex",))] == [False, False, True]
    assert encoder.cardinalities == [2, 2]
    assert encoder.encode(columns, np.array([1]))[0].tolist() == [0, 0, 1, 0, 1]


def test_rows_outside_training_teach_nothing() -> None:
    train = np.arange(3)
    first = {"n": np.array([1.0, 2.0, 3.0, 4.0]), "c": coded("a", "b", "a", "a")}
    second = {"n": np.array([1.0, 2.0, 3.0, 9e9]), "c": coded("a", "b", "a", "new")}
    encoded = [TableEncoder.fit(t, ("n", "c"), train, who=WHO).encode(t, train) for t in (first, second)]
    np.testing.assert_array_equal(*encoded)
