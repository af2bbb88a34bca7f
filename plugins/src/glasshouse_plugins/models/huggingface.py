"""Any sequence classifier of the transformers library, from a local folder or built from its configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from glasshouse import UserError, did_you_mean
from glasshouse.data import FolderTokenizer, swap_padding_id
from torch import Tensor, nn

from glasshouse_plugins.models.sequences import require_positive, within

_WHO = "model 'huggingface'"
_SMALL: Mapping[str, Any] = {
    "model_type": "bert",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
}


class HuggingFace(nn.Module):
    """A sequence classifier or regression of the transformers library (`pip install glasshouse-plugins[transformers]`).

    Input (n, length) numbers of words, 0 for padding, which attention is told of; output (n, num_classes): logits, or
    values for regression.

    From a folder come the configuration and the weights, of safetensors files alone; nothing is downloaded, and no
    code of the folder is run. A head that the folder lacks, or has for other classes, is drawn anew. Where the folder
    has a tokenizer, the data must number words by it: `data: {init_args: {tokenizer: FOLDER}}`. To rebuild a trained
    model, the folder's ``config.json`` is enough: its weights are in the run's checkpoint.

    Source: Wolf et al., "Transformers: State-of-the-Art Natural Language Processing", EMNLP 2020 (system
    demonstrations). Default: a BERT (Devlin et al. 2019) of two layers, 64 wide, untrained.

    Args:
        num_classes: width of the output (1 for regression); filled from the data.
        vocab_size: numbers of words in use; filled from the data.
        sequence_length: words of a text; filled from the data.
        folder: a model's files, as `save_pretrained` writes them.
        config: or a configuration to build an untrained model from: `model_type` and its options, such as
            ``{model_type: bert, hidden_size: 64}``; number of words, classes and padding are the data's.

    Raises:
        UserError: for both a folder and a config, a folder that is none or has no usable files, an unknown model type
            or options that it refuses, or data that number words in another way.
    """

    def __init__(
        self,
        num_classes: int,
        vocab_size: int,
        sequence_length: int | None = None,
        folder: str | None = None,
        config: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        require_positive(_WHO, num_classes=num_classes, vocab_size=vocab_size)
        if folder is not None and config is not None:
            raise UserError(_WHO, "has both a folder and a config; expected one of them.")
        if folder is None:
            self.model = _built({**_SMALL} if config is None else config, num_classes, vocab_size)
            self.without_weights = False
        else:
            self.model, self.without_weights = _loaded(Path(folder).expanduser(), num_classes, vocab_size)
        self._folder = folder
        most = getattr(self.model.config, "max_position_embeddings", None)
        if sequence_length is not None and most is not None and sequence_length > most:
            raise UserError(
                _WHO,
                f"the data give {sequence_length} words of a text; the model takes {most}.",
                f"Set `data: {{init_args: {{sequence_length: {most}}}}}`.",
            )
        self.register_load_state_dict_post_hook(_weights_have_come)  # type: ignore[no-untyped-call]

    @property
    def embed(self) -> nn.Module:
        """The layer of word vectors."""
        return self.model.get_input_embeddings()  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """(n, length) to (n, num_classes)."""
        if self.without_weights:
            raise UserError(
                _WHO,
                f"the folder {self._folder} has a configuration and no weights; a model that was trained already can "
                "be rebuilt from it, and none can be trained.",
                "Put its .safetensors files there.",
            )
        if not len(x):  # attention of the library does not take it
            return self.forward(x.new_zeros(1, x.shape[1]))[:0]
        numbers = swap_padding_id(x, self.model.config.pad_token_id or 0)
        return self.model(input_ids=numbers, attention_mask=within(x, words=True).long()).logits  # type: ignore[no-any-return]


def _weights_have_come(model: Any, _: Any) -> None:
    model.without_weights = False


def _built(config: Mapping[str, Any], num_classes: int, vocab_size: int) -> Any:
    """An untrained model."""
    from transformers import CONFIG_MAPPING, AutoConfig

    options = {**config, "vocab_size": vocab_size, "num_labels": num_classes, "pad_token_id": 0}
    kind = str(options.pop("model_type", ""))
    if kind not in CONFIG_MAPPING:
        raise UserError(
            _WHO, f"config has the model_type {kind!r}, which is none.", did_you_mean(kind, list(CONFIG_MAPPING))
        )
    with _refusing(f"config for the model_type '{kind}'"):
        return _untrained(AutoConfig.for_model(kind, **options))


def _untrained(config: Any) -> Any:
    from transformers import AutoModelForSequenceClassification

    build: Any = AutoModelForSequenceClassification.from_config
    return build(config, trust_remote_code=False)


def _loaded(folder: Path, num_classes: int, vocab_size: int) -> tuple[Any, bool]:
    """A model from its files, and whether its weights are still to come."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    if not folder.is_dir():
        raise UserError(
            _WHO,
            f"there is no folder {folder.absolute()}; nothing is downloaded.",
            "Fetch the model with a tool of your choice, and name the folder with its config.json and .safetensors.",
        )
    if not (folder / "config.json").is_file():
        raise UserError(_WHO, f"the folder {folder} has no config.json.", "Write it with `save_pretrained`.")
    if (folder / "tokenizer.json").is_file():
        _require_numbers(folder, vocab_size)
    files_only: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    with _refusing(f"the folder {folder}"):
        config = AutoConfig.from_pretrained(folder, num_labels=num_classes, **files_only)
    known = getattr(config, "vocab_size", vocab_size)
    if vocab_size > known:
        raise UserError(_WHO, f"the data number {vocab_size} words; the model in {folder} knows {known}.")
    if not any(folder.glob("*.safetensors")):
        if any(folder.glob("*.bin")):
            raise UserError(
                _WHO,
                f"the folder {folder} has weights as a pickle alone, which can run code.",
                "Write them anew with `save_pretrained`, as .safetensors.",
            )
        with _refusing(f"the folder {folder}"):
            return _untrained(config), True
    with _refusing(f"the folder {folder}"), _quiet():
        model = AutoModelForSequenceClassification.from_pretrained(
            folder,
            config=config,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # the head, where it was for other classes
            dtype=torch.float32,
            **files_only,
        )
    return model, False


def _require_numbers(folder: Path, vocab_size: int) -> None:
    tokenizer = FolderTokenizer(str(folder), who=_WHO)
    if tokenizer.size != vocab_size:
        raise UserError(
            _WHO,
            f"the tokenizer in {folder} numbers {tokenizer.size} words; the data number {vocab_size}, in another way.",
            f"Set `data: {{init_args: {{tokenizer: {folder}}}}}`.",
        )


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    """Say what the library refuses in one line."""
    try:
        yield
    except (ValueError, OSError, TypeError, KeyError, RuntimeError, ImportError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(_WHO, f"transformers does not take {what}: {said[0]}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's progress bars, which come also where no terminal is."""
    from transformers.utils import logging as theirs

    logging: Any = theirs
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
