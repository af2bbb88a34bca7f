"""The explainer to check, with questions about small networks for each declared kind of data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningModule
from torch import nn

from glasshouse.data.kinds import Modality, TargetKind
from glasshouse.evidence.explanations import Explanation, NotExplainableError, Question
from glasshouse.evidence.model_handle import ModelHandle
from glasshouse.evidence.model_outputs import OutputKind
from glasshouse.plugins.loading import one_line
from glasshouse.testing.checks.audits.evidence import tiny_evidence
from glasshouse.testing.kit.outcomes import CheckFailed, NotApplicable
from glasshouse.testing.kit.subjects import Subject

ROWS, BACKGROUND, BUDGET, SEED = 5, 6, 2000, 5
OUTSIDE = 5.0
"""Sampled values may differ from the expected ones by this many standard errors."""


@dataclass(frozen=True, eq=False)
class Case:
    """A question of a declared kind; `fresh()` creates a new one."""

    name: str
    fresh: Callable[[], Question]

    def __str__(self) -> str:
        return self.name


class ExplainerSubject(Subject):
    """An explainer and its questions; `data` replaces them: a function without arguments that returns a question."""

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """One case for each declared modality and kind of target that has the required evidence.

        Raises:
            NotApplicable: if none has.
        """
        if self.data is not None:
            return (Case("the given question", self.data),)
        found = []
        for modality in self.plugin.modalities:
            for target in self.plugin.targets:
                evidence = tiny_evidence(modality, target)
                if all(evidence.has(need) for need in self.plugin.requires):
                    found.append(_tiny(modality, target))
        if not found:
            raise NotApplicable(f"no tiny data have {', '.join(self.plugin.requires)}; set a question as `data`")
        answered = tuple(case for case in found if not self._refuses(case))
        if not answered:
            raise CheckFailed(f"expected an explanation of {found[0]}, received NotExplainableError for all networks")
        return answered

    @property
    def case(self) -> Case:
        """The first case, for checks that need only one."""
        return self.cases[0]

    def linear(self, weights: NDArray[np.float32]) -> Question:
        """A question about the linear regression x w on rows of the tiny table.

        Raises:
            NotApplicable: for an explainer of other data.
        """
        if {"tabular"} - set(self.plugin.modalities) or {"regression"} - set(self.plugin.targets):
            raise NotApplicable("it does not support regressions on tables")
        network = nn.Linear(len(weights), 1, bias=False)
        with torch.no_grad():
            network.weight.copy_(torch.from_numpy(weights))
        return about(tiny_question("tabular", "regression"), network)

    def explain(self, question: Question) -> Explanation:
        """Its explanation.

        Raises:
            CheckFailed: if the result is not an `Explanation`.
        """
        found = self.target(**self.options).explain(question)
        if not isinstance(found, Explanation):
            raise CheckFailed(f"expected explain() to return Explanation, received {type(found).__name__}")
        return found

    def explained(self, case: Case) -> Explanation:
        """Its explanation of a case, computed once for all checks.

        Raises:
            CheckFailed: if it crashes, or refuses a declared kind of data.
        """
        if case.name not in self._known:
            try:
                self._known[case.name] = self.explain(case.fresh())
            except CheckFailed:
                raise
            except Exception as error:
                raise CheckFailed(f"{case}: expected an explanation, received {one_line(error)}") from error
        return self._known[case.name]

    def _refuses(self, case: Case) -> bool:
        """Whether it raises `NotExplainableError` for the network of a case, which is allowed for some networks."""
        try:
            self._known[case.name] = self.explain(case.fresh())
        except NotExplainableError:
            return True
        except Exception:  # reported by a check
            return False
        return False

    @cached_property
    def _known(self) -> dict[str, Explanation]:
        return {}


def tiny_question(modality: Modality, target: TargetKind) -> Question:
    """A question about a few rows of tiny data and a briefly trained network."""
    evidence = tiny_evidence(modality, target)
    assert evidence.model is not None
    assert evidence.inputs is not None
    features = evidence.info.features
    owner = np.repeat(np.arange(len(features)), [len(feature.columns) for feature in features]) if features else None
    return Question(
        model=evidence.model,
        rows=evidence.inputs("test")[:ROWS],
        background=evidence.inputs("train")[:BACKGROUND],
        outputs=(0,) if target == "regression" else (0, 1),
        owner=None if owner is None else owner.astype(np.intp),
        seed=SEED,
        budget=BUDGET,
    )


def about(question: Question, network: nn.Module) -> Question:
    """The same question about another network, with logits for classification and values for regression."""
    info = question.model.info
    kind: OutputKind = "values" if info.target.kind == "regression" else "logits"
    return replace(question, model=ModelHandle(_holder(network), info, name="tiny", output_kind=kind))


def _holder(network: nn.Module) -> LightningModule:
    holder = LightningModule()
    holder.network = network
    return holder


def _tiny(modality: Modality, target: TargetKind) -> Case:
    return Case(f"{modality} data with a {target} target", lambda: tiny_question(modality, target))


def error_of(found: Explanation) -> Any:
    """Standard errors of the values; 0 without sampling."""
    return 0.0 if found.standard_error is None else found.standard_error
