"""An explainer under check: built with its options, and asked about small networks of what it declares."""

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
"""Standard errors within which sampled values agree with what is expected of them."""


@dataclass(frozen=True, eq=False)
class Case:
    """A question that an explainer says it answers; `fresh()` makes it anew."""

    name: str
    fresh: Callable[[], Question]

    def __str__(self) -> str:
        return self.name


class ExplainerSubject(Subject):
    """An explainer with the questions that it is tried on.

    `data` is a question to be tried on in place of the kit's own: a function without arguments that makes it.
    """

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """One for each modality and kind of target that it declares and that has what it requires.

        Raises:
            NotApplicable: where none has.
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
            raise NotApplicable(f"no tiny data have {', '.join(self.plugin.requires)}; give a question as `data`")
        answered = tuple(case for case in found if not self._refuses(case))
        if not answered:
            raise CheckFailed(f"expected an explanation of {found[0]}, received NotExplainableError for all networks")
        return answered

    @property
    def case(self) -> Case:
        """What one trial is enough on."""
        return self.cases[0]

    def linear(self, weights: NDArray[np.float32]) -> Question:
        """Rows of the tiny table, and a regression x w.

        Raises:
            NotApplicable: for an explainer of other data.
        """
        if {"tabular"} - set(self.plugin.modalities) or {"regression"} - set(self.plugin.targets):
            raise NotApplicable("it is not made for regressions on tables")
        network = nn.Linear(len(weights), 1, bias=False)
        with torch.no_grad():
            network.weight.copy_(torch.from_numpy(weights))
        return about(tiny_question("tabular", "regression"), network)

    def explain(self, question: Question) -> Explanation:
        """Its answer.

        Raises:
            CheckFailed: where it is no `Explanation`.
        """
        found = self.target(**self.options).explain(question)
        if not isinstance(found, Explanation):
            raise CheckFailed(f"expected explain() to return Explanation, received {type(found).__name__}")
        return found

    def explained(self, case: Case) -> Explanation:
        """Its answer about a case; asked once for all checks.

        Raises:
            CheckFailed: where it crashes, or refuses what it says it can explain.
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
        """Whether it says that it cannot explain the network of a case, as it may of some."""
        try:
            self._known[case.name] = self.explain(case.fresh())
        except NotExplainableError:
            return True
        except Exception:  # a check says it
            return False
        return False

    @cached_property
    def _known(self) -> dict[str, Explanation]:
        return {}


def tiny_question(modality: Modality, target: TargetKind) -> Question:
    """About a few rows of tiny data and a network that was trained for a moment."""
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
    """The same question about another network, whose output is taken for what a model of its target returns."""
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
    """Standard errors of the values, 0 where nothing is sampled."""
    return 0.0 if found.standard_error is None else found.standard_error
