"""The language model against torch's cross-entropy on each prefix alone, and against a language of known entropy."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from glasshouse import DataInfo, ModelHandle, UserError
from glasshouse.data.vocabulary import UNKNOWN
from glasshouse_plugins.models.causal_lm import CausalLM
from torch import Tensor
from torch.nn import functional as F

TEXTS = torch.tensor([[3, 1, 4, 0, 0], [5, 0, 0, 0, 0], [2, 6, 5, 3, 4], [0, 0, 0, 0, 0]])
TOLD = [[3, 1, 4, 0], [5, 0], [2, 6, 5, 3, 4], [0]]
"""Words and ends that are foretold; the third text fills its length, so that its end is not known."""


def built(**options: Any) -> CausalLM:
    torch.manual_seed(0)
    model = CausalLM(7, [5], **{"width": 8, "heads": 2, "feedforward": 16, **options})
    for parameter in model.parameters():  # far from where it begins, where all words are nearly as likely
        torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


def of_prefixes(model: CausalLM, told: list[int]) -> list[float]:
    """Each token's loss from the words before it, with no other text and nothing behind them in sight."""
    losses = []
    for place, word in enumerate(told):
        logits = F.linear(model._states(torch.tensor([told[:place]], dtype=torch.long))[0, -1], model.embed.weight)
        losses.append(F.cross_entropy(logits, torch.tensor(word)).item())
    return losses


def test_each_word_is_foretold_from_those_before_it_alone() -> None:
    model = built()
    found = model.token_losses(TEXTS)
    assert found.shape == (4, 6)
    scores = model(TEXTS)
    assert scores.shape == (4, 1)
    for row, told in enumerate(TOLD):
        expected = of_prefixes(model, told)
        assert found[row, : len(told)].tolist() == pytest.approx(expected, abs=1e-5)
        assert found[row, len(told) :].isnan().all()
        assert scores[row].item() == pytest.approx(sum(expected) / len(told), abs=1e-5)
        assert model.loss_per_row(TEXTS)[row].item() == pytest.approx(sum(expected) / 6, abs=1e-5)


def test_losses_in_parts_are_those_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = built()
    expected = model(TEXTS)
    monkeypatch.setattr("glasshouse_plugins.models.causal_lm._MAX_LOGITS", 15)
    torch.testing.assert_close(model(TEXTS), expected)


def test_a_model_that_knows_nothing_has_the_perplexity_of_its_vocabulary() -> None:
    model = built()
    torch.nn.init.zeros_(model.embed.weight)
    torch.testing.assert_close(model(TEXTS), torch.full((4, 1), math.log(7)))


def test_padding_and_cutting_change_nothing() -> None:
    model = built()
    torch.testing.assert_close(model(TEXTS[:2, :3]), model(TEXTS[:2]))
    with pytest.raises(UserError, match="received texts of 6 tokens; expected at most 5"):
        model(torch.ones(1, 6, dtype=torch.long))


def language(count: int) -> Tensor:
    """Texts that begin with 2, 3 or 4 alike and count on to 6: only the first word is a surprise."""
    begins = torch.arange(count) % 3 + 2
    places = torch.arange(6)
    words = begins[:, None] + places
    return torch.where(words <= 6, words, 0)


def test_it_learns_a_language_to_its_entropy() -> None:
    """ln 3 nats a text: spread over the 6, 5 or 4 tokens of each.

    A loss that weighs texts alike, whatever their length, learns p proportional to 1 / tokens instead.
    """
    torch.manual_seed(0)
    model = CausalLM(7, [6], width=16, heads=2, layers=1, feedforward=32, dropout=0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    texts = language(30)
    for _ in range(150):
        optimizer.zero_grad()
        model.loss_per_row(texts).mean().backward()
        optimizer.step()
    found = model.eval()(texts[:3])[:, 0].tolist()
    assert found == pytest.approx([math.log(3) / tokens for tokens in (6, 5, 4)], abs=0.01)
    written = model.continue_text(torch.zeros(60, 0, dtype=torch.long), words=6, seed=0)
    valid = {tuple(row) for row in language(3).tolist()}
    assert {tuple(row) for row in written.tolist()} == valid
    prompt = torch.tensor([[3, 4, 0], [5, 0, 0]])
    assert model.continue_text(prompt, words=4, temperature=0, seed=0).tolist() == [
        [3, 4, 5, 6, 0, 0, 0],
        [5, 6, 0, 0, 0, 0, 0],
    ]


def test_what_it_writes_comes_from_the_seed_and_holds_no_unknown_word() -> None:
    model = built()
    nothing = torch.zeros(200, 0, dtype=torch.long)
    first = model.continue_text(nothing, words=4, seed=3)
    assert first.shape == (200, 4)
    assert (first != UNKNOWN).all()
    assert (first == model.continue_text(nothing, words=4, seed=3)).all()
    assert not (first == model.continue_text(nothing, words=4, seed=4)).all()
    ended = (first == 0).cumsum(dim=1) > 0
    assert (first[ended] == 0).all(), "nothing behind the end"
    shares = torch.softmax(F.linear(model._states(nothing[:1])[0, -1], model.embed.weight).double(), dim=0)
    shares[UNKNOWN] = 0
    counts = torch.bincount(first[:, 0], minlength=7) / 200
    # six standard errors of a share over 200 draws are at most 0.213
    torch.testing.assert_close(counts.double(), shares / shares.sum(), atol=0.213, rtol=0)


def test_it_writes_on_beyond_the_length_that_it_was_built_for() -> None:
    model = built()
    model.embed.weight.data[0] = 0.0
    written = model.continue_text(TEXTS[2:3], words=7, temperature=0, seed=0)
    assert written.shape == (1, 12)
    assert written[0, :5].tolist() == TEXTS[2].tolist()
    window = written[0, 1:6] if written[0, 5] else None
    if window is not None:
        logits = F.linear(model._states(window[None])[0, -1], model.embed.weight)
        logits[UNKNOWN] = -torch.inf
        assert written[0, 6] == logits.argmax()


def test_its_handle_says_that_it_is_a_language_model() -> None:
    model = built().train()
    holder = torch.nn.Module()
    holder.network = model
    info = DataInfo(name="toy", modality="text", target=CausalLM.predicts, input_shape=(5,))
    handle = ModelHandle(holder, info)
    assert {"token_losses", "continue_text", "embed"} <= handle.capabilities
    losses = handle.token_losses(TEXTS, batch_size=3)
    torch.testing.assert_close(losses, built().token_losses(TEXTS), equal_nan=True)
    assert model.training
    written = handle.continue_text(TEXTS, words=2, seed=0)
    assert (written == built().continue_text(TEXTS, words=2, seed=0)).all()


def test_wrong_options_are_refused() -> None:
    with pytest.raises(UserError, match=r"input_shape is \[5, 2\]; expected \[length\] of texts"):
        CausalLM(7, [5, 2])
    with pytest.raises(UserError, match="width is 10; expected a multiple of heads, 4"):
        CausalLM(7, [5], width=10)
    with pytest.raises(UserError, match="dropout is -1"):
        CausalLM(7, [5], dropout=-1)
    with pytest.raises(UserError, match=r"temperature is -1; expected 0 or above"):
        built().continue_text(TEXTS, words=1, temperature=-1, seed=0)
