"""Every data plugin that reads CSV files names groups and classes as the file has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from glasshouse_plugins.data.image_folder import ImageFolder
from glasshouse_plugins.data.interactions import Interactions
from glasshouse_plugins.data.table import Table
from glasshouse_plugins.data.text_table import TextTable
from glasshouse_plugins.data.time_series_table import TimeSeriesTable
from PIL import Image

VERSIONS = ("1.10", "1.1", "2.0")


def lines(folder: Path, header: str, row: Callable[[int], str], rows: int = 90) -> str:
    path = folder / "t.csv"
    path.write_text("\n".join([f"{header},version", *(f"{row(k)},{VERSIONS[k % 3]}" for k in range(rows))]) + "\n")
    return str(path)


def pictures(folder: Path) -> ImageFolder:
    names = []
    for k in range(60):
        name = f"{'ab'[k % 2]}/{k}.png"
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 4), k, dtype=np.uint8)).save(folder / name)
        names.append(name)
    return ImageFolder(
        str(folder), attributes=lines(folder, "file", lambda k: names[k], rows=60), sensitive=["version"], size=(4, 4)
    )


DATA: dict[str, Callable[[Path], Any]] = {
    "table": lambda folder: Table(
        lines(folder, "a,y", lambda k: f"{k},{k % 2}"), "y", features=["a"], sensitive=["version"]
    ),
    "text_table": lambda folder: TextTable(
        lines(folder, "words,y", lambda k: f"good day {k},{k % 2}"), "words", "y", sensitive=["version"]
    ),
    "time_series_table": lambda folder: TimeSeriesTable(
        lines(folder, "day,a,y", lambda k: f"{k},{k / 7},{k % 2}"),
        time="day",
        target="y",
        features=["a"],
        sensitive=["version"],
        length=2,
    ),
    "interactions": lambda folder: Interactions(
        lines(folder, "user,item,y", lambda k: f"u{k % 10},i{k % 9},{k % 2}"),
        user="user",
        item="item",
        target="y",
        sensitive=["version"],
    ),
    "image_folder": pictures,
}


@pytest.mark.parametrize("name", DATA)
def test_groups_are_the_text_of_the_file(name: str, tmp_path: Path) -> None:
    data = DATA[name](tmp_path)
    data.setup()
    assert [(s.name, s.levels) for s in data.info.sensitive] == [("version", ("1.1", "1.10", "2.0"))]
    codes = np.concatenate([data.loader(split).rows.sensitive[:, 0].numpy() for split in data.info.rows])
    assert set(codes) == {0, 1, 2}
