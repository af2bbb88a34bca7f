"""What is ours on Lightning's TPU accelerator, over PJRT's CPU device: ``tox -e xla``; nothing of it was run on a TPU.

Lightning asks a cloud's metadata host how many chips there are; the answer is put in its mouth. Everything behind that
is real: lazy tensors, compiled steps, checkpoints of an XLA device.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

os.environ["PJRT_DEVICE"] = "CPU"
torch_xla = pytest.importorskip("torch_xla", reason="its own environment: tox -e xla")

import torch  # noqa: E402
from glasshouse import DataInfo, InMemoryLoader, ModelHandle, Target  # noqa: E402
from glasshouse.evidence.collect import collect  # noqa: E402
from glasshouse.training.task import Task  # noqa: E402
from glasshouse.training.trainer import load_weights, make_trainer  # noqa: E402
from lightning_fabric.accelerators import XLAAccelerator as FabricsAccelerator  # noqa: E402
from pytorch_lightning.accelerators import XLAAccelerator  # noqa: E402

torch_xla.device()  # autograd counts the kinds of devices once, before the first backward pass

TARGET = Target(name="y", kind="binary", classes=("no", "yes"))


@pytest.fixture(autouse=True)
def _one_chip(monkeypatch: pytest.MonkeyPatch) -> None:
    for accelerator in (FabricsAccelerator, XLAAccelerator):
        monkeypatch.setattr(accelerator, "is_available", staticmethod(lambda: True))
        monkeypatch.setattr(accelerator, "auto_device_count", staticmethod(lambda: 1))


def rows(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(n, 4, generator=torch.Generator().manual_seed(0))
    return x, (x[:, 0] - x[:, 1] > 0).long()


def trained(folder: Path, *, accelerator: str, epochs: int = 3, batch_size: int = 32, **options: Any) -> Task:
    torch.manual_seed(1)
    task = Task(torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)), TARGET)
    task.optimizer_factory = lambda parameters: torch.optim.SGD(parameters, lr=0.5)
    ckpt_path = options.pop("ckpt_path", None)
    given = {"max_epochs": epochs, "accelerator": accelerator, "devices": 1, **options}
    trainer = make_trainer(given, folder=folder, monitor="validate_loss", callbacks=[], loggers=[])
    x, y = rows(256)
    loaders = InMemoryLoader(x, y, batch_size=batch_size, shuffle=True), InMemoryLoader(x, y, batch_size=64)
    trainer.fit(task, *loaders, ckpt_path=ckpt_path, weights_only=True)
    return task


def test_training_validation_and_checkpoints_give_the_weights_of_the_cpu(tmp_path: Path) -> None:
    theirs = trained(tmp_path / "cpu", accelerator="cpu")
    ours = trained(tmp_path / "xla", accelerator="tpu")
    for name, weight in ours.state_dict().items():
        torch.testing.assert_close(weight.cpu(), theirs.state_dict()[name], rtol=1e-4, atol=1e-5)
    again = Task(torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)), TARGET)
    load_weights(again, tmp_path / "xla" / "checkpoints" / "last.ckpt")  # on a machine without the device
    for name, weight in again.state_dict().items():
        torch.testing.assert_close(weight, theirs.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_a_training_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    trained(tmp_path / "first", accelerator="tpu", epochs=2)
    last = tmp_path / "first" / "checkpoints" / "last.ckpt"
    resumed = trained(tmp_path / "second", accelerator="tpu", epochs=3, ckpt_path=last)
    unbroken = trained(tmp_path / "third", accelerator="tpu", epochs=3)
    for name, weight in resumed.state_dict().items():
        torch.testing.assert_close(weight.cpu(), unbroken.state_dict()[name].cpu(), rtol=1e-4, atol=1e-5)


def test_half_precision_and_steps_that_stay_on_the_device(tmp_path: Path) -> None:
    """What falls back to the host, or waits for it, does so when epochs end and not at every step."""
    import torch_xla.debug.metrics as metrics

    def fallen_back(batch_size: int) -> dict[str, int]:
        metrics.clear_all()
        task = trained(tmp_path, accelerator="tpu", precision="bf16-true", batch_size=batch_size)
        assert all(weight.isfinite().all() for weight in task.parameters())  # XLA computes in half, unseen by torch
        return {name: metrics.counter_value(name) for name in metrics.counter_names() if name.startswith("aten::")}

    assert fallen_back(64) == fallen_back(32)


def test_evidence_from_an_xla_device_is_that_of_the_cpu() -> None:
    torch.manual_seed(2)
    task = Task(torch.nn.Linear(4, 2), TARGET)
    info = DataInfo(name="rows", modality="tabular", target=TARGET, input_shape=(4,))
    loader = InMemoryLoader(*rows(70), batch_size=32)
    on_cpu = collect(ModelHandle(task, info), loader, split="test", info=info, sensitive=[])
    on_xla = collect(ModelHandle(task.to(torch_xla.device()), info), loader, split="test", info=info, sensitive=[])
    assert on_xla.index.tolist() == list(range(70))
    torch.testing.assert_close(torch.tensor(on_xla.scores), torch.tensor(on_cpu.scores), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(torch.tensor(on_xla.losses), torch.tensor(on_cpu.losses), rtol=1e-4, atol=1e-4)
