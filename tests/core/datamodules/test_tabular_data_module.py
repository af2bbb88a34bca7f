from __future__ import annotations

import gc
import inspect
import sys

import numpy as np
import pytest
import torch
from glasshouse import DataInfo, TabularDataModule, UserError
from glasshouse.datamodules.tabular import RawTable, SensitiveColumn
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler


class People(TabularDataModule):
    """What a stranger would write; `changes` replace fields of the table."""

    def __init__(self, changes: dict[str, object] | None = None, rows: int = 100, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.changes = changes or {}
        self.rows = rows
        self.loads = 0

    def load(self) -> RawTable:
        self.loads += 1
        i = np.arange(self.rows)
        fields: dict[str, object] = {
            "columns": {
                "job": np.array(["cook", "clerk"])[i % 2],
                "age": 20.0 + i % 60,
                "sex": np.array(["f", "m"])[i // 2 % 2],
                "hired": np.array(["no", "yes"])[i % 4 // 2],
            },
            "target": "hired",
            "features": ("job", "age"),
            "immutable": ("age",),
            "sensitive": (
                SensitiveColumn(name="sex", column="sex"),
                SensitiveColumn(name="age_group", column="age", edges=(40,)),
            ),
            "source": "made up",
            "synthetic": True,
        }
        return RawTable(**{**fields, **self.changes})  # type: ignore[arg-type]

    def with_column(self, name: str, values: object) -> People:
        columns = dict(self.load().columns)
        columns[name] = values
        self.changes["columns"] = columns
        return self


def ready(data: TabularDataModule) -> TabularDataModule:
    data.setup()
    return data


def test_what_is_said_of_the_data() -> None:
    info = ready(People()).info
    assert (info.name, info.modality, info.source, info.synthetic) == ("people", "tabular", "made up", True)
    assert (info.target.kind, info.target.classes, info.target.favourable) == ("binary", ("no", "yes"), None)
    assert [(f.name, f.kind, f.columns, f.immutable) for f in info.features] == [
        ("age", "numeric", (0,), True),
        ("job", "categorical", (1, 2), False),
    ]
    assert [(s.name, s.levels, s.seen_by_model) for s in info.sensitive] == [
        ("sex", ("f", "m"), False),
        ("age_group", ("under 40", "40 and over"), True),
    ]
    assert info.sizes == {
        "in_features": 3,
        "input_shape": [3],
        "num_classes": 2,
        "out_features": 2,
        "cardinalities": [2],
    }
    assert info.rows == {"train": 60, "validate": 20, "test": 20}
    assert DataInfo.from_dict(info.to_dict()).sizes == info.sizes


def test_splits_are_whole_disjoint_and_aligned() -> None:
    data = ready(People().with_column("age", np.arange(100.0)))
    mean, scale = data.inputs("train")[:, 0].mean(), data.inputs("train")[:, 0].std(correction=0)
    assert float(mean) == pytest.approx(0, abs=1e-6)
    assert float(scale) == pytest.approx(1, abs=1e-6)
    batches = {split: next(iter(data.loader(split))) for split in ("train", "validate", "test")}
    # age is the row's number: it says which row each encoded one came from, and that fixes job, sex and label
    numbers = torch.cat([batch.x[:, 0] for batch in batches.values()])
    ranks = numbers.argsort().argsort()
    assert sorted(ranks.tolist()) == list(range(100))
    y = torch.cat([batch.y for batch in batches.values()])
    job = torch.cat([batch.x[:, 1:] for batch in batches.values()]).argmax(1)  # clerk, cook
    sex = torch.cat([batch.sensitive[:, 0] for batch in batches.values()])
    assert torch.equal(y, ranks % 4 // 2)
    assert torch.equal(job, 1 - ranks % 2)
    assert torch.equal(sex, ranks // 2 % 2)


def test_types_of_what_a_loader_yields() -> None:
    batch = next(iter(ready(People()).train_dataloader()))
    assert [part.dtype for part in batch] == [torch.float32, torch.int64, torch.int64, torch.int64]
    values = np.random.default_rng(0).normal(size=100)
    regression = ready(People({"task": "regression"}).with_column("hired", values))
    assert next(iter(regression.train_dataloader())).y.dtype == torch.float32
    assert regression.info.sizes["num_classes"] == 1


def test_setup_loads_once() -> None:
    data = People()
    data.setup("fit")
    inputs = data.inputs("train")
    data.setup("test")
    assert data.loads == 1
    assert data.inputs("train") is inputs


def test_before_setup_nothing_is_known() -> None:
    with pytest.raises(RuntimeError, match=r"People\.setup\(\) has not been called"):
        _ = People().info


def test_only_training_is_shuffled_and_the_evidence_keeps_its_order() -> None:
    data = ready(People(batch_size=20))
    train = torch.cat([batch.index for batch in data.train_dataloader()])
    assert train.tolist() != list(range(60))
    assert sorted(train.tolist()) == list(range(60))
    for loader in (data.loader("train"), data.val_dataloader(), data.test_dataloader(), data.predict_dataloader()):
        index = torch.cat([batch.index for batch in loader])
        assert index.tolist() == list(range(len(index)))
    assert torch.equal(torch.cat([batch.x for batch in data.loader("test")]), data.inputs("test"))


def test_the_order_follows_the_global_seed_unless_it_has_its_own() -> None:
    def order(seed: int | None, global_seed: int) -> list[int]:
        torch.manual_seed(global_seed)
        return next(iter(ready(People(seed=seed)).train_dataloader())).index.tolist()  # type: ignore[no-any-return]

    assert order(None, 1) == order(None, 1)
    assert order(None, 1) != order(None, 2)
    assert order(5, 1) == order(5, 2)


def test_a_lone_last_row_sits_an_epoch_of_training_out() -> None:
    data = ready(People(batch_size=59))  # 60 training rows
    assert [len(batch.x) for batch in data.train_dataloader()] == [59]
    assert [len(batch.x) for batch in data.loader("train")] == [59, 1]


def test_missing_numbers_are_an_error_until_one_says_what_they_mean() -> None:
    age = 20.0 + np.arange(100)
    age[::10] = np.nan
    with pytest.raises(UserError, match=r"data 'people': column 'age' is missing \(NaN\) in 10 of 100 rows"):
        ready(People().with_column("age", age))
    imputed = ready(People(missing="impute").with_column("age", age))
    assert sum(imputed.info.rows.values()) == 100
    assert imputed.info.features[0].columns == (0, 1)
    assert sum(float(imputed.inputs(split)[:, 1].sum()) for split in ("train", "validate", "test")) == 10
    codes = [imputed.loader(split).rows.sensitive[:, 1] for split in ("train", "validate", "test")]
    assert int((torch.cat(codes) == -1).sum()) == 10  # and the attribute made from it is missing, not imputed
    dropped = ready(People(missing="drop").with_column("age", age))
    assert sum(dropped.info.rows.values()) == 90
    assert dropped.info.features[0].columns == (0,)


def test_a_missing_category_is_a_level() -> None:
    job = np.array(["cook", None, "clerk", "clerk"] * 25, dtype=object)
    assert ready(People().with_column("job", job)).info.features[1].categories == ("clerk", "cook", "missing")


def test_a_missing_target() -> None:
    hired = np.array(["no", "yes", "no", None] * 25, dtype=object)
    with pytest.raises(UserError, match=r"the target 'hired' is missing in 25 of 100 rows. Set `missing: drop`"):
        ready(People(missing="impute").with_column("hired", hired))
    assert sum(ready(People(missing="drop").with_column("hired", hired)).info.rows.values()) == 75


def numbered(people: People) -> People:
    """With a feature that is the row's position in the table."""
    people.changes["features"] = ("job", "age", "row")
    return ready(people.with_column("row", np.arange(100.0)))


def table_rows(data: People, split: str) -> list[int]:
    row = next(feature for feature in data.info.features if feature.name == "row")
    return (data.inputs(split)[:, row.columns[0]].double() * row.scale + row.center).round().int().tolist()


@pytest.mark.parametrize(("missing", "strategy"), [("median", "median"), ("mode", "most_frequent")])
@pytest.mark.parametrize("by_column", [False, True])
def test_numbers_are_filled_as_scikit_learn_fills_them_from_the_training_rows(missing, strategy, by_column) -> None:
    """Oracle: `sklearn.impute.SimpleImputer` and `StandardScaler`, fitted on the training rows."""
    age = np.random.default_rng(0).integers(20, 40, 100).astype(float)
    age[::9] = np.nan
    data = numbered(People(missing={"age": missing} if by_column else missing).with_column("age", age))
    rows = {split: table_rows(data, split) for split in ("train", "validate", "test")}
    imputer = SimpleImputer(strategy=strategy).fit(age[rows["train"], None])
    scaler = StandardScaler().fit(imputer.transform(age[rows["train"], None]))
    assert data.info.features[0].columns == (0,)
    for split, chosen in rows.items():
        expected = scaler.transform(imputer.transform(age[chosen, None]))[:, 0]
        np.testing.assert_allclose(data.inputs(split)[:, 0], expected, rtol=1e-5, atol=1e-6)


def test_a_category_is_filled_with_the_most_frequent_one_of_the_training_rows() -> None:
    job = np.array(["cook", None, "clerk", "clerk"] * 25, dtype=object)
    data = numbered(People(missing={"job": "mode"}).with_column("job", job))
    job_feature = next(feature for feature in data.info.features if feature.name == "job")
    assert job_feature.categories == ("clerk", "cook")
    for split in ("train", "validate", "test"):
        block = data.inputs(split)[:, list(job_feature.columns)]
        absent = [job[row] is None for row in table_rows(data, split)]
        assert block[absent].tolist() == [[1.0, 0.0]] * sum(absent)


def test_a_treatment_by_column_leaves_the_others_an_error() -> None:
    age = np.where(np.arange(100) < 10, np.nan, 30.0 + np.arange(100))
    with pytest.raises(UserError, match="column 'age' is missing"):
        ready(People(missing={"job": "mode"}).with_column("age", age))


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ({"agee": "median"}, "`missing` names 'agee', which is no feature. Did you mean 'age'"),
        ({"job": "median"}, "column 'job' has categories; they have no median"),
        ({"age": "guess"}, "missing of column 'age' is 'guess'; expected one of error, impute, median, mode, drop"),
    ],
)
def test_treatments_without_effect_are_refused(missing, message) -> None:
    with pytest.raises(UserError, match=message):
        ready(People(missing=missing))


@pytest.mark.parametrize("missing", ["error", "impute", "median", "mode", "drop"])
def test_infinite_numbers_are_always_an_error(missing: str) -> None:
    age = np.where(np.arange(100) < 3, np.inf, 30.0)
    with pytest.raises(UserError, match="column 'age' is infinite in 3 of 100 rows"):
        ready(People(missing=missing).with_column("age", age))


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"target": "hird"}, {}, r"no column 'hird' \(target\). Did you mean 'hired'\?"),
        ({"features": ("job", "ages")}, {}, r"no column 'ages' \(feature\). Did you mean 'age'\?"),
        (
            {"sensitive": (SensitiveColumn(name="race", column="race"),)},
            {},
            r"no column 'race' \(sensitive attribute 'race'\)",
        ),
        ({"features": ()}, {}, "there is no feature column"),
        ({"features": ("age", "hired")}, {}, "the target 'hired' is among the features"),
        ({"split": np.array(["train"] * 99)}, {}, "columns differ in length: .*'split': 99"),
        ({"split": np.array(["train"] * 100)}, {}, "split 'test' is empty"),
        ({"split": np.array((["train"] * 2 + ["test"] * 2) * 25)}, {}, "only one class of 'hired': 'no'"),
        ({}, {"fractions": [1.0, 0.0, 0.0]}, "split 'validate' is empty"),
        ({}, {"rows": 0}, "the table has no rows"),
        ({}, {"batch_size": 0}, "batch_size is 0; expected at least 1"),
        ({}, {"missing": "ignore"}, "missing is 'ignore'; expected one of error, impute, median, mode, drop"),
    ],
)
def test_what_cannot_be_used(changes: dict[str, object], options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=f"^data 'people': .*{message}"):
        ready(People(changes, **options))  # type: ignore[arg-type]


def test_an_unknown_split_gets_a_suggestion() -> None:
    with pytest.raises(UserError, match=r"there is no split 'val'. Did you mean 'validate'\?"):
        ready(People()).inputs("val")


def test_the_fingerprint_knows_values_and_split_but_not_the_batch_size() -> None:
    known = ready(People()).table_fingerprint
    assert known == ready(People(batch_size=7)).table_fingerprint
    assert known != ready(People(split_seed=1)).table_fingerprint
    assert known != ready(People().with_column("age", np.arange(100.0))).table_fingerprint


def test_no_loop_over_rows_hides_in_the_loaders() -> None:
    """Fetching ten times the rows in as many batches makes no more calls."""

    def calls(rows: int) -> int:
        data = ready(People(rows=rows, batch_size=rows // 10))
        loader = data.loader("train")
        counted = 0

        def count(*_: object) -> None:
            nonlocal counted
            counted += 1

        gc.collect()
        gc.disable()  # what it would collect in the middle has finalizers, whose calls are not the loader's
        sys.setprofile(count)
        try:
            list(loader)
        finally:
            sys.setprofile(None)
            gc.enable()
        return counted

    assert calls(1000) == calls(100)


def test_every_option_is_a_primitive() -> None:
    parameters = list(inspect.signature(TabularDataModule.__init__).parameters.values())[1:]
    defaults = [parameter.default for parameter in parameters]
    assert all(isinstance(d, (int, str, tuple, type(None))) for d in defaults)


def test_rows_are_split_by_a_column_that_is_no_feature() -> None:
    houses = np.arange(100) // 5
    data = People({"features": None}, split={"by": "group", "column": "house"})
    data.with_column("age", np.arange(100.0))
    ready(data.with_column("house", np.array([f"house {i}" for i in houses])))
    assert [f.name for f in data.info.features] == ["age", "job", "sex"]
    assert data.info.rows == {"train": 60, "validate": 20, "test": 20}
    assert sum(len(np.unique(houses[rows_of(data, split)])) for split in data.info.rows) == 20


def test_rows_with_gaps_are_left_out_of_a_split_by_time() -> None:
    day = np.arange("2024-01-01", "2024-04-10", dtype="datetime64[D]")[::-1]
    data = People(split={"by": "time", "column": "day"}, missing="drop").with_column("day", day)
    ready(data.with_column("age", np.where(np.arange(100) % 10 == 0, np.nan, np.arange(100.0))))
    rows = [rows_of(data, split) for split in ("train", "validate", "test")]
    assert [len(each) for each in rows] == [54, 18, 18]
    # the last rows have the earliest days
    assert rows[0].min() > rows[1].max() > rows[1].min() > rows[2].max()


def rows_of(data: TabularDataModule, split: str) -> np.ndarray:
    """Row numbers, read off the numeric feature, which counts them."""
    age = data.info.features[0]
    return np.round(data.inputs(split)[:, 0].double().numpy() * age.scale + age.center).astype(int)
