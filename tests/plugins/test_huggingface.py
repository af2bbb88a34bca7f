"""Models and tokenizers of the transformers library, from folders that are written here; nothing is fetched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from glasshouse import Target, UserError
from glasshouse.data.tokenizer import FolderTokenizer, swap_padding_id
from glasshouse.training.task import Task
from glasshouse_plugins.data.text_table import TextTable
from glasshouse_plugins.models.huggingface import HuggingFace
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

TINY = {
    "model_type": "bert",
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "max_position_embeddings": 12,
}
TEXTS = torch.tensor([[3, 1, 4, 0, 0, 0], [5, 0, 0, 0, 0, 0], [2, 6, 5, 3, 1, 4], [0, 0, 0, 0, 0, 0]])
WORDS = ["[CLS]", "[PAD]", "[UNK]", "[SEP]", "free", "friend", "the", "call", "now"]
"""Padding has number 1, and the word that begins a text number 0: as in RoBERTa."""


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 3)]
    )
    folder = tmp_path_factory.mktemp("tokenizer")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=12,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer_folder: Path) -> Path:
    """A BERT whose words are those of the tokenizer, with a head for two classes."""
    folder = tmp_path_factory.mktemp("model")
    shutil.copytree(tokenizer_folder, folder, dirs_exist_ok=True)
    torch.manual_seed(1)
    model = HuggingFace(2, len(WORDS), config=TINY).model
    model.config.pad_token_id = 1
    model.save_pretrained(folder)
    return folder


def texts_of(tmp_path: Path, **options: Any) -> TextTable:
    from pyarrow import parquet

    texts = ["free call now now now now now", "the friend", None, "call unheard friend the free call"] * 10
    parquet.write_table(pa.table({"text": texts, "kind": ["a", "b", "b", "a"] * 10}), tmp_path / "texts.parquet")
    data = TextTable(str(tmp_path / "texts.parquet"), text="text", target="kind", **options)
    data.setup()
    return data


# The model


def test_built_from_a_config_padding_is_masked() -> None:
    torch.manual_seed(0)
    model = HuggingFace(3, 7, sequence_length=6, config=TINY).eval()
    out = model(TEXTS)
    assert out.shape == (4, 3)
    assert out.isfinite().all(), "also for a text without words"
    for row, length in enumerate((3, 1, 6)):
        torch.testing.assert_close(model(TEXTS[row : row + 1, :length]), out[row : row + 1])
        expected = model.model(input_ids=TEXTS[row : row + 1, :length]).logits
        torch.testing.assert_close(out[row : row + 1], expected)
    assert model.embed is model.model.bert.embeddings.word_embeddings
    assert Task(model, Target(name="y", kind="multiclass", classes=("a", "b", "c"))).output_kind == "logits"


def test_a_folder_brings_its_weights(model_folder: Path) -> None:
    model = HuggingFace(2, len(WORDS), folder=str(model_folder)).eval()
    theirs = AutoModelForSequenceClassification.from_pretrained(model_folder, local_files_only=True).eval()
    ids = torch.tensor([[0, 4, 3, 1], [0, 5, 6, 3]])  # as the tokenizer numbers them: padding is 1
    expected = theirs(input_ids=ids, attention_mask=(ids != 1).long()).logits
    torch.testing.assert_close(model(torch.tensor([[1, 4, 3, 0], [1, 5, 6, 3]])), expected)


def test_another_head_is_drawn_anew_and_the_rest_kept(model_folder: Path) -> None:
    torch.manual_seed(0)
    model = HuggingFace(5, len(WORDS), folder=str(model_folder)).eval()
    assert model(torch.tensor([[1, 4, 3]])).shape == (1, 5)
    kept = HuggingFace(2, len(WORDS), folder=str(model_folder))
    torch.testing.assert_close(model.embed.weight, kept.embed.weight)


def test_a_trained_model_is_rebuilt_without_the_folders_weights(model_folder: Path, tmp_path: Path) -> None:
    """As a run is rebuilt: the options of config.yaml, and weights read with `weights_only=True`."""
    trained = HuggingFace(2, len(WORDS), folder=str(model_folder)).eval()
    with torch.no_grad():
        trained.embed.weight.mul_(2)
    torch.save(trained.state_dict(), tmp_path / "weights.ckpt")
    for name in ("config.json",):
        shutil.copy(model_folder / name, tmp_path)
    rebuilt = HuggingFace(2, len(WORDS), folder=str(tmp_path)).eval()
    x = torch.tensor([[1, 4, 3, 0]])
    with pytest.raises(UserError, match=r"has a configuration but no weights; expected \.safetensors files"):
        rebuilt(x)
    rebuilt.load_state_dict(torch.load(tmp_path / "weights.ckpt", weights_only=True))
    torch.testing.assert_close(rebuilt(x), trained(x))


def test_what_cannot_be_loaded_is_refused(model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no folder .*bert-base-uncased, and models are not downloaded"):
        HuggingFace(2, 9, folder="bert-base-uncased")
    with pytest.raises(UserError, match=r"has no config\.json"):
        HuggingFace(2, 9, folder=str(tmp_path))
    with pytest.raises(UserError, match="received both `folder` and `config`"):
        HuggingFace(2, 9, folder=str(model_folder), config=TINY)
    with pytest.raises(UserError, match=r"has 9 token ids; the data has 700, from another tokenizer\.") as refused:
        HuggingFace(2, 700, folder=str(model_folder))
    assert f"tokenizer: {model_folder}" in str(refused.value)
    shutil.copy(model_folder / "config.json", tmp_path)
    with pytest.raises(UserError, match=r"the data has 10 token ids; the model in .* knows 9"):
        HuggingFace(2, 10, folder=str(tmp_path))
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="has weights only as a pickle, which can run code"):
        HuggingFace(2, 9, folder=str(tmp_path))


def test_a_folders_own_code_is_not_run(model_folder: Path, tmp_path: Path) -> None:
    config = json.loads((model_folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "mine.py").write_text("raise SystemExit('ran')")
    with pytest.raises(UserError, match="transformers rejects the folder"):
        HuggingFace(2, 9, folder=str(tmp_path))


def test_options_that_fit_no_model_are_refused() -> None:
    with pytest.raises(UserError, match=r"model_type in `config` is 'brt'; expected one .*bert"):
        HuggingFace(2, 9, config={**TINY, "model_type": "brt"})
    with pytest.raises(UserError, match="model_type in `config` is ''"):
        HuggingFace(2, 9, config={})
    with pytest.raises(UserError, match="transformers rejects config for the model_type 'bert'"):
        HuggingFace(2, 9, config={**TINY, "num_attention_heads": 3})
    with pytest.raises(UserError, match=r"the data has texts of 13 tokens; the model accepts at most 12"):
        HuggingFace(2, 9, sequence_length=13, config=TINY)


# The tokenizer


@given(st.lists(st.integers(0, 9)), st.integers(0, 9))
def test_padding_and_number_0_change_places(numbers: list[int], pad: int) -> None:
    found = swap_padding_id(np.array(numbers, dtype=np.int64), pad)
    assert found.tolist() == [{0: pad, pad: 0}.get(number, number) for number in numbers]
    assert swap_padding_id(found, pad).tolist() == numbers


def test_texts_are_numbered_as_the_tokenizer_does(tokenizer_folder: Path, tmp_path: Path) -> None:
    data = texts_of(tmp_path, tokenizer=str(tokenizer_folder), sequence_length=8)
    assert data.info.sizes["vocab_size"] == len(WORDS)
    theirs = PreTrainedTokenizerFast.from_pretrained(tokenizer_folder)
    known = set()
    for split, count in data.info.rows.items():
        words = data.words(split, np.arange(count))
        for row, named in zip(data.inputs(split), words, strict=True):
            ids = swap_padding_id(row.numpy(), 1)
            assert theirs.convert_ids_to_tokens(ids[ids != 1].tolist()) == named
            known.add(tuple(ids.tolist()))
    expected = theirs(
        ["free call now now now now now", "the friend", "", "call unheard friend the free call"],
        truncation=True,
        max_length=8,
        padding="max_length",
    )["input_ids"]
    assert known == {tuple(row) for row in expected}


def test_a_model_and_its_tokenizer_train(model_folder: Path, tmp_path: Path) -> None:
    data = texts_of(tmp_path, tokenizer=str(model_folder))
    assert data.info.sizes["sequence_length"] <= 12
    model = HuggingFace(2, data.info.sizes["vocab_size"], data.info.sizes["sequence_length"], folder=str(model_folder))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    x, y = data.inputs("train"), data.loader("train").rows.y
    model.eval()  # without dropout
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y.long())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 < losses[0]


def test_a_checkpoint_knows_its_tokenizer(tokenizer_folder: Path, tmp_path: Path) -> None:
    data = texts_of(tmp_path, tokenizer=str(tokenizer_folder))
    state = data.state_dict()
    before = data.inputs("test").clone()
    data.load_state_dict(state)
    assert (data.inputs("test") == before).all()
    with pytest.raises(UserError, match="was trained with another tokenizer"):
        texts_of(tmp_path).load_state_dict(state)
    with pytest.raises(UserError, match="was trained with another tokenizer"):
        data.load_state_dict(texts_of(tmp_path).state_dict())


def test_folders_without_a_usable_tokenizer_are_refused(tokenizer_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no tokenizer\.json in the folder .*; nothing is downloaded"):
        FolderTokenizer(str(tmp_path), who="data 'mine'")
    shutil.copytree(tokenizer_folder, tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    del config["pad_token"]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="has no padding"):
        FolderTokenizer(str(tmp_path), who="data 'mine'")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="cannot be read"):
        FolderTokenizer(str(tmp_path), who="data 'mine'")
