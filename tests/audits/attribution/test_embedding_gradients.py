"""Integrated gradients on embeddings against closed forms: linear networks, products, masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from glasshouse import NotExplainableError, Question, Target
from glasshouse_audits.explain.methods.embedding_gradients import EmbeddingIntegratedGradients
from torch import nn

REGRESSION = Target(name="t", kind="regression")


class Words(nn.Module):
    """f(sum over words of w . vector), or over the words' mean where it is masked."""

    def __init__(self, after: str = "linear", masked: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(7, 3, padding_idx=0)
        self.layer = nn.Linear(3, 1)
        self.after = after
        self.masked = masked

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        vectors = self.embed(x)
        if self.masked:
            inside = (x != 0).unsqueeze(2)
            total = (vectors * inside).sum(dim=1) / inside.sum(dim=1).clamp_min(1)
        else:
            total = vectors.sum(dim=1)
        out = self.layer(total)
        return out.square() if self.after == "square" else out.sigmoid() if self.after == "sigmoid" else out


NUMBERS = torch.tensor([[1, 2, 3, 0], [4, 4, 0, 0], [5, 6, 1, 2]])


def question(text_evidence, network: nn.Module, **more) -> Question:
    model = text_evidence(network, NUMBERS, np.zeros(3), target=REGRESSION).model
    return Question(model=model, rows=NUMBERS, background=torch.zeros(1, 4, dtype=torch.long), outputs=(0,), **more)


def test_a_linear_network_gives_each_word_its_own_part(text_evidence) -> None:
    network = Words()
    found = EmbeddingIntegratedGradients().explain(question(text_evidence, network))
    expected = (network.embed(NUMBERS) @ network.layer.weight[0]).detach().numpy()
    np.testing.assert_allclose(found.values[:, :, 0], expected, atol=1e-6)
    np.testing.assert_allclose(found.base[:, 0], network.layer.bias.item(), atol=1e-6)


def test_a_square_shares_out_by_the_closed_form(text_evidence) -> None:
    """g(u) = (u + b)^2 along u = t s: word i gets s_i (s + 2 b), where s = sum s_i (its integral by hand)."""
    network = Words("square")
    found = EmbeddingIntegratedGradients().explain(question(text_evidence, network))
    parts = (network.embed(NUMBERS) @ network.layer.weight[0]).detach().numpy()
    expected = parts * (parts.sum(axis=1, keepdims=True) + 2 * network.layer.bias.item())
    np.testing.assert_allclose(found.values[:, :, 0], expected, atol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
def test_they_add_up_also_where_the_text_is_masked(text_evidence, masked) -> None:
    """Captum's own difference would compare with the mask of the reference, which hides every word."""
    network = Words("sigmoid", masked=masked)
    asked = question(text_evidence, network)
    found = EmbeddingIntegratedGradients(error=1e-4).explain(asked)
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, network(NUMBERS).detach().numpy(), atol=1e-5)
    assert np.all(found.values[0, 3] == 0)
    assert found.completeness == "promised"


def test_texts_that_do_not_add_up_take_more_steps(text_evidence) -> None:
    network = Words("sigmoid")
    with torch.no_grad():
        network.layer.weight.mul_(40)
    asked = question(text_evidence, network)
    few, many = (EmbeddingIntegratedGradients(error=1e-6, steps=steps).explain(asked) for steps in (16, 512))
    truth = network(NUMBERS).detach().numpy()
    missed = [np.abs(found.values.sum(axis=1) + found.base - truth).max() for found in (few, many)]
    assert missed[1] < missed[0] / 10
    assert many.evaluations > few.evaluations


def test_small_batches_change_nothing_and_the_layer_is_left_alone(text_evidence) -> None:
    network = Words("sigmoid")
    once = EmbeddingIntegratedGradients().explain(question(text_evidence, network))
    often = EmbeddingIntegratedGradients().explain(question(text_evidence, network, max_batch=16))
    np.testing.assert_allclose(once.values, often.values, atol=1e-6)
    assert not network.embed._forward_hooks


def test_one_vector_a_text_is_not_explained(text_evidence) -> None:
    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.EmbeddingBag(7, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.embed(x)

    with pytest.raises(NotExplainableError, match="one vector per text"):
        EmbeddingIntegratedGradients().explain(question(text_evidence, Bag()))


@pytest.mark.parametrize("name", ["lstm", "text_cnn"])
def test_our_text_models_add_up(text_evidence, name) -> None:
    from glasshouse_plugins.models.lstm import LSTM
    from glasshouse_plugins.models.text_cnn import TextCNN

    torch.manual_seed(0)
    network = LSTM(1, 7, None, 4, 4) if name == "lstm" else TextCNN(7, 1, 4, (2, 3), 4)
    found = EmbeddingIntegratedGradients(error=0.01).explain(question(text_evidence, network.eval()))
    truth = network(NUMBERS).detach().numpy()
    change = truth - found.base
    assert np.abs(found.values.sum(axis=1) - change).max() <= 0.02 * np.ptp(np.append(change, 0))


class Pairs(Words):
    """Looks every word up twice, as a network of two towers does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.embed(x).sum(dim=1) * self.embed(x.flip(1)).sum(dim=1))


def test_an_embedding_that_is_called_twice_is_refused_by_name(text_evidence) -> None:
    with pytest.raises(NotExplainableError, match=r"the layer 'embed' \(Embedding\) is called 2 times in a forward"):
        EmbeddingIntegratedGradients().explain(question(text_evidence, Pairs()))
