"""Digests of objects, to find out whether something has modified them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def state_of(parts: Mapping[str, Any]) -> dict[str, str]:
    """Digests by name; a module has one for each parameter, buffer, mode and list of hooks."""
    found: dict[str, str] = {}
    for name, part in parts.items():
        if isinstance(part, nn.Module):
            found |= {f"{name}'s {what}": state for what, state in _of_module(part).items()}
        else:
            found[name] = _digest(part)
    return found


def disturb(module: nn.Module) -> None:
    """Set training mode, except in one submodule, and gradients: a state that an audit must not modify."""
    module.train()
    next(module.children(), module).eval()
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)


def _of_module(module: nn.Module) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, part in module.named_modules():
        where = f" of '{name}'" if name else ""
        found[f"mode{where}"] = str(part.training)
        found[f"hooks{where}"] = str([len(getattr(part, hooks)) for hooks in _HOOKS])
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        found[f"weights '{name}'"] = _digest(tensor)
        found[f"gradient of '{name}'"] = _digest(tensor.grad)
        found[f"requires_grad of '{name}'"] = str(tensor.requires_grad)
    return found


def _digest(value: Any) -> str:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy() if value.dtype != torch.bfloat16 else value.detach().float().cpu().numpy()
    if isinstance(value, np.ndarray):
        content = np.ascontiguousarray(value)
        return f"{content.shape} {content.dtype} {hashlib.sha256(content.tobytes()).hexdigest()}"
    return repr(value)
