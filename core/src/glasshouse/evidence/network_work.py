"""How much one call of a network computes, estimated from its layers without a call."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from torch import nn

from glasshouse.data.data_info import DataInfo

if TYPE_CHECKING:
    from glasshouse.evidence.model_handle import ModelHandle

ROWS_OF_AUDITS = 2048
"""Rows that audits typically evaluate at once."""

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_TABLES = (nn.Embedding, nn.EmbeddingBag)


def multiply_adds(network: nn.Module, info: DataInfo, rows: int) -> int:
    """Multiply-adds of a forward pass of `rows` rows, to within a small factor.

    Each weight counts once for each place that it is applied to: the tokens or steps of a text or sequence, and the
    pixels of the input for a convolution, whatever its stride. Tables of embeddings are looked up, not multiplied.
    """
    shape = info.input_shape
    places = shape[0] if info.modality in ("text", "sequence") and shape else 1
    pixels = prod(shape[1:]) if info.modality == "image" else places
    total = 0
    for layer in network.modules():
        if isinstance(layer, _TABLES):
            continue
        weights = sum(weight.numel() for weight in layer.parameters(recurse=False))
        total += weights * (pixels if isinstance(layer, _CONVOLUTIONS) else places)
    return rows * total


def work_of_audits(model: ModelHandle) -> int | None:
    """Multiply-adds of a typical evaluation of a model by an audit; None where it is not on the processor's cores."""
    return multiply_adds(model.module, model.info, ROWS_OF_AUDITS) if model.device.type == "cpu" else None
