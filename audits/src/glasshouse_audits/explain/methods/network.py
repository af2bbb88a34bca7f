"""An explained score as a network of modules, for methods that replace the gradients of modules with their own rules.

Such methods handle modules only, so the step from a network's raw output to a score is a module too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from glasshouse import Question
from glasshouse.evidence import as_columns
from torch import Tensor, nn


class ScoreNetwork(nn.Module):
    """(m, ...) inputs to (m, 1): one explained score, computed by modules only. `evaluations` counts the inputs.

    Args:
        question: the model, target and outputs.
        output: number of the explained output.
        centred: whether softmax takes the raw outputs minus their mean. The score is the same, but the changes of its
            inputs then add up to 0, so that a rule which adds a constant to all multipliers stays complete.
    """

    def __init__(self, question: Question, output: int, *, centred: bool = True) -> None:
        super().__init__()
        self.network = question.model.module
        self.evaluations = 0
        self._target = question.model.info.target
        self._standardized = question.model.output_kind == "standardized"
        self._column = question.outputs[output]
        with torch.no_grad():
            width = as_columns(question.model.outputs(question.rows[:1]), self._target).shape[1]
        logits = question.model.output_kind == "logits" and self._target.kind != "regression"
        self._one_of_two = self._target.kind == "binary" and width == 1
        exclusive = logits and not self._one_of_two and self._target.kind != "multilabel"
        self._centred = exclusive and centred
        self.link = nn.Softmax(dim=1) if exclusive else nn.Sigmoid() if logits else None

    def forward(self, x: Tensor) -> Tensor:
        self.evaluations += len(x)
        raw = as_columns(self.network(x), self._target)
        if self._standardized:
            return raw * self._target.scale + self._target.center
        if self._one_of_two:  # the network outputs the probability (or logit) of the second class
            if self._column == 1:
                return self._linked(raw)
            return self._linked(-raw) if self.link is not None else 1 - raw
        if isinstance(self.link, nn.Softmax):
            raw = raw - raw.mean(dim=1, keepdim=True) if self._centred else raw
            return self._linked(raw)[:, self._column : self._column + 1]
        return self._linked(raw[:, self._column : self._column + 1])

    def _linked(self, raw: Tensor) -> Tensor:
        return raw if self.link is None else self.link(raw)


@contextmanager
def restored_state(network: nn.Module) -> Iterator[None]:
    """Evaluation mode in the block; hooks, attributes, modes and gradients are restored, also after an error."""
    modules = list(network.modules())
    attributes = [dict(vars(m)) for m in modules]
    mappings = [{name: dict(value) for name, value in vars(m).items() if isinstance(value, dict)} for m in modules]
    gradients = [(p, p.grad) for p in network.parameters()]
    network.eval()
    try:
        yield
    finally:
        for module, had, contents in zip(modules, attributes, mappings, strict=True):
            vars(module).clear()
            vars(module).update(had)
            for name, content in contents.items():
                vars(module)[name].clear()
                vars(module)[name].update(content)
        for parameter, gradient in gradients:
            parameter.grad = gradient
