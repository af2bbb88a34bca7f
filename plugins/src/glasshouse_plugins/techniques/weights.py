"""Kinds of a network's parameters (weights, biases, norms and embeddings), and penalties on the weights."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

import torch
from glasshouse import UserError
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from glasshouse_plugins.techniques.attribute import require_task

Kind = Literal["norms", "biases", "embeddings"]
"""Kinds that an option can exclude; all other parameters are weights."""

_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
_EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)


class WeightPenalty(Callback):
    """Base of `l1_penalty` and `l2_penalty`. The logged training loss excludes the penalty.

    Args:
        strength: weight of the penalty, at least 0; 0 is none.
        spare: kinds of parameters without penalty: any of ``norms``, ``biases``, ``embeddings``.
    """

    who: str
    """Name in error messages."""

    def __init__(self, strength: float = 1e-4, spare: Sequence[Kind] = ("norms", "biases")) -> None:
        if not strength >= 0:
            raise ValueError(f"strength is {strength}; expected 0 or more")
        require_kinds("spare", spare)
        self.strength = strength
        self.spare = spare
        self._penalty: Any = None

    @abstractmethod
    def norm(self, weight: Tensor) -> Tensor:
        """The penalty of one parameter, a scalar."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the penalty to the task's loss."""
        task = require_task(pl_module, who=self.who)
        weights = parameters_except(task.network, self.spare)
        zero = torch.zeros((), device=task.device)

        def penalty() -> Tensor:
            return self.strength * sum((self.norm(weight) for weight in weights), zero)

        self._penalty = penalty
        task.penalties.append(penalty)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the changes to the task."""
        pl_module.penalties.remove(self._penalty)  # type: ignore[union-attr,operator]


def named_parameter_kinds(network: nn.Module) -> Iterator[tuple[str, nn.Parameter, str]]:
    """(name, parameter, kind) of every trainable parameter; a kind is norms, biases, embeddings or weights.

    Norms are the parameters of normalisation layers. Embeddings are those of torch's embedding layers and of modules
    below an attribute whose name begins with ``embed``. Biases have a name that begins or ends with ``bias``, or a
    single dimension.
    """
    for path, module in network.named_modules():
        for own, parameter in module.named_parameters(recurse=False):
            name = f"{path}.{own}" if path else own
            if parameter.requires_grad:
                yield name, parameter, _kind(module, path, own, parameter)


def parameters_except(network: nn.Module, excluded: Sequence[Kind]) -> list[nn.Parameter]:
    """Trainable parameters of other kinds than `excluded`; a shared parameter once, with the kind of its first name."""
    first_kind: dict[nn.Parameter, str] = {}
    for _, parameter, kind in named_parameter_kinds(network):
        first_kind.setdefault(parameter, kind)
    return [parameter for parameter, kind in first_kind.items() if kind not in excluded]


def require_kinds(who: str, spare: Sequence[Kind]) -> None:
    """Check an option that lists kinds of parameters.

    Raises:
        ValueError: for an unknown kind.
    """
    unknown = [kind for kind in spare if kind not in get_args(Kind)]
    if isinstance(spare, str) or unknown:
        raise ValueError(f"{who} is {spare!r}; expected a list of {', '.join(get_args(Kind))}")


def trainable_network(module: nn.Module, *, who: str) -> nn.Module:
    """The network of a `glasshouse.training.Task`, or the module itself if it is another LightningModule.

    Raises:
        UserError: if there is no trainable parameter.
    """
    network = getattr(module, "network", None)
    trained = network if isinstance(network, nn.Module) else module
    if not any(p.requires_grad for p in trained.parameters()):
        raise UserError(who, f"model '{type(trained).__name__}' has no trainable parameters.")
    return trained


def _kind(module: nn.Module, path: str, own: str, parameter: nn.Parameter) -> str:
    if isinstance(module, _NORMS):
        return "norms"
    if isinstance(module, _EMBEDDINGS) or any(part.startswith("embed") for part in path.split(".")):
        return "biases" if own == "bias" else "embeddings"
    if own.startswith("bias") or own.endswith("bias") or parameter.ndim < 2:
        return "biases"
    return "weights"
