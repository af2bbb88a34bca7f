"""Loaders, batches and targets of existing projects: one set of rows, one record, whatever form they come in.

The oracle is the model itself, row by row in the order of the data set.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import glasshouse
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from glasshouse import Target, UserError
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, RandomSampler, TensorDataset, WeightedRandomSampler

X, Y, S, W = "x", "y", "sensitive", "weight"


class Rows(Dataset):
    """Rows in any form that the default collation keeps."""

    def __init__(self, form: Callable[[int], Any], rows: int) -> None:
        self.form, self.rows = form, rows

    def __getitem__(self, row: int) -> Any:
        return self.form(row)

    def __len__(self) -> int:
        return self.rows


class Named(NamedTuple):
    x: Tensor
    s: Tensor
    y: Tensor


Odd = namedtuple("Odd", "first second")


@dataclass
class Example:
    inputs: Tensor
    labels: Tensor


def as_example(rows: list[tuple[Tensor, Tensor]]) -> Example:
    return Example(torch.stack([x for x, _ in rows]), torch.stack([y for _, y in rows]))


@pytest.fixture
def rows() -> dict[str, Any]:
    """People with an attribute that predicts nothing, weights, and a model that is right for most of them."""
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(90, 3, generator=generator)
    y = (x[:, 0] + 0.5 * torch.randn(90, generator=generator) > 0).long()
    s = torch.randint(0, 2, (90,), generator=generator)
    w = torch.rand(90, generator=generator)
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[-1.0, 0, 0], [1.0, 0, 0]]))
        model.bias.zero_()
    right = (model(x).argmax(dim=1) == y).double()
    return {"x": x, "y": y, "s": s, "w": w, "model": model, "right": right, "accuracy": float(right.mean())}


FORMS: dict[str, tuple[Callable[[Any], Callable[[int], Any]], Any]] = {
    "tuple": (lambda r: lambda i: (r["x"][i], r["y"][i]), None),
    "dict": (lambda r: lambda i: {"x": r["x"][i], "y": r["y"][i], "extra": i}, None),
    "named": (lambda r: lambda i: {"features": r["x"][i], "label": r["y"][i]}, None),
    "namedtuple": (lambda r: lambda i: Named(r["x"][i], r["s"][i], r["y"][i]), None),
    "three": (lambda r: lambda i: (r["x"][i], r["s"][i], r["y"][i]), [X, S, Y]),
    "namedtuple, said": (
        lambda r: lambda i: Named(r["x"][i], r["s"][i], r["y"][i]),
        {"x": X, "s": "sensitive", "y": Y},
    ),
    "odd names": (lambda r: lambda i: Odd(r["x"][i], r["y"][i]), [X, Y]),
    "nested": (lambda r: lambda i: ((r["x"][i], r["w"][i]), (r["y"][i], r["s"][i])), [[X, None], [Y, S]]),
    "nested dict": (lambda r: lambda i: {"in": {"t": r["x"][i]}, "out": r["y"][i]}, {"in": {"t": X}, "out": Y}),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_is_read_by_name_or_as_it_is_said(rows: Any, form: str) -> None:
    make, layout = FORMS[form]
    loader = DataLoader(Rows(make(rows), 90), batch_size=32, shuffle=True)
    record = glasshouse.audit(rows["model"], loader, batch=layout, audits=["performance", "fairness"])
    assert record.measurement("accuracy").value == pytest.approx(rows["accuracy"])
    if layout is not None and "sensitive" in str(layout):
        for code in (0, 1):
            (group,) = record.measurements("accuracy", sensitive=str(code))
            chosen = rows["s"] == code
            assert group.value == pytest.approx(float(rows["right"][chosen].mean()))
            assert group.n == int(chosen.sum())


def test_a_dataclass_of_a_collation_is_read_by_name(rows: Any) -> None:
    loader = DataLoader(TensorDataset(rows["x"], rows["y"]), batch_size=32, collate_fn=as_example)
    record = glasshouse.audit(rows["model"], loader, audits=["performance"])
    assert record.measurement("accuracy").value == pytest.approx(rows["accuracy"])


@pytest.mark.parametrize("loader", ["dropping", "weighted", "random", "without order", "list", "given batches"])
def test_every_row_counts_once(rows: Any, loader: str) -> None:
    table = TensorDataset(rows["x"], rows["y"])
    made: Any = {
        "dropping": lambda: DataLoader(table, batch_size=64, drop_last=True),
        "weighted": lambda: DataLoader(table, batch_size=16, sampler=WeightedRandomSampler(rows["w"] + 0.01, 500)),
        "random": lambda: DataLoader(table, batch_size=16, sampler=RandomSampler(table, replacement=True)),
        "without order": lambda: list(zip(rows["x"].split(7), rows["y"].split(7), strict=True))[::-1],
        "list": lambda: [(rows["x"].numpy(), rows["y"].tolist())],
        "given batches": lambda: DataLoader(
            [(rows["x"][:50], rows["y"][:50]), (rows["x"][50:], rows["y"][50:])], batch_size=None
        ),
    }[loader]()
    record = glasshouse.audit(rows["model"], made, audits=["performance"])
    accuracy = record.measurement("accuracy")
    assert (accuracy.value, accuracy.n) == (pytest.approx(rows["accuracy"]), 90)


def columns(n: int) -> nn.Module:
    """The same decisions from one output, two or as many as there are columns."""
    model = nn.Linear(3, n)
    with torch.no_grad():
        model.weight.zero_()
        model.bias.zero_()
        if n == 1:
            model.weight[0, 0] = 2.0
        else:
            model.weight[0, 0], model.weight[1, 0] = -1.0, 1.0
            model.bias[2:] = -20
    return model


TARGETS: dict[str, tuple[int, Callable[[Tensor], Any], str, tuple[str, ...]]] = {
    "codes": (2, lambda y: y, "binary", ("0", "1")),
    "column": (1, lambda y: y[:, None], "binary", ("0", "1")),
    "floats": (1, lambda y: y.float(), "binary", ("0", "1")),
    "float column": (1, lambda y: y[:, None].double(), "binary", ("0", "1")),
    "booleans": (2, lambda y: y.bool(), "binary", ("0", "1")),
    "hinge": (1, lambda y: 2.0 * y - 1, "binary", ("-1", "1")),
    "hinge column of integers": (2, lambda y: (2 * y - 1)[:, None], "binary", ("-1", "1")),
    "one-hot of two": (2, lambda y: torch.eye(2)[y], "binary", ("0", "1")),
    "one-hot of three": (3, lambda y: torch.eye(3)[y], "multiclass", ("0", "1", "2")),
    "whole floats of three": (3, lambda y: y.float(), "multiclass", ("0", "1", "2")),
}


@pytest.mark.parametrize("form", TARGETS)
def test_targets_are_read_as_they_are_coded(rows: Any, form: str) -> None:
    outputs, code, kind, classes = TARGETS[form]
    loader = DataLoader(TensorDataset(rows["x"], code(rows["y"])), batch_size=32)
    record = glasshouse.audit(columns(outputs), loader, audits=["performance"])
    target = record.record.run["data"]["target"]
    assert (target["kind"], tuple(target["classes"])) == (kind, classes)
    assert record.measurement("accuracy").value == pytest.approx(rows["accuracy"])


def test_one_hot_rows_are_labels_where_that_is_said(rows: Any) -> None:
    said = {"target": {"name": "tags", "kind": "multilabel", "classes": ["low", "high"]}}
    loader = DataLoader(TensorDataset(rows["x"], torch.eye(2)[rows["y"]]), batch_size=32)
    record = glasshouse.audit(columns(2), loader, info=said, audits=["membership_inference"])
    assert record.record.run["data"]["target"]["kind"] == "multilabel"
    kept = pq.read_table(record.folder / "predictions" / "test.parquet").to_pandas()
    assert kept[["target_0", "target_1"]].to_numpy().tolist() == torch.eye(2)[rows["y"]].tolist()
    np.testing.assert_allclose(kept["score_1"], torch.sigmoid(columns(2)(rows["x"]))[:, 1].detach(), rtol=1e-5)


@pytest.mark.parametrize("integers", [True, False])
def test_numbers_with_one_output_are_a_regression(rows: Any, integers: bool) -> None:
    y = (10 * rows["x"][:, 0]).round()
    loader = DataLoader(TensorDataset(rows["x"], y.long() if integers else y), batch_size=32)
    record = glasshouse.audit(columns(1), loader, audits=["performance"])
    expected = float((columns(1)(rows["x"])[:, 0] - y).abs().mean())
    assert record.measurement("mean_absolute_error").value == pytest.approx(expected, rel=1e-5)


def test_weights_are_used_where_they_are_said(rows: Any) -> None:
    loader = DataLoader(TensorDataset(rows["x"], rows["y"], rows["w"], rows["s"]), batch_size=32, shuffle=True)
    record = glasshouse.audit(rows["model"], loader, batch=[X, Y, W, S], audits=["performance", "fairness"])
    accuracy = float((rows["w"].double() * rows["right"]).sum() / rows["w"].double().sum())
    assert record.measurement("accuracy", audit="performance").value == pytest.approx(accuracy)
    kept = pq.read_table(record.folder / "predictions" / "test.parquet").to_pandas()
    np.testing.assert_allclose(kept["weight"], rows["w"].double())
    assert kept["target"].tolist() == rows["y"].tolist()
    weights = rows["w"].double()
    selected = rows["model"](rows["x"]).argmax(dim=1).double()
    for level in (0, 1):
        chosen = rows["s"] == level
        expected = float((weights * selected)[chosen].sum() / weights[chosen].sum())
        assert record.measurement("selection_rate", sensitive=str(level)).value == pytest.approx(expected)


def test_attributes_in_batches_have_names_levels_and_bins(rows: Any) -> None:
    age = 20.0 + torch.arange(90) % 50
    both = torch.stack([rows["s"], rows["s"] * 2], dim=1)
    loader = DataLoader(TensorDataset(rows["x"], both, age, rows["y"]), batch_size=32)
    record = glasshouse.audit(
        rows["model"],
        {"train": loader, "test": loader},
        batch=[X, S, "sensitive.age", Y],
        sensitive=["sex", "twice", "age"],
        bins={"age": (40,)},
        info={"sensitive": [{"name": "sex", "levels": ["f", "m"]}]},
        audits=["fairness"],
    )
    found = {attribute["name"]: attribute["levels"] for attribute in record.record.run["data"]["sensitive"]}
    assert found == {"sex": ["f", "m"], "twice": ["0", "2"], "age": ["under 40", "40 and over"]}
    selected = rows["model"](rows["x"]).argmax(dim=1).double()
    for level, chosen in (("m", rows["s"] == 1), ("f", rows["s"] == 0)):
        assert record.measurement("selection_rate", sex=level).value == pytest.approx(float(selected[chosen].mean()))
    young = record.measurement("selection_rate", age="under 40")
    assert young.n == int((age < 40).sum())


class Stream:
    """Batches of text attributes in an order that nobody knows."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[Any]:
        order = torch.randperm(90)
        for part in order.split(20):
            yield self.rows["x"][part], ["fm"[code] for code in self.rows["s"][part].tolist()], self.rows["y"][part]


def test_attributes_in_batches_need_no_order(rows: Any) -> None:
    record = glasshouse.audit(rows["model"], Stream(rows), batch=[X, S, Y], sensitive=["sex"], audits=["fairness"])
    selected = rows["model"](rows["x"]).argmax(dim=1).double()
    expected = float(selected[rows["s"] == 1].mean())
    assert record.measurement("selection_rate", sex="m").value == pytest.approx(expected)


def _loader(*parts: Any) -> DataLoader:
    return DataLoader(TensorDataset(*parts), batch_size=32)


Case = Callable[[Any], dict[str, Any]]
REFUSED: dict[str, tuple[Case, str]] = {
    "three parts": (
        lambda r: {"data": _loader(r["x"], r["s"], r["y"])},
        r"not certain what is what in a batch \(float32 \(32, 3\), int64 \(32,\), int64 \(32,\)\). Name the parts",
    ),
    "odd names": (lambda r: {"data": DataLoader(Rows(lambda i: Odd(r["x"][i], r["y"][i]), 90))}, "first: float32"),
    "two inputs": (lambda r: {"data": [{"x": r["x"], "image": r["x"], "y": r["y"]}]}, "not certain what is what"),
    "nested target": (lambda r: {"data": [(r["x"], (r["y"], r["s"]))]}, r"targets as numbers, received \(int64"),
    "words": (lambda r: {"data": [(r["x"][:2], ["cat", "dog"])]}, "expected targets as numbers, received 'cat'"),
    "no inputs": (lambda r: {"batch": ["y", "weight"]}, "`batch`: names no part 'x'"),
    "unknown role": (lambda r: {"batch": ["x", "z", "y"]}, "roles among x, y, weight, index, sensitive, received 'z'"),
    "twice": (lambda r: {"batch": ["x", "y", "y"]}, "names 'y' 2 times"),
    "text": (lambda r: {"batch": "x"}, "expected roles"),
    "another length": (lambda r: {"batch": ["x", "y", "weight"]}, "names 3 parts; a batch is"),
    "no such field": (lambda r: {"batch": {"a": "x", "b": "y"}}, "names a field 'a'; a batch is"),
    "negative weights": (
        lambda r: {"data": _loader(r["x"], r["y"], -r["w"]), "batch": ["x", "y", "weight"]},
        "weights that are finite and not negative",
    ),
    "weights of another shape": (
        lambda r: {"data": _loader(r["x"], r["y"], r["x"]), "batch": ["x", "y", "weight"]},
        r"expected 32 weights .* received float32 \(32, 3\)",
    ),
    "no targets": (
        lambda r: {"data": _loader(r["x"], r["s"]), "batch": ["x", "sensitive"]},
        "`batch`: names no part 'y', the targets",
    ),
    "attributes in both": (
        lambda r: {"batch": ["x", "sensitive", "y"], "sensitive": {"sex": r["s"].numpy()}},
        "names attributes, and others are given as well",
    ),
    "other names": (
        lambda r: {
            "data": _loader(r["x"], r["s"], r["y"]),
            "batch": ["x", "sensitive", "y"],
            "sensitive": ["sex", "age"],
        },
        "names 2 attributes; batches carry 1",
    ),
    "no such bins": (
        lambda r: {"data": _loader(r["x"], r["s"], r["y"]), "batch": ["x", S, "y"], "bins": {"age": (1,)}},
        "there is no attribute 'age'",
    ),
    "three codes of two": (
        lambda r: {"data": _loader(r["x"], r["y"] - (torch.arange(90) > 40).long())},
        "has the values -1, 0 and 1; expected two of them",
    ),
    "two of many": (
        lambda r: {"model": columns(1), "data": _loader(r["x"], r["y"] + 1)},
        "targets are 1 and 2, and the model has one output: classes or numbers",
    ),
    "later rows not one-hot": (
        lambda r: {"data": _loader(r["x"], torch.cat([torch.eye(2)[r["y"][:60]], torch.ones(30, 2)]))},
        r"expected one 1 in each row of the binary target, received \[1.0, 1.0\]. If several labels",
    ),
    "soft labels": (
        lambda r: {"data": _loader(r["x"], 0.8 * torch.eye(2)[r["y"]] + 0.1)},
        r"targets of shape \(32, 2\) are of no supported kind",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_certain_is_asked(rows: Any, case: str, tmp_path: Any) -> None:
    make, message = REFUSED[case]
    given: dict[str, Any] = {"model": rows["model"], "data": _loader(rows["x"], rows["y"]), **make(rows)}
    with pytest.raises(UserError, match=message):
        glasshouse.audit(given.pop("model"), given.pop("data"), audits=["performance"], **given)
    assert not list(tmp_path.rglob("record.json"))


def test_a_frame_beside_the_data_is_the_same_as_attributes_in_batches(rows: Any) -> None:
    beside = pd.DataFrame({"sex": rows["s"].numpy()})
    first = glasshouse.audit(rows["model"], _loader(rows["x"], rows["y"]), sensitive=beside, audits=["fairness"])
    three = _loader(rows["x"], rows["s"], rows["y"])
    second = glasshouse.audit(rows["model"], three, batch=[X, "sensitive.sex", Y], audits=["fairness"])
    assert first.audits["fairness"].measurements == second.audits["fairness"].measurements


class Distance(nn.Module):
    """Scores every row by its distance from 0, without targets."""

    predicts = Target(name="distance", kind="regression", observed=False)

    def forward(self, x: Tensor) -> Tensor:
        return x.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("form", ["alone", "with an attribute"])
def test_a_model_without_labels_needs_no_targets(rows: Any, form: str) -> None:
    alone = form == "alone"
    loader = _loader(rows["x"]) if alone else _loader(rows["s"], rows["x"])
    layout = [X] if alone else ["sensitive.site", X]
    record = glasshouse.audit(Distance(), loader, batch=layout, audits=["performance", "fairness"])
    kept = pq.read_table(record.folder / "predictions" / "test.parquet").to_pandas()
    np.testing.assert_allclose(kept["score_0"], rows["x"].norm(dim=1), rtol=1e-6)
    assert "target" not in kept
    assert alone or kept["group_site"].tolist() == [str(code) for code in rows["s"].tolist()]
