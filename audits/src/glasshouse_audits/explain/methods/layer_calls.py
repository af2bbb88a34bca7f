"""How often a forward pass calls a layer: methods that look at one layer see its last call only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glasshouse import NotExplainableError, Question

if TYPE_CHECKING:
    from torch import nn


def refuse_unless_called_once(question: Question, layer: nn.Module) -> None:
    """Refuse a layer that a forward pass calls several times (shared weights, a loop), or not at all.

    captum keeps the output and the gradient of the last call, without a warning, so the values would be those of a part
    of the layer's work.

    Raises:
        NotExplainableError: naming the layer and the number of its calls.
    """
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    handle = layer.register_forward_hook(count)
    try:
        question.scores(question.rows[:1])
    finally:
        handle.remove()
    if calls == 1:
        return
    names = [name for name, module in question.model.module.named_modules() if module is layer]
    shown = f"'{names[0]}' ({type(layer).__name__})" if names and names[0] else type(layer).__name__
    how = f"{calls} times" if calls else "not at all"
    raise NotExplainableError(f"the layer {shown} is called {how} in a forward pass; the method needs a single call")
