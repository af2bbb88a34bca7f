"""Recurrent networks and the transformer, on words and on numbers, against torch's own layers."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from glasshouse import UserError
from glasshouse_plugins.models.attention import sinusoidal_positions
from glasshouse_plugins.models.gru import GRU
from glasshouse_plugins.models.lstm import LSTM
from glasshouse_plugins.models.recurrent import RecurrentNetwork, word_type_mask
from glasshouse_plugins.models.rnn import RNN
from glasshouse_plugins.models.transformer import Transformer
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

RECURRENT = [RNN, GRU, LSTM]
TEXTS = torch.tensor([[3, 1, 4, 0, 0, 0], [5, 0, 0, 0, 0, 0], [2, 6, 5, 3, 1, 4], [0, 0, 0, 0, 0, 0]])
LENGTHS = torch.tensor([3, 1, 6, 1])


def built(build: type, **options: Any) -> Any:
    torch.manual_seed(0)
    return build(3, **{"vocab_size": 7, "input_shape": [6], **options})


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("build", [*RECURRENT, Transformer])
def test_any_text_gives_finite_logits_and_gradients(build: type, training: bool) -> None:
    model = built(build).train(training)
    out = model(TEXTS)
    assert out.shape == (4, 3)
    assert out.isfinite().all()
    out.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert isinstance(model.embed, nn.Embedding)
    assert (model.embed.weight.grad[0] == 0).all()  # padding is not learned
    assert model(TEXTS[:0]).shape == (0, 3)


@pytest.mark.parametrize("build", [*RECURRENT, Transformer])
def test_a_row_depends_neither_on_its_batch_nor_on_its_padding(build: type) -> None:
    model = built(build, layers=2).eval()
    out = model(TEXTS)
    for row, length in enumerate(LENGTHS.tolist()):
        torch.testing.assert_close(model(TEXTS[row : row + 1, :length]), out[row : row + 1])


@pytest.mark.parametrize("build", [*RECURRENT, Transformer])
def test_sequences_of_numbers(build: type) -> None:
    model = built(build, vocab_size=None, input_shape=[5, 2])
    x = torch.randn(4, 5, 2, requires_grad=True)
    for training in (True, False):
        out = model.train(training)(x)
        assert out.shape == (4, 3)
        (gradient,) = torch.autograd.grad(out.sum(), x)
        assert (gradient != 0).any(dim=2).any(dim=0).all(), "every step matters"
    torch.testing.assert_close(model(x[:1]), out[:1])
    assert not hasattr(model, "embed") or not isinstance(model.embed, nn.Embedding)


@pytest.mark.parametrize("build", [*RECURRENT, Transformer])
def test_data_that_are_no_sequences_are_refused(build: type) -> None:
    with pytest.raises(
        UserError,
        match=r"input_shape is \[9\]; expected \[length, features\] of numeric",
    ):
        build(2, input_shape=[9])
    with pytest.raises(UserError, match="dropout is 1; expected 0 <= dropout < 1"):
        built(build, dropout=1)
    with pytest.raises(UserError, match="layers is 0; expected at least 1"):
        built(build, layers=0)
    with pytest.raises(UserError, match="vocab_size is 0"):
        built(build, vocab_size=0)


# Recurrent networks


def by_torch(model: RecurrentNetwork, layer: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
    """The states by torch's layer, a row at a time: a mask on fed-back states is one on the columns of its matrix."""
    states = torch.zeros(len(x), x.shape[1], 2 * layer.hidden_size)
    for row, length in enumerate(LENGTHS.tolist()):
        masked = copy.deepcopy(layer)
        with torch.no_grad():
            masked.weight_hh_l0 *= mask[0, row]
            masked.weight_hh_l0_reverse *= mask[1, row]
        states[row, :length] = masked(x[row : row + 1, :length])[0][0]
    return states


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("build", RECURRENT)
def test_steps_are_those_of_torch_with_one_mask_for_all(build: type, share: float) -> None:
    model = built(build, dimensions=3, units=4, recurrent_dropout=share)
    layer = model.layers[0]
    x = torch.randn(4, 6, 3)
    torch.manual_seed(1)
    states = model._stepwise(layer, x, LENGTHS)
    torch.manual_seed(1)
    mask = F.dropout(torch.ones(2, 4, 4), share)
    assert set(mask.unique().tolist()) <= {0.0, 1 / (1 - share)}
    inside = torch.arange(6) < LENGTHS[:, None]
    expected = by_torch(model, layer, x, mask)
    torch.testing.assert_close(states[inside], expected[inside])
    if not share:
        torch.testing.assert_close(model.eval()._recur(layer, x, LENGTHS)[inside], expected[inside])


@pytest.mark.parametrize("build", RECURRENT)
def test_without_dropout_training_computes_what_evaluation_does(build: type) -> None:
    model = built(build, layers=2, dropout=0, recurrent_dropout=0, word_dropout=0)
    expected = model.eval()(TEXTS)
    torch.testing.assert_close(model.train()(TEXTS), expected)
    model.recurrent_dropout = 1e-12  # step by step, with masks of ones
    torch.testing.assert_close(model(TEXTS), expected)


def test_the_largest_state_of_the_words_is_what_counts() -> None:
    model = built(LSTM, dimensions=3, units=4).eval()
    states, _ = model.layers[0](model.embed(TEXTS[:1, :3]))
    torch.testing.assert_close(model(TEXTS[:1]), model.head(states.amax(dim=1)))


def test_inputs_are_silenced_at_every_step_alike() -> None:
    model = built(RNN, dropout=0.5)
    ratio = model._drop_inputs(torch.ones(8, 6, 64))
    assert set(ratio.unique().tolist()) == {0.0, 2.0}
    assert (ratio == ratio[:, :1]).all()
    assert not (ratio[0] == ratio[1]).all(), "each sequence has a mask of its own"


@given(st.lists(st.lists(st.integers(0, 4), min_size=5, max_size=5), min_size=1, max_size=4), st.integers(0, 99))
def test_words_are_silenced_wherever_they_occur(texts: list[list[int]], seed: int) -> None:
    x = torch.tensor(texts)
    torch.manual_seed(seed)
    mask = word_type_mask(x, 0.5).squeeze(2)
    for text, drawn in zip(texts, mask.tolist(), strict=True):
        of_word = dict(zip(text, drawn, strict=True))
        assert drawn == [of_word[word] for word in text]
        assert set(drawn) <= {0.0, 2.0}


def test_words_are_silenced_one_by_one_and_as_often_as_asked() -> None:
    torch.manual_seed(0)
    mask = word_type_mask(torch.arange(400).repeat(100, 1), 0.25)
    # 40,000 draws: six standard errors of a share are 0.013
    assert (mask == 0).float().mean().item() == pytest.approx(0.25, abs=0.013)
    assert mask.mean().item() == pytest.approx(1, abs=0.013 / 0.75)


# The transformer


def encoder(model: Transformer, layers: int) -> nn.TransformerEncoder:
    """torch's own encoder with the weights of ours."""
    block = nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True, norm_first=True)
    theirs = nn.TransformerEncoder(block, layers, norm=nn.LayerNorm(8), enable_nested_tensor=False)
    for mine, other in zip(model.blocks, theirs.layers, strict=True):
        for ours, named in (
            (mine.attend, (other.self_attn.in_proj_weight, other.self_attn.in_proj_bias)),
            (mine.attended, (other.self_attn.out_proj.weight, other.self_attn.out_proj.bias)),
            (mine.feedforward[0], (other.linear1.weight, other.linear1.bias)),
            (mine.feedforward[2], (other.linear2.weight, other.linear2.bias)),
            (mine.before_attention, (other.norm1.weight, other.norm1.bias)),
            (mine.before_feedforward, (other.norm2.weight, other.norm2.bias)),
        ):
            for to, value in zip(named, (ours.weight, ours.bias), strict=True):
                to.data.copy_(value.data)
    theirs.norm.load_state_dict(model.norm.state_dict())
    return theirs


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_transformer_is_torchs(pooling: str) -> None:
    model = built(Transformer, width=8, heads=2, feedforward=16, pooling=pooling).eval()
    vectors, unseen = model.embed(TEXTS) + model.places, TEXTS == 0
    unseen[3, 0] = False
    if pooling == "cls":
        vectors = torch.cat([model.whole.expand(4, 1, -1), vectors], dim=1)
        unseen = F.pad(unseen, (1, 0), value=False)
    out = encoder(model, 2)(vectors, src_key_padding_mask=unseen)
    pooled = [row[0] if pooling == "cls" else row[~hidden].mean(dim=0) for row, hidden in zip(out, unseen, strict=True)]
    torch.testing.assert_close(model(TEXTS), model.head(torch.stack(pooled)), atol=1e-5, rtol=1e-5)


@settings(max_examples=20)
@given(place=st.integers(0, 40), column=st.integers(0, 4), width=st.sampled_from([9, 10]))
def test_sinusoids_by_the_paper(place: int, column: int, width: int) -> None:
    """Vaswani et al. 2017, section 3.5, in double precision."""
    table = sinusoidal_positions(41, width)
    assert table.shape == (41, width)
    angle = place / 10000 ** (2 * column / width)
    assert table[place, 2 * column].item() == pytest.approx(math.sin(angle), abs=2e-5)
    if 2 * column + 1 < width:
        assert table[place, 2 * column + 1].item() == pytest.approx(math.cos(angle), abs=2e-5)


def test_order_matters_to_a_transformer_of_either_kind() -> None:
    for positions in ("learned", "sinusoidal"):
        model = built(Transformer, positions=positions).eval()
        assert not torch.allclose(model(TEXTS[2:3]), model(TEXTS[2:3].flip(1)), atol=1e-6)
        assert ("places" in model.state_dict()) == (positions == "learned")


def test_a_transformer_refuses_what_it_cannot_do() -> None:
    with pytest.raises(UserError, match="width is 10; expected a multiple of heads, 4"):
        built(Transformer, width=10)
    with pytest.raises(UserError, match="positions is 'none'; expected learned or sinusoidal"):
        built(Transformer, positions="none")
    with pytest.raises(UserError, match="pooling is 'max'; expected mean or cls"):
        built(Transformer, pooling="max")
    with pytest.raises(UserError, match="received sequences of length 7; expected at most 6"):
        built(Transformer)(torch.ones(1, 7, dtype=torch.long))
    with pytest.raises(UserError, match="input_shape is missing"):
        Transformer(2, vocab_size=7)
