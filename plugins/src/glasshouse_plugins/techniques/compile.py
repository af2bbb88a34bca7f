"""Training with torch.compile."""

from __future__ import annotations

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn


class Compile(Callback):
    """Compiles the network for training and testing; audits use the uncompiled module.

    Parameter names do not change, so checkpoints fit with and without this technique. The first steps are slower,
    because they compile; a new batch size, such as that of an epoch's last batch, compiles again. On CPU the default
    backend requires a C++ compiler.

    Args:
        backend: one of `torch.compiler.list_backends()`, or ``eager``, which only traces.
        mode: mode of torch.compile: ``default``, ``reduce-overhead`` or ``max-autotune``; default: that of torch.
    """

    def __init__(self, backend: str = "inductor", mode: str | None = None) -> None:
        self.backend = backend
        self.mode = mode

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        _network(pl_module).compile(backend=self.backend, mode=self.mode)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        _network(pl_module)._compiled_call_impl = None


def _network(module: LightningModule) -> nn.Module:
    """The network inside a task, or the module itself if it is another LightningModule, whose `forward` is compiled."""
    network = getattr(module, "network", None)
    return network if isinstance(network, nn.Module) else module
