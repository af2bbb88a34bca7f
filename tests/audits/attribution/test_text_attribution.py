"""The audit of texts on networks whose words are known."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from glasshouse import Target
from glasshouse_audits.explain.attribution.text_audit import TextAttributionAudit
from torch import nn

KIND = Target(name="kind", kind="binary", classes=("ham", "spam"))
VOCABULARY = ["", "unknown", "free", "friend", "the", "rare"]
FREE, FRIEND, THE, RARE = 2, 3, 4, 5


class Bag(nn.Module):
    """logit(spam) = 2 for each "free", -2 for each "friend", 0 for anything else."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(6, 1, padding_idx=0)
        self.head = nn.Linear(1, 1, bias=False)
        with torch.no_grad():
            self.embed.weight.copy_(torch.tensor([[0.0], [0.0], [2.0], [-2.0], [0.0], [0.0]]))
            self.head.weight.fill_(1.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.embed(x).sum(dim=1))


def numbers() -> torch.Tensor:
    """60 texts: a third with "free", a third with "friend", a third with neither; "rare" in three of them."""
    texts = torch.full((60, 6), THE)
    texts[:20, 1] = FREE
    texts[20:40, 2] = FRIEND
    texts[:3, 3] = RARE
    texts[:, 4:] = 0
    return texts


def words(split: str, rows: np.ndarray) -> list[list[str]]:
    return [[VOCABULARY[number] for number in numbers()[row].tolist() if number] for row in rows]


@pytest.fixture
def evidence(text_evidence):
    def build(**more):
        truth = np.repeat([1, 0, 1], 20)
        return text_evidence(Bag(), numbers(), truth, target=KIND, **{"words": words, **more})

    return build


def test_words_get_what_they_do_to_the_probability(evidence, find) -> None:
    """From padding (probability 1/2) one "free" raises it to sigmoid(2), one "friend" lowers it as far."""
    result = TextAttributionAudit(rows=60).measure(evidence())
    table = result.tables[0]
    attributions = {row[0]: (row[1], row[2]) for row in table.rows}
    moved = 1 / (1 + np.exp(-2)) - 0.5
    assert attributions["free"][0] == attributions["friend"][0] == 20
    assert attributions["free"][1] == pytest.approx(moved, abs=0.005)
    assert attributions["friend"][1] == pytest.approx(-moved, abs=0.005)
    assert attributions["the"] == (60, pytest.approx(0, abs=1e-6))
    found = find(result)
    assert found.one("deletion_gain").value > 0
    assert (
        found.one(
            "completeness_error", parameters={"method": "embedding_integrated_gradients", "statistic": "max"}
        ).value
        <= 0.011
    )


def test_words_in_few_texts_are_not_told(evidence) -> None:
    result = TextAttributionAudit(rows=60, checks=False).measure(evidence())
    assert "rare" not in {row[0] for row in result.tables[0].rows}
    assert result.tables[0].count_column == "texts"
    assert "rare" not in json.dumps([dict(figure.data) for figure in result.figures])


def test_texts_are_drawn_only_where_asked_for(evidence) -> None:
    hidden, shown = (
        TextAttributionAudit(rows=60, checks=False).measure(evidence(show_examples=asked)) for asked in (False, True)
    )
    assert "shaded_text" not in {figure.kind for figure in hidden.figures}
    (figure,) = [figure for figure in shown.figures if figure.kind == "shaded_text"]
    texts = figure.data["texts"]
    assert len(texts) == 12
    assert all(len(text["tokens"]) == len(text["weights"]) == 4 for text in texts)
    (ham,) = {text["weights"][text["tokens"].index("friend")] for text in texts if "friend" in text["tokens"]}
    assert ham < 0  # towards spam, though these texts are predicted ham
    (table,) = [table for table in hidden.tables if table.title == "Example rows"]
    assert [text["label"].split(":")[0] for text in texts] == [f"row {index}" for index, _ in table.rows]


def test_data_that_do_not_know_their_words(evidence) -> None:
    result = TextAttributionAudit(rows=60, checks=False).measure(evidence(words=None))
    assert {row[0] for row in result.tables[0].rows} == {"word 2", "word 3", "word 4"}


def test_several_classes_are_explained_each_for_itself(text_evidence) -> None:
    class Three(Bag):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logit = super().forward(x)
            return torch.cat([logit, -logit, torch.full_like(logit, 0.5)], dim=1)

    target = Target(name="t", kind="multiclass", classes=("a", "b", "c"))
    result = TextAttributionAudit(rows=60, checks=False).measure(
        text_evidence(Three(), numbers(), np.zeros(60), target=target, words=words)
    )
    attributions = {row[0]: row[2] for row in result.tables[0].rows}
    assert attributions["free"] > 0.1  # for "a", which it makes the model predict
    assert attributions["friend"] > 0.1  # for "b"
    assert "the predicted class" in result.tables[0].description


def test_a_value_is_explained(text_evidence) -> None:
    target = Target(name="t", kind="regression")
    about = text_evidence(Bag(), numbers(), np.zeros(60), target=target, words=words, show_examples=True)
    found = TextAttributionAudit(rows=60, checks=False).measure(about)
    attributions = {row[0]: row[2] for row in found.tables[0].rows}
    assert attributions["free"] == pytest.approx(2, abs=1e-5)
    assert attributions["friend"] == pytest.approx(-2, abs=1e-5)
    assert {kind for _, kind in found.tables[-1].rows} == {"typical"}
