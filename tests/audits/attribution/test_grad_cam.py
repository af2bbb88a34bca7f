"""Grad-CAM against the paper's formula written out, and where it does not apply."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from glasshouse import NotExplainableError, Question, UserError
from glasshouse_audits.explain.methods.grad_cam import GradCam
from torch import nn
from torch.nn import functional as F


class Pictures(nn.Module):
    """Two convolutions, of which the second halves the sides."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.last = nn.Conv2d(4, 5, 3, padding=1, stride=2)
        self.head = nn.Linear(5 * 16, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.last(self.first(x).relu()).flatten(1))


def question(image_evidence, network: nn.Module, n: int = 6, **more) -> Question:
    from glasshouse import Target

    torch.manual_seed(0)
    images = torch.rand(n, 2, 8, 8)
    target = more.pop("target", Target(name="t", kind="multiclass", classes=("a", "b", "c")))
    model = image_evidence(network, images, np.zeros(n, dtype=int), target=target).model
    return Question(model=model, rows=images, background=torch.zeros(1, 2, 8, 8), outputs=(0, 2), **more)


def by_hand(network: Pictures, x: torch.Tensor, output: int) -> torch.Tensor:
    """ReLU(sum_k alpha_k A_k) with alpha_k the mean gradient of the class's logit over map k (section 3.1)."""
    maps = network.last(network.first(x).relu()).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(network.head(maps.flatten(1))[:, output].sum(), maps)
    weighted = (gradient.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1, keepdim=True).relu()
    return F.interpolate(weighted, (8, 8), mode="bilinear")


def test_it_is_the_papers_formula_enlarged(image_evidence) -> None:
    asked = question(image_evidence, Pictures())
    found = GradCam().explain(asked)
    assert found.values.shape == (6, 2, 8, 8, 2)
    assert found.completeness is None
    for k, output in enumerate(asked.outputs):
        expected = by_hand(asked.model.module, asked.rows, output)
        np.testing.assert_allclose(found.values[..., k].sum(axis=1), expected[:, 0].detach(), atol=1e-6)
        assert found.values[..., k].max() > 0


def test_small_batches_change_nothing(image_evidence) -> None:
    network = Pictures()
    once = GradCam().explain(question(image_evidence, network))
    often = GradCam().explain(question(image_evidence, network, max_batch=2))
    np.testing.assert_allclose(once.values, often.values, atol=1e-7)


def test_the_last_convolution_or_the_one_asked_for(image_evidence) -> None:
    asked = question(image_evidence, Pictures())
    default, last, first = (GradCam(layer=layer).explain(asked).values for layer in (None, "last", "first"))
    np.testing.assert_array_equal(default, last)
    assert np.abs(first - last).max() > 0
    with pytest.raises(
        UserError, match=r"explainer 'grad_cam': the model has no layer 'second'\. Its layers: first, last"
    ):
        GradCam(layer="second").explain(asked)


def test_one_logit_stands_for_both_classes(image_evidence) -> None:
    from glasshouse import Target

    target = Target(name="t", kind="binary", classes=("no", "yes"))
    network = Pictures(outputs=1)
    asked = question(image_evidence, network, target=target)
    from dataclasses import replace

    (yes,) = np.moveaxis(GradCam().explain(replace(asked, outputs=(1,))).values, -1, 0)
    np.testing.assert_allclose(yes.sum(axis=1), by_hand(network, asked.rows, 0)[:, 0].detach(), atol=1e-6)
    (no,) = np.moveaxis(GradCam().explain(replace(asked, outputs=(0,))).values, -1, 0)
    assert np.abs(no - yes).max() > 0


def test_a_network_without_convolutions_is_not_explained(image_evidence) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(128, 3))
    with pytest.raises(NotExplainableError, match="no two-dimensional convolution"):
        GradCam().explain(question(image_evidence, network))


class Shared(Pictures):
    """One convolution for two scales: the maps of its first call are lost to captum."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small = F.interpolate(x, scale_factor=0.5)
        maps = self.last(self.first(x).relu()), F.interpolate(self.last(self.first(small).relu()), scale_factor=2)
        return self.head((maps[0] + maps[1]).flatten(1))


@pytest.mark.parametrize("layer", [None, "last", "first"])
def test_a_layer_that_is_called_twice_is_refused_by_name(image_evidence, layer: str | None) -> None:
    asked = question(image_evidence, Shared())
    with pytest.raises(
        NotExplainableError, match=rf"the layer '{layer or 'last'}' \(Conv2d\) is called 2 times in a for"
    ):
        GradCam(layer=layer).explain(asked)


def test_a_layer_that_is_not_called_is_refused_by_name(image_evidence) -> None:
    network = Pictures()
    network.unused = nn.Conv2d(2, 2, 1)
    with pytest.raises(NotExplainableError, match=r"the layer 'unused' \(Conv2d\) is called not at all"):
        GradCam().explain(question(image_evidence, network))
