"""What evidence takes above the model and the data: collected, written and read again, in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.forks import Forks

pytest.importorskip("resource", reason="needs the resource module of Unix")

MEASURE = """
import resource, sys, tempfile
from pathlib import Path
import pyarrow.parquet, torch
from glasshouse import DataInfo, InMemoryLoader, ModelHandle, Predictions, Target
from glasshouse.evidence.collect import collect

rows = int(sys.argv[1])
target = Target(name="t", kind="multiclass", classes=tuple("abcdefghij"))
info = DataInfo(name="toy", modality="tabular", target=target, input_shape=(8,))
holder = torch.nn.Module()
holder.network = torch.nn.Linear(8, 10)
model = ModelHandle(holder, info)
loader = InMemoryLoader(torch.rand(rows, 8), torch.randint(0, 10, (rows,)), batch_size=256)

def evidence(batches, path):
    found = collect(model, batches, split="test", info=info, sensitive=[])
    found.save(path)
    return found, Predictions.load(path, split="test", target=target, sensitive={})

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "test.parquet")
    evidence([batch for batch, _ in zip(loader, range(2))], path)  # what is imported and set up once
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    found, read = evidence(loader, path)
assert found.scores.shape == read.scores.shape == (rows, 10)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)
"""
"""The highest the process ever stood, less where it stood before: never less than what the evidence took."""


@pytest.fixture
def taken(forks: Forks, tmp_path: Path) -> Callable[[int], int]:
    """Bytes for a number of rows."""

    def measured(rows: int) -> int:
        done = forks.run("-c", MEASURE, str(rows), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    return measured


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_each_further_row_takes_less_than_a_millionth_of_a_gibibyte(taken: Callable[[int], int]) -> None:
    few, many = 100_000, 250_000
    assert (taken(many) - taken(few)) / (many - few) < 2**30 / 1_000_000


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_million_rows_of_ten_classes_stay_under_a_gibibyte(taken: Callable[[int], int]) -> None:
    assert taken(1_000_000) < 2**30
