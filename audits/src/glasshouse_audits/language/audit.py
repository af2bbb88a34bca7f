"""The `language_model` audit: perplexity overall and by group, and whether generated texts copy training texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from glasshouse import AuditResult, Column, Evidence, Figure, Measurement, Table, UserError, chosen_inputs
from glasshouse.data import UNKNOWN
from glasshouse.statistics import wilson
from numpy.typing import NDArray

from glasshouse_audits.language import likelihood
from glasshouse_audits.language.copying import longest_copied
from glasshouse_audits.option_checks import positive_number, whole_number

if TYPE_CHECKING:
    from torch import Tensor

_NAME = "language_model"
_WHO = "audit 'language_model'"
_COPIED_RUN = 8
"""A run of this many consecutive words counts as copied: it is longer than common phrases."""
_SHOWN = 10


@dataclass(frozen=True, eq=False)
class _Split:
    """Texts of one split: `words` (n, length), the model's `losses` (n, length + 1), and their sums over each text."""

    name: str
    rows: NDArray[np.int64]
    words: NDArray[np.int64]
    losses: NDArray[np.float64]
    sums: likelihood.Sums


class LanguageModelAudit:
    """Perplexity on evaluated and training texts, and by group; generated texts, and what they copy from training.

    Perplexity is compared with that of predicting words by their frequency. Copying is measured by the longest run of
    consecutive words shared with a training text.

    Args:
        rows: most texts of each split to measure; a random sample of more, with the run's seed.
        references: most training texts in which copied words are searched.
        texts: number of texts to generate.
        words: most words in a generated text.
        temperature: divisor of the logits when sampling words; below 1 likely words become more likely.
    """

    def __init__(
        self,
        *,
        rows: int = 5_000,
        references: int = 50_000,
        texts: int = 100,
        words: int = 40,
        temperature: float = 1.0,
    ) -> None:
        self.rows = whole_number(_WHO, "rows", rows, minimum=1)
        self.references = whole_number(_WHO, "references", references, minimum=1)
        self.texts = whole_number(_WHO, "texts", texts, minimum=1)
        self.words = whole_number(_WHO, "words", words, minimum=1)
        self.temperature = positive_number(_WHO, "temperature", temperature)
        self._options = vars(self).copy()

    def measure(self, evidence: Evidence) -> AuditResult:
        """Measure the losses of texts, and generate texts.

        Raises:
            UserError: for losses that are not finite.
        """
        evaluated = self._split(evidence, evidence.evaluate_on)
        train = None
        if evidence.evaluate_on != "train" and evidence.info.rows.get("train"):
            train = self._split(evidence, "train")
        measurements = [
            *_of_split(evaluated),
            *([] if train is None else _of_split(train)),
            *_compared_with_train(evaluated, train, evidence),
            *_by_group(evaluated, evidence),
        ]
        notes = [
            "A token is a word or the end of a text. All words outside the vocabulary count as one word, which is easy "
            "to predict, so perplexities of different vocabularies are not comparable.",
        ]
        tables = []
        if evidence.has("continue_text") and train is not None:
            written = self._written(evidence)
            copied, found = self._copied(evidence, written, evaluated)
            measurements += copied
            tables = [_counts(found, evaluated.name), *_texts(written, found["generated"], evidence)]
            notes.append(
                f"{self.texts} texts were generated without a prompt, at temperature {self.temperature:g}. The "
                f"{evaluated.name} texts, which the model was not trained on, share consecutive words with training "
                "texts too: generated texts copy if they share more."
            )
        return AuditResult(
            name=_NAME,
            family="performance",
            parameters=self._options,
            measurements=measurements,
            tables=tables,
            figures=[_loss_by_position(evaluated, train, evidence.small_group_limit)],
            notes=notes,
        )

    def _split(self, evidence: Evidence, split: str) -> _Split:
        assert evidence.model is not None
        rows = _drawn(evidence, split, self.rows)
        x: Tensor = chosen_inputs(evidence, split, rows)
        losses = evidence.model.token_losses(x).double().numpy()
        if np.isinf(losses).any() or np.isnan(losses).all(axis=1).any():
            raise UserError(
                _WHO,
                f"expected finite losses of words; some texts of the {split} split have none.",
                "Check the training: has its loss diverged?",
            )
        words = x.numpy()
        return _Split(split, rows, words, losses, likelihood.sums(losses, words, unknown=UNKNOWN))

    def _written(self, evidence: Evidence) -> NDArray[np.int64]:
        import torch

        assert evidence.model is not None
        nothing = torch.zeros(self.texts, 0, dtype=torch.long)
        return evidence.model.continue_text(
            nothing, words=self.words, temperature=self.temperature, seed=evidence.seed
        ).numpy()

    def _copied(
        self, evidence: Evidence, written: NDArray[np.int64], evaluated: _Split
    ) -> tuple[list[Measurement], dict[str, NDArray[np.int64]]]:
        training = chosen_inputs(evidence, "train", _drawn(evidence, "train", self.references)).numpy()
        found = {
            "generated": longest_copied(written, training),
            "held out": longest_copied(evaluated.words[: 10 * self.texts], training),
        }
        predicted = []
        for kind, longest in found.items():
            hits, n = int((longest >= _COPIED_RUN).sum()), len(longest)
            share = wilson(hits, n).item()
            predicted += [
                Measurement(
                    name="copied_text_rate",
                    value=hits / n,
                    low=share.low,
                    high=share.high,
                    level=share.level,
                    interval_method=share.method,
                    n=n,
                    split=evaluated.name,
                    parameters={"of": kind, "words_in_a_row": _COPIED_RUN},
                ),
                Measurement(
                    name="longest_copied_words",
                    value=float(longest.max()),
                    n=n,
                    split=evaluated.name,
                    parameters={"of": kind},
                ),
            ]
        return predicted, found


def _drawn(evidence: Evidence, split: str, most: int) -> NDArray[np.int64]:
    """Positions of at most `most` rows of a split, drawn with the run's seed."""
    known = evidence.predictions.get(split)
    total = evidence.info.rows[split] if known is None else len(known)
    if total <= most:
        return np.arange(total)
    return np.sort(np.random.default_rng(evidence.seed).choice(total, size=most, replace=False))


def _of_split(split: _Split) -> Iterator[Measurement]:
    """Loss per token, perplexity, bits per word and the share of unknown words."""
    sums = split.sums
    per_token = likelihood.ratio_of_sums(sums.nats, sums.tokens)
    for name, estimate in (
        ("nats_per_token", per_token),
        ("perplexity", likelihood.perplexity(per_token)),
        ("bits_per_word", likelihood.ratio_of_sums(sums.nats / np.log(2), sums.words)),
        ("unknown_word_rate", likelihood.ratio_of_sums(sums.unknown, sums.words)),
    ):
        yield Measurement(name=name, split=split.name, **estimate.fields())


def _compared_with_train(evaluated: _Split, train: _Split | None, evidence: Evidence) -> Iterator[Measurement]:
    """The difference in loss between evaluated and training texts, and the perplexity of word frequencies alone."""
    size = evidence.info.sizes.get("vocab_size")
    if train is None:
        yield Measurement(
            name="nats_per_token_gap",
            value=None,
            undefined="there are no training texts besides the evaluated texts",
            n=len(evaluated.words),
            split=evaluated.name,
        )
        return
    gap = likelihood.difference(evaluated.sums, train.sums)
    yield Measurement(name="nats_per_token_gap", split=evaluated.name, **gap.fields())
    if size is not None:
        counts = likelihood.token_counts(train.words, np.isfinite(train.losses), size)
        nats = likelihood.unigram_nats(evaluated.words, np.isfinite(evaluated.losses), counts)
        found = likelihood.ratio_of_sums(np.nansum(nats, axis=1), evaluated.sums.tokens)
        yield Measurement(
            name="baseline_perplexity",
            split=evaluated.name,
            parameters={"prediction": "word frequency", "counted_on": train.name},
            **likelihood.perplexity(found).fields(),
        )


def _by_group(evaluated: _Split, evidence: Evidence) -> Iterator[Measurement]:
    """Perplexity of the texts of each group; undefined for a group without texts."""
    for name, groups in evidence.evaluated.groups.items():
        codes = groups.codes[evaluated.rows]
        for code, level in enumerate(groups.levels):
            sums = evaluated.sums.of(codes == code)
            estimate = likelihood.perplexity(likelihood.ratio_of_sums(sums.nats, sums.tokens))
            yield Measurement(name="perplexity", group={name: level}, split=evaluated.name, **estimate.fields())


def _counts(found: dict[str, NDArray[np.int64]], split: str) -> Table:
    longest = max(int(lengths.max()) for lengths in found.values())
    rows = tuple(
        (run, *(int((lengths >= run).sum()) for lengths in found.values()))
        for run in sorted({*range(1, min(longest, _COPIED_RUN) + 1), longest})
        if run
    )
    return Table(
        title="Runs of words copied from a training text",
        columns=(
            Column(name="at least", unit="consecutive words", format="d"),
            Column(name=f"of {len(found['generated'])} generated texts", format="d"),
            Column(name=f"of {len(found['held out'])} texts of the {split} split", format="d"),
        ),
        rows=rows,
        description="Number of texts that share at least this many consecutive words with a training text. Shorter "
        "texts cannot.",
    )


def _texts(written: NDArray[np.int64], copied: NDArray[np.int64], evidence: Evidence) -> Iterator[Table]:
    """Some generated texts; a text that copies a training text is listed but not shown."""
    if evidence.spelled is None:
        return
    shown = written[:_SHOWN]
    lengths = (shown != 0).sum(axis=1)
    rows: list[tuple[Any, ...]] = []
    for text, run, length in zip(evidence.spelled(shown), copied, lengths, strict=False):
        hidden = not evidence.show_examples and length and run >= min(_COPIED_RUN, length)
        predicted = "(not shown: it copies a training text)" if hidden else " ".join(text) or "(ends at once)"
        rows.append((predicted, int(length), int(run)))
    yield Table(
        title="Generated texts",
        columns=(
            Column(name="text"),
            Column(name="words", format="d"),
            Column(name="consecutive words from training", format="d"),
        ),
        rows=tuple(rows),
        description=f"The first generated texts. A text with {_COPIED_RUN} consecutive words, or all its words, from a "
        "training text is shown only with `show_examples: true`.",
    )


def _loss_by_position(evaluated: _Split, train: _Split | None, least: int) -> Figure:
    series = []
    for split in (evaluated, train):
        if split is not None:
            x, y = likelihood.by_place(split.losses, least=least)
            series.append({"name": split.name, "x": x, "y": y})
    return Figure(
        kind="line",
        title="Loss by position in the text",
        description="Mean loss of the token at each position in nats, over the texts of that length; positions reached "
        f"by fewer than {least} texts are omitted. The loss of a model that uses context falls along a text.",
        data={"series": series, "x_label": "position in the text", "y_label": "loss of a token in nats"},
    )
