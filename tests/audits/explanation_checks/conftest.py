"""Small networks, questions about them and methods that answer, so that no check's test trains anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from glasshouse import DataInfo, Explanation, Feature, ModelHandle, Question, Target
from glasshouse_audits.explain.explainers import MethodExplanation

REGRESSION = Target(name="price", kind="regression")
# A number, a category of three columns, another number.
WIDTHS = {"age": 1, "job": 3, "debt": 1}
OWNER = np.array([0, 1, 1, 1, 2])


class Linear(torch.nn.Module):
    """x w, with weights that count as learned."""

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(torch.tensor(weights, dtype=torch.float32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weights


def _mixed_rows(n: int, seed: int) -> torch.Tensor:
    """Rows of `WIDTHS`: a normal number, a category in three columns, another number."""
    rng = np.random.default_rng(seed)
    jobs = np.eye(3)[rng.integers(0, 3, n)]
    return torch.as_tensor(np.column_stack([rng.normal(size=n), jobs, rng.normal(size=n)]), dtype=torch.float32)


@pytest.fixture
def linear() -> type[Linear]:
    return Linear


@pytest.fixture
def mixed_rows() -> Callable[[int, int], torch.Tensor]:
    return _mixed_rows


@pytest.fixture
def network() -> torch.nn.Module:
    """Five inputs, two hidden layers, weights that are never trained; curved enough to be no linear model."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        built = torch.nn.Sequential(
            torch.nn.Linear(5, 16), torch.nn.Tanh(), torch.nn.Linear(16, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)
        )
        with torch.no_grad():
            for layer in built[::2]:
                layer.weight.mul_(3)
    return built


@pytest.fixture
def make_question() -> Callable[..., Question]:
    """A question about all outputs of a network on a table."""

    def build(
        network: torch.nn.Module,
        rows: torch.Tensor,
        background: torch.Tensor,
        *,
        widths: Mapping[str, int] | None = None,
        target: Target = REGRESSION,
        **more: Any,
    ) -> Question:
        chosen = WIDTHS if widths is None else widths
        features, start = [], 0
        for name, width in chosen.items():
            kind = "numeric" if width == 1 else "categorical"
            features.append(Feature(name=name, kind=kind, columns=tuple(range(start, start + width))))
            start += width
        info = DataInfo(name="toy", modality="tabular", target=target, input_shape=(start,), features=tuple(features))
        holder = torch.nn.Module()
        holder.network = network
        owner = np.repeat(np.arange(len(chosen)), list(chosen.values()))
        more = {"outputs": tuple(range(target.num_outputs)), "owner": owner} | more
        return Question(model=ModelHandle(holder, info), rows=rows, background=background, **more)

    return build


@pytest.fixture
def answered() -> Callable[..., MethodExplanation]:
    """What a method, a function from question to attributions (n, d, k), answers to a question."""

    def build(name: str, method: Callable[[Question], Any], question: Question, **more: Any) -> MethodExplanation:
        def explain(asked: Question) -> Explanation:
            found = method(asked)
            return found if isinstance(found, Explanation) else Explanation(values=np.asarray(found, dtype=float))

        return MethodExplanation(
            name=name, title=name.capitalize(), explain=explain, explanation=explain(question), **more
        )

    return build


@pytest.fixture
def gradient_times_change() -> Callable[[Question], np.ndarray]:
    """The gradient times the distance from the mean background row: exact for linear models."""

    def explain(question: Question) -> np.ndarray:
        rows = question.rows.clone().requires_grad_()
        change = (rows - question.background.mean(dim=0)).detach()
        scores = question.score(rows)
        columns = [
            (torch.autograd.grad(scores[:, j].sum(), rows, retain_graph=True)[0] * change).detach()
            for j in range(scores.shape[1])
        ]
        return question.by_feature(torch.stack(columns, dim=2).double().numpy())

    return explain
