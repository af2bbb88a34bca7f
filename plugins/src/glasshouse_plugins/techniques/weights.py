"""What the parameters of a network are: weights, biases, norms or embeddings; and which of them a technique spares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, get_args

from glasshouse import UserError
from torch import nn

Kind = Literal["norms", "biases", "embeddings"]
"""What may be spared; all other parameters are weights, which never are."""

_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
_EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)


def kinds(network: nn.Module) -> Iterator[tuple[str, nn.Parameter, str]]:
    """(name, parameter, kind) of every trainable parameter once: ``norms``, ``biases``, ``embeddings`` or ``weights``.

    Norms are told by their module. Embeddings are torch's, and whatever lies below an attribute whose name begins with
    ``embed``. Biases are called ``bias`` or have a name that begins or ends with it, or have a single dimension.
    """
    for path, module in network.named_modules():
        for own, parameter in module.named_parameters(recurse=False):
            name = f"{path}.{own}" if path else own
            if parameter.requires_grad:
                yield name, parameter, _kind(module, path, own, parameter)


def spared(network: nn.Module, spare: Sequence[Kind]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Trainable parameters that are not spared, and those that are; each once, in the network's order."""
    kept: dict[nn.Parameter, None] = {}
    left: dict[nn.Parameter, None] = {}
    for _, parameter, kind in kinds(network):
        if parameter not in kept and parameter not in left:
            (left if kind in spare else kept)[parameter] = None
    return list(kept), list(left)


def require_kinds(who: str, spare: Sequence[Kind]) -> None:
    """Refuse what is no kind of parameter.

    Raises:
        ValueError: for an unknown one.
    """
    unknown = [kind for kind in spare if kind not in get_args(Kind)]
    if isinstance(spare, str) or unknown:
        raise ValueError(f"{who} is {spare!r}; expected a list of {', '.join(get_args(Kind))}")


def trainable_network(module: nn.Module, *, who: str) -> nn.Module:
    """The network within a `glasshouse.training.task.Task`; a LightningModule of one's own is looked at as a whole.

    Raises:
        UserError: where nothing is to be trained.
    """
    network = getattr(module, "network", None)
    found = network if isinstance(network, nn.Module) else module
    if not any(p.requires_grad for p in found.parameters()):
        raise UserError(who, f"model '{type(found).__name__}' has no parameters to train.")
    return found


def _kind(module: nn.Module, path: str, own: str, parameter: nn.Parameter) -> str:
    if isinstance(module, _NORMS):
        return "norms"
    if isinstance(module, _EMBEDDINGS) or any(part.startswith("embed") for part in path.split(".")):
        return "biases" if own == "bias" else "embeddings"
    if own.startswith("bias") or own.endswith("bias") or parameter.ndim < 2:
        return "biases"
    return "weights"
