"""The audit of language models on models whose losses are known in closed form."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from glasshouse import DataInfo, Evidence, Groups, ModelHandle, Predictions, Sensitive, Target, UserError
from glasshouse.statistics import Estimate
from glasshouse_audits.language import likelihood
from glasshouse_audits.language.audit import LanguageModelAudit
from glasshouse_audits.language.copying import longest_copied
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

VOCABULARY = 9
SCORE = Target(name="nats_per_token", kind="regression", observed=False)


class Bigram(nn.Module):
    """Foretells a word from the one before it, by a table of logits (8, 8); number 0 begins and ends a text."""

    predicts = SCORE

    def __init__(self, writes: Tensor, seed: int = 0) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(VOCABULARY, VOCABULARY, generator=torch.Generator().manual_seed(seed)))
        self.writes = writes

    def token_losses(self, x: Tensor) -> Tensor:
        before, behind = F.pad(x, (1, 0)), F.pad(x, (0, 1))
        losses = F.cross_entropy(self.table[before].flatten(0, 1), behind.flatten(), reduction="none").view_as(behind)
        return losses.masked_fill((before == 0) & (torch.arange(behind.shape[1]) > 0), torch.nan)

    def forward(self, x: Tensor) -> Tensor:
        return self.token_losses(x).nanmean(dim=1, keepdim=True)

    def continue_text(self, tokens: Tensor, *, words: int, temperature: float, seed: int) -> Tensor:
        return self.writes.repeat(len(tokens), 1)[: len(tokens), :words]


def texts(count: int, seed: int, length: int = 10) -> Tensor:
    rng = np.random.default_rng(seed)
    words = rng.integers(1, VOCABULARY, (count, length))
    words[np.arange(length) >= rng.integers(0, length, count)[:, None]] = 0
    return torch.from_numpy(words)


TRAIN, TEST = texts(300, 1), texts(200, 2)
CODES = np.arange(200) % 2


def spelled(numbers: Any) -> list[list[str]]:
    return [[f"w{number}" for number in row if number] for row in numbers.tolist()]


def evidence(network: nn.Module | None = None, judged: str = "test", **more: Any) -> Evidence:
    holder = nn.Module()
    holder.network = network or Bigram(torch.tensor([[2, 3, 0]]))
    sizes = {"vocab_size": VOCABULARY}
    info = DataInfo(
        name="toy",
        modality="text",
        target=SCORE,
        input_shape=(10,),
        rows={"train": 300, "test": 200},
        sizes=sizes,
        sensitive=(Sensitive(name="kind", levels=("a", "b", "none")),),
    )
    predictions = Predictions(
        split=judged,
        target=SCORE,
        index=np.arange(200),
        scores=np.zeros((200, 1), dtype=np.float32),
        targets=None,
        losses=None,
        groups={"kind": Groups(name="kind", levels=("a", "b", "none"), codes=CODES.astype(np.int32))},
    )
    return Evidence(
        info=info,
        predictions={judged: predictions},
        evaluate_on=judged,
        model=ModelHandle(holder, info),
        inputs={"train": TRAIN, "test": TEST}.__getitem__,
        **{"spelled": spelled, **more},
    )


def by_hand(network: Bigram, rows: Tensor) -> list[list[float]]:
    """Losses of a text's tokens from log-softmax, word by word."""
    logs = torch.log_softmax(network.table.detach().double(), dim=1)
    found = []
    for row in rows.tolist():
        words = [0, *(word for word in row if word), 0]
        found.append([-logs[a, b].item() for a, b in itertools.pairwise(words)])
    return found


def test_perplexity_of_a_bigram_model(find) -> None:
    network = Bigram(torch.tensor([[2, 3, 0]]))
    found = find(LanguageModelAudit().measure(evidence(network)))
    predicted = {"test": by_hand(network, TEST), "train": by_hand(network, TRAIN)}
    means = {}
    for split, losses in predicted.items():
        nats, tokens = sum(map(sum, losses)), sum(map(len, losses))
        means[split] = nats / tokens
        words = tokens - len(losses)  # each text ends once
        plain = {"split": split, "group": {}}
        assert found.one("nats_per_token", **plain).value == pytest.approx(nats / tokens, abs=1e-5)
        assert found.one("perplexity", **plain).value == pytest.approx(math.exp(nats / tokens), rel=1e-5)
        assert found.one("bits_per_word", **plain).value == pytest.approx(nats / words / math.log(2), rel=1e-5)
        assert found.one("perplexity", **plain).n == len(losses)
    assert found.one("nats_per_token_gap").value == pytest.approx(means["test"] - means["train"], abs=1e-5)
    gap = found.one("nats_per_token_gap")
    assert gap.low < 0 < gap.high, "texts are random in both splits"
    for code, level in enumerate(("a", "b")):
        losses = [row for row, own in zip(predicted["test"], CODES, strict=True) if own == code]
        expected = math.exp(sum(map(sum, losses)) / sum(map(len, losses)))
        one = found.one("perplexity", group={"kind": level})
        assert (one.value, one.n) == (pytest.approx(expected, rel=1e-5), 100)
    none = found.one("perplexity", group={"kind": "none"})
    assert (none.value, none.undefined, none.n) == (None, "no texts", 0)


def test_the_baseline_is_the_frequency_of_words(find) -> None:
    """Laplace's rule by hand: (count in the training texts + 1) / (all tokens + vocabulary)."""
    counts = np.ones(VOCABULARY)
    for row in TRAIN.tolist():
        for word in [*(word for word in row if word), 0]:
            counts[word] += 1
    nats = [-math.log(counts[w] / counts.sum()) for row in TEST.tolist() for w in [*(w for w in row if w), 0]]
    found = find(LanguageModelAudit().measure(evidence())).one("baseline_perplexity")
    assert found.value == pytest.approx(math.exp(np.mean(nats)), rel=1e-9)
    assert found.low < found.value < found.high


def test_the_share_of_unknown_words(find) -> None:
    found = find(LanguageModelAudit().measure(evidence())).one("unknown_word_rate", split="test")
    assert found.value == pytest.approx(float((TEST == 1).sum() / (TEST != 0).sum()))


def test_intervals_are_those_of_resampled_texts() -> None:
    """The linearised interval against 4,000 resamples of whole texts, which need no formula; 5 % apart at most."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, 30, 400).astype(float)
    nats = tokens * rng.gamma(4.0, 1.0, 400)
    found = likelihood.ratio_of_sums(nats, tokens)
    rows = rng.integers(0, 400, (4000, 400))
    low, high = np.quantile(nats[rows].sum(axis=1) / tokens[rows].sum(axis=1), [0.025, 0.975])
    assert found.interval is not None
    assert found.interval.high - found.interval.low == pytest.approx(high - low, rel=0.05)
    assert found.interval.low == pytest.approx(low, abs=0.05 * (high - low))


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(1, 9)), min_size=2, max_size=20), st.permutations(range(20)))
def test_a_ratio_of_sums_is_between_its_parts_and_has_no_order(rows: list[tuple[float, int]], order: list[int]) -> None:
    parts, wholes = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    found = likelihood.ratio_of_sums(parts, wholes)
    kept = [place for place in order if place < len(rows)]
    again = likelihood.ratio_of_sums(parts[kept], wholes[kept])
    assert found.value == pytest.approx(again.value)
    assert (parts / wholes).min() - 1e-9 <= found.value <= (parts / wholes).max() + 1e-9
    assert likelihood.perplexity(found).value >= 1


def test_texts_that_are_all_alike_tell_no_interval() -> None:
    found = likelihood.ratio_of_sums(np.zeros(5), np.full(5, 7.0)).fields()
    assert (found["value"], found["low"], found["high"]) == (0.0, None, None)


def test_a_ratio_over_nothing_is_undefined() -> None:
    nothing = np.zeros(0)
    assert likelihood.ratio_of_sums(nothing, nothing).undefined == "no texts"
    assert likelihood.ratio_of_sums(np.zeros(3), np.zeros(3)).undefined == "no words"
    empty = likelihood.Sums(nothing, nothing, nothing, nothing)
    assert likelihood.difference(empty, empty).value is None
    assert likelihood.perplexity(Estimate(None, 0, undefined="no texts")).undefined == "no texts"
    assert likelihood.ratio_of_sums(np.ones(1), np.ones(1)).fields()["low"] is None, "one text has no spread"


@given(
    st.lists(st.lists(st.integers(0, 2), min_size=6, max_size=6), min_size=1, max_size=5),
    st.lists(st.lists(st.integers(0, 2), min_size=5, max_size=5), min_size=1, max_size=5),
)
def test_copied_runs_by_looking_at_all_of_them(texts: list[list[int]], training: list[list[int]]) -> None:
    def runs(row: list[int]) -> set[tuple[int, ...]]:
        places = range(len(row))
        every = {tuple(row[first : last + 1]) for first in places for last in places if last >= first}
        return {run for run in every if 0 not in run}

    known = set().union(*(runs(row) for row in training))
    expected = [max((len(run) for run in runs(row) & known), default=0) for row in texts]
    assert longest_copied(np.array(texts), np.array(training)).tolist() == expected


def test_what_copies_a_training_text_is_counted_and_not_shown(find) -> None:
    copied = TRAIN[(TRAIN != 0).sum(dim=1) == 9][:1]
    result = LanguageModelAudit(texts=30, words=9).measure(evidence(Bigram(copied)))
    found = find(result)
    of = {"of": "generated"}
    assert found.one("copied_text_rate", parameters={**of, "words_in_a_row": 8}).value == 1.0
    assert found.one("longest_copied_words", parameters=of).value == 9
    held_out = found.one("longest_copied_words", parameters={"of": "held out"})
    assert held_out.value == longest_copied(TEST.numpy(), TRAIN.numpy()).max()
    text = " ".join(spelled(copied)[0])
    assert text not in json.dumps([[list(row) for row in table.rows] for table in result.tables])
    assert result.tables[1].rows[0] == ("(not shown: it copies a training text)", 9, 9)
    shown = LanguageModelAudit(texts=3, words=9).measure(evidence(Bigram(copied), show_examples=True))
    assert shown.tables[1].rows[0] == (text, 9, 9)


def test_a_text_that_no_training_text_holds_is_shown() -> None:
    unseen = torch.tensor([[8, 8, 8, 8, 8, 8, 8, 0]])
    result = LanguageModelAudit(texts=3).measure(evidence(Bigram(unseen)))
    (text, words, run) = result.tables[1].rows[0]
    assert (text, words) == ("w8 w8 w8 w8 w8 w8 w8", 7)
    assert run < 7
    ends = LanguageModelAudit(texts=3).measure(evidence(Bigram(torch.zeros(1, 4, dtype=torch.long))))
    assert ends.tables[1].rows[0] == ("(ends at once)", 0, 0)


def test_without_training_texts_nothing_is_compared(find) -> None:
    found = LanguageModelAudit().measure(evidence(judged="train"))
    assert find(found).one("nats_per_token_gap").undefined == "there are no training texts besides the evaluated texts"
    assert not find(found).all("copied_text_rate")
    assert not found.tables


def test_places_that_few_texts_reach_are_left_out() -> None:
    figure = LanguageModelAudit().measure(evidence(small_group_limit=40)).figures[0]
    judged, train = figure.data["series"]
    tokens = np.array([len(row) for row in by_hand(Bigram(TEST), TEST)])
    assert judged["x"] == [place for place in range(1, 11) if (tokens >= place).sum() >= 40]
    assert len(judged["x"]) < 10
    assert train["name"] == "train"


def test_rows_are_drawn_under_the_seed(find) -> None:
    few = [find(LanguageModelAudit(rows=50).measure(evidence(seed=seed))) for seed in (1, 1, 2)]
    values = [found.one("nats_per_token", split="test").value for found in few]
    assert values[0] == values[1] != values[2]
    assert few[0].one("nats_per_token", split="test").n == 50


def test_wrong_options_and_diverged_models_are_refused() -> None:
    with pytest.raises(UserError, match="rows is 0; expected a whole number >= 1"):
        LanguageModelAudit(rows=0)
    with pytest.raises(UserError, match="temperature is 0; expected a number above 0"):
        LanguageModelAudit(temperature=0)
    network = Bigram(TEST)
    network.table.data.fill_(torch.nan)
    with pytest.raises(UserError, match="expected finite losses of words; some texts of the test split have none"):
        LanguageModelAudit().measure(evidence(network))
