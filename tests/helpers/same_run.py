"""Whether two runs came to the same: all that they left but times, identifiers and the paths of their folders."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

NOT_COMPARED = ("id", "created", "seconds", "command", "later", "current_score")
"""Times, identifiers, and what Lightning's ModelCheckpoint keeps but neither restores nor reads."""


def assert_same(one: Path, other: Path) -> None:
    """Compare two runs' folders file by file; weights and optimizers bit by bit."""
    names = [sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) for folder in (one, other)]
    assert names[0] == names[1]
    for name in names[0]:
        a, b = one / name, other / name
        if name.endswith(".ckpt"):
            assert_equal(name, *(torch.load(path, weights_only=True) for path in (a, b)))
        elif name.endswith(".parquet"):
            assert pq.read_table(a).equals(pq.read_table(b)), name
        elif name.endswith(".json") and name != "manifest.json":
            assert_equal(name, *(json.loads(path.read_text()) for path in (a, b)))
        elif name.endswith((".csv", ".yaml")):
            assert a.read_text() == b.read_text(), name


def assert_equal(where: str, a: Any, b: Any) -> None:
    """Equality of nested values and tensors, naming the place of the first difference."""
    if isinstance(a, dict):
        a, b = ({_without_folder(key): value for key, value in each.items()} for each in (a, b))
        keys = {key for key in (*a, *b) if key not in NOT_COMPARED}
        for key in sorted(keys, key=str):
            assert (key in a) == (key in b), f"{where}.{key}"
            assert_equal(f"{where}.{key}", a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for at, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_equal(f"{where}[{at}]", x, y)
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    else:
        assert _without_folder(a) == _without_folder(b), f"{where}: {a!r} is not {b!r}"


def _without_folder(value: Any) -> Any:
    """A path within a run's folder without that folder."""
    return re.sub(r"^.*runs/toy/[^/]+/", "", value) if isinstance(value, str) else value
