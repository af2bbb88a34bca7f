"""Explainers by their short names, ours and strangers': found early, asked safely."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from glasshouse import (
    Evidence,
    Explainer,
    ExplainerPlugin,
    Explanation,
    NotExplainableError,
    Question,
    UserError,
    did_you_mean,
)
from glasshouse.config import Choice, parse_choices
from glasshouse.evidence import REQUIREMENTS
from glasshouse.plugins import registry
from glasshouse.system import all_gather_rows, any_rank_failed, broadcast_from_rank0, own_row_shard


@dataclass(frozen=True, kw_only=True, eq=False)
class Method:
    """An explainer under the name by which it was asked for, set up with its options."""

    name: str
    plugin: ExplainerPlugin
    explainer: Explainer

    @property
    def title(self) -> str:
        """How reports call it."""
        return self.plugin.title or self.name

    def explain(self, question: Question) -> Explanation:
        """Ask, and look at the form of the answer.

        Raises:
            NotExplainableError: where the explainer cannot answer, or raises anything but a `UserError`.
            UserError: where the answer is not what `Explanation` promises.
        """
        try:
            found = explain_across_processes(self.explainer.explain, question)
        except (NotExplainableError, UserError):
            raise
        except Exception as error:
            raise NotExplainableError(f"{type(error).__name__}: {error}") from error
        problem = _problem(found, question)
        if problem:
            raise UserError(f"explainer '{self.name}'", problem, "See glasshouse.Explanation.")
        return found


def parse_methods(audit: str, methods: Any) -> list[Choice]:
    """The option `methods` of an audit: a list of names, or of mappings of a name with its options.

    Raises:
        UserError: for an unknown explainer, an option that it does not have, or a list that is none.
    """
    if not isinstance(methods, Sequence) or isinstance(methods, str) or not methods:
        raise UserError(
            f"audit '{audit}'",
            f"methods is {methods!r}; expected auto or a list of explainers.",
            "See `glasshouse plugins list`.",
        )
    choices = parse_choices("methods", methods)
    for choice in choices:
        find_method(choice)
    return choices


def find_method(choice: Choice) -> Method:
    """An explainer by name, with its options.

    Raises:
        UserError: for an unknown name, or options that it refuses.
    """
    component = registry().find("explainer", choice.name)
    cls = registry().load(component)
    accepted = inspect.signature(cls).parameters
    for option in choice.options:
        if option not in accepted:
            raise UserError(f"explainer '{choice.name}'", f"has no option '{option}'.", did_you_mean(option, accepted))
    try:
        explainer: Explainer = cls(**choice.options)
    except (TypeError, ValueError) as error:
        raise UserError(f"explainer '{choice.name}'", f"cannot be set up: {error}.") from error
    assert isinstance(component.plugin, ExplainerPlugin)
    return Method(name=choice.name, plugin=component.plugin, explainer=explainer)


def is_installed(name: str) -> bool:
    """Whether one installed explainer is meant by the name."""
    return len(registry().candidates("explainer", name)) == 1


def unmet_requirement(plugin: ExplainerPlugin, evidence: Evidence) -> str | None:
    """Why an explainer does not fit the evidence, or None where it does."""
    if evidence.info.modality not in plugin.modalities:
        return f"made for {', '.join(plugin.modalities)} data, not {evidence.info.modality}"
    if evidence.info.target.kind not in plugin.targets:
        return f"made for {', '.join(plugin.targets)} targets, not {evidence.info.target.kind}"
    missing = [REQUIREMENTS.get(need, need) for need in plugin.requires if not evidence.has(need)]
    return f"needs {'; '.join(missing)}" if missing else None


def _problem(found: Any, question: Question) -> str:
    """What is wrong with the form of an answer; empty where nothing is."""
    if not isinstance(found, Explanation):
        return f"answered with {type(found).__name__}; expected Explanation."
    n, k = len(question.rows), len(question.outputs)
    inner = tuple(question.rows.shape[1:]) if question.features is None else (question.features,)
    shapes = {"values": (n, *inner, k), "base": (n, k), "standard_error": (n, *inner, k), "design": (n,)}
    for name, expected in shapes.items():
        value = getattr(found, name)
        if value is None and name != "values":
            continue
        if np.shape(value) != expected:
            return f"`{name}` has shape {np.shape(value)}; expected {expected}."
        if not np.isfinite(value).all():
            return f"`{name}` holds NaN or infinite numbers."
    if found.completeness is not None and found.base is None:
        return "its values promise to add up to the score less `base`, which is missing."
    return ""


@dataclass(frozen=True, kw_only=True, eq=False)
class MethodExplanation:
    """What a method answered to an audit's question.

    `explain` asks it anew: other rows, another background, seed or model (see `dataclasses.replace`). It raises
    `NotExplainableError` where the method cannot answer, and `UserError` where the answer has not the form that
    `Explanation` promises. `error` is the largest relative completeness error of a method that promises completeness;
    `failed` whether that was too large for the explanation to be used.
    """

    name: str
    """The short name by which the method was asked for."""
    title: str
    """How reports call it."""
    explain: Callable[[Question], Explanation]
    explanation: Explanation
    seconds: float = 0.0
    error: float | None = None
    failed: bool = False


def explain_across_processes(explain: Callable[[Question], Explanation], question: Question) -> Explanation:
    """What `explain` answers, asked of each process for its part of the rows where they work together.

    Rows of different processes may share draws: they start from the same seed, and `design` numbers say so. Evaluations
    are those of all processes; `details` are the first one's.

    Raises:
        NotExplainableError, UserError: as `explain`; on every process where one of them raises.
    """
    part = own_row_shard(len(question.rows))
    if part is None:
        return explain(question)
    problem: Exception | None = None
    try:
        mine = explain(replace(question, rows=question.rows[part]))
    except (NotExplainableError, UserError) as error:
        problem = error
    if any_rank_failed(problem is not None):
        raise problem or NotExplainableError("another process could not explain its part of the rows")
    return replace(
        mine,
        values=all_gather_rows(mine.values),
        base=None if mine.base is None else all_gather_rows(mine.base),
        standard_error=None if mine.standard_error is None else all_gather_rows(mine.standard_error),
        design=None if mine.design is None else all_gather_rows(mine.design),
        evaluations=int(all_gather_rows(np.array([mine.evaluations])).sum()),
        details=broadcast_from_rank0(mine.details),
    )
