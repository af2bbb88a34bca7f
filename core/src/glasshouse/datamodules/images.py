"""Base class of data plugins for images: uint8 pixels in memory, float32 in [0, 1] for the model."""

from __future__ import annotations

import hashlib
import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glasshouse.data.data_info import SPLITS, DataInfo
from glasshouse.data.labels import Labelled
from glasshouse.data.raw_table import RawTable
from glasshouse.datamodules.base import CompactDataModule
from glasshouse.errors import UserError


@dataclass(frozen=True, kw_only=True, eq=False)
class RawImages:
    """The result of `ImageDataModule.load`: `pixels` (n, channels, height, width) uint8, and the labels.

    `table` has no features: its columns are the target and the sensitive attributes, in the order of the images.
    """

    pixels: NDArray[np.uint8]
    table: RawTable


class ImageDataModule(CompactDataModule):
    """Base class of data plugins for images that fit in memory: a subclass implements `load` and may set `name`.

    The model receives float32 in [0, 1], channels first; 0 is black and 1 is white for all data, so that audits can
    draw and change images without further information. A model that needs standardised inputs starts with its own
    normalisation layer.
    """

    @abstractmethod
    def load(self) -> RawImages:
        """The images, all splits together."""

    def setup(self, stage: str | None = None) -> None:
        """Load and split; further calls do nothing.

        Raises:
            UserError: for pixels that are not (n, channels, height, width) uint8, and for unusable labels.
        """
        if self._rows:
            return
        raw = self.load()
        pixels: NDArray[Any] = raw.pixels
        if pixels.ndim != 4 or pixels.dtype != np.uint8 or not pixels.size:
            raise UserError(
                self.who,
                f"expected pixels (n, channels, height, width) as uint8, received {pixels.shape} as {pixels.dtype}.",
            )
        labelled, columns = Labelled.for_inputs(raw.table, len(pixels), self.split_plan, who=self.who)
        rows = {split: labelled.batch(split, torch.from_numpy(pixels[labelled.rows[split]])) for split in SPLITS}
        outputs = labelled.target.num_outputs
        shape = pixels.shape[1:]
        info = DataInfo(
            name=self._name,
            modality="image",
            target=labelled.target,
            input_shape=shape,
            sensitive=labelled.sensitive,
            sizes={
                "input_shape": list(shape),
                "in_features": math.prod(shape),
                "num_classes": outputs,
                "out_features": outputs,
            },
            rows=labelled.counts(),
            source=raw.table.source,
            licence=raw.table.licence,
            synthetic=raw.table.synthetic,
        )
        digest = hashlib.sha256(columns.encode())
        digest.update(repr(pixels.shape).encode())
        digest.update(np.ascontiguousarray(pixels).data)
        self._keep(rows, info, digest.hexdigest())

    def encode(self, x: Tensor) -> Tensor:
        """uint8 pixels as float32 in [0, 1]."""
        return x.to(torch.float32).div_(255)
