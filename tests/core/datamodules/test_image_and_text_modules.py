"""Data modules of images and texts as a stranger would write them: splits, encodings, loaders, checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from glasshouse import Batch, DataInfo, ImageDataModule, TextDataModule, UserError
from glasshouse.datamodules.images import RawImages
from glasshouse.datamodules.tabular import RawTable, SensitiveColumn
from glasshouse.datamodules.texts import RawTexts
from glasshouse.training.model_building import restore_data
from glasshouse.training.task import Task
from pytorch_lightning import Trainer
from torch import nn

ROWS = 60
NAMES = [f"name{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(ROWS)]


def table(**changes: Any) -> RawTable:
    i = np.arange(ROWS)
    columns = {"kind": np.array(["cat", "dog"])[i % 2], "camera": np.array(["old", "new"])[i // 2 % 2]}
    fields: dict[str, Any] = {
        "columns": columns,
        "target": "kind",
        "sensitive": (SensitiveColumn(name="camera", column="camera"),),
        "source": "made up",
        "synthetic": True,
        **changes,
    }
    return RawTable(**fields)


PIXELS = np.random.default_rng(0).integers(0, 256, (ROWS, 3, 4, 5), dtype=np.uint8)
PIXELS[:, 0, 0, 0] = np.arange(ROWS)


class Pets(ImageDataModule):
    def __init__(self, pixels: Any = PIXELS, changes: dict[str, Any] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.pixels, self.changes, self.loads = pixels, changes or {}, 0

    def load(self) -> RawImages:
        self.loads += 1
        return RawImages(pixels=self.pixels, table=table(**self.changes))


class Notes(TextDataModule):
    def __init__(self, texts: list[str] | None = None, changes: dict[str, Any] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.texts = texts or [f"{('meow', 'woof')[i % 2]} {'very ' * (i % 3)}{NAMES[i]}" for i in range(ROWS)]
        self.changes = changes or {}

    def load(self) -> RawTexts:
        return RawTexts(texts=self.texts, table=table(**self.changes))


def ready(module: Any) -> Any:
    module.setup()
    return module


# ---------------------------------------------------------------- images


def test_images_are_bytes_within_and_numbers_from_0_to_1_without() -> None:
    data = ready(Pets(batch_size=8))
    stored = next(iter(data.train_dataloader()))
    assert stored.x.dtype == torch.uint8
    encoded = data.on_after_batch_transfer(stored, 0)
    assert isinstance(encoded, Batch)
    assert encoded.x.dtype == torch.float32
    torch.testing.assert_close(encoded.x, stored.x / 255)
    for split in ("train", "validate", "test"):
        given = torch.cat([batch.x for batch in data.loader(split)])
        torch.testing.assert_close(given, data.inputs(split))
        rows = (255 * given[:, 0, 0, 0]).round().long().numpy()
        np.testing.assert_allclose(given, PIXELS[rows] / 255, atol=1e-7)
        batch = torch.cat([batch.y for batch in data.loader(split)])
        assert batch.tolist() == (rows % 2).tolist()
        some = np.array([5, 0, 3])
        torch.testing.assert_close(data.inputs_at(split, some), given[some])
    assert data.loads == 1
    data.setup("test")
    assert data.loads == 1


def test_what_is_known_of_images() -> None:
    info = ready(Pets()).info
    assert info.modality == "image"
    assert info.input_shape == (3, 4, 5)
    assert info.sizes == {"input_shape": [3, 4, 5], "in_features": 60, "num_classes": 2, "out_features": 2}
    assert info.rows == {"train": 36, "validate": 12, "test": 12}
    (camera,) = info.sensitive
    assert (camera.levels, camera.seen_by_model) == (("new", "old"), False)
    assert DataInfo.from_dict(info.to_dict()) == info
    codes = torch.cat([batch.sensitive for batch in ready(Pets()).loader("test")])[:, 0]
    rows = (255 * ready(Pets()).inputs("test")[:, 0, 0, 0]).round().long()
    assert codes.tolist() == (rows // 2 % 2 == 0).long().tolist()


def test_the_fingerprint_knows_pixels_labels_and_split() -> None:
    same = ready(Pets()).table_fingerprint
    assert ready(Pets()).table_fingerprint == same
    changed = PIXELS.copy()
    changed[3, 1, 2, 2] += 1
    others = [
        ready(Pets(changed)),
        ready(Pets(split_seed=1)),
        ready(Pets(changes={"columns": {"kind": np.array(["dog", "cat"])[np.arange(ROWS) % 2], "camera": ["a"] * 60}})),
        ready(Pets(PIXELS.reshape(ROWS, 3, 5, 4))),
    ]
    assert len({same, *(other.table_fingerprint for other in others)}) == 5


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (PIXELS[:, 0], r"expected pixels \(n, channels, height, width\) as uint8, received \(60, 4, 5\) as uint8"),
        (PIXELS.astype(np.float32), r"received \(60, 3, 4, 5\) as float32"),
        (PIXELS[:0], r"received \(0, 3, 4, 5\)"),
        (PIXELS[:50], r"column 'camera' has 60 rows, but there are 50 inputs"),
    ],
)
def test_pixels_that_are_refused(pixels: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ready(Pets(pixels))


def test_a_missing_label_is_refused() -> None:
    kinds = np.array(["cat", "dog", None], dtype=object)[np.arange(ROWS) % 3]
    with pytest.raises(UserError, match="the target 'kind' is missing in 20 of 60 rows"):
        ready(Pets(changes={"columns": {"kind": kinds, "camera": ["a"] * ROWS}}))


def test_a_given_split_is_followed() -> None:
    split = np.array(["train", "train", "validate", "test"])[np.arange(ROWS) % 4]
    data = ready(
        Pets(
            changes={
                "split": split,
                "columns": {"kind": np.array(["a", "b"])[np.arange(ROWS) // 30], "camera": ["x"] * ROWS},
            }
        )
    )
    assert (255 * data.inputs("validate")[:, 0, 0, 0]).round().tolist() == list(range(2, ROWS, 4))


class Seen(nn.Module):
    """Notes what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(60, 2)
        self.kinds: set[Any] = set()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.kinds.add((x.dtype, float(x.max()) <= 1))
        return self.layer(x.flatten(1))


@pytest.mark.parametrize(("precision", "dtype"), [("32-true", torch.float32), ("bf16-true", torch.bfloat16)])
def test_lightning_gives_the_network_encoded_images(tmp_path: Path, precision: Any, dtype: torch.dtype) -> None:
    data = ready(Pets(batch_size=8))
    network = Seen()
    task = Task(network, data.info.target)
    task.optimizer_factory = lambda parameters: torch.optim.SGD(parameters, lr=0.1)
    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(max_epochs=1, accelerator="cpu", precision=precision, default_root_dir=tmp_path, **quiet)
    trainer.fit(task, datamodule=data)
    trainer.test(task, datamodule=data, verbose=False)
    assert network.kinds == {(dtype, True)}


# ---------------------------------------------------------------- texts


def test_texts_are_numbers_padded_behind() -> None:
    data = ready(Notes(min_count=1))
    x = data.inputs("test")
    assert x.dtype == torch.int64
    assert data.loader("test").rows.x.dtype == torch.int32
    names = ["", "?", *data.vocabulary.words]
    for row, words in enumerate(data.words("test", np.arange(len(x)))):
        known = [word if word in names else "?" for word in words]
        assert [names[number] for number in x[row].tolist()] == known + [""] * (x.shape[1] - len(words))
    assert data.info.sizes == {
        "vocab_size": len(names),
        "sequence_length": 4,
        "input_shape": [4],
        "num_classes": 2,
        "out_features": 2,
    }
    assert (data.info.modality, data.info.input_shape) == ("text", (4,))


def test_the_vocabulary_comes_from_training_rows_alone() -> None:
    data = ready(Notes(min_count=1))
    train = {word for words in data.words("train", np.arange(36)) for word in words}
    assert set(data.vocabulary.words) == train
    test = data.words("test", np.arange(12))
    assert any(word not in train for words in test for word in words)


def test_options_of_texts() -> None:
    data = ready(Notes(max_words=3, sequence_length=2))
    assert data.vocabulary.words == ("very", "meow", "woof")
    assert data.inputs("train").shape == (36, 2)
    assert {len(words) for words in data.words("train", np.arange(36))} == {2}
    for option in ("max_words", "min_count", "sequence_length"):
        with pytest.raises(UserError, match=f"{option} is 0; expected at least 1"):
            Notes(**{option: 0})


def test_texts_without_words_still_have_a_length() -> None:
    data = ready(Notes(texts=["  "] * ROWS))
    assert data.inputs("train").shape == (36, 1)
    assert data.inputs("train").sum() == 0
    assert data.vocabulary.words == ()


def fitted(data: Notes, folder: Path, **options: Any) -> Trainer:
    network = nn.Sequential(nn.Embedding(data.info.sizes["vocab_size"], 2), nn.Flatten(), nn.LazyLinear(2))
    network(data.inputs("test"))
    task = Task(network, data.info.target)
    task.optimizer_factory = lambda parameters: torch.optim.SGD(parameters, lr=0.1)
    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(max_epochs=1, accelerator="cpu", default_root_dir=folder, **quiet)
    trainer.fit(task, datamodule=data)
    return trainer


def test_a_checkpoint_keeps_the_vocabulary_and_other_texts_are_numbered_by_it(tmp_path: Path) -> None:
    data = ready(Notes(min_count=1, sequence_length=4))
    trainer = fitted(data, tmp_path)
    trainer.save_checkpoint(tmp_path / "kept.ckpt")
    stored = torch.load(tmp_path / "kept.ckpt", weights_only=True)
    assert stored["Notes"] == {"vocabulary": list(data.vocabulary.words), "sequence_length": 4}

    texts = [f"woof very strange {name}" for name in NAMES]
    other = ready(Notes(texts=texts, min_count=1, sequence_length=4))
    assert other.vocabulary != data.vocabulary
    trainer.test(
        trainer.lightning_module, datamodule=other, ckpt_path=tmp_path / "kept.ckpt", weights_only=True, verbose=False
    )
    assert other.vocabulary == data.vocabulary
    first = other.inputs("test")[0].tolist()
    names = ["", "?", *data.vocabulary.words]
    assert [names[number] for number in first] == ["woof", "very", "?", "?"]


def test_data_get_back_what_a_runs_weights_were_trained_with(tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"
    torch.save({"state_dict": {}, "Notes": {"vocabulary": ["woof"], "sequence_length": 2}}, path)
    changed = ready(Notes())
    assert restore_data(changed, path)
    assert changed.vocabulary.words == ("woof",)
    assert changed.info.input_shape == (2,)
    assert not restore_data(ready(Pets()), path)
    assert not restore_data(None, path)
    torch.save({"state_dict": {}}, path)
    assert not restore_data(changed, path)
    assert changed.vocabulary.words == ("woof",)


def test_a_vocabulary_that_comes_before_setup_is_kept() -> None:
    data = Notes()
    assert data.state_dict() == {}
    data.load_state_dict({"vocabulary": ["meow"], "sequence_length": 3})
    data.setup()
    assert data.info.sizes["vocab_size"] == 3
    assert data.inputs("test").shape == (12, 3)


def test_the_fingerprint_knows_texts_and_labels() -> None:
    one, same = ready(Notes()).table_fingerprint, ready(Notes()).table_fingerprint
    texts = ready(Notes()).texts
    assert one == same
    assert ready(Notes(texts=[*texts[:-1], "changed"])).table_fingerprint != one
    assert ready(Notes(split_seed=1)).table_fingerprint != one


@pytest.mark.parametrize("kind", [Pets, Notes])
def test_one_argument_splits_images_and_texts(kind: Any) -> None:
    people = np.array([f"owner {i // 3}" for i in range(ROWS)])
    columns = {**table().columns, "owner": people}
    split = {"by": "group", "column": "owner", "folds": 4, "fold": 1}
    data = ready(kind(changes={"columns": columns}, split=split))
    assert data.info.rows == {"train": 33, "validate": 12, "test": 15}  # 20 owners: 5 test, 11 or 12 of 15 train
    with pytest.raises(UserError, match=r"there is no column 'owners' \(split\)\. Did you mean 'owner'\?"):
        ready(kind(changes={"columns": columns}, split={"by": "group", "column": "owners"}))
    with pytest.raises(UserError, match="column 'owner' has 2 rows, but there are 60 inputs"):
        ready(kind(changes={"columns": {**columns, "owner": people[:2]}}, split=split))
