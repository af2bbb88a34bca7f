"""Parts of a network for which a module-based method (DeepLIFT, LRP) has no rule.

Such methods attach rules to modules, each of which stores its last input. A function called in `forward`, a module
without a rule (LayerNorm) or a module called twice (one ReLU for two layers) breaks them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import torch
from glasshouse import NotExplainableError
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

LINEAR = frozenset(
    ["Linear", "Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "Flatten", "Unflatten"]
    + [
        f"{name}{d}d"
        for name in ("Conv", "ConvTranspose", "BatchNorm", "AvgPool", "AdaptiveAvgPool")
        for d in (1, 2, 3)
    ]
)
"""Modules that are linear in evaluation mode: the gradient is a valid rule."""

# Functions for which the gradient is a valid rule, for any arguments.
_LINEAR_FUNCTIONS = frozenset(
    {"add", "sub", "rsub", "neg", "sum", "mean", "linear", "conv1d", "conv2d", "conv3d", "dropout"}
    | {"cat", "concat", "concatenate", "stack", "split", "chunk", "tensor_split", "unbind", "narrow", "select"}
    | {"view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose", "permute", "movedim", "t"}
    | {"expand", "repeat", "contiguous", "clone", "to", "float", "double", "type", "getitem", "index_select", "gather"}
    | {"detach", "zeros_like", "ones_like", "get"}
)
# Linear if only one factor depends on the input.
_PRODUCTS = frozenset(
    ["mul", "rmul", "multiply", "matmul", "rmatmul", "mm", "bmm", "addmm", "einsum", "div", "divide", "truediv"]
)


def unsupported_layers(network: nn.Module, x: Tensor, rules: Collection[str]) -> tuple[str, ...]:
    """Parts that a method with `rules` for some types of modules does not support, in the order of the module names.

    Args:
        network: called once, and left unchanged.
        x: (m, ...) inputs of the call.
        rules: type names of the non-linear modules that the method has rules for.
    """
    names = {module: name for name, module in network.named_modules()}
    calls: Counter[nn.Module] = Counter()
    watch = _Functions(known=LINEAR | set(rules))

    def enter(module: nn.Module, _: Any) -> None:
        calls[module] += 1
        watch.inside.append(module)

    def leave(module: nn.Module, *_: Any) -> None:
        watch.inside.pop()

    handles = [m.register_forward_pre_hook(enter) for m in names]
    handles += [m.register_forward_hook(leave, always_call=True) for m in names]
    try:
        with torch.enable_grad(), watch:
            # not a leaf, so that everything that depends on the input has a `grad_fn`
            network(x.detach().requires_grad_() * 1)
    finally:
        for handle in handles:
            handle.remove()
    found = []
    for module, name in names.items():
        kind = type(module).__name__
        if kind in rules and calls[module] > 1:
            found.append(f"{name} ({kind}, called {calls[module]} times)")
        elif calls[module] and _is_torch_module(module) and kind not in watch.known and not list(module.children()):
            found.append(f"{name} ({kind})")
    found += [f"{function} in {names[module] or kind_of(module)} (no module)" for module, function in watch.found]
    return tuple(found)


def not_explainable(error: Exception, found: tuple[str, ...]) -> NotExplainableError:
    """The exception for a method that failed: it names the unsupported parts, or the error if there are none."""
    if found:
        return NotExplainableError(f"it has no rule for {', '.join(found)}")
    return NotExplainableError(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")


def kind_of(module: nn.Module) -> str:
    """The name of a module's type."""
    return type(module).__name__


class _Functions(TorchFunctionMode):
    """Records non-linear functions of the input that are called outside modules with a rule."""

    def __init__(self, known: Collection[str]) -> None:
        super().__init__()
        self.known = known
        self.inside: list[nn.Module] = []
        self.found: dict[tuple[nn.Module, str], None] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").strip("_")
        module = self.inside[-1] if self.inside else None
        if module is None or kind_of(module) in self.known or _is_torch_module(module):
            return result
        varying = [a for a in (*args, *(kwargs or {}).values()) if isinstance(a, Tensor) and a.grad_fn is not None]
        if not varying or not isinstance(result, Tensor) or name in _LINEAR_FUNCTIONS:
            return result
        if name not in _PRODUCTS or len(varying) > 1:
            self.found[module, name] = None
        return result


def _is_torch_module(module: nn.Module) -> bool:
    return type(module).__module__.startswith("torch.nn.")
