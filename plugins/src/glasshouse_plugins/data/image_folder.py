"""Any folder of pictures with one folder a class."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from glasshouse import ImageDataModule, RawImages, RawTable, SensitiveColumn, UserError, did_you_mean
from glasshouse.data import Coded, SplitOption
from numpy.typing import NDArray

from glasshouse_plugins.data.tables import TableFile

_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
_SPLIT_NAMES = {"train": "train", "validate": "validate", "val": "validate", "valid": "validate", "test": "test"}
_MODES = {"grey": "L", "rgb": "RGB"}


@dataclass(frozen=True)
class _Found:
    """A picture's file, its class, and its split where the folder says one."""

    path: Path
    label: str
    split: str | None


class ImageFolder(ImageDataModule):
    """Pictures in ``FOLDER/CLASS/``, or, where the folder brings its split, in ``FOLDER/train/CLASS/`` and so on.

    Folders called ``train``, ``test`` and ``validate`` (or ``val``) are splits where ``train`` is among them. All
    pictures are held in memory, a byte for each pixel and channel: 100,000 of 64 x 64 in colour take 1.2 GB.

    Args:
        path: the folder.
        size: height and width to which pictures are scaled; default: they must all be of one size.
        colour: ``rgb`` or ``grey``, to which pictures are converted.
        attributes: a CSV or Parquet file with a column ``file`` (paths from the folder) and what else is known of
            each picture.
        sensitive: columns of `attributes` by whose values people must not be treated worse.
        bins: edges that turn a numeric sensitive column into groups, e.g. ``{age: [30, 50]}``.
        favourable: the class that is good for the person concerned.
        fractions: shares of train, validate and test.
        batch_size: pictures per batch.
        split_seed: where the split comes from.
        seed: order of training batches; default: the seed of `seed_everything`.
        split: to split otherwise, ``{by: stratified | random | group | time, column: ..., folds: 5, fold: 0}``; a
            `column` is one of `attributes`.
    """

    name = "image_folder"

    def __init__(
        self,
        path: str,
        size: Sequence[int] | None = None,
        colour: Literal["rgb", "grey"] = "rgb",
        attributes: str | None = None,
        sensitive: Sequence[str] = (),
        bins: Mapping[str, Sequence[float]] | None = None,
        favourable: str | None = None,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        batch_size: int = 64,
        split_seed: int = 0,
        seed: int | None = None,
        split: SplitOption = None,
    ) -> None:
        super().__init__(batch_size=batch_size, fractions=fractions, split_seed=split_seed, seed=seed, split=split)
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise UserError(self.who, f"size is {list(size)}; expected [height, width].")
        if colour not in _MODES:
            raise UserError(self.who, f"colour is {colour!r}; expected rgb or grey.")
        for option, used in (("sensitive", sensitive), ("split", self.split_plan.column)):
            if used and attributes is None:
                raise UserError(self.who, f"`{option}` is given without `attributes`.", "Name the file that has them.")
        self.bins = dict(bins or {})
        for column in self.bins:
            if column not in sensitive:
                raise UserError(
                    self.who, f"`bins` names '{column}', which is not in `sensitive`.", did_you_mean(column, sensitive)
                )
        self.path = path
        self.size = size
        self.colour = colour
        self.attributes = attributes
        self.sensitive = sensitive
        self.favourable = favourable

    def load(self) -> RawImages:
        """All pictures, in the order of their paths."""
        root = Path(self.path).expanduser()
        found = self._files(root)
        classes = tuple(sorted({each.label for each in found}))
        if len(classes) < 2:
            raise UserError(
                self.who,
                f"pictures of {len(classes)} class{'' if len(classes) == 1 else 'es'} are in {root.absolute()}; "
                "expected folders of at least two.",
                f"Put pictures ({', '.join(_ENDINGS)}) in {root}/CLASS/.",
            )
        labels = np.array([classes.index(each.label) for each in found], dtype=np.int32)
        columns: dict[str, Any] = {"class": Coded(labels, classes)}
        return RawImages(
            pixels=self._pixels(found),
            table=RawTable(
                columns=columns | self._attributes(root, found),
                target="class",
                task="binary" if len(classes) == 2 else "multiclass",
                classes=classes,
                favourable=self.favourable,
                sensitive=tuple(
                    SensitiveColumn(name=name, column=name, edges=tuple(self.bins.get(name, ())))
                    for name in self.sensitive
                ),
                split=None if found[0].split is None else np.array([each.split for each in found]),
                source=root.absolute().name,
            ),
        )

    def _files(self, root: Path) -> list[_Found]:
        if not root.is_dir():
            raise UserError(
                self.who, f"there is no folder {root.absolute()}.", "Relative paths start at the current folder."
            )
        if not (root / "train").is_dir():
            return _pictures(root, None)
        return [
            each
            for folder in sorted(root.iterdir())
            if folder.is_dir() and folder.name in _SPLIT_NAMES
            for each in _pictures(folder, _SPLIT_NAMES[folder.name])
        ]

    def _pixels(self, found: Sequence[_Found]) -> NDArray[np.uint8]:
        """(n, channels, height, width); decoded by several threads, which Pillow lets run side by side."""
        first = self._decode(found[0].path)
        pixels = np.empty((len(found), *first.shape), dtype=np.uint8)

        def fill(row: int) -> None:
            picture = self._decode(found[row].path)
            if picture.shape != first.shape:
                height, width = picture.shape[1:]
                raise UserError(
                    self.who,
                    f"{found[row].path} is {height} x {width} pixels, and {found[0].path} is {first.shape[1]} x "
                    f"{first.shape[2]}.",
                    f"Set `size: [{first.shape[1]}, {first.shape[2]}]` to scale all to one size.",
                )
            pixels[row] = picture

        with ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1)) as threads:
            for _ in threads.map(fill, range(len(found))):
                pass
        return pixels

    def _decode(self, path: Path) -> NDArray[np.uint8]:
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(path) as image:
                converted = image.convert(_MODES[self.colour])
                if self.size is not None:
                    height, width = self.size
                    converted = converted.resize((width, height), Image.Resampling.BILINEAR)
                pixels = np.asarray(converted, dtype=np.uint8)
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise UserError(self.who, f"{path} is no picture that can be read: {error}.", "Remove it.") from error
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    def _attributes(self, root: Path, found: Sequence[_Found]) -> dict[str, Any]:
        """The columns in use, in the order of the pictures."""
        if self.attributes is None:
            return {}
        asked = [("sensitive", name) for name in self.sensitive]
        if self.split_plan.column is not None:
            asked.append(("split", self.split_plan.column))
        names = list(dict.fromkeys(name for _, name in asked))
        file = TableFile(path=Path(self.attributes).expanduser(), who=self.who, texts=("file",))
        file.require([("attributes", "file"), *asked], file.names())
        table = file.read([*names, "file"])
        row_of = {name: row for row, name in enumerate(table["file"].to_pylist())}
        paths = [each.path.relative_to(root).as_posix() for each in found]
        lacking = [path for path in paths if path not in row_of]
        if lacking:
            raise UserError(
                self.who,
                f"{file.path} says nothing of {len(lacking):,} of {len(paths):,} pictures, {lacking[0]} among them.",
                "Its column `file` has paths from the folder of pictures.",
            )
        rows = [row_of[path] for path in paths]
        return {name: table[name].take(rows) for name in names}


def _pictures(folder: Path, split: str | None) -> list[_Found]:
    return [
        _Found(path, kind.name, split)
        for kind in sorted(folder.iterdir())
        if kind.is_dir() and not kind.name.startswith(".")
        for path in sorted(kind.rglob("*"))
        if path.suffix.lower() in _ENDINGS and not path.name.startswith(".")
    ]
