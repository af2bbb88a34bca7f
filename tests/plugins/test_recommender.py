"""Data `interactions` and model `recommender`, on a file whose structure is known."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from glasshouse import UserError
from glasshouse.data.data_info import SPLITS
from glasshouse_plugins.data.interactions import Interactions
from glasshouse_plugins.data.negatives import sample_negatives
from glasshouse_plugins.models.recommender import Recommender
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import compute as pc
from pyarrow import parquet


def write_interactions(path: Path, *, users: int = 60, items: int = 40, rank: int = 2, seed: int = 0) -> pa.Table:
    """Every user has met about half of the items; ``rating`` is 3 plus a product of rank-2 tastes plus popularity.

    Odd items are of provider "small" and get 0.8 less whatever the taste; users are of sex "f" or "m" by turns. What
    happened (``clicked``) is a rating above 3.
    """
    rng = np.random.default_rng(seed)
    tastes, kinds = rng.normal(size=(users, rank)), rng.normal(size=(items, rank))
    rating = 3 + tastes @ kinds.T + rng.normal(0, 0.3, items) - 0.8 * (np.arange(items) % 2)
    user, item = np.nonzero(rng.random((users, items)) < 0.5)
    value = rating[user, item] + rng.normal(0, 0.1, len(user))
    table = pa.table(
        {
            "user": [f"u{code:03}" for code in user],
            "item": [f"i{code:03}" for code in item],
            "rating": value,
            "clicked": pa.array(np.where(value > 3, "yes", "no")),
            "sex": pa.array(np.where(user % 2 == 0, "f", "m")),
            "provider": pa.array(np.where(item % 2 == 0, "large", "small")),
            "day": pa.array(rng.integers(0, 30, len(user))),
        }
    )
    parquet.write_table(table, path)
    return table


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("interactions") / "ratings.parquet"
    write_interactions(path)
    return path


def ready(path, **options):
    data = Interactions(str(path), **options)
    data.setup()
    return data


# ---------------------------------------------------------------- what happened, and what did not


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1, max_size=25), st.integers(1, 4))
def test_drawn_items_are_never_ones_that_the_user_has_met(meetings, each):
    users, items = (np.array(column) for column in zip(*meetings, strict=True))
    choice = np.unique(items)
    for_row, drawn = sample_negatives(users, items, choice, each=each, seed=1)
    pairs = list(zip(users[for_row].tolist(), drawn.tolist(), strict=True))
    assert not set(meetings) & set(pairs)
    assert len(set(pairs)) == len(pairs)  # nor twice, or test rows would be trained on
    assert set(drawn.tolist()) <= set(choice.tolist())
    assert np.all(np.diff(for_row) >= 0)
    counts = np.bincount(for_row, minlength=len(users))
    for user in set(users.tolist()):
        unmet = len(set(choice.tolist()) - {item for other, item in meetings if other == user})
        wanted, got = each * int((users == user).sum()), int(counts[users == user].sum())
        assert got <= min(wanted, unmet)
        if 2 * (wanted + len(choice) - unmet) <= len(choice):  # then twenty draws miss less than once in a million
            assert got == wanted


def test_drawn_items_are_drawn_alike_and_again_the_same():
    users, items = np.arange(4000), np.zeros(4000, dtype=np.int64)
    choice = np.arange(1, 11)
    drawn = sample_negatives(users, items, choice, each=1, seed=3)[1]
    counts = np.bincount(drawn, minlength=11)[1:]
    assert ((counts - 400) ** 2 / 400).sum() < 27.9  # chi-squared with 9 degrees of freedom, 0.999
    np.testing.assert_array_equal(sample_negatives(users, items, choice, each=1, seed=3)[1], drawn)


def test_without_a_target_what_happened_stands_beside_what_did_not(tmp_path):
    path = tmp_path / "clicks.parquet"
    table = write_interactions(path, items=20)
    happened = table.filter(pc.equal(table["clicked"], "yes"))
    often = happened["user"].value_counts()
    often = [entry["values"] for entry in often.to_pylist() if entry["counts"] >= 5]
    happened = happened.filter(pc.is_in(happened["user"], pa.array(often)))
    parquet.write_table(happened, path)
    data = ready(path, negatives=1, sensitive=["sex"], item_groups=["provider"])
    assert data.info.target.classes == ("no", "yes")
    met = set(zip(happened["user"].to_pylist(), happened["item"].to_pylist(), strict=True))
    users, items = (sorted(set(happened[column].to_pylist())) for column in ("user", "item"))
    assert data.info.sizes["cardinalities"] == [[len(users) + 1], [len(items) + 1]]  # all of them train
    total = 0
    for split in SPLITS:
        x, y, sensitive, _ = data.loader(split).rows
        pairs = [(users[u - 1], items[i - 1]) for u, i in x.tolist()]
        assert [pair in met for pair in pairs] == y.bool().tolist()
        assert int((y == 0).sum()) == pytest.approx(int(y.sum()), rel=0.05)
        # a drawn item brings its own provider, and its user stays who it is
        assert sensitive[:, 1].tolist() == [int(item[1:]) % 2 for _, item in pairs]
        assert sensitive[:, 0].tolist() == [int(user[1:]) % 2 for user, _ in pairs]
        np.testing.assert_array_equal(data.row_clusters(split), x[:, 0].numpy() - 1)  # every user trains
        total += int(y.sum())
    assert total == len(happened)


# ---------------------------------------------------------------- codes and splits


def test_every_user_trains_and_tests_in_the_given_shares(file):
    data = ready(file, target="rating", sensitive=["sex"], item_groups=["provider"])
    assert data.info.target.kind == "regression"
    assert (data.info.modality, data.info.input_shape) == ("sequence", (2,))
    assert data.info.sizes["cardinalities"] == [[61], [41]]
    assert [one.name for one in data.info.sensitive] == ["sex", "provider"]
    counts = {split: np.bincount(data.row_clusters(split), minlength=60) for split in SPLITS}
    whole = sum(counts.values())
    for split, share in zip(SPLITS, (0.6, 0.2, 0.2), strict=True):
        assert np.abs(counts[split] - share * whole).max() <= 1


def test_what_is_not_in_the_training_split_is_0(tmp_path):
    path = tmp_path / "small.csv"
    rows = [("a", "x", 1, "train"), ("b", "y", 0, "train"), ("a", "y", 1, "validate"), ("b", "x", 0, "validate")]
    rows += [("c", "x", 1, "test"), ("a", "z", 0, "test")]
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([("who", "what", "liked", "part"), *rows])
    data = ready(path, user="who", item="what", target="liked", split="part")
    assert data.info.target.kind == "binary"
    assert data.inputs("train").tolist() == [[1, 1], [2, 2]]
    assert data.inputs("validate").tolist() == [[1, 2], [2, 1]]
    assert data.inputs("test").tolist() == [[0, 1], [1, 0]]
    assert data.info.sizes["cardinalities"] == [[3], [3]]
    assert data.row_clusters("test").tolist() == [2, 0]  # somebody new has a ranking of their own all the same


def test_features_stand_beside_whom_they_tell_of_and_a_missing_one_is_0(tmp_path):
    path = tmp_path / "small.csv"
    people = {"a": "de", "b": "fr", "c": ""}
    with path.open("w", newline="") as out:
        rows = [(u, i, k % 2, people[u], len(i)) for k, (u, i) in enumerate([(u, i) for u in "abc" for i in "xyz"] * 4)]
        csv.writer(out).writerows([("user", "item", "liked", "country", "length"), *rows])
    data = ready(path, target="liked", user_features=["country"], item_features=["length"], sensitive=["country"])
    assert data.info.sizes["cardinalities"] == [[4, 3], [4, 2]]
    x = data.inputs("train")
    assert {tuple(row) for row in x[:, :2].tolist()} == {(1, 1), (2, 2), (3, 0)}
    assert set(x[:, 3].tolist()) == {1}
    assert data.info.sensitive[0].seen_by_model


def test_the_order_of_the_rows_does_not_matter_to_the_codes(file, tmp_path):
    table = parquet.read_table(file)
    path = tmp_path / "shuffled.parquet"
    parquet.write_table(table.take(np.random.default_rng(0).permutation(len(table))), path)
    one, other = (ready(p, target="rating", split={"by": "time", "column": "day"}) for p in (file, path))
    for split in SPLITS:
        pairs = [
            sorted(zip(d.inputs(split).tolist(), d.loader(split).rows.y.tolist(), strict=True)) for d in (one, other)
        ]
        assert pairs[0] == pairs[1]


def test_the_fingerprint_is_that_of_the_rows_in_use(file):
    same = {ready(file, target="rating").table_fingerprint for _ in range(2)}
    assert len(same) == 1
    assert ready(file, target="rating", split_seed=1).table_fingerprint not in same
    assert ready(file, target="clicked").table_fingerprint not in same


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"user": "who"}, r"`user` names 'who', which is not a column of"),
        ({"negatives": 0}, r"negatives is 0; expected at least 1\."),
        ({"task": "regression"}, r"`task: regression` and `favourable` require a `target`\. Set it to a column\."),
        ({"target": "sex", "task": "regression"}, r"the target 'sex' contains text; a regression task needs numbers"),
        ({"target": "rating", "item_groups": ["item_group"]}, r"`item_groups` names 'item_group'"),
    ],
)
def test_what_cannot_be_used_is_refused(file, options, said):
    with pytest.raises(UserError, match=rf"data 'interactions': {said}"):
        ready(file, **options)


# ---------------------------------------------------------------- the model


def test_the_score_is_an_inner_product_and_two_worths():
    torch.manual_seed(0)
    model = Recommender([[4, 3], [5]], 1, dimensions=2)
    x = torch.tensor([[1, 2, 3], [3, 0, 0], [0, 0, 0]])
    user, feature, item = model.user.vectors[0], model.user.vectors[1], model.item.vectors[0]
    model.user.worths[0].weight.data[1], model.item.worths[0].weight.data[3] = 0.5, 0.25
    model.offset.data += 2.0
    expected = (user.weight[1] + feature.weight[2]) @ item.weight[3] + 0.5 + 0.25 + 2
    assert torch.allclose(model(x)[0, 0], expected)
    assert model(x)[2].item() == 2.0  # somebody new before something new
    two = Recommender([[4, 3], [5]], 2, dimensions=2)
    two.load_state_dict(model.state_dict())
    assert torch.allclose(torch.softmax(two(x), dim=1)[:, 1], torch.sigmoid(model(x)[:, 0]))


@pytest.mark.parametrize("hidden", [[], [16]])
def test_it_finds_tastes_of_low_rank(file, hidden):
    """Against the best that is possible without tastes: what every user and item is worth, by least squares."""
    data = ready(file, target="rating")
    torch.manual_seed(0)
    model = Recommender(**sizes_of(data), dimensions=4, hidden=hidden)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.03, weight_decay=0.05)
    (x, y, *_), (held_out, truth, *_) = data.loader("train").rows, data.loader("test").rows
    for _ in range(300):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x)[:, 0], y).backward()
        optimizer.step()
    with torch.no_grad():
        error = float((model.eval()(held_out)[:, 0] - truth).square().mean())
    design = [np.concatenate([np.eye(61)[part[:, 0]], np.eye(41)[part[:, 1]]], axis=1) for part in (x, held_out)]
    worths = np.linalg.lstsq(design[0], y.numpy(), rcond=None)[0]
    additive = float(((design[1] @ worths - truth.numpy()) ** 2).mean())
    assert error < additive / 2


def sizes_of(data):
    return {name: data.info.sizes[name] for name in ("cardinalities", "num_classes")}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"cardinalities": [3, 4]},
            r"cardinalities is \[3, 4\]; expected codes of users and of items",
        ),
        (
            {"cardinalities": [[3], [4], [5]]},
            r"cardinalities is \[\[3\], \[4\], \[5\]\]; expected codes of users and of items",
        ),
        ({"num_classes": 5}, r"the target has 5 outputs; expected 2 classes or regression"),
        ({"dimensions": 0}, r"dimensions is 0, hidden \[\]; expected numbers of 1 or more"),
        ({"hidden": [4, 0]}, r"dimensions is 16, hidden \[4, 0\]"),
        ({"dropout": 1.0}, r"dropout is 1.0; expected 0 <= dropout < 1"),
    ],
)
def test_what_it_is_not_made_for_is_refused(options, said):
    with pytest.raises(UserError, match=f"model 'recommender': {said}"):
        Recommender(**{"cardinalities": [[3], [4]], "num_classes": 2, **options})


def test_a_run_from_the_file_to_the_audit_of_exposure(file, tmp_path):
    import glasshouse

    record = glasshouse.run(
        {
            "seed_everything": 1,
            "run_dir": str(tmp_path / "runs"),
            "model": {"class_path": "recommender", "init_args": {"dimensions": 4}},
            "data": {
                "class_path": "interactions",
                "init_args": {
                    "path": str(file),
                    "target": "clicked",
                    "sensitive": ["sex"],
                    "item_groups": ["provider"],
                    "batch_size": 128,
                },
            },
            "optimizer": {"class_path": "adamw", "init_args": {"lr": 0.03, "weight_decay": 0.05}},
            "trainer": {"max_epochs": 8, "accelerator": "cpu"},
            "audits": ["performance", "exposure", {"name": "feature_attribution"}],
            "report": ["json"],
        }
    )
    audits = json.loads((Path(record.folder) / "record.json").read_text())["audits"]
    values = {audit["name"]: audit for audit in audits}
    assert values["feature_attribution"]["status"] == "skipped"
    assert "not sequence" in values["feature_attribution"]["reason"]
    assert values["exposure"]["status"] == "completed", values["exposure"]["reason"]
    told = {(m["name"], *m["group"].values()): m["value"] for m in values["exposure"]["measurements"]}
    assert told["exposure_to_candidates", "small"] < 1 < told["exposure_to_candidates", "large"]
    assert told["ndcg",] > 0.8
