from __future__ import annotations

import pytest
import torch
from glasshouse import UserError
from glasshouse_plugins.models.cnn import CNN
from glasshouse_plugins.models.lenet import LeNet
from glasshouse_plugins.models.text_cnn import TextCNN
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn


@settings(max_examples=20)
@given(
    channels=st.integers(1, 4),
    height=st.integers(12, 40),
    width=st.integers(12, 40),
    outputs=st.integers(1, 4),
    blocks=st.integers(1, 3),
)
def test_image_models_take_pictures_of_any_size(
    channels: int, height: int, width: int, outputs: int, blocks: int
) -> None:
    x = torch.rand(2, channels, height, width)
    assert CNN(x.shape[1:], outputs, [4] * blocks)(x).shape == (2, outputs)
    assert LeNet(x.shape[1:], outputs)(x).shape == (2, outputs)


def test_lenet_has_the_published_sizes() -> None:
    """Section II.B: C1 156 weights, C3 here with all 6 maps (2,416), C5 48,120, F6 10,164; the output is linear."""
    model = LeNet([1, 28, 28], 10)
    counts = [sum(p.numel() for p in m.parameters()) for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert counts == [156, 2416, 48_120, 10_164, 850]


def test_a_cnn_halves_and_averages() -> None:
    model = CNN([1, 28, 28], 10)
    assert model.blocks(torch.rand(1, 1, 28, 28)).shape == (1, 64, 3, 3)
    assert CNN([3, 224, 224], 2, [4, 4]).head[-1].in_features == 4 * 4 * 4


@pytest.mark.parametrize("build", [CNN, LeNet])
def test_image_models_refuse_other_inputs(build: type) -> None:
    with pytest.raises(UserError, match=r"input_shape is \[10\]; expected \[channels, height, width\]"):
        build([10], 2)


def test_image_models_refuse_what_leaves_nothing() -> None:
    with pytest.raises(UserError, match="an image of 4 x 9 cannot be halved 3 times"):
        CNN([1, 4, 9], 2)
    with pytest.raises(UserError, match="channels is \\[\\]"):
        CNN([1, 28, 28], 2, [])
    with pytest.raises(UserError, match="dropout is 1"):
        CNN([1, 28, 28], 2, dropout=1)
    with pytest.raises(UserError, match="images are 8 x 28; expected at least 12 x 12"):
        LeNet([1, 8, 28], 2)


TEXTS = torch.tensor([[3, 1, 4, 0, 0, 0], [5, 0, 0, 0, 0, 0], [2, 6, 5, 3, 1, 4], [0, 0, 0, 0, 0, 0]])


def test_a_text_cnn_gives_finite_logits_for_any_text() -> None:
    torch.manual_seed(0)
    model = TextCNN(7, 3).eval()
    out = model(TEXTS)
    assert out.shape == (4, 3)
    assert out.isfinite().all()
    out.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert isinstance(model.embed, nn.Embedding)
    assert (model.embed.weight.grad[0] == 0).all()  # padding is not learned
    torch.testing.assert_close(model(TEXTS[:1]), out[:1])  # a row does not depend on its batch
    assert model(TEXTS[:, :1]).shape == (4, 3)  # texts shorter than any window


def test_a_text_cnn_by_hand() -> None:
    """One filter over two words: the largest of w1 . v(a) + w2 . v(b) + bias over neighbours, cut off at 0."""
    torch.manual_seed(0)
    model = TextCNN(7, 2, dimensions=3, windows=[2], filters=1).eval()
    (convolve,) = model.convolutions
    weight, bias = convolve.weight[0].T, convolve.bias[0]  # (2 words, 3 dimensions)
    vectors = model.embed(TEXTS[0])
    padded = torch.cat([torch.zeros(1, 3), vectors, torch.zeros(1, 3)])
    answers = torch.stack([(padded[i : i + 2] * weight).sum() + bias for i in range(len(padded) - 1)])
    expected = model.head(answers.relu().max().view(1, 1))
    torch.testing.assert_close(model(TEXTS[:1]), expected)


def test_a_text_cnn_refuses_sizes_of_nothing() -> None:
    with pytest.raises(UserError, match="at least 1"):
        TextCNN(7, 2, dimensions=0)
    with pytest.raises(UserError, match="dropout is 1"):
        TextCNN(7, 2, dropout=1)


def test_a_text_cnn_needs_a_window() -> None:
    with pytest.raises(UserError, match=r"windows \[\]; expected at least 1 each, and at least one window"):
        TextCNN(7, 2, windows=[])
