"""Cascading randomisation: weights are re-initialised layer by layer from output to input, and restored afterwards.

Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim, "Sanity Checks for Saliency Maps", NeurIPS 2018, section 3.1: an
explanation that stays the same for random weights does not depend on what the model has learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import nn

T = TypeVar("T")


def layers(module: nn.Module, call: Callable[[], object]) -> list[nn.Module]:
    """Submodules with parameters of their own, in the order from output to input.

    `call` runs the module once; layers that it does not call directly keep their position in the definition.
    """
    own = [m for m in module.modules() if any(True for _ in m.parameters(recurse=False))]
    called: dict[nn.Module, int] = {}

    def note(layer: nn.Module, _inputs: object) -> None:
        called.setdefault(layer, len(called))

    hooks = [layer.register_forward_pre_hook(note) for layer in own]
    try:
        call()
    finally:
        for hook in hooks:
            hook.remove()
    place, last = {}, -1
    for layer in own:
        last = called.get(layer, last)
        place[layer] = last
    return sorted(own, key=lambda layer: place[layer])[::-1]


def stages(count: int, most: int) -> list[int]:
    """Numbers of randomised layers to measure at: one, all `count`, and evenly between; at most `most`."""
    return sorted({int(s) for s in np.rint(np.linspace(1, count, min(count, most)))}) if count else []


@contextmanager
def restored(module: nn.Module) -> Iterator[None]:
    """Restore the module's parameters and buffers on exit, bit by bit, also after an error."""
    import torch

    originals = [(m, dict(m._parameters), dict(m._buffers)) for m in module.modules()]
    own = [tensor for _, parameters, buffers in originals for tensor in (*parameters.values(), *buffers.values())]
    tensors = {tensor: tensor.detach().clone() for tensor in own if tensor is not None}
    try:
        yield
    finally:
        with torch.no_grad():
            for m, parameters, buffers in originals:
                m._parameters.update(parameters)
                m._buffers.update(buffers)
            for tensor, content in tensors.items():
                tensor.copy_(content)


def randomise(layer: nn.Module) -> None:
    """Re-initialise a layer's own weights with its `reset_parameters`, or with normal numbers of the same scale."""
    import torch

    reset = getattr(layer, "reset_parameters", None)
    with torch.no_grad():
        if callable(reset):
            reset()
            return
        for weights in layer.parameters(recurse=False):
            if weights.is_floating_point():
                weights.copy_(torch.randn_like(weights) * weights.square().mean().sqrt())


def cascade(
    module: nn.Module, ordered: list[nn.Module], after: list[int], measure: Callable[[], T], *, seed: int
) -> list[T]:
    """Randomise layers one by one, and `measure` after each number of layers in `after`; then restore all.

    The global random state is restored as well.
    """
    import torch

    found = []
    with restored(module), torch.random.fork_rng():
        torch.manual_seed(seed)
        for number, layer in enumerate(ordered, start=1):
            randomise(layer)
            if number in after:
                # `measure` may draw random numbers, which must not change the next layer's weights
                with torch.random.fork_rng():
                    found.append(measure())
    return found
