"""Any sequence classifier of the transformers library, from a local folder or from its configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from glasshouse import UserError, did_you_mean
from glasshouse.data import FolderTokenizer, swap_padding_id
from torch import Tensor, nn

from glasshouse_plugins.models.sequences import require_positive, valid_positions

_WHO = "model 'huggingface'"
_DEFAULT_CONFIG: Mapping[str, Any] = {
    "model_type": "bert",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
}


class HuggingFace(nn.Module):
    """A sequence classifier or regressor of the transformers library (`pip install glasshouse-plugins[transformers]`).

    Input: token ids (n, length), with 0 as padding, which attention ignores. Output (n, num_classes): logits, or values
    for regression.

    The configuration and the weights are read from a local folder, weights from safetensors files only. Nothing is
    downloaded, and no code of the folder runs. A head that is missing in the folder, or has another number of classes,
    is newly initialised. If the folder has a tokenizer, the data must use it: `data: {init_args: {tokenizer: FOLDER}}`.
    To rebuild a trained model, the folder's ``config.json`` is enough: the weights are in the run's checkpoint.

    Source: Wolf et al., "Transformers: State-of-the-Art Natural Language Processing", EMNLP 2020 (system
    demonstrations). Default: a BERT (Devlin et al. 2019) of two layers, 64 wide, untrained.

    Args:
        num_classes: number of outputs (1 for regression); filled from the data.
        vocab_size: number of token ids; filled from the data.
        sequence_length: length of texts in tokens; filled from the data.
        folder: folder with a model's files, as written by `save_pretrained`.
        config: instead of `folder`: configuration of an untrained model, `model_type` and its options, e.g.
            ``{model_type: bert, hidden_size: 64}``; vocabulary size, classes and padding are set from the data.

    Raises:
        UserError: for both a folder and a config, a folder that does not exist or has no usable files, an unknown model
            type or options that it rejects, or data with another tokenizer.
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
            raise UserError(_WHO, "received both `folder` and `config`; expected one of them.")
        if folder is None:
            self.model = _from_config({**_DEFAULT_CONFIG} if config is None else config, num_classes, vocab_size)
            self.without_weights = False
        else:
            self.model, self.without_weights = _from_folder(Path(folder).expanduser(), num_classes, vocab_size)
        self._folder = folder
        most = getattr(self.model.config, "max_position_embeddings", None)
        if sequence_length is not None and most is not None and sequence_length > most:
            raise UserError(
                _WHO,
                f"the data has texts of {sequence_length} tokens; the model accepts at most {most}.",
                f"Set `data: {{init_args: {{sequence_length: {most}}}}}`.",
            )
        self.register_load_state_dict_post_hook(_mark_weights_loaded)  # type: ignore[no-untyped-call]

    @property
    def embed(self) -> nn.Module:
        """The token embedding layer."""
        return self.model.get_input_embeddings()  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """(n, length) to (n, num_classes)."""
        if self.without_weights:
            raise UserError(
                _WHO,
                f"the folder {self._folder} has a configuration but no weights; expected .safetensors files for "
                "training. (Without them, only a trained run can be rebuilt.)",
                "Put the model's .safetensors files there.",
            )
        if not len(x):  # the library's attention fails on an empty batch
            return self.forward(x.new_zeros(1, x.shape[1]))[:0]
        token_ids = swap_padding_id(x, self.model.config.pad_token_id or 0)
        return self.model(input_ids=token_ids, attention_mask=valid_positions(x, words=True).long()).logits  # type: ignore[no-any-return]


def _mark_weights_loaded(model: Any, _: Any) -> None:
    model.without_weights = False


def _from_config(config: Mapping[str, Any], num_classes: int, vocab_size: int) -> Any:
    """An untrained model."""
    from transformers import CONFIG_MAPPING, AutoConfig

    options = {**config, "vocab_size": vocab_size, "num_labels": num_classes, "pad_token_id": 0}
    kind = str(options.pop("model_type", ""))
    if kind not in CONFIG_MAPPING:
        raise UserError(
            _WHO,
            f"model_type in `config` is {kind!r}; expected one that transformers knows.",
            did_you_mean(kind, list(CONFIG_MAPPING)),
        )
    with _as_user_error(f"config for the model_type '{kind}'"):
        return _build_untrained(AutoConfig.for_model(kind, **options))


def _build_untrained(config: Any) -> Any:
    from transformers import AutoModelForSequenceClassification

    build: Any = AutoModelForSequenceClassification.from_config
    return build(config, trust_remote_code=False)


def _from_folder(folder: Path, num_classes: int, vocab_size: int) -> tuple[Any, bool]:
    """The model of a folder, and whether its weights are missing."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    if not folder.is_dir():
        raise UserError(
            _WHO,
            f"there is no folder {folder.absolute()}, and models are not downloaded.",
            "Download the model, and set `folder:` to the folder with its config.json and .safetensors files.",
        )
    if not (folder / "config.json").is_file():
        raise UserError(_WHO, f"the folder {folder} has no config.json.", "Write it with `save_pretrained`.")
    if (folder / "tokenizer.json").is_file():
        _check_tokenizer(folder, vocab_size)
    files_only: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    with _as_user_error(f"the folder {folder}"):
        config = AutoConfig.from_pretrained(folder, num_labels=num_classes, **files_only)
    known = getattr(config, "vocab_size", vocab_size)
    if vocab_size > known:
        raise UserError(_WHO, f"the data has {vocab_size} token ids; the model in {folder} knows {known}.")
    if not any(folder.glob("*.safetensors")):
        if any(folder.glob("*.bin")):
            raise UserError(
                _WHO,
                f"the folder {folder} has weights only as a pickle, which can run code; expected .safetensors files.",
                "Save the model again with `save_pretrained`.",
            )
        with _as_user_error(f"the folder {folder}"):
            return _build_untrained(config), True
    with _as_user_error(f"the folder {folder}"), _without_progress_bars():
        model = AutoModelForSequenceClassification.from_pretrained(
            folder,
            config=config,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # the head, if it has another number of classes
            dtype=torch.float32,
            **files_only,
        )
    return model, False


def _check_tokenizer(folder: Path, vocab_size: int) -> None:
    tokenizer = FolderTokenizer(str(folder), who=_WHO)
    if tokenizer.size != vocab_size:
        raise UserError(
            _WHO,
            f"the tokenizer in {folder} has {tokenizer.size} token ids; the data has {vocab_size}, from another "
            "tokenizer.",
            f"Set `data: {{init_args: {{tokenizer: {folder}}}}}`.",
        )


@contextmanager
def _as_user_error(what: str) -> Iterator[None]:
    """Turn an error of the library into a UserError with its first line."""
    try:
        yield
    except (ValueError, OSError, TypeError, KeyError, RuntimeError, ImportError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(_WHO, f"transformers rejects {what}: {lines[0]}") from error


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Disable the library's progress bars, which it also prints without a terminal."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if enabled:
            logging.enable_progress_bar()
