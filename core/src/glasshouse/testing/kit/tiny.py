"""A few easy rows of every modality and kind of target, for short checks of plugins."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from glasshouse.data.batch import Batch
from glasshouse.data.data_info import SPLITS, DataInfo, Feature, Sensitive, Target
from glasshouse.data.kinds import Modality, TargetKind
from glasshouse.datamodules.base import InMemoryDataModule

SHAPES: dict[str, tuple[int, ...]] = {"tabular": (9,), "image": (3, 32, 32), "text": (12,), "sequence": (12, 3)}
"""Shape of one row: columns; channels, height and width; tokens; steps and channels."""

NUMERIC = 4
"""Number of numeric columns of a tiny table, which are followed by two one-hot blocks."""

BLOCKS = (3, 2)
WORDS = 24
"""Size of the tiny vocabulary: index 0 is padding, 1 an unknown word."""

ROWS = {"train": 48, "validate": 16, "test": 16}

_CLASSES = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "multilabel": ("p", "q", "r"), "regression": ()}


class TinyData(InMemoryDataModule):
    """Synthetic rows with an easy target and one sensitive attribute.

    The class shifts a column, the brightness of a part of the image, the words of a text or the level of a sequence;
    for regression the target, with mean 50 and standard deviation 20, does so in proportion. All else is noise.

    Args:
        modality: ``tabular``, ``image``, ``text`` or ``sequence``.
        target: ``binary``, ``multiclass``, ``multilabel`` or ``regression``.
        shape: of one row; default: that of `SHAPES`.
        batch_size: rows per batch.
        seed: of the rows and of the order of training batches.
        rows: of each split; default: `ROWS`.
    """

    name = "tiny"

    def __init__(
        self,
        modality: Modality = "tabular",
        target: TargetKind = "binary",
        shape: Sequence[int] | None = None,
        batch_size: int = 12,
        seed: int = 0,
        rows: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(batch_size=batch_size, seed=seed)
        self.counts = dict(ROWS if rows is None else rows)
        self.modality: Modality = modality
        self.kind: TargetKind = target
        self.shape = SHAPES[modality] if shape is None else tuple(shape)

    def setup(self, stage: str | None = None) -> None:
        """Create the rows; later calls do nothing."""
        if self._rows:
            return
        generator = torch.Generator().manual_seed(self.seed or 0)
        classes = _CLASSES[self.kind]
        target = Target(
            name="y",
            kind=self.kind,
            classes=classes,
            center=50.0 if self.kind == "regression" else 0.0,
            scale=20.0 if self.kind == "regression" else 1.0,
        )
        rows = {split: self._batch(n, target, generator) for split, n in self.counts.items()}
        info = DataInfo(
            name=self._name,
            modality=self.modality,
            target=target,
            input_shape=self.shape,
            features=_features() if self.modality == "tabular" else (),
            sensitive=(Sensitive(name="group", levels=("one", "two")),),
            sizes=self._sizes(target),
            rows=dict(self.counts),
            source="made up",
            synthetic=True,
        )
        digest = hashlib.sha256(repr([rows[split].x.tolist() for split in SPLITS]).encode()).hexdigest()
        self._keep(rows, info, digest)

    def _sizes(self, target: Target) -> dict[str, Any]:
        sizes: dict[str, Any] = {
            "input_shape": list(self.shape),
            "num_classes": target.num_outputs,
            "out_features": target.num_outputs,
        }
        if self.modality == "tabular":
            sizes |= {"in_features": self.shape[0], "cardinalities": list(BLOCKS)}
        if self.modality == "image":
            sizes |= {"in_features": math.prod(self.shape)}
        if self.modality == "text":
            sizes |= {"vocab_size": WORDS, "sequence_length": self.shape[0]}
        if self.modality == "sequence":
            sizes |= {"in_features": self.shape[1], "sequence_length": self.shape[0]}
        return sizes

    def _batch(self, n: int, target: Target, generator: torch.Generator) -> Batch:
        if target.kind == "regression":
            signal = torch.randn(n, 1, generator=generator)
            y = signal[:, 0] * target.scale + target.center
        elif target.kind == "multilabel":
            y = torch.randint(0, 2, (n, target.num_outputs), generator=generator)
            signal = 2.0 * y - 1
        else:
            y = (torch.arange(n) % target.num_outputs)[torch.randperm(n, generator=generator)]
            signal = 2.0 * one_hot(y, target.num_outputs) - 1
        group = torch.randint(0, 2, (n, 1), generator=generator)
        group[0] = -1  # one missing value
        return Batch(getattr(self, f"_{self.modality}")(signal, generator), y, group, torch.arange(n))

    def _tabular(self, signal: Tensor, generator: torch.Generator) -> Tensor:
        n, outputs = signal.shape
        numbers = torch.randn(n, NUMERIC, generator=generator) / 2
        numbers[:, :outputs] += signal
        blocks = [one_hot(torch.randint(0, width, (n,), generator=generator), width) for width in BLOCKS]
        return torch.cat([numbers, *blocks], dim=1)

    def _image(self, signal: Tensor, generator: torch.Generator) -> Tensor:
        n, outputs = signal.shape
        pictures = torch.rand(n, *self.shape, generator=generator) / 4
        for k, stripe in enumerate(pictures.tensor_split(outputs, dim=3)):
            stripe += 0.3 + 0.2 * signal[:, k].clamp(-1.5, 1.5).reshape(n, 1, 1, 1)
        return pictures.clamp_(0, 1)

    def _text(self, signal: Tensor, generator: torch.Generator) -> Tensor:
        n, outputs = signal.shape
        length = self.shape[0]
        words = torch.randint(2 + 2 * outputs, WORDS, (n, length), generator=generator)
        for k in range(outputs):  # two words for each output, one for a high and one for a low signal
            words[:, 2 * k : 2 * k + 2] = (2 + 2 * k + (signal[:, k : k + 1] > 0)).long()
        lengths = torch.randint(2 * outputs, length + 1, (n, 1), generator=generator)
        return torch.where(torch.arange(length) < lengths, words, 0)

    def _sequence(self, signal: Tensor, generator: torch.Generator) -> Tensor:
        n, outputs = signal.shape
        steps = torch.randn(n, *self.shape, generator=generator) / 2
        steps[:, :, :outputs] += signal[:, None, : self.shape[1]]
        return steps


def tiny(modality: Modality, target: TargetKind, *, shape: Sequence[int] | None = None, seed: int = 0) -> TinyData:
    """`TinyData` after setup."""
    data = TinyData(modality, target, shape=shape, seed=seed)
    data.setup()
    return data


def _features() -> tuple[Feature, ...]:
    numbers = [Feature(name=f"number_{j}", kind="numeric", columns=(j,)) for j in range(NUMERIC)]
    choices, start = [], NUMERIC
    for j, width in enumerate(BLOCKS):
        columns = tuple(range(start, start + width))
        categories = tuple("uvw"[:width])
        choices.append(Feature(name=f"choice_{j}", kind="categorical", columns=columns, categories=categories))
        start += width
    return (*numbers, *choices)
