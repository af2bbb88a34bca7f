"""Train through torch.compile."""

from __future__ import annotations

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn


class Compile(Callback):
    """Compiles the network while it is trained and tested; what audits look at is the module as it was written.

    Names of weights stay as they are, so checkpoints fit either way. The first steps take longer, since they compile;
    another batch size, as that of an epoch's last batch, compiles once more. With the default backend a C++ compiler
    is needed on CPU.

    Args:
        backend: one of `torch.compiler.list_backends()`, or ``eager``, which only traces.
        mode: ``default``, ``reduce-overhead`` or ``max-autotune``; what torch.compile makes of them.
    """

    def __init__(self, backend: str = "inductor", mode: str | None = None) -> None:
        self.backend = backend
        self.mode = mode

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        _network(pl_module).compile(backend=self.backend, mode=self.mode)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        _network(pl_module)._compiled_call_impl = None


def _network(module: LightningModule) -> nn.Module:
    """The network inside a task; a LightningModule of one's own is compiled itself, as its `forward`."""
    network = getattr(module, "network", None)
    return network if isinstance(network, nn.Module) else module
