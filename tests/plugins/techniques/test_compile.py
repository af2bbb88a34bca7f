"""torch.compile while a model is trained: the same weights, the same names, and nothing left of it afterwards."""

from __future__ import annotations

import torch
from glasshouse import InMemoryLoader, Target
from glasshouse.training.task import Task
from glasshouse_plugins.models.mlp import MLP
from glasshouse_plugins.techniques.compile import Compile
from pytorch_lightning import Callback, LightningModule, Trainer

TARGET = Target(name="y", kind="binary", classes=("no", "yes"))


class Looks(Callback):
    """Whether the network goes through a compiled call when training begins."""

    compiled: bool | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Task)
        self.compiled = pl_module.network._compiled_call_impl is not None


def trained(*callbacks: Callback) -> Task:
    torch.manual_seed(0)
    task = Task(MLP(in_features=3, num_classes=2, hidden=(4,)), TARGET)
    task.optimizer_factory = lambda parameters: torch.optim.SGD(parameters, lr=0.1)
    x = torch.randn(60, 3, generator=torch.Generator().manual_seed(1))
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(max_epochs=2, accelerator="cpu", enable_model_summary=False, callbacks=[*callbacks], **options)
    trainer.fit(task, InMemoryLoader(x, (x[:, 0] > 0).long(), batch_size=20))
    return task


def test_the_network_is_compiled_while_it_trains_and_as_written_afterwards() -> None:
    looks = Looks()
    compiled, plain = trained(Compile(backend="aot_eager"), looks), trained()
    assert looks.compiled
    assert compiled.network._compiled_call_impl is None
    assert compiled.state_dict().keys() == plain.state_dict().keys()
    for ours, theirs in zip(compiled.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)
