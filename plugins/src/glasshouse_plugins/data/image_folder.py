"""Any folder of images with one subfolder per class."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from glasshouse import ImageDataModule, RawImages, RawTable, SensitiveColumn, UserError, did_you_mean
from glasshouse.data import Coded, SplitOption, level_name
from numpy.typing import NDArray

from glasshouse_plugins.data.tables import TableColumns, TableFile

_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
_SPLIT_NAMES = {"train": "train", "validate": "validate", "val": "validate", "valid": "validate", "test": "test"}
_MODES = {"grey": "L", "rgb": "RGB"}


@dataclass(frozen=True)
class _ImageFile:
    """An image file, its class, and its split if the folder has splits."""

    path: Path
    label: str
    split: str | None


class ImageFolder(ImageDataModule):
    """Images in ``FOLDER/CLASS/``, or in ``FOLDER/train/CLASS/``, ``FOLDER/test/CLASS/`` etc. for a given split.

    If there is a subfolder ``train``, the subfolders ``train``, ``test`` and ``validate`` (or ``val``, ``valid``) are
    splits. All images are kept in memory, one byte per pixel and channel: 100,000 colour images of 64 x 64 take 1.2 GB.

    Args:
        path: the folder.
        size: [height, width] that images are resized to; default: all images must have the same size.
        colour: ``rgb`` or ``grey``, the format that images are converted to.
        attributes: a CSV, Parquet or Arrow file with attributes of the images, one row per image; its column ``file``
            has paths relative to the folder.
        sensitive: columns of `attributes` with sensitive attributes, whose groups the fairness audits compare.
        bins: bin edges that turn a numeric sensitive column into groups, e.g. ``{age: [30, 50]}``.
        favourable: the class that is the better outcome for the person; fairness audits compare its rates.
        fractions: fractions of rows in the train, validate and test splits.
        batch_size: images per batch.
        split_seed: seed of the random split.
        seed: seed of the order of training batches; default: that of `seed_everything`.
        split: another split, e.g. ``{by: stratified | random | group | time, column: ..., folds: 5, fold: 0}``; a
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
        favourable: str | int | bool | None = None,
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
                raise UserError(
                    self.who, f"`{option}` requires `attributes`.", "Set it to the file with these columns."
                )
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
        """All images, in the order of their paths."""
        root = Path(self.path).expanduser()
        found = self._files(root)
        classes = tuple(sorted({each.label for each in found}))
        if len(classes) < 2:
            raise UserError(
                self.who,
                f"{root.absolute()} has images of {len(classes)} class{'' if len(classes) == 1 else 'es'}; expected "
                "subfolders of at least two classes.",
                f"Put images ({', '.join(_ENDINGS)}) in {root}/CLASS/.",
            )
        labels = np.array([classes.index(each.label) for each in found], dtype=np.int32)
        columns: dict[str, Any] = {"class": Coded(labels, classes)}
        attributes = self._attributes(root, found)
        return RawImages(
            pixels=self._pixels(found),
            table=RawTable(
                columns=columns | {name: attributes.table[name] for name in attributes.table.column_names},
                as_written=attributes.as_written,
                target="class",
                task="binary" if len(classes) == 2 else "multiclass",
                classes=classes,
                favourable=level_name(self.favourable),
                sensitive=tuple(SensitiveColumn.binned(name, self.bins) for name in self.sensitive),
                split=None if found[0].split is None else np.array([each.split for each in found]),
                source=root.absolute().name,
            ),
        )

    def _files(self, root: Path) -> list[_ImageFile]:
        if not root.is_dir():
            raise UserError(
                self.who, f"there is no folder {root.absolute()}.", "Relative paths start at the current folder."
            )
        if not (root / "train").is_dir():
            return _image_files(root, None)
        return [
            each
            for folder in sorted(root.iterdir())
            if folder.is_dir() and folder.name in _SPLIT_NAMES
            for each in _image_files(folder, _SPLIT_NAMES[folder.name])
        ]

    def _pixels(self, found: Sequence[_ImageFile]) -> NDArray[np.uint8]:
        """(n, channels, height, width); decoded by several threads, because Pillow releases the interpreter lock."""
        first = self._decode(found[0].path)
        pixels = np.empty((len(found), *first.shape), dtype=np.uint8)

        def fill(row: int) -> None:
            decoded = self._decode(found[row].path)
            if decoded.shape != first.shape:
                height, width = decoded.shape[1:]
                raise UserError(
                    self.who,
                    f"{found[row].path} is {height} x {width} pixels, and {found[0].path} is {first.shape[1]} x "
                    f"{first.shape[2]}.",
                    f"Set `size: [{first.shape[1]}, {first.shape[2]}]` to resize all images.",
                )
            pixels[row] = decoded

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
            raise UserError(self.who, f"{path} cannot be read as an image: {error}.", "Remove it.") from error
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    def _attributes(self, root: Path, found: Sequence[_ImageFile]) -> TableColumns:
        """The columns in use, in the order of the images."""
        if self.attributes is None:
            return TableColumns(pa.table({}))
        used = [("sensitive", name) for name in self.sensitive]
        if self.split_plan.column is not None:
            used.append(("split", self.split_plan.column))
        names = list(dict.fromkeys(name for _, name in used))
        file = TableFile(path=Path(self.attributes).expanduser(), who=self.who, texts=("file",))
        file.require([("attributes", "file"), *used], file.names())
        read = file.read_columns([*names, "file"])
        row_of = {name: row for row, name in enumerate(read.table["file"].to_pylist())}
        paths = [each.path.relative_to(root).as_posix() for each in found]
        missing = [path for path in paths if path not in row_of]
        if missing:
            raise UserError(
                self.who,
                f"{file.path} has no row for {len(missing):,} of {len(paths):,} images, e.g. {missing[0]}.",
                "Its column `file` must have paths relative to the folder of images.",
            )
        found_in = read.take([row_of[path] for path in paths])
        return TableColumns(found_in.table.select(names), found_in.written(names))


def _image_files(folder: Path, split: str | None) -> list[_ImageFile]:
    return [
        _ImageFile(path, kind.name, split)
        for kind in sorted(folder.iterdir())
        if kind.is_dir() and not kind.name.startswith(".")
        for path in sorted(kind.rglob("*"))
        if path.suffix.lower() in _ENDINGS and not path.name.startswith(".")
    ]
