"""Explainers by short name, our own and third-party ones: found at construction, with checked results."""

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
    """An explainer under its configured name, constructed with its options."""

    name: str
    plugin: ExplainerPlugin
    explainer: Explainer

    @property
    def title(self) -> str:
        """Name in reports."""
        return self.plugin.title or self.name

    def explain(self, question: Question) -> Explanation:
        """Explain the question's rows, and check the shapes and values of the explanation.

        Raises:
            NotExplainableError: if the explainer cannot explain the model, or raises anything but a `UserError`.
            UserError: if the explanation is not what `Explanation` specifies.
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
        UserError: for an unknown explainer, an unknown option, or a value that is no list.
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
        UserError: for an unknown name, or options that the explainer rejects.
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
        raise UserError(f"explainer '{choice.name}'", f"cannot be constructed: {error}.") from error
    assert isinstance(component.plugin, ExplainerPlugin)
    return Method(name=choice.name, plugin=component.plugin, explainer=explainer)


def is_installed(name: str) -> bool:
    """Whether exactly one installed explainer has the name."""
    return len(registry().candidates("explainer", name)) == 1


def unmet_requirement(plugin: ExplainerPlugin, evidence: Evidence) -> str | None:
    """Why an explainer does not fit the evidence; None if it does."""
    if evidence.info.modality not in plugin.modalities:
        return f"supports {', '.join(plugin.modalities)} data, not {evidence.info.modality}"
    if evidence.info.target.kind not in plugin.targets:
        return f"supports {', '.join(plugin.targets)} targets, not {evidence.info.target.kind}"
    missing = [REQUIREMENTS.get(need, need) for need in plugin.requires if not evidence.has(need)]
    return f"needs {'; '.join(missing)}" if missing else None


def _problem(found: Any, question: Question) -> str:
    """What is wrong with the form of an explanation; empty if it is valid."""
    if not isinstance(found, Explanation):
        return f"returned {type(found).__name__}; expected Explanation."
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
            return f"`{name}` contains NaN or infinite numbers."
    if found.completeness is not None and found.base is None:
        return "`completeness` promises values that add up to the score minus `base`, but `base` is missing."
    return ""


@dataclass(frozen=True, kw_only=True, eq=False)
class MethodExplanation:
    """One method's explanation, and the function to explain again."""

    name: str
    """The configured name of the method."""
    title: str
    """Name in reports."""
    explain: Callable[[Question], Explanation]
    """Explains other rows, or with another background, seed or model. Raises `NotExplainableError` or `UserError`."""
    explanation: Explanation
    seconds: float = 0.0
    error: float | None = None
    """The largest relative completeness error of a method that promises completeness."""
    failed: bool = False
    """Whether `error` is too large for the explanation to be used."""


def explain_across_processes(explain: Callable[[Question], Explanation], question: Question) -> Explanation:
    """Call `explain`; in distributed runs each process explains its shard of the rows, and the results are gathered.

    Rows of different processes may share random draws: all start from the same seed, and `design` numbers show it.
    Evaluations are summed over processes; `details` come from rank 0.

    Raises:
        NotExplainableError, UserError: as `explain`; on every process if one of them raises.
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
