"""The `text_attribution` audit: attributions of predictions to words, and checks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from glasshouse import AuditResult, Column, Evidence, Figure, Table
from glasshouse.statistics import mean
from numpy.typing import NDArray

from glasshouse_audits.explain.attribution.faithfulness import InputParts
from glasshouse_audits.explain.attribution.measurements import completeness, faithfulness, randomised
from glasshouse_audits.explain.attribution.predicted_class import (
    PredictedAttributions,
    explain_with_all,
    predicted_scores,
)
from glasshouse_audits.explain.attribution.sampling import Sample, draw_sample, examples, index_table
from glasshouse_audits.explain.checks.check_result import interval_columns, value_and_interval
from glasshouse_audits.explain.explainers import parse_methods
from glasshouse_audits.option_checks import true_or_false, whole_number

_NAME = "text_attribution"
_WHO = "audit 'text_attribution'"
_METHODS = ("embedding_integrated_gradients",)
# A word is reported if it occurs in at least this many of the explained texts.
_LEAST_TEXTS = 10
_SHOWN = 10


class TextAttributionAudit:
    """Attributions of each text's predicted class, or predicted value, to its words, and how reliable they are.

    The reference is padding (0): words are replaced by it, and integrated gradients start from its vector.

    Args:
        methods: explainers by name (`glasshouse plugins list`), each alone or as a mapping of `name` and its options.
        rows: number of texts of the evaluated split to explain, drawn with the run's seed.
        examples: number of example texts, half of them the most confident errors; `show_examples: true` shows them.
        max_batch: most texts evaluated or differentiated at once; halved when memory runs out.
        checks: whether to check the attributions: deletion and insertion curves, random weights.
    """

    def __init__(
        self,
        *,
        methods: Sequence[Any] = _METHODS,
        rows: int = 200,
        examples: int = 12,
        max_batch: int = 512,
        checks: bool = True,
    ) -> None:
        self.methods = methods
        self.rows = whole_number(_WHO, "rows", rows, minimum=1)
        self.examples = whole_number(_WHO, "examples", examples, minimum=1)
        self.max_batch = whole_number(_WHO, "max_batch", max_batch, minimum=1)
        self.checks = true_or_false(_WHO, "checks", checks)
        self._options = vars(self).copy()
        self._choices = parse_methods(_NAME, self.methods)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Explain a sample of the evaluated split.

        Raises:
            UserError: if outputs are not finite, or no method can explain the model.
        """
        import torch

        found = draw_sample(
            evidence,
            _NAME,
            rows=self.rows,
            errors=self.examples // 2,
            reference=torch.zeros(1, *evidence.info.input_shape),
            max_batch=self.max_batch,
        )
        attributions, notes = explain_with_all(self._choices, evidence, found.question, found.predicted, audit=_NAME)
        words = _words(evidence, found)
        checked = completeness(attributions, found)
        if self.checks:
            checked += faithfulness(attributions, found, _parts(found), part_name="words") + randomised(
                attributions, found
            )
        shown = examples(found, self.examples)
        towards = _towards(evidence)
        tables, figures = [], []
        for one in attributions:
            about = _by_word(one, found, words)
            tables.append(_table(one, about, towards))
            figures += [_figure(one, about, towards)] if about else []
            if evidence.show_examples:
                figures.append(_shaded(one, found, words, shown, towards))
        return AuditResult(
            name=_NAME,
            family="explainability",
            parameters=self._options,
            measurements=checked.measurements,
            tables=[*tables, *checked.tables, index_table(found, shown)],
            figures=[*figures, *checked.figures],
            notes=[
                f"Explained: {found.random_count} of {len(found.predictions)} texts of the {evidence.evaluate_on} "
                f"split, drawn with seed {evidence.seed}, each for its own prediction, against padding only.",
                *notes,
                "There is no accepted threshold for checks of attributions, so they are reported without a verdict.",
            ],
        )


def _words(evidence: Evidence, found: Sample) -> list[list[str]]:
    """The words of every explained text, or their numbers if the data have no vocabulary."""
    if evidence.words is not None:
        return evidence.words(evidence.evaluate_on, found.positions)
    return [[f"word {number}" for number in row if number != 0] for row in found.question.rows.tolist()]


def _parts(found: Sample) -> InputParts:
    """Texts as words, without padding."""
    rows = found.question.rows[found.random_rows]
    return InputParts(
        rows=rows,
        reference=found.question.background,
        owner=np.arange(rows.shape[1]),
        present=(rows != 0).numpy(),
        score=predicted_scores(found.question, found.predicted[found.random_rows]),
    )


def _towards(evidence: Evidence) -> str | None:
    """The output that attributions of all texts can refer to: the second of two classes, or the value; else None."""
    target = evidence.info.target
    if target.kind == "binary":
        return target.classes[1]
    return "the predicted value" if target.kind == "regression" else None


def _signed(one: PredictedAttributions, found: Sample) -> NDArray[np.float64]:
    """Attributions (m, length); for a binary target those of the second class, so the first class's change sign."""
    if found.predictions.target.kind != "binary":
        return one.values
    return one.values * np.where(found.predicted == 1, 1.0, -1.0)[:, None]


def _by_word(one: PredictedAttributions, found: Sample, words: list[list[str]]) -> dict[str, list[float]]:
    """Words in at least `_LEAST_TEXTS` texts of the random sample, with the sum over their positions in each text."""
    values = _signed(one, found)
    sums: dict[str, list[float]] = {}
    for row in range(found.random_count):
        of_text: dict[str, float] = {}
        for word, value in zip(words[row], values[row].tolist(), strict=False):
            of_text[word] = of_text.get(word, 0.0) + value
        for word, value in of_text.items():
            sums.setdefault(word, []).append(value)
    often = {word: texts for word, texts in sums.items() if len(texts) >= _LEAST_TEXTS}
    return dict(sorted(often.items(), key=lambda each: (-abs(float(np.mean(each[1]))), each[0])))


def _table(one: PredictedAttributions, about: dict[str, list[float]], towards: str | None) -> Table:
    estimates = {word: mean(texts) for word, texts in about.items()}
    return Table(
        title=f"{one.method.title}: words",
        columns=(Column(name="word"), Column(name="texts", format="d"), *interval_columns("mean attribution")),
        rows=tuple((word, len(about[word]), *value_and_interval(estimate)) for word, estimate in estimates.items()),
        description=f"Mean attribution to {_score(towards)} over the texts that contain the word, largest first; "
        f"words in fewer than {_LEAST_TEXTS} of the explained texts are omitted. Digits are written as 0.",
        count_column="texts",
    )


def _figure(one: PredictedAttributions, about: dict[str, list[float]], towards: str | None) -> Figure:
    estimates = {word: mean(texts) for word, texts in about.items()}
    means = {word: estimate.value or 0.0 for word, estimate in estimates.items()}
    order = sorted(means, key=lambda word: -means[word])
    shown = order if len(order) <= 2 * _SHOWN else [*order[:_SHOWN], *order[-_SHOWN:]]
    drawn = [value_and_interval(estimates[word]) for word in shown]
    return Figure(
        kind="dot_interval",
        title=f"{one.method.title}: most important words",
        description=f"Mean attribution to {_score(towards)} over the explained texts that contain the word, with a "
        f"95 % interval: the {_SHOWN} highest and the {_SHOWN} lowest of words in at least {_LEAST_TEXTS} texts.",
        data={
            "labels": shown,
            "values": [value for value, _, _ in drawn],
            "low": [low for _, low, _ in drawn],
            "high": [high for _, _, high in drawn],
            "n": [len(about[word]) for word in shown],
            "x_label": "mean attribution",
            "y_label": "word",
            "reference": 0.0,
        },
    )


def _shaded(
    one: PredictedAttributions,
    found: Sample,
    words: list[list[str]],
    shown: Sequence[int],
    towards: str | None,
) -> Figure:
    values = _signed(one, found)
    return Figure(
        kind="shaded_text",
        title=f"{one.method.title}: examples",
        description=f"Words with a solid underline raise {_score(towards)}, words with a dashed underline lower it; "
        "darker means a larger attribution.",
        data={
            "texts": [
                {
                    "label": found.label(row),
                    "tokens": words[row],
                    "weights": [round(value, 6) for value in values[row, : len(words[row])].tolist()],
                }
                for row in shown
            ]
        },
    )


def _score(towards: str | None) -> str:
    """The explained score, in words."""
    if towards is None:
        return "the probability of the predicted class"
    return towards if towards == "the predicted value" else f"the probability of {towards}"
