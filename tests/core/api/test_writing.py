"""Models and audits that write into what they are given: the numbers are those of a twin that writes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import glasshouse
import pytest
import torch
from glasshouse import DataInfo, InMemoryLoader, Target
from glasshouse.plugins import Registry, set_registry
from pytorch_lightning import LightningDataModule
from torch import Tensor, nn

EXPLAINED = [
    "performance",
    {"name": "feature_attribution", "rows": 4},
    {"name": "feature_effects", "rows": 60},
    "membership_inference",
]


class Centred(nn.Module):
    """Scores of centred numbers, with weights drawn from one seed."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x - 0.7)


class CentresItsInput(Centred):
    def forward(self, x: Tensor) -> Tensor:
        x -= 0.7
        return self.layers(x)


class CentresBehindTheScenes(Centred):
    """Writes where version counters do not look."""

    def forward(self, x: Tensor) -> Tensor:
        x.data.sub_(0.7)
        return self.layers(x)


def batches(table: Any) -> list[tuple[Tensor, Tensor]]:
    """A loader that gives out the same tensors in every pass."""
    x, y, _ = table
    return list(zip(x.clone().split(64), y.split(64), strict=True))


def numbers(record: glasshouse.RunRecord) -> dict[str, float]:
    return {name: m.value for name, m in record.record.measurements() if m.value is not None}


@pytest.mark.parametrize("writer", [CentresItsInput, CentresBehindTheScenes])
def test_a_model_that_writes_into_its_input_has_the_numbers_of_its_twin(writer: type[Centred], table: Any) -> None:
    """Performance, Shapley values, permutation importance and losses of members."""
    expected = glasshouse.audit(Centred(), {"train": batches(table), "test": batches(table)}, audits=EXPLAINED)
    loaders = {"train": batches(table), "test": batches(table)}
    model = writer()
    record = glasshouse.audit(model, loaders, audits=EXPLAINED)
    assert [audit.status for audit in record.record.audits] == ["completed"] * 4
    assert numbers(record) == pytest.approx(numbers(expected), rel=1e-6, abs=1e-9)
    assert record.record.run["model"]["writes_inputs"] is True
    assert "writes into its inputs, and received copies" in (record.folder / "report.html").read_text()
    assert "writes_inputs" not in expected.record.run["model"]
    assert torch.equal(torch.cat([x for x, _ in loaders["test"]]), table[0])  # the project's own rows are whole
    assert not model._forward_pre_hooks


class Scaling(LightningDataModule):
    """Batches that are scaled in place on their way to the model; the loader gives out the same tensors."""

    def __init__(self, table: Any) -> None:
        super().__init__()
        self.batches = [(100 * x, y) for x, y in batches(table)]

    def test_dataloader(self) -> list[tuple[Tensor, Tensor]]:
        return self.batches

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        batch[0].div_(100)
        return batch


def test_a_hook_that_writes_into_its_batch_changes_no_row(table: Any) -> None:
    data = Scaling(table)
    audits = ["performance", {"name": "feature_effects", "rows": 60}]
    record = glasshouse.audit(Centred(), data, audits=audits)
    expected = glasshouse.audit(Centred(), {"test": batches(table)}, audits=audits)
    assert numbers(record) == pytest.approx(numbers(expected), rel=1e-4, abs=1e-6)
    assert torch.equal(torch.cat([x for x, _ in data.batches]), 100 * table[0])


FORGERS = """
import warnings
import torch
from glasshouse import AuditPlugin, AuditResult, Measurement, hookimpl

class Forger:
    def measure(self, evidence):
        evidence.inputs("test").zero_()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns that the arrays are read-only, and writes all the same
            torch.from_numpy(evidence.evaluated.scores)[:, 0] = 1
            torch.from_numpy(evidence.evaluated.targets)[:] = 0
        return AuditResult(name="forger", family="data")

class Corrects:
    def measure(self, evidence):
        evidence.evaluated.targets[:] = evidence.evaluated.predicted

class Predicts:
    def measure(self, evidence):
        evidence.evaluated.predicted[:] = evidence.evaluated.targets

class Reads:
    def measure(self, evidence):
        mean = float(evidence.inputs("test").mean())
        return AuditResult(name="reads", family="data", measurements=[Measurement(name="mean", value=mean, n=1)])

@hookimpl
def glasshouse_audits():
    for audit in (Forger, Corrects, Predicts, Reads):
        name = audit.__name__.lower()
        yield AuditPlugin(name=name, target=f"{__name__}:{audit.__name__}", summary=name, requires=("inputs",))
"""


@pytest.fixture
def _forgers(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "forgers.py").write_text(FORGERS)
    set_registry(Registry.from_environment(files=[tmp_path / "forgers.py"]))
    yield
    set_registry(None)
    sys.modules.pop("forgers", None)


class Rows(LightningDataModule):
    """Data that give out the same tensor whenever inputs are asked for."""

    def __init__(self, table: Any) -> None:
        super().__init__()
        x, y, _ = table
        target = Target(name="y", kind="binary", classes=("0", "1"))
        self.info = DataInfo(name="rows", modality="tabular", target=target, input_shape=(4,))
        self.rows = InMemoryLoader(x, y)

    info: Any = None

    def loader(self, split: str) -> InMemoryLoader:
        return self.rows

    def inputs(self, split: str) -> Tensor:
        return self.rows.rows.x


@pytest.mark.usefixtures("_forgers")
@pytest.mark.parametrize("form", ["loader", "data module"])
def test_what_one_audit_writes_reaches_no_other(table: Any, form: str) -> None:

    def data() -> Any:
        return {"test": batches(table)} if form == "loader" else Rows(table)

    audits = ["forger", "corrects", "predicts", "reads", "performance"]
    record = glasshouse.audit(Centred(), data(), audits=audits)
    alone = glasshouse.audit(Centred(), data(), audits=["performance"])
    forger, corrects, predicts, reads, performance = (record.audits[name] for name in audits)
    assert performance.measurements == alone.audits["performance"].measurements
    assert reads.measurements[0].value == pytest.approx(float(table[0].mean()))
    for audit in (corrects, predicts):
        assert (audit.status, audit.reason) == ("error", "ValueError: assignment destination is read-only")
    (note,) = forger.notes
    assert note.startswith("The audit wrote into the evidence (scores of test, targets of test, inputs of test).")


WRITES_TABLES = """
from glasshouse import AuditPlugin, hookimpl

class WritesTables:
    def measure(self, evidence):
        evidence.tables.counts.cells[:] = 0

@hookimpl
def glasshouse_audits():
    yield AuditPlugin(name="writes_tables", target=f"{__name__}:WritesTables", summary="zero", requires=("tables",))
"""


def test_tables_are_read_only(tmp_path: Path) -> None:
    import pandas as pd

    (tmp_path / "zeroes.py").write_text(WRITES_TABLES)
    set_registry(Registry.from_environment(files=[tmp_path / "zeroes.py"]))
    try:
        frame = pd.DataFrame({"decision": [0, 1, 1, 0], "outcome": [0, 1, 0, 0]})
        asked = {"prediction": "decision", "target": "outcome", "audits": ["writes_tables", "performance"]}
        record = glasshouse.audit_predictions(frame, **asked)
    finally:
        set_registry(None)
        sys.modules.pop("zeroes", None)
    assert record.audits["writes_tables"].reason == "ValueError: assignment destination is read-only"
    assert record.measurement("accuracy").value == 0.75
